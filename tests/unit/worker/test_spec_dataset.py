"""The part `dataset` of a job file: which source takes which fields."""

from __future__ import annotations

from typing import Any

import pytest

from chainrule.worker.spec import SpecError, parse_spec


def job(dataset: dict[str, Any]) -> dict[str, Any]:
    return {"dataset": dataset, "model": ["relu"], "loss": "softmax_cross_entropy", "optimizer": "adam"}


def problems(dataset: dict[str, Any]) -> dict[str, str]:
    """Field -> message of all that is wrong with a dataset."""
    with pytest.raises(SpecError) as caught:
        parse_spec(job(dataset))
    return {violation.field: violation.message for violation in caught.value.violations}


@pytest.mark.parametrize(
    ("dataset", "field", "message"),
    [
        ({"source": "npz"}, "dataset.path", "source npz needs it: the path of the .npz file"),
        ({"source": "csv"}, "dataset.path", "source csv needs it: the path of the CSV file"),
        (
            {"source": "npy", "labels": "y"},
            "dataset.features",
            "source npy needs it: the path of the npy file",
        ),
        (
            {"source": "idx", "features": "x"},
            "dataset.labels",
            "source idx needs it: the path of the idx file",
        ),
        (
            {"source": "digits", "path": "x"},
            "dataset.path",
            "source digits does not use it (it names no files)",
        ),
        (
            {"source": "csv", "path": "x", "features": "a"},
            "dataset.features",
            "it takes path, labels, test_path",
        ),
        (
            {"source": "idx", "features": "x", "labels": "y", "test_features": "z"},
            "dataset.test_labels",
            "a test set needs both test_features and test_labels",
        ),
        ({"source": "csv", "path": ""}, "dataset.path", "expected the path of a file, got ''"),
        ({"source": "digits", "test_fraction": 1}, "dataset.test_fraction", "but not including, 1, got 1"),
        (
            {"source": "npz", "path": "x", "test_path": "z", "test_fraction": 0.1},
            "dataset.test_fraction",
            "the test set is already named by dataset.test_path: leave out test_fraction",
        ),
    ],
)
def test_dataset_fields_that_do_not_fit_the_source_are_named(dataset: Any, field: str, message: str) -> None:
    found = problems(dataset)
    assert list(found) == [field]
    assert message in found[field]


def test_with_a_test_set_of_its_own_nothing_is_split_off() -> None:
    dataset = {"source": "npz", "path": "a.npz", "test_path": "b.npz"}
    spec = parse_spec(job(dataset))
    assert spec.dataset.test_fraction == 0
    assert spec.dataset.has_test_split
    assert parse_spec(spec.model_dump_job()) == spec
