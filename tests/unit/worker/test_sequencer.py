"""Whatever the schedule: no update is too stale, nobody waits for ever, each task is logged exactly once."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.worker.sequencer import Dealt, Seat, Sequencer

SLOTS = 2


class Simulation:
    """Workers, shards and the sequencer as they meet on the board, one event at a time.

    Workers read the parameters some time after they are dealt a task, and shards apply updates some time
    after they are logged.
    """

    def __init__(self, tasks: int, bound: int | None, workers: int) -> None:
        self.tasks, self.bound = tasks, bound
        self.ahead = SLOTS if bound is None else 1
        self.sequencer = Sequencer(tasks, bound, self.ahead)
        self.applied = 0
        self.log: list[int] = []
        self.staleness: list[int] = []
        self.crew = list(range(workers))
        self.next_incarnation = workers
        self.reads: dict[Seat, int] = {}
        self.finished: set[Seat] = set()
        self.updates: dict[Seat, int] = {}

    def deal(self) -> None:
        for slot, incarnation in itertools.product(range(SLOTS), self.crew):
            seat = Seat(incarnation, slot)
            free = self.updates.get(seat, -1) < self.applied
            if free and seat not in dict(self.sequencer.in_work()):
                self.reads.pop(seat, None)
                self.finished.discard(seat)
                self.sequencer.deal(seat, self.applied)

    def read(self, choice: int) -> None:
        unread = [seat for seat, _ in self.sequencer.in_work() if seat not in self.reads]
        if unread:
            self.reads[unread[choice % len(unread)]] = self.applied

    def finish(self, choice: int) -> None:
        computing = [
            seat for seat, _ in self.sequencer.in_work() if seat in self.reads and seat not in self.finished
        ]
        if computing:
            seat = computing[choice % len(computing)]
            self.finished.add(seat)
            self.sequencer.finish(seat)

    def append(self) -> None:
        if (seat := self.sequencer.next_to_log()) is not None:
            self.staleness.append(self.sequencer.logged - self.reads[seat])
            self.updates[seat] = self.sequencer.logged
            self.log.append(self.sequencer.log(seat))

    def apply(self) -> None:
        self.applied = min(self.applied + 1, self.sequencer.logged)

    def lose(self, choice: int) -> None:
        if self.crew:
            lost = self.crew.pop(choice % len(self.crew))
            self.sequencer.keep(self.crew)
            self.finished = {seat for seat in self.finished if seat.incarnation != lost}

    def join(self) -> None:
        if len(self.crew) < 8:
            self.crew.append(self.next_incarnation)
            self.next_incarnation += 1

    def restart(self) -> None:
        """Of the shard that runs the sequencer: what is on the board stays."""
        logged = self.sequencer.logged
        done = [task for task in self.log if task // self.tasks == logged // self.tasks]
        in_work = [(seat, Dealt(dealt.task, dealt.version)) for seat, dealt in self.sequencer.in_work()]
        self.sequencer = Sequencer(self.tasks, self.bound, self.ahead, logged, done, reversed(in_work))
        for seat in self.finished & dict(in_work).keys():
            self.sequencer.finish(seat)

    def go_on(self) -> None:
        """Let everybody do what there is to do, once."""
        self.deal()
        self.read(0)
        self.finish(0)
        self.append()
        self.apply()


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["deal", "read", "finish", "append", "apply", "lose", "join", "restart"]),
        st.integers(0, 100),
    ),
    max_size=120,
)
BOUNDS = st.one_of(st.none(), st.integers(0, 6))


@settings(max_examples=300, deadline=None)
@given(tasks=st.integers(1, 12), bound=BOUNDS, workers=st.integers(1, 5), events=EVENTS)
def test_every_schedule_keeps_the_bound_and_logs_each_task_once(tasks, bound, workers, events):
    simulation = Simulation(tasks, bound, workers)
    for name, choice in events:
        event = getattr(simulation, name)
        event(choice) if name in ("read", "finish", "lose") else event()
    if not simulation.crew:
        simulation.join()
    epochs = len(simulation.log) // tasks + 1
    # Nobody waits for ever: with all taking turns, a fixed number of turns an update is enough.
    for _ in range(6 * tasks + 20):
        if len(simulation.log) < epochs * tasks:
            simulation.go_on()
    assert len(simulation.log) == epochs * tasks
    for epoch in range(epochs):
        own = simulation.log[epoch * tasks : (epoch + 1) * tasks]
        assert sorted(own) == list(range(epoch * tasks, (epoch + 1) * tasks))
    if bound is not None:
        assert max(simulation.staleness) <= bound


@given(tasks=st.integers(1, 20), workers=st.integers(1, 5))
def test_a_bound_of_zero_is_one_mini_batch_after_another(tasks, workers):
    simulation = Simulation(tasks, 0, workers)
    for _ in range(3 * tasks):
        simulation.go_on()
        assert len(simulation.sequencer.in_work()) <= 1
    assert simulation.log[:tasks] == list(range(tasks))


def test_a_bound_is_used_to_the_full():
    sequencer = Sequencer(10, 2, 1)
    seats = [Seat(incarnation, 0) for incarnation in range(4)]
    assert [sequencer.deal(seat, 0) for seat in seats] == [0, 1, 2, None]
    for seat in seats[:3]:
        sequencer.finish(seat)
    # Updates 0, 1 and 2, all from version 0: the last is two updates stale.
    assert [sequencer.log(sequencer.next_to_log() or seats[3]) for _ in range(3)] == [0, 1, 2]
    assert sequencer.deal(seats[3], 0) is None
    assert sequencer.deal(seats[3], 1) == 3


def test_whoever_would_make_another_too_stale_waits_for_it():
    sequencer = Sequencer(10, 1, 1)
    old, new = Seat(0, 0), Seat(1, 0)
    assert (sequencer.deal(old, 0), sequencer.deal(new, 0)) == (0, 1)
    sequencer.finish(new)
    assert sequencer.next_to_log() == new
    sequencer.log(new)
    assert sequencer.deal(new, 1) == 2
    sequencer.finish(new)
    assert sequencer.next_to_log() is None
    sequencer.finish(old)
    assert sequencer.next_to_log() == old


@pytest.mark.parametrize("finished", [False, True])
def test_what_a_lost_worker_had_is_dealt_again_before_what_comes_after_it(finished):
    sequencer = Sequencer(5, None, 2)
    for slot in (0, 1):
        sequencer.deal(Seat(0, slot), 0)
    if finished:
        sequencer.finish(Seat(0, 0))
    sequencer.keep([1])
    assert [sequencer.deal(Seat(1, slot), 0) for slot in (0, 1)] == [0, 1]
