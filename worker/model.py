"""The model of a job: built from its description, and saved with all that predicting on new data takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core import Tensor, nn, no_grad, ops
from ..core.errors import ChainruleError, FileFormatError, ShapeError
from ..core.serialize import digest as digest_of
from ..core.serialize import load_tensors, save_tensors
from .data.dataset import Dataset
from .data.transform import FeatureTransform
from .durable import put_file, sync_file
from .inputs import read_inputs
from .model_check import check_model, summarize_layers
from .spec import DropoutSpec, JobSpec, LinearSpec, parse_spec

__all__ = ["SavedModel", "build_model", "check_model", "load_model", "read_inputs", "save_model"]

FILE_FORMAT = "chainrule-model"
FILE_VERSION = "1"
_ROWS_AT_A_TIME = 1024

_PLAIN_LAYERS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "flatten": nn.Flatten,
}


def build_model(spec: JobSpec, feature_shape: tuple[int, ...], classes: int | None = None) -> nn.Sequential:
    """The described layers for samples of `feature_shape`, not yet initialized by the job's seed.

    `classes` is what `check_model` holds the outputs against; the layers do not depend on it.
    """
    layers: list[nn.Module] = []
    shape = feature_shape
    for layer, summary in zip(spec.model, summarize_layers(spec, feature_shape), strict=True):
        if isinstance(layer, LinearSpec):
            layers.append(nn.Linear(shape[0], layer.units, layer.bias))
        elif isinstance(layer, DropoutSpec):
            layers.append(nn.Dropout(layer.rate))
        else:
            layers.append(_PLAIN_LAYERS[layer.kind]())
        shape = summary.output_shape
    return nn.Sequential(*layers)


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A trained model as its file holds it; `digest` is the job's, `metadata` the file's own words."""

    model: nn.Sequential
    spec: JobSpec
    feature_shape: tuple[int, ...]
    transform: FeatureTransform
    classes: int | None
    class_names: tuple[str, ...] | None
    feature_names: tuple[str, ...] | None
    label_name: str | None
    digest: str
    metadata: Mapping[str, Any]

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Raw features (n, *feature_shape) -> outputs (n, outputs), float32: logits, or the predicted
        values."""
        features = np.asarray(features)
        if features.shape[1:] != self.feature_shape or features.ndim == 0:
            expected = ", ".join(map(str, ("n", *self.feature_shape)))
            raise ShapeError("predict, argument features", f"shape ({expected})", f"shape {features.shape}")
        starts = range(0, max(1, len(features)), _ROWS_AT_A_TIME)
        with no_grad():
            blocks = [self._outputs(features[start : start + _ROWS_AT_A_TIME]) for start in starts]
        return np.concatenate(blocks)

    def classify(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Raw features -> the likeliest class ids (n,), int64, and all probabilities (n, outputs),
        float32."""
        if self.classes is None:
            raise ChainruleError("this model predicts quantities, not classes: use its predicted values")
        logits = self.predict(features)
        with no_grad():
            probabilities = ops.softmax(Tensor(logits)).data
        return logits.argmax(axis=1).astype(np.int64), np.asarray(probabilities)

    def _outputs(self, features: np.ndarray) -> np.ndarray:
        return np.asarray(self.model(Tensor(self.transform.apply(features))).data)


def save_model(
    path: Path, spec: JobSpec, tensors: Mapping[str, np.ndarray], dataset: Dataset, digest: str
) -> None:
    """Write a model file, atomically and synced: either the whole file is at `path` or what was there before.

    tensors: parameters and buffers by name. digest: the job's, kept as it is.
    """
    tensors = dict(tensors)
    description = {
        "spec": spec.model_dump_job(),
        "feature_shape": list(dataset.feature_shape),
        "transform": dataset.transform.to_json(),
        "classes": dataset.classes,
        "class_names": dataset.class_names,
        "feature_names": dataset.feature_names,
        "label_name": dataset.label_name,
        "digest": digest,
        "weights_digest": _weights_digest(tensors),
    }
    metadata = {"format": FILE_FORMAT, "version": FILE_VERSION, "model": json.dumps(description)}
    written = path.with_name(f".{path.name}.partial")
    try:
        save_tensors(written, tensors, metadata)
        sync_file(written)
        put_file(written, path)
    finally:
        written.unlink(missing_ok=True)


def load_model(path: Path | str) -> SavedModel:
    """The model in a file that `save_model` wrote; FileFormatError says why any other file is not one."""
    path = Path(path)
    if path.is_dir():
        raise FileFormatError(f"{path} is a folder: expected a model file, such as model.safetensors")
    tensors, metadata = load_tensors(path)
    if metadata.get("format") != FILE_FORMAT:
        raise FileFormatError(
            f"{path} is a safetensors file, but not a model saved by chainrule: it does not say how its "
            "layers "
            "are connected. Expected a model.safetensors that a chainrule job left behind"
        )
    if metadata.get("version") != FILE_VERSION:
        raise FileFormatError(
            f"{path} has version {metadata.get('version')} of the model format, this chainrule reads version "
            f"{FILE_VERSION}: use the release of chainrule that wrote it"
        )
    try:
        return _rebuilt(tensors, json.loads(metadata["model"]))
    except (ChainruleError, KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path} is a damaged model file: {error}") from error


def _rebuilt(tensors: dict[str, np.ndarray], description: dict[str, Any]) -> SavedModel:
    spec = parse_spec(description["spec"])
    feature_shape = tuple(description["feature_shape"])
    model = build_model(spec, feature_shape, description["classes"])
    parameters = model.parameters() | nn.buffers(model)
    if set(tensors) != set(parameters):
        raise ValueError(f"expected the tensors {sorted(parameters)}, found {sorted(tensors)}")
    if _weights_digest({name: tensors[name] for name in parameters}) != description["weights_digest"]:
        raise ValueError("its weights are not the ones that were saved (the checksum differs)")
    for name, parameter in parameters.items():
        if tensors[name].shape != parameter.shape:
            raise ValueError(f"{name} has shape {tensors[name].shape}, the layer needs {parameter.shape}")
        parameter.data = tensors[name]
    return SavedModel(
        model=model,
        spec=spec,
        feature_shape=feature_shape,
        transform=FeatureTransform.from_json(description["transform"]),
        classes=description["classes"],
        class_names=_names(description["class_names"]),
        feature_names=_names(description["feature_names"]),
        label_name=description["label_name"],
        digest=description["digest"],
        metadata=description,
    )


def _names(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


def _weights_digest(tensors: Mapping[str, np.ndarray]) -> str:
    return digest_of(tensors.values())
