"""The examples do what they say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_the_training_loop_by_hand_reads_digits() -> None:
    run = subprocess.run(
        [sys.executable, EXAMPLES / "core_by_hand.py"],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert float(run.stdout.split()[-1]) >= 0.93


def test_the_throws_come_from_their_script(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "make_regression.py", tmp_path)
    subprocess.run([sys.executable, tmp_path / "make_regression.py"], check=True, timeout=60)
    assert (tmp_path / "regression.csv").read_bytes() == (EXAMPLES / "regression.csv").read_bytes()
