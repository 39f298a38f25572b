"""What layers refuse when they are made."""

from __future__ import annotations

from ..errors import ShapeError


def require_positive(kind: str, **sizes: int) -> None:
    """Raise ShapeError, in the name of a `kind` of layer, for the first size below 1."""
    for name, size in sizes.items():
        if size < 1:
            raise ShapeError(kind, f"{name} of at least 1", str(size))
