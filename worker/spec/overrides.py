"""Sets single fields of a job description: what `--set training.epochs=40` means."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from .errors import SpecError, Violation, shown
from .file import parse_yaml

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ONE_KIND = ("loss", "optimizer", "schedule", "initializer")
_STEP = re.compile(rf"\.?({_KEY.pattern})|\[(\d+)\]")


def apply_overrides(data: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """A copy of `data` with each `path=value` set, the value written as in YAML; SpecError names all bad
    ones."""
    result = copy.deepcopy(dict(data))
    violations: list[Violation] = []
    for assignment in assignments:
        try:
            _assign(result, assignment)
        except _BadOverride as error:
            violations.append(Violation("", f"override {shown(assignment)}: {error}"))
        except SpecError as error:
            violations.append(Violation("", f"override {shown(assignment)}: {error.violations[0].message}"))
    if violations:
        raise SpecError(violations)
    return result


class _BadOverride(Exception):
    pass


def _assign(data: dict[str, Any], assignment: str) -> None:
    path, equals, text = assignment.partition("=")
    parts = _parts(path.strip())
    if not equals or not parts:
        raise _BadOverride("expected field=value, for example training.epochs=40")
    place: Any = data
    for part, following in pairwise(parts):
        if isinstance(part, str) and isinstance(place, dict):
            inner = place.get(part)
            # Another kind replaces the one that is there: exactly one is allowed.
            replaced = part in _ONE_KIND and isinstance(inner, dict) and following not in inner
            if replaced or not isinstance(inner, (dict, list)):
                place[part] = {}
        place = _step_into(place, part)
    last = parts[-1]
    if isinstance(last, int):
        _step_into(place, last)
    elif not isinstance(place, dict):
        raise _BadOverride(f"{path} does not lead to a field: write list positions as model[0]")
    place[last] = parse_yaml(text)


def _step_into(place: Any, part: str | int) -> Any:
    if isinstance(part, int):
        if not isinstance(place, list) or part >= len(place):
            count = len(place) if isinstance(place, list) else 0
            raise _BadOverride(f"there is no position [{part}]: the list has {count} entries")
        return place[part]
    if not isinstance(place, dict):
        raise _BadOverride(f"'{part}' does not lead to a field: write list positions as model[0]")
    return place[part]


def _parts(path: str) -> list[str | int]:
    """ "model[0].linear.units" -> ["model", 0, "linear", "units"]; empty when it is no such path."""
    parts: list[str | int] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None or (position == 0) != (match.start(1) == 0):
            return []
        parts.append(match[1] if match[1] else int(match[2]))
        position = match.end()
    return parts
