"""What an operation costs: floating-point operations, a multiplication and an addition counting as two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

Shape = tuple[int, ...]

_MOVING = frozenset(
    {
        "_boundary", "_chosen", "_join", "_pick", "_put", "broadcast_to", "cast", "embedding", "getitem",
        "reshape", "transpose", "where",
    }
)  # fmt: skip
"""Those that only move elements."""
_REDUCING = frozenset({"row_sums", "channel_sums", "column_sums", "cumsum", "max", "scatter_add", "sum"})
"""Those that take one operation an element of their argument."""

_PICKING = frozenset({"_pick", "embedding", "getitem"})
"""Those that read no more elements than they give."""

_PRODUCTS: dict[str, Callable[[Sequence[Shape], Shape], int]] = {
    "matmul": lambda shapes, output: 2 * prod(output) * shapes[0][-1],
    "linear": lambda shapes, output: prod(output) * (2 * shapes[0][-1] + 1),
    "_scaled": lambda shapes, output: 3 * prod(output),
    "_convolve": lambda shapes, output: 2 * prod(output) * prod(shapes[1][1:]),
    "_convolve_bias": lambda shapes, output: prod(output) * (2 * prod(shapes[1][1:]) + 1),
    "_convolve_back": lambda shapes, output: 2 * prod(shapes[0]) * prod(shapes[1][1:]),
    "_convolve_weight": lambda shapes, output: 2 * prod(shapes[1]) * prod(output[1:]),
}
"""By the shapes of the arguments and of the output."""


def flops(operation: str, shapes: Sequence[Shape], output: Shape) -> int:
    """The floating-point operations of one call.

    What is not known by name counts one an element of the output, or of the first argument if that is larger.
    """
    if operation in _MOVING:
        return 0
    if operation in _PRODUCTS:
        return _PRODUCTS[operation](shapes, output)
    if operation in _REDUCING:
        return prod(shapes[0])
    return max(prod(output), prod(shapes[0]) if shapes else 0)


def backward_flops(operation: str, shapes: Sequence[Shape], output: Shape, position: int) -> int:
    """The floating-point operations of the derivative with respect to the argument at `position`.

    That of a product is one itself, as large, except for an added vector, which takes a sum.
    """
    if operation in _MOVING or operation in _REDUCING:
        return 0
    if operation in _PRODUCTS and len(shapes[position]) > 1:
        return _PRODUCTS[operation](shapes, output)
    return max(prod(output), prod(shapes[position]))


def bytes_moved(operation: str, read: Sequence[int], written: int) -> int:
    """Bytes read and written by a call, from the sizes of its arguments and of its output."""
    if operation in _PICKING:
        read = [min(size, written) for size in read]
    return sum(read) + written
