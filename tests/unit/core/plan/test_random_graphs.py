"""Any step: programs and graphs made at random replay on other data, in other memory, with the bits of the eager
run."""

# ruff: noqa: B023, E501  the functions are called where they are made
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from random_programs import Code, run

from chainrule.core import Tensor, custom_op, ops
from chainrule.core.array import array_module, same_bits
from chainrule.core.nn import ForwardContext
from chainrule.core.plan import Plan

MANY = settings(derandomize=True, max_examples=500, deadline=None, database=None, phases=[Phase.generate])
CODES = st.lists(st.tuples(*[st.integers(0, 255)] * 4), min_size=1, max_size=14)
SMALL = st.lists(st.sampled_from([1, 2, 3, 5, 8]), max_size=3).map(tuple)
SHAPES = st.one_of(
    SMALL, SMALL, SMALL, st.sampled_from([(0,), (3, 0), (130, 140), (3, 20000), (33000,), (7, 1, 4000)])
)
TRAINING = ForwardContext(training=True)


def numbers(random: np.random.Generator, shape: Sequence[int], dtype: type, odd: bool) -> np.ndarray:
    """Normal numbers, or, if odd, with zeros of both signs, infinities, and some too small to be normal."""
    x = random.standard_normal(shape)
    if odd:
        few = [0.0, -0.0, 1.0, np.inf, -np.inf, 1e-40, -3e-42, 1e30]
        x = np.where(random.random(shape) < 0.3, random.choice(few, shape), x)
    return np.asarray(x, dtype)


def same(one: Any, other: Any) -> bool:
    """The same bits; which of the many NaNs it is may depend on the order of a sum's two operands."""
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype.kind == "f" and other.dtype.kind == "f":
        one, other = (np.where(np.isnan(x), x.dtype.type(np.nan), x) for x in (one, other))
    return same_bits(one, other)


def check(plan: Plan, sets: Sequence[Any], eager: Callable[..., Any], planned: Callable[..., Any]) -> None:
    for data in sets:
        with np.errstate(all="ignore"):
            expected, actual = eager(*data), planned(*data)
        assert list(map(same, expected, actual)) == [True] * len(expected), plan.reasons


@MANY
@given(shape=SHAPES, program=CODES, seed=st.integers(0, 2**16))
def test_a_program_of_numpy_calls_gives_the_bits_of_the_eager_run(
    shape: tuple[int, ...], program: list[Code], seed: int
) -> None:
    random = np.random.default_rng(seed)
    row = shape[-1:]

    def inputs(odd: bool) -> list[np.ndarray]:
        return [
            numbers(random, shape, np.float32, odd), numbers(random, row, np.float32, odd),
            numbers(random, shape[::-1], np.float64, odd), random.integers(0, 4, shape), random.random(row) < 0.5,
        ]  # fmt: skip

    weight = Tensor(numbers(random, shape, np.float32, False))

    def compute(*arrays: Any, context: ForwardContext) -> Any:
        return None, run(array_module(arrays[0]), program, [*arrays, weight.data])

    def eager(*arrays: np.ndarray) -> list[np.ndarray]:
        return [np.array(array) for array in run(np, program, [*arrays, weight.data])]

    def planned(*arrays: np.ndarray) -> list[np.ndarray]:
        results = plan(arrays, [], TRAINING)
        weight.data = numbers(random, shape, np.float32, False)
        return results

    plan = Plan(compute, (), [weight])
    check(plan, [inputs(odd) for odd in (False, False, False, False, True, True, False)], eager, planned)
    assert plan.reasons == [], plan.reasons


def _shifted(g: Any) -> Any:
    y = array_module(g).asarray(g).copy()
    y[...] += 0.25
    y /= 2
    return y


shift = custom_op(_shifted, lambda g, y, x: _shifted(g))
"""Formulas that write to what they made."""
piled = custom_op(lambda x: _piled(x), lambda g, y, x: _piled(g))


