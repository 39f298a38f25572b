"""What cannot be planned runs eagerly and says so; what the data refuses raises what the eager step raises."""

# ruff: noqa: E501, PT011
from __future__ import annotations

import copy
import gc
import logging
import os
import pickle
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor, custom_op, losses, native, nn, no_grad, ops
from chainrule.core.array import array_module, same_bits
from chainrule.core.errors import ShapeError
from chainrule.core.nn import ForwardContext
from chainrule.core.plan import Plan

TRAINING = ForwardContext(training=True)
random = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return random.standard_normal(shape).astype(np.float32)


class Arrays:
    """A plan of a function of arrays, and its runs beside the function itself."""

    def __init__(self, function: Callable[..., Any], parameters: Sequence[Tensor] = ()) -> None:
        self._function = function
        self.parameters = list(parameters)
        self.plan = Plan(self._compute, parameters)

    def _compute(self, *inputs: Any, context: ForwardContext) -> Any:
        y = self._function(*inputs)
        return (ops.sum(y), [y.data]) if isinstance(y, Tensor) else (None, [y])

    def run(self, *inputs: np.ndarray, plan: Plan | None = None) -> list[np.ndarray]:
        gradients = [np.empty_like(parameter.data) for parameter in self.parameters]
        outputs = (plan or self.plan)(inputs, gradients, TRAINING)
        return [np.array(array) for array in (*outputs, *gradients)]

    def check(self, *inputs: np.ndarray) -> None:
        expected = self.run(*inputs, plan=Plan(self._compute, self.parameters))
        assert all(map(same_bits, self.run(*inputs), expected))

    @property
    def is_replayed(self) -> bool:
        return len(self.plan.programs) == 1


def trusted(function: Callable[..., Any], *shape: int, parameters: Sequence[Tensor] = ()) -> Arrays:
    arrays = Arrays(function, parameters)
    for _ in range(4):
        arrays.check(normal(*shape))
    assert arrays.is_replayed
    return arrays


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * 2 if float(x.max()) > 1 else x * 3,
        lambda x: x * 2 if x.sum().item() > 0 else x * 3,
        lambda x: x * np.asarray(x).max(),
        lambda x: x * np.array([len(set(x.tolist()[0]))], np.float32),
        lambda x: np.putmask(x, x > 0, 1) or x,
        lambda x: np.arange(9.0)[x.argmax(axis=1)],
        lambda x: (x.astype(object) + 1).astype(np.float32),
        lambda x: x.__imul__(2),
    ],
)
def test_what_depends_on_data_runs_eagerly_and_says_so_once(
    function: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    arrays = Arrays(function)
    for _ in range(6):
        arrays.plan([normal(4, 5)], [])
    x = normal(4, 5)
    expected = np.asarray(function(x.copy()))
    assert same_bits(arrays.plan([x], [])[0], expected)
    assert not arrays.is_replayed
    assert len(arrays.plan.reasons) == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"A training step cannot be planned, and runs eagerly: {arrays.plan.reasons[0]}."
    ]


def zeros_and(write: Callable[[np.ndarray], Any]) -> np.ndarray:
    array = np.zeros((4, 5))
    write(array)
    return array


@pytest.mark.parametrize(
    "read",
    [
        np.asarray,
        np.array,
        lambda x: np.asarray(x, np.float64),
        lambda x: np.array(x, np.float64),
        lambda x: np.asarray(x > 0, bool),
        lambda x: np.ascontiguousarray(x.T),
        lambda x: np.array([x, x]),
        lambda x: np.stack([np.asarray(x)]),
        lambda x: np.frombuffer(memoryview(x), np.float32),
        lambda x: np.fromiter(x.flat, np.float32),
        lambda x: np.arange(9.0)[np.asarray(x.argmax(axis=1))],
        lambda x: zeros_and(lambda array: array.__setitem__(slice(None), x)),
        lambda x: zeros_and(lambda array: array.put([0], x[0, :1])),
        lambda x: x.view(np.ndarray),
    ],
)
def test_values_read_unseen_run_eagerly_even_where_no_replay_could_differ(
    read: Callable[[Any], np.ndarray],
) -> None:
    arrays = Arrays(lambda x: x * np.float32(2 if np.isfinite(read(x)).all() else 3))
    for _ in range(5):
        arrays.check(normal(4, 5))
    assert not arrays.is_replayed
    assert len(arrays.plan.reasons) == 1


