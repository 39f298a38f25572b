"""Calls of elementwise functions as NumPy's own inner loops, with what each of them reads and writes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from .. import native
from .trace import Call, Origin, Reference, Root, _Place, _Repeat

_EXACT = {
    np.add, np.subtract, np.multiply, np.divide, np.negative, np.positive, np.absolute, np.maximum,
    np.minimum, np.sqrt, np.square, np.greater, np.greater_equal, np.less, np.less_equal,
    np.equal, np.not_equal, np.logical_and, np.logical_or, np.logical_not, np.bitwise_and, np.bitwise_or,
    np.bitwise_xor, np.invert, np.sign, np.floor, np.ceil, np.trunc, np.rint, np.isnan, np.isfinite, np.isinf,
}  # fmt: skip
"""Whose results do not depend on how NumPy goes through an array. The others may: of some, the loop over
contiguous elements rounds in another way than the one over others."""

_CASTS = {
    ("?", "f"): "bool_float32", ("?", "d"): "bool_float64", ("i", "f"): "int32_float32",
    ("l", "f"): "int64_float32", ("l", "d"): "int64_float64", ("f", "d"): "float32_float64",
    ("d", "f"): "float64_float32", ("?", "I"): "bool_uint32", ("?", "L"): "bool_uint64", ("?", "l"): "bool_int64",
}  # fmt: skip


@dataclass(frozen=True)
class Loop:
    """One inner loop over `shape`: `operands` (inputs, then the output) broadcast to it. exact: see _EXACT."""

    name: str
    function: int
    data: int
    operands: tuple[Reference, ...]
    exact: bool = True

    @property
    def output(self) -> Reference:
        return self.operands[-1]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.output.shape


def loops_of(call: Call) -> list[Loop] | None:
    """The loops that do what `call` does, bit for bit; None where no loops are known that do."""
    if native.library is None or not isinstance(call.function, _Repeat):
        return None
    if not all(map(_is_plain, call.operands)):
        return None
    try:
        loops = _known_loops(call, call.function)
    except OverflowError:  # a Python number beyond the type of the arrays, with which NumPy can compare them
        return None
    return None if loops is None or any(map(_overlaps, loops)) else loops


def _known_loops(call: Call, repeat: _Repeat) -> list[Loop] | None:
    formula, loops = call.formula, None
    if isinstance(formula, np.ufunc):
        loops = _of_ufunc(formula, repeat, call.operands)
    elif formula is np.copyto and set(repeat.keywords) <= {"casting"}:
        loops = _copied(_operand(repeat.template[1], call.operands, call.operands[0].dtype), call.operands[0])
    elif formula in (ndarray.reshape, ndarray.ravel, ndarray.flatten) and not repeat.keywords:
        if formula is not ndarray.reshape and len(repeat.template) > 1:
            return None
        target, source = call.operands
        loops = _copied(source, _contiguous(target, source.shape)) if _is_contiguous(target) else None
    elif formula is ndarray.copy or (
        formula is ndarray.astype and not repeat.keywords and len(repeat.template) == 2
    ):
        loops = _copied(call.operands[1], call.operands[0])
    elif formula is np.where and len(repeat.template) == 3:
        loops = _chosen(repeat, call.operands)
    elif formula is np.concatenate and len(repeat.template) <= 2:
        loops = _joined(repeat, call.operands)
    return loops


def _of_ufunc(ufunc: np.ufunc, repeat: _Repeat, operands: Sequence[Reference]) -> list[Loop] | None:
    if ufunc.nout != 1 or ufunc.signature is not None or repeat.keywords or len(repeat.template) != ufunc.nin:
        return None
    given = [
        operands[part.position].dtype
        if isinstance(part, _Place)
        else (part.dtype if isinstance(part, np.generic) else type(part))
        for part in repeat.template
    ]
    try:
        dtypes = ufunc.resolve_dtypes((*given, None))
    except (TypeError, ValueError):
        return None
    found = native.inner_loop(ufunc, f"{''.join(dtype.char for dtype in dtypes[:-1])}->{dtypes[-1].char}")
    if found is None or not found[0]:
        return None
    loops: list[Loop] = []
    inputs = []
    for part, dtype in zip(repeat.template, dtypes, strict=False):
        operand = _operand(part, operands, dtype)
        if operand.dtype != dtype:
            temporary = _temporary(operand, dtype)
            cast = _copied(operand, temporary)
            if cast is None:
                return None
            loops += cast
            operand = temporary
        inputs.append(operand)
    target = operands[0]
    output = target if target.dtype == dtypes[-1] else _temporary(target, dtypes[-1])
    loops.append(Loop(ufunc.__name__, *found, (*inputs, output), ufunc in _EXACT))
    if output is not target:
        cast = _copied(output, target)
        if cast is None:
            return None
        loops += cast
    return loops


def _operand(part: Any, operands: Sequence[Reference], dtype: np.dtype) -> Reference:
    if isinstance(part, _Place):
        return operands[part.position]
    value = np.array(part, dtype if not isinstance(part, np.generic) else None)
    return Reference(Root(Origin.HELD, value.nbytes, value), 0, value.shape, value.strides, value.dtype)


def _temporary(like: Reference, dtype: np.dtype) -> Reference:
    """A value of the program for as many elements, in the same order in memory."""
    root = Root(Origin.VALUE, prod(like.shape) * dtype.itemsize)
    order = sorted(range(len(like.shape)), key=lambda axis: abs(like.strides[axis]))
    strides, step = [0] * len(order), dtype.itemsize
    for axis in order:
        strides[axis] = step
        step *= like.shape[axis]
    return Reference(root, 0, like.shape, tuple(strides), dtype)


def _copied(source: Reference, target: Reference) -> list[Loop] | None:
    """From one array to another, with its elements as another type if need be."""
    if len(source.shape) > len(target.shape):
        return None
    if source.dtype == target.dtype and source.dtype.kind != "O" and source.dtype.itemsize in (1, 2, 4, 8):
        name = f"copy_{source.dtype.itemsize}"
    elif (source.dtype.char, target.dtype.char) in _CASTS:
        name = f"cast_{_CASTS[source.dtype.char, target.dtype.char]}"
    else:
        return None
    return [Loop(name, _own_loop(name), 0, (source, target))]


def _chosen(repeat: _Repeat, operands: Sequence[Reference]) -> list[Loop] | None:
    target = operands[0]
    condition, one, other = (
        _operand(part, operands, np.dtype(bool) if index == 0 else target.dtype)
        for index, part in enumerate(repeat.template)
    )
    same = one.dtype == other.dtype == target.dtype
    if condition.dtype != bool or not same or target.dtype.itemsize not in (1, 2, 4, 8):
        return None
    name = f"where_{target.dtype.itemsize}"
    return [Loop(name, _own_loop(name), 0, (condition, one, other, target))]


def _joined(repeat: _Repeat, operands: Sequence[Reference]) -> list[Loop] | None:
    """Each part copied to its place."""
    parts = repeat.template[0]
    axis = repeat.template[1] if len(repeat.template) == 2 else repeat.keywords.get("axis", 0)
    if set(repeat.keywords) - {"axis"} or axis is None or not all(isinstance(part, _Place) for part in parts):
        return None
    target, start, loops = operands[0], 0, []
    for part in parts:
        source = operands[part.position]
        place = Reference(
            target.root,
            target.offset + start * target.strides[axis],
            source.shape,
            target.strides,
            target.dtype,
        )
        copy = _copied(source, place)
        if copy is None:
            return None
        loops += copy
        start += source.shape[axis]
    return loops


def _own_loop(name: str) -> int:
    return ctypes.cast(getattr(native.library, name), ctypes.c_void_p).value or 0


def _is_plain(reference: Reference) -> bool:
    """Whether its numbers are as the processor takes them: aligned, and their bytes in its order."""
    size, array = reference.dtype.itemsize, reference.root.array
    if not reference.dtype.isnative or (array is not None and not array.flags.aligned):
        return False
    return reference.offset % size == 0 and all(stride % size == 0 for stride in reference.strides)


def _is_contiguous(reference: Reference) -> bool:
    return prod(reference.shape) <= 1 or reference.strides == _strides(
        reference.shape, reference.dtype.itemsize
    )


def _contiguous(reference: Reference, shape: tuple[int, ...]) -> Reference:
    """A contiguous array in another shape of as many elements."""
    strides = _strides(shape, reference.dtype.itemsize)
    return Reference(reference.root, reference.offset, shape, strides, reference.dtype)


def _strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    return tuple(itemsize * prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _overlaps(loop: Loop) -> bool:
    """Whether the loop would read what it has already overwritten, which NumPy copies out of the way."""
    output = loop.output
    return any(
        operand.root is output.root and operand != output and _meet(operand, output)
        for operand in loop.operands[:-1]
    )


def _meet(one: Reference, other: Reference) -> bool:
    (a, b), (c, d) = _span(one), _span(other)
    return a < d and c < b


def _span(reference: Reference) -> tuple[int, int]:
    """The first byte, and the one behind the last."""
    reach = [(size - 1) * stride for size, stride in zip(reference.shape, reference.strides, strict=True)]
    start = reference.offset + sum(step for step in reach if step < 0)
    stop = reference.offset + sum(step for step in reach if step > 0) + reference.dtype.itemsize
    return (start, stop) if prod(reference.shape) else (start, start)
