"""Trained models as ONNX files: raw features in, logits, probabilities or values out, and checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from chainrule.core import nn
from chainrule.core.errors import ChainruleError
from chainrule.worker.data import FeatureTransform
from chainrule.worker.model import SavedModel
from chainrule.worker.onnx_export import ExportedFile, export_saved_model
from chainrule.worker.onnx_export.check import largest_difference
from chainrule.worker.spec import parse_spec

SPEC = {
    "name": "small",
    "dataset": {"source": "digits"},
    "model": [{"linear": {"units": 3}}],
    "loss": "softmax_cross_entropy",
    "optimizer": "adam",
}


def trained(model: nn.Module | None = None, shape: tuple[int, ...] = (4,), **changes: Any) -> SavedModel:
    model = nn.Sequential(nn.Linear(4, 3)) if model is None else model
    fields: dict[str, Any] = {
        "model": model,
        "spec": parse_spec(SPEC),
        "feature_shape": shape,
        "transform": FeatureTransform.scaling(np.array([100.0] * 4), np.array([0.01, 0.1, 1, 10])),
        "classes": 3,
        "class_names": ("red", "green", "blue"),
        "feature_names": None,
        "label_name": None,
        "categories": {},
        "digest": "abc",
        "metadata": {},
    }
    return SavedModel(**{**fields, **changes})


def test_the_file_computes_from_raw_features_what_the_model_does(tmp_path: Path) -> None:
    saved = trained()
    path = tmp_path / "model.onnx"
    written = export_saved_model(saved, path)
    assert written == ExportedFile(path, (4,), "float32", (3,), path.stat().st_size)
    assert largest_difference(path, saved, probabilities=False) < 1e-5
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_ends_in_probabilities_where_they_are_wanted(tmp_path: Path) -> None:
    saved = trained()
    export_saved_model(saved, tmp_path / "model.onnx", probabilities=True)
    assert largest_difference(tmp_path / "model.onnx", saved, probabilities=True) < 1e-5
    assert largest_difference(tmp_path / "model.onnx", saved, probabilities=False) > 0.01


def test_a_file_of_another_model_is_found_out(tmp_path: Path) -> None:
    export_saved_model(trained(), tmp_path / "model.onnx")
    other = nn.Sequential(nn.Linear(4, 3))
    nn.initialize(other, 7)
    assert largest_difference(tmp_path / "model.onnx", trained(other), probabilities=False) > 0.01


def test_the_file_names_its_classes_job_and_digest(tmp_path: Path) -> None:
    export_saved_model(trained(), tmp_path / "model.onnx")
    words = {each.key: each.value for each in onnx.load(tmp_path / "model.onnx").metadata_props}
    assert words["job"] == "small" and words["digest"] == "abc"
    assert json.loads(words["class_names"]) == ["red", "green", "blue"]


def test_a_model_of_quantities_has_no_probabilities(tmp_path: Path) -> None:
    of_quantities = parse_spec({**SPEC, "loss": "squared_error"})
    saved = trained(spec=of_quantities, classes=None, class_names=None)
    with pytest.raises(ChainruleError, match="predicts no classes: it has no probabilities"):
        export_saved_model(saved, tmp_path / "model.onnx", True)
    assert not list(tmp_path.iterdir())
