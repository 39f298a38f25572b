"""Update rules that look at a whole parameter: its norm, or the matrix that it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from ..array import Array


class WholeRule(ABC):
    """One optimizer's arithmetic on one parameter in its own shape. Subclasses are frozen dataclasses.

    An element's new value may depend on every element of its parameter and of nothing else. So a shard that
    owns only part of a parameter reads the whole of it, computes it whole, and keeps its own part: each shard
    does the same arithmetic on the same numbers, and a cut changes no byte. The price is that a parameter
    which a cut runs through is computed once on each side. `FlatUpdate` does this; nothing is exchanged.
    """

    @property
    @abstractmethod
    def slots(self) -> tuple[str, ...]:
        """Names of the state buffers, each as long as the parameters and zero before the first step."""

    def check(self, name: str, shape: tuple[int, ...]) -> None:  # noqa: B027  Most rules take any shape.
        """Raise ShapeError if the parameter `name` cannot follow this rule."""

    @abstractmethod
    def update_parameter(
        self,
        step: int,
        gradient: Array,
        parameter: Array,
        state: Sequence[Array],
        out_parameter: Array,
        out_state: Sequence[Array],
    ) -> None:
        """Take step `step` (from 1). All arrays: the parameter's shape. `out_*` may be the inputs."""
