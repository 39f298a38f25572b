"""What tests/gpu does on a GPU, done here on an array module that is as strict as CuPy: the harness works."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import strict_device
from cases import ALL
from on_device import DTYPES, RULES, check_case, check_optimizer, trained, value_and_gradients

from chainrule.core import Tensor, ops, tensor
from chainrule.core.array import array_module, to_device
from chainrule.core.errors import DeviceError

CASES = [name for name in ALL if name != "op cast"]  # it gives what was asked for


@pytest.fixture(autouse=True)
def _device_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", strict_device.StrictModule())
    strict_device.to_host.clear()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_computed_on_the_device(name: str, dtype: str) -> None:
    function, arrays = ALL[name]
    check_case(function, arrays, dtype, "cuda")


@pytest.mark.parametrize("name", [name for name in CASES if "mined" not in name])
def test_nothing_but_single_numbers_comes_back_to_the_host_on_the_way(name: str) -> None:
    function, arrays = ALL[name]
    value_and_gradients(function, arrays, "cuda")
    assert all(size == 1 for size in strict_device.to_host)


def test_triplets_are_mined_on_the_host() -> None:
    function, arrays = ALL["loss mined_triplet_margin, hard"]
    value_and_gradients(function, arrays, "cuda")
    assert strict_device.to_host[0] == arrays[0].size


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RULES)
def test_optimizers_step_on_the_device(name: str, dtype: str) -> None:
    check_optimizer(RULES[name], dtype, "cuda")


def test_a_network_learns_on_the_device_what_it_learns_on_the_host() -> None:
    np.testing.assert_allclose(trained("cuda", 5), trained("cpu", 5), rtol=1e-4)


def test_arrays_of_two_devices_in_one_operation_are_refused() -> None:
    with pytest.raises(DeviceError) as caught:
        ops.add(tensor([1.0], device="cuda"), Tensor(np.ones(1)))
    assert str(caught.value) == "add: expected arrays on one device, got cupy and numpy"


def test_what_is_on_the_device_is_not_on_the_host_until_it_is_asked_for() -> None:
    there = to_device(np.ones(3), "cuda")
    assert array_module(there) is sys.modules["cupy"]
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(there)
    with pytest.raises(TypeError, match="Unsupported type"):
        _ = there + np.ones(3)
    assert not strict_device.to_host
    assert Tensor(there).numpy().tolist() == [1, 1, 1]
    assert strict_device.to_host == [3]
