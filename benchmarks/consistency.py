"""What each consistency costs in accuracy and gives in speed: Fashion-MNIST on Ray, at equal epochs.

    python benchmarks/consistency.py [--epochs 5] [--seeds 1] [--workers 4] [--output json]
                                     [--save benchmarks/results/DATE.json]

784-256-128-10, Adam 1e-3, mini-batches of 128, two parameter-server shards, standardized inputs: what all
inputs have in common makes training swing when gradients are stale. Samples a second are those of the epochs
after the first, evaluation included. With more workers than cores, the speeds compare what the modes cost
beside the compute and not how they scale.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from turns import add_output, give

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "fashion_mnist.yaml"


def modes(workers: int) -> dict[str, list[str]]:
    """What sets each mode, by its name. In `sync` all share a mini-batch, in the others each has its own."""
    whole = "training.micro_batches=1"
    return {
        "sync": [f"training.micro_batches={workers}"],
        "bounded, staleness 1": [whole, "training.consistency={bounded: {staleness: 1}}"],
        f"bounded, staleness {workers - 1}": [
            whole,
            f"training.consistency={{bounded: {{staleness: {workers - 1}}}}}",
        ],
        "async": [whole, "training.consistency=async"],
        "sync, average every 8": [f"training.micro_batches={workers}", "training.average_every=8"],
    }


def measure(runtime, spec) -> dict[str, Any]:
    """Train once."""
    from chainrule.worker.reports import EpochCompleted
    from chainrule.worker.runtime import JobOrder
    from chainrule.worker.staleness import counted, mean_and_maximum

    with tempfile.TemporaryDirectory() as folder:
        reports = list(runtime.execute(JobOrder("consistency", 1, spec, Path(folder))).reports())
    epochs = [report for report in reports if isinstance(report, EpochCompleted)]
    if len(epochs) != spec.training.epochs:
        raise SystemExit(f"The job did not succeed: {reports[-1]}")
    stale = [value for epoch in epochs for value, count in enumerate(epoch.staleness) for _ in range(count)]
    mean, most = mean_and_maximum(counted((), stale)) if stale else (0.0, 0)
    return {
        "accuracy": epochs[-1].metrics["accuracy"],
        "seconds": sum(epoch.seconds for epoch in epochs[1:]) / (len(epochs) - 1),
        "staleness_mean": mean,
        "staleness_max": most,
    }


def row(runtime, name: str, settings: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """One mode, over all seeds."""
    from chainrule.worker.spec import load_spec

    runs = []
    for seed in range(arguments.seeds):
        cluster = [f"cluster.workers={arguments.workers}", "cluster.parameter_servers=2"]
        training = [f"training.epochs={arguments.epochs}", f"training.seed={seed}"]
        standard = "dataset.normalize=standard"
        spec = load_spec(EXAMPLE).with_overrides([standard, *cluster, *training, *settings])
        runs.append(measure(runtime, spec))
    return {
        "mode": name,
        "workers": arguments.workers,
        "epochs": arguments.epochs,
        "accuracies": [run["accuracy"] for run in runs],
        "samples_per_second": 60_000 / statistics.median(run["seconds"] for run in runs),
        "staleness_mean": statistics.fmean(run["staleness_mean"] for run in runs),
        "staleness_max": max(run["staleness_max"] for run in runs),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """In Markdown."""
    lines = [
        "| mode | workers | epochs | accuracy | samples/s | staleness, mean | largest |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in rows:
        accuracy = f"{statistics.fmean(each['accuracies']):.4f}"
        if len(each["accuracies"]) > 1:
            accuracy += f" ({min(each['accuracies']):.4f} to {max(each['accuracies']):.4f})"
        lines.append(
            f"| {each['mode']} | {each['workers']} | {each['epochs']} | {accuracy} | "
            f"{each['samples_per_second']:,.0f} | {each['staleness_mean']:.2f} | {each['staleness_max']} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=4)
    add_output(parser)
    arguments = parser.parse_args()
    from chainrule.worker.runtime.ray import RayRuntime

    runtime = RayRuntime()
    runtime.start()
    try:
        rows = [
            row(runtime, name, settings, arguments) for name, settings in modes(arguments.workers).items()
        ]
    finally:
        runtime.close()
    give(rows, "consistency", arguments, table)


if __name__ == "__main__":
    main()
