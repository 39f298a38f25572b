"""`validate`: what a job would train, on what and how long, without training it and without a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from ...core.errors import ChainruleError
from ...worker.data.files import machine_memory
from ...worker.inspect import JobSummary, inspect_job
from ...worker.spec import JobSpec
from ...worker.spec.section import Kind
from ...worker.spec.training import ClusterSpec, TrainingSpec
from ..client_errors import ServiceError
from .exits import ExitStatus
from .output import Output
from .submission import JobFileProblem, Submission
from .wording import count, shape, size

SHOWN_VALUES = 8


def validate_job(submission: Submission, address: str | None, output: Output) -> int:
    """Check the job here, or as the service at `address` sees it; raises what is wrong with it."""
    spec = submission.load()
    with output.waiting("reading the data"):
        summary = _inspect(submission, spec) if address is None else _ask(submission, spec, address)
    output.line(f"{submission.job_file} is a valid job.")
    output.line()
    output.render(layer_table(summary))
    output.line()
    output.pairs(summary_pairs(spec, summary))
    available = machine_memory() if address is None else None
    if available is not None and summary.memory_bytes > available:
        output.line()
        output.line(f"This machine has {size(available)} of memory: the job cannot run on it.")
    output.object(_summary_object(spec, summary))
    return ExitStatus.SUCCEEDED


def _inspect(submission: Submission, spec: JobSpec) -> JobSummary:
    try:
        return inspect_job(spec)
    except ChainruleError as error:
        raise JobFileProblem(str(submission.job_file), error) from error


def _ask(submission: Submission, spec: JobSpec, address: str) -> JobSummary:
    from ..client import Client

    with Client(address) as client:
        try:
            summary = client.create_job(spec, validate_only=True).summary
        except ServiceError as error:
            raise submission.blamed(error) from error
    assert summary is not None
    return summary


def layer_table(summary: JobSummary) -> Table:
    """One row a layer: what comes out of it for one sample, and how many numbers it learns."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("layer", overflow="fold")
    table.add_column("output shape", no_wrap=True, justify="right")
    table.add_column("parameters", no_wrap=True, justify="right")
    table.add_row("input", shape(summary.feature_shape), "")
    for layer in summary.layers:
        table.add_row(layer.name, shape(layer.output_shape), f"{layer.parameters:,}")
    table.add_row("all", "", f"{summary.parameters:,}", style="bold")
    return table


def summary_pairs(spec: JobSpec, summary: JobSummary) -> list[tuple[str, str]]:
    """Data, steps and memory in words."""
    samples = count(summary.train_samples, "training sample")
    if summary.test_samples:
        samples += f", {summary.test_samples:,} held out"
    if summary.classes is not None:
        samples += f", {summary.classes:,} classes"
    steps = (
        f"{summary.total_steps:,} ({count(spec.training.epochs, 'epoch')} of "
        f"{count(summary.steps_per_epoch, 'step')}, batch size {spec.training.batch_size})"
    )
    servers = count(spec.cluster.parameter_servers, "parameter server")
    members = f"{worker_count(spec.cluster)}, {servers}"
    return [
        ("data", samples),
        *weights_pairs(summary),
        ("loss", in_words(spec.loss)),
        ("optimizer", in_words(spec.optimizer)),
        *training_pairs(spec.training),
        ("steps", steps),
        ("cluster", f"{members}, on {spec.cluster.device}"),
        ("memory", f"about {size(summary.memory_bytes)} a worker"),
    ]


def worker_count(cluster: ClusterSpec) -> str:
    """`2 workers`, or `1 to 8 workers`, and what idle ones do."""
    least, most = cluster.least_workers, cluster.most_workers
    words = count(most, "worker") if least == most else f"{least:,} to {count(most, 'worker')}"
    if cluster.spares:
        words += f", {cluster.spares} of a step's micro-batches to spare"
    return words


def training_pairs(training: TrainingSpec) -> list[tuple[str, str]]:
    """How training differs from the plain way: consistency, averaging, schedule, precision, compression."""
    pairs = []
    if not training.synchronous:
        pairs.append(("consistency", in_words(training.consistency)))
    if training.takes_local_steps:
        pairs.append(("averaged", f"every {training.average_every:,} mini-batches"))
    if training.schedule is not None:
        pairs.append(("schedule", in_words(training.schedule)))
    if training.warm_up is not None:
        epochs = training.warm_up.epochs
        pairs.append(("warm-up", f"{epochs:g} epoch" + ("" if epochs == 1 else "s")))
    if training.precision != "float32":
        pairs.append(("precision", training.precision))
    if training.compression.kind != "none":
        pairs.append(("compression", in_words(training.compression)))
    return pairs


def in_words(part: Kind) -> str:
    """`adam`, or `adam (learning_rate 0.01)`: its name, and what is not as it is by default."""
    defaults = {name: field.default for name, field in type(part).model_fields.items()}
    settings = {name: value for name, value in part.settings().items() if value != defaults[name]}
    words = ", ".join(f"{name} {_in_words(value)}" for name, value in settings.items())
    return f"{part.kind} ({words})" if words else part.kind


def _in_words(value: object) -> str:
    if not isinstance(value, tuple):
        return str(value)
    return str(list(value)) if len(value) <= SHOWN_VALUES else f"{len(value):,} values"


def weights_pairs(summary: JobSummary) -> list[tuple[str, str]]:
    """What was found of the weights to start from; nothing for a job without any."""
    found = summary.initial_weights
    if found is None:
        return []
    pairs = [
        ("weights", f"{found.matched:,} of {count(found.matched + found.missing, 'tensor')} from the file")
    ]
    if found.missing:
        pairs.append(("not in the file", _listed(found.missing, found.missing_names)))
    if found.unexpected:
        pairs.append(("only in the file", _listed(found.unexpected, found.unexpected_names)))
    return pairs


def _listed(number: int, names: Sequence[str]) -> str:
    more = f" and {number - len(names):,} more" if number > len(names) else ""
    return ", ".join(names) + more


def _summary_object(spec: JobSpec, summary: JobSummary) -> dict[str, object]:
    return {
        "valid": True,
        **asdict(summary),
        "spec": spec.model_dump_job(),
    }
