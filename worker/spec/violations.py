"""Turns pydantic's findings into violations in chainrule's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from .errors import Violation, field_path, shown, suggestion

if TYPE_CHECKING:
    from .section import Section

Sections = Callable[[tuple[str, ...]], "type[Section] | None"]
"""The model at a path, list positions left out."""

UNION_TAG = "\0"
"""What the tag of a union begins with that is no part of a path in the job file."""


def fields_error(violations: Sequence[Violation]) -> PydanticCustomError:
    """What a check across fields raises; the violations' fields are relative to the section that checks."""
    return PydanticCustomError("fields", "fields do not fit together", {"violations": list(violations)})


def value_error(message: str) -> PydanticCustomError:
    """What a check of one field raises."""
    # A placeholder, because braces in the message itself would be taken for some.
    return PydanticCustomError("value", "{message}", {"message": message})


def violations_of(error: ValidationError, sections: Sections) -> list[Violation]:
    """All violations in a validation error."""
    return [
        violation
        for details in error.errors()
        if not _follows_from_another(details)
        for violation in _violations(details, sections)
    ]


def _follows_from_another(details: ErrorDetails) -> bool:
    """Whether pydantic reports this only because something inside or beside it is wrong, which it reports
    too."""
    return details["type"] == "default_factory_not_called" or (
        details["type"] == "too_short" and bool(details["input"])
    )


def _violations(details: ErrorDetails, sections: Sections) -> list[Violation]:
    path = field_path(_location(details))
    if details["type"] == "fields":
        found: list[Violation] = details.get("ctx", {})["violations"]
        return [Violation(f"{path}.{each.field}" if path else each.field, each.message) for each in found]
    return [Violation(path, _message(details, sections))]


def _location(details: ErrorDetails) -> tuple[int | str, ...]:
    location = tuple(part for part in details["loc"] if not str(part).startswith(UNION_TAG))
    if details["type"] in _UNKNOWN_KEY:
        # A key that is a number is a key all the same, not a position in a list.
        return (*location[:-1], str(location[-1]))
    return location


def _message(details: ErrorDetails, sections: Sections) -> str:
    kind, value = details["type"], details["input"]
    names = tuple(part for part in _location(details) if isinstance(part, str))
    section, name = sections(names[:-1]), names[-1] if names else ""
    if kind in _UNKNOWN_KEY:
        known = section.keys() if section is not None else []
        takes = f"known keys: {', '.join(known)}" if known else "it takes no keys"
        return f"unknown key {shown(name)}{suggestion(name, known)} ({takes})"
    if kind in ("model_type", "model_attributes_type", "dict_type") and (inner := sections(names)):
        known = ", ".join(inner.keys())
        return f"expected keys and values (known keys: {known or 'none'}), got {shown(value)}"
    field = section.model_fields.get(name) if section is not None else None
    expected = None if field is None else _expected(field, isinstance(_location(details)[-1], int))
    if kind == "missing":
        return f"required key is missing: expected {expected or 'a value'}"
    if kind == "literal_error":
        choices = str(details.get("ctx", {}).get("expected", ""))
        known = [choice.strip(" '") for choice in choices.replace(" or ", ",").split(",")]
        return f"expected one of {', '.join(known)}, got {shown(value)}{suggestion(value, known)}"
    if kind in _TOO_LONG:
        items = "characters" if isinstance(value, str) else "items"
        most = details.get("ctx", {})["max_length"]
        return f"expected {expected or 'less'}, with at most {most:,} {items}, got {len(value):,} of them"
    if expected is None or kind not in _PLAIN_MISMATCHES:
        return details["msg"]
    return f"expected {expected}, got {shown(value)}"


def _expected(field: FieldInfo, item: bool) -> str | None:
    """What completes "expected ..." for the value of a field, or for an item of the list that it is."""
    if item:
        inner = next((part for part in get_args(field.annotation) if part is not Ellipsis), None)
        return _description(inner) or field.description
    return field.description or _description(field.annotation)


def _description(annotation: Any) -> str | None:
    """The last one in an annotated type, or in those that it is a union of."""
    own = [
        part.description for part in get_args(annotation) if isinstance(part, FieldInfo) and part.description
    ]
    inner = [_description(part) for part in get_args(annotation)]
    return next((text for text in reversed([*inner, *own]) if text), None)


_TOO_LONG = ("too_long", "string_too_long")
_UNKNOWN_KEY = ("extra_forbidden", "invalid_key")
_PLAIN_MISMATCHES = frozenset(
    "bool_type int_type int_parsing int_parsing_size float_type string_type finite_number tuple_type "
    "dict_type greater_than "
    "greater_than_equal less_than less_than_equal too_short string_too_short string_pattern_mismatch "
    "string_unicode".split()
)
