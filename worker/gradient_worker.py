"""The gradient worker: forward and backward over the micro-batches dealt out to it, one at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from ..core import Tensor, nn, no_grad
from ..core.array import Array, to_device, to_numpy
from ..core.flat import FlatLayout
from ..core.nn import EVALUATION, ForwardContext, Module
from ..core.optim.curvature import gauss_newton_bartlett, hutchinson
from ..core.plan import Plan
from .backup import Backup
from .buffers import Buffers
from .data.batches import Grid
from .data.dataset import Dataset
from .exchange.board import COORDINATOR, Board
from .exchange.compression import Compression, Key, compress
from .faults import reach
from .features import model_inputs, takes_integers
from .objective import Objective
from .optimization import Estimator, Optimization
from .precision import Storage
from .training_input import TrainingInput

EVALUATION_CHUNK = 512
"""Samples of the held-out split evaluated at a time; fixed, so that the sums do not
depend on who adds them."""


class GradientComputer:
    """Losses and gradients of one model on one dataset, at whatever parameters it is given."""

    def __init__(
        self,
        model: Module,
        dataset: Dataset,
        objective: Objective,
        device: str,
        precision: str = "float32",
    ) -> None:
        self._model = model
        self._buffers = Buffers.of(model)
        self._parameters = model.parameters()
        self._tensors = list(self._parameters.values())
        self._dataset = dataset
        self._objective = objective
        self._integers = takes_integers(model)
        self._device = device
        self.input = TrainingInput(dataset, self._integers)
        self._storage = Storage(model, precision, device)
        self._seen: list[Array] = []
        self.plan = Plan(self._share, self._tensors, list(nn.buffers(model).values()))

    def use(self, parameters: Sequence[np.ndarray]) -> None:
        """Compute with these parameters, in the model's order, from now on."""
        self._storage.use(parameters)

    def use_buffers(self, flat: np.ndarray) -> None:
        """Evaluate with these values of the model's buffers, (n,), from now on."""
        self._buffers.use(self._model, flat, self._device)

    def observed(self, out: np.ndarray) -> None:
        """What the last `gradient` saw of that the model's buffers follow, into `out` (n,)."""
        self._buffers.write(self._model, self._seen, out)

    def gradient(
        self,
        indices: np.ndarray,
        batch_samples: int,
        context: ForwardContext,
        out: Sequence[np.ndarray],
        loss_scale: float = 1.0,
    ) -> float:
        """The micro-batch's share of the mini-batch's mean gradient, into `out`; returns the sum of its
        losses, without penalties.

        indices: (samples,) of the training split. out: an array a parameter, in the model's order. The shares
        of all micro-batches add up to the mean gradient over the `batch_samples` samples of the mini-batch,
        times `loss_scale`.
        """
        inputs = self.inputs(indices, batch_samples, context, loss_scale)
        with self._storage.training():
            loss, *self._seen = self.plan(inputs, out, context)
        return float(to_numpy(loss))

    def inputs(
        self, indices: np.ndarray, batch_samples: int, context: ForwardContext, loss_scale: float = 1.0
    ) -> list[Array]:
        """What the plan of a micro-batch is given: see `gradient` and `_share`."""
        features, targets = self._training_samples(indices, context)
        factors = (
            np.float32(loss_scale / batch_samples),
            np.float32(loss_scale * len(indices) / batch_samples),
        )
        return [features, targets, *(to_device(np.asarray(factor), self._device) for factor in factors)]

    def _share(
        self, features: Array, targets: Array, factor: Array, share: Array, context: ForwardContext
    ) -> tuple[Tensor, list[Array]]:
        """What the micro-batch adds to the loss of the mini-batch; the sum of its losses, what was observed.

        factor: of the sum of losses. share: of the penalties.
        """
        output = self._model(self._storage.inputs(features), context)
        loss = self._objective.train_loss(output, targets)
        total = loss * factor
        penalty = self._objective.penalty(self._parameters)
        if penalty is not None:
            total = total + penalty * share
        return total, [loss.data, *self._buffers.seen(self._model)]

    def curvature(
        self,
        indices: np.ndarray,
        batch_samples: int,
        context: ForwardContext,
        out: Sequence[np.ndarray],
        estimator: Estimator,
    ) -> None:
        """The micro-batch's share of an estimate of the Hessian's diagonal, of the mini-batch's mean loss,
        into `out`; see `gradient`."""
        features, targets = self._training_samples(indices, context)
        with self._storage.training():
            output = self._model(self._storage.inputs(features), context)
            if estimator == "hutchinson":
                loss = self._objective.train_loss(output, targets) * (1.0 / batch_samples)
                shares, weight = hutchinson(loss, self._tensors, context.seed, context.step), 1.0
            else:
                weight = len(indices) / batch_samples
                counted = self._objective.counted(targets)
                shares = gauss_newton_bartlett(
                    output, self._tensors, context.seed, context.step, context.first_sample, counted
                )
        for share, target in zip(shares, out, strict=True):
            np.multiply(to_numpy(share), weight, out=target, casting="same_kind")

    def evaluate(self, start: int, stop: int) -> list[float]:
        """Sums over samples `start` to `stop` of the held-out split: the loss, then each metric."""
        indices = np.arange(start, stop)
        data = self._dataset
        raw = np.take(data.test_features, indices, axis=0)
        inputs = model_inputs(raw, data.transform, self._integers, data.pipeline)
        features = to_device(inputs, self._device)
        targets = to_device(np.take(data.test_targets, indices, axis=0), self._device)
        with no_grad(), self._storage.evaluation():
            return self._objective.evaluate(self._model(Tensor(features), EVALUATION), targets)

    def _training_samples(self, indices: np.ndarray, context: ForwardContext) -> tuple[Array, Array]:
        features, targets = self.input.take(indices, context)
        return to_device(features, self._device), to_device(targets, self._device)


