"""Models in Python, through the whole service: no code runs unless whoever runs the service allowed it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.core.errors import FileFormatError
from chainrule.service.api.channel import open_channel
from chainrule.service.api.embedded import EmbeddedService
from chainrule.service.api.spec_proto import spec_to_proto
from chainrule.service.client import Client, Job, JobState, ServiceError
from chainrule.service.client_errors import error_of_call
from chainrule.service.config import ServiceConfig
from chainrule.v1 import job_pb2, job_service_pb2, job_service_pb2_grpc
from chainrule.worker.model import load_model
from chainrule.worker.spec import parse_spec

MODEL = """
from pathlib import Path

from chainrule.core import nn

with open(Path(__file__).with_suffix(".runs"), "a") as runs:
    runs.write("once more\\n")


def build(feature_shape, classes):
    return nn.Sequential(nn.Linear(feature_shape[0], 16), nn.ReLU(), nn.Linear(16, classes))


def linear(feature_shape, classes):
    return nn.Linear(feature_shape[0], classes)
"""
MAIN = [sys.executable, "-c", "import sys; from chainrule.service.cli import main; sys.exit(main())"]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A Python file that makes a model, and notes beside itself that it ran."""
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    return path


def has_run(model: Path) -> bool:
    return model.with_suffix(".runs").exists()


def job_of(model: Path, factory: str = "build", epochs: int = 2) -> dict[str, Any]:
    return {
        "name": "in-python",
        "dataset": {"source": "digits"},
        "model": {"python": str(model), "factory": factory},
        "loss": "softmax_cross_entropy",
        "metrics": ["accuracy"],
        "optimizer": {"adam": {"learning_rate": 0.01}},
        "training": {"epochs": epochs, "batch_size": 100},
    }


def service_on(folder: Path, **settings: Any) -> EmbeddedService:
    return EmbeddedService(ServiceConfig(folder / "data", runtime="inprocess", **settings))


def refused(call: Callable[[], object]) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        call()
    assert caught.value.reason == "CODE_NOT_ALLOWED"
    return caught.value


def finished(client: Client, job: Job | str) -> Job:
    for event in client.watch(job):
        if event.terminal:
            break
    done = client.get_job(job)
    assert done.state is JobState.SUCCEEDED, done
    return done


def paused_after_an_epoch(client: Client, job: Job) -> None:
    for event in client.watch(job):
        name = type(event.report).__name__
        if name == "EpochCompleted":
            client.pause_job(job)
        if getattr(event.report, "state", None) is JobState.PAUSED:
            return
    raise AssertionError("the job ended before it was paused")


class TestAServedInstance:
    @pytest.mark.parametrize("validate_only", [False, True], ids=["create", "validate"])
    def test_python_code_is_refused_before_any_of_it_runs(
        self, tmp_path: Path, model: Path, validate_only: bool
    ) -> None:
        with service_on(tmp_path) as service, Client(service.address) as client:
            error = refused(lambda: client.create_job(job_of(model), validate_only=validate_only))
            assert error.code == "FAILED_PRECONDITION"
            [violation] = error.violations
            assert violation.field == "model.python"
            assert str(model) in violation.message
            assert "chainrule serve --allow-code" in violation.message
            assert list(client.list_jobs()) == []
        assert not has_run(model)

    def test_with_code_allowed_the_model_is_trained_and_its_file_runs_no_code_by_itself(
        self, tmp_path: Path, model: Path
    ) -> None:
        with service_on(tmp_path, allow_code=True) as service, Client(service.address) as client:
            job = client.create_job(job_of(model, epochs=5))
            assert job.summary is not None
            assert job.summary.parameters == 64 * 16 + 16 + 16 * 10 + 10
            assert finished(client, job).metrics["accuracy"] > 0.8
            saved = client.download_model(job, tmp_path)
        with pytest.raises(FileFormatError, match="--allow-code"):
            load_model(saved)
        assert load_model(saved, allow_code=True).predict(np.zeros((3, 64))).shape == (3, 10)

    def test_a_file_that_would_end_the_process_is_an_invalid_model(self, tmp_path: Path, model: Path) -> None:
        model.write_text("import sys\n\nsys.exit('enough')\n")
        with service_on(tmp_path, allow_code=True) as service, Client(service.address) as client:
            with pytest.raises(ServiceError, match="at line 3: SystemExit: enough") as caught:
                client.create_job(job_of(model))
            assert caught.value.reason == "SPEC_INVALID"
            model.write_text(MODEL)
            client.create_job(job_of(model), validate_only=True)

    def test_files_that_a_job_names_need_absolute_paths(self, tmp_path: Path) -> None:
        spec = parse_spec({**job_of(Path("model.py")), "initial_weights": {"path": "start.safetensors"}})
        request = job_service_pb2.CreateJobRequest(
            parent="projects/default", job=job_pb2.Job(spec=spec_to_proto(spec))
        )
        with service_on(tmp_path, allow_code=True) as service, open_channel(service.address) as channel:
            with pytest.raises(Exception, match="expected an absolute path") as caught:
                job_service_pb2_grpc.JobServiceStub(channel).CreateJob(request, timeout=60)
            violations = error_of_call(caught.value, service.address).violations  # pyright: ignore[reportArgumentType]
        assert [violation.field for violation in violations] == ["initial_weights.path", "model.python"]


