"""A workload in JAX, the whole step in one `jax.jit` that gives the buffers of weights and moments back."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax  # pyright: ignore[reportMissingImports]
import jax.numpy as jnp  # pyright: ignore[reportMissingImports]
import numpy as np
from jax import lax  # pyright: ignore[reportMissingImports]

from .ours import initial_weights
from .workload import LSTM, Contender, Convolution, Embedding, Linear, MaxPool, Workload

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
Weights = list[jax.Array]


def logits_of(workload: Workload, weights: Weights, x: jax.Array) -> jax.Array:
    rest = iter(weights)
    for layer in workload.layers:
        match layer:
            case Linear():
                x = (x.reshape(len(x), -1) if x.ndim == 4 else x) @ next(rest) + next(rest)
                if layer is not workload.layers[-1]:
                    x = jax.nn.relu(x)
            case Convolution(_, _, padding):
                sides = [(padding, padding)] * 2
                x = lax.conv_general_dilated(
                    x, next(rest), (1, 1), sides, dimension_numbers=("NCHW", "OIHW", "NCHW")
                )
                x = jax.nn.relu(x + next(rest)[:, None, None])
            case MaxPool():
                x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
            case Embedding():
                x = next(rest)[x]
            case LSTM(units):
                x = lstm(x, units, *[next(rest) for _ in range(4)])
    return x


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


def loss_of(workload: Workload, weights: Weights, x: jax.Array, labels: jax.Array) -> jax.Array:
    log_probabilities = jax.nn.log_softmax(logits_of(workload, weights, x))
    return -jnp.take_along_axis(log_probabilities, labels[..., None], axis=-1).mean()


def update(weights: Weights, moments: Any, x: jax.Array, labels: jax.Array, workload: Workload) -> Any:
    """One step: Kingma & Ba, ICLR 2015, algorithm 1."""
    step, firsts, seconds = moments
    loss, gradients = jax.value_and_grad(partial(loss_of, workload))(weights, x, labels)
    step = step + 1
    rate, root = RATE / (1 - BETA1**step), jnp.sqrt(1 - BETA2**step)
    firsts = [BETA1 * m + (1 - BETA1) * g for m, g in zip(firsts, gradients, strict=True)]
    seconds = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(seconds, gradients, strict=True)]
    weights = [
        w - rate * m / (jnp.sqrt(v) / root + EPSILON)
        for w, m, v in zip(weights, firsts, seconds, strict=True)
    ]
    return weights, (step, firsts, seconds), loss


def jit(workload: Workload) -> Contender:
    weights = [jnp.array(values) for values in initial_weights(workload)]
    moments = (jnp.zeros(()), [jnp.zeros_like(w) for w in weights], [jnp.zeros_like(w) for w in weights])
    x, labels = map(jnp.asarray, workload.data())
    compiled = jax.jit(partial(update, workload=workload), donate_argnums=(0, 1))
    forward = jax.jit(partial(logits_of, workload))

    def step() -> jax.Array:
        nonlocal weights, moments
        weights, moments, loss = compiled(weights, moments, x, labels)
        return loss

    return Contender(step, lambda: forward(weights, x), np.asarray)
