"""What is wrong with a job description: one violation a field, and the error that carries all of them."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...core.errors import ChainruleError

_SHOWN_VIOLATIONS = 20
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class Violation:
    """One thing wrong: `field` is a path such as `model[2].linear.units` ("" for the description as a
    whole)."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class SpecError(ChainruleError):
    """A job description that cannot be used; `violations` lists everything found, in the description's
    order."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations: list[Violation] = list(violations)
        super().__init__(_summary(self.violations))

    def __reduce__(self) -> tuple[type[SpecError], tuple[list[Violation]]]:
        return type(self), (self.violations,)


def _summary(violations: Sequence[Violation]) -> str:
    if len(violations) == 1:
        return str(violations[0])
    lines = [f"the job description has {len(violations)} problems:"]
    lines += [f"  {violation}" for violation in violations[:_SHOWN_VIOLATIONS]]
    if len(violations) > _SHOWN_VIOLATIONS:
        lines.append(f"  ... and {len(violations) - _SHOWN_VIOLATIONS} more")
    return "\n".join(lines)


def field_path(parts: Iterable[str | int]) -> str:
    """("model", 2, "linear", "units") -> "model[2].linear.units"."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path


def shown(value: object) -> str:
    """A value as a message quotes it: short, and in the words of YAML and JSON."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = reprlib.repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."


def suggestion(word: object, known: Iterable[str]) -> str:
    """ "; did you mean 'x'?" where a known word is near, else ""."""
    near = difflib.get_close_matches(str(word)[:_SHOWN_CHARACTERS], list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
