"""The coordinator's decisions, event by event, with no process, clock or disk."""

from __future__ import annotations

import math
from typing import Any

from chainrule.core.optim.schedules import Plateau
from chainrule.worker.coordinator import STALL_SECONDS, Coordinator, Phase, Schedule
from chainrule.worker.messages import (
    Advanced,
    Assign,
    Begin,
    Best,
    Broken,
    End,
    Evaluate,
    Evaluated,
    Grant,
    KeepBest,
    Kill,
    Lost,
    ModelWritten,
    Moved,
    NotFinite,
    Position,
    Ready,
    SetRateFactor,
    Snapshot,
    Start,
    StopRequested,
    Tell,
    Tick,
    WriteCheckpoint,
    WriteFailed,
    WriteModel,
    Written,
)
from chainrule.worker.reports import (
    EpochCompleted,
    Finished,
    MemberJoined,
    MemberLost,
    Outcome,
    Progress,
    Reason,
    Role,
    Started,
)
from chainrule.worker.runtime import Stop
from chainrule.worker.spec import EarlyStoppingSpec


def schedule(**changes: Any) -> Schedule:
    values: dict[str, Any] = {
        "epochs": 2,
        "steps_per_epoch": 4,
        "train_samples": 40,
        "test_samples": 10,
        "parameters": 100,
        "workers": 2,
        "parameter_servers": 1,
        "batch_samples": lambda step: 10,
        "metrics": ("accuracy",),
        "higher_is_better": frozenset({"accuracy"}),
        "checkpoint_every": 1,
        "early_stopping": None,
        "advice": "Try a smaller learning rate.",
    }
    return Schedule(**(values | changes))


START = Position()


def assembled(position: Position = START, **changes: Any) -> tuple[Any, list[Any]]:
    """A coordinator whose members are all up, and the instructions of the last of them."""
    coordinator: Any = Coordinator(schedule(**changes), position)
    starts = coordinator.handle(Begin(), 0.0)
    instructions = []
    for start in starts:
        instructions = coordinator.handle(Ready(start.role, start.member), 0.0)
    return coordinator, instructions


def kinds(instructions: list[Any]) -> list[type]:
    return [type(instruction) for instruction in instructions]


def reports(instructions: list[Any]) -> list[Any]:
    return [instruction.report for instruction in instructions if isinstance(instruction, Tell)]


def advance_to(coordinator: Any, step: int, loss_sum: float = 5.0, now: float = 1.0) -> list[Any]:
    """Tell that all steps up to `step` are applied."""
    done = coordinator.position.step
    return coordinator.handle(Advanced(step, (loss_sum,) * (step - done)), now)


def run_epoch(coordinator: Any, accuracy_sum: float = 5.0, loss_sum: float = 3.0) -> list[Any]:
    """Advance through the rest of an epoch, whatever is granted, and through its evaluation."""
    instructions = []
    while coordinator.phase is Phase.TRAINING:
        instructions = advance_to(coordinator, coordinator.horizon)
    assert kinds(instructions)[-1] is Evaluate
    return coordinator.handle(Evaluated((loss_sum, accuracy_sum)), 2.0)


def test_nothing_is_granted_before_every_member_is_up():
    coordinator: Any = Coordinator(schedule(), Position())
    assert coordinator.handle(Begin(), 0.0) == [
        Start(Role.PARAMETER_SERVER, 0),
        Start(Role.WORKER, 0),
        Start(Role.WORKER, 1),
    ]
    assert coordinator.handle(Ready(Role.WORKER, 1), 0.0) == []
    assert coordinator.handle(Ready(Role.PARAMETER_SERVER, 0), 0.0) == []
    tell, assign, grant = coordinator.handle(Ready(Role.WORKER, 0), 0.0)
    assert isinstance(tell.report, Started) and tell.report.total_steps == 8
    assert assign == Assign((0, 1)) and isinstance(grant, Grant)


def test_the_horizon_never_passes_the_end_of_the_epoch():
    coordinator, _ = assembled()
    coordinator._pace.steps_per_second = 1e9
    advance_to(coordinator, coordinator.horizon)
    assert coordinator.horizon == 4


