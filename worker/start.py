"""Where training starts: at freshly drawn parameters, or at a checkpoint that fits the job."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.optim.schedules import PlateauState
from .checkpoint import Checkpoint, checkpoints_folder, read_newest_checkpoint, recover_checkpoints
from .durable import storage_errors
from .errors import JobError
from .messages import Position
from .optimization import AVERAGE, loss_scale_of
from .plan import Plan, dataset_fingerprint, initial_values
from .reports import Reason
from .runtime import JobOrder
from .spec import JobSpec, SpecError, parse_spec

MAY_DIFFER = (
    "name",
    "cluster",
    "metrics",
    "training.epochs",
    "training.checkpoint_every",
    "training.checkpoint_every_steps",
    "training.early_stopping",
    "training.schedule",
    "training.warm_up",
    "training.clip_value",
    "training.clip_norm",
    "training.average",
    "training.precision",
    "training.loss_scale",
    "training.compression",
    "parameter_groups",
    "penalties",
    "initial_weights",
)
"""Fields in which a job may differ from the one that it continues: none of them moves a step already taken.
An optimizer's numbers may differ too, its kind may not; a state that it did not have so far
(momentum) starts at 0, a moving average at the weights."""

_OF_DATASET = ("test_fraction", "normalize", "transforms")


@dataclass(frozen=True, eq=False)
class StartingPoint:
    """parameters: (n,). state: (slots, n). best: (n,) or None. dataset: the fingerprint of the samples.

    buffers: (m,), the model's; best_buffers: (m,) or None.
    residuals: (micro_batches, n), what compression has left out so far, or None.
    resumed: whether `position` is that of a checkpoint of this job itself. loss_scale: its value, and the
    finite steps in a row.
    """

    position: Position
    parameters: np.ndarray
    state: np.ndarray
    best: np.ndarray | None
    buffers: np.ndarray
    best_buffers: np.ndarray | None
    dataset: str
    resumed: bool
    loss_scale: tuple[float, int] = (1.0, 0)
    residuals: np.ndarray | None = None


def starting_point(order: JobOrder, plan: Plan) -> StartingPoint:
    """Find where this execution begins; JobError (CHECKPOINT_INVALID) where a checkpoint does not fit."""
    fingerprint = dataset_fingerprint(plan.dataset)
    with storage_errors("What was left unfinished", checkpoints_folder(order.folder)):
        recover_checkpoints(order.folder)
    checkpoint = read_newest_checkpoint(order.folder) if order.resume else None
    resumed = checkpoint is not None
    if checkpoint is None and order.continue_from is not None:
        checkpoint = read_newest_checkpoint(order.continue_from)
        if checkpoint is None:
            message = f"There is no checkpoint to continue from in {order.continue_from}."
            raise JobError(Reason.CHECKPOINT_INVALID, message)
        # What early stopping saw belongs to the other job's schedule.
        position = replace(checkpoint.position, best=None, waited=0, stopped_early=False)
        checkpoint = replace(checkpoint, position=position, best=None, best_buffers=None)
    state = np.zeros((plan.shape.slots, plan.shape.parameters), np.float32)
    scale = plan.optimization.loss_scale
    loss_scale = (1.0, 0) if scale is None else (float(scale.value), int(scale.good_steps))
    if checkpoint is None:
        parameters, buffers = initial_values(plan)
        if AVERAGE in plan.slots:
            state[plan.slots.index(AVERAGE)] = parameters
        return StartingPoint(
            Position(), parameters, state, None, buffers, None, fingerprint, resumed, loss_scale
        )
    before = _job_of(checkpoint)
    _check_fit(checkpoint, before, plan, fingerprint)
    if before.training.schedule != plan.spec.training.schedule:
        # What a plateau saw, and took off the learning rate, belongs to its schedule.
        checkpoint = replace(checkpoint, position=replace(checkpoint.position, plateau=PlateauState()))
    if loss_scale_of(before.training) is not None and scale is not None:
        loss_scale = checkpoint.loss_scale
    saved = {AVERAGE: checkpoint.parameters, **dict(zip(checkpoint.slots, checkpoint.state, strict=True))}
    for row, slot in zip(state, plan.slots, strict=True):
        if slot in saved:
            row[...] = saved[slot]
    return StartingPoint(
        checkpoint.position,
        checkpoint.parameters,
        state,
        checkpoint.best,
        checkpoint.buffers,
        checkpoint.best_buffers,
        fingerprint,
        resumed,
        loss_scale,
        checkpoint.residuals if plan.shape.payload_bytes else None,
    )


def _job_of(checkpoint: Checkpoint) -> JobSpec:
    """The job that wrote it, with the defaults of fields that it did not know yet."""
    try:
        return parse_spec(checkpoint.job)
    except SpecError as error:
        step = checkpoint.position.step
        message = f"The checkpoint of step {step} is of a job that cannot be read: {error}"
        raise JobError(Reason.CHECKPOINT_INVALID, message) from error


def _check_fit(checkpoint: Checkpoint, before: JobSpec, plan: Plan, fingerprint: str) -> None:
    old, new = before.model_dump_job(), plan.spec.model_dump_job()
    differences = _differences("", _comparable(old), _comparable(new))
    if differences:
        listed = "; ".join(differences)
        allowed = ", ".join(MAY_DIFFER)
        message = (
            f"The checkpoint of step {checkpoint.position.step} belongs to another job: {listed}. "
            f"Only {allowed} and the optimizer's numbers may differ; submit a new job for the rest."
        )
        raise JobError(Reason.CHECKPOINT_INVALID, message)
    if checkpoint.dataset != fingerprint:
        message = (
            f"The data have changed since the checkpoint of step {checkpoint.position.step} was written, "
            "so training would not go on where it stopped. Put the old files back, or submit a new job."
        )
        raise JobError(Reason.CHECKPOINT_INVALID, message)
    if checkpoint.layout != plan.layout:
        message = (
            f"The model has other parameters than at the checkpoint of step {checkpoint.position.step}: "
            "the Python file that makes it has changed. Put the old one back, or submit a new job."
        )
        raise JobError(Reason.CHECKPOINT_INVALID, message)
    if checkpoint.position.step > plan.grid.steps_per_epoch * plan.spec.training.epochs:
        message = (
            f"The checkpoint is at step {checkpoint.position.step}, beyond the end of "
            f"{plan.spec.training.epochs} epochs. Raise training.epochs."
        )
        raise JobError(Reason.CHECKPOINT_INVALID, message)


def _comparable(job: dict[str, Any]) -> dict[str, Any]:
    """The fields in which two jobs must agree."""
    training = {key: value for key, value in job["training"].items() if f"training.{key}" not in MAY_DIFFER}
    kept = {key: value for key, value in job.items() if key not in MAY_DIFFER}
    [optimizer] = job["optimizer"]
    # The same files may have moved; their contents are compared by the fingerprint.
    dataset = {key: value for key, value in job["dataset"].items() if key in _OF_DATASET}
    return {**kept, "dataset": dataset, "training": training, "optimizer": optimizer}


def _differences(path: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        return [
            line
            for key in keys
            for line in _differences(f"{path}.{key}".lstrip("."), old.get(key), new.get(key))
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [line for index, (a, b) in pairs for line in _differences(f"{path}[{index}]", a, b)]
    return [] if old == new else [f"{path} was {old}, is {new}"]
