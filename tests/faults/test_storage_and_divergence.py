"""Disks that fill up, checkpoints that are damaged, data that change, and losses that explode."""

from __future__ import annotations

import errno
import hashlib
import json
import os

import numpy as np
import pytest

from chainrule.worker import faults
from chainrule.worker.checkpoint import checkpoint_steps, read_newest_checkpoint
from chainrule.worker.model import load_model
from chainrule.worker.reports import CheckpointSaved, Outcome, Reason, Started
from chainrule.worker.runtime import Stop


def full_disk(point_of_failure, at_step):
    def hook(point, step):
        if point == point_of_failure and step == at_step:
            raise OSError(errno.ENOSPC, "No space left on device")

    return hook


@pytest.mark.parametrize("point", ["checkpoint.before_state", "checkpoint.before_rename"])
def test_a_full_disk_fails_the_job_and_keeps_the_checkpoint_before(inprocess, digits, undisturbed, point):
    with faults.injected(full_disk(point, 30)):
        finished = inprocess.run(digits)
    assert (finished.outcome, finished.reason) == (Outcome.FAILED, Reason.STORAGE_FULL)
    assert "no space is left" in (finished.message or "")
    assert checkpoint_steps(inprocess.folder / "job") == [15]
    assert [p.name for p in (inprocess.folder / "job" / "checkpoints").iterdir()] == ["step-000000015"]
    assert inprocess.run(digits, resume=True).digest == undisturbed.digest


def test_a_kill_between_writing_and_renaming_leaves_no_half_checkpoint(inprocess, digits, undisturbed):
    class Killed(BaseException):
        pass

    def kill(point, step):
        if point == "checkpoint.before_rename" and step == 30:
            raise Killed

    with faults.injected(kill), pytest.raises(Killed):
        inprocess.run(digits)
    assert checkpoint_steps(inprocess.folder / "job") == [15]
    assert inprocess.run(digits, resume=True).digest == undisturbed.digest


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(inprocess, digits, undisturbed):
    inprocess.run(digits)
    state = inprocess.folder / "job" / "checkpoints" / "step-000000045" / "state.safetensors"
    content = bytearray(state.read_bytes())
    content[-5] ^= 1
    state.write_bytes(content)
    finished = inprocess.run(digits, resume=True)
    assert inprocess.told(Started)[0].step == 30
    assert finished.digest == undisturbed.digest


@pytest.mark.parametrize("damage", ["truncated", "missing", "other format"])
def test_when_every_checkpoint_is_damaged_the_job_says_so(inprocess, digits, damage):
    inprocess.run(digits.with_overrides(["training.epochs=1"]))
    folder = inprocess.folder / "job" / "checkpoints" / "step-000000015"
    if damage == "truncated":
        (folder / "state.safetensors").write_bytes((folder / "state.safetensors").read_bytes()[:100])
    elif damage == "missing":
        (folder / "state.safetensors").unlink()
    else:
        description = json.loads((folder / "checkpoint.json").read_text())
        (folder / "checkpoint.json").write_text(json.dumps({**description, "format": 99}))
    finished = inprocess.run(digits, resume=True)
    assert finished.reason is Reason.CHECKPOINT_INVALID
    assert "step-000000015" in (finished.message or "")


def test_a_continuation_with_another_batch_size_is_refused_by_name(inprocess, digits):
    inprocess.run(digits, job="first")
    other = digits.with_overrides(["training.batch_size=50", "training.epochs=5"])
    finished = inprocess.run(other, job="second", continue_from=inprocess.folder / "first")
    assert finished.reason is Reason.CHECKPOINT_INVALID
    assert "training.batch_size was 100, is 50" in (finished.message or "")


