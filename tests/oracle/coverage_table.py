"""The table of all that is public, what each was compared with, and the largest error that was found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from agreement import FLOOR, LIMIT
from model_cases import LIMIT as MODEL_LIMIT
from model_cases import MODEL_CASES, STEPS

from chainrule.core import losses, nn, ops, optim

PYTORCH = "PyTorch"
COMPOSED = "PyTorch's operations, composed"


class Kind(Enum):
    """A section of the table."""

    OPERATION = "Operations"
    LAYER = "Layers"
    LOSS = "Losses"
    OPTIMIZER = "Optimizers"
    UPDATE = "Around an update"
    SCHEDULE = "Schedules"
    MODEL = "Whole models"


def public() -> dict[Kind, list[str]]:
    """The public names of each kind, in order, without types, values and machinery; and the models."""
    schedules = {
        name for name, value in vars(optim.schedules).items()
        if isinstance(value, type) and value.__module__ == optim.schedules.__name__
    }  # fmt: skip
    return {
        Kind.OPERATION: sorted(ops.__all__),
        Kind.LAYER: sorted({*_classes(nn, nn.Module), "attention"} - {"Activation", "Module"}),
        Kind.LOSS: sorted({*losses.__all__} - {"LOSSES", "Mining", "Reduction"}),
        Kind.OPTIMIZER: sorted({*_rules()} - {"Rule", "WholeRule"}),
        Kind.UPDATE: sorted(
            {*optim.__all__} - {*_rules(), "FlatOptimizer", "FlatUpdate", "Group", "schedules"}
        ),
        Kind.SCHEDULE: sorted(schedules - {"PlateauState"}),
        Kind.MODEL: sorted(MODEL_CASES),
    }


def _classes(module: object, base: type) -> list[str]:
    values = vars(module).items()
    return [name for name, value in values if isinstance(value, type) and issubclass(value, base)]


def _rules() -> list[str]:
    return [*_classes(optim, optim.Rule), *_classes(optim, optim.WholeRule)]


def subject(kind: Kind, case: str) -> str | None:
    """What a case is about: the longest public name that its own name begins with."""
    return max((name for name in public()[kind] if case.startswith(name)), key=len, default=None)


@dataclass
class Row:
    """One name's comparisons: how many, with what, and the largest of their errors."""

    against: str
    error: float = 0.0
    comparisons: int = 0


class CoverageTable:
    """Filled by the tests of one run."""

    def __init__(self) -> None:
        self._rows: dict[tuple[Kind, str], Row] = {}

    def add(self, kind: Kind, name: str, error: float, against: str) -> None:
        """Take in one comparison."""
        row = self._rows.setdefault((kind, name), Row(against))
        row.error = max(row.error, error)
        row.comparisons += 1
        if against not in row.against.split("; "):
            row.against += f"; {against}"

    def missing(self) -> list[str]:
        """What is public and was compared with nothing."""
        return [
            f"{kind.value}: {name}"
            for kind, names in public().items()
            for name in names
            if (kind, name) not in self._rows
        ]

    def markdown(self, pytorch: str) -> str:
        """The page, for this version of PyTorch."""
        values = {"limit": LIMIT, "floor": FLOOR, "pytorch": pytorch, "steps": STEPS, "models": MODEL_LIMIT}
        sections = [_INTRODUCTION.format(**values)]
        for kind, names in public().items():
            lines = [f"## {kind.value}\n", _HEAD]
            lines += [_line(name, self._rows[kind, name]) for name in names]
            sections.append("\n".join(lines) + "\n")
        return "\n".join(sections)


def errors_in(markdown: str) -> dict[Kind, dict[str, float]]:
    """The names that a page lists, by section, with their errors."""
    found = {}
    for section in re.split(r"^## ", markdown, flags=re.MULTILINE)[1:]:
        title, _, rest = section.partition("\n")
        rows = re.findall(r"^\| `(\w+)` \| (\S+) \|", rest, flags=re.MULTILINE)
        found[Kind(title)] = {name: float(error) for name, error in rows}
    return found


def _line(name: str, row: Row) -> str:
    error = f"{row.error:.1e}" if row.error else "0"
    return f"| `{name}` | {error} | {row.against} | {row.comparisons} |"


_HEAD = "| name | largest error | compared with | comparisons |\n|---|---|---|---|"
_INTRODUCTION = """\
# What is compared with what

Written by `make oracle`; a test refuses a name that is public and not here. Forward values and all gradients,
or all parameters after each of 20 steps, on the CPU, ours in float32, beside PyTorch {pytorch} in float32 or,
where PyTorch has no equal, beside a formula written down in float64 from the paper that is named. Schedules
are float64.

An error is |ours − theirs| / (|theirs| + {floor} × the largest of the array). The largest of all elements,
cases, reductions, sample weights and seeds is listed, and has to be at most {limit:.0e}; the digits depend on
the machine. Of whole models it is that of the losses of {steps} steps from the same weights and batches, and
of one more in evaluation, and at most {models:.0e}.

The cases are in `tests/oracle`; `make test` replays them from recorded answers.
"""
