"""Every kernel on generated shapes: the formula's values, NaN and infinity too; nothing written elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from guarded_launch import guarded, without_kernels
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from chainrule.core import Tensor, grad, native, nn, ops, optim
from chainrule.core.native import convolution as kernels
from chainrule.core.ops import convolution, pooling
from chainrule.core.ops.embedding import row_sums
from chainrule.core.ops.window import Windows

EXAMPLES = settings(
    derandomize=True, max_examples=100, deadline=None, database=None, phases=[Phase.explicit, Phase.generate]
)
"""The same in every run."""
SIDES = st.one_of(st.integers(1, 70), st.sampled_from([1, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65]))
FEW = st.integers(1, 7)
BAD = st.sampled_from([0.0, 0.0, 0.0, np.nan, np.inf, -np.inf])
Results = Sequence[np.ndarray]


class Drawn:
    """What Hypothesis chooses: sizes, options, and the numbers of arrays by a seed."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self._random = np.random.default_rng(self.one(st.integers(0, 99)))
        self.bad = self.one(BAD)
        """NaN or infinity, for one element of one array; 0 for none."""

    def one(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self._data.draw(strategy)

    def array(self, *shape: int, order: str = "rows") -> np.ndarray:
        """Normal numbers, one of them perhaps bad; in memory as `order` says."""
        if order == "last":
            return np.moveaxis(self.array(shape[0], *shape[2:], shape[1]), -1, 1)
        if order == "gaps":
            return self.array(*shape[:-1], 2 * shape[-1])[..., ::2]
        if order == "turned":
            return self.array(*shape[::-1]).T
        x = self._random.standard_normal(shape, np.float32)
        if self.bad and x.size:
            x.flat[self._random.integers(x.size)] = self.bad
            self.bad = 0.0
        return x

    def ids(self, count: int, *shape: int) -> np.ndarray:
        dtype = self.one(st.sampled_from("bBhHiIlL"))
        return self._random.integers(0, min(count, 120), shape).astype(dtype)


@dataclass(frozen=True)
class Problem:
    """compute: by kernels. expected: by formulas. spreads: a bad number may reach more than by the formula.

    rtol: of the largest number of a result, or of `scale` where all of it is a difference of such numbers.
    """

    compute: Callable[[], Results]
    expected: Callable[[], Results]
    rtol: float = 1e-5
    spreads: bool = False
    scale: float = 0.0

    @classmethod
    def of(cls, formula: Callable[[], Results], rtol: float = 1e-5, scale: float = 0.0) -> Problem:
        """Both by the same operations, once without kernels."""
        return cls(formula, lambda: without_kernels(formula), rtol, scale=scale)

    def check(self, shift: int) -> set[str]:
        """Compare both; the kernels that were called."""
        with np.errstate(all="ignore"), guarded(shift) as called:
            found = self.compute()
        with np.errstate(all="ignore"):
            expected = self.expected()
        for ours, formulas in zip(found, expected, strict=True):
            assert ours.shape == formulas.shape
            finite = np.isfinite(formulas)
            largest = np.abs(formulas[finite]).max(initial=self.scale)
            if self.spreads and not finite.all():
                assert not np.isfinite(ours[~finite]).any()
                finite &= np.isfinite(ours)
                ours, formulas = ours[finite], formulas[finite]
            np.testing.assert_allclose(ours, formulas, self.rtol, self.rtol * float(largest))
        return called


def double(*arrays: np.ndarray) -> list[np.ndarray]:
    return [array.astype(np.float64) for array in arrays]


def gradients(y: Any, *tensors: Any) -> list[np.ndarray]:
    """Of a sum of y with weights of its own for each element."""
    weights = np.cos(np.arange(y.size, dtype=np.float32)).reshape(y.shape)
    return [g.numpy() for g in grad((y * weights).sum(), list(tensors))]


def large_or_not(drawn: Drawn) -> Problem:
    """Products of all three kinds: by BLAS, cut for threads, and by tiles."""
    sides = drawn.one(st.sampled_from([SIDES, SIDES, st.integers(64, 160), st.integers(250, 310)]))
    m, n, k = (drawn.one(sides) for _ in range(3))
    orders = st.sampled_from(["rows", "turned"])
    a, b = drawn.array(m, k, order=drawn.one(orders)), drawn.array(k, n, order=drawn.one(orders))

    def compute() -> Results:
        y = native.empty(a, (m, n))
        steps = [stride // 4 for stride in (*a.strides, *b.strides)]
        native.launch("matmul_f32", [y], [a, b], (m, n, k, *steps))
        return [y]

    return Problem(compute, lambda: [np.matmul(*double(a, b))])


def stacks(drawn: Drawn) -> Problem:
    outer = [drawn.one(FEW) for _ in range(drawn.one(st.integers(0, 2)))]
    m, n, k = (drawn.one(SIDES) for _ in range(3))
    a, b = drawn.array(*outer, m, k), drawn.array(*outer[1:], k, n)

    def compute() -> Results:
        c = native.empty(a, (*outer, m, n))
        wide = np.broadcast_to(b, (*outer, k, n))
        cores = [stride for x in (a, b, c) for stride in x.strides[-2:]]
        steps = [stride for x in (a, wide, c) for stride in x.strides[:-2]]
        loop = native.inner_loop(np.matmul, "ff->f")
        assert loop is not None
        native.launch("matmul_stack", [c], [a, b], (*loop, m, k, n, *cores, len(outer), *outer, *steps))
        return [c]

    return Problem(compute, lambda: [np.matmul(*double(a, b))])


def convolutions(method: str) -> Callable[[Drawn], Problem]:
    def problem(drawn: Drawn) -> Problem:
        axes = drawn.one(st.integers(1, 2)) if method != "winograd" else 2
        sizes = st.integers(1, 4) if method == "winograd" else FEW
        n, groups, order = drawn.one(FEW), 1, drawn.one(st.sampled_from(["rows", "last", "gaps"]))
        stride, dilation = [[drawn.one(st.integers(1, 3)) for _ in range(axes)] for _ in range(2)]
        kernel = [drawn.one(st.integers(1, 5)) for _ in range(axes)]
        padding = [drawn.one(st.integers(0, 3)) for _ in range(axes)]
        channels, filters = drawn.one(SIDES), drawn.one(SIDES)
        if method == "winograd":
            kernel = [drawn.one(st.sampled_from([3, 5]))] * 2
            padding = [min(one, kernel[0] - 1) for one in padding]
            stride = dilation = [1, 1]
            channels, filters, order = 16 * drawn.one(sizes), 16 * drawn.one(sizes), "last"
        elif method == "depthwise":
            groups = filters = channels = max(2, channels)
        elif drawn.one(st.booleans()):
            groups = drawn.one(st.integers(1, 4))
            channels, filters = groups * drawn.one(FEW), groups * drawn.one(FEW)
        reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
        size = [max(1, r - 2 * p) + drawn.one(st.integers(2, 9)) for r, p in zip(reach, padding, strict=True)]
        options: Any = {
            "windows": Windows.of("drawn", size, kernel, stride, padding, dilation),
            "groups": groups,
        }
        windows = options["windows"]
        arrays = (
            drawn.array(n, channels, *size, order=order),
            drawn.array(n, filters, *windows.count, order=order),
            drawn.array(filters, channels // groups, *kernel),
            drawn.array(filters),
        )
        x, g, weight, bias = arrays

        def compute() -> Results:
            found: Any = [
                kernels.convolve(x, weight, bias, windows, groups),
                kernels.convolve_back(g, weight, windows, groups),
                kernels.convolve_weight(x, g, windows, groups),
                kernels.channel_sums(g),
            ]
            return found

        def expected() -> Results:
            x, g, weight, bias = double(*arrays)
            found: Any = [
                convolution._convolve_bias(x, weight, bias, **options),
                convolution._convolve_back(g, weight, **options),
                convolution._convolve_weight(x, g, **options),
                convolution.channel_sums(g),
            ]
            return found

        return Problem(compute, expected, rtol=2e-5, spreads=True)

    return problem


def pools(drawn: Drawn) -> Problem:
    axes, order = drawn.one(st.integers(1, 2)), drawn.one(st.sampled_from(["rows", "last", "gaps"]))
    kernel, stride, dilation = [[drawn.one(st.integers(1, 3)) for _ in range(axes)] for _ in range(3)]
    padding = [drawn.one(st.integers(0, k // 2)) for k in kernel]
    size = [d * (k - 1) + drawn.one(FEW) for d, k in zip(dilation, kernel, strict=True)]
    windows = Windows.of("drawn", size, kernel, stride, padding, dilation)
    n, channels = drawn.one(FEW), drawn.one(SIDES)
    x, g = drawn.array(n, channels, *size, order=order), drawn.array(n, channels, *windows.count, order=order)

    def formula() -> Results:
        largest, choice = pooling._largest(x, windows)
        found: Any = [
            largest,
            choice,
            pooling._put(g, choice, windows=windows),
            pooling._window_sums(x, windows=windows),
            pooling._window_sums_back(g, windows=windows),
        ]
        return found

    return Problem.of(formula, rtol=1e-6)


def probabilities(drawn: Drawn) -> Problem:
    rows, columns = drawn.one(SIDES), drawn.one(st.one_of(SIDES, st.integers(100, 300)))
    data, labels = drawn.array(rows, columns), drawn.ids(columns, rows)

    def formula() -> Results:
        x = Tensor(data, requires_grad=True)
        y, loss = ops.softmax(x), ops.softmax_cross_entropy(x, labels)
        return [y.numpy(), *gradients(y, x), loss.numpy(), *gradients(loss * 0.5, x)]

    return Problem.of(formula)


def normalizations(drawn: Drawn) -> Problem:
    n, channels, sides = drawn.one(FEW), drawn.one(SIDES), [drawn.one(FEW), drawn.one(FEW)]
    groups, order = drawn.one(FEW), drawn.one(st.sampled_from(["rows", "last"]))
    layers: list[tuple[nn.Module, np.ndarray]] = [
        (nn.LayerNorm(channels), drawn.array(n, channels)),
        (nn.RMSNorm(channels), drawn.array(n, 3, channels)),
        (nn.GroupNorm(groups, groups * n), drawn.array(n, groups * n, *sides)),
        (nn.BatchNorm(channels), drawn.array(n + 1, channels, *sides, order=order)),
        (nn.BatchNorm(channels), drawn.array(n + 1, channels)),
    ]
    for layer, _ in layers:
        for parameter in layer.parameters().values():
            parameter.data[...] = drawn.array(*parameter.shape)

    def formula() -> Results:
        found = []
        for layer, data in layers:
            x = Tensor(data, requires_grad=True)
            y = layer(x, nn.ForwardContext(training=True))
            found += [y.numpy(), *gradients(y, x, *layer.parameters().values())]
        return found

    return Problem.of(formula, rtol=1e-4, scale=1.0)


def recurrences(drawn: Drawn) -> Problem:
    n, time, inputs, units = drawn.one(SIDES), drawn.one(st.integers(1, 4)), drawn.one(FEW), drawn.one(SIDES)
    make = drawn.one(st.sampled_from([nn.LSTM, nn.GRU, nn.RNN]))
    layer = make(inputs, units, bidirectional=drawn.one(st.booleans()))
    lengths = None
    if drawn.one(st.booleans()):
        lengths = np.arange(n) % (time + 1)
        drawn.bad = (
            0.0  # the formula brings it behind a sample's end, where it is multiplied by 0; kernels do not
        )
    states = [tuple(drawn.array(n, units) for _ in range(cell.states)) for cell in layer.cells]
    data, from_state = drawn.array(n, time, inputs), drawn.one(st.booleans())

    def formula() -> Results:
        x = Tensor(data, requires_grad=True)
        state = [tuple(Tensor(part, requires_grad=True) for part in parts) for parts in states]
        y, ends = layer.run(x, state if from_state else None, lengths)
        inner = [part for parts in state for part in parts] if from_state else []
        last = [part for end in ends for part in end]
        total = ops.concatenate([ops.reshape(part, (-1,)) for part in (y, *last)])
        return [y.numpy(), *gradients(total, x, *layer.parameters().values(), *inner)]

    return Problem.of(formula, rtol=5e-5)


def activations(drawn: Drawn) -> Problem:
    data = 8 * drawn.array(drawn.one(st.one_of(SIDES, st.integers(8000, 40_000))))

    def formula() -> Results:
        x, found = Tensor(data, requires_grad=True), []
        for function in (ops.sigmoid, ops.silu, ops.gelu, lambda x: ops.gelu(x, approximate=True)):
            y = function(x)
            found += [y.numpy(), *gradients(y, x)]
        return found

    return Problem.of(formula)


def rows_by_number(drawn: Drawn) -> Problem:
    rows, units = drawn.one(SIDES), drawn.one(SIDES)
    ids, table = drawn.ids(rows, drawn.one(SIDES), drawn.one(FEW)), drawn.array(rows, units)
    g = drawn.array(*ids.shape, units)

    def formula() -> Results:
        found: Any = [ops.embedding(table, ids), row_sums(g, ids, rows=rows)]
        return found

    return Problem.of(formula)


def optimizers(drawn: Drawn) -> Problem:
    decay = drawn.one(st.sampled_from([0.0, 0.01]))
    rules = [
        optim.SGD(0.1, weight_decay=decay),
        optim.SGD(0.1, momentum=0.9, nesterov=drawn.one(st.booleans())),
        optim.Adam(weight_decay=decay),
        optim.AMSGrad(),
        optim.NAdam(),
        optim.RAdam(),
        optim.AdaGrad(weight_decay=decay),
        optim.RMSProp(momentum=drawn.one(st.sampled_from([0.0, 0.9])), centered=drawn.one(st.booleans())),
        optim.Lion(weight_decay=decay),
    ]
    size, step = drawn.one(st.one_of(SIDES, st.integers(10_000, 40_000))), drawn.one(st.integers(1, 20))
    gradient, parameters, average = (drawn.array(size) for _ in range(3))
    in_place = drawn.one(st.booleans())

    def formula() -> Results:
        found = []
        for rule in rules:
            state, own = [np.abs(average) for _ in rule.slots], parameters.copy()
            new = [own, *state] if in_place else [np.empty_like(own) for _ in (own, *state)]
            rule.update(step, gradient, own, state, new[0], new[1:])
            found += new
        out = np.empty_like(average)
        optim.MovingAverage().update(step, parameters, average, out)
        return [*found, out]

    return Problem.of(formula, rtol=0)


def sums(drawn: Drawn) -> Problem:
    x = drawn.array(drawn.one(st.one_of(SIDES, st.integers(2000, 9000))), drawn.one(SIDES))

    def compute() -> Results:
        y = native.empty(x, x.shape[1:])
        native.launch("column_sums_f32", [y], [x], x.shape)
        return [y]

    return Problem(compute, lambda: [x.sum(axis=0, dtype=np.float64)])


def chains(drawn: Drawn) -> Problem:
    """y = where(a > b, a * b + c, c as float32), of operands that are broadcast or have gaps."""
    shape = tuple(drawn.one(SIDES) for _ in range(drawn.one(st.integers(1, 3))))
    parts = [tuple(drawn.one(st.sampled_from([1, side])) for side in shape) for _ in range(3)]
    a, b, c = (drawn.array(*part, order=drawn.one(st.sampled_from(["rows", "gaps"]))) for part in parts)
    c = np.nan_to_num(c * 100).clip(-300, 300).astype(np.int64)
    block = drawn.one(st.integers(1, 100))

    def compute() -> Results:
        y = native.empty(a, shape)
        arrays = y, *(np.broadcast_to(x, shape) for x in (a, b, c))
        slots: list[int] = []
        for array in arrays:
            slots += [0, array.itemsize, array.strides[-1], *array.strides[:-1]]
        for size in (4, 4, 4, 1):  # c as float32, a * b, that and c, a > b
            slots += [1, size, size, *[0] * (len(shape) - 1)]
        loops = [
            (native.address("cast_int64_float32"), 0, 2, 3, 4),
            (*_loop(np.multiply, "ff->f"), 3, 1, 2, 5),
            (*_loop(np.add, "ff->f"), 3, 5, 4, 6),
            (*_loop(np.greater, "ff->?"), 3, 1, 2, 7),
            (native.address("where_4"), 0, 4, 7, 6, 4, 0),
        ]
        integers = [len(shape) - 1, shape[-1], block, 8, len(loops), *shape[:-1], *slots]
        native.launch("elementwise", [y], [a, b, c], [*integers, *(one for loop in loops for one in loop)])
        return [y]

    def expected() -> Results:
        floats = c.astype(np.float32)
        y = np.where(a > b, a * b + floats, floats)
        return [np.broadcast_to(y, shape)]

    return Problem(compute, expected, rtol=0)


def _loop(ufunc: np.ufunc, types: str) -> tuple[int, int]:
    found = native.inner_loop(ufunc, types)
    assert found is not None
    return found


def _of(*names: str) -> set[str]:
    return {f"{name}_f32" for name in names}


FAMILIES: dict[str, tuple[Callable[[Drawn], Problem], set[str]]] = {
    "products": (large_or_not, _of("matmul")),
    "stacks of products": (stacks, {"matmul_stack"}),
    **{
        method: (convolutions(method), _of(method, f"{method}_back", f"{method}_weight", "channel_sums"))
        for method in ("convolve", "winograd", "depthwise")
    },
    "pooling": (pools, _of("max_pool", "max_pool_back", "window_sums", "window_sums_back")),
    "softmax": (
        probabilities,
        _of("softmax", "softmax_backward", "cross_entropy", "cross_entropy_backward"),
    ),
    "normalizations": (
        normalizations,
        _of(*(f"normalize_{way}{end}" for way in ("rows", "planes", "columns") for end in ("", "_backward"))),
    ),
    "recurrent": (
        recurrences,
        _of(*(f"{kind}{end}" for kind in ("lstm", "gru", "rnn") for end in ("", "_gradient")))
        | _of("sequence_gates", *(f"sequence_{of}_gradient" for of in ("input", "weight", "bias"))),
    ),
    "activations": (
        activations,
        _of(
            "sigmoid",
            *(f"{name}{end}" for name in ("silu", "gelu", "gelu_tanh") for end in ("", "_backward")),
        ),
    ),
    "rows by number": (rows_by_number, _of("embedding", "row_sums")),
    "optimizers": (
        optimizers,
        _of(*"sgd adam nadam radam adagrad rmsprop lion moving_average".split()),
    ),
    "sums": (sums, _of("column_sums")),
    "elementwise": (chains, {"elementwise"}),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_kernels_give_the_formulas_values_and_write_nowhere_else(name: str) -> None:
    make, symbols = FAMILIES[name]
    called: set[str] = set()

    @EXAMPLES
    @given(st.data())
    def check(data: st.DataObject) -> None:
        drawn = Drawn(data)
        problem = make(drawn)
        called.update(problem.check(drawn.one(st.integers(0, 15))))

    check()
    assert called == symbols


def test_every_kernel_that_is_compiled_is_in_a_family() -> None:
    assert native.library is not None
    file = native._FOLDER / f"kernels_{native.variant()}.so"
    names = re.findall(rb"\0([a-z0-9_]+_f32|matmul_stack|elementwise)(?=\0)", file.read_bytes())
    known = {symbol for _, symbols in FAMILIES.values() for symbol in symbols}
    parts_of_sgd = {"momentum_f32", "plain_f32"}
    assert {name.decode() for name in names} <= known | parts_of_sgd
