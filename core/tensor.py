"""Tensor: one array, and, where a gradient is wanted, how it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from .array import Array, floating, is_floating, on_host, to_device, to_numpy
from .errors import DTypeError, GraphError, ShapeError

if TYPE_CHECKING:
    from .graph import Node, Operation

next_order = count(0, -1).__next__
"""Numbers nodes and leaves as they are made, downwards: whatever was made from another has the lower one."""


def _operators(name: str) -> tuple[Callable[[Tensor, Any], Tensor], Callable[[Tensor, Any], Tensor]]:
    """What `tensor + other` and `other + tensor` call: the op of this name, with its arguments in order."""

    def forward(self: Tensor, other: Any) -> Tensor:
        return getattr(ops, name)(self, other)

    def reflected(self: Tensor, other: Any) -> Tensor:
        return getattr(ops, name)(other, self)

    return forward, reflected


class Tensor:
    """A NumPy or CuPy array that remembers the operation behind it.

    data: the array. grad: what `backward` left, a Tensor of data's shape, or None. requires_grad: whether
    derivatives with respect to it, or through it, are wanted. node: how it was made, None for a leaf, whose
    place in the order of things made is its own `order`.
    """

    __slots__ = ("__weakref__", "data", "grad", "node", "order", "requires_grad")

    data: Array
    grad: Tensor | None
    requires_grad: bool
    node: Node | None
    order: int

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        """data: an array, kept as it is, or Python numbers and lists, whose floats become float32."""
        if data.__class__ is not np.ndarray:
            data = _array(data)
        if requires_grad and not is_floating(data.dtype):
            raise DTypeError(
                f"tensor: expected a floating dtype where a gradient is wanted, got {data.dtype}"
            )
        self.data = data
        self.grad = None
        self.requires_grad = requires_grad
        self.node = None
        self.order = next_order()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    @property
    def device(self) -> str:
        """ "cpu" or "cuda"."""
        return "cpu" if on_host(self.data) else "cuda"

    @property
    def operation(self) -> Operation | None:
        """What made it, where that was recorded."""
        return self.node.operation if self.node is not None else None

    @property
    def T(self) -> Tensor:
        return ops.transpose(self)

    def item(self) -> float:
        """The one element as a Python number."""
        if self.data.size != 1:
            raise ShapeError("item", "a tensor of one element", f"shape {self.shape}")
        return self.data.item()

    def numpy(self) -> np.ndarray:
        """The values in host memory, not copied where they are there already."""
        return to_numpy(self.data)

    def detach(self) -> Tensor:
        """The same array, cut off from the graph."""
        return Tensor(self.data)

    def astype(self, dtype: Any) -> Tensor:
        """In another floating dtype, such as "bfloat16"; the gradient comes back in this one."""
        dtype = floating(dtype)
        return self if dtype == self.dtype else ops.cast(self, dtype)

    def backward(self, retain_graph: bool = False) -> None:
        """Add d self / d leaf to `.grad` of every leaf that requires it. self: one element.

        Frees what the graph kept for it, unless `retain_graph`: needed to go through any part a second time.
        """
        backward(self, retain_graph)

    def register_hook(self, function: Callable[[Tensor], Tensor | None]) -> Callable[[], None]:
        """Call `function` with the gradient with respect to this tensor, whenever one is complete.

        A tensor that it returns takes the gradient's place. Returns a function that removes the hook.
        """
        return add_hook(self, function)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.data, dtype=dtype, copy=True) if copy else np.asarray(self.data, dtype=dtype)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __format__(self, spec: str) -> str:
        """`f"{loss:.3f}"` for one element; without a format as `repr`."""
        return format(self.item(), spec) if spec else repr(self)

    def __repr__(self) -> str:
        """The values, then shape, dtype and device, and what made it or that a gradient is wanted."""
        values = np.array2string(self.numpy(), separator=", ", threshold=20, edgeitems=2, prefix="Tensor(")
        about = [f"shape={self.shape}", f"dtype={self.dtype}", f"device={self.device}"]
        if self.node is not None:
            about.append(f"made by {self.node.operation.name}")
        elif self.requires_grad:
            about.append("requires_grad=True")
        return f"Tensor({values}, {', '.join(about)})"

    __add__, __radd__ = _operators("add")
    __sub__, __rsub__ = _operators("subtract")
    __mul__, __rmul__ = _operators("multiply")
    __truediv__, __rtruediv__ = _operators("divide")
    __pow__, __rpow__ = _operators("power")
    __matmul__, __rmatmul__ = _operators("matmul")
    __gt__, __lt__ = _operators("greater")
    __ge__, __le__ = _operators("greater_equal")
    __hash__ = object.__hash__

    def __eq__(self, other: Any) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return ops.equal(self, other)

    def __ne__(self, other: Any) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return ops.not_equal(self, other)

    def __neg__(self) -> Tensor:
        return ops.negative(self)

    def __abs__(self) -> Tensor:
        return ops.absolute(self)

    def __getitem__(self, index: Any) -> Tensor:
        parts = index if isinstance(index, tuple) else (index,)
        arrays = tuple(part.data if isinstance(part, Tensor) else part for part in parts)
        return ops.getitem(self, index=arrays if isinstance(index, tuple) else arrays[0])

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        return ops.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        return ops.mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        return ops.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        return ops.min(self, axis=axis, keepdims=keepdims)

    def var(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        return ops.var(self, axis=axis, keepdims=keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return ops.argmax(self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Tensor:
        """To these sizes, or to one tuple of sizes; one may be -1."""
        return ops.reshape(self, tuple(shape[0]) if shape and isinstance(shape[0], tuple | list) else shape)

    def transpose(self, *axes: int) -> Tensor:
        return ops.transpose(self, axes or None)


def tensor(data: Any, requires_grad: bool = False, dtype: Any = None, device: str = "cpu") -> Tensor:
    """A Tensor as the class makes it, of a dtype and on a device of choice."""
    return Tensor(to_device(_array(data, dtype), device), requires_grad)


def _array(data: Any, dtype: Any = None) -> Array:
    if isinstance(data, Tensor):
        raise GraphError("tensor: got a Tensor; use it as it is, or .detach() to cut it off from its graph")
    made_here = not hasattr(data, "dtype")
    try:
        array = np.asarray(data) if made_here or isinstance(data, np.generic) else data
    except ValueError as error:
        raise ShapeError("tensor", "numbers or lists of equal lengths", "lists of others") from error
    if made_here and array.dtype.kind not in "biuf":
        raise DTypeError(f"tensor: expected numbers, got {array.dtype}")
    if dtype is None and made_here and array.dtype.kind == "f":
        dtype = np.float32
    try:
        return array if dtype is None else array.astype(dtype, copy=False)
    except TypeError as error:
        raise DTypeError(f"tensor, argument dtype: expected the name of a dtype, got {dtype!r}") from error


from . import ops  # noqa: E402  Tensor's operators are ops, and ops are made of Tensors: one of them comes second.
from .backward import add_hook, backward  # noqa: E402
from .interoperability import apply_function, apply_ufunc  # noqa: E402

Tensor.__array_ufunc__ = apply_ufunc  # pyright: ignore[reportAttributeAccessIssue]
Tensor.__array_function__ = apply_function  # pyright: ignore[reportAttributeAccessIssue]
