"""Feature transforms: what each makes of features, and that a saved one is the same one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chainrule.worker.data import FeatureTransform

FEATURES = hnp.arrays(
    st.sampled_from(["u1", "i4", "i8", "f2", "f4", "f8", ">f4"]),
    hnp.array_shapes(min_dims=2, max_dims=3, max_side=6),
    elements={"min_value": 0, "max_value": 100},
)


@given(FEATURES)
def test_any_numbers_become_finite_float32_of_the_same_shape(features: np.ndarray) -> None:
    for make in (FeatureTransform.to_unit_range, FeatureTransform.to_standard):
        scaled = make(features).apply(features)
        assert scaled.dtype == np.float32
        assert scaled.shape == features.shape
        assert np.isfinite(scaled).all()


@given(FEATURES)
def test_a_transform_written_as_json_is_read_back_bit_for_bit(features: np.ndarray) -> None:
    transform = FeatureTransform.to_standard(features)
    copy = FeatureTransform.from_json(json.loads(json.dumps(transform.to_json())))
    assert copy.apply(features).tobytes() == transform.apply(features).tobytes()


def test_range_brings_the_smallest_value_to_0_and_the_largest_to_1() -> None:
    features = np.array([[0, 50], [100, 200]], np.uint8)
    scaled = FeatureTransform.to_unit_range(features).apply(features)
    assert scaled.tolist() == [[0, 0.25], [0.5, 1]]


def test_standard_gives_each_feature_mean_0_and_deviation_1() -> None:
    features = np.random.default_rng(0).normal([5, -300], [2, 70], (500, 2))
    scaled = FeatureTransform.to_standard(features).apply(features)
    assert np.allclose(scaled.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(scaled.std(axis=0), 1, atol=1e-5)


def test_a_constant_feature_becomes_0_and_keeps_its_scale() -> None:
    features = np.array([[0.1, 1], [0.1, 3]])
    transform = FeatureTransform.to_standard(features)
    assert transform.scale.tolist() == [1, 1]
    assert np.allclose(transform.apply(features)[:, 0], 0, atol=1e-7)


def test_a_spread_too_small_for_float32_counts_as_constant() -> None:
    features = np.array([[0.0, 4e-156]])
    for make in (FeatureTransform.to_unit_range, FeatureTransform.to_standard):
        assert make(features).apply(features).tolist() == [[0, 0]]


def test_large_values_keep_their_differences() -> None:
    seconds = np.array([[1_700_000_000], [1_700_000_001], [1_700_000_002]], np.int64)
    scaled = FeatureTransform.to_standard(seconds).apply(seconds)[:, 0]
    assert np.diff(scaled).tolist() == pytest.approx([1.2247, 1.2247], abs=1e-3)


def test_the_transform_does_not_depend_on_how_many_rows_are_transformed_at_a_time() -> None:
    features = np.random.default_rng(1).normal(size=(40, 7)).astype(np.float32)
    transform = FeatureTransform.to_standard(features)
    parts = [transform.apply(features[start : start + 9]) for start in range(0, 40, 9)]
    assert np.concatenate(parts).tobytes() == transform.apply(features).tobytes()


def test_features_are_never_changed_in_place() -> None:
    features = np.ones((3, 2), np.float32)
    FeatureTransform.identity().apply(features)[...] = 5
    FeatureTransform.scaling(1, 2).apply(features)[...] = 5
    assert (features == 1).all()
