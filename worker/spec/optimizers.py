"""The optimizers that a job file can name, and what goes with any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from .errors import Violation
from .section import (
    Count,
    Flag,
    Fraction,
    Kind,
    NotNegative,
    Pattern,
    Positive,
    Section,
    one_of,
    table_of,
)
from .violations import fields_error


class OptimizerSpec(Kind):
    """One of the rules in `core.optim`, with its settings."""

    learning_rate: Positive


class SGDSpec(OptimizerSpec):
    kind: ClassVar[str] = "sgd"
    learning_rate: Positive = 0.01
    momentum: Fraction = 0.0
    nesterov: Flag = False
    weight_decay: NotNegative = 0.0

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> SGDSpec:
        if self.nesterov and self.momentum == 0:
            raise fields_error([Violation("nesterov", "needs momentum: set momentum, for example to 0.9")])
        return self


class AdaGradSpec(OptimizerSpec):
    kind: ClassVar[str] = "adagrad"
    learning_rate: Positive = 0.01
    epsilon: Positive = 1e-10
    weight_decay: NotNegative = 0.0


class AdaDeltaSpec(OptimizerSpec):
    kind: ClassVar[str] = "adadelta"
    learning_rate: Positive = 1.0
    rho: Fraction = 0.9
    epsilon: Positive = 1e-6
    weight_decay: NotNegative = 0.0


class RMSPropSpec(OptimizerSpec):
    kind: ClassVar[str] = "rmsprop"
    learning_rate: Positive = 0.01
    alpha: Fraction = 0.99
    epsilon: Positive = 1e-8
    momentum: Fraction = 0.0
    centered: Flag = False
    weight_decay: NotNegative = 0.0


class AdamSpec(OptimizerSpec):
    kind: ClassVar[str] = "adam"
    learning_rate: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 0.0


class AMSGradSpec(AdamSpec):
    kind: ClassVar[str] = "amsgrad"


class AdamWSpec(AdamSpec):
    kind: ClassVar[str] = "adamw"
    weight_decay: NotNegative = 0.01


class NAdamSpec(AdamSpec):
    kind: ClassVar[str] = "nadam"
    learning_rate: Positive = 2e-3
    momentum_decay: NotNegative = 4e-3


class RAdamSpec(AdamSpec):
    kind: ClassVar[str] = "radam"


class LionSpec(OptimizerSpec):
    kind: ClassVar[str] = "lion"
    learning_rate: Positive = 1e-4
    beta1: Fraction = 0.9
    beta2: Fraction = 0.99
    weight_decay: NotNegative = 0.0


class LAMBSpec(AdamSpec):
    kind: ClassVar[str] = "lamb"
    epsilon: Positive = 1e-6
    weight_decay: NotNegative = 0.01


class SophiaSpec(OptimizerSpec):
    """estimator: of the Hessian's diagonal, every `interval` steps."""

    kind: ClassVar[str] = "sophia"
    learning_rate: Positive = 1e-4
    beta1: Fraction = 0.96
    beta2: Fraction = 0.99
    gamma: Positive = 0.05
    epsilon: Positive = 1e-12
    weight_decay: NotNegative = 0.1
    interval: Count = 10
    estimator: Literal["gauss_newton_bartlett", "hutchinson"] = "gauss_newton_bartlett"


class MuonSpec(OptimizerSpec):
    """Of matrices and kernels. What is neither (biases, scales), and embeddings, follow AdamW at
    `adamw_learning_rate`, as Muon's author does."""

    kind: ClassVar[str] = "muon"
    learning_rate: Positive = 1e-3
    momentum: Fraction = 0.95
    nesterov: Flag = True
    weight_decay: NotNegative = 0.1
    iterations: Annotated[Count, Field(le=50, description="a whole number from 1 to 50")] = 5
    adamw_learning_rate: Positive = 1e-3


OPTIMIZERS = table_of(
    SGDSpec, AdamSpec, AdamWSpec, AMSGradSpec, NAdamSpec, RAdamSpec, AdaGradSpec, AdaDeltaSpec, RMSPropSpec,
    LionSpec, LAMBSpec, SophiaSpec, MuonSpec,
)  # fmt: skip


class ParameterGroupSpec(Section):
    """The parameters whose names match `parameters`, and how they differ from the rest."""

    parameters: Pattern
    learning_rate: Positive | None = None
    weight_decay: NotNegative | None = None
    frozen: Flag = False


class AverageSpec(Section):
    """A moving average of the weights: what is evaluated and saved."""

    decay: Fraction = 0.999
    warm_up: Flag = False


class LossScaleSpec(Section):
    """Dynamic scaling of the loss, against what underflows in float16."""

    initial: Annotated[Positive, Field(le=2**31, description="a number above 0, up to 2**31")] = 65536.0
    interval: Count = 2000


if TYPE_CHECKING:
    AnyOptimizer = OptimizerSpec
else:
    AnyOptimizer = one_of("optimizer", OPTIMIZERS, "`adam` or `adam: {learning_rate: 0.001}`")
