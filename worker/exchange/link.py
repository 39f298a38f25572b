"""What goes over the socket between a board and its mirror on another node: the proof of who speaks, then
frames.

A frame is a fixed header and the raw bytes of arrays that both ends know the sizes of: nothing that is
received is ever run or unpickled, and a length that does not fit ends the link before a byte is written.
The proof is a challenge in both directions by HMAC-SHA256 with a secret of this execution. Frames are neither
signed nor encrypted: whoever can change packets on the network between the nodes is trusted, as Ray trusts
them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ...core.errors import ChainruleError
from .board import Board, BoardShape, Desk

SECRET_BYTES = 32
BEAT_SECONDS = 1.0
"""An end that has nothing to say for this long says so."""
SILENCE_SECONDS = 30.0
"""An end that says nothing for this long, or takes nothing, is lost."""
HANDSHAKE_SECONDS = 10.0

_NONCE_BYTES = 32
_PROOF_BYTES = hashlib.sha256().digest_size
_VERSION = b"chainrule link 1"
_HELLO = struct.Struct(f"<q{_NONCE_BYTES}s{_PROOF_BYTES}s")
_HEADER = struct.Struct("<qqqqq")
# What the kernel may hold of a gradient that the other end has not taken yet.
_BUFFER_BYTES = 4 * 2**20
_SKIP_BYTES = 2**16


class LinkError(ChainruleError):
    """The link to another node is gone or cannot be used."""


class Kind(IntEnum):
    """What a frame holds; its three numbers are in brackets.

    Down, from the board to the mirror: ORDERS, PARAMETERS (version), AVERAGE (version), PUBLISHED (version).
    Up: GRADIENT (incarnation, micro-batch, step), EVALUATION (incarnation, chunk, evaluation), VITALS
    (incarnation). ALIVE: both.
    """

    ALIVE = 1
    ORDERS = 2
    PARAMETERS = 3
    AVERAGE = 4
    PUBLISHED = 5
    GRADIENT = 6
    EVALUATION = 7
    VITALS = 8


@dataclass(frozen=True)
class Header:
    """The beginning of a frame. size: of what follows, in bytes."""

    kind: Kind
    numbers: tuple[int, int, int]
    size: int


class Connection:
    """One end of a link whose other end has proved itself; one thread sends and one receives."""

    def __init__(self, channel: socket.socket, silence: float = SILENCE_SECONDS) -> None:
        self._socket = channel
        self._silence = silence
        channel.settimeout(silence)
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._header = bytearray(_HEADER.size)

    def send(
        self, kind: Kind, numbers: tuple[int, int, int] = (0, 0, 0), arrays: Sequence[np.ndarray] = ()
    ) -> None:
        """Send a frame; the arrays contiguous, their bytes straight from where they lie."""
        views = [array.data.cast("B") for array in arrays if array.size]
        size = sum(len(view) for view in views)
        parts = [memoryview(_HEADER.pack(kind, *numbers, size)), *views]
        try:
            while parts:
                sent = self._socket.sendmsg(parts)
                while parts and sent >= len(parts[0]):
                    sent -= len(parts.pop(0))
                if sent:
                    parts[0] = parts[0][sent:]
        except TimeoutError:
            raise LinkError(f"the other end has taken nothing for {self._silence:g} seconds") from None
        except OSError as error:
            raise LinkError(f"sending failed: {error.strerror or error}") from error

    def receive(self) -> Header:
        """The next frame's header; `receive_into` or another `receive` (where nothing follows) comes next."""
        self._fill(memoryview(self._header))
        kind, *numbers, size = _HEADER.unpack(self._header)
        try:
            known = Kind(kind)
        except ValueError:
            raise LinkError(f"the other end sent a frame of unknown kind {kind}") from None
        first, second, third = numbers
        return Header(known, (first, second, third), size)

    def receive_into(
        self, header: Header, arrays: Sequence[np.ndarray], slow: Callable[[], None] = lambda: None
    ) -> None:
        """What follows `header`, straight into these contiguous arrays; LinkError unless it is as long.

        slow: called each BEAT_SECONDS that this takes.
        """
        expected = sum(array.nbytes for array in arrays)
        if header.size != expected:
            raise LinkError(
                f"the other end announced {header.size} bytes for {header.kind.name}, expected {expected}"
            )
        for array in arrays:
            if array.size:
                self._fill(array.data.cast("B"), slow)

    def skip(self, header: Header, most: int) -> None:
        """Throw away what follows `header`; LinkError where that is more than `most` bytes."""
        if not 0 <= header.size <= most:
            raise LinkError(f"the other end announced {header.size} bytes for {header.kind.name}")
        left, nowhere = header.size, memoryview(bytearray(min(header.size, _SKIP_BYTES)))
        while left:
            part = nowhere[:left]
            self._fill(part)
            left -= len(part)

    def close(self) -> None:
        """End the link at once; whoever sends or receives here gets a LinkError."""
        with suppress(OSError):  # the other end may have been first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _fill(self, view: memoryview, slow: Callable[[], None] = lambda: None) -> None:
        began = time.monotonic()
        try:
            while view:
                if time.monotonic() - began >= BEAT_SECONDS:
                    began = time.monotonic()
                    slow()
                received = self._socket.recv_into(view)
                if not received:
                    raise LinkError("the other end closed the link")
                view = view[received:]
        except TimeoutError:
            raise LinkError(f"nothing came from the other end for {self._silence:g} seconds") from None
        except OSError as error:
            raise LinkError(f"receiving failed: {error.strerror or error}") from error