def test_a_step_goes_on_with_real_numbers_where_operators_ask_for_them() -> None:
    trusted(lambda x: x**2 + abs(x) ** 0.5 + (x == x) + (x != 0) + 2.0**x, 4, 5)


def test_a_branch_that_turns_runs_eagerly_from_then_on() -> None:
    arrays = trusted(lambda x: x * 2 if x.max() > -100 else x * 3, 4, 5)
    arrays.check(normal(4, 5) - 200)
    assert arrays.plan.reasons == ["a value that decides what is computed has changed"]
    arrays.check(normal(4, 5))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[x > 0].sum() * x,
        lambda x: x.ravel()[np.nonzero(x.ravel() > 0)[0]],
        lambda x: x + np.unique(x > 0).size,
    ],
)
def test_what_has_another_shape_for_other_data_is_replayed_until_then(function: Callable[..., Any]) -> None:
    arrays = Arrays(function)
    for scale in (1, 2, 3, 4):
        arrays.check(np.array([[1, -1, 1], [1, 1, 1]], np.float32) * scale)
    arrays.check(np.array([[1, 1, 1], [1, 1, 1]], np.float32))
    assert arrays.plan.reasons == ["a result changed its shape from one step to the next"]
    arrays.check(np.array([[1, -1, 1], [-1, 1, 1]], np.float32))


def test_a_step_that_reads_the_number_of_the_step_runs_eagerly() -> None:
    plan = Plan(lambda x, context: (None, [x * context.step]))
    for step in range(6):
        assert plan([normal(3)], [], ForwardContext(training=True, step=step)) is not None
    assert plan.reasons == ["the forward pass reads the step, the seed or the sample of its context"]


def test_labels_out_of_range_raise_what_the_eager_step_raises_and_the_plan_goes_on() -> None:
    weight = Tensor(normal(5, 3), requires_grad=True)
    plan = Plan(lambda x, labels, context: _loss(x, labels, weight), [weight])
    gradient = np.empty((5, 3), np.float32)
    labels = np.array([0, 1, 2, 1])
    for _ in range(4):
        plan([normal(4, 5), labels], [gradient], TRAINING)
    for _ in range(2):
        with pytest.raises(Exception) as eager:
            _loss(normal(4, 5), labels + 1, weight)
        with pytest.raises(type(eager.value)) as planned:
            plan([normal(4, 5), labels + 1], [gradient], TRAINING)
        assert str(planned.value).partition(" from ")[0] == str(eager.value).partition(" from ")[0]
        assert len(plan.programs) == 1
        x = normal(4, 5)
        expected = _loss(x, labels, weight)[1][0]
        assert same_bits(plan([x, labels], [gradient], TRAINING)[0], expected)


def _loss(x: Any, labels: Any, weight: Tensor) -> Any:
    loss = losses.softmax_cross_entropy(ops.matmul(Tensor(x), weight), labels)
    return loss, [loss.data]


def test_a_refused_replay_leaves_running_statistics_as_the_eager_step_does() -> None:
    def built() -> tuple[nn.BatchNorm, Plan]:
        layer = nn.BatchNorm(3)

        def compute(x: Any, labels: Any, context: ForwardContext) -> Any:
            loss = losses.softmax_cross_entropy(layer(Tensor(x), context), labels)
            return loss, [loss.data]

        return layer, Plan(compute, list(layer.parameters().values()), list(nn.buffers(layer).values()))

    x, labels, out = normal(8, 3), np.arange(8) % 3, [np.empty(3, np.float32) for _ in range(2)]
    (planned, plan), (eager, _) = built(), built()
    for _ in range(5):
        plan([x, labels], out, TRAINING)
        eager(Tensor(x), TRAINING)
    with pytest.raises(ShapeError):
        plan([x + 1, labels + 1], out, TRAINING)
    eager(Tensor(x + 1), TRAINING)
    assert len(plan.programs) == 1
    assert same_bits(planned.running_mean.data, eager.running_mean.data)
    assert same_bits(planned.running_variance.data, eager.running_variance.data)


