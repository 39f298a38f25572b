"""The job file: what it may say, as types, and how it is read."""

from .dataset import SOURCE_FIELDS, DatasetSpec
from .errors import SpecError, Violation
from .job import JobSpec, load_spec, parse_spec
from .training import EarlyStoppingSpec, PlacementSpec
from .weights import InitialWeightsSpec, PythonModelSpec

__all__ = [
    "SOURCE_FIELDS", "DatasetSpec", "EarlyStoppingSpec", "InitialWeightsSpec", "JobSpec",
    "PlacementSpec", "PythonModelSpec", "SpecError", "Violation", "load_spec", "parse_spec",
]  # fmt: skip