def gradient_payload(desk: Desk, micro_batch: int, curved: bool) -> list[np.ndarray]:
    """What a gradient is made of as it travels, on both ends: the only place that decides it.

    curved: whether an estimate of the curvature belongs to it. What compression leaves out has to travel too,
    as any worker may take the micro-batch over; so a compressed gradient travels as what it decodes to.
    """
    row = slice(micro_batch, micro_batch + 1)
    curvature = [desk.curvatures[micro_batch]] if curved else []
    gradient = [desk.gradients[micro_batch], desk.residuals[micro_batch]]
    seen = np.asarray(desk.input_seconds), desk.losses[row], desk.observed[micro_batch]
    return [*seen, *curvature, *gradient]


def version_payload(board: Board, version: int, scale: np.ndarray) -> list[np.ndarray]:
    """What a version is made of as it travels, beside its loss scale (2,): the only place that decides it."""
    half = version % 2
    return [scale, board.buffers[half], board.residuals[half], board.parameters[half]]


def listen(host: str) -> socket.socket:
    """A socket on a free port of `host` that takes links."""
    server = socket.create_server((host, 0), backlog=64)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    return server


def welcome(
    channel: socket.socket, secret: bytes, shape: BoardShape, silence: float = SILENCE_SECONDS
) -> tuple[Connection, int]:
    """Let somebody prove that they are a link of this execution: the connection, and the link's number."""
    deadline = time.monotonic() + HANDSHAKE_SECONDS
    challenge = secrets.token_bytes(_NONCE_BYTES)
    _send(channel, challenge)
    number, nonce, proof = _HELLO.unpack(_receive(channel, _HELLO.size, deadline))
    if not hmac.compare_digest(proof, _proof(secret, shape, b"link", challenge, nonce, number)):
        raise LinkError("somebody could not prove to be a link of this job on the same version of chainrule")
    _send(channel, _proof(secret, shape, b"home", nonce, challenge, number))
    return Connection(channel, silence), number


def connect(
    address: tuple[str, int],
    secret: bytes,
    shape: BoardShape,
    number: int,
    silence: float = SILENCE_SECONDS,
) -> Connection:
    """Reach the board's end at `address` as link `number`, and have it prove itself."""
    deadline = time.monotonic() + HANDSHAKE_SECONDS
    try:
        channel = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        channel.settimeout(HANDSHAKE_SECONDS)
        channel.connect(address)
    except OSError as error:
        raise LinkError(f"no connection to {address[0]}:{address[1]}: {error.strerror or error}") from error
    try:
        challenge = _receive(channel, _NONCE_BYTES, deadline)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        proof = _proof(secret, shape, b"link", challenge, nonce, number)
        _send(channel, _HELLO.pack(number, nonce, proof))
        answer = _receive(channel, _PROOF_BYTES, deadline)
        if not hmac.compare_digest(answer, _proof(secret, shape, b"home", nonce, challenge, number)):
            raise LinkError(f"{address[0]}:{address[1]} could not prove to be this job's coordinator")
    except LinkError:
        channel.close()
        raise
    return Connection(channel, silence)


def _proof(secret: bytes, shape: BoardShape, who: bytes, first: bytes, second: bytes, number: int) -> bytes:
    # The layout of both boards is part of what is proved: nobody has to trust a length later on.
    layout = repr((dict(shape.board_fields()), dict(shape.desk_fields()), sys.byteorder))
    said = b"\0".join([_VERSION, who, first, second, str(number).encode(), layout.encode()])
    return hmac.digest(secret, said, "sha256")


def _send(channel: socket.socket, content: bytes) -> None:
    try:
        channel.settimeout(HANDSHAKE_SECONDS)
        channel.sendall(content)
    except OSError as error:
        raise LinkError(f"the other end left while it proved itself: {error.strerror or error}") from error


def _receive(channel: socket.socket, size: int, deadline: float) -> bytes:
    content = b""
    try:
        while len(content) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            channel.settimeout(left)
            part = channel.recv(size - len(content))
            if not part:
                raise LinkError("the other end refused, or left before it had proved itself")
            content += part
    except TimeoutError:
        raise LinkError(f"the other end did not prove itself within {HANDSHAKE_SECONDS:g} seconds") from None
    except OSError as error:
        raise LinkError(f"the other end left while it proved itself: {error.strerror or error}") from error
    return content