def test_the_end_of_an_epoch_is_evaluated_before_training_goes_on():
    coordinator, _ = assembled()
    instructions = run_epoch(coordinator)
    completed = reports(instructions)[0]
    assert isinstance(completed, EpochCompleted)
    assert completed.metrics == {"loss": 0.3, "accuracy": 0.5}
    assert completed.train_loss == 0.5
    assert kinds(instructions) == [Tell, Snapshot, Grant, WriteCheckpoint]


def test_a_checkpoint_is_copied_before_and_written_after_training_goes_on():
    coordinator, _ = assembled()
    instructions = run_epoch(coordinator)
    assert kinds(instructions).index(Snapshot) < kinds(instructions).index(Grant)
    [written] = [i for i in instructions if isinstance(i, WriteCheckpoint)]
    assert written.position.step == 4 and written.position.epoch_loss == 0.0


def test_checkpoints_are_taken_only_as_often_as_asked():
    coordinator, _ = assembled(epochs=4, checkpoint_every=2)
    assert WriteCheckpoint not in kinds(run_epoch(coordinator))
    assert WriteCheckpoint in kinds(run_epoch(coordinator))


def test_the_last_epoch_ends_with_a_checkpoint_then_the_model_then_success():
    coordinator, _ = assembled(epochs=1)
    assert kinds(run_epoch(coordinator)) == [Tell, Snapshot, WriteCheckpoint]
    assert kinds(coordinator.handle(Written(4, "d1"), 3.0)) == [Tell, WriteModel]
    tell, end = coordinator.handle(ModelWritten("model.safetensors", "d2"), 3.0)
    assert end == End(Outcome.SUCCEEDED)
    assert isinstance(tell.report, Finished)
    assert (tell.report.digest, tell.report.model, tell.report.checkpoint_step) == (
        "d2",
        "model.safetensors",
        4,
    )
    assert coordinator.handle(Tick(), 4.0) == []


def test_without_a_held_out_split_no_evaluation_is_asked_for():
    coordinator, _ = assembled(test_samples=0, epochs=1)
    instructions = []
    while coordinator.phase is Phase.TRAINING:
        instructions = advance_to(coordinator, coordinator.horizon)
    assert Evaluate not in kinds(instructions)
    assert reports(instructions)[-1].metrics == {}


def test_progress_is_told_at_most_twice_a_second():
    coordinator, _ = assembled(steps_per_epoch=1000, epochs=1, train_samples=10_000)
    told = []
    for tick in range(100):
        step = min(coordinator.horizon, coordinator.position.step + 1)
        told += reports(advance_to(coordinator, step, now=0.1 + tick * 0.1))
    progress = [report for report in told if isinstance(report, Progress)]
    assert 15 <= len(progress) <= 20
    assert progress[0].loss == 0.5
    assert progress[-1].samples_per_second > 0 and progress[-1].remaining_seconds > 0


def test_a_lost_worker_leaves_its_work_to_the_others_and_is_replaced():
    coordinator, _ = assembled()
    assign, start, tell = coordinator.handle(Lost(Role.WORKER, 1, "killed"), 1.0)
    assert assign == Assign((0,))
    assert start == Start(Role.WORKER, 2)
    assert isinstance(tell.report, MemberLost) and tell.report.reason == "killed"
    assign, tell = coordinator.handle(Ready(Role.WORKER, 2), 1.5)
    assert assign == Assign((0, 2))
    assert tell.report == MemberJoined(Role.WORKER, 2, 0)


def test_a_replacement_takes_the_place_of_the_worker_that_was_lost():
    coordinator, _ = assembled()
    coordinator.handle(Lost(Role.WORKER, 0, "killed"), 1.0)
    assert coordinator.handle(Ready(Role.WORKER, 2), 1.5)[0] == Assign((2, 1))


def test_the_same_loss_told_twice_counts_once():
    coordinator, _ = assembled()
    coordinator.handle(Lost(Role.WORKER, 1, "killed"), 1.0)
    assert coordinator.handle(Lost(Role.WORKER, 1, "killed"), 1.0) == []


