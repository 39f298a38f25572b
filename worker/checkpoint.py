"""Checkpoints: all that a bit-exact continuation needs, written atomically and verified before it is used.

One folder a checkpoint, `step-000000450/`: `state.safetensors` (weights and optimizer state as flat buffers)
and `checkpoint.json` (the job, the position, the layout, the digest over the arrays, and checksums of
both files).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import FileFormatError
from ..core.flat import FlatLayout
from ..core.optim.schedules import PlateauState
from ..core.serialize import digest, load_tensors, save_tensors
from .durable import put_folder, storage_errors, sync_file, sync_folder, write_bytes
from .errors import JobError
from .faults import reach
from .messages import Best, Position
from .reports import Reason

FORMAT = 1
KEPT = 2
"""Checkpoints kept: the newest, and one more in case the newest is damaged."""
_WRITING, _OUTDATED = ".writing-", ".outdated-"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights and optimizer state at `position`.

    parameters: (n,) float32. state: (slots, n) float32. best: (n,) or None, the parameters that early
    stopping would restore. dataset: a fingerprint of the samples. loss_scale: its value, and the finite steps
    in a row. buffers: (m,) float32, those of the model; best_buffers: (m,) or None, as `best`.
    residuals: (micro_batches, n) float32, what compression has left out of each micro-batch's gradient since
    the epoch began, or None where that is nothing.
    """

    job: dict[str, Any]
    dataset: str
    layout: FlatLayout
    slots: tuple[str, ...]
    position: Position
    parameters: np.ndarray
    state: np.ndarray
    best: np.ndarray | None = None
    loss_scale: tuple[float, int] = (1.0, 0)
    buffers: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    best_buffers: np.ndarray | None = None
    residuals: np.ndarray | None = None

    def digest(self) -> str:
        """SHA-256 over weights, optimizer state, and the model's buffers if it has any."""
        return digest([self.parameters, *self.state, *([self.buffers] if self.buffers.size else [])])


def checkpoints_folder(job_folder: Path) -> Path:
    """Where the checkpoints of a job lie."""
    return job_folder / "checkpoints"


def checkpoint_steps(job_folder: Path) -> list[int]:
    """The steps of the checkpoints that exist, in order."""
    folder = checkpoints_folder(job_folder)
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name[5:]) for name in names if name.startswith("step-") and name[5:].isdigit())


def write_checkpoint(job_folder: Path, checkpoint: Checkpoint) -> str:
    """Make a checkpoint durable and return its digest; raises JobError where the disk refuses."""
    folder = checkpoints_folder(job_folder)
    step = checkpoint.position.step
    target = folder / f"step-{step:09d}"
    written = folder / f"{_WRITING}{target.name}"
    value = checkpoint.digest()
    tensors = {"parameters": checkpoint.parameters}
    tensors |= {f"state/{slot}": row for slot, row in zip(checkpoint.slots, checkpoint.state, strict=True)}
    if checkpoint.best is not None:
        tensors["best"] = checkpoint.best
    if checkpoint.buffers.size:
        tensors["buffers"] = checkpoint.buffers
        if checkpoint.best_buffers is not None:
            tensors["best_buffers"] = checkpoint.best_buffers
    if checkpoint.residuals is not None:
        tensors["residuals"] = checkpoint.residuals
    with storage_errors("The checkpoint", target):
        try:
            recover_checkpoints(job_folder)
            if not folder.is_dir():
                folder.mkdir(parents=True)
                sync_folder(job_folder)
            written.mkdir()
            reach("checkpoint.before_state", step)
            save_tensors(written / "state.safetensors", tensors, {"format": str(FORMAT)})
            sync_file(written / "state.safetensors")
            description = _describe(checkpoint, value, _sha256(written / "state.safetensors"))
            write_bytes(written / "checkpoint.json", json.dumps(description, indent=1).encode())
            reach("checkpoint.before_rename", step)
            if target.exists():
                os.rename(target, folder / f"{_OUTDATED}{target.name}")
            reach("checkpoint.between_renames", step)
            put_folder(written, target)
        finally:
            recover_checkpoints(job_folder)
    # Beyond the step just written lie only damaged ones, and those of a run that this one took the place of.
    steps = checkpoint_steps(job_folder)
    kept = [other for other in steps if other <= step][-KEPT:]
    for other in steps:
        if other not in kept:
            shutil.rmtree(folder / f"step-{other:09d}", ignore_errors=True)
    return value


