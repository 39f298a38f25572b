"""Weights from a file, by name: what was found, what was not, and what does not fit."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ..core import nn
from ..core.array import array_module
from ..core.errors import FileFormatError
from ..core.serialize import load_tensors
from .spec import InitialWeightsSpec, SpecError, Violation
from .spec.errors import suggestion
from .weight_names import Wanted, chainrule_names, pytorch_names, unused_by_chainrule

Layout = Literal["chainrule", "pytorch"]
_NAMES: dict[Layout, Callable[[nn.Module, Mapping[str, str]], Iterator[Wanted]]] = {
    "chainrule": chainrule_names,
    "pytorch": pytorch_names,
}
_PICKLES = (".pt", ".pth", ".bin", ".ckpt")
_PICKLE_ADVICE = "; write one with safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
_SHOWN = 3
_LISTED = 20
_COMPARED = 40


@dataclass(frozen=True)
class Mismatch:
    """A tensor of the model, the one in the file that it should come from, and the two shapes there."""

    name: str
    source: str
    expected: tuple[int, ...]
    found: tuple[int, ...]

    def __str__(self) -> str:
        return (
            f"{self.name}: expected {self.source} of shape {self.expected} in the file, "
            f"it has shape {self.found}"
        )


@dataclass(frozen=True)
class WeightsReport:
    """matched: names in the model whose values are from the file. missing: those that are not in it, and stay
    as they were. unexpected: names in the file that the model does not have. mismatched: other shapes."""

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[Mismatch, ...]


@dataclass(frozen=True)
class WeightsSummary:
    """A report in few words: how many of each kind, and the first of what is on one side only."""

    matched: int
    missing: int
    unexpected: int
    missing_names: tuple[str, ...]
    unexpected_names: tuple[str, ...]


def summarize(report: WeightsReport) -> WeightsSummary:
    """The numbers of a report, with the first names."""
    return WeightsSummary(
        len(report.matched),
        len(report.missing),
        len(report.unexpected),
        report.missing[:_LISTED],
        report.unexpected[:_LISTED],
    )


def import_weights(
    model: nn.Module,
    tensors: Mapping[str, np.ndarray],
    names: Mapping[str, str] | None = None,
    layout: Layout = "chainrule",
) -> WeightsReport:
    """Give the parameters and buffers of `model`, in place, the values of the tensors of the same names.

    names: what is called otherwise, {ours: theirs}, each a whole name or everything below one (`layers.0`, or
    "" for all). layout: chainrule's own, or that of PyTorch, see `pytorch_names`.
    """
    wanted = list(_NAMES[layout](model, names or {}))
    matched: dict[int, str] = {}
    missing: dict[int, str] = {}
    mismatched: list[Mismatch] = []
    for each in wanted:
        if id(each.tensor) in matched:
            continue  # of a layer that is used more than once
        values = tensors.get(each.source)
        if values is None:
            missing.setdefault(id(each.tensor), each.name)
        elif values.shape != each.shape:
            mismatched.append(Mismatch(each.name, each.source, each.shape, values.shape))
        else:
            matched[id(each.tensor)] = each.name
            data = each.tensor.data
            data[...] = array_module(data).asarray(np.asarray(each.take(values), dtype=data.dtype))
    used = {each.source for each in wanted}
    unexpected = [name for name in tensors if name not in used and not unused_by_chainrule(name)]
    return WeightsReport(
        tuple(matched.values()),
        tuple(name for key, name in missing.items() if key not in matched),
        tuple(unexpected),
        tuple(mismatched),
    )


def load_initial_weights(model: nn.Module, spec: InitialWeightsSpec) -> WeightsReport:
    """Start `model` from a safetensors file, as a job's `initial_weights` says.

    Raises SpecError where the file is none, where a tensor has another shape, where `names` speaks of what is
    not there, and where nothing matched at all.
    """
    path, layout, names = spec.path, spec.layout, spec.names
    try:
        tensors, _ = load_tensors(path)
    except FileFormatError as error:
        advice = _PICKLE_ADVICE if Path(path).suffix in _PICKLES else ""
        raise SpecError([Violation("initial_weights.path", f"{error}{advice}")]) from error
    report = import_weights(model, tensors, names, layout)
    violations = [
        Violation("initial_weights", f"{mismatch}{_advice(mismatch)}") for mismatch in report.mismatched
    ]
    violations += _unknown_names(model, names)
    if not report.matched and not violations:
        violations.append(Violation("initial_weights", _nothing_matched(model, tensors, path, layout, names)))
    if violations:
        raise SpecError(violations)
    return report


def _advice(mismatch: Mismatch) -> str:
    if mismatch.found == mismatch.expected[::-1]:
        return "; a matrix that is turned over belongs to the other layout, chainrule or pytorch"
    return "; to start it afresh instead, give its layer a `name` that the file does not have"


def _unknown_names(model: nn.Module, names: Mapping[str, str]) -> Iterator[Violation]:
    parts = [each.name.split(".") for each in chainrule_names(model, {})]
    known = {".".join(part[:length]) for part in parts for length in range(len(part) + 1)}
    for name in names:
        if name not in known:
            message = f"the model has nothing called '{name}'{suggestion(name, known)}"
            yield Violation("initial_weights.names", message)


def _nothing_matched(
    model: nn.Module, tensors: Mapping[str, np.ndarray], path: str, layout: Layout, names: Mapping[str, str]
) -> str:
    other: Layout = "pytorch" if layout == "chainrule" else "chainrule"
    wanted = list(_NAMES[layout](model, names))
    message = (
        f"none of the {len(tensors)} tensors in {Path(path).name} is one of the model's: the file has "
        f"{_some(list(tensors))}, the model needs {_some([each.source for each in wanted])}"
    )
    if any(
        tensors[each.source].shape == each.shape
        for each in _NAMES[other](model, names)
        if each.source in tensors
    ):
        return f"{message}. They fit with layout: {other}"
    return f"{message}. Say under names which is which, as in names: {{{_example(wanted, tensors)}}}"


def _example(wanted: list[Wanted], tensors: Mapping[str, np.ndarray]) -> str:
    """The pair of names that are most alike, of tensors that would fit."""
    pairs = [
        (difflib.SequenceMatcher(None, each.source, name).ratio(), each.name, name)
        for each in wanted[:_COMPARED]
        for name in list(tensors)[:_COMPARED]
        if tensors[name].shape == each.shape
    ]
    if not pairs:
        return "layers.0: encoder.0"
    _, ours, theirs = max(pairs)
    return f"{ours}: {theirs}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
