"""NumPy's own inner loops and those of `elementwise.c`, and chains of them as one call of its kernel.

So a chain passes memory once, with the very bits of one operation at a time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Container, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Generic, TypeVar

import numpy as np

from . import inner_loop, library

_BLOCK = 1024
_EXACT = {
    np.add, np.subtract, np.multiply, np.divide, np.negative, np.positive, np.absolute, np.maximum,
    np.minimum, np.sqrt, np.square, np.greater, np.greater_equal, np.less, np.less_equal,
    np.equal, np.not_equal, np.logical_and, np.logical_or, np.logical_not, np.bitwise_and, np.bitwise_or,
    np.bitwise_xor, np.invert, np.sign, np.floor, np.ceil, np.trunc, np.rint, np.isnan, np.isfinite, np.isinf,
}  # fmt: skip
_CASTS = {
    ("?", "f"): "bool_float32", ("?", "d"): "bool_float64", ("i", "f"): "int32_float32",
    ("l", "f"): "int64_float32", ("l", "d"): "int64_float64", ("f", "d"): "float32_float64",
    ("d", "f"): "float64_float32", ("?", "I"): "bool_uint32", ("?", "L"): "bool_uint64",
    ("?", "l"): "bool_int64",
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """How an array lies in some memory: offset and strides in bytes."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype

    @property
    def span(self) -> tuple[int, int]:
        """The first byte, and the one behind the last."""
        reach = [(size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True)]
        start = self.offset + sum(step for step in reach if step < 0)
        stop = self.offset + sum(step for step in reach if step > 0) + self.dtype.itemsize
        return (start, stop) if prod(self.shape) else (start, start)

    @property
    def is_contiguous(self) -> bool:
        return prod(self.shape) <= 1 or self.strides == contiguous(self.shape, self.dtype)


def contiguous(shape: tuple[int, ...], dtype: np.dtype) -> tuple[int, ...]:
    """The strides of an array without gaps, the last axis innermost."""
    return tuple(dtype.itemsize * prod(shape[axis + 1 :]) for axis in range(len(shape)))


Operand = TypeVar("Operand", bound=Layout)


@dataclass(frozen=True)
class InnerLoop:
    """What computes one operation along one axis. types: of its inputs, and of its output.

    exact: its results do not depend on how NumPy goes through an array. Those of others may: of some, the
    loop over contiguous elements rounds in another way than the one over others.
    """

    name: str
    function: int
    data: int
    types: tuple[np.dtype, ...]
    exact: bool = True

    def suits(self, operands: Sequence[Layout]) -> bool:
        """Whether it gives NumPy's bits on operands (inputs, then the output) in whatever order they lie."""
        return self.exact or _is_dense(operands)


@dataclass(frozen=True)
class Loop(Generic[Operand]):
    """An inner loop over the output's shape: operands (inputs, then the output) broadcast to it."""

    inner: InnerLoop
    operands: tuple[Operand, ...]

    @property
    def output(self) -> Operand:
        return self.operands[-1]


def loop_of(ufunc: np.ufunc, given: Sequence[Any]) -> InnerLoop | None:
    """The loop that NumPy takes for arguments of these dtypes or types; None where there is none."""
    if ufunc.nout != 1 or ufunc.signature is not None or len(given) != ufunc.nin:
        return None
    try:
        types = ufunc.resolve_dtypes((*given, None))
    except (TypeError, ValueError):
        return None
    found = inner_loop(ufunc, f"{''.join(dtype.char for dtype in types[:-1])}->{types[-1].char}")
    return InnerLoop(ufunc.__name__, *found, types, ufunc in _EXACT) if found and found[0] else None


def copying_loop(source: np.dtype, target: np.dtype) -> InnerLoop | None:
    """The loop that copies, or makes of one type the other, if there is one."""
    if source == target and source.kind != "O" and source.itemsize in (1, 2, 4, 8):
        return _own(f"copy_{source.itemsize}", (source, target))
    cast = _CASTS.get((source.char, target.char))
    return None if cast is None else _own(f"cast_{cast}", (source, target))


def choosing_loop(types: tuple[np.dtype, ...]) -> InnerLoop | None:
    """The loop of `np.where`, if there is one. types: of the condition, of both choices, of the result."""
    suited = types[0].kind == "b" and len(set(types[1:])) == 1 and types[1].itemsize in (1, 2, 4, 8)
    return _own(f"where_{types[1].itemsize}", types) if suited else None


def _own(name: str, types: tuple[np.dtype, ...]) -> InnerLoop:
    function = ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
    return InnerLoop(name, function, 0, types)


def chain(
    loops: Sequence[Loop[Operand]], scratch: Container[Operand]
) -> tuple[tuple[Operand, ...], tuple[int, ...]]:
    """The arrays and integers of a call of `elementwise` that runs these loops, all over one shape.

    scratch: operands that only the chain needs, of which it keeps a block at a time.
    """
    slots = {operand: index for index, operand in enumerate(dict.fromkeys(operands_of(loops)))}
    axes, strides = _axes(list(slots), loops[0].output)
    *outer, length = axes or [1]
    integers = [len(outer), length, min(length, _BLOCK), len(slots), len(loops), *outer]
    arrays = []
    for operand in slots:
        *steps, inner = strides[operand] or [0]
        size = operand.dtype.itemsize
        if operand in scratch:
            integers += [1, size, size, *[0] * len(outer)]
        else:
            integers += [0, size, inner, *steps]
            arrays.append(operand)
    for loop in loops:
        places = [slots[operand] for operand in loop.operands]
        integers += [loop.inner.function, loop.inner.data, len(places), *places]
    return tuple(arrays), tuple(integers)


def operands_of(loops: Sequence[Loop[Operand]]) -> list[Operand]:
    """Those of all the loops, as often as they occur."""
    return [operand for loop in loops for operand in loop.operands]


def _axes(operands: Sequence[Operand], output: Operand) -> tuple[list[int], dict[Operand, list[int]]]:
    """Sizes of the axes to go along, as few as can be, the innermost last, and each operand's strides."""
    shape = output.shape
    order = sorted(
        (axis for axis, size in enumerate(shape) if size != 1), key=lambda axis: -abs(output.strides[axis])
    )
    strides = {}
    for operand in operands:
        own = broadcast_strides(operand.shape, operand.strides, len(shape))
        strides[operand] = [own[axis] for axis in order]
    sizes = [shape[axis] for axis in order]
    for place in range(len(sizes) - 2, -1, -1):
        if all(own[place] == own[place + 1] * sizes[place + 1] for own in strides.values()):
            sizes[place] *= sizes.pop(place + 1)
            for own in strides.values():
                own.pop(place)
    return sizes, strides


def broadcast_strides(shape: Sequence[int], strides: Sequence[int], axes: int) -> list[int]:
    """The strides of an array as one of so many axes: 0 where it is broadcast."""
    own = [stride if size > 1 else 0 for stride, size in zip(strides, shape, strict=True)]
    return [0] * (axes - len(shape)) + own


def _is_dense(operands: Sequence[Layout]) -> bool:
    """Whether all are numbers, or lie without gaps and in the order of the output, the last of them."""
    output = operands[-1]
    size = output.dtype.itemsize
    expected = size
    for stride, length in sorted(zip(output.strides, output.shape, strict=True)):
        if length > 1 and stride != expected:
            return False
        expected *= length
    return all(
        not operand.shape
        or (
            operand.shape == output.shape
            and operand.strides == tuple(stride // size * operand.dtype.itemsize for stride in output.strides)
        )
        for operand in operands
    )
