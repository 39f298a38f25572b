"""Layers and models."""

from .activation import (
    ACTIVATIONS,
    ELU,
    GELU,
    SELU,
    Activation,
    HardSigmoid,
    HardSwish,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from .attention import MultiHeadAttention, TimeLinear, TransformerBlock, attention
from .branch import Parallel, Residual
from .buffer import buffers
from .casting import cast
from .context import EVALUATION, ForwardContext
from .convolution import Conv1d, Conv2d, ConvTranspose2d
from .dropout import Dropout
from .embedding import Embedding, LearnedPositions, SinusoidalPositions
from .flatten import Flatten, Permute, Reshape
from .initialize import initialize, initialize_with
from .linear import Linear
from .module import Module
from .normalization import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from .pooling import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from .recurrent import GRU, LSTM, RNN, detached
from .sequential import Sequential
from .sparse import SparseLinear
from .spectrum import MelSpectrogram, Spectrogram

__all__ = [
    "ACTIVATIONS", "ELU", "EVALUATION", "GELU", "GRU", "LSTM", "RNN", "SELU", "Activation", "AdaptiveAvgPool",
    "AdaptiveMaxPool", "AvgPool", "BatchNorm", "Conv1d", "Conv2d", "ConvTranspose2d", "Dropout",
    "Embedding", "Flatten", "ForwardContext", "GlobalAvgPool", "GlobalMaxPool", "GroupNorm",
    "HardSigmoid", "HardSwish", "LayerNorm", "LeakyReLU", "LearnedPositions", "Linear", "LogSigmoid",
    "LogSoftmax", "MaxPool", "MelSpectrogram", "Mish", "Module", "MultiHeadAttention", "Parallel", "Permute",
    "RMSNorm", "ReLU", "ReLU6", "Reshape", "Residual", "Sequential", "SiLU", "Sigmoid",
    "SinusoidalPositions", "Softmax", "Softplus", "Softsign", "SparseLinear", "Spectrogram", "Tanh",
    "TimeLinear", "TransformerBlock", "attention", "buffers", "cast", "detached", "initialize",
    "initialize_with",
]  # fmt: skip
