"""The autograd engine: tensors, operations, layers, losses, metrics and optimizers on NumPy or CuPy."""

from .tensor import Tensor, tensor  # isort: skip  Tensor comes first: the graph and the ops are built on it.
from . import losses, metrics, nn, optim
from .anomaly import detect_anomalies
from .checkpointing import checkpoint
from .custom_op import custom_op
from .differentiation import hvp, jvp, vjp
from .errors import ChainruleError
from .gradcheck import gradcheck
from .graph import grad, no_grad
from .tracing import ComputationalGraph, trace

__all__ = [
    "ChainruleError", "ComputationalGraph", "Tensor", "checkpoint", "custom_op", "detect_anomalies",
    "grad", "gradcheck", "hvp", "jvp", "losses", "metrics", "nn", "no_grad", "optim", "tensor",
    "trace", "vjp",
]  # fmt: skip
