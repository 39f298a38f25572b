"""What a setting of a layer, loss or optimizer may be: limits, also written as types of dataclass fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import inf
from numbers import Real
from typing import Annotated, Any, ClassVar, get_type_hints

from .errors import ChainruleError


@dataclass(frozen=True)
class Limit:
    """What a number has to be, in words and as a test."""

    expected: str
    fits: Callable[[float], bool]

    def check(self, owner: str, name: str, value: Any) -> Any:
        """The value. Raises ChainruleError, in the name of `owner`, for one that cannot work."""
        if not isinstance(value, Real) or not self.fits(float(value)):
            came = value if isinstance(value, Real) else repr(value)
            raise ChainruleError(f"{owner}: expected {name} {self.expected}, got {came}")
        return value


ABOVE_0 = Limit("above 0", lambda value: value > 0)
FINITE = Limit("finite", lambda value: -inf < value < inf)
POSITIVE = Limit("finite and above 0", lambda value: 0 < value < inf)
NOT_NEGATIVE = Limit("finite and at least 0", lambda value: 0 <= value < inf)
FRACTION = Limit("at least 0 and below 1", lambda value: 0 <= value < 1)
SHARE = Limit("from 0 to 1", lambda value: 0 <= value <= 1)
AT_LEAST_1 = Limit("finite and at least 1", lambda value: 1 <= value < inf)

Positive = Annotated[float, POSITIVE]
NotNegative = Annotated[float, NOT_NEGATIVE]
Fraction = Annotated[float, FRACTION]
Factor = Annotated[float, Limit("above 0 and below 1", lambda value: 0 < value < 1)]
Count = Annotated[int, Limit("a whole number of at least 1", lambda value: value >= 1 and value.is_integer())]
Growth = Annotated[float, AT_LEAST_1]


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
