"""What each compression of gradients saves, costs and does to training, on Fashion-MNIST.

    python benchmarks/compression.py [--save benchmarks/results/DATE.json]

Needs the Debian package dataset-fashion-mnist. Trains 784-256-128-10 in process with every method, beside
none, for each seed: some minutes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from chainrule.core import native
from chainrule.worker.compression import compression_of
from chainrule.worker.exchange.board import Board
from chainrule.worker.exchange.compression import Compression, Key, compress
from chainrule.worker.plan import Plan, make_plan
from chainrule.worker.reports import Finished
from chainrule.worker.runtime import JobOrder
from chainrule.worker.runtime.inprocess import InProcessCrew, InProcessExecution
from chainrule.worker.spec import JobSpec, parse_spec

METHODS = (
    "none", "fp16", "bf16", "int8", "{top_k: {fraction: 0.01}}", "{random_k: {fraction: 0.25}}", "one_bit",
    "{power_sgd: {rank: 2}}",
)  # fmt: skip
BATCH = 128
DATA = "/usr/share/datasets/fashion-mnist"
JOB = {
    "dataset": {
        "source": "idx",
        "features": f"{DATA}/train-images-idx3-ubyte.gz",
        "labels": f"{DATA}/train-labels-idx1-ubyte.gz",
        "test_features": f"{DATA}/t10k-images-idx3-ubyte.gz",
        "test_labels": f"{DATA}/t10k-labels-idx1-ubyte.gz",
        "normalize": "range",
    },
    "model": [
        "flatten", {"linear": {"units": 256}}, "relu", {"linear": {"units": 128}}, "relu",
        {"linear": {"units": 10}},
    ],
    "loss": "softmax_cross_entropy",
    "metrics": ["accuracy"],
    "optimizer": "sgd",
    "training": {"batch_size": BATCH},
}  # fmt: skip
ROUNDS = 50
SMOOTHED = 50
"""Steps that a point of a curve is the mean of."""


GRADIENT_AT = 100
"""The step whose gradient errors are measured on."""


class RecordingCrew(InProcessCrew):
    """Keeps the loss of every step, and the gradient of one micro-batch."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []
        self.gradient = np.zeros(0, np.float32)

    def open(self, plan: Plan) -> Board:
        board = super().open(plan)
        publish = board.publish_version

        def record(shard: int, version: int, loss: float) -> None:
            self.losses.append(loss)
            if version == GRADIENT_AT:
                self.gradient = board.desks()[0].gradients[0].copy()
            publish(shard, version, loss)

        board.publish_version = record
        return board


def job(method: str, seed: int, options: argparse.Namespace) -> JobSpec:
    return parse_spec(JOB).with_overrides(
        [
            f"training.compression={method}",
            f"training.seed={seed}",
            f"training.epochs={options.epochs}",
            f"optimizer={options.optimizer}",
            f"training.schedule={options.schedule}",
        ]
    )


def train(spec: JobSpec) -> tuple[float, RecordingCrew]:
    """The final accuracy, and what was recorded on the way."""
    crew = RecordingCrew()
    with tempfile.TemporaryDirectory() as folder:
        *_, last = InProcessExecution(JobOrder("job", 1, spec, Path(folder)), crew).reports()
    if not isinstance(last, Finished) or "accuracy" not in last.metrics:
        raise SystemExit(f"{spec.training.compression.kind}: {last}")
    return last.metrics["accuracy"], crew


def cost(compression: Compression, gradient: np.ndarray) -> dict[str, float]:
    """Microseconds a million elements on one thread, medians; the error of one encoding, of the gradient's
    norm."""
    key, size = Key(0, GRADIENT_AT, 0), len(gradient)
    payload = np.zeros(compression.payload_bytes, np.uint8)
    residual, following, decoded = (np.zeros(size, np.float32) for _ in range(3))
    times: dict[str, list[float]] = {"encode_us": [], "decode_us": [], "compress_us": []}

    def timed(name: str, call: Callable[[], None]) -> None:
        start = time.perf_counter()
        call()
        times[name].append((time.perf_counter() - start) * 1e12 / size)

    for _ in range(ROUNDS):
        timed("encode_us", lambda: compression.encode(gradient, payload, key))
        timed("decode_us", lambda: compression.decode(payload, decoded, key))
        decoded[...] = gradient
        timed("compress_us", lambda: compress(compression, decoded, residual, key, payload, following))
    error = np.linalg.norm(decoded - gradient) / np.linalg.norm(gradient)
    return {name: float(np.median(values)) for name, values in times.items()} | {"error": float(error)}


def smoothed(losses: list[float]) -> list[float]:
    """The loss of a sample, as means of SMOOTHED steps."""
    whole = len(losses) // SMOOTHED * SMOOTHED
    return np.mean(np.reshape(losses[:whole], (-1, SMOOTHED)) / BATCH, axis=1).tolist()


def measure(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for each method; the errors are of a gradient that was not compressed."""
    gradient = np.zeros(0, np.float32)
    for method in ("none", *(method for method in options.methods if method != "none")):
        runs = [train(job(method, seed, options)) for seed in range(options.seeds)]
        if method == "none":
            gradient = runs[0][1].gradient
        row: dict[str, Any] = {"method": method, "ratio": 1.0, "accuracy": [run[0] for run in runs]}
        spec = job(method, 0, options)
        compression = compression_of(spec, make_plan(spec).layout)
        if compression is not None:
            row |= {"ratio": compression.ratio} | cost(compression, gradient)
        curves = [smoothed(crew.losses) for _, crew in runs]
        row["losses"] = np.mean(curves, axis=0).round(5).tolist()
        yield row


def line(row: dict[str, Any], none: dict[str, Any]) -> str:
    """A line of the tables in docs/compression.md."""
    accuracy = np.mean(row["accuracy"])
    points = 100 * (accuracy - np.mean(none["accuracy"]))
    times = [f"{row[name]:.0f}" if name in row else "" for name in ("encode_us", "decode_us", "compress_us")]
    error = f"{100 * row['error']:.2g} %" if "error" in row else ""
    cells = [f"`{row['method']}`", f"{100 * row['ratio']:.1f} %", *times, error]
    return f"| {' | '.join(cells)} | {100 * accuracy:.2f} | {points:+.2f} |"


def save(options: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    """Put the rows in place of those with the same optimizer in the file of results."""
    results = json.loads(options.save.read_text()) if options.save.exists() else {}
    run = {"optimizer": options.optimizer, "seeds": options.seeds, "smoothed": SMOOTHED, "rows": rows}
    runs = [old for old in results.get("compression", []) if old["optimizer"] != options.optimizer]
    options.save.write_text(
        json.dumps(results | {"compression": [*runs, run]}, indent=1, ensure_ascii=False) + "\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--save", type=Path, help="also put the figures in this file of results")
    parser.add_argument("--seeds", type=int, default=2, help="how many, from 0 on")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--optimizer", default="{sgd: {learning_rate: 0.2}}")
    parser.add_argument("--schedule", default="cosine")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    native.use_threads(1)
    with threadpool_limits(1):
        for row in measure(options):
            rows.append(row)
            print(line(row, rows[0]), flush=True)
            if options.save is not None:
                save(options, rows)


if __name__ == "__main__":
    main()
