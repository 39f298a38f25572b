"""Builds the layers of a job file, each for the samples that reach it: sizes follow from the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

from ..core import nn
from ..core.errors import ChainruleError, ShapeError
from ..core.init import INITIALIZERS, unallocated
from .spec import SpecError, Violation
from .spec.layers import (
    PLAIN_ACTIVATIONS,
    AnyLayer,
    LayerSpec,
    ParallelSpec,
    ResidualSpec,
    SequentialSpec,
    SharedSpec,
    WeightedSpec,
)

Shape = tuple[int, ...]
Settings = dict[str, Any]

_LARGEST_OUTPUT = 2**40
"""Values that one sample may have anywhere in a model. What fits the memory is looked at later."""
_LARGEST_TABLE = 2**25
"""Values that a layer may work out when it is made, or looked at: a second, and half a gigabyte."""


@dataclass(frozen=True)
class _Samples:
    """What a kind of layer takes: samples of so many axes, in words, and what else to do with others."""

    axes: range
    words: str
    advice: Callable[[Shape], str]


_VECTORS = _Samples(range(1, 2), "vectors", lambda shape: "put a `flatten` layer before it")
_SEQUENCES = _Samples(
    range(2, 3),
    "sequences, (time, features)",
    lambda shape: f"put `reshape: {{shape: {_sequence(shape)}}}` before it" if shape else "give it samples",
)
_SIGNALS = _Samples(
    range(2, 3), "(channels, length)", lambda shape: _reshaped((1, *shape)) if len(shape) == 1 else _RESHAPE
)
_IMAGES = _Samples(
    range(3, 4),
    "images, (channels, height, width)",
    lambda shape: _reshaped((1, *shape)) if len(shape) == 2 else _RESHAPE,
)
_SPATIAL = _Samples(
    range(2, 9), "(channels, size, ...)", lambda shape: _reshaped((1, *shape)) if shape else _RESHAPE
)
_CHANNELS = _Samples(range(1, 9), "(channels, ...)", lambda shape: _RESHAPE)
_ANY = _Samples(range(9), "samples", lambda shape: _RESHAPE)
_RESHAPE = "put a `reshape` layer before it"


def _reshaped(shape: Shape) -> str:
    return f"put `reshape: {{shape: {list(shape)}}}` before it"


def _sequence(shape: Shape) -> list[int]:
    return [*shape[:1], prod(shape[1:])]


def _conv(layer: type[nn.Conv1d | nn.Conv2d], settings: Settings, shape: Shape) -> nn.Module:
    if settings["padding"] == "same":
        settings["padding"] = _same_padding(settings, layer.axes)
    return layer(shape[0], **settings)


def _same_padding(settings: Settings, axes: int) -> tuple[int, ...]:
    def per_axis(name: str) -> Shape:
        value = settings[name]
        return (value,) * axes if isinstance(value, int) else value

    pairs = zip(per_axis("dilation"), per_axis("kernel"), strict=False)
    reach = [dilation * (kernel - 1) for dilation, kernel in pairs]
    if set(per_axis("stride")) != {1} or any(each % 2 for each in reach):
        raise ChainruleError(
            "padding same: expected stride 1 and kernels of odd size; write the padding as a number instead"
        )
    return tuple(each // 2 for each in reach)


def _layer_norm(settings: Settings, shape: Shape) -> nn.Module:
    axes = settings.pop("axes")
    if axes > len(shape):
        raise ChainruleError(f"expected axes up to the {len(shape)} of a sample, got {axes}")
    return nn.LayerNorm(shape[-axes:], **settings)


def _group_norm(settings: Settings, shape: Shape) -> nn.Module:
    return nn.GroupNorm(settings.pop("groups"), shape[0], **settings)


def _sparse_linear(settings: Settings, shape: Shape) -> nn.Module:
    pairs = shape[0] * settings["units"]
    if pairs > _LARGEST_TABLE:
        raise ChainruleError(f"expected up to {_LARGEST_TABLE:,} pairs of input and unit, got {pairs:,}")
    return nn.SparseLinear(shape[0], **settings)


_ONLY_SHAPE = ("flatten", "reshape", "permute")
_BLOCK_ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU}


def _transformer_block(settings: Settings, shape: Shape) -> nn.Module:
    activation = _BLOCK_ACTIVATIONS[settings.pop("activation")]()
    return nn.TransformerBlock(shape[1], activation=activation, **settings)


def _sized(layer: Callable[..., nn.Module], axis: int, settings: Settings, shape: Shape) -> nn.Module:
    return layer(shape[axis], **settings)


def _plain(layer: Callable[..., nn.Module], settings: Settings, shape: Shape) -> nn.Module:
    return layer(**settings)


def _mel_spectrogram(settings: Settings, shape: Shape) -> nn.Module:
    values = settings["bands"] * (settings["size"] // 2 + 1)
    if values > _LARGEST_TABLE:
        raise ChainruleError(f"expected mel filters of up to {_LARGEST_TABLE:,} values, got {values:,}")
    return nn.MelSpectrogram(**settings)


def _learned_positions(settings: Settings, shape: Shape) -> nn.Module:
    return nn.LearnedPositions(*shape)


def _sinusoidal_positions(settings: Settings, shape: Shape) -> nn.Module:
    if prod(shape) > _LARGEST_TABLE:
        raise ChainruleError(f"expected a table of up to {_LARGEST_TABLE:,} values, got {prod(shape):,}")
    return nn.SinusoidalPositions(*shape)


Builder = Callable[[Settings, Shape], nn.Module]
_BUILDERS: Mapping[str, tuple[_Samples, Builder]] = {
    "linear": (_VECTORS, partial(_sized, nn.Linear, 0)),
    "time_linear": (_SEQUENCES, partial(_sized, nn.TimeLinear, 1)),
    "sparse_linear": (_VECTORS, _sparse_linear),
    "conv1d": (_SIGNALS, partial(_conv, nn.Conv1d)),
    "conv2d": (_IMAGES, partial(_conv, nn.Conv2d)),
    "conv_transpose2d": (_IMAGES, partial(_sized, nn.ConvTranspose2d, 0)),
    "max_pool": (_SPATIAL, partial(_plain, nn.MaxPool)),
    "avg_pool": (_SPATIAL, partial(_plain, nn.AvgPool)),
    "global_avg_pool": (_SPATIAL, partial(_plain, nn.GlobalAvgPool)),
    "global_max_pool": (_SPATIAL, partial(_plain, nn.GlobalMaxPool)),
    "adaptive_avg_pool": (_SPATIAL, partial(_plain, nn.AdaptiveAvgPool)),
    "adaptive_max_pool": (_SPATIAL, partial(_plain, nn.AdaptiveMaxPool)),
    "batch_norm": (_CHANNELS, partial(_sized, nn.BatchNorm, 0)),
    "layer_norm": (_CHANNELS, _layer_norm),
    "rms_norm": (_CHANNELS, partial(_sized, nn.RMSNorm, -1)),
    "group_norm": (_CHANNELS, _group_norm),
    "dropout": (_ANY, partial(_plain, nn.Dropout)),
    "embedding": (_ANY, partial(_plain, nn.Embedding)),
    "learned_positions": (_SEQUENCES, _learned_positions),
    "sinusoidal_positions": (_SEQUENCES, _sinusoidal_positions),
    "rnn": (_SEQUENCES, partial(_sized, nn.RNN, 1)),
    "lstm": (_SEQUENCES, partial(_sized, nn.LSTM, 1)),
    "gru": (_SEQUENCES, partial(_sized, nn.GRU, 1)),
    "multi_head_attention": (_SEQUENCES, partial(_sized, nn.MultiHeadAttention, 1)),
    "transformer_block": (_SEQUENCES, _transformer_block),
    "flatten": (_ANY, partial(_plain, nn.Flatten)),
    "reshape": (_ANY, lambda settings, shape: nn.Reshape(*settings["shape"])),
    "permute": (_ANY, lambda settings, shape: nn.Permute(*settings["axes"])),
    "spectrogram": (_ANY, partial(_plain, nn.Spectrogram)),
    "mel_spectrogram": (_ANY, _mel_spectrogram),
    "leaky_relu": (_ANY, partial(_plain, nn.LeakyReLU)),
    "elu": (_ANY, partial(_plain, nn.ELU)),
    "gelu": (_ANY, partial(_plain, nn.GELU)),
    **{kind: (_ANY, partial(_plain, nn.ACTIVATIONS[kind])) for kind in PLAIN_ACTIVATIONS},
}


@dataclass(frozen=True)
class BuiltLayer:
    """A layer at the top of a model. field: its place in the job file. name: as in errors of `core`.

    values: about how many numbers one sample makes in it, there and back.
    """

    field: str
    name: str
    module: nn.Module
    output_shape: Shape
    values: int


@dataclass(frozen=True, eq=False)
class BuiltModel:
    """A model whose parameters are not allocated, and its layers at the top, as far as they are known.

    batch_norm: the field of the first batch normalization that has but one value of each channel in a sample.
    """

    module: nn.Module
    layers: tuple[BuiltLayer, ...]
    batch_norm: str | None = None

    @property
    def output_shape(self) -> Shape:
        return self.layers[-1].output_shape


def build_layers(layers: Sequence[AnyLayer], feature_shape: Shape) -> BuiltModel:
    """The model for samples of `feature_shape`. Raises SpecError for the first layer that cannot take what
    reaches it."""
    building = _Building()
    with unallocated():
        built = building.layers(layers, feature_shape, "model")
    return BuiltModel(_sequential(layers, built), tuple(built), building.batch_norm)


class _Building:
    """Goes through the layers in order; knows those with a name, which may be used again."""

    def __init__(self) -> None:
        self.batch_norm: str | None = None
        self._values = 0
        self._named: dict[str, nn.Module] = {}
        self._raw = True  # nothing has been computed of what reaches the next layer
        self._reads: dict[bool, str] = {}  # by whether as ids: the first layer that reads the features so

    def layers(self, layers: Sequence[AnyLayer], shape: Shape, path: str) -> list[BuiltLayer]:
        built: list[BuiltLayer] = []
        for position, layer in enumerate(layers):
            field, before = f"{path}[{position}].{layer.kind}", self._values
            module = self._repeated(layer, shape, field)
            inner = _inner_values(module, shape)
            if inner > _LARGEST_OUTPUT:
                message = f"makes {inner:,} values of a sample, expected at most {_LARGEST_OUTPUT:,}"
                raise _misfit(field, message)
            shape = _output_shape(module, shape, field)
            self._values += inner + 3 * prod(shape)  # the output, its gradient, a temporary of its size
            place = getattr(layer, "name", None) or f"layers.{position}"
            made = self._values - before
            built.append(BuiltLayer(field, f"{place}.{layer.kind}", module, shape, made))
        return built

    def _repeated(self, layer: AnyLayer, shape: Shape, field: str) -> nn.Module:
        if isinstance(layer, SharedSpec):
            return self._again(layer, field)
        if layer.repeat is None:
            module = self._one(layer, shape, field)
        else:
            copies = []
            outside = self._named
            for _ in range(layer.repeat):
                self._named = dict(outside)  # each repetition has the names inside it to itself
                copies.append(self._one(layer, shape, field))
                shape = _output_shape(copies[-1], shape, field)
            self._named = outside
            module = nn.Sequential(*copies)
        if layer.name is not None:
            if layer.name in self._named:
                raise _misfit(f"{field}.name", f"'{layer.name}' is the name of another layer: choose another")
            self._named[layer.name] = module
        return module

    def _again(self, layer: SharedSpec, field: str) -> nn.Module:
        module = self._named.get(layer.layer)
        if module is None:
            known = ", ".join(self._named) or "none has a name"
            message = f"expected the name of a layer before this one ({known}), got '{layer.layer}'"
            raise _misfit(f"{field}.layer", message)
        if any(isinstance(part, nn.BatchNorm) for part in module.modules()):
            message = (
                f"'{layer.layer}' has batch normalization, whose running statistics cannot be those of two "
                "places: share a layer without it, such as with layer_norm"
            )
            raise _misfit(f"{field}.layer", message)
        self._read(any(isinstance(part, nn.Embedding) for part in module.modules()), field)
        return module

    def _one(self, layer: LayerSpec, shape: Shape, field: str) -> nn.Module:
        if isinstance(layer, SequentialSpec):
            return self._sequence(layer.layers, shape, f"{field}.layers")
        if isinstance(layer, ResidualSpec):
            ways = {"body": layer.body, "shortcut": layer.shortcut}
            body, shortcut = self._side_by_side(ways, shape, field)
            return nn.Residual(body, shortcut if layer.shortcut else None)
        if isinstance(layer, ParallelSpec):
            ways = {f"branches[{index}]": branch for index, branch in enumerate(layer.branches)}
            return nn.Parallel(*self._side_by_side(ways, shape, field), combine=layer.combine)
        if layer.kind not in _ONLY_SHAPE:
            self._read(layer.kind == "embedding", field)
        if layer.kind == "batch_norm" and prod(shape[1:]) == 1:
            self.batch_norm = self.batch_norm or field
        samples, build = _BUILDERS[layer.kind]
        if len(shape) not in samples.axes:
            message = (
                f"{_article(layer.kind)} {layer.kind} layer takes {samples.words}, but each sample has shape "
                f"{shape} here: {samples.advice(shape)}"
            )
            raise _misfit(field, message)
        try:
            module = build(layer.settings(), shape)
        except ChainruleError as error:
            raise _misfit(field, str(error)) from error
        if isinstance(layer, WeightedSpec) and layer.initializer is not None:
            options = layer.initializer.settings()
            nn.initialize_with(module, partial(INITIALIZERS[layer.initializer.kind], **options))
        return module

    def _side_by_side(
        self, ways: Mapping[str, Sequence[AnyLayer]], shape: Shape, field: str
    ) -> list[nn.Sequential]:
        """Ways that the same samples take, which are put together behind them."""
        raw, raw_behind, built = self._raw, False, []
        for name, layers in ways.items():
            self._raw = raw
            built.append(self._sequence(layers, shape, f"{field}.{name}"))
            raw_behind |= self._raw
        self._raw = raw_behind
        self._read(False, field)
        return built

    def _read(self, as_ids: bool, field: str) -> None:
        """A layer takes what reaches it as ids, or as numbers to compute with."""
        if as_ids and not self._raw:
            message = "an embedding looks up the ids of the data, here other layers have computed with them"
            raise _misfit(field, f"{message}: put it first")
        if self._raw:
            self._raw = False
            self._reads.setdefault(as_ids, field)
            if len(self._reads) == 2:
                message = f"{self._reads[True]} takes the features as ids, {self._reads[False]} as numbers"
                raise _misfit(field, f"{message}: put an `embedding` before both")

    def _sequence(self, layers: Sequence[AnyLayer], shape: Shape, path: str) -> nn.Sequential:
        return _sequential(layers, self.layers(layers, shape, path))


def _sequential(layers: Sequence[AnyLayer], built: Sequence[BuiltLayer]) -> nn.Sequential:
    names = {
        position: layer.name
        for position, layer in enumerate(layers)
        if not isinstance(layer, SharedSpec) and layer.name is not None
    }
    return nn.Sequential(*(layer.module for layer in built), names=names)


def _inner_values(module: nn.Module, shape: Shape) -> int:
    """About how many numbers a layer makes of a sample besides its output."""
    padding = getattr(module, "padding", 0)
    if padding and not isinstance(module, nn.ConvTranspose2d | nn.Embedding):
        extra = padding if isinstance(padding, Sequence) else [padding] * len(shape[1:])
        return shape[0] * prod(size + 2 * more for size, more in zip(shape[1:], extra, strict=False))
    if isinstance(module, nn.RNN | nn.LSTM | nn.GRU):
        return shape[0] * sum(cell.units * (3 * cell.gates + 4) for cell in module.cells)
    if isinstance(module, nn.MultiHeadAttention):
        return 4 * prod(shape) + 3 * module.heads * shape[0] ** 2
    if isinstance(module, nn.TransformerBlock):
        wide = 3 * shape[0] * module.widen.units
        return 9 * prod(shape) + wide + _inner_values(module.attention, shape)
    if isinstance(module, nn.Sequential):  # repeated layers, whose shapes hardly differ
        return sum(_inner_values(layer, shape) + prod(shape) for layer in module.layers[1:])
    return 0


def _output_shape(module: nn.Module, shape: Shape, field: str) -> Shape:
    try:
        output = module.output_shape(shape)
    except ShapeError as error:
        advice = f". {error.advice}" if error.advice else ""
        what = "padding of " if error.where.endswith("argument padding") else ""
        raise _misfit(field, f"expected {what}{error.expected}, got {error.actual}{advice}") from error
    if prod(output) > _LARGEST_OUTPUT:
        message = f"gives {prod(output):,} values a sample, expected at most {_LARGEST_OUTPUT:,}"
        raise _misfit(field, message)
    return output


def _article(kind: str) -> str:
    return "an" if kind[0] in "aeiou" or kind in ("lstm", "rnn") else "a"


def _misfit(field: str, message: str) -> SpecError:
    return SpecError([Violation(field, message)])
