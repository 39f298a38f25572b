"""The service over gRPC, from the client's call to the trained model, with the runtime in this process."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from chainrule.service.api.channel import MESSAGE_LIMIT
from chainrule.service.api.embedded import EmbeddedService
from chainrule.service.client import Client, Event, Job, JobState, ServiceError, StateChanged
from chainrule.service.config import ServiceConfig
from chainrule.service.jobs.errors import ServiceFault, StoreError
from chainrule.service.jobs.folder_lock import read_holder
from chainrule.service.jobs.sql_store import SqlStore
from chainrule.v1 import (
    job_pb2,
    job_service_pb2,
    job_service_pb2_grpc,
    layers_pb2,
    losses_pb2,
    optimizers_pb2,
    spec_pb2,
)
from chainrule.worker.model import load_model
from chainrule.worker.reports import CheckpointSaved, EpochCompleted, Finished, Outcome, Progress, Started
from chainrule.worker.spec import SpecError

SPEC: dict[str, Any] = {
    "name": "digits",
    "dataset": {"source": "digits", "test_fraction": 0.2},
    "model": [{"linear": {"units": 16}}, "relu", {"linear": {"units": 10}}],
    "loss": "softmax_cross_entropy",
    "metrics": ["accuracy"],
    "optimizer": {"adam": {"learning_rate": 0.01}},
    "training": {"epochs": 3, "batch_size": 100},
}
ENDLESS = {**SPEC, "name": "endless", "training": {"epochs": 1_000_000, "batch_size": 100}}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[EmbeddedService]:
    with EmbeddedService(ServiceConfig(tmp_path / "data", runtime="inprocess")) as service:
        yield service


@pytest.fixture
def client(service: EmbeddedService) -> Iterator[Client]:
    with Client(service.address) as client:
        yield client


def until(client: Client, job: Job | str, wanted: Callable[[Event], bool], after_sequence: int = 0) -> Event:
    """Watches until an event as wanted has come."""
    for event in client.watch(job, after_sequence):
        if wanted(event):
            return event
    raise AssertionError("the job ended without it")


def is_state(state: JobState) -> Callable[[Event], bool]:
    return lambda event: isinstance(event.report, StateChanged) and event.report.state is state


def is_report(kind: type) -> Callable[[Event], bool]:
    return lambda event: isinstance(event.report, kind)


def until_broken(watch: Iterator[Event]) -> tuple[list[Event], ServiceError]:
    """What came before the error, and the error."""
    events: list[Event] = []
    try:
        for event in watch:
            events.append(event)
    except ServiceError as error:
        return events, error
    raise AssertionError("the watch ended without an error")


def refused(call: Callable[[], object]) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        call()
    return caught.value


class TestTheWholeWay:
    def test_a_job_is_trained_watched_and_its_model_kept(self, client: Client, tmp_path: Path) -> None:
        job = client.create_job(SPEC)
        assert job.state is JobState.QUEUED
        assert job.summary is not None
        assert (job.summary.parameters, job.summary.classes) == (64 * 16 + 16 + 16 * 10 + 10, 10)
        events = list(client.watch(job))
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        kinds = [type(event.report) for event in events if not isinstance(event.report, Progress)]
        assert kinds == [
            *[StateChanged] * 2,
            *[Started, StateChanged],
            *[EpochCompleted, CheckpointSaved] * 3,
            *[Finished, StateChanged],
        ]
        assert [event.terminal for event in events] == [False] * (len(events) - 1) + [True]
        done = client.get_job(job)
        assert done.state is JobState.SUCCEEDED
        assert done.metrics["accuracy"] > 0.8
        assert done.model is not None
        path = client.download_model(job, tmp_path)
        assert path == tmp_path / f"{job.id}.safetensors"
        assert path.stat().st_size == done.model.size_bytes
        assert load_model(path).feature_shape == (64,)

    def test_a_job_file_is_taken_as_it_is(self, client: Client, tmp_path: Path) -> None:
        path = tmp_path / "job.json"
        path.write_text(json.dumps(SPEC))
        assert (
            client.create_job(path).spec == client.create_job(str(path)).spec == client.create_job(SPEC).spec
        )

    def test_validating_tells_the_sizes_and_keeps_nothing(self, client: Client) -> None:
        job = client.create_job(SPEC, validate_only=True)
        assert (job.id, job.name) == ("", "")
        assert job.summary is not None
        assert job.summary.total_steps == 3 * job.summary.steps_per_epoch
        assert list(client.list_jobs()) == []

    def test_a_job_may_have_the_id_that_its_owner_wants(self, client: Client) -> None:
        assert client.create_job(SPEC, job_id="mine").name == "projects/default/jobs/mine"
        assert refused(lambda: client.create_job(SPEC, job_id="mine")).reason == "JOB_EXISTS"
        assert refused(lambda: client.create_job(SPEC, job_id="../x")).reason == "NAME_INVALID"

    def test_a_job_goes_on_from_the_checkpoint_of_another(self, client: Client) -> None:
        first = client.create_job(SPEC)
        list(client.watch(first))
        longer = {**SPEC, "training": {**SPEC["training"], "epochs": 5}}
        second = client.create_job(longer, continue_from=first)
        assert second.continue_from == first.id
        started = until(client, second, is_report(Started)).report
        assert isinstance(started, Started)
        assert started.step == client.get_job(first).checkpoint_step
        list(client.watch(second))
        whole = client.create_job(longer)
        list(client.watch(whole))
        models = [client.get_job(job).model for job in (second, whole)]
        assert models[0] is not None
        assert models[0].digest == models[1].digest  # pyright: ignore[reportOptionalMemberAccess]


class TestQueue:
    def test_waiting_jobs_know_their_place_and_are_listed_newest_first(self, client: Client) -> None:
        running = client.create_job(ENDLESS)
        until(client, running, is_state(JobState.RUNNING))
        waiting = [client.create_job(SPEC) for _ in range(3)]
        assert [client.get_job(job).queue_position for job in waiting] == [1, 2, 3]
        listed = list(client.list_jobs(page_size=2))
        assert [job.id for job in listed] == [job.id for job in (*reversed(waiting), running)]
        assert [job.queue_position for job in listed] == [3, 2, 1, None]
        client.cancel_job(waiting[0])
        client.cancel_job(running)
        until(client, waiting[2], is_state(JobState.SUCCEEDED))
        assert client.get_job(waiting[0]).state is JobState.CANCELLED

    def test_a_running_job_is_paused_and_resumed_to_the_same_model(self, client: Client) -> None:
        undisturbed = {**SPEC, "training": {"epochs": 40, "batch_size": 100}}
        job = client.create_job(undisturbed)
        epoch = until(client, job, is_report(EpochCompleted))
        client.pause_job(job)
        paused = until(client, job, is_state(JobState.PAUSED), epoch.sequence)
        assert isinstance(paused.report, StateChanged)
        assert "checkpoint" in paused.report.message
        assert client.pause_job(job).state is JobState.PAUSED
        client.resume_job(job)
        until(client, job, is_state(JobState.SUCCEEDED), paused.sequence)
        again = client.create_job(undisturbed)
        list(client.watch(again))
        resumed, whole = client.get_job(job), client.get_job(again)
        assert (resumed.attempt, whole.attempt) == (2, 1)
        assert resumed.model is not None
        assert whole.model is not None
        assert resumed.model.digest == whole.model.digest

    def test_a_cancelled_job_can_be_deleted_and_a_running_one_cannot(self, client: Client) -> None:
        job = client.create_job(ENDLESS)
        until(client, job, is_report(EpochCompleted))
        error = refused(lambda: client.delete_job(job))
        assert (error.code, error.reason) == ("FAILED_PRECONDITION", "STATE_CONFLICT")
        client.cancel_job(job)
        finished = until(client, job, is_report(Finished)).report
        assert isinstance(finished, Finished)
        assert finished.outcome is Outcome.CANCELLED
        until(client, job, is_state(JobState.CANCELLED))
        client.delete_job(job)
        assert refused(lambda: client.get_job(job)).reason == "JOB_NOT_FOUND"
        assert refused(lambda: list(client.watch(job))).reason == "JOB_NOT_FOUND"


class TestRequests:
    def test_a_repeated_request_is_answered_with_the_first_job(self, client: Client) -> None:
        with ThreadPoolExecutor(6) as pool:
            jobs = list(pool.map(lambda _: client.create_job(SPEC, request_id="once"), range(6)))
        assert len({job.uid for job in jobs}) == 1
        assert len(list(client.list_jobs())) == 1

    def test_the_same_request_id_with_another_body_is_refused(self, client: Client) -> None:
        client.create_job(SPEC, request_id="once")
        error = refused(lambda: client.create_job({**SPEC, "name": "other"}, request_id="once"))
        assert (error.code, error.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")

    def test_a_spec_that_does_not_fit_its_data_names_the_field_and_nothing_is_stored(
        self, client: Client
    ) -> None:
        wrong = {**SPEC, "model": [{"linear": {"units": 7}}]}
        error = refused(lambda: client.create_job(wrong))
        assert (error.code, error.reason) == ("INVALID_ARGUMENT", "SPEC_INVALID")
        assert [violation.field for violation in error.violations] == ["model[0].linear.units"]
        assert "10 classes" in str(error)
        assert list(client.list_jobs()) == []

    def test_a_spec_with_hundreds_of_mistakes_is_answered_with_the_first_ones(
        self, service: EmbeddedService
    ) -> None:
        layer = layers_pb2.Layer(dropout=layers_pb2.DropoutLayer(rate=7))
        spec = spec_pb2.JobSpec(name="数" * 3000, model=[layer] * 500)
        with Client(service.address) as client:
            error = refused(
                lambda: client._call(
                    client._jobs.CreateJob,
                    job_service_pb2.CreateJobRequest(parent="projects/default", job=job_pb2.Job(spec=spec)),
                )
            )
        assert error.reason == "SPEC_INVALID"
        assert len(error.violations) > 10
        assert error.violations[0].field == "name"

    def test_data_that_are_not_there_name_the_path(self, client: Client, tmp_path: Path) -> None:
        wrong = {**SPEC, "dataset": {"source": "npz", "path": str(tmp_path / "missing.npz")}}
        error = refused(lambda: client.create_job(wrong))
        assert error.reason == "DATA_INVALID"
        assert [violation.field for violation in error.violations] == ["dataset.path"]
        assert "missing.npz" in str(error)

    def test_a_relative_path_is_taken_from_the_folder_of_the_client_and_refused_by_the_service(
        self, client: Client, service: EmbeddedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        relative = {**SPEC, "dataset": {"source": "npz", "path": "data.npz"}}
        assert str(tmp_path / "data.npz") in str(refused(lambda: client.create_job(relative)))
        dataset = spec_pb2.DatasetSpec(source=spec_pb2.DATASET_SOURCE_NPZ, path="data.npz")
        spec = spec_pb2.JobSpec(
            dataset=dataset,
            model=[layers_pb2.Layer(linear=layers_pb2.LinearLayer(units=10))],
            loss=losses_pb2.Loss(softmax_cross_entropy=losses_pb2.SoftmaxCrossEntropyLoss()),
            optimizer=optimizers_pb2.Optimizer(adam=optimizers_pb2.AdamOptimizer()),
        )
        with (
            grpc.insecure_channel(service.address) as channel,
            pytest.raises(grpc.RpcError, match="absolute path"),
        ):
            job_service_pb2_grpc.JobServiceStub(channel).CreateJob(
                job_service_pb2.CreateJobRequest(parent="projects/default", job=job_pb2.Job(spec=spec))
            )

    def test_what_the_client_can_see_to_be_wrong_is_never_sent(self, client: Client) -> None:
        with pytest.raises(SpecError, match="did you mean 'learning_rate'"):
            client.create_job({**SPEC, "optimizer": {"adam": {"leraning_rate": 1}}})

    def test_a_request_that_is_too_large_is_refused_with_the_limit(self, service: EmbeddedService) -> None:
        request = job_service_pb2.CreateJobRequest(parent="x" * (200 * 1024 * 1024))
        with grpc.insecure_channel(service.address) as channel, pytest.raises(grpc.RpcError) as caught:
            job_service_pb2_grpc.JobServiceStub(channel).CreateJob(request)
        assert isinstance(caught.value, grpc.Call)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert str(MESSAGE_LIMIT) in (caught.value.details() or "")

    @pytest.mark.parametrize("page", [{"page_size": -1}, {"page_token": "nonsense"}], ids=["size", "token"])
    def test_pages_that_make_no_sense_are_refused(
        self, service: EmbeddedService, page: dict[str, Any]
    ) -> None:
        request = job_service_pb2.ListJobsRequest(parent="projects/default", **page)
        with grpc.insecure_channel(service.address) as channel, pytest.raises(grpc.RpcError, match="page_"):
            job_service_pb2_grpc.JobServiceStub(channel).ListJobs(request)

    def test_a_job_without_a_model_has_none_to_download(self, client: Client, tmp_path: Path) -> None:
        job = client.create_job(ENDLESS)
        assert refused(lambda: client.download_model(job, tmp_path)).reason == "NO_MODEL"
        assert refused(lambda: client.download_model("nobody", tmp_path)).reason == "JOB_NOT_FOUND"

    def test_an_unexpected_error_tells_a_number_and_keeps_the_traceback_for_the_log(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(self: SqlStore, job_id: str) -> None:
            raise ZeroDivisionError("a secret")

        monkeypatch.setattr(SqlStore, "get", broken)
        with caplog.at_level(logging.ERROR, "chainrule"):
            error = refused(lambda: client.get_job("a"))
        assert (error.code, error.reason) == ("INTERNAL", "INTERNAL")
        assert "secret" not in str(error)
        number = str(error).split()[-1]
        [record] = [record for record in caplog.records if number in record.getMessage()]
        assert record.exc_info is not None


class TestWatch:
    def test_a_watch_begins_after_any_sequence_without_gap_or_repeat(self, client: Client) -> None:
        job = client.create_job(SPEC)
        whole = list(client.watch(job))
        for after in range(len(whole) + 1):
            assert list(client.watch(job, after)) == whole[after:]

    def test_many_watchers_of_a_running_job_see_the_same(self, client: Client) -> None:
        job = client.create_job({**SPEC, "training": {"epochs": 20, "batch_size": 100}})
        with ThreadPoolExecutor(8) as pool:
            seen = list(pool.map(lambda _: list(client.watch(job)), range(8)))
        assert all(events == seen[0] for events in seen)
        assert [event.sequence for event in seen[0]] == list(range(1, len(seen[0]) + 1))

    def test_a_watcher_that_does_not_read_delays_neither_the_job_nor_others(self, client: Client) -> None:
        job = client.create_job({**SPEC, "training": {"epochs": 60, "batch_size": 100}})
        slow = client.watch(job)
        first = next(slow)
        others = list(client.watch(job))
        assert client.get_job(job).state is JobState.SUCCEEDED
        assert [first, *slow] == others

    def test_a_sequence_that_is_not_there_yet_is_refused(self, client: Client) -> None:
        job = client.create_job(ENDLESS)
        error = refused(lambda: list(client.watch(job, 10**9)))
        assert (error.code, error.reason) == ("OUT_OF_RANGE", "SEQUENCE_AHEAD")

    def test_a_watch_goes_on_after_the_service_was_restarted(self, tmp_path: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = ServiceConfig(tmp_path / "data", port=port, runtime="inprocess", resume_interrupted=True)
        first = EmbeddedService(config)
        with Client(first.start()) as client:
            job = client.create_job({**SPEC, "training": {"epochs": 100, "batch_size": 100}})
            events, enough = [], threading.Event()

            def watch() -> None:
                for event in client.watch(job):
                    events.append(event)
                    if isinstance(event.report, EpochCompleted):
                        enough.set()

            watching = threading.Thread(target=watch)
            watching.start()
            assert enough.wait(20)
            first.stop()
            with EmbeddedService(config):
                watching.join(60)
                assert not watching.is_alive()
                assert events == list(client.watch(job))
        assert events[-1].report.state is JobState.SUCCEEDED
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))


class TestService:
    def test_no_service_at_the_address_is_said_at_once(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        with Client(address) as client:
            for call in (lambda: client.get_job("a"), lambda: list(client.watch("a"))):
                error = refused(call)
                assert error.code == "UNAVAILABLE"
                assert f"no chainrule service answers at {address}" in str(error)

    def test_a_port_in_use_is_named_and_the_data_folder_given_back(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            service = EmbeddedService(ServiceConfig(tmp_path, port=port, runtime="inprocess"))
            with pytest.raises(
                ServiceFault, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"
            ):
                service.start()
        assert read_holder(tmp_path) is None

    def test_a_second_service_on_a_data_folder_is_refused(
        self, service: EmbeddedService, tmp_path: Path
    ) -> None:
        with pytest.raises(ServiceFault, match=f"in use by a chainrule service .*{service.address}"):
            EmbeddedService(ServiceConfig(tmp_path / "data", runtime="inprocess")).start()

    def test_a_data_folder_that_cannot_be_made_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match="choose another data folder"):
            EmbeddedService(ServiceConfig(tmp_path / "file" / "data", runtime="inprocess")).start()

    def test_a_job_database_that_is_none_is_reported_at_the_start(self, tmp_path: Path) -> None:
        (tmp_path / "jobs.sqlite3").write_bytes(b"no database" * 100)
        with pytest.raises(StoreError, match="not a database"):
            EmbeddedService(ServiceConfig(tmp_path, runtime="inprocess")).start()
        assert read_holder(tmp_path) is None

    def test_a_stopped_service_leaves_its_job_paused_and_those_who_watch_are_told(
        self, tmp_path: Path
    ) -> None:
        config = ServiceConfig(tmp_path, runtime="inprocess")
        service = EmbeddedService(config)
        with Client(service.start()) as client:
            job = client.create_job(ENDLESS)
            epoch = until(client, job, is_report(EpochCompleted))
            stopping = threading.Thread(target=service.stop)
            watch = client.watch(job, epoch.sequence, reconnect_seconds=0)
            stopping.start()
            seen, error = until_broken(watch)
            stopping.join()
        assert error.code == "UNAVAILABLE"
        assert isinstance(seen[-1].report, StateChanged)
        assert seen[-1].report.state is JobState.PAUSED
        assert read_holder(tmp_path) is None
        with EmbeddedService(config) as again, Client(again.address) as client:
            found = client.get_job(job)
            assert found.state is JobState.PAUSED
            assert found.checkpoint_step is not None

    def test_stopping_twice_is_harmless(self, tmp_path: Path) -> None:
        service = EmbeddedService(ServiceConfig(tmp_path, runtime="inprocess"))
        service.start()
        service.stop()
        service.stop(at_once=True)
        assert service.wait(0)
