"""Trains on a table of 3,000,000 rows with two workers on Ray, and prints the memory that each process takes.

    python benchmarks/large_data.py [flights-3m.parquet]

Without a file, one of the shape of flights-3m.parquet (npm package vega-datasets) is made. Memory is RssAnon
+ RssShmem of /proc/PID/status at its highest, sampled 20 times a second: pages of a mapped file are not in
it, since the system takes them back when it needs them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chainrule.worker.data import load_dataset
from chainrule.worker.reports import EpochCompleted, Finished, Started
from chainrule.worker.runtime import JobOrder
from chainrule.worker.runtime.ray import RayRuntime
from chainrule.worker.spec import JobSpec, parse_spec

ROWS = 3_000_000
_EVERY = 0.05
_OURS = ("GradientWorker", "ParameterServer", "Coordinator")


def flights(path: Path) -> Path:
    """A table of random flights: origin, destination, distance, delay."""
    random = np.random.default_rng(0)
    airports = [f"{a}{b}X" for a in "ABCDEFGHIJKLMNO" for b in "ABCDEFGHIJKLMNO"]
    schema = pa.schema(
        {"delay": pa.int64(), "distance": pa.int64(), "origin": pa.string(), "destination": pa.string()}
    )
    with pq.ParquetWriter(path, schema) as writer:
        for _ in range(ROWS // 250_000):
            ids = random.integers(0, len(airports), (2, 250_000))
            texts = (
                pa.DictionaryArray.from_arrays(pa.array(each), airports).cast(pa.string()) for each in ids
            )
            distance = random.integers(50, 2800, 250_000)
            delay = random.normal(8, 30, 250_000).astype(np.int64)
            writer.write_table(
                pa.Table.from_arrays([pa.array(delay), pa.array(distance), *texts], schema=schema)
            )
    return path


def job(path: Path) -> JobSpec:
    """A small network that predicts the delay."""
    return parse_spec(
        {
            "dataset": {
                "source": "parquet",
                "path": str(path),
                "columns": ["distance", "origin", "destination"],
                "labels": "delay",
                "missing": "drop",
                "normalize": "standard",
                "test_fraction": 0.1,
            },
            "model": [{"linear": {"units": 64}}, "relu", {"linear": {"units": 1}}],
            "loss": "huber",
            "optimizer": "adam",
            "training": {"epochs": 2, "batch_size": 8192},
            "cluster": {"workers": 2},
        }
    )


class MemoryWatch(threading.Thread):
    """The highest memory of each process below this one, by its name and id."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peaks: dict[str, int] = {}
        self._ended = threading.Event()

    def run(self) -> None:
        """Sample until `end`."""
        while not self._ended.wait(_EVERY):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    command = (folder / "cmdline").read_text().replace("\0", " ")
                    status = (folder / "status").read_text()
                except OSError:
                    continue
                name = next((ours for ours in _OURS if ours in command), None)
                if folder.name == str(os.getpid()):
                    name = "this process"
                elif name is not None and not descends(int(folder.name)):
                    continue
                if name is not None:
                    key = f"{name} {folder.name}"
                    self.peaks[key] = max(self.peaks.get(key, 0), kilobytes(status, "RssAnon", "RssShmem"))

    def end(self) -> None:
        """Stop sampling."""
        self._ended.set()
        self.join()


def descends(process: int) -> bool:
    """Whether a process was started from this one, by however many steps."""
    while process > 1 and process != os.getpid():
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:
            return False
        process = kilobytes(status, "PPid")
    return process == os.getpid()


def kilobytes(status: str, *names: str) -> int:
    """The sum of some lines of /proc/PID/status."""
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return sum(int(lines[name].split()[0]) for name in names)


def main() -> None:
    """Convert, convert again from the cache, train."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else flights(Path(folder) / "flights.parquet")
        os.environ["CHAINRULE_CACHE_DIR"] = f"{folder}/cache"
        spec = job(path.resolve())
        memory = MemoryWatch()
        memory.start()
        for what in ("convert and load", "load from the cache"):
            start = time.perf_counter()
            dataset = load_dataset(spec.dataset, loss=spec.loss, seed=0)
            rows = dataset.train_samples + dataset.test_samples
            seconds = time.perf_counter() - start
            print(f"{what}: {rows:,} rows in {seconds:.1f} s, {rows / seconds:,.0f} rows/s")
            del dataset
        memory.end()
        print(f"  this process: {max(memory.peaks.values()) / 1024:.0f} MB")
        train(spec, Path(folder) / "job")


def train(spec: JobSpec, folder: Path) -> None:
    """Run the job on Ray; print rows a second and the peak of each process."""
    folder.mkdir()
    runtime, memory = RayRuntime(), MemoryWatch()
    memory.start()
    samples = 0
    try:
        for report in runtime.execute(JobOrder("flights", 1, spec, folder)).reports():
            if isinstance(report, Started):
                samples = report.train_samples
            elif isinstance(report, EpochCompleted):
                rate = samples / report.seconds
                print(f"epoch {report.epoch}: loss {report.metrics['loss']:.3f}, {rate:,.0f} rows/s")
            elif isinstance(report, Finished):
                print(report.outcome.value, report.message or "")
    finally:
        runtime.close()
        memory.end()
    for name, peak in sorted(memory.peaks.items()):
        print(f"  {name}: {peak / 1024:.0f} MB")


if __name__ == "__main__":
    main()
