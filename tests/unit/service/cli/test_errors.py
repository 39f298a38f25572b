"""Tests of how errors reach the user and which exit status they have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chainrule.core.errors import ChainruleError, FileFormatError, ShapeError
from chainrule.service.cli.errors import CommandError, UsageProblem, report, status_of_error
from chainrule.service.cli.exits import ExitStatus, status_of_job
from chainrule.service.client_errors import ServiceError
from chainrule.service.jobs.errors import Reason, ServiceFault
from chainrule.service.jobs.states import JobState
from chainrule.worker.data.errors import DataError
from chainrule.worker.spec import SpecError, Violation

VIOLATIONS = (Violation("training.epochs", "expected 1 or more"),)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SpecError(VIOLATIONS), ExitStatus.USAGE),
        (DataError("dataset.path", "no such file"), ExitStatus.USAGE),
        (FileFormatError("not a model"), ExitStatus.USAGE),
        (ServiceError("bad", code="INVALID_ARGUMENT", violations=VIOLATIONS), ExitStatus.USAGE),
        (ServiceError("no job", code="NOT_FOUND"), ExitStatus.USAGE),
        (ServiceError("nobody there", code="UNAVAILABLE"), ExitStatus.FAILED),
        (ServiceError("has ended", code="FAILED_PRECONDITION"), ExitStatus.FAILED),
        (ServiceFault(Reason.ADDRESS_UNUSABLE, "port in use"), ExitStatus.FAILED),
        (ShapeError("linear", "64", "32"), ExitStatus.FAILED),
        (UsageProblem("no such thing"), ExitStatus.USAGE),
    ],
)
def test_what_the_user_can_put_right_exits_with_2_and_the_rest_with_1(
    error: ChainruleError, status: ExitStatus
) -> None:
    assert status_of_error(error) is status


@pytest.mark.parametrize("state", JobState)
def test_the_exit_status_of_a_job_tells_whether_it_succeeded(state: JobState) -> None:
    expected = {JobState.SUCCEEDED: 0, JobState.FAILED: 1, JobState.CANCELLED: 1}
    assert status_of_job(state.value) == expected.get(state, 130)


def test_an_error_is_one_paragraph_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(CommandError("It broke.\n\nMend it."), json_mode=False) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "Error: It broke.\nMend it.\n")


def test_in_json_mode_an_error_is_one_object_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    report(SpecError(VIOLATIONS), json_mode=True)
    assert json.loads(capsys.readouterr().err) == {
        "error": {
            "message": "training.epochs: expected 1 or more",
            "exit_status": 2,
            "violations": [{"field": "training.epochs", "message": "expected 1 or more"}],
        }
    }


def test_the_systems_error_names_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    report(PermissionError(13, "Permission denied", "/data/jobs"), json_mode=False)
    assert capsys.readouterr().err == "Error: /data/jobs: Permission denied.\n"


def test_a_fault_of_ours_shows_no_traceback_but_says_where_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHAINRULE_DATA_DIR", str(tmp_path))
    with pytest.raises(KeyError) as caught:
        {}["surprise"]
    assert report(caught.value, json_mode=False) == 1
    message = capsys.readouterr().err
    (kept,) = (tmp_path / "logs").iterdir()
    assert str(kept) in message
    assert "Traceback" not in message
    assert "KeyError: 'surprise'" in kept.read_text()


def test_a_crash_report_that_cannot_be_kept_with_the_data_is_kept_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    elsewhere = tmp_path / "temporary"
    elsewhere.mkdir()
    monkeypatch.setenv("CHAINRULE_DATA_DIR", str(in_the_way))
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    report(RuntimeError("surprise"), json_mode=False)
    (kept,) = elsewhere.iterdir()
    assert str(kept) in capsys.readouterr().err
