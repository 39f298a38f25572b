"""`predict`: a trained model, from a file or a job, on new samples; as a table, CSV or JSON lines."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

from rich.table import Table

from ...worker.model import read_inputs
from .exits import ExitStatus
from .output import Output, OutputMode
from .predictions import ClassPredictions, Predictions, predict
from .trained_model import load_named_model
from .wording import count, significant

ROWS_ON_A_TERMINAL = 20
VALUES_IN_A_TABLE = 6


def predict_file(
    model: str, inputs: Path, allow_code: bool, address: str | None, data_dir: Path | None, form: str
) -> int:
    """Write predictions for all samples in `inputs` to standard output; returns the exit status."""
    output = Output(OutputMode.JSON if form == "json" else OutputMode.TEXT)
    saved = load_named_model(model, allow_code, address, data_dir)
    predictions = predict(saved, read_inputs(inputs, saved))
    if form == "json":
        for row in range(len(predictions)):
            # Rows count from 0, as they do in an array.
            output.object({"row": row, **predictions.fields(row)})
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["row", *predictions.headings()])
        writer.writerows([row, *predictions.cells(row, str)] for row in range(len(predictions)))
    else:
        _write_table(predictions, output)
    return ExitStatus.SUCCEEDED


def predictions_table(predictions: Predictions, rows: int) -> Table:
    """The first `rows` samples; of many values, the first few."""
    headings = predictions.headings()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("row", justify="right")
    for heading in headings[:VALUES_IN_A_TABLE]:
        is_text = heading in ("class", "classes")
        table.add_column(heading, justify="left" if is_text else "right", overflow="fold")
    if len(headings) > VALUES_IN_A_TABLE:
        table.add_column(f"... {len(headings) - VALUES_IN_A_TABLE} more", no_wrap=True)
    for row in range(min(rows, len(predictions))):
        table.add_row(str(row), *predictions.cells(row, significant)[:VALUES_IN_A_TABLE])
    return table


def _write_table(predictions: Predictions, output: Output) -> None:
    limit = ROWS_ON_A_TERMINAL if sys.stdout.isatty() else len(predictions)
    output.render(predictions_table(predictions, limit))
    if len(predictions) > limit:
        output.line(f"{limit} of {count(len(predictions), 'row')}; all of them: --output csv, --output json")
    if isinstance(predictions, ClassPredictions) and len(predictions) > 1:
        numbers = Counter(predictions.name(row) for row in range(len(predictions)))
        counts = ", ".join(f"{name}: {number:,}" for name, number in numbers.most_common(10))
        output.line(f"{count(len(predictions), 'sample')}; {counts}" + (", ..." if len(numbers) > 10 else ""))
    if predictions.note:
        output.line(predictions.note)
