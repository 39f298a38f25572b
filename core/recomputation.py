"""Telling a forward pass that is repeated for its gradient from the first one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _State(threading.local):
    recomputing = False


_state = _State()


def recomputing() -> bool:
    """Whether this thread is in a second forward pass: running statistics stay as the first one left them."""
    return _state.recomputing


@contextmanager
def second_pass() -> Iterator[None]:
    """Inside, `recomputing()` is true for this thread."""
    before, _state.recomputing = _state.recomputing, True
    try:
        yield
    finally:
        _state.recomputing = before
