"""What all parts of a job description are made of: sections, kinds, and numbers with limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, TypeVar, Union

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from .errors import shown, suggestion
from .violations import value_error

# Far beyond what anybody writes; so that whatever is accepted can be checked, stored and listed quickly.
LONGEST_PATH = 4096


def _number(value: Any) -> Any:
    # YAML 1.1 readers and shells hand over 1e-3 as text; anything that is plainly a number counts as one.
    if isinstance(value, str) and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", value.strip()):
        return float(value)
    return value


Number = Annotated[
    float, BeforeValidator(_number), Field(strict=True, allow_inf_nan=False, description="a finite number")
]
Whole = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True, description="true or false")]

# Each description completes "expected ..." in messages.
Positive = Annotated[Number, Field(gt=0, description="a finite number greater than 0")]
NotNegative = Annotated[Number, Field(ge=0, description="a finite number, 0 or more")]
Fraction = Annotated[Number, Field(ge=0, lt=1, description="a number from 0 up to, but not including, 1")]
Share = Annotated[Number, Field(gt=0, le=1, description="a number above 0, up to 1")]
Factor = Annotated[Number, Field(gt=0, lt=1, description="a number between 0 and 1, neither of them")]
Count = Annotated[Whole, Field(ge=1, lt=2**31, description="a whole number, 1 or more")]
Id = Annotated[Whole, Field(ge=0, lt=2**31, description="a whole number, 0 or more")]
Seed = Annotated[Whole, Field(ge=0, lt=2**63, description="a whole number from 0 to 2**63 - 1")]
Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,62}$",
        description="1 to 63 letters, digits, '-' or '_', the first a letter or '_'",
    ),
]
Pattern = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_PATH,
        description="a pattern of parameter names, such as '*.weight' or 'layers.0.*'",
    ),
]


def whole_numbers(least: int, most: int, *words: str) -> BeforeValidator:
    """Accept a whole number from `least`, a list of 1 to `most` of them, one for each axis, or a word."""
    ways = (f"a whole number, {least} or more", "one for each axis as in [3, 5]", *words)
    expected = f"{', '.join(ways[:-1])}, or {ways[-1]}"

    def fits(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**31

    def checked(value: Any) -> Any:
        if fits(value) or value in words:
            return value
        if isinstance(value, list | tuple) and 1 <= len(value) <= most and all(map(fits, value)):
            return value[0] if len(value) == 1 else tuple(value)
        raise value_error(f"expected {expected}, got {shown(value)}")

    return BeforeValidator(checked)


Sizes = Annotated[int | tuple[int, ...], whole_numbers(1, 3)]
Offsets = Annotated[int | tuple[int, ...], whole_numbers(0, 3)]


class Section(BaseModel):
    """What all parts share. A field's `description` completes "expected ..." in messages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def keys(cls) -> list[str]:
        """The names of its fields, as messages list them."""
        return list(cls.model_fields)

    def plain(self) -> dict[str, Any]:
        """As JSON values, defaults written out, keys without a value left out."""
        values = {name: _plain(getattr(self, name)) for name in type(self).model_fields}
        return {name: value for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value.plain()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


class Kind(Section):
    """A part written under its kind's name: `{linear: {units: 64}}`."""

    kind: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and list(data) == [cls.kind]:
            return {} if data[cls.kind] is None else data[cls.kind]
        return data

    def plain(self) -> dict[str, Any]:
        return {self.kind: super().plain()}

    def settings(self) -> dict[str, Any]:
        """Its own fields that have a value, by name, as they are."""
        return {
            name: getattr(self, name) for name in type(self).model_fields if getattr(self, name) is not None
        }


AnyKind = TypeVar("AnyKind", bound=Kind)


def table_of(*kinds: type[AnyKind]) -> dict[str, type[AnyKind]]:
    """Kinds by their names."""
    return {kind.kind: kind for kind in kinds}


def one_of(what: str, table: Mapping[str, type[Kind]], example: str) -> Any:
    """The type of a field that holds one of the kinds in `table`."""
    tagged = tuple(Annotated[kind, Tag(name)] for name, kind in table.items())
    return Annotated[
        Union[tagged],  # noqa: UP007  # pyright: ignore[reportGeneralTypeIssues]  made here
        Discriminator(_kind_of),
        BeforeValidator(_normalizer(what, table, example)),
        Field(description=f"{'an' if what[0] in 'aeiou' else 'a'} {what}, for example {example}"),
    ]


def _kind_of(value: Any) -> str:
    return value.kind if isinstance(value, Kind) else next(iter(value))


def _normalizer(what: str, table: Mapping[str, type[Kind]], example: str) -> Callable[[Any], Any]:
    """Accept `relu`, `{relu: }` and `{linear: {...}}`; name the known kinds for everything else."""

    def normalized(value: Any) -> Any:
        if isinstance(value, tuple(table.values())):
            return value
        known = ", ".join(table)
        kinds = [value] if isinstance(value, str) else list(value) if isinstance(value, Mapping) else []
        if len(kinds) != 1:
            came = f"{len(kinds)} keys ({', '.join(map(str, kinds))})" if kinds else shown(value)
            message = f"expected exactly one {what}, written like {example}, got {came}; known: {known}"
        elif kinds[0] not in table:
            message = f"unknown {what} {shown(kinds[0])}{suggestion(kinds[0], table)} (known: {known})"
        else:
            return {value: None} if isinstance(value, str) else value
        raise value_error(message)

    return normalized
