"""The service dies by SIGKILL in the middle of a job and comes back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chainrule.service.client import Client, JobState, StateChanged
from chainrule.worker.reports import CheckpointSaved, Started

SPEC: dict[str, Any] = {
    "name": "digits",
    "dataset": {"source": "digits"},
    "model": [{"linear": {"units": 32}}, "relu", {"dropout": {"rate": 0.1}}, {"linear": {"units": 10}}],
    "loss": "softmax_cross_entropy",
    "optimizer": "adam",
    "training": {"epochs": 60, "batch_size": 100},
}
SERVE = """
import sys
from pathlib import Path
from chainrule.service.api.embedded import EmbeddedService
from chainrule.service.config import ServiceConfig

service = EmbeddedService(
    ServiceConfig(Path(sys.argv[1]), runtime="inprocess", resume_interrupted=sys.argv[2] == "True")
)
print(service.start(), flush=True)
sys.stdin.read()
service.stop()
"""


class Server:
    """A service in a process of its own."""

    def __init__(self, folder: Path, resume_interrupted: bool) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(folder), str(resume_interrupted)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> None:
        self.process.communicate("")
        assert self.process.returncode == 0


Serve = Callable[[bool], Any]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    @contextmanager
    def serving(resume_interrupted: bool) -> Iterator[Server]:
        server = Server(tmp_path / "data", resume_interrupted)
        try:
            yield server
        finally:
            if server.process.returncode is None:
                server.kill()

    return serving


def kill_after_two_checkpoints(server: Server) -> tuple[str, int]:
    """Returns the job and the last sequence that its watcher has seen."""
    with Client(server.address) as client:
        job = client.create_job(SPEC, request_id="mine")
        checkpoints = 0
        for event in client.watch(job):
            checkpoints += isinstance(event.report, CheckpointSaved)
            if checkpoints == 2:
                server.kill()
                return job.id, event.sequence
    raise AssertionError("the job ended before the service was killed")


def test_a_server_goes_on_by_itself_from_the_last_checkpoint_to_the_same_model(serve: Serve) -> None:
    with serve(True) as server:
        job_id, seen = kill_after_two_checkpoints(server)
    with serve(True) as server, Client(server.address) as client:
        events = list(client.watch(job_id, seen))
        assert [event.sequence for event in events] == list(range(seen + 1, seen + 1 + len(events)))
        lost = next(event.report for event in events if isinstance(event.report, StateChanged))
        assert lost.state is JobState.QUEUED
        assert "the service was killed" in lost.message
        assert "goes on from the checkpoint of step" in lost.message
        [started] = [event.report for event in events if isinstance(event.report, Started)]
        assert started.step > 0
        job = client.get_job(job_id)
        assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2)
        whole = client.create_job(SPEC)
        list(client.watch(whole))
        undisturbed = client.get_job(whole).model
        assert job.model is not None
        assert undisturbed is not None
        assert job.model.digest == undisturbed.digest
        assert client.create_job(SPEC, request_id="mine").id == job_id
        server.stop()


def test_an_embedded_service_says_what_was_lost_and_waits_to_be_resumed(serve: Serve) -> None:
    with serve(False) as server:
        job_id, _ = kill_after_two_checkpoints(server)
    with serve(False) as server, Client(server.address) as client:
        job = client.get_job(job_id)
        assert job.state is JobState.PAUSED
        assert "the service was killed" in job.state_message
        assert (
            f"resume the job to go on from the checkpoint of step {job.checkpoint_step}" in job.state_message
        )
        client.resume_job(job)
        list(client.watch(job))
        assert client.get_job(job).state is JobState.SUCCEEDED
