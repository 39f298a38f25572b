"""The shared state of one execution: what the coordinator asks for, what shards and workers have done, and
the arrays.

Every word has exactly one writer, so no atomic read-modify-write is needed, only the order of stores: a
writer fills the arrays first, then `fence()`, then the word that says they are ready. Parameters and
optimizer state exist twice: version v lies in half v % 2 and a shard writes version v + 1 into the other
half, so a process killed in mid-write leaves the last complete version whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from ...core.optim.norm import NORM_BLOCK
from ..errors import JobError
from ..reports import Reason, Role
from .arena import Fields, create_shared_arena, open_shared_arena, private_arena, reserve_rows
from .doorbell import Doorbells, fence
from .ledger import Ledger

# Steps whose losses the coordinator may not have read yet; bounds how far ahead it may let the shards run.
LOSS_RING = 4096
WORKER_BELLS = 4096
LINK_BELLS = 16
COORDINATOR = 0

# What each member tells of itself, a row of words (a cache line) each.
_BEATS, _TURNS, _MICRO_BATCHES, _BUSY, _NOTICE = range(5)
_VITAL_WORDS = 8
_NANOSECONDS = 1e9

_HORIZON, _CLOSING, _EVALUATION, _GENERATION, _LINKS = range(5)
_WORDS = 8

# The last arrays of a desk, whose rows get their memory one by one.
_LATER = ("gradients", "residuals", "payloads")


@dataclass(frozen=True)
class BoardShape:
    """All that the layout of a board depends on.

    `parameters`: length of the flat buffer in elements. `slots`: optimizer state buffers.
    `evaluation_values`: sums that one evaluation chunk yields. `buffers`: length of the flat buffer of the
    model's buffers. `curvature`: whether workers estimate the Hessian's diagonal. `payload_bytes`: the size
    of a compressed gradient, 0 where none is compressed. A job without a held-out split still has one chunk,
    which nobody asks for.

    `tasks`: updates an epoch where workers do not wait for one another, 0 where they do; `micro_batches` are
    then the slots of a desk. `observations`: passes of the model behind one row of a desk. `replica_rows`:
    how often as long as the parameters such a row is, 1 for a gradient.
    """

    parameters: int
    slots: int
    shards: int
    workers: int
    micro_batches: int
    evaluation_chunks: int
    evaluation_values: int
    buffers: int = 0
    curvature: bool = False
    payload_bytes: int = 0
    tasks: int = 0
    observations: int = 1
    replica_rows: int = 1

    @property
    def has_ledger(self) -> bool:
        """Whether updates have an order of their own, as workers do not wait for one another."""
        return self.tasks > 0

    def board_fields(self) -> Fields:
        """The arrays that all members share."""
        return {
            "words": ("int64", (_WORDS,)),
            "crews": ("int64", (2, 1 + self.workers)),
            "versions": ("int64", (self.shards,)),
            "bells": ("int32", (1 + self.shards + WORKER_BELLS + LINK_BELLS,)),
            "vitals": ("int64", (1 + self.shards + WORKER_BELLS, _VITAL_WORDS)),
            "losses": ("float64", (LOSS_RING,)),
            "rate_factor": ("float64", (1,)),
            "loss_scales": ("float64", (2, 2)),
            "norm_stamps": ("int64", (self.shards,)),
            "buffers": ("float32", (2, self.buffers)),
            "squares": ("float64", (-(-self.parameters // NORM_BLOCK),)),
            **Ledger.fields(LOSS_RING if self.has_ledger else 0, self.workers, self.tasks),
            "parameters": ("float32", (2, self.parameters)),
            "state": ("float32", (2, self.slots, self.parameters)),
            "residuals": ("float32", (2, self.micro_batches, self._residual)),
        }

    def desk_fields(self) -> Fields:
        """The arrays that one worker writes and the others read."""
        return {
            "stamps": ("int64", (self.micro_batches,)),
            "losses": ("float64", (self.micro_batches,)),
            "versions": ("int64", (self.micro_batches,)),
            "input_seconds": ("float64", (2,)),
            "evaluation_stamps": ("int64", (self.evaluation_chunks,)),
            "evaluation_sums": ("float64", (self.evaluation_chunks, self.evaluation_values)),
            "observed": ("float32", (self.micro_batches, self.observations * self.buffers)),
            "curvatures": ("float32", (self.micro_batches, self.parameters if self.curvature else 0)),
            "gradients": ("float32", (self.micro_batches, self.replica_rows * self.parameters)),
            "residuals": ("float32", (self.micro_batches, self._residual)),
            "payloads": ("uint8", (self.micro_batches, self.payload_bytes)),
        }

    @property
    def _residual(self) -> int:
        return self.parameters if self.payload_bytes else 0


@dataclass(frozen=True)
class Orders:
    """What the coordinator asks for: see the properties of `Board` with these names."""

    horizon: int
    closing: bool
    evaluation: int
    crew: tuple[int, ...]


class Desk:
    """Where one worker leaves its results; the next incarnation of the worker gets a desk of its own.

    So a stopped process that wakes up late writes where nobody looks any more.
    """

    def __init__(self, views: dict[str, np.ndarray], reserve_gradient: Callable[[int], None]) -> None:
        """`reserve_gradient(micro_batch)`: get the memory for one row of gradients, and what goes with it.

        `gradients` are what a receiver decodes from `payloads`, where they are compressed, and `residuals`
        what it misses. `stamps`: of each gradient its step + 1; `evaluation_stamps`: of each chunk its
        evaluation; else 0.
        """
        self.losses = views["losses"]
        self.input_seconds = _numbers(views["input_seconds"])
        self.gradients = views["gradients"]
        self.residuals = views["residuals"]
        self.payloads = views["payloads"]
        self.observed = views["observed"]
        self.curvatures = views["curvatures"]
        self.evaluation_sums = views["evaluation_sums"]
        self.stamps = views["stamps"]
        self.evaluation_stamps = views["evaluation_stamps"]
        self._stamps = _words(self.stamps)
        self._versions = _words(views["versions"])
        self._evaluation_stamps = _words(self.evaluation_stamps)
        self._reserve_gradient = reserve_gradient
        self._reserved: set[int] = set()

    def reserve(self, micro_batch: int) -> None:
        """Make sure that there is memory for this gradient: most workers write few of them.

        JobError where memory is short; merely writing would then end the process.
        """
        if micro_batch in self._reserved:
            return
        try:
            self._reserve_gradient(micro_batch)
        except OSError as error:
            message = f"No shared memory is left for the gradients: {error.strerror or error}."
            raise JobError(Reason.RESOURCES_UNAVAILABLE, message) from error
        self._reserved.add(micro_batch)

    def has_gradient(self, step: int, micro_batch: int) -> bool:
        """Whether the gradient of (`step`, `micro_batch`) lies here, complete."""
        return self._stamps[micro_batch] == step + 1

    def publish_gradient(self, step: int, micro_batch: int) -> None:
        """Say that the gradient and the loss of (`step`, `micro_batch`) are complete."""
        fence()
        self._stamps[micro_batch] = step + 1

    def version(self, slot: int) -> int:
        """Of the parameters that the gradient in this slot was computed from, the oldest."""
        return self._versions[slot]

    def set_version(self, slot: int, version: int) -> None:
        """Say so, before the gradient is published."""
        self._versions[slot] = version

    def has_evaluation(self, evaluation: int, chunk: int) -> bool:
        """Whether the sums of `chunk` lie here for the evaluation with this number."""
        return self._evaluation_stamps[chunk] == evaluation

    def publish_evaluation(self, evaluation: int, chunk: int) -> None:
        """Say that the sums of `chunk` are complete."""
        fence()
        self._evaluation_stamps[chunk] = evaluation


class Board:
    """The shared words and arrays of one execution, and the desks of its workers."""

    def __init__(
        self, shape: BoardShape, views: dict[str, np.ndarray], open_desk: Callable[[int], Desk | None]
    ) -> None:
        """`open_desk(incarnation)`: None for a worker that was lost."""
        self.shape = shape
        self.parameters = views["parameters"]
        self.state = views["state"]
        self.residuals = views["residuals"]
        self.losses = views["losses"]
        self.squares = views["squares"]
        self.buffers = views["buffers"]
        self.bells = Doorbells(views["bells"])
        self.ledger = Ledger(views)
        self._words = _words(views["words"])
        self._crews = [_words(row) for row in views["crews"]]
        self._versions = _words(views["versions"])
        self._rate_factor = _numbers(views["rate_factor"])
        self._loss_scales = _numbers(views["loss_scales"])
        self._norm_stamps = _words(views["norm_stamps"])
        self._vitals = _words(views["vitals"].reshape(-1))
        self._open_desk = open_desk
        self._desks: dict[int, Desk] = {}

    @property
    def horizon(self) -> int:
        """Shards and workers may take steps up to (not including) this one."""
        return self._words[_HORIZON]

    @property
    def closing(self) -> bool:
        """Whether members should end."""
        return bool(self._words[_CLOSING])

    @property
    def evaluation(self) -> int:
        """The number of the evaluation that is asked for; 0 while none is."""
        return self._words[_EVALUATION]

    @property
    def generation(self) -> int:
        """Changes whenever the work is dealt out anew."""
        return self._words[_GENERATION]

    def step(self) -> int:
        """How many steps every shard has applied: the version of the parameters that all may read."""
        versions = self._versions
        return versions[0] if len(versions) == 1 else min(versions)

    def shard_version(self, shard: int) -> int:
        """How many steps this shard has applied."""
        return self._versions[shard]

    @property
    def rate_factor(self) -> float:
        """What the learning rates are multiplied by until the coordinator decides otherwise."""
        return self._rate_factor[0]

    def loss_scale(self, version: int) -> tuple[float, int]:
        """What the loss is multiplied by in the step from this version, and the finite steps in a row."""
        place = 2 * (version % 2)
        return self._loss_scales[place], int(self._loss_scales[place + 1])

    def has_norm(self, step: int) -> bool:
        """Whether `squares` holds the squared sums of all blocks of the gradient of `step`.

        They stay until every shard has applied that step: nobody measures a gradient of the next before.
        """
        return all(stamp == step + 1 for stamp in self._norm_stamps)

    def crew(self) -> list[int]:
        """The incarnations of workers that share the work, in order; item i belongs to crew[i %
        len(crew)]."""
        while True:
            generation = self.generation
            crew = self._crews[generation % 2].tolist()
            if generation == self.generation:
                return crew[1 : 1 + crew[0]]

    def desk(self, incarnation: int) -> Desk:
        """The desk of a worker that was just started, for the worker itself."""
        desk = self._open_desk(incarnation)
        assert desk is not None, f"nobody made desk {incarnation}"
        return desk

    def desks(self) -> list[Desk]:
        """The desks of the crew, in order; opened at the first use, and let go once their worker is not of
        the crew any more, so that they give their memory back."""
        desks = {i: self._desks.get(i) or self._open_desk(i) for i in self.crew()}
        self._desks = {i: desk for i, desk in desks.items() if desk is not None}
        return list(self._desks.values())

    def desk_of(self, incarnation: int) -> Desk | None:
        """The desk of a worker that may have left the crew; kept open while an update needs it."""
        if incarnation not in self._desks:
            needed = {*self.crew(), *self._unapplied()}
            self._desks = {i: desk for i, desk in self._desks.items() if i in needed}
            if (desk := self._open_desk(incarnation)) is None:
                return None
            self._desks[incarnation] = desk
        return self._desks[incarnation]

    def needs_desk(self, incarnation: int) -> bool:
        """Whether a lost worker's desk holds, or may yet turn out to hold, a gradient that not every shard
        has applied."""
        if not self.shape.has_ledger:
            return False
        known = self.ledger.generation == self.generation and incarnation not in self.crew()
        return not known or incarnation in self._unapplied()

    def _unapplied(self) -> set[int]:
        ledger = self.ledger
        return {ledger.entry(update).incarnation for update in range(self.step(), ledger.logged)}

    def orders(self) -> Orders:
        """What the coordinator asks for at this moment."""
        # An evaluation that was read before the horizon is over, not ahead of its time, where they disagree.
        evaluation = self.evaluation
        return Orders(self.horizon, self.closing, evaluation, tuple(self.crew()))

    # Written by the coordinator only.

    def begin(
        self,
        step: int,
        parameters: np.ndarray,
        state: np.ndarray,
        loss_scale: tuple[float, int] = (1.0, 0),
        buffers: np.ndarray | None = None,
        residuals: np.ndarray | None = None,
        done: tuple[int, ...] = (),
    ) -> None:
        """Set the version that training starts from. parameters: (n,), state: (slots, n); residuals:
        (micro_batches, n), zeros where they are left out; done: the tasks of the epoch under way that it has
        applied, where updates have an order of their own."""
        self.ledger.begin(step, done)
        if buffers is not None:
            self.buffers[step % 2] = buffers
        if residuals is not None:
            self.residuals[step % 2] = residuals
        self._rate_factor[0] = 1.0
        for version in (0, 1):
            self.set_loss_scale(version, *loss_scale)
        self.parameters[step % 2] = parameters
        self.state[step % 2] = state
        for shard in range(self.shape.shards):
            self._versions[shard] = step
        self._words[_HORIZON] = step

    def grant(self, horizon: int) -> None:
        """Let shards and workers go on up to `horizon`; an evaluation that was asked for is over."""
        self._words[_EVALUATION] = 0
        fence()
        self._words[_HORIZON] = horizon
        self.ring_workers()
        if self.shape.has_ledger:
            self.ring_shards()

    def set_rate_factor(self, factor: float) -> None:
        """Multiply the learning rates by this from the next step on; while the shards wait for a grant."""
        self._rate_factor[0] = factor

    def assign(self, crew: tuple[int, ...]) -> None:
        """Deal the work out to these incarnations of workers."""
        table = self._crews[(self.generation + 1) % 2]
        table[0] = len(crew)
        for position, incarnation in enumerate(crew):
            table[1 + position] = incarnation
        fence()
        self._words[_GENERATION] += 1
        self.ring_workers()
        self.ring_shards()

    def evaluate(self, evaluation: int) -> None:
        """Ask for the sums of every chunk of the held-out split at the present version."""
        fence()
        self._words[_EVALUATION] = evaluation
        self.ring_workers()

    def close(self) -> None:
        """Tell every member to end."""
        self._words[_CLOSING] = 1
        self.ring_workers()
        self.ring_shards()

    def ring_links(self, links: int) -> None:
        """From now on, whoever wakes the workers wakes the first `links` links to other nodes too."""
        self._words[_LINKS] = min(links, LINK_BELLS)

    # Written by a link only, on the mirror that it keeps.

    def follow(self, orders: Orders) -> None:
        """Ask for what the coordinator asks for; once the parameters that it is about are here."""
        if tuple(self.crew()) != orders.crew:
            self.assign(orders.crew)
        if not orders.evaluation:
            self._words[_EVALUATION] = 0
            fence()
        self._words[_HORIZON] = orders.horizon
        fence()
        self._words[_EVALUATION] = orders.evaluation
        self._words[_CLOSING] = orders.closing
        self.ring_workers()
        self.ring_shards()

    def publish_mirrored(self, version: int) -> None:
        """Say that all of `version` is here that workers read."""
        fence()
        for shard in range(self.shape.shards):
            self._versions[shard] = version
        self.ring_workers()

    # Written by shards only.

    def publish_norm(self, shard: int, step: int, blocks: slice, sums: np.ndarray) -> None:
        """Leave the squared sums of these blocks of the gradient of `step` for the other shards."""
        self.squares[blocks] = sums
        fence()
        self._norm_stamps[shard] = step + 1
        self.ring_shards()

    def set_loss_scale(self, version: int, value: float, good_steps: int) -> None:
        """Set the loss scale of a version, before it is published; by shard 0."""
        place = 2 * (version % 2)
        self._loss_scales[place], self._loss_scales[place + 1] = value, good_steps

    def publish_version(self, shard: int, version: int, loss: float) -> None:
        """Say that this shard's slice of `version` is complete, and (shard 0) with which loss it was
        reached."""
        if shard == 0:
            self.losses[(version - 1) % LOSS_RING] = loss
        fence()
        self._versions[shard] = version
        if self.shape.has_ledger:
            self.ring_shards()
        else:
            self.ring_workers()
        if version >= self.horizon:
            self.bells.ring(COORDINATOR)

    # Written by each member of itself; `bell` says which.

    def forget(self, bell: int) -> None:
        """Clear what an earlier member told of itself; by the coordinator, before it starts the next."""
        for word in range(_VITAL_WORDS):
            self._vitals[bell * _VITAL_WORDS + word] = 0

    def beat(self, bell: int) -> None:
        """Show that the member's process is running."""
        self._vitals[bell * _VITAL_WORDS + _BEATS] += 1

    def turn(self, bell: int) -> None:
        """Say that the member begins or ends a piece of work."""
        self._vitals[bell * _VITAL_WORDS + _TURNS] += 1

    def computed(self, bell: int, seconds: float) -> None:
        """Count a micro-batch that took this long."""
        row = bell * _VITAL_WORDS
        self._vitals[row + _MICRO_BATCHES] += 1
        self._vitals[row + _BUSY] += int(seconds * _NANOSECONDS)

    def give_notice(self, bell: int) -> None:
        """Say that the member has to end soon."""
        self._vitals[bell * _VITAL_WORDS + _NOTICE] = 1

    def vital(self, bell: int) -> tuple[int, int, int, float]:
        """Of a member: its beats, its turns, its micro-batches and the seconds that they took."""
        beats, turns, micro_batches, busy = self._vitals[bell * _VITAL_WORDS :][: _BUSY + 1].tolist()
        return beats, turns, micro_batches, busy / _NANOSECONDS

    def has_notice(self, bell: int) -> bool:
        """Whether the member has to end soon."""
        return bool(self._vitals[bell * _VITAL_WORDS + _NOTICE])

    def vitals(self, bell: int) -> np.ndarray:
        """All that a member tells of itself, (words,) int64, for a link to send or to write."""
        return np.asarray(self._vitals[bell * _VITAL_WORDS : (bell + 1) * _VITAL_WORDS])

    # Waking.

    def shard_bell(self, shard: int) -> int:
        """The doorbell that a shard waits on."""
        return 1 + shard

    def worker_bell(self, incarnation: int) -> int:
        """The doorbell that a worker waits on; those that share one only wake up for nothing now and then."""
        return 1 + self.shape.shards + incarnation % WORKER_BELLS

    def member_bell(self, role: Role, member: int) -> int:
        """The doorbell of a member, which is also the row of what it tells of itself."""
        return self.worker_bell(member) if role is Role.WORKER else self.shard_bell(member)

    def link_bell(self, link: int) -> int:
        """The doorbell that the link with this number waits on; shared as those of workers are."""
        return 1 + self.shape.shards + WORKER_BELLS + link % LINK_BELLS

    def ring_shards(self) -> None:
        """Wake every shard."""
        for shard in range(self.shape.shards):
            self.bells.ring(1 + shard)

    def ring_workers(self) -> None:
        """Wake every worker that has work dealt out to it, and the links to those of other nodes."""
        for incarnation in self.crew():
            self.ring_worker(incarnation)
        for link in range(self._words[_LINKS]):
            self.bells.ring(self.link_bell(link))

    def ring_worker(self, incarnation: int) -> None:
        """Wake one worker."""
        self.bells.ring(self.worker_bell(incarnation))


