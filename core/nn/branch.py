"""Layers side by side: residual connections and parallel branches."""

from __future__ import annotations

from functools import reduce
from typing import ClassVar, Literal

from .. import ops
from ..errors import ChainruleError, ShapeError
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module


class Residual(Module):
    """body(x) + shortcut(x); without a shortcut, body(x) + x. He et al., CVPR 2016."""

    kind: ClassVar[str] = "residual"

    def __init__(self, body: Module, shortcut: Module | None = None) -> None:
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        around = x if self.shortcut is None else self.shortcut.forward(x, context)
        y = self.body.forward(x, context)
        if y.shape != around.shape:
            self.output_shape(x.shape[1:])
        return y + around

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        around = input_shape if self.shortcut is None else _shape_of(self.shortcut, "shortcut", input_shape)
        shape = _shape_of(self.body, "body", input_shape)
        if shape != around:
            advice = "Give it a shortcut layer that makes them equal" if self.shortcut is None else ""
            raise ShapeError(
                self.kind, f"a body that gives {around}, as the shortcut", f"one that gives {shape}", advice
            )
        return shape


class Parallel(Module):
    """Each branch applied to the same x; their outputs are concatenated along axis 1, or added.

    (n, ...) -> (n, sum of the branches' first sizes, ...), or the shape that all branches give.
    """

    kind: ClassVar[str] = "parallel"

    def __init__(self, *branches: Module, combine: Literal["concatenate", "sum"] = "concatenate") -> None:
        if not branches:
            raise ChainruleError("parallel: expected at least one branch, got none")
        if combine not in ("concatenate", "sum"):
            raise ChainruleError(f"parallel: expected combine to be concatenate or sum, got {combine!r}")
        self.branches = branches
        self.combine = combine

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        outputs = [branch.forward(x, context) for branch in self.branches]
        if len({output.shape for output in outputs}) > 1:
            self.output_shape(x.shape[1:])
        return ops.concatenate(outputs, axis=1) if self.combine == "concatenate" else reduce(ops.add, outputs)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        shapes = [
            _shape_of(branch, f"branches.{index}", input_shape) for index, branch in enumerate(self.branches)
        ]
        first = 1 if self.combine == "concatenate" else 0
        for index, shape in enumerate(shapes):
            if shape[first:] != shapes[0][first:] or len(shape) != len(shapes[0]):
                expected = ", ".join(("any",) * first + tuple(map(str, shapes[0][first:])))
                raise ShapeError(
                    self.kind, f"branches that give ({expected})", f"{shape} from branches.{index}"
                )
        return (sum(shape[0] for shape in shapes), *shapes[0][1:]) if first else shapes[0]


def _shape_of(module: Module, place: str, input_shape: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return module.output_shape(input_shape)
    except ShapeError as error:
        raise error.inside(place) from None