class GradientWorker:
    """One incarnation of a worker: finds on the board what is its to do, and leaves the results on its
    desk."""

    def __init__(
        self,
        incarnation: int,
        board: Board,
        layout: FlatLayout,
        computer: GradientComputer,
        grid: Grid,
        test_samples: int,
        optimization: Optimization,
        compression: Compression | None = None,
        spares: int = 0,
    ) -> None:
        """spares: micro-batches at the end of a step that may be computed twice; see `Backup`."""
        self.bell = board.worker_bell(incarnation)
        self._incarnation = incarnation
        self._board = board
        self._desk = board.desk(incarnation)
        self._computer = computer
        self._grid = grid
        self._test_samples = test_samples
        # Both halves of the board and every row of the desk, cut into parameters once instead of at every
        # step.
        self._parameters = [list(layout.views(half).values()) for half in board.parameters]
        self._gradients = [list(layout.views(row[: layout.size]).values()) for row in self._desk.gradients]
        # Where there is a moving average of the weights, the last row of the state, that is evaluated.
        self._averages = (
            None
            if optimization.average is None
            else [list(layout.views(half[-1]).values()) for half in board.state]
        )
        self._optimization = optimization
        self._compression = compression
        self._curvatures = (
            [list(layout.views(row).values()) for row in self._desk.curvatures]
            if board.shape.curvature
            else []
        )
        self._version = -1
        self._uses_average = False
        self._dealt: tuple[int, int, int] | None = None
        self._due: list[int] = []
        self._place = 0
        self._epoch = -1
        self._backup = Backup(spares)

    @property
    def patience(self) -> float:
        """How long to sleep at most, in seconds: until somebody else's work may be overdue."""
        return self._backup.patience(time.perf_counter())

    def advance(self) -> bool:
        """Do the next piece of work that is due; False when there is none."""
        board = self._board
        step = board.step()
        evaluation = 0 if step < board.horizon else board.evaluation
        if step >= board.horizon and not evaluation:
            return False
        dealt = (step, evaluation, board.generation)
        if dealt != self._dealt:
            if self._due and self._dealt is not None:
                # Some of it may be done, and of what is done one rings only once none is left.
                self._ring(self._dealt[1])
            self._due = self._mine(step, evaluation)
            self._dealt = dealt
            self._backup.begin()
        if not self._due and not evaluation:
            self._due = self._overdue(step)
        if not self._due:
            return False
        average = self._averages if evaluation else None
        if step != self._version or self._uses_average != (average is not None):
            self._computer.use((average or self._parameters)[step % 2])
            self._version, self._uses_average = step, average is not None
        item = self._due.pop(0)
        if evaluation:
            if board.shape.buffers:
                self._computer.use_buffers(board.buffers[step % 2])
            self._evaluate(evaluation, item)
        elif not self._backup.spares or not self._is_there(step, item):
            self._compute(step, item)
        if not self._due:
            self._ring(evaluation)
        return True

    def _mine(self, step: int, evaluation: int) -> list[int]:
        """The items dealt out to this worker that it has not done yet, in order."""
        crew = self._board.crew()
        if self._incarnation not in crew:
            return []
        if evaluation:
            items = -(-self._test_samples // EVALUATION_CHUNK)
            due = range(crew.index(self._incarnation), items, len(crew))
            return [c for c in due if not self._desk.has_evaluation(evaluation, c)]
        self._place = crew.index(self._incarnation)
        due = range(self._place, self._pieces(step), len(crew))
        return [m for m in due if not self._desk.has_gradient(step, m)]

    def _pieces(self, step: int) -> int:
        """How many items a step is made up of."""
        return self._grid.micro_batch_count(step)

    def _context(self, step: int, micro_batch: int) -> ForwardContext:
        first = self._grid.micro_batch_bounds(step, micro_batch)[0]
        return ForwardContext(training=True, seed=self._grid.seed, step=step, first_sample=first)

    def _read_ahead(self, step: int) -> None:
        """Have the micro-batch read that most likely comes next, of this epoch."""
        if self._due:
            following = step, self._due[0]
        elif (step + 1) % self._grid.steps_per_epoch == 0:
            return
        else:
            following = step + 1, self._place
        if following[1] < self._grid.micro_batch_count(following[0]):
            self._computer.input.read_ahead(self._grid.indices(*following), self._context(*following))

    def _count_input(self, step: int, waited: float, seconds: float) -> None:
        """Leave on the desk how long this epoch's steps have waited for samples, and how long they took."""
        epoch, totals = self._grid.epoch(step), self._desk.input_seconds
        if epoch != self._epoch:
            self._epoch, totals[0], totals[1] = epoch, 0.0, 0.0
        totals[0] += waited
        totals[1] += seconds

    def _overdue(self, step: int) -> list[int]:
        """A micro-batch of another worker to be computed here too, where one is overdue."""
        if not self._backup.may_begin(time.perf_counter()):
            return []
        crew, count = self._board.crew(), self._grid.micro_batch_count(step)
        if self._incarnation not in crew:
            return []
        missing = [m for m in range(count) if not self._is_there(step, m)]
        return self._backup.choose(missing, crew.index(self._incarnation))

    def _is_there(self, step: int, micro_batch: int) -> bool:
        return any(desk.has_gradient(step, micro_batch) for desk in self._board.desks())

    def _compute(self, step: int, micro_batch: int) -> None:
        reach("worker.before_compute", step)
        began, waited = time.perf_counter(), self._computer.input.waited
        context = self._context(step, micro_batch)
        desk = self._desk
        desk.reserve(micro_batch)
        indices = self._grid.indices(step, micro_batch)
        if self._computer.input.pays(len(indices)):
            self._read_ahead(step)
        scale = self._board.loss_scale(step)[0]
        desk.losses[micro_batch] = self._computer.gradient(
            indices,
            self._grid.batch_samples(step),
            context,
            self._gradients[micro_batch],
            scale,
        )
        if self._compression is not None:
            compress(
                self._compression,
                desk.gradients[micro_batch],
                self._board.residuals[step % 2][micro_batch],
                Key(self._grid.seed, step, micro_batch),
                desk.payloads[micro_batch],
                desk.residuals[micro_batch],
                scale,
            )
        if self._optimization.observes(step + 1):
            self._computer.curvature(
                indices,
                self._grid.batch_samples(step),
                context,
                self._curvatures[micro_batch],
                self._optimization.estimator,
            )
        if self._board.shape.buffers:
            self._computer.observed(desk.observed[micro_batch])
        seconds = time.perf_counter() - began
        self._count_input(step, self._computer.input.waited - waited, seconds)
        self._board.computed(self.bell, seconds)
        self._backup.computed(seconds)
        reach("worker.before_publish", step)
        desk.publish_gradient(step, micro_batch)
        reach("worker.after_publish", step)

    def _evaluate(self, evaluation: int, chunk: int) -> None:
        reach("worker.before_evaluate", self._version)
        start = chunk * EVALUATION_CHUNK
        stop = min(start + EVALUATION_CHUNK, self._test_samples)
        self._desk.evaluation_sums[chunk] = self._computer.evaluate(start, stop)
        self._desk.publish_evaluation(evaluation, chunk)

    def _ring(self, evaluation: int) -> None:
        if evaluation:
            self._board.bells.ring(COORDINATOR)
        else:
            self._board.ring_shards()
