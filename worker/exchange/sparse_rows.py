"""Tables of which few rows are not zero, as the gradients of embeddings are: those rows and their numbers.

Lossless to the bit. In shared memory rows lie where they are read; this is for links between machines.
"""

from __future__ import annotations

import numpy as np

_DENSE = np.uint32(0xFFFFFFFF)


def encode_rows(table: np.ndarray) -> np.ndarray:
    """A message (bytes,) uint8 that holds `table` (rows, units) float32, contiguous.

    A uint32 that counts the rows that travel, their numbers as uint32, then their values; where that would be
    larger than the table, 2**32 - 1 and then all of it.
    """
    units = table.shape[1]
    # Bits and not values: -0 and NaN have to travel too.
    present = np.flatnonzero(np.bitwise_or.reduce(table.view(np.uint32), axis=1))
    if 4 * len(present) * (1 + units) >= table.nbytes:
        return np.concatenate((_DENSE.reshape(1).view(np.uint8), table.reshape(-1).view(np.uint8)))
    message = np.empty(4 + 4 * len(present) * (1 + units), np.uint8)
    head = message[: 4 * (1 + len(present))].view(np.uint32)
    head[0], head[1:] = len(present), present
    np.take(table, present, axis=0, out=message[head.nbytes :].view(np.float32).reshape(-1, units))
    return message


def decode_rows(message: np.ndarray, out: np.ndarray) -> None:
    """Write the table that `encode_rows` gave `message` for to `out` (rows, units) float32, contiguous.

    ValueError where the message does not fit the table.
    """
    rows, units = out.shape
    count = int(message[:4].view(np.uint32)[0]) if len(message) >= 4 else -1
    if count == _DENSE:
        expected = 4 + out.nbytes
    else:
        expected = 4 + 4 * count * (1 + units)
    if count < 0 or len(message) != expected:
        raise ValueError(
            f"decode_rows: expected {expected} bytes for {count} rows of a table of shape {out.shape}, "
            f"got {len(message)}"
        )
    if count == _DENSE:
        out.reshape(-1).view(np.uint8)[...] = message[4:]
        return
    present = message[4 : 4 * (1 + count)].view(np.uint32)
    if count and present.max() >= rows:
        raise ValueError(f"decode_rows: expected rows below {rows}, got row {present.max()}")
    out[...] = 0
    out[present] = message[4 * (1 + count) :].view(np.float32).reshape(-1, units)
