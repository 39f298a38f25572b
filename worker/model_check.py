"""What a job's model is, layer by layer, and whether it fits the data."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ..core import nn
from ..core.init import unallocated
from .data.dataset import Dataset
from .data.transform import row_blocks
from .features import ONLY_SHAPE
from .layers import BuiltLayer, BuiltModel, Shape, build_layers
from .python_model import build_python_model, try_forward
from .spec import JobSpec, PythonModelSpec, SpecError, Violation
from .spec.losses import CTCSpec, Targets


@dataclass(frozen=True)
class LayerSummary:
    """One layer: its name as in errors and parameter names, one sample's output shape, trainable values."""

    name: str
    output_shape: tuple[int, ...]
    parameters: int


def summaries(model: BuiltModel) -> tuple[LayerSummary, ...]:
    """The layers; parameters that are shared count where they first are."""
    known: set[int] = set()
    rows = []
    for layer in model.layers:
        own = {id(tensor): tensor.size for tensor in layer.module.parameters().values()}
        size = sum(count for tensor, count in own.items() if tensor not in known)
        rows.append(LayerSummary(layer.name, layer.output_shape, size))
        known.update(own)
    return tuple(rows)


def build(spec: JobSpec, feature_shape: Shape, classes: int | None) -> BuiltModel:
    """The described model for samples of `feature_shape`. SpecError names the layer that does not fit."""
    if isinstance(spec.model, PythonModelSpec):
        with unallocated():
            module = build_python_model(spec.model, feature_shape, classes)
        shape = tuple(map(int, module.output_shape(feature_shape)))  # of NumPy's integers perhaps
        inner = sum(parameter.shape[-1] for parameter in module.parameters().values() if parameter.ndim)
        values, name = 3 * (inner + prod(shape)), f"{spec.model.factory}.{module.kind}"
        return BuiltModel(module, (BuiltLayer("model", name, module, shape, values),))
    return build_layers(spec.model, feature_shape)


def check_model(spec: JobSpec, dataset: Dataset) -> BuiltModel:
    """The model of a job; refuses one that does not fit the data: SpecError names the layer, what it gives
    and what is needed."""
    model = build(spec, dataset.feature_shape, dataset.classes)
    if isinstance(spec.model, PythonModelSpec):
        try_forward(spec.model, model.module, dataset.feature_shape)
    trained = [layer for layer in model.layers if layer.module.parameters()]
    if not trained:
        raise SpecError([Violation("model", "there is nothing to train: add a `linear` layer")])
    described = not isinstance(spec.model, PythonModelSpec)
    if spec.loss.kind in _LOG_PROBABILITIES and described and not _ends_in_log_softmax(model.module):
        message = f"{spec.loss.kind} needs a model that ends in log_softmax: put `log_softmax` at its end"
        raise SpecError([Violation("model", message)])
    problem = _problem_with_outputs(spec, model.output_shape, dataset)
    if problem is not None:
        last = trained[-1]
        place = f" in {last.field}" if last.field != "model" else ""
        field = f"{last.field}.units" if last.field.endswith("linear") else last.field
        raise SpecError([Violation(field, f"the model ends in {problem}{place}")])
    return model


_LOG_PROBABILITIES = ("negative_log_likelihood", "kl_divergence")


def _ends_in_log_softmax(module: nn.Module) -> bool:
    """Whether it gives logarithms of probabilities, perhaps in another shape."""
    while isinstance(module, nn.Sequential):
        computing = [layer for layer in module.layers if not isinstance(layer, ONLY_SHAPE)]
        module = (computing or module.layers)[-1]
    return isinstance(module, nn.LogSoftmax)


def _problem_with_outputs(spec: JobSpec, shape: Shape, dataset: Dataset) -> str | None:
    """What comes out and what should; None if it fits."""
    target_shape = dataset.train_targets.shape[1:]
    if spec.loss.targets is Targets.LABEL:
        return None if len(shape) == 1 else f"outputs of shape {shape}, {spec.loss.kind} needs vectors"
    if spec.loss.targets is Targets.NUMBERS:
        fits = shape == target_shape
        needs = (
            f"each sample has {_count(prod(target_shape), 'target value')}: set units: {prod(target_shape)}"
        )
        return None if fits else f"{_outputs(shape)}, {needs}"
    assert dataset.classes is not None
    if spec.loss.targets is Targets.SEQUENCE:
        if len(shape) == 2 and shape[1] >= dataset.classes:
            _check_ctc(spec, shape, dataset)
            return None
        return f"outputs of shape {shape}, {spec.loss.kind} needs (time, {dataset.classes} classes or more)"
    outer, outputs = shape[:-1], shape[-1]
    if outer != target_shape:
        wanted = ", ".join(map(str, (*target_shape, "classes")))
        return f"outputs of shape {shape}, the labels need ({wanted})"
    # Numbered labels may leave out the last classes; named ones are all there are.
    fits = outputs == dataset.classes if dataset.class_names else outputs >= dataset.classes
    needs = f"the labels have {dataset.classes} classes: set units: {dataset.classes}"
    if not fits:
        return f"{_count(outputs, 'output')}, {needs}"
    weights = getattr(spec.loss, "class_weights", ())
    if weights and len(weights) != outputs:
        field = f"loss.{spec.loss.kind}.class_weights"
        message = f"expected a weight for each of the {outputs} outputs, got {_count(len(weights), 'weight')}"
        raise SpecError([Violation(field, message)])
    return None


def _check_ctc(spec: JobSpec, shape: Shape, dataset: Dataset) -> None:
    assert isinstance(spec.loss, CTCSpec)
    (steps, outputs), blank, padding = shape, spec.loss.blank, spec.loss.padding
    if blank >= outputs:
        message = f"expected one of the {outputs} outputs, 0 to {outputs - 1}, got {blank}"
        raise SpecError([Violation("loss.ctc.blank", message)])
    parts = dataset.train_targets, dataset.test_targets
    for labels in (block for part in parts for block in row_blocks(part)):
        spelled = labels != padding
        if (spelled & (labels == blank)).any():
            message = f"expected a class that no label is, but {blank} is one of the labels"
            raise SpecError([Violation("loss.ctc.blank", message)])
        if (spelled[:, 1:] & ~spelled[:, :-1]).any():
            message = f"expected {padding} behind the labels of a sample only, it is also before some"
            raise SpecError([Violation("loss.ctc.padding", message)])
        equal = spelled[:, 1:] & (labels[:, 1:] == labels[:, :-1])  # a blank must lie between
        needed = int((spelled.sum(axis=1) + equal.sum(axis=1)).max(initial=0))
        if needed > steps:
            message = (
                f"the model gives {_count(steps, 'step')} of time, but the longest labels take {needed}, "
                "with a blank between equal ones: shorten the time less, or leave such samples out"
            )
            raise SpecError([Violation("model", message)])


def _outputs(shape: Shape) -> str:
    return _count(shape[0], "output") if len(shape) == 1 else f"outputs of shape {shape}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
