"""Rows of a table by number."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import native
from ..array import Array, accumulator, array_module, on_host
from ..errors import DTypeError
from ..graph import explain, moves, primitive, vjp
from ..native.ids import kind_of
from .constant import value
from .shape import getitem


@primitive
def embedding(table: Array, ids: Array) -> Array:
    """The rows that `ids` names. table: (rows, units), ids: integers of any shape (...) -> (..., units)."""
    if ids.dtype.kind not in "iu":
        raise DTypeError(f"embedding, argument ids: expected integers, got {ids.dtype}")
    if table.ndim == 2 and ids.size and native.suits(table) and (kind := kind_of(ids)):
        y = native.empty(table, (*ids.shape, table.shape[1]))
        if native.launch("embedding_f32", (y,), (table, ids), (*table.shape, ids.size, kind)):
            raise IndexError("ids name no rows of the table")
        return y
    if table.ndim != 2 or (ids.size and not 0 <= ids.min() <= ids.max() < len(table)):
        raise IndexError("ids name no rows of the table")
    return table[ids]


@primitive
def row_sums(g: Array, ids: Array, rows: int) -> Array:
    """(rows, units) with g (..., units) added up by `ids` (...): sorted, so that each row is one sum."""
    if g.shape[:-1] == ids.shape and native.suits(g) and (kind := kind_of(ids)):
        table = native.empty(g, (rows, g.shape[-1]))
        if native.launch("row_sums_f32", (table,), (g, ids), (*table.shape, ids.size, kind)):
            raise IndexError("ids name no rows of the table")
        return table
    xp = array_module(g)
    table = xp.zeros((rows, g.shape[-1]), accumulator(g.dtype))
    flat, parts = ids.reshape(-1), g.reshape(-1, g.shape[-1]).astype(table.dtype, copy=False)
    if not on_host(g):
        xp.add.at(table, flat, parts)
    elif flat.size:
        order = flat.argsort(kind="stable")
        starts = np.flatnonzero(np.diff(flat[order], prepend=-1))
        table[flat[order[starts]]] = np.add.reduceat(parts[order], starts, axis=0)
    return table.astype(g.dtype, copy=False)


vjp(embedding, lambda g, y, table, ids: row_sums(g, value(ids), rows=table.shape[0]), None)
vjp(row_sums, lambda t, table, g, ids, rows: getitem(t, index=ids), None)
moves(embedding, row_sums)


def _explain(table: Any, ids: Any) -> tuple[str, str, str]:
    if table.ndim != 2:
        return "table", "shape (rows, units)", f"shape {table.shape}"
    return "ids", f"numbers from 0 to {len(table) - 1}", f"numbers from {ids.min()} to {ids.max()}"


explain(embedding, _explain)
