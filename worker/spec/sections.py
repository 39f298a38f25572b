"""Which type stands at each place of a job description: for messages, and for the protobuf schema."""

from __future__ import annotations

from collections.abc import Mapping

from .compression import COMPRESSIONS
from .consistency import CONSISTENCY
from .dataset import DatasetSpec
from .initializers import INITIALIZERS
from .layers import LAYERS
from .losses import LOSSES, PENALTIES
from .optimizers import OPTIMIZERS, AverageSpec, LossScaleSpec, ParameterGroupSpec
from .schedules import SCHEDULES, WarmUpSpec
from .section import Kind, Section
from .training import ClusterSpec, EarlyStoppingSpec, PlacementSpec, TrainingSpec, WorkerRange
from .transforms import TRANSFORMS
from .weights import InitialWeightsSpec, PythonModelSpec

SECTIONS: Mapping[tuple[str, ...], type[Section]] = {
    ("dataset",): DatasetSpec,
    ("model",): PythonModelSpec,
    ("parameter_groups",): ParameterGroupSpec,
    ("training",): TrainingSpec,
    ("training", "early_stopping"): EarlyStoppingSpec,
    ("training", "warm_up"): WarmUpSpec,
    ("training", "average"): AverageSpec,
    ("training", "loss_scale"): LossScaleSpec,
    ("cluster",): ClusterSpec,
    ("cluster", "workers"): WorkerRange,
    ("cluster", "placement"): PlacementSpec,
    ("initial_weights",): InitialWeightsSpec,
}
"""By path, positions in lists left out."""

KINDS: Mapping[tuple[str, ...], Mapping[str, type[Kind]]] = {
    ("dataset", "transforms"): TRANSFORMS,
    ("loss",): LOSSES,
    ("penalties",): PENALTIES,
    ("optimizer",): OPTIMIZERS,
    ("training", "schedule"): SCHEDULES,
    ("training", "consistency"): CONSISTENCY,
    ("training", "compression"): COMPRESSIONS,
}
"""The kinds that may stand at a path. Layers and initializers stand at any depth of the model."""


def section_at(names: tuple[str, ...]) -> type[Section] | None:
    """The type of what stands at a path below the top, if it has fields."""
    if names in SECTIONS:
        return SECTIONS[names]
    if not names:
        return None
    *outer, last = names
    if outer and outer[0] == "model":
        return (INITIALIZERS if outer[-1] == "initializer" else LAYERS).get(last)
    return KINDS.get(tuple(outer), {}).get(last)
