"""The job files among the examples are valid, and they train."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainrule.worker.inspect import inspect_job
from chainrule.worker.reports import EpochCompleted, Finished, Outcome
from chainrule.worker.runtime import JobOrder
from chainrule.worker.runtime.inprocess import InProcessRuntime
from chainrule.worker.spec import JobSpec, load_spec

EXAMPLES = Path(__file__).parents[3] / "examples"
JOBS = {
    "digits": {"linear": 64 * 64 + 64 + 64 * 64 + 64 + 64 * 10 + 10},
    "regression": {},
    "cnn": {"residual": 2 * (16 * 16 * 9) + 4 * 16},
    "transformer": {"transformer_block": 2 * (4 * (32 * 32 + 32) + 2 * 32 * 64 + 64 + 32 + 4 * 32)},
    "lstm": {"lstm": 2 * (4 * 48 * (8 + 48) + 2 * 4 * 48)},
    "python_model": {"sequential": 64 * 64 + 64 + 3 * 2 * (64 * 64 + 64) + 64 * 10 + 10},
}
"""The jobs that need no data from elsewhere, and how many parameters some kinds of their layers have."""


def example(name: str) -> JobSpec:
    return load_spec(EXAMPLES / f"{name}.yaml")


def test_every_job_file_among_the_examples_is_tried_here() -> None:
    # Fashion-MNIST is trained where its files are: tests/acceptance.
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == {*JOBS, "fashion_mnist"}
    example("fashion_mnist")


@pytest.mark.parametrize("name", JOBS)
def test_an_example_is_valid_and_has_the_layers_that_it_speaks_of(name: str) -> None:
    layers = inspect_job(example(name)).layers
    for kind, parameters in JOBS[name].items():
        assert sum(each.parameters for each in layers if each.name.endswith(f".{kind}")) == parameters


@pytest.mark.parametrize("name", JOBS)
def test_an_example_learns_in_its_first_epoch(name: str, tmp_path: Path) -> None:
    spec = example(name).with_overrides(["training.epochs=1"])
    *_, epoch, _, finished = InProcessRuntime().execute(JobOrder(name, 1, spec, tmp_path)).reports()
    assert isinstance(epoch, EpochCompleted)
    assert isinstance(finished, Finished)
    assert finished.outcome is Outcome.SUCCEEDED
    if "accuracy" in epoch.metrics:
        assert epoch.metrics["accuracy"] > 0.3
