"""An update rule on a model's parameters in one flat buffer: the optimizer for hand-written loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..array import Array, accumulator, array_module
from ..errors import ChainruleError, ShapeError
from ..flat import FlatLayout, bind
from ..nn import Module
from .average import MovingAverage
from .clip import clip_by_norm, clip_by_value
from .flat_update import FlatUpdate
from .groups import AnyRule, Group, rules_by_parameter
from .loss_scale import LossScale
from .schedules import Constant, Schedule
from .sophia import Sophia


class FlatOptimizer:
    """Moves the model's parameters into one flat buffer and updates all of them in one pass a step.

    Of half-precision parameters it keeps float32 masters, in `parameters`, and rounds these after each step.
    groups: parameters with a learning rate, decay or rule of their own, or frozen. schedule: what the
    learning rates are multiplied by, step by step. clip_value, clip_norm: bounds for the gradient, by
    element, then as a whole (without what is frozen). average: keep a moving average of
    the weights in `averaged`. loss_scale: the loss that `backward` starts from was multiplied by its value; a
    step whose gradient overflowed is left out, and `loss_scale` is then that of the next step.
    """

    def __init__(
        self,
        rule: AnyRule,
        model: Module,
        groups: Sequence[Group] = (),
        schedule: Schedule | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        average: MovingAverage | None = None,
        loss_scale: LossScale | None = None,
    ) -> None:
        tensors = model.parameters()
        if not tensors:
            raise ChainruleError(f"FlatOptimizer: expected a model with parameters, got {model!r}")
        layout = FlatLayout.of({name: tensor.shape for name, tensor in tensors.items()})
        sample = next(iter(tensors.values())).data
        xp, dtype = array_module(sample), accumulator(sample.dtype)
        self.rule = rule
        self.schedule: Schedule = schedule or Constant()
        self.clip_value, self.clip_norm, self.average = clip_value, clip_norm, average
        self.loss_scale = loss_scale
        self.steps = 0
        self.layout = layout
        self.parameters = xp.zeros(layout.size, dtype)
        self.gradient = xp.zeros(layout.size, dtype)
        self._update = FlatUpdate(layout, rule, groups)
        self.state = tuple(xp.zeros(layout.size, dtype) for _ in self._update.slots)
        for name, view in layout.views(self.parameters).items():
            view[...] = tensors[name].data
        self.averaged = self.parameters.copy() if average else None
        self._stored = self.parameters.astype(sample.dtype, copy=False)
        bind(model, self._stored)
        frozen = [rule is None for rule in rules_by_parameter(layout, rule, groups)]
        views = layout.views(self.gradient)
        self._pairs = [
            (tensors[name], view, fixed) for (name, view), fixed in zip(views.items(), frozen, strict=True)
        ]
        self._frozen = [pair for pair in self._pairs if pair[2]]

    def step(self) -> None:
        """Update the parameters from their `.grad` (none counts as zero) and clear it."""
        for tensor, view, _ in self._pairs:
            view[...] = 0 if tensor.grad is None else tensor.grad.data
            tensor.grad = None
        self.apply()

    def gradient_views(self) -> list[Array]:
        """Each parameter's part of `gradient`, for what writes there itself and then calls `apply`."""
        return [view for _, view, _ in self._pairs]

    def apply(self) -> None:
        """Update the parameters from `gradient`."""
        for _, view, _ in self._frozen:
            view[...] = 0
        if self.loss_scale is not None and not self._unscaled(self.loss_scale):
            return
        if self.clip_value is not None:
            clip_by_value(self.gradient, self.clip_value)
        if self.clip_norm is not None:
            clip_by_norm(self.gradient, self.clip_norm)
        self.steps += 1
        self._update.update(
            self.steps,
            self.gradient,
            self.parameters,
            self.state,
            self.parameters,
            self.state,
            self.schedule(self.steps),
        )
        self._store()
        if self.average is not None and self.averaged is not None:
            self.average.update(self.steps, self.parameters, self.averaged, self.averaged)

    def _store(self) -> None:
        if self._stored is not self.parameters:
            self._stored[...] = self.parameters

    def _unscaled(self, scale: LossScale) -> bool:
        """Divide the gradient by the scale, and move that on; False if this step is left out."""
        finite = bool(array_module(self.gradient).isfinite(self.gradient).all())
        self.loss_scale = scale.after(finite)
        self.gradient *= self.gradient.dtype.type(1 / scale.value)
        return not scale.skips(finite)

    def observe_curvature(self, estimates: Sequence[Array]) -> None:
        """Give Sophia an estimate of the Hessian's diagonal, an array for each parameter, before `step`."""
        if not isinstance(self.rule, Sophia):
            raise TypeError(f"observe_curvature: expected the rule Sophia, got {type(self.rule).__name__}")
        flat = array_module(self.parameters).zeros_like(self.parameters)
        for view, estimate in zip(self.layout.views(flat).values(), estimates, strict=True):
            view[...] = estimate
        self.rule.observe(flat, self.state, self.state)

    def save(self) -> dict[str, Array]:
        """Copies of all that a continuation needs, by name: parameters, state, average and the step."""
        xp = array_module(self.parameters)
        saved = {name: buffer.copy() for name, buffer in self._buffers().items()}
        if self.loss_scale is not None:
            saved["loss_scale"] = xp.asarray([self.loss_scale.value, self.loss_scale.good_steps])
        return saved | {"steps": xp.asarray(self.steps)}

    def restore(self, saved: Mapping[str, Array]) -> None:
        """Take up what `save` gave, in place. Raises ShapeError if it is of another model or rule."""
        buffers = self._buffers()
        expected = {name: buffer.shape for name, buffer in buffers.items()} | {"steps": ()}
        if self.loss_scale is not None:
            expected["loss_scale"] = (2,)
        actual = {name: array.shape for name, array in saved.items()}
        if expected != actual:
            raise ShapeError("restore, argument saved", f"{expected}", f"{actual}")
        for name, buffer in buffers.items():
            buffer[...] = array_module(buffer).asarray(saved[name])
        self._store()
        self.steps = int(saved["steps"])
        if self.loss_scale is not None:
            value, good_steps = saved["loss_scale"].tolist()
            self.loss_scale = replace(self.loss_scale, value=value, good_steps=int(good_steps))

    def __repr__(self) -> str:
        count = sum(tensor.size for tensor, _, _ in self._pairs)
        return f"FlatOptimizer({self.rule!r}): {count:,} parameters, step {self.steps}"

    def _buffers(self) -> dict[str, Array]:
        buffers = {f"state/{slot}": row for slot, row in zip(self._update.slots, self.state, strict=True)}
        buffers["parameters"] = self.parameters
        if self.averaged is not None:
            buffers["average"] = self.averaged
        return buffers
