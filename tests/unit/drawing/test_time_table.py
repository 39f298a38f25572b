"""Calls of a timed step taken together."""

from __future__ import annotations

import pytest
from timed_steps import LIMITS, timed

from chainrule import drawing
from chainrule.core.machine_limits import Bound
from chainrule.drawing import TimedBy


def test_layers_stand_in_their_order_with_forward_and_backward_together() -> None:
    rows = drawing.time_rows(timed(), LIMITS, TimedBy.LAYER)
    assert [(row.name, row.calls) for row in rows] == [
        ("samples", 1), ("layers.0.linear", 3), ("layers.1.relu", 2), ("layers.2.linear", 2), ("loss", 1),
        ("update", 1),
    ]  # fmt: skip
    assert rows[1].seconds == pytest.approx(210.2e-6)
    assert rows[1].flops_per_second == pytest.approx(16e6 / 210.2e-6)
    assert rows[1].bytes_per_second == pytest.approx(8e5 / 210.2e-6)


def test_kernels_stand_in_the_order_of_their_time() -> None:
    rows = drawing.time_rows(timed(), LIMITS, TimedBy.KERNEL)
    assert [row.name for row in rows][:3] == ["linear backward", "linear", "adam"]
    assert sum(row.share for row in rows) == pytest.approx(1)
    assert (rows[2].layer, rows[2].phase) == ("", "update")


def test_calls_stand_in_time_each_alone() -> None:
    rows = drawing.time_rows(timed(), LIMITS, TimedBy.CALL)
    assert [row.name for row in rows] == [call.kernel for call in timed().calls]
    assert rows[1].layer == "layers.0.linear"
    assert {row.calls for row in rows} == {1}


def test_a_row_is_bound_by_what_takes_most_of_its_time() -> None:
    bounds = {row.name: row.bound for row in drawing.time_rows(timed(), LIMITS, TimedBy.LAYER)}
    assert bounds["layers.0.linear"] is Bound.COMPUTE
    assert bounds["layers.1.relu"] is Bound.MEMORY
    assert bounds["loss"] is bounds["samples"] is Bound.OVERHEAD
    assert bounds["update"] is Bound.MEMORY


def test_the_bounds_share_all_of_the_time() -> None:
    shares = drawing.bound_shares(timed().calls, LIMITS)
    assert sum(shares.values()) == pytest.approx(1)
    assert next(iter(shares)) is Bound.COMPUTE
    assert set(shares) == set(Bound)


def test_a_step_of_no_calls_has_a_total_of_nothing() -> None:
    assert drawing.time_total(timed([]), LIMITS).seconds == 0
