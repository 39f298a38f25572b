"""Programs made at random: a list of numbers says which operations, on which earlier values, with which options.

Whether an operation applies depends on shapes and types alone, so that a program does the same on any data.
"""

# ruff: noqa: E501
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Code = tuple[int, int, int, int]
"""Operation, first and second operand, option; each taken modulo what there is."""
MOST_ELEMENTS = 150_000


class Skipped(Exception):
    """The operation does not apply to these shapes."""


class Values:
    """What a program has computed so far, and which of it is its own to write to."""

    def __init__(self, xp: Any, inputs: Sequence[Any]) -> None:
        self.xp = xp
        self.all: list[tuple[Any, bool]] = [(array, False) for array in inputs]

    def pick(self, number: int, writable: bool = False, kinds: str = "fiub") -> Any:
        """The value of this number among those that fit; late ones come first."""
        fitting = [
            array
            for array, own in reversed(self.all)
            if array.dtype.kind in kinds and (not writable or (own and array.flags.writeable))
        ]
        _require(fitting)
        return fitting[number % len(fitting)]

    def add(self, array: Any, own: bool) -> None:
        array = self.xp.asarray(array)  # a number becomes an array
        if array.size <= MOST_ELEMENTS:
            self.all.append((array, own))

    def owned(self, array: Any) -> bool:
        return next(own for other, own in self.all if other is array)


def _require(condition: Any) -> None:
    if not condition:
        raise Skipped


def _fit(*arrays: Any) -> tuple[int, ...]:
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        raise Skipped from None
    _require(np.prod(shape, dtype=float) <= MOST_ELEMENTS)
    return shape


def run(xp: Any, program: Sequence[Code], inputs: Sequence[Any]) -> list[Any]:
    """The last values that the program made, some of them views of others."""
    values = Values(xp, inputs)
    for operation, first, second, option in program:
        try:
            OPERATIONS[operation % len(OPERATIONS)](values, first, second, option)
        except Skipped:
            continue
    return [array for array, _ in values.all[len(inputs) :][-4:]] or [inputs[0] + 1]


_UNARY = (
    np.negative, np.absolute, np.square, np.tanh, np.sin, np.cos, np.floor, np.sign, np.isnan, np.isfinite, np.exp,
    np.logical_not, np.rint, np.arctan, np.expm1, np.cbrt, np.log1p, np.sqrt, np.sinh, np.exp2, np.reciprocal,
)  # fmt: skip
_BINARY = (
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.greater, np.less_equal, np.equal,
    np.not_equal, np.arctan2, np.hypot, np.fmax, np.fmin, np.logical_and, np.logical_xor, np.copysign, np.power,
    np.floor_divide, np.remainder, np.logaddexp,
)  # fmt: skip
_IN_PLACE = (np.add, np.subtract, np.multiply, np.maximum, np.minimum)


def unary(v: Values, first: int, second: int, option: int) -> None:
    ufunc = _UNARY[option % len(_UNARY)]
    x = v.pick(first, kinds="f")
    v.add(ufunc(x), True)


def binary(v: Values, first: int, second: int, option: int) -> None:
    ufunc = _BINARY[option % len(_BINARY)]
    kinds = "f" if ufunc in (np.subtract, np.power, np.floor_divide, np.remainder, np.copysign) else "fiub"
    x, y = v.pick(first, kinds="f"), v.pick(second, kinds=kinds)
    _fit(x, y)
    v.add(ufunc(x, y), True)


def with_numbers(v: Values, first: int, second: int, option: int) -> None:
    x = v.pick(first, kinds="f")
    made: list[Callable[[], Any]] = [
        lambda: x * 2, lambda: x + 0.5, lambda: x**2, lambda: abs(x) ** 0.5, lambda: 1 / (abs(x) + 1),
        lambda: x * np.float64(0.1), lambda: np.float32(3) - x, lambda: x > 0, lambda: x <= 0, lambda: x**3,
        lambda: 2.0**-x, lambda: -x, lambda: x // 0.3, lambda: x % 0.7, lambda: +x, lambda: x * True,
        lambda: x.clip(-1, 2), lambda: np.clip(x, None, 0.5), lambda: np.maximum(0, x), lambda: x.round(1),
    ]  # fmt: skip
    v.add(made[option % len(made)](), True)


