"""Members that are stopped or hang are told from those that only work long."""

from __future__ import annotations

import pytest

from chainrule.worker.liveness import HANG_FACTOR, HANG_SECONDS, SILENT_SECONDS, Liveness
from chainrule.worker.messages import Vital
from chainrule.worker.reports import Role


def look_for(
    seconds: float, liveness: Liveness, now: float, beats: bool, turns: int
) -> tuple[float, list[str]]:
    """Look twice a second at one worker that beats or not and stays in this turn."""
    reasons = []
    for _ in range(round(seconds * 2)):
        now += 0.5
        vital = Vital(Role.WORKER, 3, 1 + int(now * 2) if beats else 1, turns, 0, 0.0)
        found = liveness.look([vital], now)
        assert all((each.role, each.member) == (Role.WORKER, 3) for each in found)
        reasons += [each.reason for each in found]
    return now, reasons


def test_a_member_without_a_beat_is_named_within_seconds_and_again_after_as_long():
    liveness = Liveness()
    now, reasons = look_for(SILENT_SECONDS, liveness, 0.0, beats=False, turns=2)
    assert reasons == []
    now, reasons = look_for(0.5, liveness, now, beats=False, turns=2)
    assert reasons == ["it gave no sign of life for 5 seconds"]
    assert len(look_for(SILENT_SECONDS + 0.5, liveness, now, beats=False, turns=2)[1]) == 1


def test_a_member_that_shows_no_beats_at_all_is_not_silent():
    liveness = Liveness()
    for now in range(100):
        assert liveness.look([Vital(Role.WORKER, 3, 0, 2, 0, 0.0)], float(now)) == []


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_idle_members_and_those_in_their_first_turn_may_take_their_time(turns):
    assert look_for(20 * HANG_SECONDS, Liveness(), 0.0, beats=True, turns=turns)[1] == []


def test_a_member_that_never_ends_its_turn_is_named():
    liveness = Liveness()
    _, reasons = look_for(HANG_SECONDS + 1, liveness, 0.0, beats=True, turns=3)
    assert reasons == ["it has been at one piece of its work for 20 seconds"]


def test_a_turn_may_take_a_multiple_of_the_longest_before():
    liveness = Liveness()
    now, reasons = look_for(10.5, liveness, 0.0, beats=True, turns=3)
    now, more = look_for(0.5, liveness, now, beats=True, turns=4)
    now, still = look_for(HANG_FACTOR * 10, liveness, now, beats=True, turns=5)
    assert reasons + more + still == []
    assert len(look_for(2.0, liveness, now, beats=True, turns=5)[1]) == 1


def test_a_coordinator_that_was_held_up_itself_accuses_nobody():
    liveness = Liveness()
    now, _ = look_for(2.0, liveness, 0.0, beats=False, turns=3)
    assert look_for(2.0, liveness, now + 3600, beats=False, turns=3)[1] == []
