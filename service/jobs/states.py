"""The states of a job and the one table of transitions between them."""

from __future__ import annotations

from enum import Enum

from .errors import Reason, ServiceFault


class JobState(str, Enum):
    """Where a job stands."""

    QUEUED = "QUEUED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    PAUSING = "PAUSING"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def terminal(self) -> bool:
        """Whether the state never changes again."""
        return self in TERMINAL_STATES

    @property
    def executing(self) -> bool:
        """Whether processes may be at work on the job."""
        return self in EXECUTING_STATES


class Trigger(Enum):
    """What moves a job from state to state."""

    START = "start"
    STARTED = "started"
    PAUSE = "pause"
    PAUSED = "paused"
    RESUME = "resume"
    CANCEL = "cancel"
    CANCELLED = "cancelled"
    SUCCEED = "succeed"
    FAIL = "fail"
    REQUEUE = "requeue"
    """The execution is gone because the service stopped or died; the job is to go on by itself."""
    SUSPEND = "suspend"
    """The execution is gone because the service stopped or died; somebody has to resume the job."""


TRANSITIONS: dict[JobState, dict[Trigger, JobState]] = {
    JobState.QUEUED: {
        Trigger.START: JobState.STARTING,
        Trigger.PAUSE: JobState.PAUSED,
        Trigger.CANCEL: JobState.CANCELLED,
        Trigger.FAIL: JobState.FAILED,
        Trigger.REQUEUE: JobState.QUEUED,
        Trigger.SUSPEND: JobState.PAUSED,
    },
    JobState.STARTING: {
        Trigger.STARTED: JobState.RUNNING,
        Trigger.PAUSE: JobState.PAUSING,
        Trigger.CANCEL: JobState.CANCELLING,
        Trigger.PAUSED: JobState.PAUSED,
        Trigger.SUCCEED: JobState.SUCCEEDED,
        Trigger.FAIL: JobState.FAILED,
        Trigger.REQUEUE: JobState.QUEUED,
        Trigger.SUSPEND: JobState.PAUSED,
    },
    JobState.RUNNING: {
        Trigger.STARTED: JobState.RUNNING,
        Trigger.PAUSE: JobState.PAUSING,
        Trigger.CANCEL: JobState.CANCELLING,
        Trigger.PAUSED: JobState.PAUSED,
        Trigger.SUCCEED: JobState.SUCCEEDED,
        Trigger.FAIL: JobState.FAILED,
        Trigger.REQUEUE: JobState.QUEUED,
        Trigger.SUSPEND: JobState.PAUSED,
    },
    JobState.PAUSING: {
        Trigger.STARTED: JobState.PAUSING,
        Trigger.PAUSE: JobState.PAUSING,
        Trigger.CANCEL: JobState.CANCELLING,
        Trigger.PAUSED: JobState.PAUSED,
        Trigger.SUCCEED: JobState.SUCCEEDED,
        Trigger.FAIL: JobState.FAILED,
        Trigger.REQUEUE: JobState.PAUSED,
        Trigger.SUSPEND: JobState.PAUSED,
    },
    JobState.PAUSED: {
        Trigger.RESUME: JobState.QUEUED,
        Trigger.PAUSE: JobState.PAUSED,
        Trigger.CANCEL: JobState.CANCELLED,
    },
    JobState.CANCELLING: {
        Trigger.STARTED: JobState.CANCELLING,
        Trigger.CANCEL: JobState.CANCELLING,
        Trigger.CANCELLED: JobState.CANCELLED,
        Trigger.PAUSED: JobState.CANCELLED,
        Trigger.SUCCEED: JobState.SUCCEEDED,
        Trigger.FAIL: JobState.FAILED,
        Trigger.REQUEUE: JobState.CANCELLED,
        Trigger.SUSPEND: JobState.CANCELLED,
    },
    JobState.SUCCEEDED: {},
    JobState.FAILED: {},
    JobState.CANCELLED: {Trigger.CANCEL: JobState.CANCELLED},
}

TERMINAL_STATES = frozenset(
    state for state, edges in TRANSITIONS.items() if all(target is state for target in edges.values())
)
EXECUTING_STATES = frozenset({JobState.STARTING, JobState.RUNNING, JobState.PAUSING, JobState.CANCELLING})

_ADVICE = {
    Trigger.PAUSE: "only a queued or running job can be paused",
    Trigger.RESUME: "only a paused job can be resumed",
    Trigger.CANCEL: "only a job that has not ended can be cancelled",
}


def next_state(job_id: str, state: JobState, trigger: Trigger) -> JobState:
    """The state that `trigger` leads to; raises ServiceFault (STATE_CONFLICT) where the table has no edge."""
    target = TRANSITIONS[state].get(trigger)
    if target is None:
        advice = _ADVICE.get(trigger, f"'{trigger.value}' does not apply to it")
        raise ServiceFault(
            Reason.STATE_CONFLICT, f"job '{job_id}' is {state.value}: {advice}", resource=job_id
        )
    return target
