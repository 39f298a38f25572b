"""Fashion-MNIST end to end, from the files of the Debian package to the accuracy, on Ray."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples/fashion_mnist.yaml"


@pytest.mark.timeout(600)
def test_five_epochs_of_the_example_reach_the_accuracy_of_the_reference(tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("chainrule"), "train", EXAMPLE, "--output", "json"]
    environment = {**os.environ, "CHAINRULE_DATA_DIR": str(tmp_path / "data")}
    result = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=540,
    )
    assert result.returncode == 0, result.stderr
    last = json.loads(result.stdout.splitlines()[-1])
    assert last["state"] == "SUCCEEDED"
    assert last["metrics"]["accuracy"] >= 0.86
