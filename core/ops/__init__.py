"""The operations: each its formula, its shapes and its derivatives in one place, one file a family.

Called with tensors, an operation gives a tensor; with arrays alone, an array.
"""

from .activation import (
    elu,
    gelu,
    glu,
    hard_sigmoid,
    hard_swish,
    leaky_relu,
    log_sigmoid,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
)
from .arithmetic import (
    absolute,
    add,
    cast,
    cos,
    divide,
    exp,
    expm1,
    log,
    maximum,
    multiply,
    negative,
    power,
    sin,
    sqrt,
    subtract,
    tanh,
)
from .comparison import argmax, argmin, equal, greater, greater_equal, less, less_equal, not_equal
from .contraction import einsum, tensordot
from .convolution import conv, conv_transpose
from .embedding import embedding
from .gaussian import normal_cdf
from .joining import concatenate, pad, split, stack, unstack
from .linalg import linear, matmul
from .normalization import rms_normalize, standardize
from .pooling import (
    adaptive_average_pool,
    adaptive_max_pool,
    average_pool,
    global_average_pool,
    global_max_pool,
    max_pool,
)
from .reduction import cumsum, max, mean, min, std, sum, var
from .selection import clip, minimum, where
from .shape import broadcast_to, gather, getitem, reshape, scatter_add, transpose
from .softmax import log_softmax, logsumexp, softmax, softmax_cross_entropy
from .sparse import sparse_matmul
from .spectrum import hann, mel_filters, mel_spectrogram, rfft, spectrogram

__all__ = [
    "absolute", "adaptive_average_pool", "adaptive_max_pool", "add", "argmax", "argmin", "average_pool",
    "broadcast_to", "cast", "clip", "concatenate", "conv", "conv_transpose", "cos", "cumsum", "divide",
    "einsum", "elu", "embedding", "equal", "exp", "expm1", "gather", "gelu", "getitem",
    "global_average_pool", "global_max_pool", "glu", "greater", "greater_equal", "hann", "hard_sigmoid",
    "hard_swish", "leaky_relu", "less", "less_equal", "linear", "log", "log_sigmoid", "log_softmax",
    "logsumexp", "matmul", "max", "max_pool", "maximum", "mean", "mel_filters", "mel_spectrogram",
    "min", "minimum", "mish", "multiply", "negative", "normal_cdf", "not_equal", "pad", "power", "relu",
    "relu6", "reshape", "rfft", "rms_normalize", "scatter_add", "selu", "sigmoid", "silu", "sin",
    "softmax", "softmax_cross_entropy", "softplus", "softsign", "sparse_matmul", "spectrogram", "split",
    "sqrt", "stack", "standardize", "std", "subtract", "sum", "tanh", "tensordot", "transpose",
    "unstack", "var", "where",
]  # fmt: skip
