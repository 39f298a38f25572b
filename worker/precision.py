"""The precision of a job's passes: a model that computes with half copies of its float32 parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from ..core import Tensor, nn
from ..core.array import HALVES, Array, floating, is_floating, to_device


class Storage:
    """What a model's activations and its copies of the parameters are stored in: `training.precision`.

    In float32 the parameters are used as they come, on the CPU in place.
    """

    def __init__(self, model: nn.Module, precision: str, device: str) -> None:
        self._tensors = list(model.parameters().values())
        self._dtype = floating(precision)
        self._device = device
        self._masters: list[Array] = []
        self._copies: list[Array] = []

    def use(self, parameters: Sequence[np.ndarray]) -> None:
        """Compute with these float32 parameters, in the model's order, from now on."""
        given = [to_device(values, self._device) for values in parameters]
        if self._device == "cpu" or not self._masters:
            self._masters = given
        else:
            for master, values in zip(self._masters, given, strict=True):
                master[...] = values  # a CUDA graph reads them where they lie
        if len(self._copies) == len(self._masters) and self._dtype in HALVES:
            for copy, values in zip(self._copies, self._masters, strict=True):
                copy[...] = values.astype(self._dtype)
        else:
            self._copies = [values.astype(self._dtype, copy=False) for values in self._masters]
        self._bind(self._copies)

    def inputs(self, features: Array) -> Tensor:
        """Features as the model takes them; integers stay integers."""
        stored = is_floating(features.dtype) and self._dtype in HALVES
        return Tensor(features.astype(self._dtype) if stored else features)

    def training(self) -> Any:
        """For the pass that gives gradients: float16 may overflow, which the loss scale reacts to."""
        overflows = self._dtype == np.float16
        return np.errstate(over="ignore", invalid="ignore") if overflows else nullcontext()

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Inside, the model computes with the float32 parameters, as the saved one will."""
        self._bind(self._masters)
        try:
            yield
        finally:
            self._bind(self._copies)

    def _bind(self, arrays: list[Array]) -> None:
        for tensor, array in zip(self._tensors, arrays, strict=True):
            tensor.data = array
