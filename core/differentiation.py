"""Products with Jacobians and Hessians, made of `grad` alone.

A reverse walk gives vᵀJ, which is linear in v. Its derivative with respect to v, along u, is J u: a jvp by
two vjps. So no operation needs a forward rule, and whatever has second derivatives has all of these.
"""

from __future__ import annotations

from collections.abc import Sequence

from .array import array_module
from .backward import grad
from .errors import GraphError, ShapeError
from .tensor import Tensor


def vjp(
    output: Tensor, inputs: Sequence[Tensor], cotangent: Tensor, create_graph: bool = False
) -> list[Tensor]:
    """cotangentᵀ · d output / d input for each of `inputs`. cotangent: the output's shape."""
    return grad(output, inputs, seed=cotangent, create_graph=create_graph)


def jvp(
    output: Tensor, inputs: Sequence[Tensor], tangents: Sequence[Tensor], create_graph: bool = False
) -> Tensor:
    """Σ d output / d input · tangent: how the output moves as the inputs move along `tangents`.

    tangents: one an input, each of its shape. The result has the output's shape.
    """
    _check("jvp", inputs, tangents)
    zeros = array_module(output.data).zeros_like(output.data)
    cotangent = Tensor(zeros, requires_grad=True)
    pulled = _dot(vjp(output, inputs, cotangent, create_graph=True), tangents)
    return _gradients(pulled, [cotangent], create_graph)[0]


def hvp(
    output: Tensor, inputs: Sequence[Tensor], vectors: Sequence[Tensor], create_graph: bool = False
) -> list[Tensor]:
    """The Hessian of `output` (one element) times `vectors`, one an input, each of its shape."""
    _check("hvp", inputs, vectors)
    slope = _dot(grad(output, inputs, create_graph=True), vectors)
    return _gradients(slope, inputs, create_graph)


def _dot(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    """The sum of all products of elements: ()."""
    total = (left[0] * right[0]).sum()
    for one, other in zip(left[1:], right[1:], strict=True):
        total = total + (one * other).sum()
    return total


def _gradients(output: Tensor, inputs: Sequence[Tensor], create_graph: bool) -> list[Tensor]:
    """`grad`, and zeros where `output` is a constant: the derivative of something linear."""
    if output.requires_grad:
        return grad(output, inputs, create_graph=create_graph)
    return [Tensor(array_module(tensor.data).zeros_like(tensor.data)) for tensor in inputs]


def _check(name: str, inputs: Sequence[Tensor], directions: Sequence[Tensor]) -> None:
    if not inputs or len(inputs) != len(directions):
        raise GraphError(f"{name}: expected one direction an input, got {len(directions)} for {len(inputs)}")
    for index, (tensor, direction) in enumerate(zip(inputs, directions, strict=True)):
        if tensor.shape != direction.shape:
            raise ShapeError(
                f"{name}, direction {index}", f"its input's shape {tensor.shape}", f"{direction.shape}"
            )
