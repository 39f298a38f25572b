"""How windows slide over the last axes of an array: the arithmetic that convolution and pooling share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

import numpy as np

from ..array import Array, array_module
from ..errors import ShapeError

Sizes = int | Sequence[int]
"""A number for each of the spatial axes, or one for all."""


@dataclass(frozen=True)
class Windows:
    """Windows over `size` elements an axis; every field has one number for each spatial axis.

    kernel: elements in a window, `dilation` apart. stride: how far windows are from one another.
    padding: elements added before and after.
    """

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    @staticmethod
    def of(
        where: str,
        size: Sequence[int],
        kernel: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
    ) -> Windows:
        """Raises ShapeError, in the name of `where`, for windows that do not fit."""
        axes = len(size)
        kernel = per_axis(where, "kernel", kernel, axes, 1)
        stride = kernel if stride is None else per_axis(where, "stride", stride, axes, 1)
        padding = per_axis(where, "padding", padding, axes, 0)
        windows = Windows(
            tuple(size), kernel, stride, padding, per_axis(where, "dilation", dilation, axes, 1)
        )
        if any(count < 1 for count in windows.count):
            least = tuple(
                reach - 2 * extra for reach, extra in zip(windows.reach, windows.padding, strict=True)
            )
            raise ShapeError(f"{where}, argument x", f"spatial sizes of at least {least}", f"{tuple(size)}")
        return windows

    @cached_property
    def reach(self) -> tuple[int, ...]:
        """From a window's first element to behind its last."""
        return tuple(
            (kernel - 1) * dilation + 1 for kernel, dilation in zip(self.kernel, self.dilation, strict=True)
        )

    @cached_property
    def padded(self) -> tuple[int, ...]:
        return tuple(size + 2 * extra for size, extra in zip(self.size, self.padding, strict=True))

    @cached_property
    def count(self) -> tuple[int, ...]:
        """Windows along each axis."""
        return tuple(
            (size - reach) // stride + 1
            for size, reach, stride in zip(self.padded, self.reach, self.stride, strict=True)
        )

    @cached_property
    def elements(self) -> int:
        """Elements in one window."""
        return prod(self.kernel)

    def pad(self, x: Array, value: float = 0) -> Array:
        """x (..., *size) -> (..., *padded); x itself where there is no padding."""
        if not any(self.padding):
            return x
        y = array_module(x).full((*x.shape[: -len(self.size)], *self.padded), value, x.dtype)
        y[self._inside] = x
        return y

    def unpad(self, x: Array) -> Array:
        """x (..., *padded) -> (..., *size)."""
        return x[self._inside] if any(self.padding) else x

    @cached_property
    def _inside(self) -> tuple:
        return (
            ...,
            *(slice(extra, extra + size) for extra, size in zip(self.padding, self.size, strict=True)),
        )

    def views(self) -> Iterator[tuple]:
        """For each position in a window, the index of that element of all windows, in row-major order.

        Applied to (..., *padded) it gives (..., *count).
        """
        for position in product(*map(range, self.kernel)):
            starts = [at * dilation for at, dilation in zip(position, self.dilation, strict=True)]
            yield (
                ...,
                *(
                    slice(start, start + (count - 1) * stride + 1, stride)
                    for start, count, stride in zip(starts, self.count, self.stride, strict=True)
                ),
            )


def per_axis(where: str, name: str, sizes: Sizes, axes: int, least: int) -> tuple[int, ...]:
    """One number for each of `axes` axes. Raises ShapeError for another count or a number below `least`."""
    numbers = tuple(sizes) if isinstance(sizes, Sequence) else (sizes,) * axes
    if len(numbers) != axes or any(not isinstance(n, int | np.integer) or n < least for n in numbers):
        expected = f"{axes} whole numbers of at least {least}, or one for all"
        raise ShapeError(f"{where}, argument {name}", expected, f"{sizes}")
    return numbers
