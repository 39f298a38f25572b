"""Workers on other nodes, in one process: each sees a mirror of the board over a real socket, and links break
on the way."""

from __future__ import annotations

from queue import SimpleQueue

import pytest

from chainrule.worker import faults
from chainrule.worker.exchange.board import COORDINATOR, Board, private_board
from chainrule.worker.exchange.hub import Hub
from chainrule.worker.exchange.link import LinkError, connect
from chainrule.worker.exchange.mirror import Mirror
from chainrule.worker.job import run_job
from chainrule.worker.messages import Event, Lost
from chainrule.worker.plan import Plan
from chainrule.worker.reports import EpochCompleted, Finished, MemberLost, Outcome, Role
from chainrule.worker.runtime import JobOrder
from chainrule.worker.runtime.inprocess import InProcessCrew, make_member

SECRET = b"s" * 32


class LinkedCrew(InProcessCrew):
    """A crew each of whose workers but the first of all is on a node of its own."""

    def open(self, plan: Plan) -> Board:
        board = super().open(plan)
        average, observes = plan.optimization.average, plan.optimization.observes
        self.hub = Hub(board, "127.0.0.1", SECRET, average is not None, observes)
        self.links: dict[int, tuple[int, Mirror]] = {}
        return board

    def start(self, role: Role, member: int) -> None:
        super().start(role, member)
        if role is Role.WORKER and member:
            assert self._plan is not None
            far, number = private_board(self._plan.shape), self.hub.expect()
            self.hub.add(number, member)
            observes = self._plan.optimization.observes
            mirror = Mirror(far, connect(self.hub.address, SECRET, self._plan.shape, number), observes)
            mirror.add(member)
            mirror.start()
            self.links[member] = number, mirror
            self.members[role, member] = make_member(self._plan, far, role, member)

    def wait(self, seen: int) -> list[Event]:
        for number, error in self.hub.broken():
            self.hub.drop(number)
            [worker] = [worker for worker, link in self.links.items() if link[0] == number]
            self._part_with(worker)
            self._events.append(Lost(Role.WORKER, worker, f"its link broke: {error}"))
        events = super().wait(seen)
        if not events:
            assert self._board is not None
            self._board.bells.wait(COORDINATOR, seen, 0.0005)  # or until sockets have brought something
        return events

    def close(self, at_once: bool = False) -> None:
        super().close(at_once)
        for worker in list(self.links):
            self._part_with(worker)
        self.hub.close()

    def _part_with(self, worker: int) -> None:
        self.members.pop((Role.WORKER, worker), None)
        self.links.pop(worker)[1].close()


def run(spec, folder, workers):
    folder.mkdir(exist_ok=True)
    changed = spec.with_overrides([f"cluster.workers={workers}"])
    return list(run_job(JobOrder("job", 1, changed, folder), LinkedCrew(), SimpleQueue()))


def ending(reports) -> Finished:
    assert isinstance(reports[-1], Finished)
    assert reports[-1].outcome is Outcome.SUCCEEDED, reports[-1].message
    return reports[-1]


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_on_other_nodes_change_no_byte(digits, undisturbed, tmp_path, workers):
    finished = ending(run(digits, tmp_path / "linked", workers))
    assert (finished.digest, finished.metrics) == (undisturbed.digest, undisturbed.metrics)


@pytest.mark.parametrize(
    "changes",
    [
        ["model=[{linear: {units: 16}}, batch_norm, relu, {linear: {units: 10}}]"],
        ["training.average={decay: 0.9}"],
        ["training.precision=float16"],
        ["optimizer={sophia: {learning_rate: 0.001}}"],
        ["training.compression={top_k: {fraction: 0.1}}"],
    ],
    ids=["buffers", "average", "loss scale", "curvature", "compression"],
)
def test_all_that_belongs_to_a_version_or_a_gradient_travels(digits, inprocess, tmp_path, changes):
    spec = digits.with_overrides([*changes, "training.epochs=2"])
    finished = ending(run(spec, tmp_path / "linked", 2))
    undisturbed = inprocess.run(spec)
    assert (finished.digest, finished.metrics) == (undisturbed.digest, undisturbed.metrics)


@pytest.mark.parametrize("point", ["link.before_parameters", "link.after_parameters"])
@pytest.mark.parametrize("workers", [2, 3])
def test_a_link_that_breaks_at_any_point_changes_no_byte(digits, undisturbed, tmp_path, point, workers):
    # 15 and 30 are the versions that are evaluated.
    left = {1, 7, 15, 44}

    def cut(reached, step):
        if reached == point and step in left:
            left.remove(step)
            raise LinkError("cut")

    with faults.injected(cut):
        reports = run(digits, tmp_path / "linked", workers)
    finished = ending(reports)
    lost = [report for report in reports if isinstance(report, MemberLost)]
    assert not left and [report.kind for report in lost] == [Role.WORKER] * 4
    assert all("its link broke: cut" in report.reason for report in lost)
    assert (finished.digest, finished.metrics) == (undisturbed.digest, undisturbed.metrics)
    assert len([report for report in reports if isinstance(report, EpochCompleted)]) == 3