def test_a_continuation_on_changed_data_is_refused(inprocess, digits, tmp_path):
    def write(seed):
        random = np.random.default_rng(seed)
        np.savez(tmp_path / "data.npz", x=random.random((200, 4), dtype=np.float32), y=np.arange(200) % 10)

    write(0)
    spec = digits.with_overrides([f"dataset={{source: npz, path: {tmp_path / 'data.npz'}}}"])
    assert inprocess.run(spec, stop_at=None).outcome is Outcome.SUCCEEDED
    write(1)
    finished = inprocess.run(spec, resume=True)
    assert finished.reason is Reason.CHECKPOINT_INVALID and "data have changed" in (finished.message or "")


def test_a_checkpoint_of_the_time_when_losses_had_no_settings_is_gone_on_from(inprocess, digits):
    inprocess.run(digits.with_overrides(["training.epochs=1"]))
    path = inprocess.folder / "job" / "checkpoints" / "step-000000015" / "checkpoint.json"
    description = json.loads(path.read_text())
    description["job"]["loss"] = "softmax_cross_entropy"
    for layer in description["job"]["model"]:
        layer.get("linear", {}).pop("bias", None)
    del description["checksum"]
    checksum = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps({**description, "checksum": checksum}))
    assert inprocess.run(digits, resume=True).outcome is Outcome.SUCCEEDED
    assert inprocess.told(Started)[0].step == 15


def test_only_the_newest_checkpoints_are_kept(inprocess, digits):
    inprocess.run(digits.with_overrides(["training.epochs=5"]))
    assert checkpoint_steps(inprocess.folder / "job") == [60, 75]


def test_a_checkpoint_holds_the_digest_that_the_job_reports(inprocess, digits, undisturbed):
    checkpoint = read_newest_checkpoint(inprocess.folder / "undisturbed")
    assert checkpoint is not None and checkpoint.digest() == undisturbed.digest
    assert load_model(inprocess.folder / "undisturbed" / "model.safetensors").digest == undisturbed.digest


@pytest.mark.filterwarnings("error")
def test_a_job_that_diverges_says_at_which_step_and_what_to_try(inprocess, digits):
    spec = digits.with_overrides(["optimizer={sgd: {learning_rate: 1.0e+30}}", "training.epochs=5"])
    finished = inprocess.run(spec)
    assert (finished.outcome, finished.reason) == (Outcome.FAILED, Reason.DIVERGED)
    message = finished.message or ""
    assert (
        "diverged" in message
        and "at step" in message
        and "optimizer.sgd.learning_rate (now 1e+30)" in message
    )


@pytest.mark.filterwarnings("error")
def test_weights_that_overflow_in_the_very_last_step_are_not_saved_as_a_model(inprocess, digits):
    spec = digits.with_overrides(
        [
            "optimizer={sgd: {learning_rate: 1.0e+39}}",
            "training={epochs: 1, batch_size: full}",
            "dataset.test_fraction=0",
        ]
    )
    finished = inprocess.run(spec)
    assert finished.reason is Reason.DIVERGED
    assert not (inprocess.folder / "job" / "model.safetensors").exists()


def test_a_gpu_that_is_not_there_is_an_error_and_never_a_fallback(inprocess, digits):
    finished = inprocess.run(digits.with_overrides(["cluster.device=cuda"]))
    assert (finished.outcome, finished.reason) == (Outcome.FAILED, Reason.DEVICE_UNAVAILABLE)
    assert "gpu-cu12" in (finished.message or "") or "GPU" in (finished.message or "")


def test_a_checkpoint_that_cannot_be_replaced_stays(inprocess, digits):
    spec = digits.with_overrides(["training.epochs=1"])
    inprocess.run(spec)
    with faults.injected(full_disk("checkpoint.before_rename", 15)):
        assert inprocess.run(spec, resume=True).reason is Reason.STORAGE_FULL
    with faults.injected(full_disk("checkpoint.between_renames", 15)):
        assert inprocess.run(spec, resume=True).reason is Reason.STORAGE_FULL
    assert checkpoint_steps(inprocess.folder / "job") == [15]


