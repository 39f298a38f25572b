"""The typed description of a training job: its fields, their limits and how they fit together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from .spec_errors import SpecError, Violation, shown, suggestion
from .spec_file import read_spec_file
from .spec_overrides import apply_overrides
from .spec_violations import fields_error, value_error, violations_of

__all__ = ["JobSpec", "SpecError", "Violation", "load_spec", "parse_spec"]

Source = Literal["digits", "npz", "npy", "csv", "idx"]
Normalize = Literal["none", "range", "standard"]
Loss = Literal["softmax_cross_entropy", "squared_error"]
Metric = Literal["accuracy", "mean_absolute_error"]
Device = Literal["cpu", "cuda"]

_METRIC_LOSS: dict[str, Loss] = {"accuracy": "softmax_cross_entropy", "mean_absolute_error": "squared_error"}


def _number(value: Any) -> Any:
    # YAML 1.1 readers and shells hand over 1e-3 as text; anything that is plainly a number counts as one.
    if isinstance(value, str) and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", value.strip()):
        return float(value)
    return value


def _batch_size(value: Any) -> Any:
    if value == "full" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31):
        return value
    raise value_error(f"expected a whole number, 1 or more, or 'full', got {shown(value)}")


Number = Annotated[float, BeforeValidator(_number), Field(strict=True, allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]


# What completes "expected ..." in messages.
_POSITIVE = "a finite number greater than 0"
_NOT_NEGATIVE = "a finite number, 0 or more"
_BELOW_ONE = "a number from 0 up to, but not including, 1"
_FROM_ONE = "a whole number, 1 or more"
_TRUE_OR_FALSE = "true or false"
_FILE = "the path of a file"
_FILE_OR_NAME = "the path of a file, or the name of an array or column"

# Far beyond what anybody writes; so that whatever is accepted can be checked, stored and listed quickly.
LONGEST_PATH = 4096
MOST_LAYERS = 1000
_MOST_METRICS = 16


class _Section(BaseModel):
    """What all parts of the description share. A field's `description` completes "expected ..." in
    messages."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _Kind(_Section):
    """A part written under its kind's name: `{linear: {units: 64}}`."""

    kind: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and list(data) == [cls.kind]:
            return {} if data[cls.kind] is None else data[cls.kind]
        return data

    @model_serializer(mode="wrap")
    def _wrap(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {self.kind: handler(self)}


class LinearSpec(_Kind):
    kind: ClassVar[str] = "linear"
    units: Whole = Field(ge=1, lt=2**31, description=_FROM_ONE)
    bias: Flag = Field(default=True, description=_TRUE_OR_FALSE)


class ReLUSpec(_Kind):
    kind: ClassVar[str] = "relu"


class SigmoidSpec(_Kind):
    kind: ClassVar[str] = "sigmoid"


class TanhSpec(_Kind):
    kind: ClassVar[str] = "tanh"


class FlattenSpec(_Kind):
    kind: ClassVar[str] = "flatten"


class DropoutSpec(_Kind):
    kind: ClassVar[str] = "dropout"
    rate: Number = Field(default=0.5, ge=0, lt=1, description=_BELOW_ONE)


class SGDSpec(_Kind):
    kind: ClassVar[str] = "sgd"
    learning_rate: Number = Field(default=0.01, gt=0, description=_POSITIVE)
    momentum: Number = Field(default=0.0, ge=0, lt=1, description=_BELOW_ONE)
    nesterov: Flag = Field(default=False, description=_TRUE_OR_FALSE)
    weight_decay: Number = Field(default=0.0, ge=0, description=_NOT_NEGATIVE)

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> SGDSpec:
        if self.nesterov and self.momentum == 0:
            raise fields_error([Violation("nesterov", "needs momentum: set momentum, for example to 0.9")])
        return self


class AdamSpec(_Kind):
    kind: ClassVar[str] = "adam"
    learning_rate: Number = Field(default=1e-3, gt=0, description=_POSITIVE)
    beta1: Number = Field(default=0.9, ge=0, lt=1, description=_BELOW_ONE)
    beta2: Number = Field(default=0.999, ge=0, lt=1, description=_BELOW_ONE)
    epsilon: Number = Field(default=1e-8, gt=0, description=_POSITIVE)
    weight_decay: Number = Field(default=0.0, ge=0, description=_NOT_NEGATIVE)


class AdamWSpec(AdamSpec):
    kind: ClassVar[str] = "adamw"
    weight_decay: Number = Field(default=0.01, ge=0, description=_NOT_NEGATIVE)


LAYERS: dict[str, type[_Kind]] = {
    layer.kind: layer for layer in (LinearSpec, ReLUSpec, SigmoidSpec, TanhSpec, FlattenSpec, DropoutSpec)
}
OPTIMIZERS: dict[str, type[_Kind]] = {
    optimizer.kind: optimizer for optimizer in (SGDSpec, AdamSpec, AdamWSpec)
}


def _kind_of(value: Any) -> str:
    return value.kind if isinstance(value, _Kind) else next(iter(value))


def _named_kind(what: str, table: Mapping[str, type[_Kind]], example: str) -> BeforeValidator:
    """Accept `relu`, `{relu: }` and `{linear: {...}}`; name the known kinds for everything else."""

    def normalized(value: Any) -> Any:
        if isinstance(value, tuple(table.values())):
            return value
        known = ", ".join(table)
        kinds = [value] if isinstance(value, str) else list(value) if isinstance(value, Mapping) else []
        if len(kinds) != 1:
            came = f"{len(kinds)} keys ({', '.join(map(str, kinds))})" if kinds else shown(value)
            message = f"expected exactly one {what}, written like {example}, got {came}; known: {known}"
        elif kinds[0] not in table:
            message = f"unknown {what} {shown(kinds[0])}{suggestion(kinds[0], table)} (known: {known})"
        else:
            return {value: None} if isinstance(value, str) else value
        raise value_error(message)

    return BeforeValidator(normalized)


LayerSpec = Annotated[
    Annotated[LinearSpec, Tag("linear")]
    | Annotated[ReLUSpec, Tag("relu")]
    | Annotated[SigmoidSpec, Tag("sigmoid")]
    | Annotated[TanhSpec, Tag("tanh")]
    | Annotated[FlattenSpec, Tag("flatten")]
    | Annotated[DropoutSpec, Tag("dropout")],
    Discriminator(_kind_of),
    _named_kind("layer", LAYERS, "`relu` or `linear: {units: 64}`"),
]
OptimizerSpec = Annotated[
    Annotated[SGDSpec, Tag("sgd")] | Annotated[AdamSpec, Tag("adam")] | Annotated[AdamWSpec, Tag("adamw")],
    Discriminator(_kind_of),
    _named_kind("optimizer", OPTIMIZERS, "`adam` or `adam: {learning_rate: 0.001}`"),
]


class SourceFields(NamedTuple):
    """Which of a dataset's fields a source needs, may have, and reads as paths of files."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    paths: tuple[str, ...]


_FOUR_FILES = ("features", "labels", "test_features", "test_labels")
SOURCE_FIELDS: dict[str, SourceFields] = {
    "digits": SourceFields((), (), ()),
    "npz": SourceFields(
        ("path",), ("features", "labels", "test_path", *_FOUR_FILES[2:]), ("path", "test_path")
    ),
    "npy": SourceFields(_FOUR_FILES[:2], _FOUR_FILES[2:], _FOUR_FILES),
    "csv": SourceFields(("path",), ("labels", "test_path"), ("path", "test_path")),
    "idx": SourceFields(_FOUR_FILES[:2], _FOUR_FILES[2:], _FOUR_FILES),
}
_TEST_FIELDS = ("test_path", "test_features", "test_labels")
_NAMED_FIELDS = ("path", "features", "labels", *_TEST_FIELDS)


def _test_set_named(data: Mapping[str, Any]) -> bool:
    return any(data.get(name) is not None for name in _TEST_FIELDS)


def _default_test_fraction(data: dict[str, Any]) -> float:
    return 0.0 if _test_set_named(data) else 0.2


def _text(description: str) -> Any:
    return Field(default=None, min_length=1, max_length=LONGEST_PATH, description=description)


class DatasetSpec(_Section):
    """Where samples come from; with a test set of its own, `test_fraction` is 0."""

    source: Source = Field(description="one of digits, npz, npy, csv, idx")
    path: str | None = _text(_FILE)
    test_path: str | None = _text(_FILE)
    features: str | None = _text(_FILE_OR_NAME)
    labels: str | None = _text(_FILE_OR_NAME)
    test_features: str | None = _text(_FILE_OR_NAME)
    test_labels: str | None = _text(_FILE_OR_NAME)
    test_fraction: Number = Field(
        default_factory=_default_test_fraction,
        ge=0,
        lt=1,
        description=_BELOW_ONE,
    )
    normalize: Normalize = Field(default="none", description="one of none, range, standard")

    @field_validator("test_fraction")
    @classmethod
    def _one_kind_of_test_set(cls, fraction: float, info: ValidationInfo) -> float:
        if fraction > 0 and _test_set_named(info.data):
            named = next(name for name in _TEST_FIELDS if info.data.get(name) is not None)
            raise value_error(
                f"the test set is already named by dataset.{named}: leave out test_fraction (or set it to "
                f"0), or leave out dataset.{named}"
            )
        return fraction

    @model_validator(mode="after")
    def _fields_fit_the_source(self) -> DatasetSpec:
        fields = SOURCE_FIELDS[self.source]
        usable = fields.required + fields.optional
        violations = [
            Violation(name, f"source {self.source} needs it: {_MEANING[self.source, name]}")
            for name in fields.required
            if getattr(self, name) is None
        ]
        for name in _NAMED_FIELDS:
            if getattr(self, name) is not None and name not in usable:
                takes = f"it takes {', '.join(usable)}" if usable else "it names no files"
                violations.append(
                    Violation(name, f"source {self.source} does not use it ({takes}): leave it out")
                )
        pair = (self.test_features, self.test_labels)
        if self.source in ("npy", "idx") and pair.count(None) == 1:
            missing = _TEST_FIELDS[1:][pair.index(None)]
            violations.append(Violation(missing, "a test set needs both test_features and test_labels"))
        if violations:
            raise fields_error(violations)
        return self

    @property
    def has_test_split(self) -> bool:
        """Whether some samples are held out for evaluation."""
        return self.test_fraction > 0 or _test_set_named(self.__dict__)

    def with_paths_relative_to(self, folder: Path) -> DatasetSpec:
        """The same dataset with relative paths (and `~`) made absolute, taken from `folder`."""
        names = [name for name in SOURCE_FIELDS[self.source].paths if getattr(self, name) is not None]
        paths = {name: str(folder / Path(getattr(self, name)).expanduser()) for name in names}
        return self.model_copy(update=paths)


_MEANING = {
    ("npz", "path"): "the path of the .npz file",
    ("csv", "path"): "the path of the CSV file",
    **{(source, "features"): f"the path of the {source} file with the features" for source in ("npy", "idx")},
    **{(source, "labels"): f"the path of the {source} file with the labels" for source in ("npy", "idx")},
}


class EarlyStoppingSpec(_Section):
    metric: Literal["loss", "accuracy", "mean_absolute_error"] = Field(
        default="loss", description="'loss' or one of the job's metrics"
    )
    patience: Whole = Field(default=3, ge=1, lt=2**31, description="a number of epochs, 1 or more")
    min_delta: Number = Field(default=0.0, ge=0, description=_NOT_NEGATIVE)
    restore_best: Flag = Field(default=True, description=_TRUE_OR_FALSE)


class TrainingSpec(_Section):
    epochs: Whole = Field(default=10, ge=1, lt=2**31, description=_FROM_ONE)
    batch_size: Annotated[int | Literal["full"], BeforeValidator(_batch_size)] = Field(
        default=32, description="a whole number, 1 or more, or 'full'"
    )
    micro_batches: Whole = Field(default=4, ge=1, le=256, description="a whole number from 1 to 256")
    seed: Whole = Field(default=0, ge=0, lt=2**63, description="a whole number from 0 to 2**63 - 1")
    shuffle: Flag = Field(default=True, description=_TRUE_OR_FALSE)
    checkpoint_every: Whole = Field(default=1, ge=1, lt=2**31, description="a number of epochs, 1 or more")
    early_stopping: EarlyStoppingSpec | None = Field(default=None, description="keys and values")


class ClusterSpec(_Section):
    workers: Whole = Field(default=1, ge=1, le=256, description="a whole number from 1 to 256")
    parameter_servers: Whole = Field(default=1, ge=1, le=64, description="a whole number from 1 to 64")
    device: Device = Field(default="cpu", description="one of cpu, cuda")


class JobSpec(_Section):
    """Everything that a job needs to know; `parse_spec` makes one from plain data."""

    name: str = Field(
        default="job",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        description="1 to 63 letters, digits, '-', '_' or '.', the first a letter or digit",
    )
    dataset: DatasetSpec = Field(description="keys and values, for example {source: digits}")
    model: tuple[LayerSpec, ...] = Field(
        min_length=1, max_length=MOST_LAYERS, description="a list of at least one layer"
    )
    loss: Loss = Field(description="one of softmax_cross_entropy, squared_error")
    metrics: tuple[Metric, ...] = Field(
        default=(), max_length=_MOST_METRICS, description="a list of metrics: accuracy, mean_absolute_error"
    )
    optimizer: OptimizerSpec = Field(description="an optimizer, for example `adam`")
    training: TrainingSpec = Field(default=TrainingSpec(), description="keys and values")
    cluster: ClusterSpec = Field(default=ClusterSpec(), description="keys and values")

    @model_validator(mode="after")
    def _parts_fit_together(self) -> JobSpec:
        violations: list[Violation] = []
        for position, metric in enumerate(self.metrics):
            field = f"metrics[{position}]"
            if metric in self.metrics[:position]:
                violations.append(Violation(field, f"{metric} is listed twice: leave one out"))
            elif self.loss != _METRIC_LOSS[metric]:
                needed = _METRIC_LOSS[metric]
                violations.append(Violation(field, f"{metric} needs loss: {needed}, the loss is {self.loss}"))
        stopping = self.training.early_stopping
        if stopping is not None:
            if stopping.metric not in ("loss", *self.metrics):
                measured = ", ".join(dict.fromkeys(("loss", *self.metrics)))
                message = f"this job does not measure '{stopping.metric}', only {measured}: add it to metrics"
                violations.append(Violation("training.early_stopping.metric", message))
            if not self.dataset.has_test_split:
                message = "needs held-out samples: set dataset.test_fraction above 0 or name a test set"
                violations.append(Violation("training.early_stopping", message))
        if self.cluster.workers > self.training.micro_batches:
            message = (
                f"{self.cluster.workers} workers cannot share {self.training.micro_batches} micro-batches: "
                "raise "
                "training.micro_batches to at least the number of workers (that changes the result's bytes; "
                "the number of workers alone never does), or use fewer workers"
            )
            violations.append(Violation("cluster.workers", message))
        if violations:
            raise fields_error(violations)
        return self

    def model_dump_job(self) -> dict[str, Any]:
        """The canonical form: plain JSON values, defaults written out, keys without a value left out."""
        return self.model_dump(mode="json", exclude_none=True)

    def with_overrides(self, assignments: Iterable[str]) -> JobSpec:
        """The job with some fields set: `["training.epochs=40", "model[0].linear.units=32"]`; raises
        SpecError."""
        return parse_spec(apply_overrides(self.model_dump_job(), assignments))


SECTIONS: dict[tuple[str, ...], type[BaseModel]] = {
    (): JobSpec,
    ("dataset",): DatasetSpec,
    ("training",): TrainingSpec,
    ("training", "early_stopping"): EarlyStoppingSpec,
    ("cluster",): ClusterSpec,
    **{("model", kind): layer for kind, layer in LAYERS.items()},
    **{("optimizer", kind): optimizer for kind, optimizer in OPTIMIZERS.items()},
}


def parse_spec(data: Mapping[str, Any]) -> JobSpec:
    """A checked job description from plain data (as YAML or JSON give it); SpecError lists all violations."""
    if not isinstance(data, Mapping):
        raise SpecError([Violation("", f"expected a job description of keys and values, got {shown(data)}")])
    try:
        return JobSpec.model_validate(data)
    except ValidationError as error:
        raise SpecError(violations_of(error, SECTIONS)) from None


def load_spec(path: Path) -> JobSpec:
    """Read a job file, YAML or JSON; relative dataset paths are taken from its folder. Raises SpecError."""
    path = Path(path)
    spec = parse_spec(read_spec_file(path))
    return spec.model_copy(update={"dataset": spec.dataset.with_paths_relative_to(path.resolve().parent)})
