"""Update rules on a layout: one optimizer step on a slice of the flat buffers, by groups, for all rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from operator import is_

from .. import native
from ..array import Array, array_module
from ..errors import ChainruleError
from ..flat import FlatLayout
from ..native.prepared import Prepared
from .groups import AnyRule, Group, at_rate, rules_by_parameter
from .rule import Rows, Rule, WholeRule


@dataclass(frozen=True)
class _Run:
    """`own`: elements under one rule. For a WholeRule, part of one parameter of `shape`, at `whole`."""

    rule: AnyRule | None
    own: slice
    whole: slice
    shape: tuple[int, ...] | None = None


class FlatUpdate:
    """What a parameter-server shard, or a loop with no shards, does at the end of a step.

    `part` is the slice of the flat buffers that this one owns, all by default. It may be cut anywhere: the
    bytes are those of an update of the whole. `reads` is the slice that it needs as input: `part`, widened to
    the whole of a parameter that a cut runs through if that parameter follows a WholeRule.
    `slots` names the rows of state; groups of different rules share rows, a row's name then tells all uses.
    """

    def __init__(
        self, layout: FlatLayout, rule: AnyRule, groups: Sequence[Group] = (), part: slice | None = None
    ) -> None:
        self.part = slice(0, layout.size) if part is None else part
        rules = rules_by_parameter(layout, rule, groups)
        self.slots = _slots([rule, *rules])
        runs = _runs(layout, rules, self.part)
        self._runs = [(run, 0 if run.rule is None else len(run.rule.slots)) for run in runs]
        self._prepared: list[tuple[Rows, list[Prepared | None]]] = []
        bounds = [self.part, *(run.whole for run in runs)]
        self.reads = slice(min(bound.start for bound in bounds), max(bound.stop for bound in bounds))

    def update(
        self,
        step: int,
        gradient: Array,
        parameters: Array,
        state: Rows,
        out_parameters: Array,
        out_state: Rows,
        factor: float = 1.0,
    ) -> None:
        """Take step number `step` (from 1), with every learning rate times `factor`, a schedule's.

        All arrays: (layout.size,), of one floating dtype. Reads `reads` of the inputs, writes `part` of
        `out_*`, which may be the inputs themselves unless `reads` is more than `part`: another shard may
        still need them.
        """
        if self.reads != self.part and out_parameters is parameters:
            raise ChainruleError(
                f"update: a parameter crosses an edge of the shard {self.part.start} .. {self.part.stop} "
                "and its rule needs it whole; write to other buffers than those that are read"
            )
        prepared = self._calls(gradient, parameters, state, out_parameters, out_state)
        for (run, used), call in zip(self._runs, prepared, strict=True):
            if run.rule is None:
                out_parameters[run.own] = parameters[run.own]
            elif call is not None and isinstance(run.rule, Rule):
                call(at_rate(run.rule, factor).numbers(step))
            else:
                rows = [gradient, parameters, *state[:used], out_parameters, *out_state[:used]]
                _update_run(at_rate(run.rule, factor), run, step, rows, used + 2)
            for row, out_row in zip(state[used:], out_state[used:], strict=True):
                out_row[run.own] = row[run.own]

    def _calls(
        self, gradient: Array, parameters: Array, state: Rows, out_parameters: Array, out_state: Rows
    ) -> list[Prepared | None]:
        """The kernel's call for each run that one can compute, made once for the same arrays; of these a
        shard has two sets, which take turns."""
        arrays = (out_parameters, *out_state, gradient, parameters, *state)
        for known, calls in self._prepared:
            if all(map(is_, known, arrays)):
                return calls
        suited = native.suits(*arrays)
        calls = []
        for run, used in self._runs:
            if suited and isinstance(run.rule, Rule) and run.rule.symbol:
                rows = (out_parameters, *out_state[:used], gradient, parameters, *state[:used])
                numbers = len(run.rule.numbers(1))
                sizes = (run.own.stop - run.own.start, used)
                calls.append(Prepared(run.rule.symbol, [row[run.own] for row in rows], sizes, numbers))
            else:
                calls.append(None)
        self._prepared = [*self._prepared[-1:], (arrays, calls)]
        return calls


def _update_run(rule: AnyRule, run: _Run, step: int, rows: Rows, inputs: int) -> None:
    """Update what the run needs as a whole, and write the part of it that is one's own.

    rows: the first so many are `inputs`, gradient and parameters and state; the others parameters and state.
    """
    views = [row[run.whole] for row in rows]
    if run.shape is not None:
        views = [view.reshape(run.shape) for view in views]
    if run.own != run.whole:
        views[inputs:] = [array_module(view).empty_like(view) for view in views[1:inputs]]
    rule.update(step, views[0], views[1], views[2:inputs], views[inputs], views[inputs + 1 :])
    if run.own != run.whole:
        part = slice(run.own.start - run.whole.start, run.own.stop - run.whole.start)
        for row, view in zip(rows[inputs:], views[inputs:], strict=True):
            row[run.own] = view.reshape(-1)[part]


def _slots(rules: Sequence[AnyRule | None]) -> tuple[str, ...]:
    """A name for each row of state: what the rules that use it call it."""
    count = max(len(rule.slots) for rule in rules if rule is not None)
    names = [
        dict.fromkeys(rule.slots[row] for rule in rules if rule is not None and row < len(rule.slots))
        for row in range(count)
    ]
    return tuple("|".join(used) for used in names)


def _runs(layout: FlatLayout, rules: Sequence[AnyRule | None], part: slice) -> list[_Run]:
    """Cut `part` into runs, in order; neighbours under one elementwise rule, or frozen, are one run.

    The padding after a parameter belongs to its run; after one that follows a WholeRule it stays as it is.
    """
    runs: list[_Run] = []
    ends = (*layout.offsets[1:], layout.size)
    for rule, shape, start, end in zip(rules, layout.shapes, layout.offsets, ends, strict=True):
        pieces = [slice(start, end)]
        if isinstance(rule, WholeRule):
            pieces = [slice(start, start + prod(shape)), slice(start + prod(shape), end)]
        for piece, its_rule in zip(pieces, (rule, None), strict=False):
            own = slice(max(piece.start, part.start), min(piece.stop, part.stop))
            if own.start >= own.stop:
                continue
            if isinstance(its_rule, WholeRule):
                runs.append(_Run(its_rule, own, piece, shape))
            elif runs and runs[-1].rule == its_rule and runs[-1].own.stop == own.start:
                merged = slice(runs[-1].own.start, own.stop)
                runs[-1] = _Run(its_rule, merged, merged)
            else:
                runs.append(_Run(its_rule, own, own))
    return runs
