"""NumPy's elementwise functions as the inner loops that do the same, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Generic

import numpy as np
from numpy import ndarray

from .elementwise import (
    InnerLoop,
    Layout,
    Loop,
    Operand,
    choosing_loop,
    contiguous,
    copying_loop,
    loop_of,
)


class _Unknown(Exception):
    """No loops are known that do the same."""


class NumpyLoops(Generic[Operand]):
    """Finds loops on operands that are layouts of some kind. made: one for an array of numbers that stays, or
    for how a value lies that only the loops need."""

    def __init__(self, made: Callable[[ndarray | Layout], Operand]) -> None:
        self._made = made

    def __call__(
        self, function: Any, arguments: Sequence[Any], options: dict[str, Any], target: Operand
    ) -> list[Loop[Operand]]:
        """What computes function(*arguments, **options) into `target`; none where no loops are known that do.

        A function that writes to an argument has `target` as its first one.
        """
        try:
            loops = self._loops(function, arguments, options, target)
        except (_Unknown, OverflowError):  # such as a Python number beyond the type of the arrays
            return []
        return loops if all(loop.inner.suits(loop.operands) for loop in loops) else []

    def _loops(
        self, function: Any, arguments: Sequence[Any], options: dict[str, Any], target: Operand
    ) -> list[Loop[Operand]]:
        if isinstance(function, np.ufunc) and not options:
            return self._of_ufunc(function, arguments, target)
        if function is np.copyto and options.keys() <= {"casting"}:
            return [_copy(self._operand(arguments[1], target.dtype), target)]
        if function is np.concatenate and options.keys() <= {"axis"} and len(arguments) <= 2:
            return _joined(arguments[0], [*arguments, options.get("axis", 0)][1], target)
        if function is np.where and len(arguments) == 3:
            types = (np.dtype(bool), target.dtype, target.dtype)
            parts = [self._operand(part, dtype) for part, dtype in zip(arguments, types, strict=True)]
            return [_loop(choosing_loop(tuple(part.dtype for part in (*parts, target))), (*parts, target))]
        flat = function in (ndarray.ravel, ndarray.flatten) and len(arguments) == 1
        if (function is ndarray.reshape or flat) and not options and target.is_contiguous:
            shape = arguments[0].shape
            return [
                _copy(arguments[0], replace(target, shape=shape, strides=contiguous(shape, target.dtype)))
            ]
        if function is ndarray.copy or (function is ndarray.astype and not options and len(arguments) == 2):
            return [_copy(arguments[0], target)]
        raise _Unknown

    def _of_ufunc(self, ufunc: np.ufunc, arguments: Sequence[Any], target: Operand) -> list[Loop[Operand]]:
        inner = loop_of(ufunc, [getattr(part, "dtype", type(part)) for part in arguments])
        if inner is None:
            raise _Unknown
        casts: list[Loop[Operand]] = []
        inputs = []
        for part, dtype in zip(arguments, inner.types, strict=False):
            operand = self._operand(part, dtype)
            if operand.dtype != dtype:
                casts.append(_copy(operand, self._temporary(operand, dtype)))
                operand = casts[-1].output
            inputs.append(operand)
        if target.dtype == inner.types[-1]:
            return [*casts, Loop(inner, (*inputs, target))]
        output = self._temporary(target, inner.types[-1])
        return [*casts, Loop(inner, (*inputs, output)), _copy(output, target)]

    def _operand(self, part: Any, dtype: np.dtype) -> Operand:
        """The operand itself, or one for a number: of its own type if it has one."""
        if isinstance(part, Layout):
            return part  # pyright: ignore[reportReturnType]
        return self._made(np.array(part, None if isinstance(part, np.generic) else dtype))

    def _temporary(self, like: Operand, dtype: np.dtype) -> Operand:
        """A value with as many elements, in the same order in memory."""
        order = sorted(range(len(like.shape)), key=lambda axis: abs(like.strides[axis]))
        strides, step = [0] * len(order), dtype.itemsize
        for axis in order:
            strides[axis] = step
            step *= like.shape[axis]
        return self._made(Layout(0, like.shape, tuple(strides), dtype))


def _loop(inner: InnerLoop | None, operands: tuple[Operand, ...]) -> Loop[Operand]:
    if inner is None:
        raise _Unknown
    return Loop(inner, operands)


def _copy(source: Operand, target: Operand) -> Loop[Operand]:
    """From one array to another, with its elements as another type if need be."""
    fits = len(source.shape) <= len(target.shape)
    return _loop(copying_loop(source.dtype, target.dtype) if fits else None, (source, target))


def _joined(parts: Any, axis: Any, target: Operand) -> list[Loop[Operand]]:
    """Each part of a concatenation copied to its place."""
    if axis is None or not all(isinstance(part, Layout) for part in parts):
        raise _Unknown
    start, loops = 0, []
    for part in parts:
        offset = target.offset + start * target.strides[axis]
        loops.append(_copy(part, replace(target, offset=offset, shape=part.shape)))
        start += part.shape[axis]
    return loops