def numbers_of_numpy(v: Values, first: int, second: int, option: int) -> None:
    """Eagerly these are no arrays: `+=` makes another one, and their power is rounded in its own way."""
    x = v.pick(first, kinds="f")
    _require(x.size and x.size < 3000)
    number = (x[(0,) * x.ndim], x.sum(), x.max(), x.mean(), abs(x).min())[option % 5]
    before = number
    number += 1
    number *= 3
    y = v.pick(second, kinds="f")
    powers = (number * before, abs(number) ** 0.5, 1.5 ** (number % 3), number**2, abs(before) ** 1.7)
    v.add(y + powers[second % 5], True)


def view(v: Values, first: int, second: int, option: int) -> None:
    x = v.pick(first)
    n = x.ndim
    made: list[Callable[[], Any]] = [
        lambda: x[::-1], lambda: x[1:], lambda: x[..., None], lambda: x.T, lambda: x.reshape(-1), lambda: x[::2],
        lambda: x.swapaxes(0, n - 1), lambda: x[..., ::-2], lambda: x[None], lambda: x[-1:], lambda: x.ravel(),
        lambda: v.xp.broadcast_to(x, (2, *x.shape)), lambda: x[0], lambda: v.xp.expand_dims(x, 0),
        lambda: x.squeeze(), lambda: v.xp.moveaxis(x, 0, -1), lambda: v.xp.flip(x), lambda: x.reshape(x.shape[::-1]),
        lambda: np.lib.stride_tricks.sliding_window_view(x, 2, axis=0), lambda: x[..., 0], lambda: x[-1, ...],
        lambda: v.xp.diagonal(x), lambda: x.reshape(*x.shape, 1),
    ]  # fmt: skip
    _require(n and x.shape[0] and x.shape[-1])
    chosen = option % len(made)
    _require(chosen != 18 or x.shape[0] >= 2)
    _require(chosen != 21 or n >= 2)
    _require(n < 6)
    own = v.owned(x)
    y = made[chosen]()
    v.add(y, own)


def in_place(v: Values, first: int, second: int, option: int) -> None:
    """Writes to a value of the program's own, which other values may be views of."""
    x, y = v.pick(first, writable=True, kinds="f"), v.pick(second, kinds="f")
    y = y.astype(x.dtype)
    if option % 9 < 4:
        _require(_fit(x, y) == x.shape)
        _IN_PLACE[option % len(_IN_PLACE)](x, y, out=x)
    elif option % 9 == 4:
        _require(_fit(x, y) == x.shape)
        x[...] = y
    elif option % 9 == 5:
        _require(x.ndim and x.shape[0] > 1)
        x[1:] += x[:-1]
    elif option % 9 == 6:
        _require(x.ndim and x.shape[0] > 1)
        x[:-1] = x[1:]
    elif option % 9 == 7:
        x /= 2
        x -= 0.25
    else:
        x[...] = option % 7


def in_place_by_index(v: Values, first: int, second: int, option: int) -> None:
    x = v.pick(first, writable=True, kinds="f")
    _require(x.ndim and x.shape[0])
    rows = np.array([0, -1, 0])
    if option % 6 == 0:
        x[rows] = x[rows[::-1]] * 2
    elif option % 6 == 1:
        np.add.at(x, rows, 1.5)
    elif option % 6 == 2:
        x[x > 0] = 0.5
    elif option % 6 == 3:
        x[rows] += 1
    elif option % 6 == 4:
        np.copyto(x, 0.25, where=x < 0)
    else:
        x.fill(option % 5)


