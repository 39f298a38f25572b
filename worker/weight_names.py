"""What each tensor of a model is called in a file of weights, and how it lies there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..core import Tensor, nn

Take = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Wanted:
    """A tensor of the model (`name`, as in `layers.0.weight`) and the one in the file that it comes from.

    shape: that of the one in the file, from which `take` makes the values.
    """

    name: str
    tensor: Tensor
    source: str
    shape: tuple[int, ...]
    take: Take


def chainrule_names(model: nn.Module, names: Mapping[str, str]) -> Iterator[Wanted]:
    """Every parameter and buffer, a shared one as often as it is used. names: see `import_weights`."""
    return _Names(names).of(model, "", names.get("", ""))


def pytorch_names(model: nn.Module, names: Mapping[str, str]) -> Iterator[Wanted]:
    """The same where the file is the `state_dict` of the PyTorch model that is built alike.

    A Sequential counts without `layers`, the weights of linear and recurrent layers are transposed, query,
    key and value are one matrix, and a TransformerBlock is a TransformerEncoderLayer. Convolutions,
    normalization and embeddings lie as ours do, and the gates of LSTM and GRU have the same order.
    """
    return _PyTorchNames(names).of(model, "", names.get("", ""))


class _Names:
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def of(self, module: nn.Module, ours: str, theirs: str) -> Iterator[Wanted]:
        """What a module at `ours` wants from a file in which it is at `theirs`."""
        for name, tensor in vars(module).items():
            if isinstance(tensor, Tensor):
                yield self._own(module, name, tensor, ours, theirs)
        for place, child in module.children():
            yield from self.of(child, *self._inside(ours, theirs, place, self._renamed(module, place)))

    def _own(self, module: nn.Module, name: str, tensor: Tensor, ours: str, theirs: str) -> Wanted:
        return self._wanted(tensor, *self._inside(ours, theirs, name, name))

    def _wanted(
        self, tensor: Tensor, ours: str, theirs: str, shape: tuple[int, ...] = (), take: Take = np.asarray
    ) -> Wanted:
        return Wanted(ours, tensor, theirs, shape or tensor.shape, take)

    def _renamed(self, module: nn.Module, place: str) -> str:
        return place

    def _inside(self, ours: str, theirs: str, name: str, their_name: str) -> tuple[str, str]:
        """The two names of what is called `name` inside `ours`, as the user says, or else as it follows."""
        inner = _join(ours, name)
        return inner, self._names.get(inner, _join(theirs, their_name))


_RENAMED = {
    (nn.MultiHeadAttention, "output"): "out_proj",
    (nn.TransformerBlock, "attention"): "self_attn",
    (nn.TransformerBlock, "first_norm"): "norm1",
    (nn.TransformerBlock, "widen"): "linear1",
    (nn.TransformerBlock, "narrow"): "linear2",
    (nn.TransformerBlock, "second_norm"): "norm2",
    (nn.BatchNorm, "running_variance"): "running_var",
}
_CELL_NAMES = (
    ("input_weight", "weight_ih"),
    ("state_weight", "weight_hh"),
    ("input_bias", "bias_ih"),
    ("state_bias", "bias_hh"),
)


class _PyTorchNames(_Names):
    def of(self, module: nn.Module, ours: str, theirs: str) -> Iterator[Wanted]:
        if isinstance(module, (nn.RNN, nn.LSTM, nn.GRU)):
            yield from self._recurrent(module, ours, theirs)
        elif isinstance(module, nn.MultiHeadAttention):
            yield from self._attention(module, ours, theirs)
        else:
            yield from super().of(module, ours, theirs)

    def _renamed(self, module: nn.Module, place: str) -> str:
        if isinstance(module, nn.Sequential):
            return place.removeprefix("layers.")
        return _RENAMED.get((type(module), place), place)

    def _own(self, module: nn.Module, name: str, tensor: Tensor, ours: str, theirs: str) -> Wanted:
        place = self._inside(ours, theirs, name, self._renamed(module, name))
        if isinstance(module, nn.SparseLinear) and name == "weight":
            rows, columns = module.rows, module.columns
            shape = (module.units, module.inputs)
            return self._wanted(tensor, *place, shape, lambda whole: whole[columns, rows])
        if isinstance(module, (nn.Linear, nn.TimeLinear)) and name == "weight":
            return self._wanted(tensor, *place, tensor.shape[::-1], np.transpose)
        return self._wanted(tensor, *place)

    def _recurrent(self, module: nn.RNN | nn.LSTM | nn.GRU, ours: str, theirs: str) -> Iterator[Wanted]:
        for index, cell in enumerate(module.cells):
            layer, backward = divmod(index, module.directions)
            end = f"_l{layer}" + ("_reverse" if backward else "")
            for name, their_name in _CELL_NAMES:
                tensor: Tensor = getattr(cell, name)
                place = self._inside(_join(ours, f"cells.{index}"), theirs, name, their_name + end)
                yield self._wanted(tensor, *place, tensor.shape[::-1], np.transpose)

    def _attention(self, module: nn.MultiHeadAttention, ours: str, theirs: str) -> Iterator[Wanted]:
        units = module.units
        for index, name in enumerate(("query", "key", "value")):
            part: nn.TimeLinear = getattr(module, name)
            inner, named = self._inside(ours, theirs, name, name)
            if any(known == inner or known.startswith(f"{inner}.") for known in self._names):
                yield from self.of(part, inner, named)  # a matrix of its own, the user says
                continue
            rows = slice(index * units, (index + 1) * units)
            yield from (
                Wanted(f"{inner}.{name}", tensor, _join(theirs, f"in_proj_{name}"), (3 * units, *rest), take)
                for name, tensor, rest, take in (
                    ("weight", part.weight, (units,), _rows_transposed(rows)),
                    ("bias", part.bias, (), _rows(rows)),
                )
            )
        yield from self.of(module.output, *self._inside(ours, theirs, "output", "out_proj"))


def _rows(rows: slice) -> Take:
    return lambda whole: whole[rows]


def _rows_transposed(rows: slice) -> Take:
    return lambda whole: whole[rows].T


def _join(outer: str, inner: str) -> str:
    return f"{outer}.{inner}" if outer and inner else outer or inner


def unused_by_chainrule(name: str) -> bool:
    """Whether a name of PyTorch's is that of something that chainrule has no use for."""
    return name.rpartition(".")[2] == "num_batches_tracked"