def test_when_all_workers_are_lost_training_waits_for_replacements():
    coordinator, _ = assembled()
    coordinator.handle(Lost(Role.WORKER, 0, "killed"), 1.0)
    instructions = coordinator.handle(Lost(Role.WORKER, 1, "killed"), 1.0)
    assert instructions[0] == Assign(())
    assert "waits" in reports(instructions)[0].action
    assert coordinator.handle(Ready(Role.WORKER, 3), 2.0)[0] == Assign((3,))


def test_a_replacement_lost_before_it_was_ready_is_not_said_to_have_had_work():
    coordinator, _ = assembled()
    coordinator.handle(Lost(Role.WORKER, 1, "killed"), 1.0)
    start, tell = coordinator.handle(Lost(Role.WORKER, 2, "killed"), 1.0)
    assert start == Start(Role.WORKER, 3)
    assert tell.report.action == "another was started in its place"


def test_a_checkpoint_step_is_told_only_where_the_job_has_that_checkpoint():
    for resumed, told in ((True, 2), (False, None)):
        coordinator: Any = Coordinator(schedule(), Position(step=2), resumed)
        coordinator.handle(Begin(), 0.0)
        [finished] = reports(coordinator.handle(StopRequested(Stop.CANCEL), 0.0))
        assert finished.checkpoint_step == told


def test_a_lost_shard_is_started_again_under_its_own_index():
    coordinator, _ = assembled()
    start, tell = coordinator.handle(Lost(Role.PARAMETER_SERVER, 0, "killed"), 1.0)
    assert start == Start(Role.PARAMETER_SERVER, 0)
    assert tell.report.kind is Role.PARAMETER_SERVER


def test_a_worker_lost_while_the_job_assembles_is_replaced_before_the_start():
    coordinator: Any = Coordinator(schedule(workers=1), Position())
    coordinator.handle(Begin(), 0.0)
    coordinator.handle(Ready(Role.PARAMETER_SERVER, 0), 0.0)
    start, _ = coordinator.handle(Lost(Role.WORKER, 0, "killed"), 0.0)
    assert start == Start(Role.WORKER, 1)
    assert Assign((1,)) in coordinator.handle(Ready(Role.WORKER, 1), 0.0)


def test_losses_without_progress_end_the_job_with_a_report():
    coordinator, _ = assembled()
    incarnation, instructions = 1, []
    for _ in range(10):
        instructions = coordinator.handle(Lost(Role.WORKER, incarnation, "killed"), 1.0)
        incarnation = next((i.member for i in instructions if isinstance(i, Start)), -1)
    end = instructions[-1]
    assert isinstance(end, End) and end.reason is Reason.WORKERS_LOST
    assert "without one step of progress" in str(end.message)


def test_progress_renews_the_budget_for_losses():
    coordinator, _ = assembled(steps_per_epoch=1000, train_samples=10_000)
    incarnation = 1
    for _ in range(30):
        instructions = coordinator.handle(Lost(Role.WORKER, incarnation, "killed"), 1.0)
        [incarnation] = [i.member for i in instructions if isinstance(i, Start)]
        advance_to(coordinator, coordinator.position.step + 1)
    assert coordinator.phase is Phase.TRAINING


def test_an_error_that_would_come_again_fails_the_job_with_its_message():
    coordinator, _ = assembled()
    end = coordinator.handle(Broken(Role.WORKER, 0, Reason.DATA_INVALID, "row 7 is odd"), 1.0)[-1]
    assert end == End(Outcome.FAILED, Reason.DATA_INVALID, "row 7 is odd")


def test_divergence_names_the_step_and_what_to_try():
    coordinator, _ = assembled(steps_per_epoch=100, train_samples=1000)
    end = coordinator.handle(Advanced(3, (5.0, 6.0, math.nan)), 1.0)[-1]
    assert end.reason is Reason.DIVERGED
    assert "at step 3" in end.message and "smaller learning rate" in end.message


def test_weights_that_are_not_finite_count_as_divergence():
    coordinator, _ = assembled()
    run_epoch(coordinator)
    end = coordinator.handle(NotFinite(), 3.0)[-1]
    assert end.reason is Reason.DIVERGED and "after step 4" in end.message


def test_a_checkpoint_that_cannot_be_written_fails_the_job():
    coordinator, _ = assembled()
    run_epoch(coordinator)
    end = coordinator.handle(WriteFailed(Reason.STORAGE_FULL, "no space"), 3.0)[-1]
    assert end == End(Outcome.FAILED, Reason.STORAGE_FULL, "no space")


