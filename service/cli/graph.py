"""`graph`: what a job computes, layer by layer: a table, or a picture or a document of the graph."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from ... import drawing
from ...core import ComputationalGraph
from ...core.errors import ChainruleError
from ...worker.graph import job_graph
from .errors import UsageProblem
from .exits import ExitStatus
from .options import GraphFormat
from .output import Output
from .submission import JobFileProblem, Submission
from .wording import count, shape, size

_SUFFIXES = {
    ".svg": GraphFormat.SVG, ".dot": GraphFormat.DOT, ".gv": GraphFormat.DOT, ".json": GraphFormat.JSON
}  # fmt: skip


def graph_job(
    submission: Submission,
    form: GraphFormat | None,
    save: Path | None,
    backward: bool,
    operations: bool,
    samples: int,
    output: Output,
) -> int:
    """Trace the job's model here and show its layers, or write the graph to `save` or standard output."""
    form = _form(form, save)
    spec = submission.load()
    with output.waiting("reading the data"):
        try:
            graph = job_graph(spec, samples, backward)
        except ChainruleError as error:
            raise JobFileProblem(str(submission.job_file), error) from error
    content: dict[str, object] = {
        "samples": samples,
        "layers": [asdict(row) for row in drawing.layer_rows(graph)],
        "total": asdict(drawing.total_row(graph)),
    }
    if form is GraphFormat.TABLE:
        output.render(layer_table(graph, backward))
        output.line()
        output.pairs([("passes", _passes(samples, backward))])
        output.object(content)
        return ExitStatus.SUCCEEDED
    document = _WRITERS[form](graph, operations)
    if save is not None:
        save.write_text(document, encoding="utf-8")
        output.line(f"{save} ({size(save.stat().st_size)})")
        output.object({**content, "graph": str(save)})
    elif output.json_mode:
        output.object({**content, form.value: document})
    else:
        sys.stdout.write(document)
    return ExitStatus.SUCCEEDED


_WRITERS: Mapping[GraphFormat, Callable[[ComputationalGraph, bool], str]] = {
    GraphFormat.SVG: drawing.to_svg,
    GraphFormat.DOT: lambda graph, _: drawing.to_dot(graph),
    GraphFormat.JSON: lambda graph, _: drawing.to_json(graph) + "\n",
}


def _form(form: GraphFormat | None, save: Path | None) -> GraphFormat:
    """What is asked for; the name of the file says it where nothing else does."""
    if save is None:
        return form or GraphFormat.TABLE
    if not save.absolute().parent.is_dir():
        raise UsageProblem(f"--save {save}: there is no folder {save.absolute().parent}; make it first.")
    form = form or _SUFFIXES.get(save.suffix.lower())
    if form in (None, GraphFormat.TABLE):
        known = ", ".join(_SUFFIXES)
        raise UsageProblem(f"--save {save}: expected a name that ends in {known}, or --format.")
    return form


def _passes(samples: int, backward: bool) -> str:
    way = "forward and backward" if backward else "forward"
    return f"{way}, for {count(samples, 'sample')} in training"


def layer_table(graph: ComputationalGraph, backward: bool) -> Table:
    """One row a layer: what comes out of it, what it learns, what it computes, what has to be kept."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("layer", no_wrap=True)
    heads = ["output shape", "parameters", "FLOPs", *["backward FLOPs"] * backward, "activations"]
    for head in heads:
        table.add_column(head, no_wrap=True, justify="right")
    table.add_row("input", shape(graph.nodes[0].shape))
    total = drawing.total_row(graph)
    for row in (*drawing.layer_rows(graph), total):
        costs = (row.parameters, row.flops, *[row.backward_flops] * backward)
        name, given = ("all", "") if row is total else (row.layer or "outside", shape(row.output_shape))
        numbers = [f"{number:,}" for number in costs]
        table.add_row(name, given, *numbers, size(row.activations), style="bold" if row is total else None)
    return table
