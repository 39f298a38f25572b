"""Which mini-batches make up a step: one, or as many as a job lets pass between two new versions of the
parameters."""

from __future__ import annotations

from dataclasses import dataclass

from .batches import Grid


@dataclass(frozen=True)
class Steps:
    """The cut of an epoch's mini-batches into steps of `mini_batches` each; the last one has what is left."""

    grid: Grid
    mini_batches: int = 1

    @property
    def per_epoch(self) -> int:
        """Steps of an epoch."""
        return -(-self.grid.steps_per_epoch // self.mini_batches)

    def batches(self, step: int) -> range:
        """The mini-batches of a step, as numbers in the grid."""
        epoch, place = divmod(step, self.per_epoch)
        first, count = epoch * self.grid.steps_per_epoch, self.grid.steps_per_epoch
        start = place * self.mini_batches
        return range(first + start, first + min(start + self.mini_batches, count))

    def samples(self, step: int) -> int:
        """Number of samples in all mini-batches of a step."""
        return sum(map(self.grid.batch_samples, self.batches(step)))

    def replicas(self, step: int) -> int:
        """Number of micro-batches in the largest mini-batch of a step, its first."""
        return self.grid.micro_batch_count(self.batches(step)[0])

    def replica_passes(self, step: int) -> list[tuple[int, int]]:
        """(micro-batch, place of its mini-batch in the step) of each micro-batch, in the grid's order."""
        return [
            (micro_batch, place)
            for place, batch in enumerate(self.batches(step))
            for micro_batch in range(self.grid.micro_batch_count(batch))
        ]

    def passes(self, step: int) -> int:
        """Number of micro-batches in all mini-batches of a step."""
        return sum(map(self.grid.micro_batch_count, self.batches(step)))
