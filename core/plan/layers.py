"""Which layer a recorded call belongs to on the way back, where no `forward` is on the stack to tell."""

from __future__ import annotations

import threading
from bisect import bisect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..backward import watchers
from ..graph import Node
from .trace import Recorder


@contextmanager
def layers_told(recorder: Recorder) -> Iterator[None]:
    """Inside, what leads back through an operation gets the layer that the operation is in.

    It asks nobody to watch the forward pass: an operation that is watched may take another way.
    """
    thread = threading.get_ident()
    placed = 0

    def saw_cotangent(node: Node, position: int, cotangent: Any) -> None:
        nonlocal placed
        if threading.get_ident() != thread:
            return
        before = bisect(recorder.orders, -node.order) - 1  # the last call of the operation, or a view of it
        layer = recorder.calls[before].layer if before >= 0 else ""
        for call in recorder.calls[placed:]:
            if call.phase == "backward":
                call.layer = call.layer or layer
        placed = len(recorder.calls)

    watchers.append(saw_cotangent)
    try:
        yield
    finally:
        watchers.remove(saw_cotangent)
