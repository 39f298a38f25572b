"""Ray as a service uses it: each job in a thread of its own, one after the other."""

from __future__ import annotations

import subprocess
import sys
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


def test_ray_leaves_a_signal_to_the_program_that_asked_for_it():
    """By itself Ray has SIGTERM print a stack trace, which a service that is stopped should not show."""
    program = (
        "import os, signal, threading\n"
        "from chainrule.worker.runtime.ray import RayRuntime\n"
        "came = threading.Event()\n"
        "signal.signal(signal.SIGTERM, lambda *_: came.set())\n"
        "runtime = RayRuntime()\n"
        "runtime.start()\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "print(came.wait(10))\n"
        "runtime.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=90)
    assert (done.stdout, done.stderr) == ("True\n", "")
