"""A step plan whose arrays are on an imitation of a GPU: it becomes a CUDA graph, and is replayed as that."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import host_gpu
import numpy as np
import pytest

from chainrule.core import losses, nn, optim
from chainrule.core.array import to_device
from chainrule.core.cuda import fused
from chainrule.core.training_step import Prediction, TrainingStep
from chainrule.worker.precision import Storage

RNG = np.random.default_rng(0)
IDS, LABELS = RNG.integers(0, 9, (2, 12)), RNG.integers(0, 5, (2, 12))


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> host_gpu.Module:
    source = fused.SOURCE.read_text()
    module = host_gpu.Module(host_gpu.compiled(source, tmp_path), source)
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def network(device: str, *more: nn.Module) -> nn.Module:
    layers = nn.Embedding(9, 4), nn.LSTM(4, 3), nn.BatchNorm(12), *more, nn.TimeLinear(3, 5)
    model = nn.Sequential(*layers)
    nn.initialize(model, 0)
    for tensor in (*model.parameters().values(), *nn.buffers(model).values()):
        tensor.data = to_device(tensor.data, device)
    return model


def training(device: str, *more: nn.Module) -> tuple[TrainingStep, optim.FlatOptimizer]:
    model = network(device, *more)
    optimizer = optim.FlatOptimizer(optim.Adam(), model)
    return TrainingStep(model, losses.softmax_cross_entropy, optimizer), optimizer


def test_a_training_step_is_eager_then_captured_then_launched_and_updates_outside_the_graph(
    gpu: host_gpu.Module,
) -> None:
    """Labels and ids are not looked at in the course of a capture, and nothing is copied from the host."""
    (there, optimizer), (here, expected) = training("cuda"), training("cpu")
    for asked in ([], ["begin", "end", "launch"], ["launch"], ["launch"]):
        gpu.log.clear()
        loss: Any = there(IDS, LABELS)
        assert [entry for entry in gpu.log if not entry.startswith("allocate")] == asked
        if asked == ["launch"]:
            continue  # of the imitation it computes nothing
        np.testing.assert_allclose(loss.get(), here(IDS, LABELS), rtol=1e-5)
        np.testing.assert_allclose(optimizer.parameters.get(), expected.parameters, rtol=1e-4, atol=1e-6)
    assert there.plan.reasons == []
    assert optimizer.steps == 4


def test_a_prediction_is_launched_from_its_third_call_on(gpu: host_gpu.Module) -> None:
    there, here = Prediction(network("cuda")), Prediction(network("cpu"))
    for _ in range(3):
        y: Any = there(IDS)
        np.testing.assert_allclose(y.get(), here(IDS), rtol=1e-5, atol=1e-6)
    assert gpu.log.count("begin") == 1
    assert gpu.log[-2:] == ["launch", "launch"]


def test_a_step_that_draws_numbers_stays_eager_and_says_so_once(
    gpu: host_gpu.Module, caplog: pytest.LogCaptureFixture
) -> None:
    step, _ = training("cuda", nn.Dropout(0.5))
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            step(IDS, LABELS)
    assert len(caplog.records) == 1
    (reason,) = step.plan.reasons
    assert "the forward pass reads the step, the seed or the sample of its context" in reason
    assert "launch" not in gpu.log


def test_a_worker_moves_parameters_to_where_the_graph_reads_them(gpu: host_gpu.Module) -> None:
    model = network("cuda")
    storage = Storage(model, "float32", "cuda")
    tensors = list(model.parameters().values())
    storage.use([np.zeros(tensor.shape, np.float32) for tensor in tensors])
    places = [tensor.data for tensor in tensors]
    storage.use([np.ones(tensor.shape, np.float32) for tensor in tensors])
    for tensor, place in zip(tensors, places, strict=True):
        assert tensor.data.data.ptr == place.data.ptr
        assert place.get().all()
