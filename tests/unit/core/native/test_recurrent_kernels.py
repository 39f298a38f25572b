"""The kernels of LSTM, GRU and RNN beside the same layers made of ordinary operations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor, grad, native, nn
from chainrule.core.graph import observers

LAYERS = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn": nn.RNN,
    "relu": lambda *sizes, **options: nn.RNN(*sizes, activation="relu", **options),
}
# n, time, inputs, units
SIZES = [(1, 1, 1, 1), (1, 5, 3, 20), (2, 3, 2, 16), (7, 4, 17, 33), (33, 3, 20, 70), (40, 12, 8, 128)]


@dataclass
class Problem:
    """A layer, what goes into it, and the cotangents of what comes out."""

    layer: Any
    x: np.ndarray
    state: list[tuple[np.ndarray, ...]] | None
    lengths: np.ndarray | None
    cotangents: list[np.ndarray]

    def results(self, dtype: Any = np.float32) -> list[np.ndarray]:
        """Outputs, last states and all gradients."""
        parameters = list(self.layer.parameters().values())
        for parameter in parameters:
            parameter.data = parameter.data.astype(dtype)
        x = Tensor(self.x.astype(dtype), requires_grad=True)
        state = None
        if self.state is not None:
            state = [tuple(Tensor(s.astype(dtype), requires_grad=True) for s in part) for part in self.state]
        y, ends = self.layer.run(x, state, self.lengths)
        outputs = [y, *(part for end in ends for part in end)]
        loss: Any = sum(
            (out * g.astype(dtype)).sum() for out, g in zip(outputs, self.cotangents, strict=True)
        )
        inputs = [x, *parameters, *(part for parts in state or [] for part in parts)]
        return [out.data for out in outputs] + [g.data for g in grad(loss, inputs)]


def problem(kind: str, sizes: tuple[int, ...], state: bool, lengths: bool, **options: Any) -> Problem:
    random = np.random.default_rng(sum(sizes))
    n, time, inputs, units = sizes
    layer = LAYERS[kind](inputs, units, **options)
    cells = layer.cells
    shapes = [(n, time, units * layer.directions)] + [(n, units)] * (len(cells) * cells[0].states)
    states = [tuple(random.normal(size=(n, units)) for _ in range(cells[0].states)) for _ in cells]
    return Problem(
        layer,
        random.normal(size=(n, time, inputs)),
        states if state else None,
        random.integers(0, time + 1, n) if lengths else None,
        [random.normal(size=shape) for shape in shapes],
    )


def assert_close(actual: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * max(1, np.abs(b).max()))


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = native.library.thread_count()  # pyright: ignore[reportOptionalMemberAccess]
    native.use_threads(count)
    try:
        yield
    finally:
        native.use_threads(before)


@pytest.mark.parametrize("lengths", [False, True], ids=["all elements", "lengths"])
@pytest.mark.parametrize("state", [False, True], ids=["from zeros", "from a state"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("kind", LAYERS)
def test_outputs_states_and_gradients_are_those_of_float64(kind, sizes, state, lengths) -> None:
    given = problem(kind, sizes, state, lengths)
    assert_close(given.results(), given.results(np.float64))


@pytest.mark.parametrize("kind", LAYERS)
def test_two_layers_in_two_directions_are_those_without_kernels(kind, monkeypatch) -> None:
    given = problem(kind, (5, 6, 7, 18), True, True, layers=2, bidirectional=True)
    results = given.results()
    monkeypatch.setattr(native, "library", None)
    assert_close(results, given.results())


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("kind", LAYERS)
def test_the_bits_do_not_depend_on_the_number_of_threads(kind, sizes) -> None:
    given = problem(kind, sizes, True, False)
    alone, together = [], []
    with threads(1):
        alone = given.results()
    with threads(3):
        together = given.results()
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", LAYERS)
def test_second_derivatives_are_those_of_float64(kind) -> None:
    given = problem(kind, (3, 4, 2, 5), False, False)
    found = []
    for dtype in (np.float32, np.float64):
        parameters = list(given.layer.parameters().values())
        for parameter in parameters:
            parameter.data = parameter.data.astype(dtype)
        x = Tensor(given.x.astype(dtype), requires_grad=True)
        y = given.layer(x * 1.5)
        slopes = grad((y * y).sum(), [x, *parameters], create_graph=True)
        total: Any = sum((slope * slope).sum() for slope in slopes)
        found.append([g.data for g in (*slopes, *grad(total, [x, *parameters]))])
    assert_close(*found)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_second_walk_with_other_cotangents_gives_other_gradients(kind) -> None:
    layer = LAYERS[kind](3, 4)
    x = Tensor(np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32), requires_grad=True)
    y = layer(x)
    seed = Tensor(np.ones(y.shape, np.float32))
    once = grad(y, [x, layer.cells[0].state_weight], seed=seed)
    again = grad(y, [x, layer.cells[0].state_weight], seed=seed)
    seed.data *= 2
    twice = grad(y, [x, layer.cells[0].state_weight], seed=seed)
    for a, b, c in zip(once, again, twice, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
        np.testing.assert_allclose(2 * a.data, c.data, rtol=1e-5)


@pytest.mark.parametrize("kind", LAYERS)
def test_parts_of_an_array_and_gradients_that_do_not_lie_in_one_piece_are_taken(kind) -> None:
    layer = LAYERS[kind](3, 4)
    x = np.random.default_rng(0).normal(size=(2, 3, 5)).astype(np.float32).transpose(0, 2, 1)
    whole, cut = Tensor(x.copy(), requires_grad=True), Tensor(x, requires_grad=True)
    expected = grad(layer(whole).sum() * 1.0, [whole])[0].data
    np.testing.assert_array_equal(grad(layer(cut).sum() * 1.0, [cut])[0].data, expected)


@pytest.mark.parametrize("kind", LAYERS)
def test_nan_in_a_sample_stays_in_that_sample(kind) -> None:
    layer = LAYERS[kind](3, 4)
    x = np.ones((3, 5, 3), np.float32)
    x[1, 2] = np.nan
    y = layer(Tensor(x)).data
    assert np.isnan(y[1, 2:]).all()
    assert not np.isnan(y[[0, 2]]).any()
    assert not np.isnan(y[1, :2]).any()


@pytest.mark.parametrize("kind", LAYERS)
def test_a_batch_without_samples_has_gradients_of_zeros(kind) -> None:
    layer = LAYERS[kind](3, 4)
    parameters = list(layer.parameters().values())
    y = layer(Tensor(np.ones((0, 5, 3), np.float32)))
    assert y.shape == (0, 5, 4)
    assert not any(gradient.data.any() for gradient in grad(y.sum(), parameters))


def test_a_pass_is_one_operation_unless_somebody_watches_the_tape() -> None:
    layer = nn.LSTM(3, 4)
    x = Tensor(np.ones((2, 5, 3), np.float32))
    node = layer(x).node
    assert node is not None
    assert node.operation.name == "lstm"
    seen: list[str] = []
    observer = lambda operation, *_: seen.append(operation.name)  # noqa: E731
    observers.append(observer)
    try:
        layer(x)
    finally:
        observers.remove(observer)
    assert seen.count("sigmoid") == 5