def _piled(x: Any) -> Any:
    y = array_module(x).zeros_like(x)
    if x.ndim and x.shape[0]:
        array_module(x).add.at(y, np.arange(x.shape[0]) // 2, x)
        y[::-1] += x
        y[:1] = array_module(x).where(y[:1] > 0, y[:1], 0.5)
    return y


def _graph(program: list[Code], leaves: Sequence[Tensor], data: Tensor) -> Tensor:
    """Tensors from tensors, all of one shape or summed down from it; early ones are used again much later."""
    made: list[Any] = [*leaves, data]
    for operation, first, second, option in program:
        x, y = made[-1 - first % len(made)], made[-1 - second % len(made)]
        n = len(x.shape)
        axis = option % n if n else 0
        steps: list[Callable[[], Any]] = [
            lambda x=x, y=y: x + y, lambda x=x, y=y: x * y, lambda x=x, y=y: x - y * 0.5, lambda x=x: ops.tanh(x),
            lambda x=x: ops.relu(x), lambda x=x: shift(x), lambda x=x: piled(x), lambda x=x: x * 0.5 + 1,
            lambda x=x: x + ops.sum(x, axis=axis, keepdims=True) if n else x * 2, lambda x=x: ops.sigmoid(x) * x,
            lambda x=x: ops.transpose(ops.transpose(x) * 1.5), lambda x=x: ops.maximum(x, y),
            lambda x=x: ops.reshape(ops.reshape(x, (x.size,)), x.shape), lambda x=x: ops.where(x.data > 0, x, y),
            lambda x=x: ops.softmax(x, axis=axis) if x.size and n else x, lambda x=x: x[::-1] if n else x,
            lambda x=x: ops.concatenate([x[1:], x[:1]], axis=0) if n else x,
            lambda x=x: x / (ops.absolute(y) + 1), lambda x=x: x - ops.mean(x) if x.size else x, lambda x=x: ops.exp(-x * x),
            lambda x=x: ops.matmul(x, ops.matmul(ops.transpose(x), x)) if n == 2 and x.size < 3000 else x,
            lambda x=x: x.astype(np.float64) if option % 2 else x.astype(np.float32),
            lambda x=x: ops.cumsum(x, axis) if n else x,
        ]  # fmt: skip
        made.append(steps[operation % len(steps)]())
    return made[-1] + made[-2]


@MANY
@given(shape=SHAPES, program=CODES, seed=st.integers(0, 2**16))
def test_a_graph_of_tensors_gives_the_bits_of_the_eager_gradients(
    shape: tuple[int, ...], program: list[Code], seed: int
) -> None:
    random = np.random.default_rng(seed)
    shapes = [shape, shape[-1:], (1,) * len(shape), shape, shape]
    dtypes = [np.float32, np.float32, np.float32, np.float64, np.float32]
    leaves = [
        Tensor(numbers(random, own, dtype, False), requires_grad=True)
        for own, dtype in zip(shapes, dtypes, strict=True)
    ]
    doubled = leaves[-1]  # whose gradient is that of the one before last, too

    def compute(x: Any, labels: Any, context: ForwardContext) -> Any:
        y = _graph(program, leaves[:-2], Tensor(x))
        total = ops.sum(y * (1 + labels)) + ops.sum(leaves[-2].astype(np.float32) + doubled)
        return total, [total.data, y.data, y.data[..., None], leaves[0].data, x]

    plan = Plan(compute, leaves)
    store = [[np.empty_like(leaf.data) for leaf in leaves] for _ in range(2)]

    def results(some_plan: Plan, gradients: list[np.ndarray], data: Any) -> list[np.ndarray]:
        for gradient in gradients:
            gradient.fill(np.nan)
        return [np.array(array) for array in (*some_plan(data, gradients, TRAINING), *gradients)]

    for turn in range(7):
        data = [numbers(random, shape, np.float32, turn > 3), np.asarray(random.integers(0, 3, shape))]
        with np.errstate(all="ignore"):
            expected = results(Plan(compute, leaves), store[0], data)
            actual = results(plan, store[turn % 2], data)
        assert list(map(same, expected, actual)) == [True] * len(expected), plan.reasons
        for leaf in leaves:
            leaf.data = numbers(random, leaf.shape, leaf.dtype.type, turn > 3)
    assert plan.reasons == [], plan.reasons
