"""What is worked out once about a job before it runs, and how each of its members is built from that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core import nn
from ..core.array import device_module
from ..core.flat import FlatLayout, bind, layout_of
from ..core.metrics import HIGHER_IS_BETTER
from ..core.serialize import digest
from .buffers import Buffers
from .compression import compression_of
from .coordinator import Schedule
from .data import Dataset, load_dataset
from .data.batches import Grid
from .data.steps import Steps
from .data.transform import row_blocks
from .dealt_worker import DealtWorker
from .exchange.board import Board, BoardShape
from .exchange.ledger import SLOTS
from .gradient_worker import EVALUATION_CHUNK, GradientComputer, GradientWorker
from .local_worker import LocalWorker
from .model import build_model, check_model
from .objective import Objective
from .optimization import Optimization, optimization_of
from .parameter_server import ParameterServer
from .sequencing import Sequencing
from .shard_update import ShardUpdate
from .spec import JobSpec
from .spec.consistency import AsyncSpec, BoundedSpec
from .weights import load_initial_weights


@dataclass(frozen=True, eq=False)
class Plan:
    """A job with its data loaded and its model's layout known; a few small values and the dataset's
    arrays."""

    spec: JobSpec
    dataset: Dataset
    layout: FlatLayout
    buffers: Buffers
    shape: BoardShape
    optimization: Optimization

    @cached_property
    def grid(self) -> Grid:
        """The cut of each epoch into mini-batches and micro-batches."""
        return grid_of(self.spec, self.dataset)

    @cached_property
    def steps(self) -> Steps:
        """The mini-batches of each step."""
        return Steps(self.grid, self.spec.training.mini_batches_per_step)

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """Names of the rows of optimizer state."""
        return self.optimization.slots(self.layout)


def grid_of(spec: JobSpec, dataset: Dataset) -> Grid:
    """The cut of each epoch that a job asks for."""
    training = spec.training
    return Grid(
        dataset.train_samples, training.batch_size, training.micro_batches, training.seed, training.shuffle
    )


def make_plan(spec: JobSpec) -> Plan:
    """Load the data, check the model against it, and lay out the parameters. Raises SpecError, DataError."""
    dataset = load_dataset(spec.dataset, loss=spec.loss, seed=spec.training.seed)
    check_model(spec, dataset)
    model = build_model(spec, dataset.feature_shape, dataset.classes)
    layout = layout_of(model)
    buffers = Buffers.of(model)
    grid = grid_of(spec, dataset)
    steps = Steps(grid, spec.training.mini_batches_per_step)
    local, synchronous = spec.training.takes_local_steps, spec.training.synchronous
    optimization = optimization_of(spec, model, grid.steps_per_epoch if local else steps.per_epoch)
    slots = len(optimization.slots(layout))
    passes = len(steps.batches(0)) if local else 1
    compression = compression_of(spec, layout)
    shape = BoardShape(
        parameters=layout.size,
        slots=slots,
        shards=spec.cluster.parameter_servers,
        workers=spec.cluster.most_workers,
        micro_batches=min(spec.training.micro_batches, grid.full_batch_samples) if synchronous else SLOTS,
        evaluation_chunks=max(1, -(-dataset.test_samples // EVALUATION_CHUNK)),
        evaluation_values=1 + len(spec.metrics),
        buffers=buffers.layout.size,
        curvature=optimization.estimates_curvature,
        tasks=0 if synchronous else steps.per_epoch,
        observations=passes if synchronous else steps.passes(0),
        replica_rows=1 + slots if local else 1,
        payload_bytes=0 if compression is None else compression.payload_bytes,
    )
    return Plan(spec, dataset, layout, buffers, shape, optimization)


def initial_values(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """The flat buffer (n,) that a new job starts from, keyed by its seed, and the model's buffers (m,)."""
    model = build_model(plan.spec, plan.dataset.feature_shape, plan.dataset.classes)
    flat = np.zeros(plan.layout.size, np.float32)
    bind(model, flat)
    nn.initialize(model, plan.spec.training.seed)
    if plan.spec.initial_weights is not None:
        load_initial_weights(model, plan.spec.initial_weights)
    return flat, plan.buffers.values(model)