@pytest.mark.parametrize("call", [0, 1, 2, 3])
def test_an_error_in_any_call_leaves_arrays_and_state_as_the_eager_step_does(call: int) -> None:
    layer, weight = nn.BatchNorm(3), Tensor(normal(3), requires_grad=True)
    failing = False

    def compute(x: Any, context: ForwardContext) -> Any:
        y = layer(Tensor(x), context) * weight
        if failing:
            raise ValueError("no data")
        return ops.sum(y * y), [y.data]

    plan = Plan(compute, [weight, *layer.parameters().values()], list(nn.buffers(layer).values()))
    out = [np.empty(3, np.float32) for _ in range(3)]
    arrays = [weight.data, layer.running_mean.data]
    for turn in range(6):
        failing = turn == call and call < 3
        before = layer.running_mean.data.copy()
        x = normal(8, 3)
        if failing:
            with pytest.raises(ValueError, match="no data"):
                plan([x], out, TRAINING)
        else:
            plan([x], out, TRAINING)
        move = np.float32(0.1) * (x.mean(axis=0) - before)
        np.testing.assert_allclose(layer.running_mean.data, before + move, atol=1e-6)
        assert [weight.data is arrays[0], layer.running_mean.data is arrays[1]] == [True, True]
        assert weight.data.__class__ is np.ndarray


def test_parameters_may_lie_elsewhere_at_each_call_and_be_of_another_layout_shape_or_type() -> None:
    weight = Tensor(normal(4, 5), requires_grad=True)
    arrays = trusted(lambda x: ops.tanh(Tensor(x) * weight), 4, 5, parameters=[weight])
    for _ in range(100):
        weight.data = normal(4, 5)
        arrays.check(normal(4, 5))
    assert arrays.is_replayed
    weight.data = normal(1, 5)
    arrays.check(normal(4, 5))
    assert arrays.plan.reasons == ["a parameter or its gradient has got another shape or type"]
    weight.data = normal(4, 5).astype(np.float64)
    arrays.check(normal(4, 5))
    strided = Arrays(lambda x: Tensor(x) * weight, [weight])
    weight.data = normal(5, 4).T
    for _ in range(5):
        strided.check(normal(4, 5))
    assert strided.plan.reasons == ["a parameter or its gradient is not contiguous"]


def test_inputs_in_another_order_in_memory_are_summed_in_the_eager_order() -> None:
    arrays = trusted(lambda x: x.sum(), 60, 70)
    for _ in range(5):
        arrays.check(np.asfortranarray(normal(60, 70)))
        arrays.check(normal(60, 140)[:, ::2])


def test_two_plans_of_one_model_serve_it_in_turn() -> None:
    weight = Tensor(normal(4, 5), requires_grad=True)
    one = Arrays(lambda x: ops.tanh(Tensor(x) * weight), [weight])
    two = Arrays(lambda x: ops.sigmoid(Tensor(x) + weight), [weight])
    for _ in range(6):
        one.check(normal(4, 5))
        two.check(normal(3, 4, 5))
    assert one.is_replayed
    assert two.is_replayed


def test_a_second_call_while_one_runs_is_refused() -> None:
    began, go = threading.Event(), threading.Event()

    def compute(x: Any, context: ForwardContext) -> Any:
        began.set()
        go.wait(10)
        return None, [x * 2]

    plan = Plan(compute)
    thread = threading.Thread(target=plan, args=([normal(3)], []))
    thread.start()
    began.wait(10)
    with pytest.raises(RuntimeError, match="one call at a time"):
        plan([normal(3)], [])
    go.set()
    thread.join()


def test_plans_of_their_own_on_several_threads_give_the_right_bits() -> None:
    wrong: list[str] = []

    def work(seed: int) -> None:
        weight = Tensor(np.full((200, 300), seed, np.float32), requires_grad=True)
        arrays = Arrays(lambda x: ops.sigmoid(Tensor(x) * weight) + weight, [weight])
        try:
            for turn in range(20):
                arrays.check(np.full((200, 300), 1.0 / (turn + 1), np.float32))
        except Exception as error:
            wrong.append(f"{seed}: {error!r} {arrays.plan.reasons}")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_array_that_a_step_leaves_somewhere_is_afterwards_like_any_other() -> None:
    left: list[Any] = []
    arrays = Arrays(lambda x: (left.append((x * 2, x)), x * 3)[1])
    for _ in range(2):
        arrays.run(normal(4, 5))
    leaked, given = left[1]  # of the recording
    recorder = weakref.ref(leaked.recorder)
    plain = np.array(leaked)
    assert float(leaked.sum()) == float(plain.sum())
    assert same_bits(leaked + 1, plain + 1)
    assert (leaked + 1).__class__ is np.ndarray
    assert leaked[1:].__class__ is np.ndarray
    assert array_module(leaked) is np
    leaked += 1
    leaked[0] = 5
    np.add(leaked, 1, out=leaked)
    assert same_bits(leaked[1:], plain[1:] + 1 + 1)
    assert pickle.loads(pickle.dumps(leaked)).__class__ is np.ndarray
    assert same_bits(copy.deepcopy(leaked) * 2, np.array(leaked) * 2)
    assert np.concatenate([leaked, leaked]).shape == (8, 5)
    assert leaked.recorder.calls == []
    assert not leaked.recorder.before
    del leaked, given
    left.clear()
    gc.collect()
    assert recorder() is None


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_of_fork_replays_with_threads_of_its_own() -> None:
    arrays = trusted(lambda x: np.tanh(x) * 2 + x @ x.T[:, :1], 400, 300)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for _ in range(3):
                arrays.check(normal(400, 300))
            status = 0 if arrays.is_replayed else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    arrays.check(normal(400, 300))


