"""Where the samples of a job come from: the part `dataset`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, ValidationInfo, field_validator, model_validator

from .errors import Violation
from .section import LONGEST_PATH, Fraction, Section, Whole
from .transforms import AnyTransform, order_problems
from .violations import fields_error, value_error

Source = Literal["digits", "npz", "npy", "csv", "idx", "parquet", "images", "text", "wav"]
Normalize = Literal["none", "range", "standard"]

_FILE = "the path of a file"
_COLUMNS = "names of columns or patterns of them, as in [age, 'income_*']"
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
    "parquet": SourceFields(("path",), ("labels", "test_path", "columns", "missing"), ("path", "test_path")),
    "images": SourceFields(("path",), ("test_path", "size"), ("path", "test_path")),
    "text": SourceFields(("path", "window"), ("test_path", "tokenizer"), ("path", "test_path")),
    "wav": SourceFields(("path", "length"), ("test_path", "sample_rate"), ("path", "test_path")),
}
_TEST_FIELDS = ("test_path", "test_features", "test_labels")
_OWN_FIELDS = ("columns", "missing", "size", "tokenizer", "window", "length", "sample_rate")
_NAMED_FIELDS = ("path", "features", "labels", *_TEST_FIELDS, *_OWN_FIELDS)
_FOLDERS = ("images", "wav")


def _test_set_named(data: Mapping[str, Any]) -> bool:
    return any(data.get(name) is not None for name in _TEST_FIELDS)


def _default_test_fraction(data: dict[str, Any]) -> float:
    return 0.0 if _test_set_named(data) else 0.2


def _text(description: str) -> Any:
    return Field(default=None, min_length=1, max_length=LONGEST_PATH, description=description)


ColumnPattern = Annotated[
    str, Field(min_length=1, max_length=LONGEST_PATH, description="the name of a column")
]
Extent = Annotated[Whole, Field(ge=1, lt=2**31, description="a whole number, 1 or more")]
Checksum = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", description="sha256: and 64 digits 0 to f")]


class DatasetSpec(Section):
    """Where samples come from; with a test set of its own, `test_fraction` is 0."""

    source: Source = Field(description="one of digits, npz, npy, csv, idx, parquet, images, text, wav")
    path: str | None = _text(_FILE)
    test_path: str | None = _text(_FILE)
    features: str | None = _text(_FILE_OR_NAME)
    labels: str | None = _text(_FILE_OR_NAME)
    test_features: str | None = _text(_FILE_OR_NAME)
    test_labels: str | None = _text(_FILE_OR_NAME)
    test_fraction: Fraction = Field(default_factory=_default_test_fraction)
    normalize: Normalize = Field(default="none", description="one of none, range, standard")
    columns: tuple[ColumnPattern, ...] = Field(default=(), max_length=10_000, description=_COLUMNS)
    missing: Literal["refuse", "drop"] | None = Field(default=None, description="one of refuse, drop")
    size: tuple[Extent, ...] = Field(default=(), max_length=2, description="height and width, as in [64, 64]")
    tokenizer: Literal["characters", "bytes", "words"] | None = Field(
        default=None, description="one of characters, bytes, words"
    )
    window: Extent | None = Field(default=None, description="a whole number of tokens, 1 or more")
    length: Extent | None = Field(default=None, description="a whole number of values, 1 or more")
    sample_rate: Extent | None = Field(
        default=None, description="a whole number of values a second, 1 or more"
    )
    checksums: dict[str, Checksum] = Field(
        default={}, description="SHA-256 by field, as in {path: 'sha256:...'}"
    )
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
            if getattr(self, name) not in (None, ()) and name not in usable:
                takes = f"it takes {', '.join(usable)}" if usable else "it names no files"
                violations.append(
                    Violation(name, f"source {self.source} does not use it ({takes}): leave it out")
                )
        pair = (self.test_features, self.test_labels)
        if self.source in ("npy", "idx") and pair.count(None) == 1:
            missing = _TEST_FIELDS[1:][pair.index(None)]
            violations.append(Violation(missing, "a test set needs both test_features and test_labels"))
        if len(self.size) == 1:
            violations.append(Violation("size", "expected height and width, as in [64, 64], got one number"))
        violations += self._url_problems()
        violations += order_problems(self.transforms, self.normalize)
        if violations:
            raise fields_error(violations)
        return self

    def _url_problems(self) -> list[Violation]:
        urls = self.urls()
        wrong = [
            Violation(
                name,
                f"source {self.source} reads a folder of this machine, got the URL '{url}': fetch it first",
            )
            for name, url in urls.items()
            if self.source in _FOLDERS
        ]
        wrong += [
            Violation(name, f"expected one URL, got a chain of them: '{url}'")
            for name, url in urls.items()
            if "::" in url and not url.lower().startswith("http")  # there it is a part of IPv6 addresses
        ]
        return wrong + [
            Violation(
                f"checksums.{name}", f"there is a checksum, but dataset.{name} names no URL: leave it out"
            )
            for name in self.checksums
            if name not in urls
        ]

    @property
    def has_test_split(self) -> bool:
        """Whether some samples are held out for evaluation."""
        return self.test_fraction > 0 or _test_set_named(self.__dict__)

    def paths(self) -> dict[str, str]:
        """The paths of the files that it reads, by field."""
        names = SOURCE_FIELDS[self.source].paths
        return {name: path for name in names if (path := getattr(self, name)) is not None}

    def urls(self) -> dict[str, str]:
        """Those of its paths that are URLs, by field."""
        return {name: path for name, path in self.paths().items() if is_url(path)}

    def with_paths_relative_to(self, folder: Path) -> DatasetSpec:
        """The same dataset with relative paths (and `~`) made absolute, taken from `folder`."""
        paths = {
            name: str(folder / Path(path).expanduser())
            for name, path in self.paths().items()
            if not is_url(path)
        }
        return self.model_copy(update=paths)


def is_url(path: str) -> bool:
    """Whether a path is a URL, such as https://host/table.parquet or s3://bucket/table.parquet."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path) is not None


_MEANING = {
    ("parquet", "path"): "the path of the Parquet file",
    ("images", "path"): "the path of a folder with a folder of images for each class",
    ("text", "path"): "the path of the text file",
    ("text", "window"): "how many tokens a sample holds",
    ("wav", "path"): "the path of a folder with a folder of WAV files for each class",
    ("wav", "length"): "how many values a sample holds: longer recordings are cut, shorter ones get zeros",
    ("npz", "path"): "the path of the .npz file",
    ("csv", "path"): "the path of the CSV file",
    **{(source, "features"): f"the path of the {source} file with the features" for source in ("npy", "idx")},
    **{(source, "labels"): f"the path of the {source} file with the labels" for source in ("npy", "idx")},
}
