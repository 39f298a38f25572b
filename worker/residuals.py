"""What compression has left out of each micro-batch's gradient so far, as part of every version on the board.

Version v of the parameters goes with residuals, one row a micro-batch, in half v % 2. Step v starts from
them: whoever computes micro-batch m of it reads row m and leaves the row of the next version on its own
desk, beside the gradient and under the same stamp. A shard copies its slice of those rows into the other half
before it publishes version v + 1.

So a residual is written by the rules that hold for parameters. No worker ever writes to the board: one that
dies leaves half a row on a desk that carries no stamp for it, and another computes the same bytes again from
the same version. One that was given up and wakes up late writes to its own desk, where nobody looks any more;
and if the rows that it reads are overwritten meanwhile, the step that it computes is over, so what comes
out is refused.

An epoch starts from zeros: checkpoints at the ends of epochs hold no residuals, and a job that goes on from
one is exact. A checkpoint in the middle of an epoch holds them. A step that is left out, because a scaled
gradient overflowed, leaves them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def keep_residuals(
    before: np.ndarray,
    after: np.ndarray,
    left_out: Sequence[np.ndarray] | None,
    part: slice,
    epoch_ends: bool,
) -> None:
    """Write `part` of the residuals that belong to the version after a step.

    before, after: (micro_batches, n), those of two versions. left_out: of each micro-batch of the step a row
    (n,), None if the step was left out.
    """
    if epoch_ends:
        after[:, part] = 0
    elif left_out is None:
        after[:, part] = before[:, part]
    else:
        for row, kept in zip(left_out, after, strict=False):
            kept[part] = row[part]
