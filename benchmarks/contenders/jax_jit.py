"""A workload in JAX, the whole step in one `jax.jit` that gives the buffers of weights and moments back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax  # pyright: ignore[reportMissingImports]
import jax.numpy as jnp  # pyright: ignore[reportMissingImports]
import numpy as np
from jax import lax  # pyright: ignore[reportMissingImports]

from .ours import initial_weights
from .workload import (
    GRU,
    LSTM,
    Contender,
    Convolution,
    Embedding,
    Layer,
    Linear,
    MaxPool,
    MeanOfChannels,
    ResidualBlock,
    Transformer,
    Workload,
)

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
MOMENTUM, SMALL = 0.1, 1e-5
"""Of BatchNorm's running statistics; what normalization adds to a variance."""
Arrays = list[jax.Array]


class Pass:
    """One forward pass. The running statistics that BatchNorm leaves are in `left`."""

    def __init__(self, weights: Sequence[jax.Array], statistics: Sequence[jax.Array], training: bool) -> None:
        self.weights, self.statistics, self.training = iter(weights), iter(statistics), training
        self.left: Arrays = []

    def through(self, layers: Sequence[Layer], x: jax.Array) -> jax.Array:
        for layer in layers:
            x = self.apply(layer, x, layer is layers[-1])
        return x

    def apply(self, layer: Layer, x: jax.Array, last: bool) -> jax.Array:
        match layer:
            case Linear():
                x = self.linear(x.reshape(len(x), -1) if x.ndim == 4 else x)
                return x if last else jax.nn.relu(x)
            case Convolution():
                return jax.nn.relu(self.convolution(layer, x))
            case ResidualBlock():
                first, second = layer.body()
                y = self.convolution(second, jax.nn.relu(self.convolution(first, x)))
                around = layer.shortcut(x.shape[1:])
                return jax.nn.relu(y + (x if around is None else self.convolution(around, x)))
            case MaxPool():
                return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
            case MeanOfChannels():
                return x.mean((2, 3))
            case Embedding():
                return next(self.weights)[x]
            case LSTM(units):
                return lstm(x, units, *[next(self.weights) for _ in range(4)])
            case GRU(units):
                return gru(x, units, *[next(self.weights) for _ in range(4)])
            case Transformer(heads, _):
                return self.transformer(x, heads)
        raise NotImplementedError(f"{layer}")

    def linear(self, x: jax.Array) -> jax.Array:
        return x @ next(self.weights) + next(self.weights)

    def convolution(self, layer: Convolution, x: jax.Array) -> jax.Array:
        """Without the ReLU."""
        x = lax.conv_general_dilated(
            x,
            next(self.weights),
            (layer.stride, layer.stride),
            [(layer.padding, layer.padding)] * 2,
            dimension_numbers=("NCHW", "OIHW", "NCHW"),
            feature_group_count=layer.groups,
        )
        return self.batch_norm(x) if layer.normalized else x + next(self.weights)[:, None, None]

    def batch_norm(self, x: jax.Array) -> jax.Array:
        weight, bias, mean, variance = (
            *(next(self.weights) for _ in range(2)),
            *(next(self.statistics) for _ in range(2)),
        )
        if self.training:
            elements, before = x.size // x.shape[1], (mean, variance)
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
            seen = mean, variance * (elements / (elements - 1))
            pairs = zip(before, seen, strict=True)
            self.left += [(1 - MOMENTUM) * old + MOMENTUM * new for old, new in pairs]
        scale = weight * lax.rsqrt(variance + SMALL)
        return (x - mean[:, None, None]) * scale[:, None, None] + bias[:, None, None]

    def transformer(self, x: jax.Array, heads: int) -> jax.Array:
        """Weights come in the order of ours: attention, its LayerNorm, two linear layers, their LayerNorm."""
        attention, norm, rest = ([next(self.weights) for _ in range(n)] for n in (8, 2, 6))
        y = layer_norm(x, *norm)
        query, key, value = (
            (y @ weight + bias).reshape(*x.shape[:2], heads, -1)
            for weight, bias in zip(attention[:6:2], attention[1:6:2], strict=True)
        )
        taken = jax.nn.dot_product_attention(query, key, value).reshape(x.shape)
        x = x + taken @ attention[6] + attention[7]
        y = jax.nn.gelu(layer_norm(x, *rest[4:]) @ rest[0] + rest[1], approximate=False)
        return x + y @ rest[2] + rest[3]


def layer_norm(x: jax.Array, weight: jax.Array, bias: jax.Array) -> jax.Array:
    return (x - x.mean(-1, keepdims=True)) * lax.rsqrt(x.var(-1, keepdims=True) + SMALL) * weight + bias


