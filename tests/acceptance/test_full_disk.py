"""A disk that is really full: a small file system in a mount namespace that ends with its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STORY = """
import json, sys
from pathlib import Path
from chainrule.service.api.embedded import EmbeddedService
from chainrule.service.client import Client
from chainrule.service.config import ServiceConfig
from chainrule.worker.reports import CheckpointSaved

folder, room = Path(sys.argv[1]), int(sys.argv[2])
small = {
    "name": "small",
    "dataset": {"source": "digits"},
    "model": [{"linear": {"units": 10}}],
    "loss": "softmax_cross_entropy",
    "optimizer": "sgd",
    "training": {"epochs": 2, "batch_size": 200},
}
large = {
    **small,
    "model": [{"linear": {"units": 2000}}, "relu", {"linear": {"units": 10}}],
    "optimizer": "adam",
    "training": {"epochs": 1_000_000, "batch_size": 200},
}
filler = folder / "filler"
with EmbeddedService(ServiceConfig(folder / "data", runtime="inprocess")) as service:
    with Client(service.address) as client:
        job = client.create_job(large)
        events = client.watch(job)
        next(event for event in events if isinstance(event.report, CheckpointSaved))
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 12))
            except OSError:
                file.truncate(max(0, file.tell() - room))
        list(events)
        failed = client.get_job(job)
        filler.unlink()
        again = client.create_job(small)
        list(client.watch(again))
        print(json.dumps({
            "state": failed.state,
            "reason": failed.error and failed.error.reason,
            "message": failed.error and failed.error.message,
            "checkpoint": failed.checkpoint_step,
            "again": client.get_job(again).state,
        }))
"""


def on_a_small_disk(folder: Path, room: int) -> dict[str, object]:
    """Plays the story on a file system of 12 MB of which `room` bytes are left; returns what it tells."""
    folder.mkdir()
    unshare = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])
    mounted = 'mount -t tmpfs -o size=12m tmpfs "$1" && exec "$2" -c "$3" "$1" "$4"'
    result = subprocess.run(
        [*unshare, "sh", "-c", mounted, "sh", str(folder), sys.executable, STORY, str(room)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    if result.returncode != 0:
        pytest.fail(
            "this mounts a file system of its own, as root or where user namespaces are allowed:\n"
            + result.stderr
        )
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.timeout(150)
def test_a_checkpoint_that_finds_no_room_fails_the_job_and_says_what_to_do(tmp_path: Path) -> None:
    told = on_a_small_disk(tmp_path / "disk", room=1_000_000)
    assert (told["state"], told["reason"]) == ("FAILED", "STORAGE_FULL")
    assert "no space is left there. Free some, then continue the job" in str(told["message"])
    assert told["checkpoint"], "the checkpoint from before the disk was full is lost"
    assert told["again"] == "SUCCEEDED"


@pytest.mark.timeout(150)
def test_on_a_disk_without_a_byte_left_the_job_still_ends_and_says_so(tmp_path: Path) -> None:
    told = on_a_small_disk(tmp_path / "disk", room=0)
    assert (told["state"], told["reason"]) == ("FAILED", "STORAGE_FULL")
    assert "Free some" in str(told["message"])
    assert told["again"] == "SUCCEEDED"
