"""Named points at which a test may make a job fail: in production `reach` does nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Hook = Callable[[str, int], None]

_hook: Hook | None = None


def reach(point: str, step: int) -> None:
    """Mark that the named point of `step` is reached; an installed hook may raise here what the fault
    would."""
    if _hook is not None:
        _hook(point, step)


@contextmanager
def injected(hook: Hook) -> Iterator[None]:
    """Call `hook(point, step)` at every named point while the context lasts (this process only)."""
    global _hook
    _hook = hook
    try:
        yield
    finally:
        _hook = None