def test_a_pause_saves_at_the_end_of_what_was_granted():
    coordinator, _ = assembled(steps_per_epoch=100, train_samples=1000)
    horizon = coordinator.horizon
    assert coordinator.handle(StopRequested(Stop.PAUSE), 1.0) == []
    assert Grant not in kinds(advance_to(coordinator, horizon - 1))
    snapshot, write = advance_to(coordinator, horizon)
    assert snapshot == Snapshot() and write.position.step == horizon
    assert write.position.epoch_loss == 5.0 * horizon
    end = coordinator.handle(Written(horizon, "d"), 2.0)[-1]
    assert end.outcome is Outcome.PAUSED


def test_a_pause_at_the_end_of_an_epoch_comes_after_its_evaluation():
    coordinator, _ = assembled()
    coordinator.handle(StopRequested(Stop.PAUSE), 1.0)
    coordinator.horizon = 4
    assert kinds(advance_to(coordinator, 4, now=0.1)) == [Evaluate]
    instructions = coordinator.handle(Evaluated((3.0, 5.0)), 2.0)
    assert kinds(instructions) == [Tell, Snapshot, WriteCheckpoint]


def test_a_pause_in_the_last_epoch_s_evaluation_still_succeeds():
    coordinator, _ = assembled(epochs=1)
    coordinator.horizon = 4
    advance_to(coordinator, 4)
    coordinator.handle(StopRequested(Stop.PAUSE), 1.0)
    coordinator.handle(Evaluated((3.0, 5.0)), 2.0)
    assert WriteModel in kinds(coordinator.handle(Written(4, "d"), 2.0))


def test_a_cancel_overrides_a_pause_that_is_under_way_and_not_the_other_way_round():
    coordinator, _ = assembled(steps_per_epoch=100, train_samples=1000)
    coordinator.handle(StopRequested(Stop.PAUSE), 1.0)
    coordinator.handle(StopRequested(Stop.CANCEL), 1.0)
    coordinator.handle(StopRequested(Stop.PAUSE), 1.0)
    horizon = coordinator.horizon
    advance_to(coordinator, horizon)
    assert coordinator.handle(Written(horizon, "d"), 2.0)[-1].outcome is Outcome.CANCELLED


def test_a_stop_before_the_members_are_up_ends_at_once():
    coordinator: Any = Coordinator(schedule(), Position())
    coordinator.handle(Begin(), 0.0)
    assert coordinator.handle(StopRequested(Stop.CANCEL), 0.0)[-1].outcome is Outcome.CANCELLED


def test_early_stopping_waits_for_its_patience_and_keeps_the_best():
    rule = EarlyStoppingSpec(metric="accuracy", patience=2)
    coordinator, _ = assembled(epochs=10, early_stopping=rule)
    assert KeepBest in kinds(run_epoch(coordinator, accuracy_sum=5.0))
    assert KeepBest in kinds(run_epoch(coordinator, accuracy_sum=7.0))
    assert KeepBest not in kinds(run_epoch(coordinator, accuracy_sum=7.0))
    run_epoch(coordinator, accuracy_sum=6.0)
    assert coordinator.position.stopped_early
    assert coordinator.position.best == Best(0.7, 2)
    assert coordinator.phase is Phase.STOPPING


def test_early_stopping_on_a_loss_takes_smaller_for_better():
    coordinator, _ = assembled(epochs=10, early_stopping=EarlyStoppingSpec(patience=1))
    run_epoch(coordinator, loss_sum=3.0)
    assert KeepBest in kinds(run_epoch(coordinator, loss_sum=2.0))
    run_epoch(coordinator, loss_sum=2.5)
    assert coordinator.position.stopped_early


def test_an_improvement_below_min_delta_does_not_count():
    rule = EarlyStoppingSpec(metric="accuracy", patience=1, min_delta=0.15)
    coordinator, _ = assembled(epochs=10, early_stopping=rule)
    run_epoch(coordinator, accuracy_sum=5.0)
    run_epoch(coordinator, accuracy_sum=6.0)
    assert coordinator.position.stopped_early


