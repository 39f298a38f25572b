"""A worker's training samples: the same whether read ahead or not, and read ahead only where that pays."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from chainrule.core.nn import ForwardContext
from chainrule.worker import training_input
from chainrule.worker.data import Dataset, FeatureTransform
from chainrule.worker.data.transforms import Draw, Pipeline
from chainrule.worker.data.transforms.images import RandomFlip
from chainrule.worker.training_input import TrainingInput

FEATURES = np.random.default_rng(0).random((40, 4, 4), np.float32)
TARGETS = np.arange(40)
ROWS = np.array([3, 1, 8])


def context(step: int, first_sample: int = 0) -> ForwardContext:
    return ForwardContext(training=True, seed=5, step=step, first_sample=first_sample)


def given(*steps: Any, features: np.ndarray = FEATURES) -> TrainingInput:
    dataset = Dataset(
        features,
        TARGETS,
        features[:0],
        TARGETS[:0],
        40,
        FeatureTransform.identity(),
        pipeline=Pipeline(None, steps),
    )
    return TrainingInput(dataset, integers=False)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The thread of each time that samples were read, in order."""
    names: list[str] = []
    read = training_input.model_inputs

    def noted(*arguments: Any) -> np.ndarray:
        names.append(threading.current_thread().name)
        return read(*arguments)

    monkeypatch.setattr(training_input, "model_inputs", noted)
    return names


def test_samples_that_were_read_ahead_are_those_that_are_read_on_the_spot(threads: list[str]) -> None:
    source, other = given(RandomFlip(True, True, 0)), given(RandomFlip(True, True, 0))
    source.read_ahead(ROWS, context(4, 8))
    source.read_ahead(ROWS[:2], context(5))
    for rows, at in ((ROWS, context(4, 8)), (ROWS[:2], context(5))):
        ahead, plain = source.take(rows, at), other.take(rows, at)
        assert [array.tobytes() for array in ahead] == [array.tobytes() for array in plain]
        assert ahead[1].tolist() == rows.tolist()
    assert sorted(name.startswith("training-input") for name in threads) == [False, False, True, True]


def test_each_sample_is_drawn_for_by_its_place_in_the_mini_batch() -> None:
    flip = RandomFlip(True, True, 0)
    whole = flip.apply(FEATURES, Draw(seed=5, step=4, first_sample=0))
    features, _ = given(flip).take(np.arange(8, 20), context(4, 8))
    np.testing.assert_array_equal(features, whole[8:20])


def test_what_was_read_ahead_is_given_once(threads: list[str]) -> None:
    source = given()
    source.read_ahead(ROWS, context(4))
    source.read_ahead(ROWS, context(4))
    first, second = source.take(ROWS, context(4)), source.take(ROWS, context(4))
    assert first[0].tobytes() == second[0].tobytes()
    assert len(threads) == 2


def test_what_nobody_takes_does_not_pile_up() -> None:
    source = given()
    for step in range(20):
        source.read_ahead(ROWS, context(step))
    assert len(source._ahead) == 2
    np.testing.assert_array_equal(source.take(ROWS, context(3))[0], FEATURES[ROWS])


def test_small_micro_batches_are_read_on_the_spot_unless_they_are_transformed() -> None:
    assert not given().pays(1000)
    assert given(features=np.zeros((40, 1024), np.float32)).pays(256)
    assert not given(features=np.zeros((40, 1024), np.float32)).pays(200)
    assert given(RandomFlip(True, True, 0)).pays(1)


def test_an_error_of_the_background_comes_out_where_the_samples_are_taken() -> None:
    source = given()
    source.read_ahead(np.array([99]), context(1))
    with pytest.raises(IndexError):
        source.take(np.array([99]), context(1))
