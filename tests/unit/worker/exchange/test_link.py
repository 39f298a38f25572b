"""A link over a real socket: versions go down, gradients come up, and nobody else gets in."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pytest

from chainrule.worker.errors import JobError
from chainrule.worker.exchange import link as link_module
from chainrule.worker.exchange.board import COORDINATOR, Board, BoardShape, private_board
from chainrule.worker.exchange.hub import Hub
from chainrule.worker.exchange.link import Connection, Kind, LinkError, connect, listen, welcome
from chainrule.worker.exchange.mirror import Mirror, orders_of, orders_row
from chainrule.worker.reports import Reason

SECRET = b"s" * 32
SHAPE = BoardShape(
    parameters=5000,
    slots=2,
    shards=2,
    workers=3,
    micro_batches=4,
    evaluation_chunks=3,
    evaluation_values=2,
    buffers=7,
    curvature=True,
)
# Worker 0 is at home, worker 1 at the far end.
NEAR, FAR = 0, 1


class Linked:
    """A board at home and its mirror, with a link between them."""

    def __init__(self, averages: bool = False, silence: float = 20.0) -> None:
        self.home, self.far = private_board(SHAPE), private_board(SHAPE)
        self.home.begin(
            6, values(6), np.full((2, SHAPE.parameters), 3, np.float32), (8.0, 5), values(6)[: SHAPE.buffers]
        )
        self.hub = Hub(self.home, "127.0.0.1", SECRET, averages, lambda step: step % 2 == 0, silence)
        self.number = self.hub.expect()
        self.hub.add(self.number, FAR)
        self.ended: list[LinkError] = []
        connection = connect(self.hub.address, SECRET, SHAPE, self.number, silence)
        self.mirror = Mirror(self.far, connection, lambda step: step % 2 == 0, self.ended.append)
        self.mirror.add(FAR)

    def start(self) -> None:
        self.mirror.start()
        self.home.assign((NEAR, FAR))
        self.home.grant(100)

    def advance(self, version: int) -> None:
        """What the shards do at home."""
        self.home.parameters[version % 2] = values(version)
        self.home.buffers[version % 2] = version
        self.home.set_loss_scale(version, 2.0 * version, version)
        for shard in range(SHAPE.shards):
            self.home.publish_version(shard, version, 0.0)

    def down(self, condition: Callable[[], bool]) -> None:
        """Wait for what comes to the mirror."""
        until(self.far, self.far.worker_bell(FAR), condition)

    def up(self, condition: Callable[[], bool], bell: int | None = None) -> None:
        """Wait for what comes home."""
        until(self.home, self.home.shard_bell(0) if bell is None else bell, condition)

    def close(self) -> None:
        self.mirror.close()
        self.hub.close()


def values(version: int) -> np.ndarray:
    return np.arange(SHAPE.parameters, dtype=np.float32) * version


def until(board: Board, bell: int, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while True:
        seen = board.bells.read(bell)
        if condition():
            return
        assert time.monotonic() < deadline, "it did not come within 10 seconds"
        board.bells.wait(bell, seen, 1.0)


@pytest.fixture
def linked() -> Iterator[Linked]:
    linked = Linked()
    yield linked
    linked.close()


def test_every_version_arrives_whole_before_the_word_that_says_so(linked):
    linked.start()
    for version in range(6, 12):
        if version > 6:
            linked.advance(version)
        linked.down(lambda version=version: linked.far.step() == version)
        np.testing.assert_array_equal(linked.far.parameters[version % 2], values(version))
        if version > 6:
            assert linked.far.loss_scale(version) == (2.0 * version, version)
            assert (linked.far.buffers[version % 2] == version).all()


def test_the_version_that_training_begins_at_comes_with_all_that_belongs_to_it(linked):
    linked.start()
    linked.down(lambda: linked.far.horizon == 100)
    assert linked.far.step() == 6 and linked.far.loss_scale(6) == (8.0, 5)
    np.testing.assert_array_equal(linked.far.buffers[0], values(6)[: SHAPE.buffers])


def test_the_orders_arrive_after_the_version_that_they_are_about(linked):
    linked.start()
    seen = []
    follow = linked.far.follow
    linked.far.follow = lambda orders: (seen.append((orders, linked.far.step())), follow(orders))
    linked.home.evaluate(3)
    linked.down(lambda: linked.far.evaluation == 3)
    assert all(version == 6 for orders, version in seen if FAR in orders.crew)
    assert linked.far.crew() == [NEAR, FAR]


def test_a_mirror_none_of_whose_workers_is_dealt_work_gets_orders_and_no_parameters(linked):
    linked.mirror.start()
    linked.home.assign((NEAR,))
    linked.home.grant(50)
    bell = linked.far.worker_bell(NEAR)
    until(linked.far, bell, lambda: linked.far.horizon == 50 and linked.far.crew() == [NEAR])
    assert linked.far.step() == 0 and not linked.far.parameters.any()


def test_the_average_arrives_before_the_evaluation_that_is_about_it():
    linked = Linked(averages=True)
    try:
        linked.start()
        linked.home.state[0, -1] = 7
        linked.home.evaluate(1)
        linked.down(lambda: linked.far.evaluation == 1)
        assert (linked.far.state[0, -1] == 7).all() and not linked.far.state[0, 0].any()
    finally:
        linked.close()


@pytest.mark.parametrize("step", [6, 7])
def test_a_gradient_arrives_on_the_desk_of_its_worker_with_all_that_belongs_to_it(linked, step):
    linked.start()
    if step == 7:
        linked.advance(7)
    linked.down(lambda: linked.far.step() == step and linked.far.crew() == [NEAR, FAR])
    desk = linked.far.desk(FAR)
    desk.gradients[2], desk.losses[2], desk.observed[2], desk.curvatures[2] = values(9), 1.5, 4, 5
    desk.input_seconds[0], desk.input_seconds[1] = 0.25, 2.0
    desk.publish_gradient(step, 2)
    linked.far.ring_shards()
    arrived = linked.home.desk(FAR)
    linked.up(lambda: arrived.has_gradient(step, 2))
    np.testing.assert_array_equal(arrived.gradients[2], values(9))
    assert arrived.input_seconds.tolist() == [0.25, 2.0]
    assert arrived.losses[2] == 1.5 and (arrived.observed[2] == 4).all()
    # The optimizer of this test looks at the curvature of every second step, counted from 1.
    assert (arrived.curvatures[2] == (5 if step == 7 else 0)).all()
    assert not linked.home.desk(NEAR).has_gradient(step, 2)


def test_the_sums_of_an_evaluation_arrive_and_wake_the_coordinator(linked):
    linked.start()
    linked.home.evaluate(4)
    linked.down(lambda: linked.far.evaluation == 4)
    desk = linked.far.desk(FAR)
    desk.evaluation_sums[1] = 2.5, 3.5
    desk.publish_evaluation(4, 1)
    linked.far.bells.ring(COORDINATOR)
    arrived = linked.home.desk(FAR)
    linked.up(lambda: arrived.has_evaluation(4, 1), COORDINATOR)
    assert arrived.evaluation_sums[1].tolist() == [2.5, 3.5]


def test_what_a_worker_tells_of_itself_arrives_while_its_gradients_do(linked, monkeypatch):
    monkeypatch.setattr("chainrule.worker.exchange.mirror.BEAT_SECONDS", 0.01)
    linked.start()
    linked.down(lambda: linked.far.step() == 6)
    home, far, bell = linked.home, linked.far, linked.far.worker_bell(FAR)
    other = home.vital(home.worker_bell(NEAR))
    far.turn(bell)
    far.computed(bell, 1.5)
    far.give_notice(bell)

    def shown() -> bool:
        # No rest in between: the link has always something else to send.
        far.beat(bell)
        far.desk(FAR).publish_gradient(6, 1)
        far.ring_shards()
        return home.vital(bell)[0] > 1 and home.has_notice(bell)

    deadline = time.monotonic() + 10
    while not shown():
        assert time.monotonic() < deadline, "it did not come within 10 seconds"
    assert home.vital(bell)[1:] == (1, 1, 1.5)
    assert home.vital(home.worker_bell(NEAR)) == other


def test_a_worker_shows_that_it_lives_while_a_long_gradient_comes(linked, monkeypatch):
    monkeypatch.setattr(link_module, "BEAT_SECONDS", 0.0)
    home = linked.home
    linked.mirror._connection._socket.sendall(frame(Kind.GRADIENT, size=GRADIENT_BYTES))
    linked.mirror._connection._socket.sendall(bytes(GRADIENT_BYTES))
    linked.up(lambda: home.desk(FAR).has_gradient(6, 0))
    assert home.vital(home.worker_bell(FAR))[0] > 0


def test_a_worker_that_joins_shows_nothing_of_an_earlier_one(linked):
    bell = linked.far.worker_bell(2)
    linked.far.beat(bell)
    linked.mirror.add(2)
    assert linked.far.vital(bell) == (0, 0, 0, 0.0)


def test_what_still_comes_from_a_lost_worker_is_dropped_and_the_link_goes_on(linked):
    linked.hub.add(linked.number, 2)
    linked.mirror.add(2)
    linked.start()
    linked.down(lambda: linked.far.step() == 6)
    linked.hub.remove(linked.number, FAR)
    for incarnation in (FAR, 2):
        linked.far.desk(incarnation).publish_gradient(6, 0)
    linked.far.ring_shards()
    linked.up(lambda: linked.home.desk(2).has_gradient(6, 0))
    assert not linked.home.desk(FAR).has_gradient(6, 0)


def test_closing_the_board_closes_its_mirrors(linked):
    linked.start()
    linked.down(lambda: linked.far.step() == 6)
    linked.home.close()
    linked.down(lambda: linked.far.closing)


def test_a_link_that_breaks_is_told_at_both_ends(linked):
    linked.start()
    linked.down(lambda: linked.far.step() == 6)
    linked.mirror._connection.close()
    broken: list = []
    linked.up(lambda: bool(broken.extend(linked.hub.broken()) or broken), COORDINATOR)
    [(number, error)] = broken
    assert number == linked.number and isinstance(error, LinkError)
    until(linked.far, linked.far.worker_bell(FAR), lambda: linked.far.closing)


def test_a_link_that_falls_silent_is_lost():
    linked = Linked(silence=0.1)  # and nobody speaks at the far end: its threads do not run
    try:
        linked.home.assign((NEAR,))
        broken: list = []
        linked.up(lambda: bool(broken.extend(linked.hub.broken()) or broken), COORDINATOR)
        assert "nothing came from the other end for 0.1 seconds" in str(broken[0][1])
    finally:
        linked.hub.close()


def test_a_link_with_nothing_to_say_says_so(monkeypatch):
    for module in ("hub", "mirror"):
        monkeypatch.setattr(f"chainrule.worker.exchange.{module}.BEAT_SECONDS", 0.01)
    linked = Linked()
    try:
        came = []
        receive = linked.mirror._connection.receive
        alive = threading.Event()

        def noted():
            header = receive()
            came.append(header.kind)
            if came.count(Kind.ALIVE) == 3:
                alive.set()
            return header

        linked.mirror._connection.receive = noted
        linked.start()
        assert alive.wait(10)
    finally:
        linked.close()


def test_memory_that_is_short_at_home_is_told_as_what_it_is(linked, monkeypatch):
    def short(micro_batch):
        raise JobError(Reason.RESOURCES_UNAVAILABLE, "No shared memory is left")

    linked.start()
    linked.down(lambda: linked.far.step() == 6)
    monkeypatch.setattr(linked.home.desk(FAR), "reserve", short)
    linked.far.desk(FAR).publish_gradient(6, 0)
    linked.far.ring_shards()
    broken: list = []
    linked.up(lambda: bool(broken.extend(linked.hub.broken()) or broken), COORDINATOR)
    assert broken[0][1].reason is Reason.RESOURCES_UNAVAILABLE


# Who is let in.


def refused(hub: Hub) -> None:
    assert hub._links[0].connection is None


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub(private_board(SHAPE), "127.0.0.1", SECRET, False, lambda step: False)
    hub.expect()
    yield hub
    hub.close()


def test_another_secret_is_refused(hub):
    with pytest.raises(LinkError, match="refused"):
        connect(hub.address, b"t" * 32, SHAPE, 0)
    refused(hub)


def test_another_layout_of_the_boards_is_refused(hub):
    other = BoardShape(5001, 2, 2, 3, 4, 3, 2, 7, True)
    with pytest.raises(LinkError, match="refused"):
        connect(hub.address, SECRET, other, 0)
    refused(hub)


def test_a_link_that_nobody_expects_is_refused(hub):
    connection = connect(hub.address, SECRET, SHAPE, 5)
    with pytest.raises(LinkError, match="closed"):
        connection.receive()
    connection.close()


def test_a_second_link_with_the_same_number_is_refused(hub):
    first = connect(hub.address, SECRET, SHAPE, 0)
    first.receive()  # so it is in
    second = connect(hub.address, SECRET, SHAPE, 0)
    with pytest.raises(LinkError, match="closed"):
        second.receive()
    first.close()
    second.close()


def test_whoever_says_nothing_at_the_door_is_sent_away(hub, monkeypatch):
    monkeypatch.setattr(link_module, "HANDSHAKE_SECONDS", 0.05)
    with socket.create_connection(hub.address) as silent:
        silent.settimeout(10)
        assert len(silent.recv(64)) == 32
        assert silent.recv(1) == b""
    refused(hub)


def test_a_hub_without_the_secret_is_refused_by_the_link():
    server = listen("127.0.0.1")

    def pretend() -> None:
        channel, _ = server.accept()
        with channel, pytest.raises(LinkError):
            welcome(channel, b"t" * 32, SHAPE)

    def echo() -> None:
        channel, _ = server.accept()
        with channel:
            channel.sendall(bytes(32))
            hello = channel.recv(72, socket.MSG_WAITALL)
            channel.sendall(hello[-32:])  # the link's own proof, sent back

    for impostor, message in ((pretend, "refused"), (echo, "could not prove")):
        thread = threading.Thread(target=impostor)
        thread.start()
        with pytest.raises(LinkError, match=message):
            connect(("127.0.0.1", server.getsockname()[1]), SECRET, SHAPE, 0)
        thread.join()
    server.close()


def test_an_address_where_nobody_listens_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with pytest.raises(LinkError, match=f"no connection to 127.0.0.1:{address[1]}"):
        connect(address, SECRET, SHAPE, 0)


# What is sent inside.


def frame(kind: int, numbers=(FAR, 0, 6), size: int = 0, content: bytes = b"") -> bytes:
    return struct.pack("<qqqqq", kind, *numbers, size) + content


GRADIENT_BYTES = 16 + 8 + 4 * SHAPE.buffers + 4 * SHAPE.parameters


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (frame(99), "unknown kind 99"),
        (frame(Kind.GRADIENT, size=GRADIENT_BYTES + 4), f"announced {GRADIENT_BYTES + 4} bytes for GRADIENT"),
        (frame(Kind.GRADIENT, size=2**62), "announced 4611686018427387904 bytes"),
        (frame(Kind.GRADIENT, size=-1), "announced -1 bytes"),
        (frame(Kind.GRADIENT, (FAR, 4, 6)), "GRADIENT 4 of worker 1"),
        (frame(Kind.GRADIENT, (FAR, -1, 6)), "GRADIENT -1 of worker 1"),
        (frame(Kind.GRADIENT, (2, 0, 6)), "GRADIENT 0 of worker 2"),
        (frame(Kind.EVALUATION, (FAR, 3, 1)), "EVALUATION 3 of worker 1"),
        (frame(Kind.VITALS, (FAR, 0, 0), size=8), "announced 8 bytes for VITALS"),
        (frame(Kind.VITALS, (2, 0, 0)), "VITALS 0 of worker 2"),
        (frame(Kind.PARAMETERS), "PARAMETERS, which does not go this way"),
        (frame(Kind.ALIVE, size=1), "announced 1 bytes for ALIVE"),
        (frame(Kind.GRADIENT, size=GRADIENT_BYTES, content=bytes(100)), "closed the link"),
        (b"G", "closed the link"),
    ],
)
def test_a_frame_that_cannot_be_ends_the_link_and_publishes_nothing(linked, sent, message):
    channel = linked.mirror._connection._socket
    channel.sendall(sent)
    with suppress(OSError):  # the hub may have been faster
        channel.shutdown(socket.SHUT_WR)
    broken: list = []
    linked.up(lambda: bool(broken.extend(linked.hub.broken()) or broken), COORDINATOR)
    assert message in str(broken[0][1])
    desk = linked.home.desk(FAR)
    assert not desk.stamps.any() and not desk.evaluation_stamps.any()


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (frame(Kind.GRADIENT), "GRADIENT, which does not go this way"),
        (frame(Kind.PARAMETERS, size=8), "announced 8 bytes for PARAMETERS"),
        (frame(Kind.ORDERS, size=56, content=struct.pack("<7q", 9, 0, 0, 4, 0, 0, 0)), "make no sense"),
        (frame(Kind.ORDERS, size=56, content=bytes(20)), "closed the link"),
    ],
)
def test_a_mirror_that_is_sent_what_cannot_be_closes_its_board(sent, message):
    tcp = listen("127.0.0.1")
    near = socket.create_connection(tcp.getsockname())
    far, _ = tcp.accept()
    board, ended = private_board(SHAPE), []
    over = threading.Event()

    def end(error: LinkError) -> None:
        ended.append(error)
        over.set()

    mirror = Mirror(board, Connection(far), lambda step: False, end)
    mirror.start()
    near.sendall(sent)
    near.shutdown(socket.SHUT_WR)
    assert over.wait(10)
    assert message in str(ended[0]) and board.closing and board.step() == 0
    mirror.close()
    near.close()
    tcp.close()


def test_orders_come_out_as_they_went_in():
    board = private_board(SHAPE)
    board.assign((4, 9))
    board.evaluate(3)
    assert orders_of(orders_row(board.orders(), SHAPE.workers)) == board.orders()
    assert board.orders().crew == (4, 9)