class TestAServiceOfTheUsersOwn:
    def test_only_the_file_that_was_named_runs_and_only_as_it_was(self, tmp_path: Path, model: Path) -> None:
        other = tmp_path / "other.py"
        other.write_text(MODEL)
        with service_on(tmp_path) as service, Client(service.address) as client:
            service.allow_code(job_of(model))
            assert "does not run" in str(refused(lambda: client.create_job(job_of(other))))
            assert "does not run" in str(refused(lambda: client.create_job(job_of(model, "linear"))))
            finished(client, client.create_job(job_of(model)))
            runs = model.with_suffix(".runs").read_text()
            model.write_text(MODEL + "# and more\n")
            assert "SHA-256 differs" in str(refused(lambda: client.create_job(job_of(model))))
            model.unlink()
            assert "no Python file" in str(refused(lambda: client.create_job(job_of(model))))
        assert model.with_suffix(".runs").read_text() == runs
        assert not has_run(other)

    def test_a_job_whose_file_changes_while_it_waits_fails_and_the_new_code_does_not_run(
        self, tmp_path: Path, model: Path
    ) -> None:
        with service_on(tmp_path) as service, Client(service.address) as client:
            service.allow_code(job_of(model))
            first = client.create_job(job_of(model, epochs=1_000_000))
            waiting = client.create_job(job_of(model))
            next(event for event in client.watch(first) if type(event.report).__name__ == "EpochCompleted")
            model.write_text(f"raise SystemExit('must not run')\n{MODEL}")
            client.cancel_job(first)
            list(client.watch(waiting))
            error = client.get_job(waiting).error
            assert error is not None
            assert "SHA-256 differs" in error.message


class TestAfterARestart:
    def test_a_paused_job_goes_on_only_where_code_may_run(self, tmp_path: Path, model: Path) -> None:
        with service_on(tmp_path, allow_code=True) as service, Client(service.address) as client:
            job = client.create_job(job_of(model, epochs=60))
            paused_after_an_epoch(client, job)
            step = client.get_job(job).checkpoint_step
        runs = model.with_suffix(".runs").read_text()
        with service_on(tmp_path) as service, Client(service.address) as client:
            error = refused(lambda: client.resume_job(job))
            assert job.id in str(error)
            assert "--allow-code" in str(error)
            kept = client.get_job(job)
            assert (kept.state, kept.checkpoint_step) == (JobState.PAUSED, step)
        assert model.with_suffix(".runs").read_text() == runs
        with service_on(tmp_path) as service, Client(service.address) as client:
            service.allow_code(kept.spec)
            client.resume_job(job)
            assert finished(client, job).attempt == 2

    def test_jobs_that_go_on_by_themselves_wait_for_a_service_that_may_run_them(
        self, tmp_path: Path, model: Path
    ) -> None:
        layers = {**job_of(model), "name": "layers", "model": [{"linear": {"units": 10}}]}
        generous = {"allow_code": True, "resume_interrupted": True}
        with service_on(tmp_path, **generous) as service, Client(service.address) as client:
            running = client.create_job(job_of(model, epochs=1_000))
            waiting = client.create_job(job_of(model))
            plain = client.create_job(layers)
        runs = model.with_suffix(".runs").read_text()
        with service_on(tmp_path, resume_interrupted=True) as service, Client(service.address) as client:
            finished(client, plain)
            for job in map(client.get_job, (running, waiting)):
                assert job.state is JobState.PAUSED
                assert "--allow-code" in job.state_message
        assert model.with_suffix(".runs").read_text() == runs
        with service_on(tmp_path, **generous) as service, Client(service.address) as client:
            client.cancel_job(running)
            finished(client, waiting)