def private_board(shape: BoardShape) -> Board:
    """A board for a job whose members all live in this process."""
    open_desk = cache(lambda _: Desk(private_arena(shape.desk_fields()), lambda _: None))
    return Board(shape, private_arena(shape.board_fields()), open_desk)


def create_shared_board(shape: BoardShape, folder: Path) -> Board:
    """A new board in `folder` for processes of this node."""
    return _shared_board(shape, create_shared_arena(folder / "board", shape.board_fields()), folder)


def create_mirror_board(shape: BoardShape, folder: Path, averages: bool) -> Board:
    """A board in `folder` that mirrors one of another node.

    No optimizer works on it: its state takes memory only where there are `averages`, which workers evaluate.
    """
    fields, path = shape.board_fields(), folder / "board"
    views = create_shared_arena(path, fields, later="state")
    for half in range(2):
        reserve_rows(path, fields, ("state", "residuals") if averages else ("residuals",), half)
    return _shared_board(shape, views, folder)


def open_shared_board(shape: BoardShape, folder: Path) -> Board:
    """The board that `create_shared_board` made in `folder`."""
    return _shared_board(shape, open_shared_arena(folder / "board", shape.board_fields()), folder)


def create_desk(shape: BoardShape, folder: Path, incarnation: int) -> None:
    """Make the desk of a new worker; before the coordinator deals work out to it."""
    create_shared_arena(_desk_file(folder, incarnation), shape.desk_fields(), later=_LATER[0])


def remove_desk(folder: Path, incarnation: int) -> None:
    """Take the desk of a lost worker away; its memory is free once nobody has it mapped."""
    _desk_file(folder, incarnation).unlink(missing_ok=True)


def _shared_board(shape: BoardShape, views: dict[str, np.ndarray], folder: Path) -> Board:
    def open_desk(incarnation: int) -> Desk | None:
        path, fields = _desk_file(folder, incarnation), shape.desk_fields()
        try:
            return Desk(open_shared_arena(path, fields), partial(reserve_rows, path, fields, _LATER))
        except FileNotFoundError:
            return None

    return Board(shape, views, open_desk)


def _desk_file(folder: Path, incarnation: int) -> Path:
    return folder / f"desk-{incarnation}"


def _words(array: np.ndarray) -> memoryview:
    # Reading a word through a memoryview takes a third of the time that it takes through NumPy.
    return array.view(np.int64).data.cast("B").cast("q")


def _numbers(array: np.ndarray) -> memoryview[float]:
    return array.reshape(-1).data.cast("B").cast("d")
