"""Class ids, row numbers and the like, as kernels read them: integers of any kind, in one piece."""

from __future__ import annotations

from typing import Any

from numpy import ndarray


def kind_of(ids: Any) -> int:
    """The bytes of an id, negative where an id can be; 0 for what kernels cannot read."""
    if not isinstance(ids, ndarray) or not ids.dtype.isnative:
        return 0
    if not (ids.flags.c_contiguous and ids.flags.aligned):
        return 0
    return {"u": ids.itemsize, "i": -ids.itemsize}.get(ids.dtype.kind, 0)
