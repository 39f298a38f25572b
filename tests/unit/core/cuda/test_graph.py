"""How a step comes to be a CUDA graph, against an imitation of CuPy's streams: no GPU has captured one."""

from __future__ import annotations

import ctypes
import logging
import sys
from typing import Any

import host_gpu
import numpy as np
import pytest

from chainrule.core import losses, nn, ops, optim
from chainrule.core.array import readable
from chainrule.core.cuda import fused
from chainrule.core.cuda.graph import CapturedStep
from chainrule.core.tensor import Tensor

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return host_gpu.compiled(fused.SOURCE.read_text(), tmp_path_factory.mktemp("kernels"))


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, kernels: ctypes.CDLL) -> host_gpu.Module:
    module = host_gpu.Module(kernels)
    monkeypatch.setitem(sys.modules, "cupy", module)  # pyright: ignore[reportArgumentType]
    return module


def asked(gpu: host_gpu.Module) -> list[str]:
    """What was asked of the GPU since the last look."""
    found = [entry for entry in gpu.log if not entry.startswith("allocate")]
    gpu.log.clear()
    return found


def logged(gpu: host_gpu.Module) -> CapturedStep:
    """A step that doubles its argument and says so."""

    def compute(x: Any) -> tuple[Any]:
        gpu.log.append(f"compute {x.shape[0]}")
        return (x * 2,)

    return CapturedStep(compute)


def test_the_first_call_is_eager_the_second_captured_and_later_ones_only_launched(
    gpu: host_gpu.Module,
) -> None:
    step = logged(gpu)
    (first,) = step(np.ones(3, np.float32))
    assert first.tolist() == [2, 2, 2]
    assert asked(gpu) == ["compute 3"]
    step(np.ones(3, np.float32))
    assert asked(gpu) == ["begin", "compute 3", "end", "launch"]
    step(np.ones(3, np.float32))
    assert asked(gpu) == ["launch"]


def test_another_shape_or_dtype_is_captured_anew_and_the_first_is_kept(gpu: host_gpu.Module) -> None:
    step = logged(gpu)
    for x in (np.ones(3), np.ones(3), np.ones(2), np.ones(2), np.ones(2, np.float32)):
        step(x)
    assert asked(gpu).count("begin") == 2
    step(np.ones(3))
    assert asked(gpu) == ["launch"]


def test_inputs_go_into_the_buffers_that_the_graph_reads_and_outputs_are_copies(gpu: host_gpu.Module) -> None:
    seen: list[Any] = []

    def compute(x: Any) -> tuple[Any]:
        seen.append(x)
        return (x,)

    step = CapturedStep(compute)
    step(np.zeros(2))
    (second,) = step(np.ones(2))
    (third,) = step(gpu.asarray(np.full(2, 5.0)))
    assert seen[0] is seen[1]
    assert len(seen) == 2
    assert second.tolist() == [1, 1]
    assert third.tolist() == seen[0].tolist() == [5, 5]


def test_eager_and_captured_calls_allocate_from_a_pool_of_their_own(gpu: host_gpu.Module) -> None:
    step = logged(gpu)
    step(np.ones(3))
    step(np.ones(3))
    assert [entry for entry in gpu.log if entry.startswith("allocate")] == ["allocate from a pool's"] * 2
    assert gpu.stream is gpu.null


def test_what_refuses_capture_makes_the_step_eager_and_is_said_once(
    gpu: host_gpu.Module, caplog: pytest.LogCaptureFixture
) -> None:
    def compute(x: Any) -> tuple[Any]:
        if gpu.stream is not gpu.null and not readable(x):
            raise NotImplementedError("calling cuBLAS API during stream capture is currently unsupported")
        return (x + 1,)

    step = CapturedStep(compute)
    with caplog.at_level(logging.WARNING):
        results = [step(np.full(2, float(value)))[0].tolist() for value in range(5)]
    assert results == [[value + 1] * 2 for value in range(5)]
    assert step.refusal is not None
    (record,) = caplog.records
    assert record.getMessage().startswith(
        "step runs eagerly, not as a CUDA graph: NotImplementedError: calling"
    )
    assert asked(gpu) == ["begin", "end"]
    assert readable(gpu.asarray(1.0))
    assert gpu.stream is gpu.null


def test_a_copy_from_the_host_inside_the_step_is_refused(gpu: host_gpu.Module) -> None:
    def compute(x: Any) -> tuple[Any]:
        if callable(gpu.pinned):
            gpu.pinned(x.nbytes)
        return (x,)

    step = CapturedStep(compute)
    step(np.zeros(2))
    step(np.zeros(2))
    assert step.refusal == "NotCapturable: 16 bytes are copied from the host to the GPU inside the step"
    assert gpu.pinned == gpu.pool.malloc


def test_no_more_than_eight_shapes_are_kept(gpu: host_gpu.Module) -> None:
    step = logged(gpu)
    for size in range(1, 11):
        step(np.ones(size))
    assert len(step._steps) == 8


def test_an_error_of_the_step_itself_comes_out_of_the_first_call(gpu: host_gpu.Module) -> None:
    with pytest.raises(ZeroDivisionError):
        CapturedStep(lambda x: (1 / 0,))(np.ones(2))
    assert gpu.stream is gpu.null


def test_a_networks_gradient_is_collected_inside_and_applied_outside(gpu: host_gpu.Module) -> None:
    """Labels and ids are not looked at in the course of a capture, and nothing is copied from the host."""
    model = nn.Sequential(nn.Embedding(9, 4), nn.LSTM(4, 3), nn.TimeLinear(3, 5))
    nn.initialize(model, 0)
    for parameter in model.parameters().values():
        parameter.data = gpu.asarray(parameter.data)
    optimizer = optim.FlatOptimizer(optim.Adam(), model)

    def compute(x: Any, labels: Any) -> tuple[Any]:
        loss = losses.softmax_cross_entropy(model(Tensor(x), nn.ForwardContext(training=True)), labels)
        loss.backward()
        optimizer.collect()
        return (loss.data,)

    step = CapturedStep(compute)
    batch = RNG.integers(0, 9, (2, 12)), RNG.integers(0, 5, (2, 12))
    (first,) = step(*batch)
    gradient = optimizer.gradient.copy()
    (second,) = step(*batch)
    assert step.refusal is None
    assert second.tobytes() == first.tobytes()
    assert optimizer.gradient.tobytes() == gradient.tobytes()
    optimizer.apply()
    assert optimizer.steps == 1


@pytest.mark.parametrize("count", [8, 9, 16])
def test_no_more_than_eight_arrays_are_joined_by_one_call_of_cupys(
    gpu: host_gpu.Module, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more it copies a table of their addresses from the host."""
    widths: list[int] = []
    plain = np.concatenate

    def concatenate(parts: Any, axis: int) -> Any:
        widths.append(len(parts))
        return plain(parts, axis)

    monkeypatch.setattr(gpu, "concatenate", concatenate, raising=False)
    parts = [gpu.asarray(RNG.standard_normal((2, 3))) for _ in range(count)]
    np.testing.assert_array_equal(ops.concatenate(parts, axis=1), plain(parts, 1))
    assert max(widths) <= 8