def test_a_continuation_in_mid_epoch_reports_the_whole_epoch_s_loss():
    coordinator, _ = assembled(position=Position(step=2, epoch_loss=30.0))
    completed = reports(run_epoch(coordinator))[0]
    assert completed.train_loss == (30.0 + 2 * 5.0) / 40


def test_a_continuation_of_a_finished_job_writes_its_model_without_a_step():
    _, instructions = assembled(position=Position(step=8, metrics={"loss": 0.1, "accuracy": 0.9}))
    assert kinds(instructions) == [Tell, Assign, Snapshot, WriteCheckpoint]


def test_a_step_that_takes_long_counts_as_progress_with_each_of_its_micro_batches():
    coordinator, _ = assembled()
    assert coordinator.handle(Moved(), STALL_SECONDS - 1) == []
    assert coordinator.handle(Tick(), 2 * STALL_SECONDS - 2) == []
    assert Kill(Role.WORKER, 0) in coordinator.handle(Tick(), 2 * STALL_SECONDS)


def test_members_that_stop_answering_are_ended_after_a_bounded_time():
    coordinator, _ = assembled()
    assert coordinator.handle(Tick(), STALL_SECONDS - 1) == []
    killed = coordinator.handle(Tick(), STALL_SECONDS + 1)
    assert Kill(Role.WORKER, 0) in killed and Kill(Role.PARAMETER_SERVER, 0) in killed
    assert coordinator.handle(Tick(), STALL_SECONDS + 2) == []


PLATEAU = {"plateau": Plateau(factor=0.5, patience=0, mode="max"), "plateau_metric": "accuracy", "epochs": 9}


def test_the_learning_rate_falls_on_a_plateau_before_the_next_epoch_is_granted():
    coordinator, instructions = assembled(**PLATEAU)
    assert kinds(instructions)[-2:] == [SetRateFactor, Grant]
    assert SetRateFactor not in kinds(run_epoch(coordinator, accuracy_sum=5.0))
    reduced = run_epoch(coordinator, accuracy_sum=4.0)
    assert SetRateFactor(0.5) in reduced
    assert kinds(reduced).index(SetRateFactor) < kinds(reduced).index(Grant)


def test_a_continuation_goes_on_with_the_learning_rate_that_a_plateau_left():
    coordinator, _ = assembled(**PLATEAU)
    for accuracy in (5.0, 4.0):
        run_epoch(coordinator, accuracy)
    again, instructions = assembled(coordinator.position, **PLATEAU)
    assert SetRateFactor(0.5) in instructions
    assert SetRateFactor(0.25) in run_epoch(again, accuracy_sum=4.0)


def test_checkpoints_in_the_middle_of_an_epoch_are_written_at_their_steps_and_no_step_is_granted_beyond():
    coordinator, _ = assembled(steps_per_epoch=10, checkpoint_every_steps=4)
    written = []
    while coordinator.position.step < 20 and coordinator.phase is Phase.TRAINING:
        instructions = advance_to(coordinator, coordinator.horizon)
        if coordinator.phase is Phase.EVALUATING:
            instructions = coordinator.handle(Evaluated((3.0, 5.0)), 2.0)
        for place, instruction in enumerate(instructions):
            if isinstance(instruction, WriteCheckpoint):
                assert Snapshot in kinds(instructions[:place])
                written.append((instruction.position.step, instruction.position.epoch_loss))
    assert written == [(4, 20.0), (8, 40.0), (10, 0.0), (12, 10.0), (16, 30.0), (20, 0.0)]


def test_the_snapshot_in_the_middle_of_an_epoch_comes_before_the_next_grant():
    coordinator, _ = assembled(steps_per_epoch=10, checkpoint_every_steps=2)
    assert kinds(advance_to(coordinator, 2))[-3:] == [Snapshot, Grant, WriteCheckpoint]


def test_the_time_that_workers_waited_for_samples_is_told_with_the_epoch():
    coordinator, _ = assembled(steps_per_epoch=2, test_samples=0)
    told = coordinator.handle(Advanced(2, (5.0, 5.0), input_idle=0.25), 1.0)
    [epoch] = [report for report in reports(told) if isinstance(report, EpochCompleted)]
    assert epoch.input_idle_fraction == 0.25
