"""Random schedules: whatever the order in which members advance, die, freeze and wake up, and however often
the job is stopped, each gradient counts once and the result is the same bytes.

`CHAINRULE_SCHEDULES=5000 pytest tests/faults/test_random_schedules.py` plays more of them; the number of one
that fails is all that it takes to play it again.
"""

from __future__ import annotations

import os
import random
import threading
from typing import Any

import pytest
from disturbed import (
    Applied,
    ChaoticCrew,
    MortalCrew,
    disturbed,
    files,
    kill_coordinator,
    small_job,
    train,
    without_waiting,
)

from chainrule.worker.reports import CheckpointSaved, EpochCompleted, Finished, Outcome, Started
from chainrule.worker.runtime import Stop
from chainrule.worker.spec import JobSpec, parse_spec

SCHEDULES = int(os.environ.get("CHAINRULE_SCHEDULES", "200"))
MOST_ATTEMPTS = 5
HARM = 4


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch):
    without_waiting(monkeypatch)


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> JobSpec:
    return parse_spec(small_job(tmp_path_factory.mktemp("data"))).with_overrides(["training.epochs=2"])


@pytest.fixture(scope="module")
def undisturbed(spec, tmp_path_factory) -> list[Any]:
    with pytest.MonkeyPatch.context() as patch:
        without_waiting(patch)
        applied = Applied(patch)
        reports = train(spec, tmp_path_factory.mktemp("undisturbed"), MortalCrew())
    return [applied.versions, reports]


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_a_random_schedule_changes_no_byte(spec, undisturbed, monkeypatch, tmp_path, seed):
    versions, expected = undisturbed
    chance, threads = random.Random(seed), threading.active_count()
    applied, folder = Applied(monkeypatch), tmp_path / "job"
    applied.versions.update(versions)
    reports, saved = [], 0
    for attempt in range(MOST_ATTEMPTS):
        calm = attempt == MOST_ATTEMPTS - 1
        kills = 0.0 if calm else chance.choice([0.0, 0.0, 0.02])
        stops = 0.0 if calm else chance.choice([0.0, 0.1])

        def maybe_kill(point, step, kills=kills):
            if chance.random() < (10 * kills if point.startswith("checkpoint") else kills):
                kill_coordinator(folder)

        def maybe_stop(report, stops=stops):
            return chance.choice(list(Stop)) if chance.random() < stops else None

        with disturbed(maybe_kill):
            told = train(with_cluster(spec, chance), folder, ChaoticCrew(chance, HARM), maybe_stop)
        assert threading.active_count() == threads
        for started in (report for report in told if isinstance(report, Started)):
            assert started.step >= saved
        saved = max([saved, *(report.step for report in told if isinstance(report, CheckpointSaved))])
        reports += told
        if told and isinstance(told[-1], Finished) and told[-1].outcome is Outcome.SUCCEEDED:
            break
        assert not (told and isinstance(told[-1], Finished)) or told[-1].outcome is not Outcome.FAILED
    end, finished = expected[-1], reports[-1]
    assert (finished.outcome, finished.message) == (Outcome.SUCCEEDED, None)
    assert (finished.digest, finished.metrics) == (end.digest, end.metrics)
    assert epochs(reports) == epochs(expected)
    newest = f"checkpoints/step-{finished.step:09d}"
    left = set(files(folder))
    assert left >= {f"{newest}/checkpoint.json", f"{newest}/state.safetensors", "model.safetensors"}
    assert len(left) <= 5, "one checkpoint more than the newest, and the model"


def with_cluster(spec: JobSpec, chance: random.Random) -> JobSpec:
    """Another crew, which may grow, shrink, and compute twice what is late."""
    least, most = sorted(chance.choices([1, 2, 3, 4], k=2))
    workers = chance.choice([str(most), f"{{min: {least}, max: {most}}}"])
    return spec.with_overrides(
        [
            f"cluster.workers={workers}",
            f"cluster.spares={chance.choice([0, 0, 2])}",
            f"cluster.parameter_servers={chance.choice([1, 2, 3])}",
            f"training.checkpoint_every_steps={chance.choice(['null', '1', '2'])}",
        ]
    )


def epochs(reports: list[Any]) -> dict[int, tuple[float, dict[str, float]]]:
    """The loss and the metrics of each epoch."""
    return {
        report.epoch: (report.train_loss, report.metrics)
        for report in reports
        if isinstance(report, EpochCompleted)
    }
