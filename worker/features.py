"""How a model takes the features of a dataset: as numbers, or as the ids that an embedding looks up."""

from __future__ import annotations

import numpy as np

from ..core import nn
from .data.dataset import Dataset
from .data.transform import FeatureTransform, row_blocks
from .data.transforms import Draw, Pipeline
from .spec import SpecError, Violation

ONLY_SHAPE = (nn.Reshape, nn.Flatten, nn.Permute)


def first_layer(model: nn.Module) -> nn.Module | None:
    """The first layer that computes anything."""
    leaves = (module for module in model.modules() if next(module.children(), None) is None)
    return next((leaf for leaf in leaves if not isinstance(leaf, ONLY_SHAPE)), None)


def takes_integers(model: nn.Module) -> bool:
    """Whether the first layer that computes anything is an embedding: features are ids, and not scaled."""
    return isinstance(first_layer(model), nn.Embedding)


def model_inputs(
    features: np.ndarray,
    transform: FeatureTransform,
    integers: bool,
    pipeline: Pipeline,
    draw: Draw | None = None,
) -> np.ndarray:
    """Raw features as a model takes them: scaled and transformed, or as ids. With `draw` as in training."""
    if integers:
        return features.astype(np.int64)
    scaled = transform.apply(features)
    return pipeline.apply(scaled, draw) if pipeline.steps else scaled


def check_ids(model: nn.Module, dataset: Dataset) -> None:
    """Refuse features that are not the ids of a model that begins with an embedding. Raises SpecError."""
    embedding = first_layer(model)
    if not isinstance(embedding, nn.Embedding):
        return
    if dataset.pipeline.steps:
        message = (
            "the model begins with an embedding, which needs ids: of these transforms it can take tokenize"
        )
        raise SpecError([Violation("dataset.transforms", message)])
    for features in (dataset.train_features, dataset.test_features):
        for block in row_blocks(features):
            if not block.size:
                continue
            wrong = (block != np.floor(block)) | (block < 0)
            if wrong.any():
                message = f"the model begins with an embedding, which needs ids from 0, got {block[wrong][0]}"
                raise SpecError([Violation("dataset", message)])
            highest = int(block.max())
            if highest >= embedding.rows:
                message = (
                    f"the features are ids up to {highest}, its embedding has rows for 0 to "
                    f"{embedding.rows - 1}: set rows: {highest + 1}"
                )
                raise SpecError([Violation("model", message)])
