"""How far workers may run ahead of one another: `training.consistency`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from .section import Count, Kind, Whole, one_of, table_of


class ConsistencySpec(Kind):
    """One of the modes in docs/consistency.md."""


class SyncSpec(ConsistencySpec):
    kind: ClassVar[str] = "sync"


class BoundedSpec(ConsistencySpec):
    kind: ClassVar[str] = "bounded"
    staleness: Annotated[Whole, Field(ge=0, lt=2**31, description="a number of updates, 0 or more")]


class AsyncSpec(ConsistencySpec):
    kind: ClassVar[str] = "async"
    push_every: Count = Field(default=1, description="a number of mini-batches, 1 or more")
    pull_every: Count = Field(default=1, description="a number of mini-batches, 1 or more")


CONSISTENCY = table_of(SyncSpec, BoundedSpec, AsyncSpec)


if TYPE_CHECKING:
    AnyConsistency = ConsistencySpec
else:
    AnyConsistency = one_of("consistency", CONSISTENCY, "`sync` or `bounded: {staleness: 3}`")
