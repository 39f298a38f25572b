"""The memory of a training step beside an installed PyTorch's, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "memory.py"


def test_the_peak_of_a_replayed_step_of_lenet_is_at_most_a_tenth_above_pytorchs() -> None:
    command = [sys.executable, SCRIPT, "--workload", "LeNet", "--output", "json"]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    (record,) = json.loads(run.stdout)
    print(f"{record['workload']}: {record['ours_mib']} MiB, PyTorch {record['pytorch_mib']} MiB")
    assert record["ratio"] <= 1.1
