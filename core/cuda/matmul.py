"""Matrix products on a GPU by cuBLASLt, through nvmath: CuPy's own calls of cuBLAS refuse to be captured.

cuBLASLt counts columns first, so what it is asked for is y.T = b.T @ a.T, whose memory is that of y = a @ b.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

import numpy as np

from ..array import Array, array_module, on_host
from ..errors import ChainruleError

PRECISIONS = {"float32": "COMPUTE_32F", "tf32": "COMPUTE_32F_FAST_TF32", "bfloat16": "COMPUTE_32F_FAST_16BF"}
"""What float32 numbers are rounded to before they are multiplied; sums are float32 always."""
_CUDA_TYPES = {np.dtype(np.float32): 0, np.dtype(np.float64): 1}
"""cudaDataType: CUDA_R_32F and CUDA_R_64F."""
_WORKSPACE = 32 << 20
"""Bytes: what NVIDIA advises for the H100."""
_BIAS_ALIGNMENT = 16
_precision = "float32"
_lock = Lock()
_workspaces: dict[tuple[int, int], Array] = {}


def use_precision(name: str) -> None:
    """Multiply float32 matrices in `float32`, `tf32` or `bfloat16` from now on; what is captured stays."""
    global _precision
    if name not in PRECISIONS:
        raise ChainruleError(f"use_precision: expected one of {', '.join(PRECISIONS)}, got {name!r}")
    _precision = name


@cache
def library() -> Any:
    """nvmath's bindings (cublas, cublasLt), or None where they or the libraries are not installed."""
    try:
        from nvmath.bindings import cublas, cublasLt  # pyright: ignore[reportMissingImports]

        cublasLt.get_version()
    except Exception:  # nvmath raises errors of its own for each library that it does not find
        return None
    return cublas, cublasLt


@cache
def _handle(device: int) -> int:
    return library()[1].create()