def recover_checkpoints(job_folder: Path) -> None:
    """Put a checkpoint back that was to be replaced and was not, and clear away what was never finished.

    Only for the process that writes this job's checkpoints.
    """
    folder = checkpoints_folder(job_folder)
    for outdated in folder.glob(f"{_OUTDATED}*"):
        target = folder / outdated.name[len(_OUTDATED) :]
        if target.exists():
            shutil.rmtree(outdated, ignore_errors=True)
        else:
            os.rename(outdated, target)
    for written in folder.glob(f"{_WRITING}*"):
        shutil.rmtree(written, ignore_errors=True)


def read_checkpoint(job_folder: Path, step: int) -> Checkpoint:
    """Read and verify one checkpoint; JobError (CHECKPOINT_INVALID) says what is wrong with it."""
    folder = checkpoints_folder(job_folder) / f"step-{step:09d}"
    try:
        description = json.loads((folder / "checkpoint.json").read_bytes())
        if description["format"] != FORMAT:
            raise _invalid(folder, f"it has format {description['format']}, this version reads {FORMAT}")
        if description.pop("checksum") != _checksum(description):
            raise _invalid(folder, "checkpoint.json is not the file that was written (its checksum differs)")
        if _sha256(folder / "state.safetensors") != description["sha256"]:
            raise _invalid(folder, "state.safetensors is not the file that was written (its SHA-256 differs)")
        tensors, _ = load_tensors(folder / "state.safetensors")
        layout = FlatLayout(**{key: _tuples(value) for key, value in description["layout"].items()})
        slots = tuple(description["slots"])
        position = dict(description["position"])
        position["best"] = Best(**position["best"]) if position["best"] else None
        position["plateau"] = PlateauState(**position.get("plateau", {}))
        position |= {key: tuple(position.get(key, ())) for key in ("staleness", "done")}
        checkpoint = Checkpoint(
            job=description["job"],
            dataset=description["dataset"],
            layout=layout,
            slots=slots,
            position=Position(**position),
            parameters=tensors["parameters"],
            state=_stack([tensors[f"state/{slot}"] for slot in slots], layout.size),
            best=tensors.get("best"),
            buffers=tensors.get("buffers", np.zeros(0, np.float32)),
            best_buffers=tensors.get("best_buffers"),
            residuals=tensors.get("residuals"),
            loss_scale=_tuples(description.get("loss_scale", [1.0, 0])),
        )
    except FileNotFoundError as error:
        raise _invalid(folder, f"{Path(error.filename).name} is missing") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, FileFormatError) as error:
        raise _invalid(folder, str(error)) from error
    if checkpoint.digest() != description["digest"]:
        raise _invalid(folder, "its arrays do not have the digest that was written with them")
    return checkpoint


def read_newest_checkpoint(job_folder: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole, None where there is none at all; JobError if all are damaged."""
    steps = checkpoint_steps(job_folder)
    problem: JobError | None = None
    for step in reversed(steps):
        try:
            return read_checkpoint(job_folder, step)
        except JobError as error:
            problem = problem or error
    if problem is not None:
        raise problem
    return None


def _describe(checkpoint: Checkpoint, value: str, sha256: str) -> dict[str, Any]:
    description = {
        "format": FORMAT,
        "job": checkpoint.job,
        "dataset": checkpoint.dataset,
        "position": asdict(checkpoint.position),
        "layout": asdict(checkpoint.layout),
        "slots": checkpoint.slots,
        "loss_scale": checkpoint.loss_scale,
        "digest": value,
        "sha256": sha256,
    }
    return {**description, "checksum": _checksum(description)}


def _invalid(folder: Path, what: str) -> JobError:
    return JobError(Reason.CHECKPOINT_INVALID, f"The checkpoint {folder} cannot be used: {what}.")


def _checksum(description: dict[str, Any]) -> str:
    """Of all the other fields, in the form that JSON gives them."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    value = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            value.update(block)
    return value.hexdigest()


def _stack(rows: Sequence[np.ndarray], size: int) -> np.ndarray:
    return np.stack(rows) if rows else np.zeros((0, size), np.float32)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
