"""Names and ids of jobs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.service.jobs.errors import Reason, ServiceFault
from chainrule.service.jobs.job import JOB_ID, check_project, job_name, new_job_id, parse_job_name


@given(st.from_regex(JOB_ID, fullmatch=True))
def test_a_name_leads_back_to_its_id(job_id: str) -> None:
    assert parse_job_name(job_name(job_id)) == job_id


@given(st.text(max_size=63))
def test_a_fresh_id_is_valid_whatever_the_job_is_called(name: str) -> None:
    assert JOB_ID.fullmatch(new_job_id(name))


def test_a_fresh_id_begins_with_the_name_of_the_spec() -> None:
    assert new_job_id("Digits_v2.1").startswith("digits-v2-1-")
    assert new_job_id("2nd").startswith("job-2nd-")


@pytest.mark.parametrize(
    "name", ["", "digits", "projects/default/jobs/", "projects/default/jobs/a/b", "x" * 10_000]
)
def test_anything_else_is_not_a_name(name: str) -> None:
    with pytest.raises(ServiceFault, match="expected 'projects/default/jobs/JOB'") as caught:
        parse_job_name(name)
    assert caught.value.reason is Reason.NAME_INVALID
    assert len(str(caught.value)) < 400


def test_a_job_id_cannot_leave_its_folder() -> None:
    for job_id in ("..", "../x", ".deleted-a", "a/..", "a\n"):
        with pytest.raises(ServiceFault):
            parse_job_name(job_name(job_id))


def test_there_is_one_project() -> None:
    check_project("projects/default")
    with pytest.raises(ServiceFault) as caught:
        check_project("projects/another")
    assert caught.value.reason is Reason.PROJECT_NOT_FOUND
