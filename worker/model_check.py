"""Follows a sample's shape through the described layers without building them: what does not fit where."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from .data.dataset import Dataset
from .spec import FlattenSpec, JobSpec, LinearSpec, SpecError, Violation


@dataclass(frozen=True)
class LayerSummary:
    """One layer: its name as in errors and parameter names, one sample's output shape, trainable values."""

    name: str
    output_shape: tuple[int, ...]
    parameters: int


def summarize_layers(spec: JobSpec, feature_shape: tuple[int, ...]) -> tuple[LayerSummary, ...]:
    """The layers for samples of `feature_shape`; SpecError names each layer that cannot take its input."""
    shape, layers, violations = feature_shape, [], []
    for position, layer in enumerate(spec.model):
        parameters = 0
        if isinstance(layer, LinearSpec):
            if len(shape) != 1:
                message = (
                    f"a linear layer takes vectors, but each sample has shape {shape} here: "
                    "put a `flatten` layer before it"
                )
                violations.append(Violation(f"model[{position}].linear", message))
            parameters = (prod(shape) + layer.bias) * layer.units
            shape = (layer.units,)
        elif isinstance(layer, FlattenSpec):
            shape = (prod(shape),)
        layers.append(LayerSummary(f"layers.{position}.{layer.kind}", shape, parameters))
    if violations:
        raise SpecError(violations)
    return tuple(layers)


def check_model(spec: JobSpec, dataset: Dataset) -> None:
    """Refuse a model that does not fit the data: SpecError names the layer, what it gives and what is
    needed."""
    layers = summarize_layers(spec, dataset.feature_shape)
    linear = [position for position, layer in enumerate(spec.model) if isinstance(layer, LinearSpec)]
    if not linear:
        raise SpecError([Violation("model", "there is nothing to train: add a `linear` layer")])
    last, shape = linear[-1], layers[-1].output_shape
    problem = _problem_with_outputs(shape[0], dataset)
    if problem:
        message = f"the model ends in {_count(shape[0], 'output')}, {problem} in model[{last}].linear"
        raise SpecError([Violation(f"model[{last}].linear.units", message)])


def _problem_with_outputs(outputs: int, dataset: Dataset) -> str | None:
    if dataset.classes is None:
        width = dataset.train_targets.shape[1]
        fits = outputs == width
        needs = f"each sample has {_count(width, 'target value')}: set units: {width}"
    else:
        # Numbered labels may leave out the last classes; named ones are all there are.
        fits = outputs == dataset.classes if dataset.class_names else outputs >= dataset.classes
        needs = f"the labels have {dataset.classes} classes: set units: {dataset.classes}"
    return None if fits else needs


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
