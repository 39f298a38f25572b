"""What a model says of new samples, in the form that its loss calls for: a class, a sequence, or numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...core import Tensor, no_grad, ops
from ...worker.model import SavedModel
from ...worker.spec.losses import CTCSpec, Targets

Written = Callable[[float], str]
Names = tuple[str, ...] | None


class Predictions(Protocol):
    """One row a sample."""

    @property
    def note(self) -> str:
        """What the numbers are, where that is not plain."""
        ...

    def __len__(self) -> int: ...

    def headings(self) -> list[str]:
        """Of a table's columns, the row's number not among them."""
        ...

    def cells(self, row: int, written: Written) -> list[str]:
        """A row of that table, its numbers as `written` writes them."""
        ...

    def fields(self, row: int) -> dict[str, Any]:
        """A row in JSON."""
        ...


@dataclass(frozen=True)
class ClassPredictions:
    """The likeliest class of each sample, ids (n,), and what the model finds of all of them (n, classes)."""

    ids: np.ndarray
    values: np.ndarray
    names: Names
    measure: str = "probability"
    note: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    def headings(self) -> list[str]:
        return ["class", self.measure]

    def name(self, row: int) -> str:
        """The class of a row as people call it."""
        return _name(self.ids[row], self.names)

    def cells(self, row: int, written: Written) -> list[str]:
        return [self.name(row), written(float(self.values[row, self.ids[row]]))]

    def fields(self, row: int) -> dict[str, Any]:
        return {
            "class": int(self.ids[row]),
            "class_name": self.name(row),
            self.measure: float(self.values[row, self.ids[row]]),
            _plural(self.measure): self.values[row].tolist(),
        }


@dataclass(frozen=True)
class SequencePredictions:
    """Classes in a row for each sample; values: (n, time, classes), where each element has its own."""

    ids: Sequence[np.ndarray]
    names: Names
    values: np.ndarray | None = None
    measure: str = "probability"
    note: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    def headings(self) -> list[str]:
        return ["classes"]

    def cells(self, row: int, written: Written) -> list[str]:
        return [" ".join(_name(number, self.names) for number in self.ids[row].flat)]

    def fields(self, row: int) -> dict[str, Any]:
        names = [_name(number, self.names) for number in self.ids[row].flat]
        found: dict[str, Any] = {"classes": self.ids[row].tolist(), "class_names": names}
        if self.values is not None:
            found[_plural(self.measure)] = self.values[row].tolist()
        return found


@dataclass(frozen=True)
class NumberPredictions:
    """Numbers of any shape for each sample: (n, ...)."""

    values: np.ndarray
    measure: str = "value"
    note: str = ""

    def __len__(self) -> int:
        return len(self.values)

    def headings(self) -> list[str]:
        """`value`, or where there are several, `value 3` with their places, as in `value 0.3`."""
        shape = self.values.shape[1:]
        if self.values[:1].size == 1:
            return [self.measure]
        return [f"{self.measure} {'.'.join(map(str, place))}" for place in np.ndindex(*shape)]

    def cells(self, row: int, written: Written) -> list[str]:
        return [written(float(value)) for value in self.values[row].flat]

    def fields(self, row: int) -> dict[str, Any]:
        return {_plural(self.measure): self.values[row].tolist()}


def predict(model: SavedModel, features: np.ndarray) -> Predictions:
    """The model's word on raw features (n, *feature_shape)."""
    loss = model.spec.loss
    outputs = model.predict(features)
    if isinstance(loss, CTCSpec):
        return SequencePredictions(_best_paths(outputs, loss.blank), model.class_names, note=_BEST_PATH)
    if loss.targets is Targets.CLASS:
        return _classes(model, outputs)
    if loss.targets is Targets.LABEL:
        return NumberPredictions(outputs, note=_PLACES)
    if loss.kind == "binary_cross_entropy":
        return NumberPredictions(_of(ops.sigmoid, outputs), "probability", _SIGMOID)
    if loss.kind == "kl_divergence":
        return NumberPredictions(_of(ops.exp, outputs), "probability", _EXP)
    if loss.kind == "hinge":
        return NumberPredictions(outputs, "score", _SIGN)
    return NumberPredictions(outputs)


_BEST_PATH = "The likeliest class at each time, repeats taken once and blanks left out."
_PLACES = "Where the model places each sample: those that belong together lie near each other."
_SIGMOID = "Probabilities: the sigmoid of the model's outputs."
_EXP = "Probabilities: exp of the model's outputs."
_SIGN = "Scores: above 0 stands for 1, below for -1."
_MARGIN = "Scores, not probabilities: the class with the highest one."


def _classes(model: SavedModel, outputs: np.ndarray) -> Predictions:
    # A hinge loss only wants the right class to lead: the softmax of such scores would say nothing.
    likely = model.spec.loss.kind != "multiclass_hinge"
    values = _of(ops.softmax, outputs) if likely else outputs
    measure, note = ("probability", "") if likely else ("score", _MARGIN)
    ids = outputs.argmax(axis=-1)
    if ids.ndim > 1:
        return SequencePredictions(list(ids), model.class_names, values, measure, note)
    return ClassPredictions(ids, values, model.class_names, measure, note)


def _best_paths(outputs: np.ndarray, blank: int) -> list[np.ndarray]:
    """(n, time, classes) -> the classes of each sample, of its own length (Graves 2006, section 3.2)."""
    paths = []
    for path in outputs.argmax(axis=-1):
        changes = np.append(True, path[1:] != path[:-1])
        paths.append(path[changes & (path != blank)])
    return paths


def _of(function: Callable[[Tensor], Tensor], outputs: np.ndarray) -> np.ndarray:
    with no_grad():
        return np.asarray(function(Tensor(outputs)).data)


def _name(number: int, names: Names) -> str:
    return names[number] if names is not None and number < len(names) else str(int(number))


def _plural(measure: str) -> str:
    return measure.removesuffix("y") + "ies" if measure.endswith("y") else f"{measure}s"
