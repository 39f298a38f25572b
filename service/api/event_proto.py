"""An event of a job as dataclass and as protobuf message, both ways."""

from __future__ import annotations

import math
from typing import Any

from google.protobuf.message import Message

from chainrule.v1 import event_pb2

from ...worker import reports
from ..jobs.events import Event, Happening, StateChanged
from .job_proto import (
    duration_from_proto,
    duration_to_proto,
    state_from_proto,
    state_name,
    time_from_proto,
    time_to_proto,
)
from .spec_proto import enum_name

_OUTCOMES = event_pb2.JobOutcome.DESCRIPTOR
_ROLES = event_pb2.MemberKind.DESCRIPTOR


def event_to_proto(event: Event) -> event_pb2.JobEvent:
    """The message of an event."""
    field, message = _happening_to_proto(event.report)
    content: dict[str, Any] = {field: message}
    return event_pb2.JobEvent(sequence=event.sequence, time=time_to_proto(event.time), **content)


def event_from_proto(message: event_pb2.JobEvent) -> Event:
    """The inverse of `event_to_proto`; raises ValueError for a kind that this version does not know."""
    return Event(message.sequence, time_from_proto(message.time), _happening_from_proto(message))


def _happening_to_proto(report: Happening) -> tuple[str, Message]:
    if isinstance(report, StateChanged):
        return "state_changed", event_pb2.StateChanged(
            state=state_name(report.state), message=report.message, reason=report.reason or ""
        )
    if isinstance(report, reports.Started):
        return "started", event_pb2.JobStarted(**vars(report))
    if isinstance(report, reports.Progress):
        return "progress", event_pb2.JobProgressed(
            step=report.step,
            epoch=report.epoch,
            loss=report.loss,
            samples_per_second=report.samples_per_second,
            remaining=duration_to_proto(report.remaining_seconds),
        )
    if isinstance(report, reports.EpochCompleted):
        return "epoch_completed", event_pb2.EpochCompleted(
            epoch=report.epoch,
            step=report.step,
            train_loss=report.train_loss,
            metrics=report.metrics,
            duration=duration_to_proto(report.seconds),
            staleness=report.staleness,
            input_idle_fraction=report.input_idle_fraction,
        )
    if isinstance(report, reports.CheckpointSaved):
        return "checkpoint_saved", event_pb2.CheckpointSaved(**vars(report))
    if isinstance(report, reports.MemberLost):
        return "member_lost", event_pb2.MemberLost(**{**vars(report), "kind": _role_name(report.kind)})
    if isinstance(report, reports.MemberJoined):
        return "member_joined", event_pb2.MemberJoined(
            kind=_role_name(report.kind),
            member=report.member,
            step=report.step,
            recovery=duration_to_proto(report.seconds),
        )
    if isinstance(report, reports.CrewChanged):
        return "crew_changed", event_pb2.CrewChanged(**vars(report))
    if isinstance(report, reports.StragglerDetected):
        return "straggler_detected", event_pb2.StragglerDetected(
            member=report.member,
            step=report.step,
            duration=duration_to_proto(report.seconds),
            median=duration_to_proto(report.median_seconds),
        )
    return "finished", _finished_to_proto(report)


def _happening_from_proto(message: event_pb2.JobEvent) -> Happening:
    kind = message.WhichOneof("event")
    if kind == "state_changed":
        changed = message.state_changed
        return StateChanged(state_from_proto(changed.state), changed.message, changed.reason or None)
    if kind == "started":
        return reports.Started(**_scalars(message.started))
    if kind == "progress":
        progress = message.progress
        remaining = duration_from_proto(progress.remaining) if progress.HasField("remaining") else math.nan
        return reports.Progress(
            progress.step, progress.epoch, progress.loss, progress.samples_per_second, remaining
        )
    if kind == "epoch_completed":
        epoch = message.epoch_completed
        seconds = duration_from_proto(epoch.duration)
        return reports.EpochCompleted(
            epoch.epoch,
            epoch.step,
            epoch.train_loss,
            dict(epoch.metrics),
            seconds,
            tuple(epoch.staleness),
            epoch.input_idle_fraction,
        )
    if kind == "checkpoint_saved":
        return reports.CheckpointSaved(**_scalars(message.checkpoint_saved))
    if kind == "member_lost":
        return reports.MemberLost(
            **{**_scalars(message.member_lost), "kind": _role_from_proto(message.member_lost.kind)}
        )
    if kind == "member_joined":
        joined = message.member_joined
        seconds = duration_from_proto(joined.recovery)
        return reports.MemberJoined(_role_from_proto(joined.kind), joined.member, joined.step, seconds)
    if kind == "crew_changed":
        return reports.CrewChanged(**_scalars(message.crew_changed))
    if kind == "straggler_detected":
        slow = message.straggler_detected
        seconds, median = duration_from_proto(slow.duration), duration_from_proto(slow.median)
        return reports.StragglerDetected(slow.member, slow.step, seconds, median)
    if kind == "finished":
        return _finished_from_proto(message.finished)
    raise ValueError(f"event {message.sequence} is of a kind that this version of chainrule does not know")


def _scalars(message: Message) -> dict[str, Any]:
    return {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}


def _role_name(role: reports.Role) -> str:
    return f"MEMBER_KIND_{role.name}"


def _role_from_proto(number: int) -> reports.Role:
    return reports.Role(enum_name(_ROLES, number))


def _finished_to_proto(report: reports.Finished) -> event_pb2.JobFinished:
    message = event_pb2.JobFinished(
        outcome=f"JOB_OUTCOME_{report.outcome.value}",
        step=report.step,
        epoch=report.epoch,
        metrics=report.metrics,
        digest=report.digest,
        model=report.model,
        checkpoint_step=report.checkpoint_step,
        stopped_early=report.stopped_early,
    )
    if report.reason is not None:
        message.error.reason = report.reason.value
        message.error.message = report.message or ""
        message.error.step = report.step
    return message


def _finished_from_proto(message: event_pb2.JobFinished) -> reports.Finished:
    failed = message.HasField("error")
    return reports.Finished(
        outcome=reports.Outcome((enum_name(_OUTCOMES, message.outcome) or "").upper()),
        step=message.step,
        epoch=message.epoch,
        metrics=dict(message.metrics),
        digest=message.digest if message.HasField("digest") else None,
        model=message.model if message.HasField("model") else None,
        checkpoint_step=message.checkpoint_step if message.HasField("checkpoint_step") else None,
        stopped_early=message.stopped_early,
        reason=_reason(message.error.reason) if failed else None,
        message=message.error.message if failed else None,
    )


def _reason(name: str) -> reports.Reason:
    try:
        return reports.Reason(name)
    except ValueError:
        # A service of a later version; its message still says what happened.
        return reports.Reason.INTERNAL