def lstm(
    x: jax.Array, units: int, of_input: jax.Array, of_state: jax.Array, bias: jax.Array, other: jax.Array
) -> jax.Array:
    """(n, time, inputs) -> (n, time, units), the products with the input made for all elements at once."""
    zero = jnp.zeros((len(x), units), x.dtype)

    def element(state: Any, total: jax.Array) -> Any:
        h, c = state
        i, f, g, o = jnp.split(total + h @ of_state, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    totals = jnp.swapaxes(x @ of_input + (bias + other), 0, 1)
    return jnp.swapaxes(lax.scan(element, (zero, zero), totals)[1], 0, 1)


def gru(
    x: jax.Array, units: int, of_input: jax.Array, of_state: jax.Array, bias: jax.Array, other: jax.Array
) -> jax.Array:
    """(n, time, inputs) -> (n, time, units), like `lstm`."""

    def element(h: jax.Array, total: jax.Array) -> Any:
        of_h = h @ of_state + other
        r, z = jnp.split(jax.nn.sigmoid(total[:, : 2 * units] + of_h[:, : 2 * units]), 2, axis=1)
        g = jnp.tanh(total[:, 2 * units :] + r * of_h[:, 2 * units :])
        h = (1 - z) * g + z * h
        return h, h

    totals = jnp.swapaxes(x @ of_input + bias, 0, 1)
    return jnp.swapaxes(lax.scan(element, jnp.zeros((len(x), units), x.dtype), totals)[1], 0, 1)


def loss_of(
    layers: Sequence[Layer], weights: Arrays, statistics: Arrays, x: jax.Array, labels: jax.Array
) -> tuple[jax.Array, Arrays]:
    forward = Pass(weights, statistics, training=True)
    log_probabilities = jax.nn.log_softmax(forward.through(layers, x))
    loss = -jnp.take_along_axis(log_probabilities, labels[..., None], axis=-1).mean()
    return loss, forward.left


def update(
    weights: Arrays,
    moments: Any,
    statistics: Arrays,
    x: jax.Array,
    labels: jax.Array,
    layers: Sequence[Layer],
) -> Any:
    """One step: Kingma & Ba, ICLR 2015, algorithm 1."""
    step, firsts, seconds = moments
    differentiated = jax.value_and_grad(partial(loss_of, layers), has_aux=True)
    (loss, statistics), gradients = differentiated(weights, statistics, x, labels)
    step = step + 1
    rate, root = RATE / (1 - BETA1**step), jnp.sqrt(1 - BETA2**step)
    firsts = [BETA1 * m + (1 - BETA1) * g for m, g in zip(firsts, gradients, strict=True)]
    seconds = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(seconds, gradients, strict=True)]
    weights = [
        w - rate * m / (jnp.sqrt(v) / root + EPSILON)
        for w, m, v in zip(weights, firsts, seconds, strict=True)
    ]
    return weights, (step, firsts, seconds), statistics, loss


def starting_statistics(workload: Workload) -> Arrays:
    """A mean of 0 and a variance of 1 for each channel that is normalized."""
    found: Arrays = []
    for layer, shape in workload.shaped_layers():
        parts: list[Convolution | None] = []
        if isinstance(layer, ResidualBlock):
            parts = [*layer.body(), layer.shortcut(shape)]
        elif isinstance(layer, Convolution):
            parts = [layer]
        for part in parts:
            if part is not None and part.normalized:
                found += [jnp.zeros(part.filters), jnp.ones(part.filters)]
    return found


def jit(workload: Workload) -> Contender:
    layers = workload.layers
    weights = [jnp.array(values) for values in initial_weights(workload)]
    moments = (jnp.zeros(()), [jnp.zeros_like(w) for w in weights], [jnp.zeros_like(w) for w in weights])
    statistics = starting_statistics(workload)
    compiled = jax.jit(partial(update, layers=layers), donate_argnums=(0, 1, 2))
    forward = jax.jit(lambda weights, statistics, x: Pass(weights, statistics, False).through(layers, x))

    def train(x: jax.Array, labels: jax.Array) -> jax.Array:
        nonlocal weights, moments, statistics
        weights, moments, statistics, loss = compiled(weights, moments, statistics, x, labels)
        return loss

    def convert(samples: np.ndarray, labels: np.ndarray) -> tuple[jax.Array, jax.Array]:
        return jnp.asarray(samples), jnp.asarray(labels)

    def apply(x: jax.Array) -> jax.Array:
        return forward(weights, statistics, x)

    return Contender(train, apply, convert, np.asarray).use(workload)
