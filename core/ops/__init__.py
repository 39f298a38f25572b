"""The operations: each its formula, its shapes and its derivatives in one place, one file a family.

Called with tensors, an operation gives a tensor; with arrays alone, an array.
"""

from .activation import relu, sigmoid, softplus, tanh
from .arithmetic import (
    absolute,
    add,
    cast,
    divide,
    exp,
    log,
    maximum,
    multiply,
    negative,
    power,
    sqrt,
    subtract,
)
from .linalg import linear, matmul
from .reduction import max, mean, sum
from .shape import broadcast_to, getitem, reshape, transpose
from .softmax import log_softmax, logsumexp, softmax, softmax_cross_entropy

__all__ = [
    "absolute",
    "add",
    "broadcast_to",
    "cast",
    "divide",
    "exp",
    "getitem",
    "linear",
    "log",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "multiply",
    "negative",
    "power",
    "relu",
    "reshape",
    "sigmoid",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "sqrt",
    "subtract",
    "sum",
    "tanh",
    "transpose",
]
