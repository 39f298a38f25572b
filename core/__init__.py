"""The autograd engine: tensors, operations, layers, losses, metrics and optimizers on NumPy or CuPy."""

from .tensor import Tensor, tensor  # isort: skip  Tensor comes first: the graph and the ops are built on it.
from . import losses, metrics, nn, optim
from .errors import ChainruleError
from .graph import grad, no_grad

__all__ = ["ChainruleError", "Tensor", "grad", "losses", "metrics", "nn", "no_grad", "optim", "tensor"]
