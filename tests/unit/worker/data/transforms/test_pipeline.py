"""Transforms of a job: fitted to the training samples only, saved with the model, applied when it is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.worker.data import DataError, Dataset, load_dataset
from chainrule.worker.data.transforms import Draw, pipeline_from_json
from chainrule.worker.data.transforms.text import TextToIds
from chainrule.worker.spec import JobSpec, SpecError, parse_spec

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 255, (30, 6, 6), np.uint8)
LABELS = np.arange(30) % 3
TEXTS = np.array(["good film", "bad film", "a film"] * 10)


def job(folder: Path, x: np.ndarray, y: np.ndarray, *transforms: Any, **changes: Any) -> JobSpec:
    np.savez(folder / "data.npz", x=x, y=y)
    dataset = {"source": "npz", "path": str(folder / "data.npz"), "transforms": list(transforms)}
    base = {
        "model": ["flatten", {"linear": {"units": 3}}],
        "loss": "softmax_cross_entropy",
        "optimizer": "adam",
        "training": {"epochs": 1, "batch_size": 10},
    }
    dataset |= changes.pop("dataset", {})
    return parse_spec({"dataset": dataset, **base, **changes})


def load(spec: JobSpec) -> Dataset:
    return load_dataset(spec.dataset, loss=spec.loss, seed=spec.training.seed)


CROP = {"random_crop": {"height": 4, "width": 4, "padding": 1}}


def test_the_model_sees_the_shape_behind_all_transforms(tmp_path: Path) -> None:
    data = load(job(tmp_path, IMAGES, LABELS, {"resize": {"height": 9, "width": 5}}, CROP, "random_flip"))
    assert data.raw_shape == (6, 6)
    assert data.feature_shape == (4, 4)


def test_statistics_are_of_the_training_samples_alone(tmp_path: Path) -> None:
    data = load(job(tmp_path, IMAGES, LABELS, dataset={"normalize": "standard"}))
    np.testing.assert_allclose(data.transform.offset, data.train_features[:].mean(axis=0), rtol=1e-6)


def test_categories_are_those_of_the_training_samples_and_others_are_zeros(tmp_path: Path) -> None:
    ids = RANDOM.integers(0, 4, (30, 5))
    plain = load(job(tmp_path, ids, LABELS))
    held_out = np.flatnonzero((ids == plain.test_features[0]).all(axis=1))[0]
    ids[held_out, 0] = 9
    data = load(job(tmp_path, ids, LABELS, "one_hot"))
    assert data.feature_shape == (5, 4)
    vectors = data.pipeline.apply(np.array([[0, 1, 3, 3, 9]], np.float32))
    assert vectors[0].argmax(axis=-1)[:4].tolist() == [0, 1, 3, 3]
    assert vectors[0].sum(axis=-1).tolist() == [1, 1, 1, 1, 0]


def test_a_vocabulary_is_that_of_the_training_samples(tmp_path: Path) -> None:
    texts = np.array([f"word{n}" for n in range(30)])
    data = load(job(tmp_path, texts, LABELS, {"tokenize": {"unit": "words", "length": 2}}))
    assert isinstance(data.pipeline.source, TextToIds)
    assert data.pipeline.source.tokenizer.size == 1 + data.train_samples
    assert (data.train_features[:, 0] > 0).all()
    assert not data.test_features[:].any()


def test_no_window_of_the_held_out_part_overlaps_one_that_is_trained_on(tmp_path: Path) -> None:
    series = np.arange(100.0)
    spec = job(tmp_path, series, series, {"window": {"length": 5, "horizon": 2}}, loss="squared_error")
    data = load(spec)
    assert (data.raw_shape, data.train_targets.shape) == ((5, 1), (74, 2))
    assert data.train_targets[:].max() == 79
    assert data.test_features[:].min() == 80
    np.testing.assert_array_equal(data.train_targets[:, 0], data.train_features[:, -1, 0] + 1)


@pytest.mark.parametrize(
    ("x", "transforms"),
    [
        (IMAGES, [{"resize": {"height": 8, "width": 8}}, CROP, {"random_flip": {"vertical": True}}]),
        (RANDOM.integers(0, 4, (30, 5)), ["one_hot"]),
        (TEXTS, [{"tokenize": {"length": 2}}, "one_hot"]),
        (np.arange(30.0), [{"window": {"length": 3, "stride": 2}}]),
    ],
    ids=["images", "categories", "texts", "series"],
)
def test_saved_transforms_are_the_same_ones(tmp_path: Path, x: np.ndarray, transforms: list[Any]) -> None:
    pipeline = load(job(tmp_path, x, LABELS, *transforms)).pipeline
    assert len(pipeline.to_json()) == len(transforms)
    assert pipeline_from_json(json.loads(json.dumps(pipeline.to_json()))) == pipeline


def test_transforms_are_applied_in_their_order_and_draw_only_in_training(tmp_path: Path) -> None:
    data = load(job(tmp_path, IMAGES, LABELS, {"resize": {"height": 8, "width": 8}}, CROP, "random_flip"))
    samples = IMAGES.astype(np.float32)
    used = data.pipeline.apply(samples)
    assert used.shape == (30, 4, 4)
    assert np.array_equal(used, data.pipeline.apply(samples))
    assert not np.array_equal(used, data.pipeline.apply(samples, Draw(0, 0, 0)))


@pytest.mark.parametrize(
    ("x", "transforms", "field", "message"),
    [
        (IMAGES.reshape(30, -1), ["random_flip"], "dataset.transforms[0]", "random_flip: expected images"),
        (IMAGES, ["random_flip", "one_hot"], "dataset.transforms[1]", "tokenize or window may come before"),
        (IMAGES + 0.5, ["one_hot"], "dataset.transforms[0]", "one_hot: expected whole numbers"),
        (IMAGES, [{"tokenize": {"length": 3}}], "dataset.path", "needs one text a sample"),
        (IMAGES, [{"window": {"length": 3}}], "dataset.path", "window needs a series"),
        (TEXTS, [], "dataset.path", "features must be numbers"),
        (np.arange(30), [{"window": {"length": 25}}], "dataset.transforms[0]", "training part of the series"),
    ],
)  # fmt: skip
def test_data_that_a_transform_cannot_take_are_refused(
    tmp_path: Path, x: np.ndarray, transforms: list[Any], field: str, message: str
) -> None:
    with pytest.raises(DataError) as error:
        load(job(tmp_path, x, LABELS, *transforms))
    assert error.value.field == field
    assert message in error.value.message


@pytest.mark.parametrize(
    ("transforms", "normalize", "field", "message"),
    [
        (["random_flip", {"window": {"length": 3}}], "none", "dataset.transforms[1]", "move it up"),
        (["one_hot"], "range", "dataset.transforms[0]", "set normalize: none, it is range"),
        ([{"resize": {"height": 3}}], "none", "dataset.transforms[0].resize.width", "key is missing"),
        (["flip"], "none", "dataset.transforms[0]", "unknown transform 'flip'"),
    ],
)  # fmt: skip
def test_a_list_that_makes_no_sense_is_refused(
    tmp_path: Path, transforms: list[Any], normalize: str, field: str, message: str
) -> None:
    with pytest.raises(SpecError) as error:
        job(tmp_path, IMAGES, LABELS, *transforms, dataset={"normalize": normalize})
    [violation] = error.value.violations
    assert violation.field == field
    assert message in violation.message
