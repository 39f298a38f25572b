"""Cases of the operations that choose, reduce, move and contract."""

from __future__ import annotations

import numpy as np
from samples import STACK, A, B, Cases, numbers

from chainrule.core import ops

MASK = A > 0.2
PICKS = np.array([[2, 0, 0, 1], [1, 1, 2, 0]])

CASES: Cases = {
    "where": (lambda a, b: ops.where(MASK, a * a, b * a), [A, B]),
    "where with broadcasting": (lambda a, b: ops.where(MASK, a, b) * a, [A, numbers(4)]),
    "where with a number": (lambda a: ops.where(MASK, a * a, 0), [A]),
    "clip": (lambda x: ops.clip(x, low=-0.7, high=1.1) * x, [A]),
    "clip on one side": (lambda x: ops.clip(x, high=0.3) * x, [A]),
    "minimum": (ops.minimum, [A, B]),
    "minimum with a number": (lambda x: ops.minimum(x, 0.3) * x, [A]),
    "expm1": (ops.expm1, [A]),
    "sin": (ops.sin, [A]),
    "cos": (ops.cos, [A]),
    "var": (ops.var, [A]),
    "var over an axis, kept": (lambda x: ops.var(x, axis=0, keepdims=True), [A]),
    "var over two axes, corrected": (lambda x: ops.var(x, axis=(0, -1), correction=1), [STACK]),
    "min": (lambda x: ops.min(x) * ops.min(x), [A]),
    "min over an axis": (lambda x: ops.min(x * x, axis=1), [A]),
    "cumsum": (lambda x: ops.cumsum(x * x), [A]),
    "cumsum over the first axis": (lambda x: ops.cumsum(x * x, axis=0), [STACK]),
    "concatenate": (lambda a, b: ops.concatenate([a * a, b, a]), [A, numbers(1, 4)]),
    "concatenate last axes": (lambda a, b: ops.concatenate([a, b * b], axis=-1), [A, numbers(3, 2)]),
    "concatenate one": (lambda a: ops.concatenate([a]) * a, [A]),
    "concatenate 40": (lambda a: ops.concatenate([a * k for k in range(40)]) * 2, [numbers(1, 2)]),
    "stack": (lambda a, b: ops.stack([a * a, b, a]), [A, B]),
    "stack along the last axis": (lambda a, b: ops.stack([a * a, b], axis=-1), [A, B]),
    "stack in the middle": (lambda a, b: ops.stack([a * a, b], axis=1), [A, B]),
    "split": (lambda x: ops.split(x * x, 3)[1] * ops.split(x, 3)[2], [A]),
    "split by sizes": (lambda x: ops.split(x * x, [1, 0, 3], axis=-1)[2], [A]),
    "unstack": (lambda x: ops.unstack(x, axis=1)[3] * ops.unstack(x, axis=-1)[0], [A]),
    "pad": (lambda x: ops.pad(x * x, [(1, 0), (0, 2)]), [A]),
    "pad with a value": (lambda x: ops.pad(x * x, [(1, 2), (0, 0)], value=-3), [A]),
    "pad with edges": (lambda x: ops.pad(x * x, [(1, 2), (0, 1)], mode="edge"), [A]),
    "pad by reflection": (lambda x: ops.pad(x * x, [(1, 2), (3, 1)], mode="reflect"), [A]),
    "gather": (lambda x: ops.gather(x * x, PICKS, axis=0), [A]),
    "gather along the last axis": (lambda x: ops.gather(x * x, PICKS.T[:3] + 1, axis=-1), [A]),
    "scatter_add": (lambda x: ops.scatter_add(x * x, (np.array([1, 0, 1]),), shape=(2, 4)), [A]),
    "scatter_add at a slice": (lambda x: ops.scatter_add(x * x, slice(1, 4), shape=(5, 4)), [A]),
    "tensordot": (ops.tensordot, [STACK, numbers(3, 4, 2)]),
    "tensordot over chosen axes": (lambda a, b: ops.tensordot(a, b, ([-2], [1])), [STACK, numbers(2, 3)]),
    "tensordot over none": (lambda a, b: ops.tensordot(a, b, 0), [numbers(2), numbers(3)]),
    "einsum matrix product": (lambda a, b: ops.einsum("ij,jk->ik", a, b), [A, numbers(4, 2)]),
    "einsum of a batch": (lambda a, b: ops.einsum("bij,bkj->bki", a, b), [STACK, numbers(2, 2, 4)]),
    "einsum sum": (lambda a: ops.einsum("ij->", a * a), [A]),
    "einsum transpose": (lambda a: ops.einsum("ijk->kij", a * a), [STACK]),
    "einsum diagonal": (lambda a: ops.einsum("ii->i", a * a), [numbers(3, 3)]),
    "einsum trace": (lambda a: ops.einsum("ii", a * a), [numbers(3, 3)]),
    "einsum outer": (lambda a, b: ops.einsum("i,j", a, b), [numbers(2), numbers(3)]),
    "einsum of three": (lambda a, b, c: ops.einsum("ij,jk,k->i", a, b, c), [A, numbers(4, 2), numbers(2)]),
    "einsum of any axes": (lambda a, b: ops.einsum("...ij,jk->...ik", a, b), [STACK, numbers(4, 2)]),
    "einsum elementwise": (lambda a, b: ops.einsum("ij,ij->ij", a, b), [A, B]),
    "leaky_relu": (lambda x: ops.leaky_relu(x, 0.2) * x, [A]),
    "elu": (lambda x: ops.elu(x, 1.5), [A]),
    "selu": (ops.selu, [A]),
    "silu": (ops.silu, [A]),
    "gelu": (ops.gelu, [A]),
    "gelu by a tanh": (lambda x: ops.gelu(x, approximate=True), [A]),
    "normal_cdf": (ops.normal_cdf, [A]),
    "mish": (ops.mish, [A]),
    "softsign": (ops.softsign, [A]),
    "log_sigmoid": (ops.log_sigmoid, [A]),
    "relu6": (lambda x: ops.relu6(x * 5) * x, [A]),
    "hard_sigmoid": (lambda x: ops.hard_sigmoid(x * 2) * x, [A]),
    "hard_swish": (lambda x: ops.hard_swish(x * 2), [A]),
    "glu": (ops.glu, [A]),
    "glu over the first axis": (lambda x: ops.glu(x, axis=0), [STACK]),
}
"""Each also second order, so where an operation is piecewise linear its case multiplies it by something."""