def product(a: Array, b: Array, bias: Array | None = None) -> Array:
    """a @ b, plus bias. a: (..., n, k) or (k,), b: (..., k, m) or (k,), bias: (m,) for two matrices."""
    xp = array_module(a)
    suits = (
        not on_host(a) and not on_host(b) and hasattr(xp, "RawModule") and a.dtype == b.dtype in _CUDA_TYPES
    )
    if not suits or not a.size or not b.size or library() is None:
        y = xp.matmul(a, b)
        if bias is not None:
            y += bias
        return y
    left, right = (a[None] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    if left.shape[-1] != right.shape[-2] or (bias is not None and bias.shape != right.shape[-1:]):
        raise ValueError("shapes of a product do not fit")
    y = xp.empty((*batch, left.shape[-2], right.shape[-1]), a.dtype)
    # cuBLASLt adds none in float64, nor one that lies askew.
    fused = bias is not None and bias.dtype == np.float32 == a.dtype and bias.data.ptr % _BIAS_ALIGNMENT == 0
    stacks = _stacked(xp, left, batch), _stacked(xp, right, batch), y.reshape(-1, *y.shape[-2:])
    _multiply(xp, *stacks, bias if fused else None)
    if bias is not None and not fused:
        y += bias
    if a.ndim == 1:
        y = y[..., 0, :]
    return y[..., 0] if b.ndim == 1 else y


def _stacked(xp: Any, x: Array, batch: tuple[int, ...]) -> Array:
    """(..., rows, columns) -> (count, rows, columns), or with one matrix for all as it is."""
    if x.ndim == 2 or (len(batch) == 1 and x.shape[0] == batch[0]):
        return x
    whole = xp.ascontiguousarray(xp.broadcast_to(x, (*batch, *x.shape[-2:])))
    return whole.reshape(-1, *x.shape[-2:])


@dataclass(frozen=True)
class _Operand:
    """An array with contiguous lines. turned: its columns are those. step: elements from one to the next."""

    array: Array
    turned: bool
    step: int

    @property
    def layout(self) -> tuple[int, int, int, int]:
        """Length and number of lines, elements between lines, elements between matrices."""
        rows, columns = self.array.shape[-2:]
        between = self.array.strides[0] // self.array.itemsize if self.array.ndim == 3 else 0
        return (rows, columns, self.step, between) if self.turned else (columns, rows, self.step, between)

    @property
    def address(self) -> int:
        return self.array.data.ptr

    @property
    def alignment(self) -> int:
        """The largest power of two that the address is a multiple of, up to 256."""
        return min(256, self.address & -self.address)


def _operand(xp: Any, x: Array) -> _Operand:
    rows, columns = x.shape[-2:]
    down, across = (stride // x.itemsize for stride in x.strides[-2:])
    if x.ndim == 2 or x.strides[0] >= 0:
        if (across == 1 or columns == 1) and (down >= columns or rows == 1):
            return _Operand(x, False, down if rows > 1 else columns)
        if (down == 1 or rows == 1) and (across >= rows or columns == 1):
            return _Operand(x, True, across if columns > 1 else rows)
    return _operand(xp, xp.ascontiguousarray(x))


def _multiply(xp: Any, a: Array, b: Array, y: Array, bias: Array | None) -> None:
    """Write a @ b + bias into y (count, n, m), contiguous."""
    _, lt = library()
    left, right, result = _operand(xp, a), _operand(xp, b), _operand(xp, y)
    device, stream = xp.cuda.runtime.getDevice(), xp.cuda.get_current_stream().ptr
    alignments = (right.alignment, left.alignment)
    call = _Call(
        device, y.dtype, _precision, bias is not None, len(y), right.turned, left.turned,
        right.layout, left.layout, result.layout, alignments,
    )  # fmt: skip
    with _lock:
        plan = _plan(call)
        space = _workspaces.get((device, stream))
        if space is None:
            space = _workspaces[device, stream] = xp.empty(_WORKSPACE, np.uint8)
        if bias is not None:
            _set(lt, "matmul_desc", plan.descriptor, lt.MatmulDescAttribute.BIAS_POINTER, bias.data.ptr)
        one, zero = (_numbers(y.dtype)[index : index + 1].ctypes.data for index in (1, 0))
        lt.matmul(
            _handle(device), plan.descriptor, one, right.address, plan.b, left.address, plan.a,
            zero, y.data.ptr, plan.y, y.data.ptr, plan.y, plan.algorithm.ptr,
            space.data.ptr, _WORKSPACE, stream,
        )  # fmt: skip


@cache
def _numbers(dtype: np.dtype) -> np.ndarray:
    """0 and 1 in the host's memory, where cuBLASLt reads the factors of the product and of what y held."""
    return np.array([0, 1], dtype)


@dataclass(frozen=True)
class _Call:
    """All that cuBLASLt's choice of an algorithm depends on."""

    device: int
    dtype: np.dtype
    precision: str
    biased: bool
    count: int
    right_turned: bool
    left_turned: bool
    right: tuple[int, int, int, int]
    left: tuple[int, int, int, int]
    result: tuple[int, int, int, int]
    alignments: tuple[int, int]


@dataclass(frozen=True)
class _Plan:
    """What cuBLASLt has been told of a call, and what it chose. Kept until the process ends."""

    descriptor: int
    b: int
    a: int
    y: int
    algorithm: Any


def _set(lt: Any, kind: str, target: int, attribute: Any, value: int) -> None:
    wide = np.array([value], getattr(lt, f"get_{kind}_attribute_dtype")(attribute))
    getattr(lt, f"{kind}_set_attribute")(target, attribute, wide.ctypes.data, wide.nbytes)


@cache
def _plan(call: _Call) -> _Plan:
    cublas, lt = library()
    single = call.dtype == np.float32
    compute = cublas.ComputeType[PRECISIONS[call.precision] if single else "COMPUTE_64F"]
    number = _CUDA_TYPES[call.dtype]
    descriptor = lt.matmul_desc_create(compute, number)
    told, as_is, turned = lt.MatmulDescAttribute, cublas.Operation.N, cublas.Operation.T
    _set(lt, "matmul_desc", descriptor, told.TRANSA, turned if call.right_turned else as_is)
    _set(lt, "matmul_desc", descriptor, told.TRANSB, turned if call.left_turned else as_is)
    if call.biased:
        _set(lt, "matmul_desc", descriptor, told.EPILOGUE, lt.Epilogue.BIAS)
        _set(lt, "matmul_desc", descriptor, told.BIAS_POINTER, _BIAS_ALIGNMENT)  # until there is one
    of_b, of_a, of_y = (
        _layout(lt, number, known, call.count) for known in (call.right, call.left, call.result)
    )
    preference, limit = lt.matmul_preference_create(), lt.MatmulPreferenceAttribute
    _set(lt, "matmul_preference", preference, limit.MAX_WORKSPACE_BYTES, _WORKSPACE)
    _set(lt, "matmul_preference", preference, limit.MIN_ALIGNMENT_A_BYTES, call.alignments[0])
    _set(lt, "matmul_preference", preference, limit.MIN_ALIGNMENT_B_BYTES, call.alignments[1])
    found, best = np.zeros(1, np.int32), lt.MatmulHeuristicResult(1)
    lt.matmul_algo_get_heuristic(
        _handle(call.device), descriptor, of_b, of_a, of_y, of_y, preference, 1, best.ptr, found.ctypes.data
    )
    lt.matmul_preference_destroy(preference)
    if not found[0]:
        raise ChainruleError(f"matmul: cuBLASLt knows no way to compute {call}")
    return _Plan(descriptor, of_b, of_a, of_y, best)


def _layout(lt: Any, number: int, layout: tuple[int, int, int, int], count: int) -> int:
    length, lines, step, between = layout
    made = lt.matrix_layout_create(number, length, lines, step)
    _set(lt, "matrix_layout", made, lt.MatrixLayoutAttribute.BATCH_COUNT, count)
    _set(lt, "matrix_layout", made, lt.MatrixLayoutAttribute.STRIDED_BATCH_OFFSET, between)
    return made
