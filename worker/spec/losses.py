"""The losses and penalties that a job file can name, their targets, and the metrics that go with them."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from .section import (
    Fraction,
    Id,
    Kind,
    NotNegative,
    Pattern,
    Positive,
    Whole,
    one_of,
    table_of,
)
from .violations import value_error


class Targets(Enum):
    """What a loss compares a sample's outputs with."""

    CLASS = "class ids"
    """One for each sample, or one for each element of a sequence, as the outputs are."""
    LABEL = "labels of samples"
    """One for each sample, whatever the outputs are: what belongs together has the same."""
    SEQUENCE = "sequences of class ids"
    NUMBERS = "numbers"


class LossSpec(Kind):
    """One of the losses in `core.losses`, with its settings."""

    targets: ClassVar[Targets] = Targets.NUMBERS


Power = Annotated[Whole, Field(ge=1, le=2, description="1 or 2")]


def _some_count(weights: tuple[float, ...]) -> tuple[float, ...]:
    if weights and not any(weights):
        raise value_error("expected a weight above 0 for some class: with these nothing counts")
    return weights


ClassWeights = Annotated[
    tuple[NotNegative, ...],
    Field(max_length=100_000, description="a list of numbers, one for each class"),
    AfterValidator(_some_count),
]


class SoftmaxCrossEntropySpec(LossSpec):
    """ignored: samples with this label count for nothing. class_weights: only their ratios matter."""

    kind: ClassVar[str] = "softmax_cross_entropy"
    targets: ClassVar[Targets] = Targets.CLASS
    label_smoothing: Fraction = 0.0
    class_weights: ClassWeights = ()
    ignored: Annotated[Whole, Field(ge=-(2**31), lt=2**31, description="a whole number")] | None = None


class NegativeLogLikelihoodSpec(LossSpec):
    kind: ClassVar[str] = "negative_log_likelihood"
    targets: ClassVar[Targets] = Targets.CLASS
    class_weights: ClassWeights = ()
    ignored: Annotated[Whole, Field(ge=-(2**31), lt=2**31, description="a whole number")] | None = None


class MulticlassHingeSpec(LossSpec):
    kind: ClassVar[str] = "multiclass_hinge"
    targets: ClassVar[Targets] = Targets.CLASS
    margin: Positive = 1.0
    power: Power = 1


class CTCSpec(LossSpec):
    """padding: fills up label sequences that are shorter than the longest."""

    kind: ClassVar[str] = "ctc"
    targets: ClassVar[Targets] = Targets.SEQUENCE
    blank: Id = 0
    padding: Annotated[Whole, Field(ge=-(2**31), lt=2**31, description="a whole number")] = -1


class TripletMarginSpec(LossSpec):
    """Of triplets chosen in each micro-batch: what belongs together has the same label."""

    kind: ClassVar[str] = "triplet_margin"
    targets: ClassVar[Targets] = Targets.LABEL
    margin: Positive = 1.0
    mining: Literal["hard", "semi_hard", "all"] = "semi_hard"


class ContrastiveSpec(LossSpec):
    """Of all pairs in each micro-batch: what belongs together has the same label."""

    kind: ClassVar[str] = "contrastive"
    targets: ClassVar[Targets] = Targets.LABEL
    margin: Positive = 1.0


class CosineSpec(LossSpec):
    """Of all pairs in each micro-batch: what belongs together has the same label."""

    kind: ClassVar[str] = "cosine"
    targets: ClassVar[Targets] = Targets.LABEL
    margin: NotNegative = 0.0


class SquaredErrorSpec(LossSpec):
    kind: ClassVar[str] = "squared_error"


class AbsoluteErrorSpec(LossSpec):
    kind: ClassVar[str] = "absolute_error"


class HuberSpec(LossSpec):
    kind: ClassVar[str] = "huber"
    delta: Positive = 1.0


class BinaryCrossEntropySpec(LossSpec):
    kind: ClassVar[str] = "binary_cross_entropy"
    label_smoothing: Fraction = 0.0
    positive_weight: Positive = 1.0


class HingeSpec(LossSpec):
    kind: ClassVar[str] = "hinge"
    margin: Positive = 1.0
    power: Power = 1


class KLDivergenceSpec(LossSpec):
    kind: ClassVar[str] = "kl_divergence"


LOSSES = table_of(
    SoftmaxCrossEntropySpec, SquaredErrorSpec, AbsoluteErrorSpec, HuberSpec, BinaryCrossEntropySpec,
    NegativeLogLikelihoodSpec, KLDivergenceSpec, HingeSpec, MulticlassHingeSpec, CTCSpec, TripletMarginSpec,
    ContrastiveSpec, CosineSpec,
)  # fmt: skip

Metric = Literal["accuracy", "mean_absolute_error", "mean_squared_error", "top_5_accuracy", "binary_accuracy"]
Measured = Literal["loss", Metric]
"""What is watched on the held-out samples."""
_CLASSIFYING = ("softmax_cross_entropy", "negative_log_likelihood", "multiclass_hinge")
_NUMERIC = ("squared_error", "absolute_error", "huber")
METRIC_LOSSES: dict[str, tuple[str, ...]] = {
    "accuracy": _CLASSIFYING,
    "top_5_accuracy": _CLASSIFYING,
    "mean_absolute_error": _NUMERIC,
    "mean_squared_error": _NUMERIC,
    "binary_accuracy": ("binary_cross_entropy", "hinge"),
}
"""The losses that each metric goes with."""


class PenaltySpec(Kind):
    """A term that is added to the loss. parameters: the names of those that it is of."""

    strength: Positive
    parameters: Pattern = "*weight"


class L1Spec(PenaltySpec):
    kind: ClassVar[str] = "l1"


class L2Spec(PenaltySpec):
    kind: ClassVar[str] = "l2"


class MaxNormSpec(PenaltySpec):
    kind: ClassVar[str] = "max_norm"
    limit: Positive


PENALTIES = table_of(L1Spec, L2Spec, MaxNormSpec)

if TYPE_CHECKING:
    AnyLoss = LossSpec
    AnyPenalty = PenaltySpec
else:
    AnyLoss = one_of("loss", LOSSES, "`softmax_cross_entropy` or `huber: {delta: 0.5}`")
    AnyPenalty = one_of("penalty", PENALTIES, "`l1: {strength: 0.0001}`")
