"""Ray as a service uses it: each job in a thread of its own, one after the other."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from chainrule.worker.reports import Finished, Outcome, Report
from chainrule.worker.runtime import JobOrder
from chainrule.worker.runtime.ray import RayRuntime
from chainrule.worker.spec import parse_spec

SPEC = parse_spec(
    {
        "dataset": {"source": "digits"},
        "model": [{"linear": {"units": 10}}],
        "loss": "softmax_cross_entropy",
        "optimizer": "adam",
        "training": {"epochs": 1},
    }
)


def test_ray_outlives_the_thread_that_started_it_and_leaves_no_folder(tmp_path):
    """Ray's daemons end with the thread that starts them, so the first job's thread must not be that one."""
    temporary = Path(tempfile.gettempdir())
    before = set(temporary.glob("chainrule-ray-*"))
    runtime = RayRuntime()
    last: list[Report] = []

    def job(name: str) -> None:
        (tmp_path / name).mkdir()
        order = JobOrder(name, 1, SPEC, tmp_path / name)
        last.append(list(runtime.execute(order).reports())[-1])

    for name in ("first", "second"):
        thread = threading.Thread(target=job, args=(name,))
        thread.start()
        thread.join()
    [ours] = set(temporary.glob("chainrule-ray-*")) - before
    runtime.close()
    assert not ours.exists()
    assert [report.outcome for report in last if isinstance(report, Finished)] == [Outcome.SUCCEEDED] * 2
