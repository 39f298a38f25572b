"""`predict`: a trained model, from a file or a job, on new samples; as a table, CSV or JSON lines."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from ...worker.model import SavedModel, read_inputs
from .exits import ExitStatus
from .output import Output, OutputMode
from .trained_model import load_named_model
from .wording import count, significant

ROWS_ON_A_TERMINAL = 20
VALUES_IN_A_TABLE = 6


@dataclass(frozen=True)
class Predictions:
    """What a model says of each sample: a class with its probability, or values (n, outputs)."""

    values: np.ndarray
    classes: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def name(self, row: int) -> str:
        """The class of a row as people call it."""
        assert self.classes is not None
        number = int(self.classes[row])
        return self.class_names[number] if self.class_names is not None else str(number)

    def probability(self, row: int) -> float:
        """How likely the model finds that class."""
        assert self.classes is not None
        return float(self.values[row, self.classes[row]])


def predict_file(model: str, inputs: Path, address: str | None, data_dir: Path | None, form: str) -> int:
    """Write predictions for all samples in `inputs` to standard output; returns the exit status."""
    output = Output(OutputMode.JSON if form == "json" else OutputMode.TEXT)
    saved = load_named_model(model, address, data_dir)
    predictions = predict(saved, read_inputs(inputs, saved))
    if form == "json":
        for row in range(len(predictions)):
            output.object(prediction_object(predictions, row))
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(_headings(predictions))
        writer.writerows(_cells(predictions, row, str) for row in range(len(predictions)))
    else:
        _write_table(predictions, output)
    return ExitStatus.SUCCEEDED


def predict(model: SavedModel, features: np.ndarray) -> Predictions:
    """The model's word on raw features (n, *feature_shape)."""
    if model.classes is None:
        return Predictions(model.predict(features))
    classes, probabilities = model.classify(features)
    return Predictions(probabilities, classes, model.class_names)


def prediction_object(predictions: Predictions, row: int) -> dict[str, object]:
    """One sample's prediction in JSON; rows count from 0, as they do in an array."""
    if predictions.classes is None:
        return {"row": row, "values": predictions.values[row].tolist()}
    return {
        "row": row,
        "class": int(predictions.classes[row]),
        "class_name": predictions.name(row),
        "probability": predictions.probability(row),
        "probabilities": predictions.values[row].tolist(),
    }


def _headings(predictions: Predictions) -> list[str]:
    if predictions.classes is not None:
        return ["row", "class", "probability"]
    width = predictions.values.shape[1]
    return ["row", *(["value"] if width == 1 else [f"value {i}" for i in range(width)])]


def _cells(predictions: Predictions, row: int, written: Callable[[float], str]) -> list[str]:
    if predictions.classes is not None:
        return [str(row), predictions.name(row), written(predictions.probability(row))]
    return [str(row), *(written(float(value)) for value in predictions.values[row])]


def predictions_table(predictions: Predictions, rows: int) -> Table:
    """The first `rows` samples; of many values, the first few."""
    shown = VALUES_IN_A_TABLE + 1
    headings = _headings(predictions)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings[:shown]:
        table.add_column(heading, justify="left" if heading == "class" else "right", overflow="fold")
    if len(headings) > shown:
        table.add_column(f"... {len(headings) - shown} more", no_wrap=True)
    for row in range(min(rows, len(predictions))):
        table.add_row(*_cells(predictions, row, significant)[:shown])
    return table


def _write_table(predictions: Predictions, output: Output) -> None:
    limit = ROWS_ON_A_TERMINAL if sys.stdout.isatty() else len(predictions)
    output.render(predictions_table(predictions, limit))
    if len(predictions) > limit:
        output.line(f"{limit} of {count(len(predictions), 'row')}; all of them: --output csv, --output json")
    if predictions.classes is not None and len(predictions) > 1:
        numbers = Counter(predictions.name(row) for row in range(len(predictions)))
        counts = ", ".join(f"{name}: {number:,}" for name, number in numbers.most_common(10))
        output.line(f"{count(len(predictions), 'sample')}; {counts}" + (", ..." if len(numbers) > 10 else ""))
