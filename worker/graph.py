"""What a job computes, as a graph: one pass of its model over some of its samples, and its loss."""

from __future__ import annotations

import numpy as np

from ..core import ComputationalGraph, Tensor, losses, nn, trace
from .data import load_dataset
from .model import build_model, check_model
from .spec import JobSpec


def job_graph(spec: JobSpec, samples: int = 1, backward: bool = False) -> ComputationalGraph:
    """The graph of a training pass over the first `samples`, the gradients of its parameters with `backward`.

    Raises DataError and SpecError, as training the job would. There may be fewer samples: they are repeated.
    """
    dataset = load_dataset(spec.dataset, loss=spec.loss, seed=spec.training.seed)
    check_model(spec, dataset)
    model = build_model(spec, dataset.feature_shape, dataset.classes)
    rows = np.arange(samples) % dataset.train_samples
    x = Tensor(dataset.transform.apply(dataset.train_features[rows]))
    targets = dataset.train_targets[rows]
    context = nn.ForwardContext(training=True, seed=spec.training.seed)
    return trace(model, x, context, lambda output: losses.LOSSES[spec.loss](output, targets), backward)
