"""The command line as a shell sees it: real processes, real jobs, real files."""

from __future__ import annotations

import csv
import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

JOB = """
name: small
dataset: {source: digits, test_fraction: 0.2}
model:
  - linear: {units: 32}
  - relu
  - linear: {units: 10}
loss: softmax_cross_entropy
metrics: [accuracy]
optimizer: {adam: {learning_rate: 0.01}}
training: {epochs: 4, batch_size: 64}
"""
Run = Callable[..., subprocess.CompletedProcess[str]]
MAIN = [sys.executable, "-c", "import sys; from chainrule.service.cli import main; sys.exit(main())"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A function: run one command in a folder that holds job.yaml, with a data folder beside it."""
    (tmp_path / "job.yaml").write_text(JOB)
    environment = {**os.environ, "CHAINRULE_DATA_DIR": str(tmp_path / "data"), "TERM": "xterm"}
    environment.pop("CHAINRULE_ADDRESS", None)

    def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*MAIN, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100
        )

    return run_command


def train(run: Run, *arguments: str) -> dict[str, Any]:
    done = run("train", "job.yaml", "--runtime", "inprocess", "--output", "json", *arguments)
    assert done.stderr == ""
    assert done.returncode == 0
    return json.loads(done.stdout.splitlines()[-1])


def error_of(done: subprocess.CompletedProcess[str], status: int) -> str:
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: ")
    return done.stderr


def test_training_in_a_pipe_ends_with_the_result_and_what_to_do_next(run: Run, tmp_path: Path) -> None:
    done = run("train", "job.yaml", "--runtime", "inprocess")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert all(line.isprintable() for line in lines)
    assert any(line.startswith("epoch 4/4  loss ") and "accuracy" in line for line in lines)
    labels = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines if len(line.split()) > 1}
    assert labels["state"].startswith("succeeded (4 of 4 epochs")
    assert len(labels["digest"]) == 64
    assert (tmp_path / labels["model"].split(" (")[0]).is_file()
    assert run(*shlex.split(labels["continue"])[1:]).returncode == 0
    np.save(tmp_path / "new.npy", np.zeros((3, 64), np.uint8))
    assert run(*shlex.split(labels["use"].replace("INPUTS", "new.npy"))[1:]).returncode == 0


def test_json_is_one_object_a_line_and_the_last_has_the_result(run: Run) -> None:
    done = run("train", "job.yaml", "--runtime", "inprocess", "--output", "json")
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    sequences = [each["sequence"] for each in objects[:-1]]
    assert sequences == sorted(set(sequences))
    assert [each["epoch"] for each in objects if each["type"] == "epoch_completed"] == [1, 2, 3, 4]
    last = objects[-1]
    assert (last["type"], last["state"], last["error"]) == ("result", "SUCCEEDED", None)
    assert last["metrics"]["accuracy"] > 0.8
    assert len(last["digest"]) == 64
    assert Path(last["model"]).is_file()


def test_the_command_line_changes_the_job_file(run: Run, tmp_path: Path) -> None:
    saved = tmp_path / "kept.safetensors"
    result = train(run, "--set", "training.epochs=2", "--name", "renamed", "--save", str(saved))
    assert result["job"].startswith("renamed-")
    assert result["model"] == str(saved)
    spec = json.loads(run("status", result["job"], "--output", "json").stdout)["spec"]
    assert (spec["training"]["epochs"], spec["name"]) == (2, "renamed")


def test_jobs_of_the_past_need_no_running_service(run: Run, tmp_path: Path) -> None:
    result = train(run)
    job = result["job"]
    assert job in run("jobs").stdout
    assert result["digest"] in run("status", job[: len(job) - 2]).stdout
    watched = run("watch", job, "--output", "json")
    assert watched.returncode == 0
    last = json.loads(watched.stdout.splitlines()[-1])
    assert {name: last[name] for name in ("state", "metrics", "model", "digest")} == {
        name: result[name] for name in ("state", "metrics", "model", "digest")
    }
    assert run("download", job, "copy.safetensors").returncode == 0
    assert (tmp_path / "copy.safetensors").read_bytes() == Path(result["model"]).read_bytes()
    error_of(run("cancel", job), 1)
    assert run("delete", job).returncode == 0
    assert "there is no job" in error_of(run("status", job), 2)


def test_watching_a_past_job_in_a_pipe_tells_it_again(run: Run) -> None:
    job = train(run)["job"]
    told = run("watch", job).stdout
    assert "epoch 4/4" in told
    assert "state     succeeded" in told


def test_predictions_come_as_table_csv_and_json(run: Run, tmp_path: Path) -> None:
    result = train(run, "--set", "training.epochs=15")
    with np.load(Path(__file__).parents[2] / "worker" / "data" / "digits.npz") as digits:
        features, labels = digits["x"][:50], digits["y"][:50]
    np.save(tmp_path / "new.npy", features)
    table = run("predict", result["job"], "new.npy").stdout.splitlines()
    assert table[0].split() == ["row", "class", "probability"]
    assert len(table) == 52
    rows = list(
        csv.DictReader(run("predict", result["model"], "new.npy", "--output", "csv").stdout.splitlines())
    )
    assert np.mean([int(row["class"]) == label for row, label in zip(rows, labels, strict=True)]) > 0.9
    objects = run("predict", result["model"], "new.npy", "--output", "json").stdout.splitlines()
    assert [json.loads(line)["class_name"] for line in objects] == [row["class"] for row in rows]


def test_predicting_with_what_is_no_model_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "new.npy").write_bytes(b"not an array")
    assert "there is no model file" in error_of(run("predict", "gone.safetensors", "new.npy"), 2)
    assert "safetensors" in error_of(run("predict", "job.yaml", "new.npy"), 2)
    assert "does not exist" in error_of(run("predict", "unknown", "new.npy"), 2)


def test_an_exported_model_finds_the_same_probabilities_in_another_program(run: Run, tmp_path: Path) -> None:
    job = train(run, "--set", "dataset.normalize=standard")["job"]
    done = run("export", job, "model.onnx", "--probabilities", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    told = {line.split()[0]: line.split(maxsplit=1)[1] for line in done.stdout.splitlines()[1:]}
    assert told["input"].startswith("features: float32, batch x 64")
    assert told["output"] == "outputs: float32, batch x 10, probabilities"
    assert told["opset"] == "18"
    assert "differ by" in told["check"]
    features = np.random.default_rng(0).integers(0, 17, (5, 64)).astype(np.float32)
    np.save(tmp_path / "new.npy", features)
    lines = run("predict", job, "new.npy", "--output", "json").stdout.splitlines()
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    [theirs] = session.run(["outputs"], {"features": features})
    ours = [json.loads(line)["probabilities"] for line in lines]
    np.testing.assert_allclose(np.asarray(theirs), ours, atol=1e-5)


def test_an_export_is_told_in_json_and_overwrites_only_what_was_named(run: Run, tmp_path: Path) -> None:
    model = train(run)["model"]
    told = json.loads(run("export", model, "--output", "json").stdout)
    assert told["model"] == str(tmp_path / "model.onnx")
    assert told["outputs"] == {"outputs": {"type": "float32", "shape": ["batch", 10], "are": "logits"}}
    assert told["size_bytes"] == (tmp_path / "model.onnx").stat().st_size
    assert "exists already: name the file" in error_of(run("export", model), 2)
    assert run("export", model, "model.onnx").returncode == 0
    assert "there is no model file" in error_of(run("export", "gone.safetensors"), 2)


def test_a_valid_job_is_shown_layer_by_layer_and_nothing_is_made(run: Run, tmp_path: Path) -> None:
    done = run("validate", "job.yaml")
    assert done.returncode == 0
    assert "layers.0.linear            32       2,080" in done.stdout
    assert "steps      92 (4 epochs of 23 steps, batch size 64)" in done.stdout
    assert not (tmp_path / "data").exists()
    summary = json.loads(run("validate", "job.yaml", "--output", "json").stdout)
    assert summary["parameters"] == 2080 + 330


@pytest.mark.parametrize("command", ["train", "validate", "graph"])
def test_a_bad_job_file_is_refused_with_every_field_that_is_wrong(
    run: Run, tmp_path: Path, command: str
) -> None:
    (tmp_path / "job.yaml").write_text(JOB.replace("learning_rate: 0.01", "leraning_rate: 0.01"))
    message = error_of(run(command, "job.yaml"), 2)
    assert "job.yaml: optimizer.adam.leraning_rate" in message
    assert "did you mean 'learning_rate'?" in message
    assert "gone.yaml" in error_of(run(command, "gone.yaml"), 2)
    done = run(command, "job.yaml", "--output", "json")
    (violation,) = json.loads(done.stderr)["error"]["violations"]
    assert (done.returncode, done.stdout) == (2, "")
    assert violation["field"] == "optimizer.adam.leraning_rate"


def test_layers_that_do_not_fit_the_labels_are_refused_before_training(run: Run) -> None:
    change = ("--set", "model[2].linear.units=7", "--runtime", "inprocess")
    message = error_of(run("train", "job.yaml", *change), 2)
    assert "job.yaml: model[2].linear.units" in message
    assert "10 classes" in message
    assert run("jobs", "--output", "json").stdout == ""


def test_paths_in_changes_count_from_here_and_not_from_the_job_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "job.yaml").write_text(
        JOB.replace("{source: digits,", "{source: csv, path: gone.csv,")
    )
    assert str(tmp_path / "jobs" / "gone.csv") in error_of(run("validate", "jobs/job.yaml"), 2)
    here = run("validate", "jobs/job.yaml", "--set", "dataset.path=here.csv")
    assert str(tmp_path / "here.csv") in error_of(here, 2)


def test_a_job_that_diverges_exits_with_1_and_says_at_which_step(run: Run) -> None:
    change = ("--set", "optimizer.sgd.learning_rate=1e30", "--runtime", "inprocess")
    done = run("train", "job.yaml", *change)
    assert "DIVERGED" in error_of(done, 1)
    assert "step" in done.stderr
    assert "failed" in done.stdout
    in_json = run("train", "job.yaml", *change, "--output", "json")
    last = json.loads(in_json.stdout.splitlines()[-1])
    assert (last["state"], last["error"]["reason"], last["model"]) == ("FAILED", "DIVERGED", None)
    assert "DIVERGED" in json.loads(in_json.stderr)["error"]["message"]


def test_a_place_for_the_model_that_is_not_there_is_refused_before_training(run: Run, tmp_path: Path) -> None:
    message = error_of(run("train", "job.yaml", "--save", "gone/model.safetensors"), 2)
    assert str(tmp_path / "gone") in message
    assert not (tmp_path / "data").exists()


def test_without_a_service_submitting_says_how_to_get_one(run: Run) -> None:
    message = error_of(run("submit", "job.yaml"), 2)
    assert "chainrule serve" in message
    assert "chainrule train" in message


def test_an_address_where_nobody_listens_is_named(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    assert address in error_of(run("jobs", "--address", address), 1)


def test_a_data_folder_that_cannot_be_one_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    done = run("train", "job.yaml", "--runtime", "inprocess")
    assert str(tmp_path / "data") in error_of(done, 1)


def test_no_jobs_yet_is_no_error(run: Run, tmp_path: Path) -> None:
    done = run("jobs")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no jobs" in done.stdout
    assert not (tmp_path / "data").exists()


def test_a_reader_that_goes_away_is_no_crash(run: Run, tmp_path: Path) -> None:
    train(run)
    environment = {**os.environ, "CHAINRULE_DATA_DIR": str(tmp_path / "data")}
    command = [*MAIN, "status", "--help"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


def test_validate_says_where_a_job_is_too_large_for_this_machine(run: Run) -> None:
    small, huge = (
        run("validate", "job.yaml"),
        run("validate", "job.yaml", "--set", "model[0].linear.units=536870912"),
    )
    assert (small.returncode, huge.returncode) == (0, 0)
    assert "the job cannot run on it." not in small.stdout
    assert huge.stdout.rstrip().endswith("of memory: the job cannot run on it.")
