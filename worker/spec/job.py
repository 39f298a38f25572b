"""The typed description of a training job: its parts, and how they fit together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from .dataset import DatasetSpec
from .errors import SpecError, Violation, shown
from .file import MAXIMUM_DEPTH, read_spec_file
from .layers import MOST_LAYERS, AnyLayer, layer_count
from .losses import METRIC_LOSSES, AnyLoss, AnyPenalty, Metric
from .optimizers import AnyOptimizer, ParameterGroupSpec, SophiaSpec
from .overrides import apply_overrides
from .schedules import PlateauSpec
from .section import Section
from .sections import section_at
from .training import ClusterSpec, EarlyStoppingSpec, TrainingSpec, WorkerRange
from .violations import UNION_TAG, fields_error, violations_of
from .weights import InitialWeightsSpec, PythonModelSpec

_MOST_METRICS = 16
_MOST_GROUPS = 1000
_MODEL = "a list of at least one layer"


Model = Annotated[
    Annotated[
        Annotated[tuple[AnyLayer, ...], Field(min_length=1, max_length=MOST_LAYERS)],
        Tag(f"{UNION_TAG}layers"),
    ]
    | Annotated[PythonModelSpec, Tag(f"{UNION_TAG}python")],
    Discriminator(
        lambda value: f"{UNION_TAG}{'python' if isinstance(value, Mapping | PythonModelSpec) else 'layers'}"
    ),
]


class JobSpec(Section):
    """Everything that a job needs to know; `parse_spec` makes one from plain data."""

    name: str = Field(
        default="job",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        description="1 to 63 letters, digits, '-', '_' or '.', the first a letter or digit",
    )
    dataset: DatasetSpec = Field(description="keys and values, for example {source: digits}")
    model: Model = Field(description=_MODEL)
    loss: AnyLoss
    penalties: tuple[AnyPenalty, ...] = Field(default=(), max_length=_MOST_METRICS, description="a list")
    metrics: tuple[Metric, ...] = Field(
        default=(), max_length=_MOST_METRICS, description=f"a list of metrics: {', '.join(METRIC_LOSSES)}"
    )
    optimizer: AnyOptimizer
    parameter_groups: tuple[ParameterGroupSpec, ...] = Field(
        default=(), max_length=_MOST_GROUPS, description="a list of groups"
    )
    training: TrainingSpec = Field(default=TrainingSpec(), description="keys and values")
    cluster: ClusterSpec = Field(default=ClusterSpec(), description="keys and values")
    initial_weights: InitialWeightsSpec | None = Field(default=None, description="keys and values")

    @model_validator(mode="after")
    def _parts_fit_together(self) -> JobSpec:
        violations = [*self._model_problems(), *self._metric_problems()]
        if (
            isinstance(self.optimizer, SophiaSpec)
            and self.optimizer.estimator == "gauss_newton_bartlett"
            and self.loss.kind != "softmax_cross_entropy"
        ):
            message = f"needs loss: softmax_cross_entropy, the loss is {self.loss.kind}: use hutchinson"
            violations.append(Violation("optimizer.sophia.estimator", message))
        violations += self._consistency_problems()
        workers = self.cluster.most_workers
        if self.training.synchronous and workers > self.training.micro_batches:
            message = (
                f"{workers} workers cannot share {self.training.micro_batches} micro-batches: "
                "raise "
                "training.micro_batches to at least the number of workers (that changes the result's bytes; "
                "the number of workers alone never does), or use fewer workers"
            )
            elastic = isinstance(self.cluster.workers, WorkerRange)
            violations.append(Violation(f"cluster.workers{'.max' if elastic else ''}", message))
        if violations:
            raise fields_error(violations)
        return self

    def _model_problems(self) -> Iterable[Violation]:
        count = 1 if isinstance(self.model, PythonModelSpec) else layer_count(self.model)
        if count > MOST_LAYERS:
            message = f"expected at most {MOST_LAYERS:,} layers, with all repetitions, got {count:,} of them"
            yield Violation("model", message)

    def _consistency_problems(self) -> Iterable[Violation]:
        training = self.training
        if not training.synchronous:
            mode = f"training.consistency.{training.consistency.kind}"
            instead = "consistency: sync"
            if training.average_every > 1:
                message = f"averages steps that all workers take, which cannot go with {mode}: use {instead}"
                yield Violation("training.average_every", message)
        elif training.takes_local_steps:
            mode, instead = "training.average_every", "average_every: 1"
        else:
            return
        if self.cluster.spares:
            message = f"cannot go with {mode}: a spare repeats a micro-batch of a step. Use 0, or {instead}"
            yield Violation("cluster.spares", message)
        if self.cluster.placement.strategy == "spread":
            message = (
                f"cannot go with {mode}: workers that are not in step, or keep optimizer state of their own, "
                f"share one node's memory. Use pack, or {instead}"
            )
            yield Violation("cluster.placement.strategy", message)
        if training.compression.kind != "none":
            message = (
                f"cannot go with {mode}: what compression leaves out is kept for the same micro-batch of the "
                f"next step. Use compression: none, or {instead}"
            )
            yield Violation("training.compression", message)
        if isinstance(self.optimizer, SophiaSpec):
            message = (
                f"cannot go with {mode}: the curvature is estimated for a step of all workers together. Use "
                f"another optimizer, or {instead}"
            )
            yield Violation("optimizer.sophia", message)
        for field, used in {
            "training.loss_scale": training.loss_scale is not None,
            "training.precision": training.loss_scale is None and training.precision == "float16",
        }.items():
            if used:
                message = (
                    f"needs a loss scale, which cannot go with {mode}: it follows steps that all workers "
                    f"take together. Use precision: bfloat16 or float32, or {instead}"
                )
                yield Violation(field, message)

    def _metric_problems(self) -> Iterable[Violation]:
        for position, metric in enumerate(self.metrics):
            field = f"metrics[{position}]"
            if metric in self.metrics[:position]:
                yield Violation(field, f"{metric} is listed twice: leave one out")
            elif self.loss.kind not in METRIC_LOSSES[metric]:
                needed = " or ".join(METRIC_LOSSES[metric])
                yield Violation(field, f"{metric} needs loss: {needed}, the loss is {self.loss.kind}")
        watched: dict[str, EarlyStoppingSpec | PlateauSpec | None]
        watched = {"training.early_stopping": self.training.early_stopping}
        if isinstance(self.training.schedule, PlateauSpec):
            watched["training.schedule.plateau"] = self.training.schedule
        for field, watching in watched.items():
            if watching is None:
                continue
            if watching.metric not in ("loss", *self.metrics):
                measured = ", ".join(dict.fromkeys(("loss", *self.metrics)))
                message = f"this job does not measure '{watching.metric}', only {measured}: add it to metrics"
                yield Violation(f"{field}.metric", message)
            if not self.dataset.has_test_split:
                message = "needs held-out samples: set dataset.test_fraction above 0 or name a test set"
                yield Violation(field, message)

    def model_dump_job(self) -> dict[str, Any]:
        """The canonical form: plain JSON values, defaults written out, keys without a value left out."""
        return self.plain()

    def with_overrides(self, assignments: Iterable[str]) -> JobSpec:
        """The job with some fields set: `["training.epochs=40", "model[0].linear.units=32"]`; raises
        SpecError."""
        return parse_spec(apply_overrides(self.model_dump_job(), assignments))

    def with_paths_relative_to(self, folder: Path) -> JobSpec:
        """The same job with relative paths (and `~`) made absolute, taken from `folder`."""
        changes: dict[str, Any] = {"dataset": self.dataset.with_paths_relative_to(folder)}
        if self.initial_weights is not None:
            path = str(folder / Path(self.initial_weights.path).expanduser())
            changes["initial_weights"] = self.initial_weights.model_copy(update={"path": path})
        if isinstance(self.model, PythonModelSpec):
            path = str(folder / Path(self.model.python).expanduser())
            changes["model"] = self.model.model_copy(update={"python": path})
        return self.model_copy(update=changes)

    def paths(self) -> dict[str, str]:
        """The paths of the files that the job reads, by field."""
        found = {f"dataset.{name}": path for name, path in self.dataset.paths().items()}
        if self.initial_weights is not None:
            found["initial_weights.path"] = self.initial_weights.path
        if isinstance(self.model, PythonModelSpec):
            found["model.python"] = self.model.python
        return found


def parse_spec(data: Mapping[str, Any]) -> JobSpec:
    """A checked job description from plain data (as YAML or JSON give it); SpecError lists all violations."""
    if not isinstance(data, Mapping):
        raise SpecError([Violation("", f"expected a job description of keys and values, got {shown(data)}")])
    if _deeper_than(data, MAXIMUM_DEPTH):
        message = f"nested more than {MAXIMUM_DEPTH} levels deep: use `repeat`, or fewer layers inside layers"
        raise SpecError([Violation("", message)])
    try:
        return JobSpec.model_validate(data)
    except ValidationError as error:
        raise SpecError(violations_of(error, lambda names: section_at(names) if names else JobSpec)) from None


def _deeper_than(data: Any, levels: int) -> bool:
    inner = data.values() if isinstance(data, Mapping) else data if isinstance(data, list | tuple) else ()
    return not levels or any(_deeper_than(part, levels - 1) for part in inner)


def load_spec(path: Path) -> JobSpec:
    """Read a job file, YAML or JSON; relative paths are taken from its folder. Raises SpecError."""
    path = Path(path)
    return parse_spec(read_spec_file(path)).with_paths_relative_to(path.resolve().parent)
