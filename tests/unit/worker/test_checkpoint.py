"""A checkpoint gives back what was written, and so does one of a version that wrote less."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from chainrule.core.flat import FlatLayout
from chainrule.core.optim.schedules import PlateauState
from chainrule.worker.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from chainrule.worker.messages import Best, Position


@pytest.fixture
def written(tmp_path):
    layout = FlatLayout.of({"weight": (3, 4)})
    checkpoint = Checkpoint(
        job={"name": "job"},
        dataset="fingerprint",
        layout=layout,
        slots=("momentum", "average"),
        position=Position(
            7, 1.5, {"loss": 0.5}, Best(0.9, 2), 1, plateau=PlateauState(0.5, best=0.4, worse=2, resting=1)
        ),
        parameters=np.arange(layout.size, dtype=np.float32),
        state=np.ones((2, layout.size), np.float32),
        loss_scale=(1024.0, 17),
    )
    write_checkpoint(tmp_path, checkpoint)
    return tmp_path, checkpoint


def test_position_and_loss_scale_come_back_as_they_were(written):
    folder, checkpoint = written
    read = read_checkpoint(folder, 7)
    assert (read.position, read.loss_scale) == (checkpoint.position, checkpoint.loss_scale)
    assert read.digest() == checkpoint.digest()


def test_a_checkpoint_without_plateau_and_loss_scale_is_read_as_one_that_had_none(written):
    folder, checkpoint = written
    path = folder / "checkpoints" / "step-000000007" / "checkpoint.json"
    description = json.loads(path.read_text())
    del description["loss_scale"], description["position"]["plateau"], description["checksum"]
    checksum = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps({**description, "checksum": checksum}))
    read = read_checkpoint(folder, 7)
    assert (read.position.plateau, read.loss_scale) == (PlateauState(), (1.0, 0))
    assert read.position.best == checkpoint.position.best
