"""Workers that stay slow are told once an episode, by comparison with the others."""

from __future__ import annotations

import pytest

from chainrule.worker.messages import Vital
from chainrule.worker.reports import Role, StragglerDetected
from chainrule.worker.stragglers import SLOW_WINDOWS, WINDOW_SECONDS, Stragglers


class Crew:
    """Workers with so many seconds a micro-batch, looked at window by window."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = list(seconds)
        self.done = [0] * len(seconds)
        self.busy = [0.0] * len(seconds)
        self.now = 0.0
        self.stragglers = Stragglers()

    def windows(self, count: int, micro_batches: int = 5) -> list[StragglerDetected]:
        found = []
        for _ in range(count):
            self.now += WINDOW_SECONDS
            for worker, seconds in enumerate(self.seconds):
                self.done[worker] += micro_batches
                self.busy[worker] += micro_batches * seconds
            vitals = [Vital(Role.WORKER, w, 1, 2, self.done[w], self.busy[w]) for w in range(len(self.done))]
            vitals.append(Vital(Role.PARAMETER_SERVER, 0, 1, 2, 0, 0.0))
            found += self.stragglers.look(vitals, 7, self.now)
        return found


def test_a_worker_that_stays_slow_is_told_once_with_its_time_and_that_of_the_others():
    crew = Crew(0.1, 0.35, 0.1, 0.12)
    assert crew.windows(SLOW_WINDOWS) == []  # the first window only begins to measure
    [found] = crew.windows(1)
    assert (found.member, found.step) == (1, 7)
    assert (found.seconds, found.median_seconds) == (pytest.approx(0.35), pytest.approx(0.1))
    assert crew.windows(10) == []


def test_one_of_two_may_be_a_straggler():
    assert [found.member for found in Crew(0.1, 0.25).windows(1 + SLOW_WINDOWS)] == [1]


def test_a_new_episode_is_told_again():
    crew = Crew(0.1, 0.3)
    assert len(crew.windows(1 + SLOW_WINDOWS)) == 1
    crew.seconds[1] = 0.1
    crew.windows(2)
    crew.seconds[1] = 0.3
    assert len(crew.windows(SLOW_WINDOWS)) == 1


def test_a_short_delay_is_nothing_to_tell():
    crew = Crew(0.1, 0.1)
    crew.windows(2)
    crew.seconds[1] = 1.0
    crew.windows(SLOW_WINDOWS - 1)
    crew.seconds[1] = 0.1
    assert crew.windows(5) == []


def test_workers_as_slow_as_each_other_are_none():
    assert Crew(0.1, 0.15, 0.19).windows(10) == []


def test_a_lone_worker_is_compared_with_nobody():
    assert Crew(5.0).windows(10) == []
