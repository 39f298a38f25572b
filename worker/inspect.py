"""What a job will be, worked out from its data and its model without training it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from ..core.flat import bind, layout_of
from .data import Dataset, Grid, load_dataset
from .data.rows import memory_bytes
from .data.steps import Steps
from .exchange.ledger import SLOTS
from .features import check_ids
from .gradient_worker import EVALUATION_CHUNK
from .layers import BuiltModel
from .model import build_model
from .model_check import LayerSummary, check_model, summaries
from .optimization import optimization_of
from .plan import grid_of
from .spec import JobSpec, SpecError, Violation
from .spec.losses import Targets
from .weights import WeightsSummary, load_initial_weights, summarize

__all__ = ["JobSummary", "LayerSummary", "WeightsSummary", "inspect_job"]

PROCESS_BYTES = 110_000_000
"""What a worker process holds before it has any data, measured: the interpreter, NumPy, its side of Ray."""

LARGEST_MEMORY = 2**50
"""No worker has more; every size of a job that stays below it fits 64 bits."""

_FLOAT32_BYTES = 4


@dataclass(frozen=True)
class JobSummary:
    """A job's sizes. `memory_bytes` is an estimate of the resident memory of one worker process."""

    parameters: int
    train_samples: int
    test_samples: int
    feature_shape: tuple[int, ...]
    classes: int | None
    steps_per_epoch: int
    total_steps: int
    memory_bytes: int
    layers: tuple[LayerSummary, ...]
    initial_weights: WeightsSummary | None = None


def inspect_job(spec: JobSpec, memory_limit: int = LARGEST_MEMORY) -> JobSummary:
    """Load and check the data, check the model against them, and add up.

    Raises DataError and SpecError; the latter also where a worker would need more than `memory_limit` bytes.
    """
    dataset = load_dataset(spec.dataset, loss=spec.loss, seed=spec.training.seed)
    model = check_model(spec, dataset)
    check_ids(model.module, dataset)
    layers = summaries(model)
    training = spec.training
    grid = grid_of(spec, dataset)
    steps = Steps(grid, training.mini_batches_per_step).per_epoch
    _check_micro_batches(spec, grid, model)
    slots = len(optimization_of(spec, model.module, steps).slots(layout_of(model.module)))
    sizes = _sizes(spec, dataset, grid, slots)
    memory_bytes = _memory_bytes(dataset, model, sizes)
    if memory_bytes > min(memory_limit, LARGEST_MEMORY):
        raise SpecError([_too_large(memory_bytes, min(memory_limit, LARGEST_MEMORY), model, sizes)])
    return JobSummary(
        parameters=_parameter_count(model),
        train_samples=dataset.train_samples,
        test_samples=dataset.test_samples,
        feature_shape=dataset.feature_shape,
        classes=dataset.classes,
        steps_per_epoch=steps,
        total_steps=steps * training.epochs,
        memory_bytes=memory_bytes,
        layers=layers,
        initial_weights=_initial_weights(spec, dataset),
    )


def _check_micro_batches(spec: JobSpec, grid: Grid, model: BuiltModel) -> None:
    """Refuse micro-batches of one sample where nothing can be learned from one alone."""
    if grid.full_batch_samples >= 2 * grid.micro_batch_count(0):
        return
    needing = model.batch_norm
    if spec.loss.targets is Targets.LABEL:
        needing = f"loss.{spec.loss.kind}"
    if needing is not None:
        message = (
            f"learns nothing from a sample alone, and {grid.full_batch_samples} samples make "
            f"{grid.micro_batch_count(0)} micro-batches, some with 1: raise training.batch_size or lower "
            "training.micro_batches"
        )
        raise SpecError([Violation(needing, message)])


def _initial_weights(spec: JobSpec, dataset: Dataset) -> WeightsSummary | None:
    if spec.initial_weights is None:
        return None
    model = build_model(spec, dataset.feature_shape, dataset.classes)
    bind(model, np.zeros(layout_of(model).size, np.float32))
    return summarize(load_initial_weights(model, spec.initial_weights))


def _parameter_count(model: BuiltModel) -> int:
    return sum(parameter.size for parameter in model.module.parameters().values())


def _too_large(memory_bytes: int, limit: int, model: BuiltModel, size: _Sizes) -> Violation:
    pairs = list(zip(model.layers, summaries(model), strict=True))
    built, layer = max(pairs, key=lambda pair: size.copies * pair[1].parameters + size.rows * pair[0].values)
    message = (
        f"each worker would need about {_gigabytes(memory_bytes)} of memory, more than the "
        f"{_gigabytes(limit)} that there are; {layer.name} alone has {layer.parameters:,} parameters and "
        f"makes about {built.values:,} values of each of {size.rows:,} samples: use fewer units, smaller "
        "samples, or a smaller training.batch_size"
    )
    return Violation(built.field, message)


def _gigabytes(byte_count: int) -> str:
    return f"{byte_count / 1e9:,.1f} GB"


@dataclass(frozen=True)
class _Sizes:
    """What a worker holds at once: copies of the parameters, and samples on their way through the model."""

    copies: int
    rows: int


def _sizes(spec: JobSpec, dataset: Dataset, grid: Grid, slots: int) -> _Sizes:
    micro_batches = grid.micro_batch_count(0)
    mine = -(-micro_batches // min(spec.cluster.least_workers, micro_batches))
    rows = max(-(-grid.full_batch_samples // micro_batches), min(EVALUATION_CHUNK, dataset.test_samples))
    # Two versions of the parameters, the gradient that backward makes, and one to hand over a micro-batch;
    # where that is compressed, two versions of what is left out of it.
    if not spec.training.synchronous:
        mine = SLOTS + 1  # and a copy of the parameters
    elif spec.training.takes_local_steps:
        mine = (mine + 1) * (1 + slots)  # and the optimizer state, in hand and handed over
    elif spec.training.compression.kind != "none":
        mine *= 3
    return _Sizes(copies=3 + mine, rows=rows)


def _memory_bytes(dataset: Dataset, model: BuiltModel, size: _Sizes) -> int:
    """Process, samples, epoch order, parameters and gradients, and the largest forward and backward pass.

    Samples that stay in their file count with their index alone: the system takes their pages back when it
    needs them. Optimizer state is not in it: the parameter servers hold that.
    """
    arrays = (dataset.train_features, dataset.train_targets, dataset.test_features, dataset.test_targets)
    samples = sum(map(memory_bytes, arrays))
    order = 3 * 8 * dataset.train_samples  # the permutation (int64), and the random words while it is sorted
    parameters = size.copies * _parameter_count(model)
    values = prod(dataset.feature_shape) + sum(layer.values for layer in model.layers)
    return PROCESS_BYTES + samples + order + (parameters + size.rows * values) * _FLOAT32_BYTES