def test_what_is_differentiated_or_looked_at_may_change_after_the_plan_is_trusted() -> None:
    weight, other = (Tensor(normal(4, 5), requires_grad=True) for _ in range(2))
    arrays = trusted(lambda x: ops.tanh(Tensor(x) * weight + other), 4, 5, parameters=[weight, other])
    weight.requires_grad = False
    arrays.check(normal(4, 5))
    assert not arrays.run(normal(4, 5))[1].any()
    weight.requires_grad = True
    doubled = weight.register_hook(lambda g: g * 2)
    for _ in range(5):
        arrays.check(normal(4, 5))
    doubled()
    arrays.check(normal(4, 5))
    with no_grad():
        arrays.check(normal(4, 5))


def test_padding_that_the_context_tells_of_is_read_at_each_call() -> None:
    def compute(x: Any, context: ForwardContext) -> Any:
        present = context.present_in(Tensor(x))
        return None, [x if present is None else x * present]

    plan = Plan(compute)
    for _ in range(6):
        x, present = normal(3, 4), random.random((3, 4)) < 0.5
        (y,) = plan([x], [], ForwardContext(training=True, present=present))
        assert same_bits(y, x * present)


def test_a_step_that_puts_another_array_in_a_buffers_place_runs_eagerly() -> None:
    count = Tensor(np.zeros(1, np.float32))

    def compute(x: Any, context: ForwardContext) -> Any:
        count.data = count.data + 1
        return None, [x * count.data]

    plan = Plan(compute, (), [count])
    for turn in range(6):
        assert same_bits(plan([np.ones(3, np.float32)], [])[0], np.full(3, turn + 1, np.float32))
    assert plan.reasons == ["it puts another array in the place of a parameter's or a buffer's"]


def test_what_is_done_twice_in_a_row_to_the_same_memory_is_replayed_twice() -> None:
    rows = np.array([0, 0, 2])

    def function(x: Any) -> Any:
        y = x.copy()
        for _ in range(2):
            np.add.at(y, rows, 1.5)
        return y

    trusted(function, 4)


def test_numbers_too_small_to_be_normal_are_not_lost() -> None:
    arrays = trusted(lambda x: (x * x + x) @ x.T, 200, 100)
    for size in (1e-20, 1e-22, 1e-41):
        arrays.check(normal(200, 100) * np.float32(size))


def test_an_operation_of_ones_own_that_computes_past_the_recorder_is_found_out() -> None:
    def formula(x: Any) -> Any:
        return x / np.float32(np.asarray(x, float).max())

    op = custom_op(formula, lambda g, y, x: g)
    weight = Tensor(normal(4, 5), requires_grad=True)
    arrays = Arrays(lambda x: op(Tensor(x) * weight), [weight])
    for _ in range(6):
        arrays.check(normal(4, 5))
    assert not arrays.is_replayed


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_changes_no_bit(threads: int) -> None:
    assert native.library is not None
    before = native.library.thread_count()
    data = np.random.default_rng(3).standard_normal((3, 300, 200)).astype(np.float32)
    function = lambda x: np.tanh(x @ x.T) * 0.5 + np.sqrt(abs(x[:, :1]))  # noqa: E731
    try:
        native.use_threads(threads)
        arrays = trusted(function, 300, 200)
        results = [arrays.run(x)[0] for x in data]
    finally:
        native.use_threads(before)
    assert all(same_bits(result, function(x)) for result, x in zip(results, data, strict=True))
