"""Cases of arithmetic, reductions, products, shapes, and of the first activations."""

from __future__ import annotations

import numpy as np

from chainrule.core import ops

from .samples import A, B, Cases, numbers

POSITIVE = numbers(3, 4, low=0.3, high=3)
LABELS = np.array([2, 0, 3])

CASES: Cases = {
    "add": (ops.add, [A, B]),
    "subtract": (ops.subtract, [A, B]),
    "subtract from a number": (lambda x: 3 - x, [A]),
    "multiply": (ops.multiply, [A, B]),
    "multiply by itself": (lambda x: x * x * x, [A]),
    "divide": (ops.divide, [A, POSITIVE]),
    "divide a number": (lambda x: 2 / x, [POSITIVE]),
    "negative": (ops.negative, [A]),
    "power of tensors": (ops.power, [POSITIVE, B]),
    "power 3": (lambda x: x**3, [A]),
    "power 2": (lambda x: x**2, [A]),
    "power 1": (lambda x: x**1, [A]),
    "power 0": (lambda x: x**0, [A]),
    "power -0.5": (lambda x: x**-0.5, [POSITIVE]),
    "number to a power": (lambda x: 2**x, [A]),
    "exp": (ops.exp, [A]),
    "log": (ops.log, [POSITIVE]),
    "sqrt": (ops.sqrt, [POSITIVE]),
    "absolute": (ops.absolute, [A]),
    "maximum": (ops.maximum, [A, B]),
    "maximum with a number": (lambda x: ops.maximum(x, 0.3), [A]),
    "cast": (lambda x: ops.cast(x, np.dtype(np.float64)) * x, [A]),
    "matmul": (ops.matmul, [A, numbers(4, 2)]),
    "matmul of stacks": (ops.matmul, [numbers(2, 3, 4), numbers(2, 4, 2)]),
    "matmul of a stack and a matrix": (ops.matmul, [numbers(2, 3, 4), numbers(4, 2)]),
    "matmul of a matrix and a stack": (ops.matmul, [numbers(3, 4), numbers(2, 4, 2)]),
    "matmul of vectors": (ops.matmul, [numbers(4), numbers(4, seed=1)]),
    "matmul of a vector and a matrix": (ops.matmul, [numbers(4), numbers(4, 2)]),
    "matmul of a matrix and a vector": (ops.matmul, [A, numbers(4)]),
    "matmul of a vector and a stack": (ops.matmul, [numbers(4), numbers(2, 4, 2)]),
    "matmul of a stack and a vector": (ops.matmul, [numbers(2, 3, 4), numbers(4)]),
    "linear": (ops.linear, [A, numbers(4, 2), numbers(2)]),
    "sum": (ops.sum, [A]),
    "sum over an axis": (lambda x: ops.sum(x * x, axis=0), [A]),
    "sum over a negative axis, kept": (lambda x: ops.sum(x * x, axis=-1, keepdims=True), [A]),
    "sum over two axes": (lambda x: ops.sum(x * x, axis=(0, 2)), [numbers(2, 3, 4)]),
    "sum with a positional axis": (lambda x: ops.sum(x * x, 1), [A]),
    "mean": (lambda x: ops.mean(x * x), [A]),
    "mean over an axis": (lambda x: ops.mean(x * x, axis=1), [A]),
    "max": (lambda x: ops.max(x) * ops.max(x), [A]),
    "max over an axis": (lambda x: ops.max(x * x, axis=1), [A]),
    "max over two axes, kept": (lambda x: ops.max(x * x, axis=(0, -1), keepdims=True), [numbers(2, 3, 4)]),
    "reshape": (lambda x: ops.reshape(x * x, (2, 6)), [A]),
    "reshape to unknown size": (lambda x: (x * x).reshape(6, -1), [A]),
    "transpose": (lambda x: (x * x).T, [A]),
    "transpose by axes": (lambda x: ops.transpose(x * x, (2, 0, 1)), [numbers(2, 3, 4)]),
    "transpose by negative axes": (lambda x: ops.transpose(x * x, (-1, 0, -2)), [numbers(2, 3, 4)]),
    "broadcast_to": (lambda x: ops.broadcast_to(x * x, (2, 3, 4)), [numbers(3, 1)]),
    "getitem by slices": (lambda x: (x * x)[1:, ::2], [A]),
    "getitem by an integer": (lambda x: (x * x)[1], [A]),
    "getitem by an ellipsis and a new axis": (lambda x: (x * x)[..., None, 0], [A]),
    "getitem by integer arrays": (lambda x: (x * x)[np.arange(3), LABELS], [A]),
    "getitem by a repeated index": (lambda x: (x * x)[np.array([0, 1, 0, 0])], [A]),
    "getitem by a repeated index in a list": (lambda x: (x * x)[[2, 2]], [A]),
    "relu": (lambda x: ops.relu(x) * x, [A]),
    "sigmoid": (ops.sigmoid, [A]),
    "tanh": (ops.tanh, [A]),
    "softplus": (ops.softplus, [A]),
    "softmax": (ops.softmax, [A]),
    "softmax of a stack": (ops.softmax, [numbers(2, 3, 4)]),
    "log_softmax": (ops.log_softmax, [A]),
    "logsumexp": (ops.logsumexp, [A]),
    "softmax_cross_entropy": (lambda x: ops.softmax_cross_entropy(x, LABELS), [A]),
}
