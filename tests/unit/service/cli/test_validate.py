"""What `validate` says of a job before it is trained."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from chainrule.service.cli.validate import in_words, layer_table, summary_pairs
from chainrule.worker.inspect import inspect_job
from chainrule.worker.spec import JobSpec, parse_spec


def job(**changes: Any) -> JobSpec:
    plain: dict[str, Any] = {
        "dataset": {"source": "digits"},
        "model": [{"linear": {"units": 10}}],
        "loss": "softmax_cross_entropy",
        "optimizer": "adam",
    }
    return parse_spec({**plain, **changes})


def told(spec: JobSpec) -> dict[str, str]:
    return dict(summary_pairs(spec, inspect_job(spec)))


def test_parts_are_told_by_name_with_what_is_not_as_usual() -> None:
    spec = job(
        loss={"softmax_cross_entropy": {"label_smoothing": 0.1}},
        optimizer={"adamw": {"learning_rate": 0.01, "beta1": 0.9}},
        training={"schedule": {"multi_step": {"milestones": [3, 6]}}},
    )
    assert in_words(spec.loss) == "softmax_cross_entropy (label_smoothing 0.1)"
    assert in_words(spec.optimizer) == "adamw (learning_rate 0.01)"
    assert spec.training.schedule is not None
    assert in_words(spec.training.schedule) == "multi_step (milestones [3.0, 6.0])"
    assert in_words(job().optimizer) == "adam"


def test_long_lists_are_counted() -> None:
    spec = job(loss={"softmax_cross_entropy": {"class_weights": [1.5] * 10}})
    assert in_words(spec.loss) == "softmax_cross_entropy (class_weights 10 values)"


def test_a_plain_job_has_no_line_about_schedule_or_precision() -> None:
    pairs = told(job())
    assert (pairs["loss"], pairs["optimizer"]) == ("softmax_cross_entropy", "adam")
    assert not {"schedule", "warm-up", "precision"} & set(pairs)


def test_schedule_warm_up_and_precision_are_told_where_a_job_has_them() -> None:
    training = {"schedule": "cosine", "warm_up": {"epochs": 0.5}, "precision": "bfloat16"}
    pairs = told(job(training=training))
    expected = {"schedule": "cosine", "warm-up": "0.5 epochs", "precision": "bfloat16"}
    assert {name: pairs[name] for name in expected} == expected


NESTED = job(
    model=[
        {"residual": {"body": [{"linear": {"units": 64}}, "relu"], "repeat": 3, "name": "encoder"}},
        *["relu"] * 200,
        {"linear": {"units": 10}},
    ]
)


def table_lines(width: int) -> list[str]:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(layer_table(inspect_job(NESTED)))
    return capture.get().splitlines()


def test_composed_layers_are_one_row_each_with_all_that_is_inside() -> None:
    lines = [line.split() for line in table_lines(80)]
    assert lines[2] == ["encoder.residual", "64", f"{3 * (64 * 64 + 64):,}"]
    assert lines[-2] == ["layers.201.linear", "10", "650"]
    assert len(lines) == 1 + 1 + 202 + 1


def test_a_long_name_goes_on_in_the_next_line_where_the_terminal_is_narrow() -> None:
    text = "".join(line[:13].strip() for line in table_lines(40))
    assert "encoder.residual" in text
    assert "layers.201.linear" in text


def test_a_crew_that_may_change_is_told_with_its_bounds() -> None:
    cluster = {"workers": {"min": 2, "max": 4}, "spares": 3}
    assert told(job(cluster=cluster))["cluster"] == (
        "2 to 4 workers, 3 of a step's micro-batches to spare, 1 parameter server, on cpu"
    )
    assert told(job())["cluster"] == "1 worker, 1 parameter server, on cpu"
