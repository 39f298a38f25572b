"""How a step comes to be a CUDA graph, against an imitation of CuPy's streams: no GPU has captured one."""

from __future__ import annotations

import ctypes
import logging
import sys
from typing import Any

import host_gpu
import numpy as np
import pytest

from chainrule.core import nn, ops
from chainrule.core.array import readable
from chainrule.core.cuda import fused
from chainrule.core.cuda.graph import CapturedStep
from chainrule.core.tensor import Tensor

RNG = np.random.default_rng(0)
TRAINING = nn.ForwardContext(training=True)


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


def called(step: CapturedStep, *inputs: Any, out: Any = (), held: Any = (), key: Any = "") -> list[Any]:
    key = key or [(array.shape, array.dtype) for array in inputs]
    return [array.get().tolist() for array in step(str(key), inputs, out, TRAINING, held)]


def logged(gpu: host_gpu.Module) -> CapturedStep:
    """A step that doubles its argument and says so."""

    def compute(inputs: Any, out: Any, context: nn.ForwardContext) -> list[Any]:
        gpu.log.append(f"compute {inputs[0].shape[0]}")
        for target in out:
            target[...] = inputs[0] * 3
        return [inputs[0] * 2]

    return CapturedStep(compute)


def test_the_first_call_is_eager_the_second_captured_and_later_ones_only_launched(
    gpu: host_gpu.Module,
) -> None:
    step = logged(gpu)
    assert called(step, np.ones(3, np.float32)) == [[2, 2, 2]]
    assert asked(gpu) == ["compute 3"]
    called(step, np.ones(3, np.float32))
    assert asked(gpu) == ["begin", "compute 3", "end", "launch"]
    assert called(step, np.ones(3, np.float32)) == [[2, 2, 2]]
    assert asked(gpu) == ["launch"]


def test_another_key_is_captured_anew_and_the_first_is_kept(gpu: host_gpu.Module) -> None:
    step = logged(gpu)
    for x in (np.ones(3), np.ones(3), np.ones(2), np.ones(2), np.ones(2, np.float32)):
        called(step, x)
    assert asked(gpu).count("begin") == 2
    called(step, np.ones(3))
    assert asked(gpu) == ["launch"]


def test_what_lies_elsewhere_than_before_is_captured_anew(gpu: host_gpu.Module) -> None:
    step, parameter = logged(gpu), gpu.asarray(np.ones(3))
    for held in (parameter, parameter, gpu.asarray(np.ones(3)), parameter[:2], parameter):
        called(step, np.ones(3), held=[held], key="one")
    captured = ["begin", "compute 3", "end", "launch"]
    assert asked(gpu) == ["compute 3", *captured, "compute 3", "compute 3", "launch"]


def test_inputs_go_into_the_buffers_that_the_graph_reads(gpu: host_gpu.Module) -> None:
    seen: list[Any] = []

    def compute(inputs: Any, out: Any, context: nn.ForwardContext) -> Any:
        seen.append(inputs[0])
        return inputs

    step = CapturedStep(compute)
    called(step, np.zeros(2))
    assert called(step, np.ones(2)) == [[1, 1]]
    assert called(step, gpu.asarray(np.full(2, 5.0))) == [[5, 5]]
    assert seen[0] is seen[1]
    assert len(seen) == 2


def test_gradients_go_where_they_are_wanted_on_the_device_or_the_host(gpu: host_gpu.Module) -> None:
    step, there, here = logged(gpu), gpu.asarray(np.zeros(2)), np.zeros(2)
    for _ in range(3):
        there[...], here[...] = 0, 0
        called(step, np.ones(2), out=[there, here])
        assert here.tolist() == [3, 3]
        if "compute 2" in asked(gpu):  # a launch of the imitation computes nothing
            assert there.get().tolist() == [3, 3]


def test_eager_and_captured_calls_allocate_from_a_pool_of_their_own(gpu: host_gpu.Module) -> None:
    step = logged(gpu)
    called(step, np.ones(3))
    called(step, np.ones(3))
    assert [entry for entry in gpu.log if entry.startswith("allocate")] == ["allocate from a pool's"] * 2
    assert gpu.stream is gpu.null


def test_what_refuses_capture_makes_the_step_eager_and_is_said_once(
    gpu: host_gpu.Module, caplog: pytest.LogCaptureFixture
) -> None:
    def compute(inputs: Any, out: Any, context: nn.ForwardContext) -> Any:
        if gpu.stream is not gpu.null and not readable(inputs[0]):
            raise NotImplementedError("calling cuBLAS API during stream capture is currently unsupported")
        return [inputs[0] + 1]

    step = CapturedStep(compute)
    with caplog.at_level(logging.WARNING):
        results = [called(step, np.full(2, float(value))) for value in range(5)]
    assert results == [[[value + 1] * 2] for value in range(5)]
    assert step.refusal is not None
    (record,) = caplog.records
    assert record.getMessage().startswith(
        "A training step cannot be a CUDA graph, and runs eagerly: NotImplementedError: calling"
    )
    assert asked(gpu) == ["begin", "end"]
    assert readable(gpu.asarray(1.0))
    assert gpu.stream is gpu.null


def test_a_copy_from_the_host_inside_the_step_is_refused(gpu: host_gpu.Module) -> None:
    def compute(inputs: Any, out: Any, context: nn.ForwardContext) -> Any:
        if callable(gpu.pinned):
            gpu.pinned(inputs[0].nbytes)
        return inputs

    step = CapturedStep(compute)
    called(step, np.zeros(2))
    called(step, np.zeros(2))
    assert step.refusal == "NotCapturable: 16 bytes are copied from the host to the GPU inside the step"
    assert gpu.pinned == gpu.pool.malloc


def test_a_step_that_draws_random_numbers_is_refused(gpu: host_gpu.Module) -> None:
    step = CapturedStep(lambda inputs, out, context: [gpu.asarray(context.uniform(0, Tensor(inputs[0])))])
    for _ in range(3):
        called(step, np.zeros((2, 2)))
    assert (step.refusal or "").startswith("Unplannable: the forward pass reads the step")


def test_no_more_than_eight_graphs_are_kept(gpu: host_gpu.Module) -> None:
    step = logged(gpu)
    for size in range(1, 11):
        called(step, np.ones(size))
    assert len(step._steps) == 8


def test_an_error_of_the_step_itself_comes_out_of_the_first_call(gpu: host_gpu.Module) -> None:
    with pytest.raises(ZeroDivisionError):
        called(CapturedStep(lambda inputs, out, context: [1 / 0]), np.ones(2))
    assert gpu.stream is gpu.null


@pytest.mark.parametrize("count", [8, 9, 16])
def test_no_more_than_eight_arrays_are_joined_by_one_call_of_cupys(
    gpu: host_gpu.Module, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more it copies a table of their addresses from the host."""
    widths: list[int] = []
    plain = gpu.concatenate

    def concatenate(parts: Any, axis: int) -> Any:
        widths.append(len(parts))
        return plain(parts, axis=axis)

    monkeypatch.setattr(gpu, "concatenate", concatenate, raising=False)
    parts = [gpu.asarray(RNG.standard_normal((2, 3))) for _ in range(count)]
    expected = np.concatenate([part.get() for part in parts], axis=1)
    np.testing.assert_array_equal(ops.concatenate(parts, axis=1).get(), expected)
    assert max(widths) <= 8
