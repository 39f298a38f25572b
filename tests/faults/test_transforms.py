"""Random transforms and reading ahead change no byte, whatever the workers, stops and faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor, no_grad
from chainrule.worker import faults
from chainrule.worker.inputs import read_inputs
from chainrule.worker.model import load_model
from chainrule.worker.reports import CheckpointSaved, EpochCompleted, MemberLost, Outcome
from chainrule.worker.runtime import Stop
from chainrule.worker.runtime.inprocess import MemberKilled
from chainrule.worker.spec import JobSpec, parse_spec
from chainrule.worker.training_input import TrainingInput

IMAGES = np.random.default_rng(1).integers(0, 255, (120, 8, 8), np.uint8)
LABELS = np.arange(120) % 4


def job(folder: Path, x: np.ndarray = IMAGES, transforms: Any = None, **changes: Any) -> JobSpec:
    np.savez(folder / "data.npz", x=x, y=LABELS)
    crop = {"random_crop": {"height": 8, "width": 8, "padding": 2}}
    return parse_spec(
        {
            "dataset": {
                "source": "npz",
                "path": str(folder / "data.npz"),
                "transforms": [crop, "random_flip"] if transforms is None else transforms,
                "normalize": "range" if x.dtype == np.uint8 else "none",
            },
            "model": ["flatten", {"linear": {"units": 4}}],
            "loss": "softmax_cross_entropy",
            "optimizer": {"adam": {"learning_rate": 0.01}},
            "training": {"epochs": 2, "batch_size": 20, "seed": 7},
            **changes,
        }
    )


@pytest.fixture
def images(tmp_path: Path) -> JobSpec:
    """Five steps an epoch, the last mini-batch with 16 samples."""
    return job(tmp_path)


def test_random_transforms_do_not_depend_on_the_number_of_workers(inprocess, images):
    digests = {
        inprocess.run(images.with_overrides([f"cluster.workers={workers}"]), job=str(workers)).digest
        for workers in (1, 2, 3)
    }
    assert len(digests) == 1
    assert inprocess.run(job(inprocess.folder, transforms=[])).digest not in digests


def test_reading_ahead_changes_no_byte(inprocess, images, monkeypatch):
    read: list[Any] = []
    read_ahead = TrainingInput.read_ahead
    monkeypatch.setattr(TrainingInput, "read_ahead", lambda *key: read.append(key) or read_ahead(*key))
    ahead = inprocess.run(images, job="ahead")
    # All but the first micro-batch of each epoch of 20.
    assert len(read) == 2 * 19
    monkeypatch.setattr(TrainingInput, "pays", lambda *_: False)
    assert inprocess.run(images, job="plain").digest == ahead.digest
    assert len(read) == 2 * 19


def test_a_worker_killed_after_it_read_ahead_changes_no_byte(inprocess, images):
    undisturbed = inprocess.run(images, job="undisturbed")
    steps = {2, 7}

    def kill(point, step):
        if point == "worker.before_publish" and step in steps:
            steps.remove(step)
            raise MemberKilled("killed")

    with faults.injected(kill):
        finished = inprocess.run(images.with_overrides(["cluster.workers=2"]))
    assert len(inprocess.told(MemberLost)) == 2
    assert finished.digest == undisturbed.digest


def test_each_epoch_sees_an_image_in_another_way(inprocess, images, monkeypatch):
    seen: dict[int, list[bytes]] = {}
    take = TrainingInput.take

    def noted(self, indices, context):
        samples = take(self, indices, context)
        for index, image in zip(indices, samples[0], strict=True):
            seen.setdefault(int(index), []).append(image.tobytes())
        return samples

    monkeypatch.setattr(TrainingInput, "take", noted)
    inprocess.run(images)
    assert len(seen) == 96
    assert all(len(views) == 2 for views in seen.values())
    assert sum(len(set(views)) == 2 for views in seen.values()) > 80


@pytest.mark.parametrize("workers", [1, 3])
def test_training_goes_on_in_the_middle_of_an_epoch_after_everything_was_killed(inprocess, images, workers):
    spec = images.with_overrides([f"cluster.workers={workers}", "training.checkpoint_every_steps=3"])
    undisturbed = inprocess.run(images, job="undisturbed")
    steps = [report.step for report in inprocess.told(CheckpointSaved)]
    assert steps == [5, 10]

    def kill(report):
        return Stop.KILL if isinstance(report, CheckpointSaved) and report.step == 3 else None

    assert inprocess.run(spec, stop_at=kill).outcome is Outcome.CANCELLED
    finished = inprocess.run(spec, resume=True)
    assert inprocess.reports[0].step == 3
    assert [report.step for report in inprocess.told(CheckpointSaved)] == [5, 6, 9, 10]
    assert finished.digest == undisturbed.digest
    again = inprocess.told(EpochCompleted)
    inprocess.run(images, job="again")
    assert [report.train_loss for report in again] == [
        report.train_loss for report in inprocess.told(EpochCompleted)
    ]


def test_the_time_that_steps_waited_for_samples_is_told_each_epoch(inprocess, images):
    inprocess.run(images.with_overrides(["cluster.workers=2"]))
    idle = [report.input_idle_fraction for report in inprocess.told(EpochCompleted)]
    assert len(idle) == 2
    assert all(0 < share < 1 for share in idle)


def test_a_saved_model_resizes_and_scales_what_it_is_given(inprocess, tmp_path):
    crop = {"random_crop": {"height": 4, "width": 4}}
    spec = job(tmp_path, transforms=[{"resize": {"height": 6, "width": 6}}, crop])
    inprocess.run(spec, job="model")
    model = load_model(tmp_path / "model" / "model.safetensors")
    np.save(tmp_path / "new.npy", IMAGES)
    given = read_inputs(tmp_path / "new.npy", model)
    assert given.shape == (120, 8, 8)
    small = model.pipeline.steps[0].apply(model.transform.apply(IMAGES), None)[:, 1:5, 1:5]
    with no_grad():
        expected = model.model(Tensor(np.ascontiguousarray(small))).data
    np.testing.assert_array_equal(model.predict(given), expected)


def test_a_saved_model_of_texts_reads_lines_of_text(inprocess, tmp_path):
    texts = np.array(["good film", "bad film", "fine day", "poor show"] * 30)
    spec = job(tmp_path, texts, [{"tokenize": {"length": 3}}, "one_hot"]).with_overrides(
        ["training.epochs=12", "optimizer.adam.learning_rate=0.1"]
    )
    inprocess.run(spec, job="model")
    model = load_model(tmp_path / "model" / "model.safetensors")
    (tmp_path / "new.txt").write_text("bad film\npoor show and more of it\n")
    ids, _ = model.classify(read_inputs(tmp_path / "new.txt", model))
    assert ids.tolist() == [1, 3]


def test_a_saved_model_of_windows_reads_a_series(inprocess, tmp_path):
    series = np.sin(np.arange(120.0, dtype=np.float32))
    spec = job(tmp_path, series, [{"window": {"length": 4}}])
    inprocess.run(spec, job="model")
    model = load_model(tmp_path / "model" / "model.safetensors")
    (tmp_path / "new.csv").write_text("".join(f"{value}\n" for value in series[:9]))
    np.testing.assert_allclose(read_inputs(tmp_path / "new.csv", model)[-1, :, 0], series[5:9], rtol=1e-6)
