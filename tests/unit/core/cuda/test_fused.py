"""The CUDA kernels, compiled for the host, compute what NumPy does. No GPU has run them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import host_gpu
import numpy as np
import pytest

from chainrule.core import Tensor, grad, losses, optim
from chainrule.core.cuda import fused

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def gpu(tmp_path_factory: pytest.TempPathFactory) -> host_gpu.Module:
    source = fused.SOURCE.read_text()
    return host_gpu.Module(host_gpu.compiled(source, tmp_path_factory.mktemp("kernels")), source)


@pytest.fixture(autouse=True)
def _installed(gpu: host_gpu.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", gpu)  # pyright: ignore[reportArgumentType]


def numbers(gpu: host_gpu.Module, *shape: int) -> Any:
    return gpu.asarray(RNG.standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_cross_entropy_and_its_gradient_are_those_of_the_host(gpu: Any, kind: type) -> None:
    logits, labels = numbers(gpu, 37, 11) * 9, gpu.asarray(RNG.integers(0, 11, 37).astype(kind))
    there, here = Tensor(logits, requires_grad=True), Tensor(logits.get(), requires_grad=True)
    of_there = losses.softmax_cross_entropy(there, labels)
    of_here = losses.softmax_cross_entropy(here, labels.get())
    np.testing.assert_allclose(of_there.numpy(), of_here.data, rtol=1e-6)
    for a, b in zip(grad(of_there, [there]), grad(of_here, [here]), strict=True):
        np.testing.assert_allclose(a.numpy(), b.data, rtol=1e-5, atol=1e-7)


def test_a_label_that_is_no_class_gives_nan_and_reads_nothing_beside_the_row(gpu: Any) -> None:
    logits = numbers(gpu, 2, 3)
    assert np.isnan(fused.cross_entropy(logits, gpu.asarray([0, 3])).item())
    assert np.isnan(fused.cross_entropy(logits, gpu.asarray([-1, 0])).item())


@pytest.mark.parametrize(
    "rule", [optim.Adam(), optim.Adam(weight_decay=0.1), optim.AdamW(0.1, weight_decay=0.2)]
)
def test_adam_in_one_pass_takes_the_steps_of_the_host(gpu: Any, rule: optim.Adam) -> None:
    there = [numbers(gpu, 1001), gpu.zeros(1001, np.float32), gpu.zeros(1001, np.float32)]
    here = [array.get() for array in there]
    for step in range(1, 6):
        g = numbers(gpu, 1001)
        rule.update(step, g, there[0], there[1:], there[0], there[1:])
        rule.update(step, g.get(), here[0], here[1:], here[0], here[1:])
    for a, b in zip(there, here, strict=True):
        np.testing.assert_allclose(a.get(), b, rtol=2e-5, atol=1e-6)


def test_every_kernel_of_the_file_is_called(gpu: host_gpu.Module) -> None:
    calls = Path(fused.__file__).read_text()
    assert all(f'"{name}"' in calls for name in gpu.parameters)


def test_host_arrays_are_not_for_kernels() -> None:
    assert not fused.suits(np.zeros(3, np.float32))
