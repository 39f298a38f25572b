"""The libraries that are compared, one a file; each builds a workload from its description."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from .workload import Contender, Workload

CONTENDERS = {
    "ours": "ours.planned",
    "PyTorch eager": "pytorch.eager",
    "torch.compile": "pytorch.compiled",
    "JAX jit": "jax_jit.jit",
}
"""Where each is built: module and function."""


def builder(place: str) -> Callable[[Workload], Contender]:
    module, function = place.split(".")
    return getattr(import_module(f"{__name__}.{module}"), function)
