"""Everything on a GPU as on the host: `make gpu`, where there is one."""

from __future__ import annotations

import numpy as np
import pytest
from cases import ALL
from on_device import DTYPES, RULES, check_case, check_optimizer, trained

from chainrule.core import Tensor, ops, tensor
from chainrule.core.array import FLOATS, device_module
from chainrule.core.errors import DeviceError

cupy = device_module("cuda")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in ALL if name != "op cast"])
def test_values_and_gradients_are_those_of_the_host(name: str, dtype: str) -> None:
    function, arrays = ALL[name]
    check_case(function, arrays, dtype, "cuda")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RULES)
def test_five_steps_of_an_optimizer_are_those_of_the_host(name: str, dtype: str) -> None:
    check_optimizer(RULES[name], dtype, "cuda")


def test_a_network_learns_as_on_the_host() -> None:
    there, on_host = trained("cuda"), trained("cpu")
    np.testing.assert_allclose(there[:10], on_host[:10], rtol=1e-3)
    assert there[-1] < 0.1 * there[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tensor_is_made_there_and_comes_back_as_it_was(dtype: str) -> None:
    array = np.arange(6.0).reshape(2, 3).astype(dtype)
    there = tensor(array, device="cuda", dtype=FLOATS[dtype])
    assert there.device == "cuda"
    assert "device=cuda" in repr(there)
    assert there.numpy().tobytes() == array.tobytes()


def test_arrays_of_two_devices_in_one_operation_are_refused() -> None:
    with pytest.raises(DeviceError, match="add: expected arrays on one device, got cupy and numpy"):
        ops.add(tensor([1.0], device="cuda"), Tensor(np.ones(1)))


def test_no_operation_copies_to_the_host_unasked() -> None:
    """A conversion that nobody asked for is an error of CuPy's; this one is asked for by name only."""
    with pytest.raises(TypeError, match="Implicit conversion to a NumPy array is not allowed"):
        np.asarray(tensor([1.0], device="cuda"))
