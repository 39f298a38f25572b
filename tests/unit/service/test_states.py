"""The table of transitions as a whole."""

from __future__ import annotations

import pytest

from chainrule.service.jobs.errors import Reason, ServiceFault
from chainrule.service.jobs.states import TERMINAL_STATES, TRANSITIONS, JobState, Trigger, next_state


def test_exactly_three_states_are_terminal() -> None:
    assert {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED} == TERMINAL_STATES


def test_no_trigger_changes_a_terminal_state() -> None:
    for state in TERMINAL_STATES:
        assert set(TRANSITIONS[state].values()) <= {state}


def test_every_state_can_be_reached_and_every_other_state_can_end() -> None:
    def reachable(start: JobState) -> set[JobState]:
        found, frontier = {start}, [start]
        while frontier:
            for target in TRANSITIONS[frontier.pop()].values():
                if target not in found:
                    found.add(target)
                    frontier.append(target)
        return found

    assert reachable(JobState.QUEUED) == set(JobState)
    for state in JobState:
        assert reachable(state) & TERMINAL_STATES


def test_what_the_service_does_to_executing_jobs_has_an_edge_in_each_of_their_states() -> None:
    for state in JobState:
        if state.executing:
            assert {Trigger.CANCEL, Trigger.SUCCEED, Trigger.FAIL, Trigger.REQUEUE, Trigger.SUSPEND} <= set(
                TRANSITIONS[state]
            )


def test_nothing_executes_after_a_crash() -> None:
    for edges in TRANSITIONS.values():
        for trigger in (Trigger.REQUEUE, Trigger.SUSPEND):
            assert trigger not in edges or not edges[trigger].executing


def test_a_trigger_without_an_edge_is_refused_with_job_state_and_advice() -> None:
    with pytest.raises(
        ServiceFault, match="job 'digits' is RUNNING: only a paused job can be resumed"
    ) as caught:
        next_state("digits", JobState.RUNNING, Trigger.RESUME)
    assert caught.value.reason is Reason.STATE_CONFLICT
    assert caught.value.resource == "digits"
