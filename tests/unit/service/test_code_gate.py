"""What becomes of jobs with a model in Python where the service may, and where it may not, run their code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chainrule.service.jobs.code_gate import CodeGate
from chainrule.service.jobs.errors import Reason, ServiceFault
from chainrule.service.jobs.events import StateChanged
from chainrule.service.jobs.job import Job
from chainrule.service.jobs.lifecycle import now
from chainrule.service.jobs.states import JobState
from chainrule.service.jobs.store import MemoryStore
from chainrule.worker.spec import SpecError

S = JobState
# The class lives in conftest.py, which cannot be imported.
Stage = Any
LAYERS = {"model": [{"linear": {"units": 10}}]}


@pytest.fixture
def in_python(tmp_path: Path) -> dict[str, Any]:
    """As much of a job as says that its model is a file."""
    (tmp_path / "model.py").write_text("def build(feature_shape, classes): ...\n")
    return {"model": {"python": str(tmp_path / "model.py"), "factory": "build"}}


def stored(state: JobState, spec: dict[str, Any], **fields: Any) -> MemoryStore:
    """A store with one job, as an earlier service left it."""
    store, time = MemoryStore(), now()
    job = replace(Job("left", "uid", spec, state, time, time), **fields)
    store.create(job, StateChanged(state), None)
    return store


def test_layers_pass_where_no_code_may_run(in_python: dict[str, Any]) -> None:
    assert CodeGate().refusal(LAYERS) is None
    assert CodeGate().refusal(in_python) is not None
    assert CodeGate(allow_all=True).refusal(in_python) is None


def test_a_file_that_is_let_in_brings_no_other_one_and_no_other_factory(in_python: dict[str, Any]) -> None:
    gate = CodeGate()
    gate.allow(in_python)
    assert gate.refusal(in_python) is None
    assert gate.refusal({"model": {**in_python["model"], "factory": "other"}}) is not None
    copy = Path(in_python["model"]["python"]).with_name("copy.py")
    copy.write_bytes(Path(in_python["model"]["python"]).read_bytes())
    assert gate.refusal({"model": {**in_python["model"], "python": str(copy)}}) is not None


def test_a_file_that_is_let_in_must_be_there(in_python: dict[str, Any]) -> None:
    Path(in_python["model"]["python"]).unlink()
    with pytest.raises(SpecError, match="no Python file"):
        CodeGate().allow(in_python)


def test_letting_in_a_model_of_layers_lets_in_no_code(in_python: dict[str, Any]) -> None:
    gate = CodeGate()
    gate.allow(LAYERS)
    assert gate.refusal(in_python) is not None


def test_the_fault_names_the_field_and_the_job(in_python: dict[str, Any]) -> None:
    with pytest.raises(ServiceFault) as caught:
        CodeGate().check(in_python, "left")
    fault = caught.value
    assert (fault.reason, fault.resource) == (Reason.CODE_NOT_ALLOWED, "left")
    assert [violation.field for violation in fault.violations] == ["model.python"]
    assert str(fault).startswith("job 'left' cannot go on here: ")


@pytest.mark.parametrize("state", [S.STARTING, S.RUNNING, S.QUEUED])
def test_a_job_whose_code_may_not_run_waits_paused_and_keeps_what_it_has(
    make_stage: Callable[..., Stage], in_python: dict[str, Any], state: JobState
) -> None:
    store = stored(state, in_python, checkpoint_step=40, attempt=1)
    stage = make_stage(store=store, resume_interrupted=True)
    job = stage.reaches("left", S.PAUSED)
    assert (job.checkpoint_step, job.suspended) == (40, True)
    assert "--allow-code" in job.state_message
    assert stage.runtime.executions.empty()


@pytest.mark.parametrize("allow_code", [False, True])
def test_a_suspended_job_goes_on_by_itself_once_its_code_may_run(
    make_stage: Callable[..., Stage], in_python: dict[str, Any], allow_code: bool
) -> None:
    store = stored(S.PAUSED, in_python, suspended=True, attempt=1)
    stage = make_stage(store=store, resume_interrupted=True, allow_code=allow_code)
    assert (stage.store.get("left").state is S.PAUSED) is not allow_code


def test_a_job_that_has_ended_is_not_resumed_for_the_reason_that_it_has_ended(
    make_stage: Callable[..., Stage], in_python: dict[str, Any]
) -> None:
    stage = make_stage(store=stored(S.CANCELLED, in_python))
    with pytest.raises(ServiceFault) as caught:
        stage.supervisor.resume("left")
    assert caught.value.reason is Reason.STATE_CONFLICT
