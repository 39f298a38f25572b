"""What a setting of an optimizer may be: limits written as types, checked when the settings are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import Annotated, ClassVar, get_type_hints

from ..errors import ChainruleError


@dataclass(frozen=True)
class Limit:
    """What a number has to be, in words and as a test."""

    expected: str
    fits: Callable[[float], bool]

    def check(self, owner: str, name: str, value: float) -> None:
        """Raise ChainruleError, in the name of `owner`, for a value that cannot work."""
        if not self.fits(value):
            raise ChainruleError(f"{owner}: expected {name} {self.expected}, got {value}")


ABOVE_0 = Limit("above 0", lambda value: value > 0)

Positive = Annotated[float, Limit("finite and above 0", lambda value: 0 < value < inf)]
NotNegative = Annotated[float, Limit("finite and at least 0", lambda value: 0 <= value < inf)]
Fraction = Annotated[float, Limit("at least 0 and below 1", lambda value: 0 <= value < 1)]
Factor = Annotated[float, Limit("above 0 and below 1", lambda value: 0 < value < 1)]
Count = Annotated[int, Limit("at least 1", lambda value: 1 <= value < inf)]


class Settings:
    """Frozen dataclasses of settings; a field whose type carries a limit is held to it."""

    label: ClassVar[str] = ""
    """What messages call it; without one, the name of the class in small letters."""

    def __post_init__(self) -> None:
        for name, limit in _limits(type(self)):
            limit.check(self.label or type(self).__name__.lower(), name, getattr(self, name))


@cache
def _limits(settings: type[Settings]) -> Sequence[tuple[str, Limit]]:
    hints = get_type_hints(settings, include_extras=True)
    return [
        (name, limit)
        for name, hint in hints.items()
        for limit in getattr(hint, "__metadata__", ())
        if isinstance(limit, Limit)
    ]
