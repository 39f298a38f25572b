"""Layers and models."""

from .activation import Activation, ReLU, Sigmoid, Tanh
from .context import EVALUATION, ForwardContext
from .dropout import Dropout
from .flatten import Flatten
from .initialize import initialize
from .linear import Linear
from .module import Module
from .sequential import Sequential

__all__ = [
    "EVALUATION",
    "Activation",
    "Dropout",
    "Flatten",
    "ForwardContext",
    "Linear",
    "Module",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "initialize",
]
