"""Anomaly mode: which operation, of which layer, made the first NaN or infinity, forward or backward."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .array import Array, array_module, is_floating
from .backward import watchers
from .errors import ChainruleError
from .graph import Node, Operation, observers
from .nn.layer_path import layer_path
from .tensor import Tensor


class AnomalyError(ChainruleError):
    """A value or a derivative that is NaN or infinite."""


@contextmanager
def detect_anomalies() -> Iterator[None]:
    """Inside, the first operation of this thread that makes a NaN or an infinity raises AnomalyError.

    An infinity in an argument, such as the -inf of a mask, may stay one. Forward and backward pass belong
    inside. Every array is looked at, which takes time; outside, nothing is.
    """
    detector = _Detector()
    observers.append(detector.saw_output)
    watchers.append(detector.saw_cotangent)
    try:
        yield
    finally:
        observers.remove(detector.saw_output)
        watchers.remove(detector.saw_cotangent)


class _Detector:
    """Looks at everything that its thread computes, and remembers which layer each node came from."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._paths: dict[int, str] = {}

    def saw_output(
        self, operation: Operation, values: list[Any], options: dict[str, Any], output: Tensor
    ) -> None:
        if threading.get_ident() != self._thread:
            return
        if output.node is not None:
            self._paths[output.node.order] = layer_path()
        came = [_odd(value) for value in values]
        found = _anomaly(output.data, any(came))
        if found:
            where = f"{operation.name}{_inside(layer_path())}"
            raise AnomalyError(f"{where}: its output has {found}{_arguments(came)}")

    def saw_cotangent(self, node: Node, position: int, cotangent: Any) -> None:
        if threading.get_ident() != self._thread:
            return
        found = _anomaly(cotangent.data if isinstance(cotangent, Tensor) else cotangent, False)
        if found:
            where = f"{node.operation.name}{_inside(self._paths.get(node.order, ''))}"
            raise AnomalyError(f"{where}: its derivative with respect to argument {position} has {found}")


def _odd(value: Any) -> str:
    """What is not finite in an argument: "NaN", "an infinity" or ""."""
    dtype = getattr(value, "dtype", None)
    if dtype is None or not is_floating(dtype) or not hasattr(value, "reshape"):
        return ""
    xp = array_module(value)
    if bool(xp.isfinite(value).all()):
        return ""
    return "NaN" if bool(xp.isnan(value).any()) else "an infinity"


def _anomaly(data: Array, infinity_came: bool) -> str:
    """What is wrong with an array, and where first: "" where nothing is."""
    odd = _odd(data)
    if not odd or (odd == "an infinity" and infinity_came):
        return ""
    xp = array_module(data)
    places = xp.argwhere(xp.isnan(data) if odd == "NaN" else xp.isinf(data))
    first = f", first at [{', '.join(str(int(index)) for index in places[0])}]" if data.ndim else ""
    return f"{odd} ({len(places)} of {data.size} elements{first})"


def _arguments(came: list[str]) -> str:
    """Which arguments brought something of the kind along."""
    brought = [f"argument {position} came with {odd}" for position, odd in enumerate(came) if odd]
    return f"; {', '.join(brought)}" if brought else "; all its arguments are finite"


def _inside(path: str) -> str:
    return f" in {path}" if path else ""