@pytest.fixture
def run(tmp_path: Path, model: Path) -> Run:
    """A function: run one command in a folder that holds job.yaml and model.py."""
    (tmp_path / "job.yaml").write_text(json.dumps(job_of(Path("model.py"))))
    environment = {**os.environ, "CHAINRULE_DATA_DIR": str(tmp_path / "data")}
    environment.pop("CHAINRULE_ADDRESS", None)

    def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*MAIN, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100
        )

    return run_command


class TestTheCommandLine:
    def test_a_users_own_file_is_validated_trained_used_and_exported(self, run: Run, tmp_path: Path) -> None:
        validated = run("validate", "job.yaml")
        assert (validated.returncode, validated.stderr) == (0, "")
        assert "build.sequential" in validated.stdout
        trained = run("train", "job.yaml", "--runtime", "inprocess", "--output", "json")
        assert (trained.returncode, trained.stderr) == (0, "")
        result = json.loads(trained.stdout.splitlines()[-1])
        saved = result["model"]
        assert "--allow-code" in result["commands"]["use"]
        np.save(tmp_path / "new.npy", np.zeros((3, 64), np.uint8))
        for command in (["predict", saved, "new.npy"], ["export", saved, "model.onnx"]):
            without = run(*command)
            assert without.returncode == 2
            assert "model.py" in without.stderr
            assert "--allow-code" in without.stderr
            assert run(*command, "--allow-code").returncode == 0
        assert (tmp_path / "model.onnx").exists()

    def test_a_service_elsewhere_decides_and_the_job_file_is_named(
        self, run: Run, tmp_path: Path, model: Path
    ) -> None:
        with service_on(tmp_path / "served") as service:
            for command in ("validate", "submit", "train"):
                done = run(command, "job.yaml", "--address", service.address)
                assert done.returncode == 1
                assert done.stderr.startswith("Error: job.yaml: model.python: this service does not run")
                assert "--allow-code" in done.stderr
        assert not has_run(model)

    def test_a_paused_job_is_resumed_by_its_owners_command(
        self, run: Run, tmp_path: Path, model: Path
    ) -> None:
        with service_on(tmp_path, allow_code=True) as service, Client(service.address) as client:
            job = client.create_job(job_of(model, epochs=60))
            paused_after_an_epoch(client, job)
        done = run("resume", job.id, "--runtime", "inprocess", "--output", "json")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout.splitlines()[-1])["state"] == "SUCCEEDED"

    def test_a_path_in_a_change_counts_from_here(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "jobs").mkdir()
        (tmp_path / "jobs" / "job.yaml").write_text((tmp_path / "job.yaml").read_text())
        gone = run("validate", "jobs/job.yaml")
        assert f"no Python file at {tmp_path / 'jobs' / 'model.py'}" in gone.stderr
        assert run("validate", "jobs/job.yaml", "--set", "model.python=model.py").returncode == 0
        weights = run("validate", "job.yaml", "--set", "initial_weights.path=start.safetensors")
        assert str(tmp_path / "start.safetensors") in weights.stderr

    def test_serve_says_that_code_may_run(self, tmp_path: Path) -> None:
        environment = {**os.environ, "CHAINRULE_DATA_DIR": str(tmp_path / "data")}
        command = [*MAIN, "serve", "--port", "0", "--runtime", "inprocess", "--allow-code"]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert "chainrule serves" in process.stdout.readline()
            process.terminate()
            assert "jobs may run Python code (--allow-code)" in process.stderr.read()
