"""What cuBLASLt is asked for is the product: an imitation reads the same addresses. No GPU has run it."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace
from typing import Any

import host_gpu
import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from strict_device import StrictArray

from chainrule.core import Tensor, grad, ops
from chainrule.core.array import to_numpy
from chainrule.core.cuda import matmul
from chainrule.core.errors import ChainruleError


class Blas:
    """cuBLASLt as its documentation has it: matrices by columns, attributes by address, nothing checked."""

    MatmulDescAttribute = SimpleNamespace(
        TRANSA="transa", TRANSB="transb", EPILOGUE="epilogue", BIAS_POINTER="bias"
    )
    MatmulPreferenceAttribute = SimpleNamespace(
        MAX_WORKSPACE_BYTES="space", MIN_ALIGNMENT_A_BYTES="alignment_a", MIN_ALIGNMENT_B_BYTES="alignment_b"
    )
    MatrixLayoutAttribute = SimpleNamespace(BATCH_COUNT="count", STRIDED_BATCH_OFFSET="offset")
    Epilogue = SimpleNamespace(BIAS=4)

    def __init__(self) -> None:
        self.objects: dict[int, dict[str, Any]] = {}
        self.computed: list[str] = []

    def _new(self, **known: Any) -> int:
        self.objects[len(self.objects) + 1] = known
        return len(self.objects)

    def create(self) -> int:
        return self._new()

    def matmul_desc_create(self, compute: str, number: int) -> int:
        return self._new(compute=compute, transa=0, transb=0, epilogue=1)

    def matrix_layout_create(self, number: int, rows: int, columns: int, step: int) -> int:
        assert step >= rows
        return self._new(dtype=(np.float32, np.float64)[number], rows=rows, columns=columns, step=step)

    def matmul_preference_create(self) -> int:
        return self._new()

    def matmul_preference_destroy(self, preference: int) -> None:
        assert self.objects[preference]["space"] > 0

    def get_matmul_desc_attribute_dtype(self, attribute: str) -> type:
        return np.int64 if attribute == "bias" else np.int32

    def get_matmul_preference_attribute_dtype(self, attribute: str) -> type:
        return np.uint64 if attribute == "space" else np.uint32

    def get_matrix_layout_attribute_dtype(self, attribute: str) -> type:
        return np.int32 if attribute == "count" else np.int64

    def _set(self, target: int, attribute: str, address: int, size: int) -> None:
        self.objects[target][attribute] = memory(address, (1,), np.int32 if size == 4 else np.int64, (size,))[
            0
        ]

    matmul_desc_set_attribute = matmul_preference_set_attribute = matrix_layout_set_attribute = _set

    def MatmulHeuristicResult(self, count: int) -> Any:
        return SimpleNamespace(ptr=5)

    def matmul_algo_get_heuristic(self, *arguments: Any) -> None:
        memory(arguments[-1], (1,), np.int32, (4,))[0] = 1

    def matmul(
        self, handle: int, descriptor: int, alpha: int, a: int, a_is: int, b: int, b_is: int, beta: int,
        c: int, c_is: int, d: int, d_is: int, algorithm: int, space: int, size: int, stream: int,
    ) -> None:  # fmt: skip
        told = self.objects[descriptor]
        self.computed.append(told["compute"])
        left, right, out = self._matrices(a, a_is), self._matrices(b, b_is), self._matrices(d, d_is)
        kind = self.objects[d_is]["dtype"]
        assert (
            memory(alpha, (1,), kind, (8,))[0] == 1 and memory(beta, (1,), kind, (8,))[0] == 0 and stream == 7
        )
        y = (left.swapaxes(1, 2) if told["transa"] else left) @ (
            right.swapaxes(1, 2) if told["transb"] else right
        )
        if told["epilogue"] == 4:
            y = y + memory(told["bias"], (out.shape[1],), np.float32, (4,))[:, None]
        out[...] = y

    def _matrices(self, address: int, layout: int) -> np.ndarray:
        """(count, rows, columns) as the layout says they lie."""
        known = self.objects[layout]
        width = np.dtype(known["dtype"]).itemsize
        strides = known["offset"] * width, width, known["step"] * width
        return memory(address, (known["count"], known["rows"], known["columns"]), known["dtype"], strides)


def memory(address: int, shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...]) -> np.ndarray:
    last = (
        sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        + np.dtype(dtype).itemsize
    )
    raw = np.ctypeslib.as_array((ctypes.c_uint8 * int(last)).from_address(int(address)))
    return as_strided(raw.view(np.uint8)[: np.dtype(dtype).itemsize].view(dtype), shape, strides)


@pytest.fixture
def blas(monkeypatch: pytest.MonkeyPatch) -> Blas:
    blas = Blas()
    cublas = SimpleNamespace(
        ComputeType={name: name for name in ("COMPUTE_64F", *matmul.PRECISIONS.values())},
        Operation=SimpleNamespace(N=0, T=1),
    )
    module = host_gpu.Module()
    monkeypatch.setitem(sys.modules, "cupy", module)  # pyright: ignore[reportArgumentType]
    monkeypatch.setattr(matmul, "library", lambda: (cublas, blas))
    monkeypatch.setattr(matmul, "_workspaces", {})
    for kept in (matmul._plan, matmul._handle):
        kept.cache_clear()
    return blas


def device(*shape: int, dtype: str = "float32") -> Any:
    return StrictArray(np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype))


OPERANDS: dict[str, tuple[Any, Any]] = {
    "matrices": (device(3, 4), device(4, 5)),
    "of float64": (device(3, 4, dtype="float64"), device(4, 5, dtype="float64")),
    "one column and one row": (device(3, 1), device(1, 5)),
    "one row and one column": (device(1, 4), device(4, 1)),
    "transposed": (device(4, 3).T, device(5, 4).T),
    "parts of wider ones": (device(3, 9)[:, 2:6], device(9, 5)[::2][:4]),
    "parts of transposed ones": (device(9, 3).T[:, 2:6], device(5, 9).T[1:5]),
    "columns apart": (device(3, 8)[:, ::2], device(4, 10)[:, ::2]),
    "turned round": (device(3, 4)[::-1], device(4, 5)[:, ::-1]),
    "the same row again": (device(1, 4).repeat(3, 0)[:1], device(4, 5)),
    "vectors": (device(4), device(4)),
    "a vector and a matrix": (device(4), device(4, 5)),
    "a matrix and a vector": (device(3, 4), device(4)),
    "a matrix and one column of another": (device(3, 4), device(4, 5)[:, 2]),
    "stacks": (device(2, 3, 4), device(2, 4, 5)),
    "stacks, one transposed": (device(2, 4, 3).swapaxes(1, 2), device(2, 4, 5)),
    "stacks that lie between each other": (device(3, 2, 4).swapaxes(0, 1), device(2, 4, 5)),
    "a stack turned round": (device(2, 3, 4)[::-1], device(2, 4, 5)),
    "a stack of one and one of two": (device(1, 3, 4), device(2, 4, 5)),
    "a matrix and a stack": (device(3, 4), device(2, 4, 5)),
    "stacks of stacks": (device(2, 1, 3, 4), device(6, 4, 5)),
    "a vector and a stack": (device(4), device(2, 4, 5)),
}


@pytest.mark.parametrize("name", OPERANDS)
def test_a_product_is_numpys_however_its_operands_lie(blas: Blas, name: str) -> None:
    a, b = OPERANDS[name]
    y, expected = ops.matmul(a, b), np.matmul(a.get(), b.get())
    assert y.shape == expected.shape
    np.testing.assert_allclose(to_numpy(y), expected, rtol=1e-5, atol=1e-6)
    assert len(blas.computed) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_layer_and_its_gradients_go_through_cublaslt_bias_and_all(blas: Blas, dtype: str) -> None:
    arrays = [device(3, 4, dtype=dtype), device(4, 5, dtype=dtype), device(16, dtype=dtype)[:5]]
    there, here = ([Tensor(move(x), requires_grad=True) for x in arrays] for move in (lambda x: x, to_numpy))
    of_there, of_here = ops.sum(ops.linear(*there) ** 2), ops.sum(ops.linear(*here) ** 2)
    for a, b in zip(grad(of_there, there), grad(of_here, here), strict=True):
        np.testing.assert_allclose(a.numpy(), b.data, rtol=1e-4, atol=1e-5)
    assert len(blas.computed) == 4


def test_a_bias_that_lies_askew_is_added_apart(blas: Blas) -> None:
    x, weight, bias = device(3, 4), device(4, 5), device(16)[1:6]
    np.testing.assert_allclose(
        to_numpy(ops.linear(x, weight, bias)), x.get() @ weight.get() + bias.get(), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("name", matmul.PRECISIONS)
def test_float32_is_multiplied_in_the_precision_that_was_asked_for(
    blas: Blas, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matmul, "_precision", "float32")
    matmul.use_precision(name)
    ops.matmul(device(3, 4), device(4, 5))
    ops.matmul(device(3, 4, dtype="float64"), device(4, 5, dtype="float64"))
    assert blas.computed == [matmul.PRECISIONS[name], "COMPUTE_64F"]


def test_other_precisions_are_refused() -> None:
    with pytest.raises(ChainruleError, match="expected one of float32, tf32, bfloat16, got 'float8'"):
        matmul.use_precision("float8")


@pytest.mark.usefixtures("blas")
def test_shapes_that_do_not_fit_are_explained_as_on_the_host() -> None:
    with pytest.raises(ChainruleError, match="matmul, argument b: expected 4 rows"):
        ops.matmul(device(3, 4), device(5, 2))
    with pytest.raises(ChainruleError, match="linear, argument bias"):
        ops.linear(device(3, 4), device(4, 2), device(3))


def test_without_nvmath_cupy_multiplies(blas: Blas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matmul, "library", lambda: None)
    a, b = device(3, 4), device(4, 5)
    np.testing.assert_array_equal(to_numpy(ops.matmul(a, b)), a.get() @ b.get())
    assert not blas.computed
