"""Shard 0's second part where workers do not wait for one another: it puts the sequencer's decisions on the
board, and finds there all that it needs to go on after a restart."""

from __future__ import annotations

from .exchange.board import Board
from .exchange.ledger import SLOTS, Entry
from .faults import reach
from .sequencer import Dealt, Seat, Sequencer


class Sequencing:
    """A sequencer at work on the board."""

    def __init__(self, board: Board, tasks_per_epoch: int, bound: int | None) -> None:
        """bound: of the staleness; without one, each worker has its next task before it is through with the
        one that it is at. With one, a task in the queue would only grow stale."""
        self._board = board
        self._ledger = ledger = board.ledger
        if ledger.last is not None:
            ledger.mark_done(ledger.last)  # the shard before this one may have died over it
        # What a logged update still needs, by seat: until every shard has applied it.
        self._applying = {
            Seat(entry.incarnation, entry.slot): update
            for update in range(board.step(), ledger.logged)
            for entry in [ledger.entry(update)]
        }
        done = ledger.done(ledger.logged // tasks_per_epoch)
        in_work: list[tuple[Seat, Dealt]] = []
        for incarnation in ledger.incarnations():
            for slot, task, version in ledger.dealt(incarnation):
                seat = Seat(incarnation, slot)
                if seat in self._applying:
                    continue
                if task in done or task < ledger.logged // tasks_per_epoch * tasks_per_epoch:
                    self._applying[seat] = board.step() - 1  # logged and applied, and not cleared yet
                else:
                    in_work.append((seat, Dealt(task, version)))
        ahead = SLOTS if bound is None else 1
        self._sequencer = Sequencer(tasks_per_epoch, bound, ahead, ledger.logged, done, in_work)
        self._tasks_per_epoch = tasks_per_epoch
        self._bound = bound
        self._generation = -1
        self._crew: list[int] = []

    def advance(self) -> bool:
        """Log what is finished and deal what is open; False when there was nothing to be done."""
        moved = self._take_crew()
        self._clear()
        # Before a log entry that the shards have yet to apply, the version to deal at is the newest.
        moved = self._deal() or moved
        moved = self._log() or moved
        return self._deal() or moved

    def _take_crew(self) -> bool:
        board = self._board
        generation = board.generation
        if generation == self._generation:
            return False
        self._crew = board.crew()
        self._sequencer.keep(self._crew)
        self._ledger.seat_crew(self._crew, generation)
        self._generation = generation
        return True

    def _log(self) -> bool:
        board, ledger, sequencer = self._board, self._ledger, self._sequencer
        for seat, dealt in sequencer.in_work():
            desk = board.desk_of(seat.incarnation)
            if not dealt.finished and desk is not None and desk.has_gradient(dealt.task, seat.slot):
                sequencer.finish(seat)
        moved = False
        while self._may_log() and (seat := sequencer.next_to_log()) is not None:
            update, desk = sequencer.logged, board.desk_of(seat.incarnation)
            assert desk is not None
            reach("sequencer.before_log", update)
            task = sequencer.log(seat)
            ledger.append(Entry(seat.incarnation, seat.slot, task, desk.version(seat.slot)))
            reach("sequencer.after_log", update)
            ledger.mark_done(update)
            self._applying[seat] = update
            moved = True
        if moved:
            board.ring_shards()
        return moved

    def _may_log(self) -> bool:
        logged = self._sequencer.logged
        # Under a bound, an update that waits for its shards would make what is dealt meanwhile stale.
        behind = self._bound is not None and self._board.step() < logged
        return logged < self._board.horizon and not behind

    def _clear(self) -> None:
        step = self._board.step()
        for seat, update in list(self._applying.items()):
            if update < step:
                del self._applying[seat]
                if seat.incarnation in self._crew:
                    self._ledger.clear(*seat)

    def _deal(self) -> bool:
        board, sequencer = self._board, self._sequencer
        if sequencer.logged % self._tasks_per_epoch == 0 and sequencer.logged >= board.horizon:
            return False  # at the end of an epoch, which may be the last
        taken = {seat for seat, _ in sequencer.in_work()} | set(self._applying)
        moved = False
        for slot in range(SLOTS):
            for incarnation in self._crew:
                seat, version = Seat(incarnation, slot), board.step()
                if seat not in taken and (task := sequencer.deal(seat, version)) is not None:
                    self._ledger.deal(incarnation, slot, task, version)
                    reach("sequencer.after_deal", task)
                    board.ring_worker(incarnation)
                    moved = True
        return moved
