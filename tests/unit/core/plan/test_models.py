"""Whole models train planned as they train eagerly, to the last bit: weights, losses, running statistics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor, checkpointing, losses, nn, ops, optim
from chainrule.core.array import same_bits
from chainrule.core.nn import ForwardContext
from chainrule.core.training_step import Prediction, TrainingStep
from chainrule.worker.gradient_worker import GradientComputer
from chainrule.worker.model import build_model
from chainrule.worker.objective import Objective
from chainrule.worker.plan import initial_values, make_plan
from chainrule.worker.spec.job import load_spec

EXAMPLES = Path(__file__).parents[4] / "examples"


class Checkpointed(nn.Module):
    """A part of a network that is computed again for the gradient."""

    def __init__(self) -> None:
        self.first = nn.Linear(8, 16)
        self.block = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Dropout(0.3))

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return checkpointing.checkpoint(self.block, self.first(x, context), context=context)


class Shared(nn.Module):
    """One layer used three times."""

    def __init__(self) -> None:
        self.layer, self.out = nn.Linear(8, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        for _ in range(3):
            x = ops.tanh(self.layer(x, context))
        return self.out(x, context)


def residual() -> nn.Module:
    def body(channels: int) -> list[nn.Module]:
        return [nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm(4)]

    block = nn.Residual(nn.Sequential(*body(4), nn.ReLU(), *body(4)))
    return nn.Sequential(*body(1), nn.ReLU(), block, nn.ReLU(), nn.MaxPool(2), nn.Flatten(), nn.Linear(64, 4))


def of_permuted_images() -> nn.Module:
    """So large that NumPy would write over what nobody else has, with gradients in two orders in memory."""
    first = [nn.Permute(2, 0, 1), nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool(2)]
    second = [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.GlobalAvgPool(), nn.Linear(32, 4)]
    return nn.Sequential(*first, *second)


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "perceptron": (
        lambda: nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 4)),
        (8,),
    ),
    "residual convolutions": (residual, (1, 8, 8)),
    "permuted images": (of_permuted_images, (32, 32, 3)),
    "checkpointed": (lambda: nn.Sequential(Checkpointed(), nn.Linear(16, 4)), (8,)),
    "shared layer": (Shared, (8,)),
    "recurrent": (
        lambda: nn.Sequential(
            nn.GRU(5, 6, layers=2), nn.LSTM(6, 4, bidirectional=True, outputs="last"), nn.Linear(8, 4)
        ),
        (7, 5),
    ),
    "normalized": (
        lambda: nn.Sequential(
            nn.Linear(8, 12), nn.LayerNorm(12), nn.GELU(), nn.RMSNorm(12), nn.Linear(12, 4)
        ),
        (8,),
    ),
}


def trainer(name: str, freeze: bool) -> tuple[nn.Module, optim.FlatOptimizer]:
    model = MODELS[name][0]()
    nn.initialize(model, 0)
    if freeze:
        next(iter(model.parameters().values())).requires_grad = False
    return model, optim.FlatOptimizer(optim.Adam(1e-2), model)


@pytest.mark.parametrize("freeze", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_trains_planned_as_eagerly(name: str, freeze: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    batches = [
        (random.standard_normal((size, *MODELS[name][1])).astype(np.float32), random.integers(0, 4, size))
        for size in (16, 16, 16, 16, 16, 5, 5, 5, 5, 16, 16)
    ]

    def trained(planned: bool) -> list[Any]:
        model, optimizer = trainer(name, freeze)
        weights = list(model.parameters().values())

        def loss(outputs: Tensor, labels: Any) -> Tensor:
            return losses.softmax_cross_entropy(outputs, labels) + losses.l2(weights, 1e-3)

        step = TrainingStep(model, loss, optimizer)
        predict = Prediction(model)
        results = []
        for turn, (x, labels) in enumerate(batches):
            if not planned:
                step.plan._shapes.clear()
                predict.plan._shapes.clear()
            context = ForwardContext(training=True, seed=3, step=turn)
            results += [np.array(step(x, labels, context)), np.array(predict(x))]
        if planned:
            assert (len(step.plan.programs), len(predict.plan.programs)) == (2, 2)
            assert step.plan.reasons + predict.plan.reasons == []
        tensors = (*model.parameters().values(), *nn.buffers(model).values())
        return results + [np.array(tensor.data) for tensor in tensors]

    assert list(map(same_bits, trained(True), trained(False))).count(False) == 0


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("job", ["digits", "cnn", "lstm", "transformer", "regression"])
def test_a_worker_gives_the_gradients_of_the_eager_step(job: str, precision: str) -> None:
    spec = load_spec(EXAMPLES / f"{job}.yaml")
    plan = make_plan(spec)
    flat, _ = initial_values(plan)
    views = list(plan.layout.views(flat).values())

    def computer() -> GradientComputer:
        model = build_model(spec, plan.dataset.feature_shape, plan.dataset.classes)
        made = GradientComputer(model, plan.dataset, Objective(spec, plan.dataset), "cpu", precision)
        made.use(views)
        return made

    planned, eager = computer(), computer()
    random = np.random.default_rng(0)
    for step in range(6):
        gradients = []
        indices = random.permutation(plan.dataset.train_samples)[:16]
        context = ForwardContext(training=True, seed=0, step=step, first_sample=16 * step)
        for made in (planned, eager):
            eager.plan._shapes.clear()
            out = [np.full_like(view, np.nan) for view in views]
            loss = made.gradient(indices, 32, context, out, 2.0)
            gradients.append([np.float64(loss), *out, *map(np.array, made._seen)])
        assert all(map(same_bits, *gradients))
        for view in views:
            view += random.standard_normal(view.shape).astype(np.float32) * np.float32(0.01)
        planned.use(views)
        eager.use(views)
    assert planned.plan.reasons == []
