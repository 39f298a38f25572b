"""What a graph keeps alive: what some rule reads, until it has; and graphs too deep for recursion."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest

from chainrule.core import Tensor, grad, losses, nn, ops, tensor
from chainrule.core.errors import GraphError
from chainrule.core.graph import primitive, vjp
from chainrule.core.retention import Absent, reads

LAYERS, BATCH, WIDTH = 8, 1024, 256
NODES = 100_000
ACTIVATION = BATCH * WIDTH * 4
"""Bytes of one layer's output, and of its gradient."""


@pytest.fixture
def live_bytes() -> Iterator[Callable[[], int]]:
    """Bytes allocated since the start of the test and not freed; NumPy reports its arrays to tracemalloc."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()


def network() -> tuple[nn.Sequential, Tensor, np.ndarray]:
    layers = [layer for _ in range(LAYERS) for layer in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
    x = Tensor(np.random.default_rng(0).standard_normal((BATCH, WIDTH), dtype=np.float32))
    return nn.Sequential(*layers), x, np.arange(BATCH) % WIDTH


def test_a_forward_pass_keeps_one_array_a_layer_not_what_no_rule_reads(live_bytes) -> None:
    model, x, _ = network()
    model(x)  # makes the zeros that relu keeps between calls
    before = live_bytes()
    output = model(x)
    kept = (live_bytes() - before) / ACTIVATION
    assert output.shape == (BATCH, WIDTH)
    assert kept == pytest.approx(LAYERS, abs=0.1)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_forward_pass_in_half_precision_keeps_half_of_that(live_bytes, dtype: str) -> None:
    model, x, _ = network()
    nn.cast(model, dtype)
    x = x.astype(dtype)
    model(x)
    before = live_bytes()
    output = model(x)
    assert output.dtype == np.dtype(dtype)
    assert (live_bytes() - before) / ACTIVATION == pytest.approx(LAYERS / 2, abs=0.1)


def test_backward_frees_each_layers_output_as_soon_as_it_is_past_it(live_bytes) -> None:
    model, x, labels = network()
    weights = sum(parameter.data.nbytes for parameter in model.parameters().values())
    live: list[float] = []
    before = live_bytes()
    for layer in model.layers:
        x = layer(x)
        x.register_hook(lambda gradient: live.append((live_bytes() - before) / ACTIVATION))
    losses.softmax_cross_entropy(x, labels).backward()
    at_layers = live[1::2]
    assert len(at_layers) == LAYERS
    for earlier, later in pairwise(at_layers[1:]):
        assert earlier - later == pytest.approx(1 - weights / LAYERS / ACTIVATION, abs=0.1)


BLOCKS: dict[str, Callable[[], nn.Module]] = {
    "residual": lambda: nn.Residual(nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 16), nn.GELU())),
    "parallel": lambda: nn.Parallel(nn.Linear(16, 16), nn.Tanh(), combine="sum"),
    "sigmoid": lambda: nn.Sequential(nn.Linear(16, 16), nn.Sigmoid()),
}


@pytest.mark.parametrize("kind", BLOCKS)
def test_of_a_deep_net_the_walk_back_leaves_alive_only_what_it_has_still_to_read(kind: str) -> None:
    depth, alive = 40, []
    x = Tensor(np.random.default_rng(0).standard_normal((8, 16), dtype=np.float32))
    blocks = [BLOCKS[kind]() for _ in range(depth)]
    outputs: list[weakref.ref[np.ndarray]] = []
    for block in blocks:
        x = block(x)
        outputs.append(weakref.ref(x.data))
        x.register_hook(lambda gradient: alive.append(sum(output() is not None for output in outputs)))
    loss = (x * x).sum()
    del x
    gc.collect()
    before = sum(output() is not None for output in outputs)
    loss.backward()
    assert before >= depth - 1
    assert len(alive) == depth
    for past, left in enumerate(alive):
        assert left <= depth - past + 1
    assert sum(output() is not None for output in outputs) == 0


def test_the_peak_of_a_step_is_the_kept_outputs_and_three_more_arrays_of_that_size(live_bytes) -> None:
    model, x, labels = network()
    weights = sum(parameter.data.nbytes for parameter in model.parameters().values())
    before = live_bytes()
    tracemalloc.reset_peak()
    losses.softmax_cross_entropy(model(x), labels).backward()
    peak = tracemalloc.get_traced_memory()[1] - before
    assert peak < (LAYERS + 3) * ACTIVATION + weights / LAYERS
    assert live_bytes() - before < weights * 1.1


def test_the_way_back_through_relu_makes_one_array_and_no_booleans_beside_it(live_bytes) -> None:
    x = Tensor(np.random.default_rng(0).standard_normal((BATCH, WIDTH), dtype=np.float32), requires_grad=True)
    y, seed = ops.relu(x), Tensor(np.ones((BATCH, WIDTH), np.float32))
    before = live_bytes()
    tracemalloc.reset_peak()
    grad(y, [x], seed)
    assert (tracemalloc.get_traced_memory()[1] - before) / ACTIVATION == pytest.approx(1, abs=0.05)


def test_a_graph_that_was_freed_says_so_and_how_to_keep_it() -> None:
    x = tensor([2.0], requires_grad=True)
    middle = x * x
    loss = (middle * middle).sum()
    loss.backward()
    for again in (loss.backward, lambda: grad(loss, [x]), lambda: grad(middle, [x])):
        with pytest.raises(GraphError, match=r"was freed by an earlier backward\(\); use backward\(retain"):
            again()
    assert loss.item() == 16
    assert middle.item() == 4


def test_a_retained_graph_is_walked_again() -> None:
    x = tensor([2.0], requires_grad=True)
    loss = (x * x).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    assert x.grad is not None
    assert x.grad.item() == 8


def test_grad_keeps_the_graph() -> None:
    x = tensor([2.0], requires_grad=True)
    loss = (x * x).sum()
    assert grad(loss, [x])[0].item() == grad(loss, [x])[0].item() == 4


@pytest.mark.parametrize(
    "operation",
    [lambda y: y + 0.5, lambda y: y.reshape(1, 1), ops.relu, lambda y: ops.maximum(y, y)],
    ids=["add", "reshape", "relu", "maximum"],
)
@pytest.mark.parametrize("walked", [True, False])
def test_a_hundred_thousand_nodes_are_made_walked_and_deleted_on_a_small_stack(operation, walked) -> None:
    gradients = []

    def run() -> None:
        x = tensor([1.0], requires_grad=True)
        y = x
        for _ in range(NODES):
            y = operation(y)
        if walked:
            gradients.append(grad(y, [x])[0].item())
            y.backward()
        del y
        gradients.append(x.item())

    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert len(gradients) == 1 + walked


def test_second_derivatives_of_a_long_chain_need_no_recursion_either() -> None:
    x = tensor([1.0], requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    (first,) = grad((y * y).sum(), [x], create_graph=True)
    (second,) = grad(first.sum(), [x])
    assert second.item() == 2


def _helper(x):
    return x


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (lambda g, y, x: g * y, False),
        (lambda g, y, x: g * x, True),
        (lambda g, y, x: ops.reshape(g, x.shape), False),
        (lambda g, y, x: g * x.size + y.shape[0] * x.ndim, False),
        (lambda g, y, x: g * x.size + x.data, True),
        (lambda g, y, x: ops.cast(g, x.dtype), False),
        (lambda g, y, x: _helper(x), True),
        (lambda g, y, x: [x for _ in range(2)], True),
        (lambda g, y, x: (lambda: x)(), True),
        (lambda g, y, x: g + x, True),
        (lambda g, y, *rest: g, True),
        (sum, True),
    ],
)
def test_what_a_rule_reads_is_seen_in_its_code_and_in_doubt_everything(rule, expected: bool) -> None:
    assert reads(rule, 2) is expected


def test_a_rule_that_asks_only_for_the_shape_gets_it_and_not_the_array() -> None:
    seen = []

    @primitive
    def opaque(x):
        return x * 1.0

    vjp(opaque, lambda g, y, x: seen.append((x.shape, x.ndim, x.size, x.dtype)) or g)
    x = tensor(np.ones((2, 3)), requires_grad=True)
    output = opaque(x * 2)
    assert output.node is not None
    assert isinstance(output.node.values[0], Absent)
    assert output.node.y is None
    output.sum().backward()
    assert seen == [((2, 3), 2, 6, np.float64)]
