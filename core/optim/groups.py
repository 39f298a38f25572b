"""Parameter groups: which parameters have a learning rate, a decay or a rule of their own, or stay frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from ..errors import ChainruleError
from ..flat import FlatLayout
from .rule import Rule, WholeRule

AnyRule = Rule | WholeRule
SomeRule = TypeVar("SomeRule", bound=AnyRule)


@dataclass(frozen=True)
class Group:
    """The parameters whose names match `pattern` (`layers.0.*`, `*.bias`), and how they differ from the rest.

    What is None is as in the rule for the rest. frozen: they never change.
    """

    pattern: str
    learning_rate: float | None = None
    weight_decay: float | None = None
    rule: AnyRule | None = None
    frozen: bool = False

    def rule_from(self, default: AnyRule) -> AnyRule | None:
        """This group's rule where `default` is the rule for the rest; None if frozen."""
        if self.frozen:
            return None
        rule: Any = default if self.rule is None else self.rule
        changes = {"learning_rate": self.learning_rate, "weight_decay": self.weight_decay}
        changes = {name: value for name, value in changes.items() if value is not None}
        for name in changes.keys() - {field.name for field in fields(rule)}:
            raise ChainruleError(f"group {self.pattern!r}: {type(rule).__name__} has no {name}")
        return replace(rule, **changes)


def rules_by_parameter(
    layout: FlatLayout, default: AnyRule, groups: Sequence[Group] = ()
) -> list[AnyRule | None]:
    """Each parameter's rule, None where it is frozen; the first group whose pattern matches decides."""
    for group in groups:
        if not any(fnmatchcase(name, group.pattern) for name in layout.names):
            raise ChainruleError(
                f"group {group.pattern!r}: expected a pattern that matches a parameter, and none of "
                f"{', '.join(layout.names)} does"
            )
    rules = []
    for name, shape in zip(layout.names, layout.shapes, strict=True):
        group = next((group for group in groups if fnmatchcase(name, group.pattern)), None)
        rule = default if group is None else group.rule_from(default)
        if isinstance(rule, WholeRule):
            rule.check(name, shape)
        rules.append(rule)
    return rules


def at_rate(rule: SomeRule, factor: float) -> SomeRule:
    """`rule` with its learning rate times `factor`, which a schedule may let fall to 0."""
    if factor == 1.0:
        return rule
    if not 0 <= factor < float("inf"):
        raise ChainruleError(f"schedule: expected a factor that is finite and at least 0, got {factor}")
    scaled = object.__new__(type(rule))  # unlike `replace`, asks no limit; faster than `copy`
    vars(scaled).update(vars(rule), learning_rate=rule.learning_rate * factor)
    return scaled