def test_a_process_killed_while_it_replaced_its_only_checkpoint_goes_on_from_it(inprocess, digits):
    spec = digits.with_overrides(["training.epochs=1"])
    first = inprocess.run(spec)
    folder = inprocess.folder / "job" / "checkpoints"
    # What a kill between the two renames leaves behind.
    (folder / "step-000000015").rename(folder / ".outdated-step-000000015")
    (folder / ".writing-step-000000015").mkdir()
    again = inprocess.run(spec, resume=True)
    assert inprocess.told(Started)[0].step == 15
    assert again.digest == first.digest
    assert [path.name for path in folder.iterdir()] == ["step-000000015"]


def test_what_a_killed_process_was_writing_is_cleared_away_by_the_next(inprocess, digits):
    folder = inprocess.folder / "job" / "checkpoints"
    (folder / ".writing-step-000000007").mkdir(parents=True)
    inprocess.run(digits.with_overrides(["training.epochs=1"]), resume=True)
    assert [path.name for path in folder.iterdir()] == ["step-000000015"]


def test_the_checkpoint_just_written_is_never_the_one_that_is_thinned_out(inprocess, digits):
    inprocess.run(digits.with_overrides(["training.epochs=5"]))
    finished = inprocess.run(digits.with_overrides(["training.epochs=1"]))
    assert finished.checkpoint_step == 15
    assert checkpoint_steps(inprocess.folder / "job") == [15]


def test_the_name_of_the_checkpoints_folder_is_durable_too(inprocess, digits, monkeypatch):
    synced = []
    fsync = os.fsync

    def noted(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    inprocess.run(digits.with_overrides(["training.epochs=1"]))
    job = inprocess.folder.resolve() / "job"
    assert str(job) in synced[: synced.index(str(job / "checkpoints"))]


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.9), (0.9, 0.0)])
def test_momentum_may_be_turned_on_and_off_by_a_continuation(inprocess, digits, before, after):
    def spec(momentum, epochs):
        return digits.with_overrides(
            [f"optimizer={{sgd: {{learning_rate: 0.01, momentum: {momentum}}}}}", f"training.epochs={epochs}"]
        )

    inprocess.run(spec(before, 1), job="first")
    finished = inprocess.run(spec(after, 2), job="second", continue_from=inprocess.folder / "first")
    assert finished.outcome is Outcome.SUCCEEDED, finished.message
    assert inprocess.told(Started)[0].step == 15


def stop_at_the_start(how):
    return lambda report: how if isinstance(report, Started) else None


def test_a_resumed_job_that_is_killed_still_knows_its_checkpoint(inprocess, digits):
    inprocess.run(digits.with_overrides(["training.epochs=1"]))
    killed = inprocess.run(digits, resume=True, stop_at=stop_at_the_start(Stop.KILL))
    assert (killed.outcome, killed.checkpoint_step) == (Outcome.CANCELLED, 15)


def test_a_checkpoint_of_another_job_is_not_reported_as_one_of_this_job(inprocess, digits):
    inprocess.run(digits.with_overrides(["training.epochs=1"]), job="first")
    with faults.injected(full_disk("checkpoint.before_state", 30)):
        failed = inprocess.run(digits, job="second", continue_from=inprocess.folder / "first")
    assert inprocess.told(CheckpointSaved) == []
    assert (failed.reason, failed.checkpoint_step) == (Reason.STORAGE_FULL, None)


@pytest.mark.parametrize("damaged", ["a wrong step", "a layout that is none"])
def test_a_damaged_description_gives_way_to_the_checkpoint_before(inprocess, digits, undisturbed, damaged):
    inprocess.run(digits)
    path = inprocess.folder / "job" / "checkpoints" / "step-000000045" / "checkpoint.json"
    description = json.loads(path.read_text())
    if damaged == "a wrong step":
        description["position"]["step"] = 41
    else:
        description["layout"] = []
    path.write_text(json.dumps(description))
    finished = inprocess.run(digits, resume=True)
    assert inprocess.told(Started)[0].step == 30
    assert finished.digest == undisturbed.digest
