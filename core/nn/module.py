"""What every layer and model is: a function of a batch, with named parameters and a shape rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np

from .. import init
from ..array import Array
from ..errors import DeviceError, DTypeError, ShapeError
from ..tensor import Tensor
from .context import EVALUATION, ForwardContext
from .description import describe
from .hooks import Moment, add_module_hook


class Module:
    """A layer or model. Subclasses define `forward`, `output_shape` and `kind`, the name used in errors.

    Its parameters are the tensors with `requires_grad` among its attributes; its children are the modules
    among its attributes, alone or in a tuple.
    """

    kind: ClassVar[str] = "module"
    initializer: init.Initializer | None = None
    """Where its matrices and kernels start, if not as `start` says; see `initialize_with`."""

    def __call__(self, x: Tensor | Array, context: ForwardContext = EVALUATION) -> Tensor:
        """Outputs for a batch `x` of shape (n, *input shape). Raises ShapeError that names the layer."""
        x = x if isinstance(x, Tensor) else Tensor(x)
        try:
            return self.forward(x, context)
        except (ShapeError, DTypeError, DeviceError) as error:
            with suppress(NotImplementedError):
                self.output_shape(x.shape[1:])
            place = raised_in(self, error)
            raise (error.inside(place) if place else error) from error.__cause__

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        """What the layer computes; shapes are checked by the ops, and explained by `output_shape`."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """One sample's output shape for one sample's input shape. Raises ShapeError if it does not fit."""
        raise NotImplementedError(f"{type(self).__name__} defines no output_shape")

    def refused(self, expected: str, input_shape: tuple[int, ...], advice: str = "") -> ShapeError:
        """What `output_shape` raises: samples of this shape where it expected others."""
        return ShapeError(self.kind, f"samples {expected}", f"samples of shape {input_shape}", advice)

    def register_forward_pre_hook(self, function: Callable[[Module, Tensor], Any]) -> Callable[[], None]:
        """Call function(module, x) before each forward pass; what it returns, if anything, takes x's place.

        Returns a function that removes the hook, as the other two do.
        """
        return add_module_hook(self, Moment.BEFORE, function)

    def register_forward_hook(self, function: Callable[[Module, Tensor, Any], Any]) -> Callable[[], None]:
        """Call function(module, x, output) after each forward pass; what it returns takes output's place."""
        return add_module_hook(self, Moment.AFTER, function)

    def register_backward_hook(
        self, function: Callable[[Module, Tensor], Tensor | None]
    ) -> Callable[[], None]:
        """Call function(module, gradient) with each output's gradient; what it returns takes its place."""
        return add_module_hook(self, Moment.GRADIENT, function)

    def children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside this one, with their names: `layers.0`."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, tuple):
                for index, item in enumerate(value):
                    if isinstance(item, Module):
                        yield f"{name}.{index}", item

    def modules(self) -> Iterator[Module]:
        """This module and all inside it, depth first; one that is used more than once comes once."""
        found = {id(self): self}
        for _, child in self.children():
            found |= {id(module): module for module in child.modules() if id(module) not in found}
        return iter(found.values())

    def own_parameters(self) -> dict[str, Tensor]:
        """Its own trainable tensors by name (`weight`), without those of the modules inside it."""
        return {
            name: value
            for name, value in vars(self).items()
            if isinstance(value, Tensor) and value.requires_grad
        }

    def start(self, name: str, shape: tuple[int, ...], seed: int, index: int) -> np.ndarray:
        """Where its own parameter `name` starts, keyed by (seed, index): matrices He uniform, vectors zero.

        Layers whose parameters start otherwise say so here, and nowhere else.
        """
        return init.he_uniform(shape, seed, index) if len(shape) > 1 else init.zeros(shape)

    def parameters(self) -> dict[str, Tensor]:
        """Trainable tensors by dotted name (`layers.0.weight`), in order of definition.

        One that is shared comes once, under the name of its first place.
        """
        found = self.own_parameters()
        known = set(map(id, found.values()))
        for place, child in self.children():
            for name, parameter in child.parameters().items():
                if id(parameter) not in known:
                    found[f"{place}.{name}"] = parameter
            known.update(map(id, found.values()))
        return found

    def __repr__(self) -> str:
        return describe(self)


from .layer_path import raised_in  # noqa: E402  What finds a module's place has to know what a module is.
