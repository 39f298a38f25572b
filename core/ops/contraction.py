"""Sums of products over chosen axes, composed: transposes, reshapes and one matmul for each pair."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ..array import array_module
from ..errors import ShapeError
from .constant import value
from .linalg import matmul
from .reduction import sum
from .shape import getitem, reshape, transpose

_PRIVATE = 0xE000
"""The first character of Unicode's private use area: names for the axes that `...` stands for."""


def tensordot(a: Any, b: Any, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Any:
    """The sum of products over pairs of axes: a's other axes, then b's.

    axes: how many last axes of a meet as many first axes of b, or the axes of each, pair by pair.
    """
    if isinstance(axes, int):
        axes = tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes))
    for chosen, x in zip(axes, (a, b), strict=False):
        if len({axis % x.ndim for axis in chosen if -x.ndim <= axis < x.ndim}) < len(chosen):
            raise ShapeError("tensordot, argument axes", f"different axes of {x.shape}", f"{chosen}")
    of_a, of_b = ([axis % x.ndim for axis in chosen] for x, chosen in zip((a, b), axes, strict=True))
    met_a, met_b = [a.shape[axis] for axis in of_a], [b.shape[axis] for axis in of_b]
    if met_a != met_b:
        raise ShapeError(
            "tensordot, argument axes", f"sizes {met_a} in b, as in a {a.shape}", f"sizes {met_b}"
        )
    kept_a = [axis for axis in range(a.ndim) if axis not in of_a]
    kept_b = [axis for axis in range(b.ndim) if axis not in of_b]
    rows, columns = tuple(a.shape[axis] for axis in kept_a), tuple(b.shape[axis] for axis in kept_b)
    left = reshape(transpose(a, axes=(*kept_a, *of_a)), (prod(rows), prod(met_a)))
    right = reshape(transpose(b, axes=(*of_b, *kept_b)), (prod(met_b), prod(columns)))
    return reshape(matmul(left, right), rows + columns)


def einsum(formula: str, *operands: Any) -> Any:
    """The sum of products that `formula` names the axes of: "bij,bjk->bik". `...` stands for any axes.

    Without an arrow the result has the letters that occur once, in alphabetical order. Several operands are
    taken from left to right, each pair as one matrix product.
    """
    inputs, output = _parsed(formula, operands)
    sizes: dict[str, int] = {}
    for names, operand in zip(inputs, operands, strict=True):
        for name, size in zip(names, operand.shape, strict=True):
            if sizes.setdefault(name, size) != size:
                raise ShapeError(f"einsum {formula}, axis {name}", f"size {sizes[name]}", f"size {size}")
    result, names = _single(operands[0], inputs[0], "".join(inputs[1:]) + output)
    for index, operand in enumerate(operands[1:], start=1):
        later = "".join(inputs[index + 1 :]) + output
        other, other_names = _single(operand, inputs[index], names + later)
        result, names = _pair(result, names, other, other_names, later)
    return transpose(result, axes=tuple(names.index(name) for name in output))


def _parsed(formula: str, operands: Sequence[Any]) -> tuple[list[str], str]:
    """The axes' names of each operand and of the output; the axes of `...` get names of their own."""
    left, arrow, output = formula.replace(" ", "").partition("->")
    inputs = left.split(",")
    if not all(name.isalpha() for name in (left + output).replace("...", "").replace(",", "")):
        raise ShapeError(f"einsum {formula}", "letters, commas, ... and one arrow", repr(formula))
    if len(inputs) != len(operands):
        raise ShapeError(f"einsum {formula}", f"{len(inputs)} operands", f"{len(operands)}")
    hidden = [operand.ndim - len(names) + 3 for names, operand in zip(inputs, operands, strict=True)]
    most = max((count for names, count in zip(inputs, hidden, strict=True) if "..." in names), default=0)
    spare = "".join(chr(_PRIVATE + index) for index in range(most))
    for index, (names, operand) in enumerate(zip(inputs, operands, strict=True)):
        inputs[index] = names.replace("...", spare[most - hidden[index] :])
        if len(inputs[index]) != operand.ndim:
            expected = f"{len(names.replace('...', ''))} axes for {names}"
            raise ShapeError(f"einsum {formula}, operand {index}", expected, f"shape {operand.shape}")
    used = "".join(inputs)
    if not arrow:
        output = "..." * bool(most) + "".join(sorted(n for n in set(used) - set(spare) if used.count(n) == 1))
    output = output.replace("...", spare)
    if len(set(output)) != len(output) or not set(output) <= set(used):
        raise ShapeError(f"einsum {formula}", "each axis of the result once, and in an operand", output)
    return inputs, output


def _single(x: Any, names: str, needed: str) -> tuple[Any, str]:
    """x with the diagonal taken of axes named twice, and the axes summed away that nothing needs."""
    for name in dict.fromkeys(names):
        while names.count(name) > 1:
            first, second = names.index(name), names.rindex(name)
            rest = [axis for axis in range(len(names)) if axis not in (first, second)]
            diagonal = array_module(value(x)).arange(x.shape[first])
            x = getitem(transpose(x, axes=(first, second, *rest)), index=(diagonal, diagonal))
            names = name + "".join(names[axis] for axis in rest)
    lonely = tuple(axis for axis, name in enumerate(names) if name not in needed)
    return sum(x, axis=lonely) if lonely else x, "".join(name for name in names if name in needed)


def _pair(a: Any, a_names: str, b: Any, b_names: str, needed: str) -> tuple[Any, str]:
    """One product: axes of both that are still needed are stacked, the others of both are summed over."""
    both = [name for name in a_names if name in b_names]
    batch = [name for name in both if name in needed]
    met = [name for name in both if name not in needed]
    a_kept = [name for name in a_names if name not in both]
    b_kept = [name for name in b_names if name not in both]
    left = _arranged(a, a_names, batch, a_kept, met)
    right = _arranged(b, b_names, batch, met, b_kept)
    sizes = dict(zip(a_names + b_names, a.shape + b.shape, strict=True))
    names = [*batch, *a_kept, *b_kept]
    return reshape(matmul(left, right), tuple(sizes[name] for name in names)), "".join(names)


def _arranged(x: Any, names: str, *groups: list[str]) -> Any:
    """x with its axes in the order of `groups`, and those of a group made one."""
    order = [names.index(name) for group in groups for name in group]
    shape = tuple(prod(x.shape[names.index(name)] for name in group) for group in groups)
    return reshape(transpose(x, axes=tuple(order)), shape)
