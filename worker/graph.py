"""What a job computes, as a graph: one pass of its model over some of its samples, and its loss."""

from __future__ import annotations

import numpy as np

from ..core import ComputationalGraph, Tensor, nn, trace
from .data import load_dataset
from .features import check_ids, model_inputs, takes_integers
from .model import build_model, check_model
from .objective import Objective
from .spec import JobSpec


def job_graph(spec: JobSpec, samples: int = 1, backward: bool = False) -> ComputationalGraph:
    """The graph of a training pass over the first `samples`, the gradients of its parameters with `backward`.

    Raises DataError and SpecError, as training the job would. There may be fewer samples: they are repeated.
    """
    dataset = load_dataset(spec.dataset, loss=spec.loss, seed=spec.training.seed)
    check_model(spec, dataset)
    model = build_model(spec, dataset.feature_shape, dataset.classes)
    check_ids(model, dataset)
    nn.initialize(model, spec.training.seed)
    objective = Objective(spec, dataset)
    rows = np.arange(samples) % dataset.train_samples
    x = Tensor(
        model_inputs(dataset.train_features[rows], dataset.transform, takes_integers(model), dataset.pipeline)
    )

    def loss(output: Tensor) -> Tensor:
        mean = objective.train_loss(output, dataset.train_targets[rows]) * (1.0 / samples)
        penalty = objective.penalty(model.parameters())
        return mean if penalty is None else mean + penalty

    return trace(model, x, nn.ForwardContext(training=True, seed=spec.training.seed), loss, backward)
