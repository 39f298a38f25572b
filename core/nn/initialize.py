"""Where parameters start: keyed, so that one seed gives one model on every machine."""

from __future__ import annotations

from math import prod, sqrt

import numpy as np

from ..array import array_module
from ..random import INIT, substream, uniform
from .module import Module


def he_uniform(shape: tuple[int, ...], seed: int = 0, index: int = 0) -> np.ndarray:
    """Weights (inputs, ...) uniform in ±sqrt(6 / inputs), float32, keyed by (seed, index).

    He et al., "Delving deep into rectifiers", ICCV 2015, equation 10, by a uniform of that variance.
    """
    bound = np.float32(sqrt(6.0 / shape[0]))
    return ((2 * uniform(seed, substream(INIT, index), 0, 0, prod(shape)) - 1) * bound).reshape(shape)


def zeros(shape: tuple[int, ...]) -> np.ndarray:
    """Biases: zeros of `shape`, float32."""
    return np.zeros(shape, dtype=np.float32)


def initialize(model: Module, seed: int) -> None:
    """Give every parameter of `model` its starting value, in place: matrices He uniform, vectors zero."""
    for index, parameter in enumerate(model.parameters().values()):
        shape = parameter.shape
        values = he_uniform(shape, seed, index) if len(shape) > 1 else zeros(shape)
        parameter.data[...] = array_module(parameter.data).asarray(values)
