"""The model of a job: built from its description, and saved with all that predicting on new data takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core import Tensor, nn, no_grad, ops
from ..core.errors import ChainruleError, FileFormatError, ShapeError
from ..core.nn.dropout import number_dropouts
from ..core.serialize import digest as digest_of
from ..core.serialize import load_tensors, save_tensors
from .data.dataset import Dataset
from .data.transform import FeatureTransform
from .data.transforms import NO_TRANSFORMS, Pipeline, pipeline_from_json
from .durable import put_file, sync_file
from .features import model_inputs, takes_integers
from .inputs import read_inputs
from .model_check import build, check_model
from .python_model import source_digest
from .spec import JobSpec, PythonModelSpec, parse_spec
from .spec.losses import Targets

__all__ = ["SavedModel", "build_model", "check_model", "load_model", "read_inputs", "save_model"]

FILE_FORMAT = "chainrule-model"
FILE_VERSION = "1"
_ROWS_AT_A_TIME = 1024


def build_model(spec: JobSpec, feature_shape: tuple[int, ...], classes: int | None = None) -> nn.Module:
    """The described model for samples of `feature_shape`, its parameters not allocated: whoever uses it
    binds them, or calls `nn.initialize`. A model in Python may depend on `classes`."""
    module = build(spec, feature_shape, classes).module
    for buffer in nn.buffers(module).values():
        buffer.data = np.array(buffer.data)  # of its own: a training pass moves it in place
    number_dropouts(module)
    return module


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A trained model as its file holds it; `digest` is the job's, `metadata` the file's own words.

    feature_shape: of a sample as it is given, before `transform` and `pipeline`.
    """

    model: nn.Module
    spec: JobSpec
    feature_shape: tuple[int, ...]
    transform: FeatureTransform
    classes: int | None
    class_names: tuple[str, ...] | None
    feature_names: tuple[str, ...] | None
    label_name: str | None
    categories: Mapping[str, tuple[str, ...]]
    digest: str
    metadata: Mapping[str, Any]
    pipeline: Pipeline = NO_TRANSFORMS

    @property
    def classifies(self) -> bool:
        """Whether its outputs are scores of classes."""
        return self.spec.loss.targets is Targets.CLASS

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
        """Raw features -> the likeliest class ids (n,), int64, and all probabilities (n, classes), float32;
        an id for each element, (n, time), where the model labels sequences."""
        if not self.classifies:
            what = "quantities" if self.classes is None else "vectors"
            raise ChainruleError(f"this model predicts {what}, not classes: use its predicted values")
        logits = self.predict(features)
        with no_grad():
            probabilities = ops.softmax(Tensor(logits)).data
        return logits.argmax(axis=-1).astype(np.int64), np.asarray(probabilities)

    def _outputs(self, features: np.ndarray) -> np.ndarray:
        inputs = model_inputs(features, self.transform, takes_integers(self.model), self.pipeline)
        return np.asarray(self.model(Tensor(inputs)).data)


def save_model(
    path: Path, spec: JobSpec, tensors: Mapping[str, np.ndarray], dataset: Dataset, digest: str
) -> None:
    """Write a model file, atomically and synced: either the whole file is at `path` or what was there before.

    tensors: parameters and buffers by name. digest: the job's, kept as it is.
    """
    tensors = dict(tensors)
    description = {
        "spec": spec.model_dump_job(),
        "feature_shape": list(dataset.raw_shape),
        "transform": dataset.transform.to_json(),
        "transforms": dataset.pipeline.to_json(),
        "classes": dataset.classes,
        "class_names": dataset.class_names,
        "feature_names": dataset.feature_names,
        "label_name": dataset.label_name,
        "categories": dataset.categories,
        "digest": digest,
        "weights_digest": _weights_digest(tensors),
    }
    if isinstance(spec.model, PythonModelSpec):
        description["source_digest"] = source_digest(spec.model)
    metadata = {"format": FILE_FORMAT, "version": FILE_VERSION, "model": json.dumps(description)}
    written = path.with_name(f".{path.name}.partial")
    try:
        save_tensors(written, tensors, metadata)
        sync_file(written)
        put_file(written, path)
    finally:
        written.unlink(missing_ok=True)


def load_model(path: Path | str, allow_code: bool = False) -> SavedModel:
    """The model in a file that `save_model` wrote; FileFormatError says why any other file is not one.

    allow_code: whether the Python file that made the model, if one did, may be run again for it.
    """
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
        return _rebuilt(tensors, json.loads(metadata["model"]), allow_code)
    except _NeedsCode as error:
        raise FileFormatError(f"{path}: {error}") from None
    except (ChainruleError, KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path} is a damaged model file: {error}") from error


class _NeedsCode(Exception):
    """A model that cannot be rebuilt without running code, which is not allowed or no longer the same."""


def _rebuilt(tensors: dict[str, np.ndarray], description: dict[str, Any], allow_code: bool) -> SavedModel:
    spec = parse_spec(description["spec"])
    if isinstance(spec.model, PythonModelSpec):
        if not allow_code:
            raise _NeedsCode(
                f"its layers are made by {spec.model.python}, which is not run unless you say so: look at "
                "that file, then use --allow-code (in Python: load_model(path, allow_code=True))"
            )
        if source_digest(spec.model) != description["source_digest"]:
            raise _NeedsCode(
                f"{spec.model.python} is not the file that made this model (its SHA-256 differs): put the "
                "old one back"
            )
    feature_shape = tuple(description["feature_shape"])
    pipeline = pipeline_from_json(description.get("transforms", ()))
    model = build_model(spec, pipeline.output_shape(feature_shape), description["classes"])
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
        categories={name: tuple(texts) for name, texts in description.get("categories", {}).items()},
        digest=description["digest"],
        metadata=description,
        pipeline=pipeline,
    )


def _names(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


def _weights_digest(tensors: Mapping[str, np.ndarray]) -> str:
    return digest_of(tensors.values())
