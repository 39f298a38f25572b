"""Where the samples of a job come from: the part `dataset`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationInfo, field_validator, model_validator

from .errors import Violation
from .section import LONGEST_PATH, Fraction, Section
from .transforms import AnyTransform, order_problems
from .violations import fields_error, value_error

Source = Literal["digits", "npz", "npy", "csv", "idx"]
Normalize = Literal["none", "range", "standard"]

_FILE = "the path of a file"
_FILE_OR_NAME = "the path of a file, or the name of an array or column"


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


class DatasetSpec(Section):
    """Where samples come from; with a test set of its own, `test_fraction` is 0."""

    source: Source = Field(description="one of digits, npz, npy, csv, idx")
    path: str | None = _text(_FILE)
    test_path: str | None = _text(_FILE)
    features: str | None = _text(_FILE_OR_NAME)
    labels: str | None = _text(_FILE_OR_NAME)
    test_features: str | None = _text(_FILE_OR_NAME)
    test_labels: str | None = _text(_FILE_OR_NAME)
    test_fraction: Fraction = Field(default_factory=_default_test_fraction)
    normalize: Normalize = Field(default="none", description="one of none, range, standard")
    transforms: tuple[AnyTransform, ...] = Field(
        default=(), max_length=16, description="a list of transforms"
    )

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
        violations += order_problems(self.transforms, self.normalize)
        if violations:
            raise fields_error(violations)
        return self

    @property
    def has_test_split(self) -> bool:
        """Whether some samples are held out for evaluation."""
        return self.test_fraction > 0 or _test_set_named(self.__dict__)

    def paths(self) -> dict[str, str]:
        """The paths of the files that it reads, by field."""
        names = SOURCE_FIELDS[self.source].paths
        return {name: path for name in names if (path := getattr(self, name)) is not None}

    def with_paths_relative_to(self, folder: Path) -> DatasetSpec:
        """The same dataset with relative paths (and `~`) made absolute, taken from `folder`."""
        paths = {name: str(folder / Path(path).expanduser()) for name, path in self.paths().items()}
        return self.model_copy(update=paths)


_MEANING = {
    ("npz", "path"): "the path of the .npz file",
    ("csv", "path"): "the path of the CSV file",
    **{(source, "features"): f"the path of the {source} file with the features" for source in ("npy", "idx")},
    **{(source, "labels"): f"the path of the {source} file with the labels" for source in ("npy", "idx")},
}
