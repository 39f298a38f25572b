"""One training step of a job, timed call by call: a micro-batch forward and backward, and the update."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from ..core import native
from ..core.array import Array
from ..core.eager_timing import Mark, time_eagerly
from ..core.machine_limits import MachineLimits, measure_limits
from ..core.nn import ForwardContext
from ..core.nn.hooks import Moment, add_module_hook
from ..core.optim.norm import norm_of
from ..core.plan import Plan
from ..core.planned_timing import PlannedStep, time_planned
from ..core.timing import StepTiming
from .gradient_worker import GradientComputer
from .model import build_model
from .objective import Objective
from .parameter_server import ParameterServerShard
from .plan import Plan as JobPlan
from .plan import initial_values, make_plan
from .shard_update import ShardUpdate
from .spec import JobSpec, SpecError, Violation


@dataclass(frozen=True)
class JobProfile:
    """A step that was timed, and what it is a part of.

    samples: of the micro-batch; the job's steps have `micro_batches` of them, `batch_samples` in all.
    """

    timing: StepTiming
    limits: MachineLimits
    samples: int
    batch_samples: int
    micro_batches: int
    parameters: int

    @property
    def job_step_seconds(self) -> float:
        """What a whole step takes in one process: every micro-batch, and the update."""
        update = sum(call.seconds for call in self.timing.calls if call.phase == "update")
        return (self.timing.seconds - update) * self.micro_batches + update


def profile_job(spec: JobSpec, repeats: int, threads: int | None = None) -> JobProfile:
    """Time the first step of a job with so many threads, all by default. Raises SpecError and DataError."""
    if spec.cluster.device != "cpu":
        message = "a profile is taken on the CPU: set cluster.device=cpu"
        raise SpecError([Violation("cluster.device", message)])
    plan = make_plan(spec)
    count = threads or native.available_threads()
    with _threads(count):
        before = measure_limits(count)
        timing = profile_step(plan, repeats)
        limits = before.best(measure_limits(count, again=1))
    start, stop = plan.grid.micro_batch_bounds(0, 0)
    parameters = sum(int(np.prod(shape)) for shape in plan.layout.shapes)
    micro_batches = plan.grid.micro_batch_count(0)
    return JobProfile(timing, limits, stop - start, plan.grid.batch_samples(0), micro_batches, parameters)


def profile_step(plan: JobPlan, repeats: int) -> StepTiming:
    """Time the first micro-batch of a job, and the update, on values that stay as they are."""
    step = _Step(plan)
    with np.errstate(all="ignore"), _quiet_plan():
        planned = time_planned(step.planned(), repeats)
        return planned or time_eagerly(step, repeats, step.reason())


class _Step:
    """A step of a job, in one process and with nothing exchanged; the same each time it is called."""

    def __init__(self, plan: JobPlan) -> None:
        spec, layout = plan.spec, plan.layout
        self._plan = plan
        self._update = ShardUpdate(plan.optimization, layout, slice(0, layout.size))
        self._shard = ParameterServerShard(0, lambda _: plan.grid.micro_batch_count(0))
        model = build_model(spec, plan.dataset.feature_shape, plan.dataset.classes)
        objective = Objective(spec, plan.dataset)
        self._computer = GradientComputer(model, plan.dataset, objective, "cpu", spec.training.precision)
        self._model = model
        parameters, buffers = initial_values(plan)
        self._before = [parameters, *np.zeros((plan.shape.slots, layout.size), np.float32)]
        self._after = [np.zeros_like(row) for row in self._before]
        self._gradient, self._sum = np.zeros_like(parameters), np.zeros_like(parameters)
        self._views = list(layout.views(self._gradient).values())
        self._computer.use(list(layout.views(parameters).values()))
        self._computer.use_buffers(buffers)
        scale = plan.optimization.loss_scale
        self._loss_scale = 1.0 if scale is None else float(scale.value)
        self._context = ForwardContext(training=True, seed=plan.grid.seed, step=0, first_sample=0)
        sample = plan.dataset.train_features[:1].nbytes + plan.dataset.train_targets[:1].nbytes
        self._read = 2 * sample * len(plan.grid.indices(0, 0))

    def __call__(self, mark: Mark) -> None:
        self._compute(mark)
        self._apply(mark)

    def planned(self) -> PlannedStep:
        """The step as its plan, if it comes to one, and what is around that."""
        grid = self._plan.grid

        def prepare(mark: Mark) -> Sequence[Array]:
            inputs = self._computer.inputs(
                grid.indices(0, 0), grid.batch_samples(0), self._context, self._loss_scale
            )
            mark("take", "samples", "forward", bytes=self._read)
            return inputs

        def whole() -> None:
            self(lambda *_, **__: None)

        return PlannedStep(self._computer.plan, prepare, self._views, self._context, self._apply, whole)

    def reason(self) -> str:
        """Why the step is not planned."""
        known = "there are no compiled kernels for this processor"
        return next(iter(self._computer.plan.reasons), known)

    def _compute(self, mark: Mark) -> None:
        grid = self._plan.grid
        begin = add_module_hook(
            self._model, Moment.BEFORE, lambda *_: mark("take", "samples", "forward", bytes=self._read)
        )
        batch, scale = grid.batch_samples(0), self._loss_scale
        try:
            self._computer.gradient(grid.indices(0, 0), batch, self._context, self._views, scale)
        finally:
            begin()
        mark("copy", "gradient", "backward", bytes=2 * self._gradient.nbytes)

    def _apply(self, mark: Mark) -> None:
        optimization, size = self._plan.optimization, self._plan.layout.size
        shard, update, gradient = self._shard, self._update, self._gradient
        rows = self._plan.grid.micro_batch_count(0)
        if rows > 1 or optimization.changes_gradient:
            for row in range(rows):
                shard.push(shard.step, row, 0.0, gradient)
            gradient = shard.total(self._sum, update.reads, own=True)
            shard.complete()
            sums = max(1, rows - 1)
            passes = 2 if rows == 1 else 3
            mark("sum micro-batches", "", "update", (rows - 1) * size, passes * sums * gradient.nbytes)
        norm = 0.0
        if optimization.measures_norm:
            norm = norm_of(update.measure(gradient, self._loss_scale))
            mark("gradient norm", "", "update", 2 * size, gradient.nbytes)
        update.apply(1, gradient, norm, optimization.loss_scale, 1.0, self._before, self._after)
        slots = len(self._before) - 1
        moved = gradient.nbytes * (3 + 2 * slots)  # reads gradient, weights and state, writes the latter two
        mark(self._plan.spec.optimizer.kind, "", "update", (2 + 5 * slots) * size, moved)


@contextmanager
def _quiet_plan() -> Iterator[None]:
    """Inside, it is no warning that a step is not planned: its timing says why."""
    log = logging.getLogger(Plan.__module__)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Inside, kernels and matrix products use so many threads."""
    if native.library is None:
        with threadpool_limits(count, user_api="blas"):
            yield
        return
    native.use_threads(count)
    try:
        yield
    finally:
        native.use_threads(native.available_threads())
