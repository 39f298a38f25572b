"""What the coordinator is told (events) and what it asks for (instructions)."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.optim.schedules import PlateauState
from .reports import Outcome, Reason, Report, Role
from .runtime import Stop

# Events.


@dataclass(frozen=True)
class Begin:
    """The board and the starting parameters are in place."""


@dataclass(frozen=True)
class Ready:
    """A process is up and may be given work. `member` is a shard's index or a worker's incarnation."""

    role: Role
    member: int


@dataclass(frozen=True)
class Lost:
    """A process is gone."""

    role: Role
    member: int
    reason: str


@dataclass(frozen=True)
class Broken:
    """A process stopped with an error that it would meet again."""

    role: Role
    member: int
    reason: Reason
    message: str


@dataclass(frozen=True)
class Advanced:
    """Every shard has applied `step` steps; `losses`: of each step since the last such event, the sum over
    its samples. input_idle: at the end of an epoch, the part of its steps' time that waited for samples.
    staleness: of each step, where workers do not wait for one another."""

    step: int
    losses: tuple[float, ...]
    input_idle: float = 0.0
    staleness: tuple[int, ...] = ()


@dataclass(frozen=True)
class Evaluated:
    """The sums over the held-out split that an `Evaluate` asked for: the loss, then each metric."""

    sums: tuple[float, ...]


@dataclass(frozen=True)
class NotFinite:
    """The parameters of a snapshot hold a NaN or an infinity; the rest of that batch of instructions was
    dropped."""


@dataclass(frozen=True)
class Written:
    """A checkpoint is durable."""

    step: int
    digest: str


@dataclass(frozen=True)
class WriteFailed:
    """A checkpoint or the model could not be written."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class ModelWritten:
    """The model is durable under this file name in the job's folder."""

    file_name: str
    digest: str


@dataclass(frozen=True)
class StopRequested:
    """Somebody asked for an early end (PAUSE or CANCEL)."""

    how: Stop


@dataclass(frozen=True)
class Moved:
    """Another micro-batch of the step, or another part of the evaluation, is finished."""


@dataclass(frozen=True)
class Leaving:
    """A member was given notice: its process, or the machine below it, ends soon."""

    role: Role
    member: int


@dataclass(frozen=True)
class Vital:
    """What a member shows of itself on the board.

    `beats` grow as long as its process is running (0: it does not show that), `turns` by one with the begin
    and by one with the end of each piece of work; `micro_batches` took it `busy_seconds` together.
    """

    role: Role
    member: int
    beats: int
    turns: int
    micro_batches: int
    busy_seconds: float


@dataclass(frozen=True)
class Vitals:
    """A look at all members that are up; about two a second."""

    members: tuple[Vital, ...]


@dataclass(frozen=True)
class Tick:
    """Time has passed and nothing else happened."""


Event = (
    Begin
    | Ready
    | Lost
    | Broken
    | Advanced
    | Evaluated
    | NotFinite
    | Written
    | WriteFailed
    | ModelWritten
    | StopRequested
    | Moved
    | Leaving
    | Vitals
    | Tick
)

# Instructions.


@dataclass(frozen=True)
class Start:
    """Start the process of this shard or of this new incarnation of a worker."""

    role: Role
    member: int


@dataclass(frozen=True)
class Kill:
    """End a process that does not answer any more; a `Lost` follows."""

    role: Role
    member: int


@dataclass(frozen=True)
class Assign:
    """Deal the work out to these incarnations of workers."""

    crew: tuple[int, ...]


@dataclass(frozen=True)
class Grant:
    """Let training go on up to (not including) step `horizon`."""

    horizon: int


@dataclass(frozen=True)
class SetRateFactor:
    """Multiply the learning rates by `factor` in the steps that are granted from now on."""

    factor: float


@dataclass(frozen=True)
class Evaluate:
    """Evaluate the present parameters on the held-out split."""


@dataclass(frozen=True)
class KeepBest:
    """Remember the present parameters as the best so far."""


@dataclass(frozen=True)
class Snapshot:
    """Copy parameters and optimizer state, which stand at the step of `position`, before training goes on."""


@dataclass(frozen=True)
class WriteCheckpoint:
    """Make the last snapshot durable together with the position that belongs to it."""

    position: Position


@dataclass(frozen=True)
class WriteModel:
    """Write the trained model: the best parameters where those were kept, else the present ones."""


@dataclass(frozen=True)
class Tell:
    """Pass this report on."""

    report: Report


@dataclass(frozen=True)
class End:
    """The execution is over."""

    outcome: Outcome
    reason: Reason | None = None
    message: str | None = None


@dataclass(frozen=True)
class Best:
    """The best value of the metric that early stopping watches, and where it was reached."""

    value: float
    epoch: int


@dataclass(frozen=True)
class Position:
    """Where training stands: with weights and optimizer state, all that a bit-exact continuation needs.

    `epoch_loss` is the sum of the sample losses of the epoch under way, `metrics` those of the last complete
    epoch, `waited` the epochs since the best one, `plateau` what the learning rate has been reduced for.

    Where workers do not wait for one another: `staleness` of the updates of the epoch under way, as counts by
    staleness, and `done`, the tasks of that epoch which are behind them.
    """

    step: int = 0
    epoch_loss: float = 0.0
    metrics: dict[str, float] | None = None
    best: Best | None = None
    waited: int = 0
    stopped_early: bool = False
    plateau: PlateauState = field(default_factory=PlateauState)
    staleness: tuple[int, ...] = ()
    done: tuple[int, ...] = ()


Instruction = (
    Start
    | Kill
    | Assign
    | Grant
    | SetRateFactor
    | Evaluate
    | KeepBest
    | Snapshot
    | WriteCheckpoint
    | WriteModel
    | Tell
    | End
)
