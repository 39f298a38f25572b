"""Jobs and events on their way to the client and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.service.api.event_proto import event_from_proto, event_to_proto
from chainrule.service.api.job_proto import job_from_proto, job_to_proto
from chainrule.service.jobs.events import (
    Event,
    Happening,
    StateChanged,
    happening_from_json,
    happening_to_json,
)
from chainrule.service.jobs.job import Job, JobError, JobProgress, ModelFile
from chainrule.service.jobs.states import JobState
from chainrule.v1 import event_pb2, job_pb2
from chainrule.worker import reports
from chainrule.worker.inspect import JobSummary, LayerSummary, WeightsSummary
from chainrule.worker.spec import parse_spec

TIME = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
COUNTS = st.integers(0, 2**31 - 1)
FLOATS = st.floats(allow_nan=False)
SECONDS = st.integers(0, 10**9).map(lambda value: value / 1024)
METRICS = st.dictionaries(st.sampled_from(["loss", "accuracy"]), FLOATS)
TEXTS = st.text(max_size=30)
HAPPENINGS = st.one_of(
    st.builds(StateChanged, st.sampled_from(JobState), TEXTS, st.none() | st.just("DIVERGED")),
    st.builds(reports.Started, *[COUNTS] * 9),
    st.builds(reports.Progress, COUNTS, COUNTS, FLOATS, FLOATS, SECONDS),
    st.builds(
        reports.EpochCompleted,
        *(COUNTS, COUNTS, FLOATS, METRICS, SECONDS),
        st.lists(COUNTS, max_size=4).map(tuple),
    ),
    st.builds(reports.CheckpointSaved, COUNTS, COUNTS, TEXTS),
    st.builds(reports.MemberLost, st.sampled_from(reports.Role), COUNTS, COUNTS, TEXTS, TEXTS),
    st.builds(reports.MemberJoined, st.sampled_from(reports.Role), COUNTS, COUNTS, SECONDS),
    st.builds(reports.CrewChanged, COUNTS, COUNTS, TEXTS),
    st.builds(reports.StragglerDetected, COUNTS, COUNTS, SECONDS, SECONDS),
    st.builds(
        reports.Finished,
        st.sampled_from([reports.Outcome.SUCCEEDED, reports.Outcome.PAUSED, reports.Outcome.CANCELLED]),
        COUNTS,
        COUNTS,
        METRICS,
        st.none() | st.just("abc"),
        st.none() | st.just("model.safetensors"),
        st.none() | COUNTS,
        st.booleans(),
    ),
    st.builds(
        reports.Finished,
        st.just(reports.Outcome.FAILED),
        COUNTS,
        COUNTS,
        METRICS,
        reason=st.sampled_from(reports.Reason),
        message=TEXTS,
    ),
)


@given(HAPPENINGS)
def test_an_event_survives_the_wire_and_the_store(happening: Happening) -> None:
    event = Event(7, TIME, happening)
    message = event_pb2.JobEvent.FromString(event_to_proto(event).SerializeToString())
    back = event_from_proto(message)
    assert (back.sequence, back.time) == (7, TIME)
    assert happening_from_json(happening_to_json(happening)) == happening
    # Durations keep microseconds.
    durations = [
        name for name in ("seconds", "remaining_seconds", "median_seconds") if hasattr(happening, name)
    ]
    for name in durations:
        assert getattr(back.report, name) == pytest.approx(getattr(happening, name), abs=1e-6)
    zeros = dict.fromkeys(durations, 0.0)
    assert replace(back.report, **zeros) == replace(happening, **zeros)


def test_a_duration_just_below_a_second_stays_below_it() -> None:
    report = reports.EpochCompleted(1, 1, 0.5, {}, 1.9999999)
    message = event_to_proto(Event(1, TIME, report))
    back = event_from_proto(message).report
    assert isinstance(back, reports.EpochCompleted)
    assert back.seconds == pytest.approx(2.0, abs=1e-6)


def test_a_reason_of_a_later_service_is_still_a_failure() -> None:
    failed = reports.Finished(
        reports.Outcome.FAILED, 1, 1, reason=reports.Reason.DIVERGED, message="what it says"
    )
    message = event_to_proto(Event(1, TIME, failed))
    message.finished.error.reason = "SOMETHING_NEW"
    back = event_from_proto(message).report
    assert isinstance(back, reports.Finished)
    assert (back.reason, back.message) == (reports.Reason.INTERNAL, "what it says")


WEIGHTS = WeightsSummary(2, 1, 3, ("head.weight",), ("fc.weight", "fc.bias"))


SPEC = parse_spec(
    {
        "name": "digits",
        "dataset": {"source": "digits"},
        "model": [{"linear": {"units": 10}}],
        "loss": "softmax_cross_entropy",
        "metrics": ["accuracy"],
        "optimizer": {"sgd": {"learning_rate": 0.1}},
        "training": {"batch_size": "full"},
        "cluster": {"workers": 2},
    }
)


def full_job() -> Job:
    return Job(
        id="digits-abc",
        uid="uid",
        spec=SPEC.model_dump_job(),
        state=JobState.FAILED,
        state_message="it failed",
        create_time=TIME,
        update_time=TIME + timedelta(seconds=1),
        start_time=TIME + timedelta(seconds=2),
        end_time=TIME + timedelta(seconds=3),
        attempt=2,
        progress=JobProgress(5, 10, 1, 2, 0.5, 100.0, 2.5),
        metrics={"loss": 0.25},
        model=ModelFile("model.safetensors", 12, "aa", "bb"),
        checkpoint_step=0,
        error=JobError("DIVERGED", "not finite", 0),
        summary=JobSummary(
            650, 80, 20, (8, 8), 10, 4, 5, 6, (LayerSummary("layers.0.linear", (10,), 650),), WEIGHTS
        ),
        continue_from="older",
        queue_position=0,
    )


def test_a_job_survives_the_wire() -> None:
    message = job_pb2.Job.FromString(job_to_proto(full_job()).SerializeToString())
    assert message.name == "projects/default/jobs/digits-abc"
    assert message.continue_from == "projects/default/jobs/older"
    assert job_from_proto(message) == full_job()


def test_what_is_not_known_yet_stays_unknown() -> None:
    spec, progress = SPEC.model_dump_job(), JobProgress(0, 10, 1, 2)
    job = Job("a", "u", spec, JobState.QUEUED, TIME, TIME, progress=progress)
    back = job_from_proto(job_pb2.Job.FromString(job_to_proto(job).SerializeToString()))
    assert back == job


def test_a_job_that_was_only_validated_has_neither_name_nor_state() -> None:
    message = job_to_proto(replace(full_job(), id=""))
    assert (message.name, message.state) == ("", job_pb2.JOB_STATE_UNSPECIFIED)
    assert message.summary.parameters == 650
