"""The layers that a job file can name. What each computes: the class of that name in `core.nn`.

Sizes that follow from the data are not written; what is left out takes the default of the class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from .initializers import AnyInitializer
from .section import (
    Count,
    Flag,
    Fraction,
    Id,
    Kind,
    Name,
    NotNegative,
    Number,
    Offsets,
    Positive,
    Seed,
    Share,
    Sizes,
    one_of,
    table_of,
    whole_numbers,
)

MOST_LAYERS = 1000
_LAYERS = "a list of at least one layer"


_FOR_ANY = ("name", "repeat", "initializer")


class LayerSpec(Kind):
    """One layer. name: what parameters, errors and `shared` call it. repeat: so many of them in a row, each
    with weights of its own."""

    name: Name | None = None
    repeat: Count | None = None

    @classmethod
    def keys(cls) -> list[str]:
        names = super().keys()
        return sorted(names, key=lambda name: name in _FOR_ANY)  # its own first

    def settings(self) -> dict[str, Any]:
        """What its class is made with."""
        return {name: value for name, value in super().settings().items() if name not in _FOR_ANY}


class WeightedSpec(LayerSpec):
    """A layer with weights. initializer: where its matrices and kernels start, if not as its class says."""

    initializer: AnyInitializer | None = None


Padding = Annotated[int | tuple[int, ...] | Literal["same"], whole_numbers(0, 3, "same")]
"""`same`: as much as keeps the size, at stride 1."""


class LinearSpec(WeightedSpec):
    kind: ClassVar[str] = "linear"
    units: Count
    bias: Flag = True


class TimeLinearSpec(WeightedSpec):
    kind: ClassVar[str] = "time_linear"
    units: Count


class SparseLinearSpec(LayerSpec):
    kind: ClassVar[str] = "sparse_linear"
    units: Count
    density: Share = 0.1
    bias: Flag = True
    seed: Seed = 0


class _ConvolutionSpec(WeightedSpec):
    filters: Count
    kernel: Sizes
    stride: Sizes = 1
    padding: Padding = 0
    dilation: Sizes = 1
    groups: Count = 1
    bias: Flag = True


class Conv1dSpec(_ConvolutionSpec):
    kind: ClassVar[str] = "conv1d"


class Conv2dSpec(_ConvolutionSpec):
    kind: ClassVar[str] = "conv2d"


class ConvTranspose2dSpec(WeightedSpec):
    kind: ClassVar[str] = "conv_transpose2d"
    filters: Count
    kernel: Sizes
    stride: Sizes = 1
    padding: Offsets = 0
    dilation: Sizes = 1
    groups: Count = 1
    bias: Flag = True
    output_padding: Offsets = 0


class MaxPoolSpec(LayerSpec):
    kind: ClassVar[str] = "max_pool"
    kernel: Sizes
    stride: Sizes | None = None
    padding: Offsets = 0


class AvgPoolSpec(MaxPoolSpec):
    kind: ClassVar[str] = "avg_pool"
    count_padding: Flag = True


class GlobalAvgPoolSpec(LayerSpec):
    kind: ClassVar[str] = "global_avg_pool"


class GlobalMaxPoolSpec(LayerSpec):
    kind: ClassVar[str] = "global_max_pool"


class AdaptiveAvgPoolSpec(LayerSpec):
    kind: ClassVar[str] = "adaptive_avg_pool"
    output: Sizes


class AdaptiveMaxPoolSpec(LayerSpec):
    kind: ClassVar[str] = "adaptive_max_pool"
    output: Sizes


class BatchNormSpec(LayerSpec):
    kind: ClassVar[str] = "batch_norm"
    momentum: Share = 0.1
    epsilon: Positive = 1e-5


class LayerNormSpec(LayerSpec):
    """axes: how many of the last ones."""

    kind: ClassVar[str] = "layer_norm"
    axes: Count = 1
    epsilon: Positive = 1e-5


class RMSNormSpec(LayerSpec):
    kind: ClassVar[str] = "rms_norm"
    epsilon: Positive = 1e-5


class GroupNormSpec(LayerSpec):
    kind: ClassVar[str] = "group_norm"
    groups: Count
    epsilon: Positive = 1e-5


class DropoutSpec(LayerSpec):
    kind: ClassVar[str] = "dropout"
    rate: Fraction = 0.5


class EmbeddingSpec(WeightedSpec):
    kind: ClassVar[str] = "embedding"
    rows: Count
    units: Count
    padding: Id | None = None


class LearnedPositionsSpec(WeightedSpec):
    kind: ClassVar[str] = "learned_positions"


class SinusoidalPositionsSpec(LayerSpec):
    kind: ClassVar[str] = "sinusoidal_positions"


class LSTMSpec(WeightedSpec):
    """truncate: backpropagation through time stops every so many elements; the state goes on."""

    kind: ClassVar[str] = "lstm"
    units: Count
    layers: Annotated[Count, Field(le=100, description="a whole number from 1 to 100")] = 1
    bidirectional: Flag = False
    outputs: Literal["all", "last"] = "all"
    truncate: Count | None = None


class GRUSpec(LSTMSpec):
    kind: ClassVar[str] = "gru"


class RNNSpec(LSTMSpec):
    kind: ClassVar[str] = "rnn"
    activation: Literal["tanh", "relu"] = "tanh"


class MultiHeadAttentionSpec(WeightedSpec):
    kind: ClassVar[str] = "multi_head_attention"
    heads: Count
    causal: Flag = False
    dropout: Fraction = 0.0


class TransformerBlockSpec(WeightedSpec):
    kind: ClassVar[str] = "transformer_block"
    heads: Count
    hidden: Count
    causal: Flag = False
    dropout: Fraction = 0.0
    norm_first: Flag = True
    activation: Literal["gelu", "relu", "silu"] = "gelu"


class FlattenSpec(LayerSpec):
    kind: ClassVar[str] = "flatten"


class ReshapeSpec(LayerSpec):
    kind: ClassVar[str] = "reshape"
    shape: Annotated[
        tuple[Count, ...],
        Field(min_length=1, max_length=8, description="a list of sizes, such as [1, 28, 28]"),
    ]


class PermuteSpec(LayerSpec):
    kind: ClassVar[str] = "permute"
    axes: Annotated[
        tuple[Id, ...],
        Field(min_length=1, max_length=8, description="a sample's axes in a new order, such as [1, 0]"),
    ]


class SpectrogramSpec(LayerSpec):
    kind: ClassVar[str] = "spectrogram"
    size: Count
    hop: Count
    log: Flag = False


class MelSpectrogramSpec(LayerSpec):
    kind: ClassVar[str] = "mel_spectrogram"
    bands: Count
    size: Count
    hop: Count
    rate: Positive
    low: NotNegative = 0.0
    high: Positive | None = None
    log: Flag = False


class SequentialSpec(LayerSpec):
    kind: ClassVar[str] = "sequential"
    layers: Layers


class ResidualSpec(LayerSpec):
    """shortcut: the layers around the body; none where x itself is added."""

    kind: ClassVar[str] = "residual"
    body: Layers
    shortcut: tuple[AnyLayer, ...] = Field(default=(), max_length=MOST_LAYERS, description=_LAYERS)


class ParallelSpec(LayerSpec):
    kind: ClassVar[str] = "parallel"
    branches: tuple[Layers, ...] = Field(
        min_length=1, max_length=MOST_LAYERS, description="a list of branches, each a list of layers"
    )
    combine: Literal["concatenate", "sum"] = "concatenate"


class SharedSpec(Kind):
    """The layer that is called `layer`, once more, with the same weights."""

    kind: ClassVar[str] = "shared"
    layer: Name


class LeakyReLUSpec(LayerSpec):
    kind: ClassVar[str] = "leaky_relu"
    slope: Number = 0.01


class ELUSpec(LayerSpec):
    kind: ClassVar[str] = "elu"
    alpha: Number = 1.0


class GELUSpec(LayerSpec):
    kind: ClassVar[str] = "gelu"
    approximate: Flag = False


PLAIN_ACTIVATIONS = (
    "relu", "sigmoid", "tanh", "selu", "silu", "mish", "softplus", "softsign", "log_sigmoid", "relu6",
    "hard_sigmoid", "hard_swish", "softmax", "log_softmax",
)  # fmt: skip
"""Those that have no settings."""


def _plain(kind: str) -> type[LayerSpec]:
    made = type(f"{kind}_spec", (LayerSpec,), {"kind": kind, "__module__": __name__})
    globals()[made.__name__] = made  # where pickle looks for it
    return made


LAYERS = table_of(
    LinearSpec, TimeLinearSpec, SparseLinearSpec,
    Conv1dSpec, Conv2dSpec, ConvTranspose2dSpec,
    MaxPoolSpec, AvgPoolSpec, GlobalAvgPoolSpec, GlobalMaxPoolSpec, AdaptiveAvgPoolSpec, AdaptiveMaxPoolSpec,
    BatchNormSpec, LayerNormSpec, RMSNormSpec, GroupNormSpec, DropoutSpec,
    EmbeddingSpec, LearnedPositionsSpec, SinusoidalPositionsSpec,
    RNNSpec, LSTMSpec, GRUSpec, MultiHeadAttentionSpec, TransformerBlockSpec,
    FlattenSpec, ReshapeSpec, PermuteSpec, SpectrogramSpec, MelSpectrogramSpec,
    SequentialSpec, ResidualSpec, ParallelSpec, SharedSpec,
    *map(_plain, PLAIN_ACTIVATIONS), LeakyReLUSpec, ELUSpec, GELUSpec,
)  # fmt: skip

if TYPE_CHECKING:
    AnyLayer = LayerSpec | SharedSpec
else:
    AnyLayer = one_of("layer", LAYERS, "`relu` or `linear: {units: 64}`")

Layers = Annotated[tuple[AnyLayer, ...], Field(min_length=1, max_length=MOST_LAYERS, description=_LAYERS)]

for _composed in (SequentialSpec, ResidualSpec, ParallelSpec):
    _composed.model_rebuild()


def layer_count(layers: Sequence[AnyLayer]) -> int:
    """How many layers these come to, with those inside or on top of them and every repetition."""
    return sum(_count(layer) for layer in layers)


def _count(layer: AnyLayer) -> int:
    if isinstance(layer, SharedSpec):
        return 1
    inner: Sequence[Sequence[AnyLayer]] = ()
    if isinstance(layer, LSTMSpec):
        return layer.layers * (layer.repeat or 1)
    if isinstance(layer, SequentialSpec):
        inner = (layer.layers,)
    elif isinstance(layer, ResidualSpec):
        inner = (layer.body, layer.shortcut)
    elif isinstance(layer, ParallelSpec):
        inner = layer.branches
    return (1 + sum(map(layer_count, inner))) * (layer.repeat or 1)