def dataset_fingerprint(dataset: Dataset) -> str:
    """SHA-256 over the samples, so that a continuation on other data is noticed."""
    arrays = dataset.train_features, dataset.train_targets, dataset.test_features, dataset.test_targets
    return digest(block for array in arrays for block in row_blocks(array))


def make_worker(plan: Plan, board: Board, incarnation: int) -> GradientWorker:
    """A gradient worker at the desk that was made for it; DeviceError where its device is not there."""
    device_module(plan.spec.cluster.device)
    spec, dataset = plan.spec, plan.dataset
    model = build_model(spec, dataset.feature_shape, dataset.classes)
    objective = Objective(spec, dataset)
    computer = GradientComputer(model, dataset, objective, spec.cluster.device, spec.training.precision)
    others = computer, plan.grid, dataset.test_samples, plan.optimization
    if spec.training.takes_local_steps:
        update = ShardUpdate(plan.optimization, plan.layout, slice(0, plan.layout.size))
        return LocalWorker(incarnation, board, plan.layout, *others, steps=plan.steps, update=update)
    if spec.training.synchronous:
        compression = compression_of(spec, plan.layout)
        spares = spec.cluster.spares
        return GradientWorker(incarnation, board, plan.layout, *others, compression, spares)
    consistency = spec.training.consistency
    return DealtWorker(
        incarnation,
        board,
        plan.layout,
        *others,
        steps=plan.steps,
        parts=plan.layout.shards(spec.cluster.parameter_servers),
        pull_every=consistency.pull_every if isinstance(consistency, AsyncSpec) else 1,
    )


def make_parameter_server(plan: Plan, board: Board, shard: int) -> ParameterServer:
    """A parameter-server shard that goes on from what the board holds."""
    part = plan.layout.shards(plan.spec.cluster.parameter_servers)[shard]
    update = ShardUpdate(plan.optimization, plan.layout, part)
    buffers = plan.buffers if shard == 0 and plan.shape.buffers else None
    training, grid, steps = plan.spec.training, plan.grid, plan.steps
    if training.takes_local_steps:
        return ParameterServer(shard, board, update, steps.replicas, buffers, observed=steps.replica_passes)
    if training.synchronous:
        return ParameterServer(shard, board, update, grid.micro_batch_count, buffers, grid.steps_per_epoch)
    consistency, sequencing = training.consistency, None
    if shard == 0:
        bound = consistency.staleness if isinstance(consistency, BoundedSpec) else None
        sequencing = Sequencing(board, steps.per_epoch, bound)
    return ParameterServer(shard, board, update, steps.passes, buffers, sequencing=sequencing)


def make_schedule(plan: Plan) -> Schedule:
    """The parts of a job that the coordinator decides by."""
    spec = plan.spec
    optimizer = spec.optimizer
    advice = (
        f"Try a smaller optimizer.{optimizer.kind}.learning_rate (now {optimizer.learning_rate:g})"
        + (", dataset.normalize: standard" if spec.dataset.normalize == "none" else "")
        + ", or a larger training.batch_size."
    )
    return Schedule(
        epochs=spec.training.epochs,
        steps_per_epoch=plan.steps.per_epoch,
        train_samples=plan.dataset.train_samples,
        test_samples=plan.dataset.test_samples,
        parameters=sum(int(np.prod(shape)) for shape in plan.layout.shapes),
        workers=spec.cluster.least_workers,
        most_workers=spec.cluster.most_workers,
        parameter_servers=spec.cluster.parameter_servers,
        restarts=spec.cluster.restarts,
        batch_samples=plan.steps.samples,
        metrics=spec.metrics,
        higher_is_better=HIGHER_IS_BETTER,
        checkpoint_every=spec.training.checkpoint_every,
        checkpoint_every_steps=spec.training.checkpoint_every_steps,
        early_stopping=spec.training.early_stopping,
        advice=advice,
        plateau=plan.optimization.plateau,
        plateau_metric=plan.optimization.plateau_metric,
    )
