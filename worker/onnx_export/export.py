"""A model, alone or with all that its file holds, as an ONNX file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core import nn
from ...core.errors import ChainruleError
from ..data.transform import FeatureTransform
from ..durable import put_file, sync_file
from ..features import takes_integers
from ..model import SavedModel
from .graph import Graph, Value
from .table import TRANSLATORS


@dataclass(frozen=True)
class ExportedFile:
    """What was written. inputs, outputs: the shapes of one sample; the batch is an axis more, of any size."""

    path: Path
    inputs: tuple[int, ...]
    input_type: str
    outputs: tuple[int, ...]
    size_bytes: int


def export_saved_model(saved: SavedModel, path: Path, probabilities: bool = False) -> ExportedFile:
    """Write a trained model to `path`, so that it takes raw features as `predict` does. All of it or nothing.

    probabilities: end in the probabilities of the classes instead of logits. Raises ChainruleError where the
    model has none, or a layer cannot be exported.
    """
    if probabilities and not saved.classifies:
        raise ChainruleError("this model predicts no classes: it has no probabilities")
    if saved.pipeline.to_json():
        kinds = ", ".join(kind for each in saved.pipeline.to_json() for kind in each)
        raise ChainruleError(f"a model whose samples are transformed ({kinds}) cannot be exported yet")
    words = {"job": saved.spec.name, "digest": saved.digest}
    if saved.class_names is not None:
        words["class_names"] = json.dumps(saved.class_names)
    content = export_model(
        saved.model,
        saved.feature_shape,
        transform=saved.transform,
        ending=nn.Softmax() if probabilities else None,
        words=words,
    )
    written = path.with_name(f".{path.name}.partial")
    try:
        written.write_bytes(content)
        sync_file(written)
        put_file(written, path)
    finally:
        written.unlink(missing_ok=True)
    return ExportedFile(
        path,
        saved.feature_shape,
        "int64" if takes_integers(saved.model) else "float32",
        saved.model.output_shape(saved.feature_shape),
        len(content),
    )


def export_model(
    model: nn.Module,
    feature_shape: tuple[int, ...],
    *,
    transform: FeatureTransform | None = None,
    ending: nn.Module | None = None,
    words: Mapping[str, str] | None = None,
) -> bytes:
    """The ONNX file of a model, as it is when it is used, for samples of `feature_shape`.

    Its input `features` (batch, *feature_shape) is float32, or int64 where the model begins with an
    embedding; its output `outputs` is float32. transform: done to the features first, not to integers.
    ending: a layer behind the last. words: kept in the file.
    """
    graph = Graph(model, TRANSLATORS)
    integers = takes_integers(model)
    features = Value("features", feature_shape)
    x = features
    if transform is not None and not integers:
        x = Value(_transformed(graph, transform, features), feature_shape)
    x = graph.apply(model, x)
    if ending is not None:
        x = graph.apply(ending, x)
    return graph.finished(features, x, integers, words or {})


def _transformed(graph: Graph, transform: FeatureTransform, features: Value) -> str:
    """(features - offset) * scale, without the part that would change nothing."""
    name = features.name
    if transform.offset.any():
        name = graph.op("Sub", name, graph.constant(transform.offset))
    if np.any(transform.scale != 1):
        name = graph.op("Mul", name, graph.constant(transform.scale))
    return name