def reduction(v: Values, first: int, second: int, option: int) -> None:
    x = v.pick(first)
    axes = [None, *range(x.ndim), *([(0, x.ndim - 1)] if x.ndim > 1 else [])]
    axis, kept = axes[second % len(axes)], bool(option % 2)
    functions: list[str] = [
        "sum",
        "mean",
        "max",
        "min",
        "any",
        "all",
        "var",
        "std",
        "prod",
        "argmax",
        "argmin",
    ]
    name = functions[option // 2 % len(functions)]
    _require(x.size or name in ("sum", "prod", "any", "all"))
    if name.startswith("arg"):
        axis = None if isinstance(axis, tuple) else axis
    if x.dtype.kind == "b" and name in ("var", "std", "mean"):
        raise Skipped
    v.add(getattr(x, name)(axis=axis, keepdims=kept), False)


def along(v: Values, first: int, second: int, option: int) -> None:
    x = v.pick(first, kinds="f")
    _require(x.ndim and x.size)
    axis = second % x.ndim
    made: list[Callable[[], Any]] = [
        lambda: v.xp.cumsum(x, axis), lambda: v.xp.sort(x, axis), lambda: v.xp.argsort(x, axis, kind="stable"),
        lambda: x.cumprod(axis), lambda: v.xp.diff(x, axis=axis), lambda: v.xp.roll(x, 1, axis),
        lambda: v.xp.repeat(x, 2, axis), lambda: v.xp.take(x, np.array([0, -1]), axis),
        lambda: v.xp.take_along_axis(x, x.argsort(axis), axis), lambda: np.maximum.accumulate(x, axis),
        lambda: v.xp.pad(x, 1), lambda: v.xp.tile(x, 2), lambda: np.add.reduceat(x, [0], axis),
        lambda: v.xp.linalg.norm(x, axis=axis), lambda: v.xp.nan_to_num(x),
    ]  # fmt: skip
    v.add(made[option % len(made)](), True)


def product(v: Values, first: int, second: int, option: int) -> None:
    x, y = v.pick(first, kinds="f"), v.pick(second, kinds="f")
    _require(
        x.dtype.itemsize > 2 and y.dtype.itemsize > 2 and x.ndim and y.ndim and x.size * y.size < 4_000_000
    )
    inner = y.shape[-2] if y.ndim > 1 else y.shape[0]
    if option % 5 == 0:
        _require(x.shape[-1] == inner)
        _require(x.ndim < 3 or y.ndim < 3 or x.shape[:-2] == y.shape[:-2])
        v.add(x @ y, True)
    elif option % 5 == 1:
        _require(x.ndim > 1)
        v.add(x @ x.swapaxes(-1, -2), True)
    elif option % 5 == 2:
        _require(x.ndim == 2 and y.ndim == 2 and x.shape[1] == y.shape[1])
        v.add(v.xp.einsum("ij,kj->ik", x, y), True)
    elif option % 5 == 3:
        _require(x.ndim == 1 and y.ndim == 1 and x.size * y.size <= MOST_ELEMENTS)
        v.add(np.multiply.outer(x, y), True)
    else:
        v.add(v.xp.einsum("...i->...", x), True)


def joined(v: Values, first: int, second: int, option: int) -> None:
    x, y = v.pick(first, kinds="f"), v.pick(second, kinds="f")
    _require(x.ndim and x.shape == y.shape)
    axis = option % x.ndim
    if option % 3 == 0:
        v.add(v.xp.concatenate([x, y, x], axis), True)
    elif option % 3 == 1:
        v.add(v.xp.stack([x, y], axis=axis), True)
    else:
        parts = v.xp.array_split(x, 2, axis)
        v.add(parts[0], False)
        v.add(parts[1], False)


def chosen(v: Values, first: int, second: int, option: int) -> None:
    x, y = v.pick(first, kinds="f"), v.pick(second, kinds="f")
    _fit(x, y)
    made: list[Callable[[], Any]] = [
        lambda: v.xp.where(x > y, x, y), lambda: v.xp.where(x > 0, x, 0.0), lambda: v.xp.where(y < 0, 1.5, x),
        lambda: v.xp.where(x > 0, x, [0.5]), lambda: v.xp.select([x > y, x < 0], [x, y], 2.0),
    ]  # fmt: skip
    v.add(made[option % len(made)](), True)


def typed(v: Values, first: int, second: int, option: int) -> None:
    x = v.pick(first)
    dtypes = (np.float64, np.float32, np.float16, np.bool_, np.int32, np.int64, np.float32, np.uint8)
    dtype = dtypes[option % len(dtypes)]
    if x.dtype.kind == "f" and np.dtype(dtype).kind in "iu":
        x = v.xp.nan_to_num(x.clip(0, 100))
    v.add(x.astype(dtype), True)


def made(v: Values, first: int, second: int, option: int) -> None:
    x = v.pick(first, kinds="f")
    makers: list[Callable[[], Any]] = [
        lambda: v.xp.zeros_like(x), lambda: v.xp.ones(x.shape, x.dtype), lambda: v.xp.full(x.shape, 0.75, x.dtype),
        lambda: x.copy(), lambda: v.xp.ascontiguousarray(x) + 0, lambda: v.xp.asarray(x, np.float64) + 0,
        lambda: v.xp.full_like(x, 2), lambda: x.copy(order="F"), lambda: x.flatten(), lambda: x.astype(x.dtype),
    ]  # fmt: skip
    v.add(makers[option % len(makers)](), True)


OPERATIONS = (
    unary, binary, binary, with_numbers, numbers_of_numpy, view, view, in_place, in_place, in_place_by_index,
    reduction, along, product, joined, chosen, typed, made,
)  # fmt: skip
