"""Doorbells wake a process that sleeps on shared memory, and lose no ring."""

from __future__ import annotations

import multiprocessing
import threading
from typing import Any

import numpy as np

from chainrule.worker.exchange.arena import create_shared_arena, open_shared_arena
from chainrule.worker.exchange.doorbell import Doorbells

FIELDS = {"bells": ("int32", (2,)), "count": ("int64", (2,))}


def echo(path, rounds):
    """Count up to whatever the other side counted to, each time it rings."""
    views = open_shared_arena(path, FIELDS)
    bells, count = Doorbells(views["bells"]), views["count"]
    while count[1] < rounds:
        seen = bells.read(1)
        if count[0] > count[1]:
            count[1] += 1
            bells.ring(0)
        else:
            bells.wait(1, seen, 10.0)


def test_two_processes_ring_each_other_many_times_without_losing_a_ring(tmp_path):
    rounds = 2000
    views = create_shared_arena(tmp_path / "arena", FIELDS)
    bells, count = Doorbells(views["bells"]), views["count"]
    process = multiprocessing.get_context("spawn").Process(target=echo, args=(tmp_path / "arena", rounds))
    process.start()
    for turn in range(1, rounds + 1):
        count[0] = turn
        bells.ring(1)
        while count[1] < turn:
            seen = bells.read(0)
            if count[1] < turn:
                bells.wait(0, seen, 10.0)
            assert process.is_alive() or count[1] == turn
    process.join()
    assert process.exitcode == 0 and count[1] == rounds


def test_a_ring_before_the_wait_makes_the_wait_return_at_once():
    bells = Doorbells(np.zeros(1, np.int32))
    seen = bells.read(0)
    bells.ring(0)
    waiter = threading.Thread(target=bells.wait, args=(0, seen, 60.0))
    waiter.start()
    waiter.join(30.0)
    assert not waiter.is_alive()


def test_a_wait_without_a_ring_ends_at_its_timeout():
    bells = Doorbells(np.zeros(1, np.int32))
    bells.wait(0, bells.read(0), 0.01)


def test_a_ring_wakes_only_whom_it_is_for():
    bells = Doorbells(np.zeros(2, np.int32))
    bells.ring(1)
    assert bells.read(0) == 0 and bells.read(1) != 0


def test_the_word_wraps_around_without_leaving_its_range():
    words = np.zeros(1, np.int32)
    bells: Any = Doorbells(words)
    bells._mark = 2**31 - 1
    bells.ring(0)
    assert words[0] == 0


class Interrupted:
    """A doorbell word whose first store is preceded by what other ringers and the waiter do meanwhile."""

    def __init__(self, words, meanwhile):
        self.words, self.meanwhile = words, meanwhile

    def __getitem__(self, waiter):
        return self.words[waiter]

    def __setitem__(self, waiter, value):
        self.meanwhile()
        self.words[waiter] = value


def test_a_ringer_that_is_held_up_does_not_undo_the_ring_of_another():
    words = np.zeros(1, np.int32)
    early, late, held_up = Doorbells(words), Doorbells(words), Doorbells(words)
    seen = []

    def meanwhile():
        early.ring(0)
        seen.append(late.read(0))
        late.ring(0)

    bells: Any = held_up
    bells._words = Interrupted(bells._words, meanwhile)
    held_up.ring(0)
    assert late.read(0) != seen[0]
