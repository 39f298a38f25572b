"""The committed table of comparisons lists what there is: run `make oracle` after adding something public."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agreement import LIMIT, relative_error
from coverage_table import CoverageTable, Kind, errors_in, public, subject
from model_cases import LIMIT as MODEL_LIMIT

ERRORS = errors_in((Path(__file__).parents[2] / "docs" / "coverage.md").read_text())


@pytest.mark.parametrize("kind", Kind)
def test_every_public_name_and_nothing_else_is_in_the_table(kind: Kind) -> None:
    assert list(ERRORS[kind]) == public()[kind]


@pytest.mark.parametrize("kind", Kind)
def test_every_error_in_the_table_is_within_the_limit(kind: Kind) -> None:
    assert max(ERRORS[kind].values()) <= (MODEL_LIMIT if kind is Kind.MODEL else LIMIT)


def test_what_was_compared_with_nothing_is_missing() -> None:
    table = CoverageTable()
    for name in public()[Kind.LOSS]:
        if name != "ctc":
            table.add(Kind.LOSS, name, 0.0, "PyTorch")
    assert "Losses: ctc" in table.missing()
    assert "Losses: huber" not in table.missing()
    assert "Operations: conv" in table.missing()


def test_a_case_is_of_the_longest_name_that_it_begins_with() -> None:
    assert subject(Kind.OPERATION, "max_pool_of_equals") == "max_pool"
    assert subject(Kind.OPERATION, "max_of_equals") == "max"
    assert subject(Kind.OPERATION, "network") is None


def test_errors_are_relative_to_the_element_and_to_a_tenth_of_the_largest() -> None:
    theirs = np.array([0.0, 10.0])
    assert relative_error([np.array([1e-3, 10])], [theirs]) == pytest.approx(1e-3)
    assert relative_error([np.array([0, 10 + 1e-3])], [theirs]) == pytest.approx(1e-3 / 11)
    assert np.isnan(relative_error([theirs * np.nan, theirs], [theirs, theirs]))


def test_a_gradient_that_vanishes_is_held_against_the_others() -> None:
    value, gradient, zero = np.ones(2), np.full(3, 100.0), np.full(3, 1e-6)
    assert relative_error([value, gradient, -zero], [value, gradient, zero]) == pytest.approx(2e-7, rel=1e-4)
    assert relative_error([value, -zero], [value, zero]) == pytest.approx(2 / 1.1)
