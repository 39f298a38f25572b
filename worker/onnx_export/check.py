"""Whether another program finds in an ONNX file what chainrule finds in the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...core import nn
from ...core.errors import ChainruleError
from ..model import SavedModel
from .export import takes_integers

SAMPLES = 8


def largest_difference(path: Path, saved: SavedModel, probabilities: bool) -> float:
    """How far onnxruntime's outputs are from ours at most, as a share of the largest of ours.

    Tried on random samples about as large as those of the training data.
    """
    try:
        import onnxruntime
    except ImportError as error:
        message = "checking an ONNX file needs the package onnxruntime: pip install onnxruntime"
        raise ChainruleError(message) from error
    features = _samples(saved)
    ours = saved.classify(features)[1] if probabilities else saved.predict(features)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [theirs] = session.run(None, {"features": features})
    return float(np.abs(np.asarray(theirs) - ours).max() / max(float(np.abs(ours).max()), 1e-30))


def _samples(saved: SavedModel) -> np.ndarray:
    random = np.random.default_rng(0)
    shape = (SAMPLES, *saved.feature_shape)
    if takes_integers(saved.model):
        embedding = next(module for module in saved.model.modules() if isinstance(module, nn.Embedding))
        return random.integers(0, embedding.rows, shape)
    standard = random.standard_normal(shape, np.float32)
    return (standard / saved.transform.scale + saved.transform.offset).astype(np.float32)
