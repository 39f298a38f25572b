"""Checks derivatives against finite differences: for anyone who writes an operation, a layer or a loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .array import to_numpy
from .backward import grad
from .errors import ChainruleError
from .graph import no_grad
from .tensor import Tensor

TOLERANCE = 1e-6
STEP = 1e-5


class GradientError(ChainruleError):
    """A derivative that differs from what finite differences give."""


@dataclass(frozen=True)
class Discrepancy:
    """Where the derivative of one order with respect to one argument is furthest off.

    error: the difference, relative to the derivative's own size there plus its largest anywhere, at least 1.
    """

    order: int
    argument: int
    position: tuple[int, ...]
    derivative: float
    expected: float
    error: float

    def __str__(self) -> str:
        place = f"[{', '.join(map(str, self.position))}]" if self.position else ""
        order = ("first", "second")[self.order - 1]
        return (
            f"{order} derivative with respect to argument {self.argument}{place}: "
            f"got {self.derivative:.10g}, finite differences give {self.expected:.10g} "
            f"(relative error {self.error:.2g})"
        )


def gradcheck(
    function: Callable[..., Tensor],
    *arguments: Any,
    second: bool = True,
    tolerance: float = TOLERANCE,
    step: float = STEP,
) -> list[Discrepancy]:
    """Compare the derivatives of `function` at `arguments` with central differences of fourth order.

    arguments: arrays or tensors, which the function gets as float64 tensors, clear of kinks by 2 * step; what
    is not to be differentiated (labels, an axis) belongs into a lambda around the function. The output may
    have any shape; its elements are added up with weights of 0.5 to 1.5, which the derivatives shown include.
    `second` also checks second derivatives, along one direction through all arguments at once.

    Returns the worst element of each argument and order. Raises GradientError, which shows all that are worse
    than `tolerance`, and where rows and columns swapped in memory give another derivative.
    """
    arrays = [np.array(_values(argument), dtype=np.float64) for argument in arguments]
    with no_grad():
        shape = function(*map(Tensor, arrays)).shape
    weights = _direction(1, shape)
    directions = [_direction(2 + index, array.shape) for index, array in enumerate(arrays)]

    def total(*tensors: Tensor) -> Tensor:
        """All outputs in one number, each with a weight of its own."""
        return (function(*tensors) * weights).sum()

    def slope(*tensors: Tensor) -> Tensor:
        """The first derivative of `total` along the directions."""
        result = Tensor(np.zeros(()))
        for gradient, direction in zip(_gradients(total, tensors, True), directions, strict=True):
            result = result + (gradient * direction).sum()
        return result

    def leaves() -> list[Tensor]:
        return [Tensor(array, requires_grad=True) for array in arrays]

    first = [to_numpy(gradient.data) for gradient in _gradients(total, leaves())]
    found = _compare(1, first, total, arrays, step)
    if second:
        found += _compare(2, [to_numpy(g.data) for g in _gradients(slope, leaves())], slope, arrays, step)
    wrong = [str(worst) for worst in found if not worst.error <= tolerance]
    strided = [Tensor(np.asfortranarray(array), requires_grad=True) for array in arrays]
    for index, (gradient, other) in enumerate(zip(first, _gradients(total, strided), strict=True)):
        if not np.allclose(gradient, other.data, rtol=1e-12, atol=1e-12, equal_nan=True):
            wrong.append(f"argument {index}: its derivative depends on the order of its elements in memory")
    if wrong:
        raise GradientError(f"{getattr(function, '__name__', function)}: " + "\n  ".join(wrong))
    return found


def numerical_gradient(
    function: Callable[..., float], arrays: Sequence[np.ndarray], which: int, step: float = STEP
) -> np.ndarray:
    """d function / d arrays[which], element by element, by central differences of fourth order in `step`."""
    moved = [np.array(array, dtype=np.float64) for array in arrays]
    gradient = np.zeros_like(moved[which])
    for position in np.ndindex(gradient.shape):
        start = moved[which][position]
        values = []
        for steps in (-2, -1, 1, 2):
            moved[which][position] = start + steps * step
            values.append(function(*moved))
        moved[which][position] = start
        gradient[position] = (8 * (values[2] - values[1]) - (values[3] - values[0])) / (12 * step)
    return gradient


def _compare(
    order: int,
    derivatives: Sequence[np.ndarray],
    function: Callable[..., Tensor],
    arrays: Sequence[np.ndarray],
    step: float,
) -> list[Discrepancy]:
    """The worst element of each argument that has elements."""

    def value(*moved: np.ndarray) -> float:
        return function(*(Tensor(array.copy(), requires_grad=True) for array in moved)).item()

    found = []
    for argument, derivative in enumerate(derivatives):
        if not derivative.size:
            continue
        expected = numerical_gradient(value, arrays, argument, step)
        scale = max(1.0, float(np.abs(expected).max()))
        errors = np.abs(derivative - expected) / (np.abs(expected) + scale)
        errors = np.where(np.isnan(errors), np.inf, errors)
        position = tuple(int(index) for index in np.unravel_index(errors.argmax(), errors.shape))
        found.append(
            Discrepancy(
                order,
                argument,
                position,
                float(derivative[position]),
                float(expected[position]),
                float(errors[position]),
            )
        )
    return found


def _gradients(
    function: Callable[..., Tensor], tensors: Sequence[Tensor], create_graph: bool = False
) -> list[Tensor]:
    """d function / d tensors, zeros where it is a constant."""
    output = function(*tensors)
    if not output.requires_grad:
        return [Tensor(np.zeros(tensor.shape)) for tensor in tensors]
    return grad(output, tensors, create_graph=create_graph)


def _values(argument: Any) -> np.ndarray:
    return to_numpy(argument.data) if isinstance(argument, Tensor) else np.asarray(argument)


def _direction(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape)
