"""`profile`: where the time of a job's training step goes, beside what the machine could do."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from ... import drawing
from ...core.errors import ChainruleError
from ...core.machine_limits import Bound, MachineLimits
from ...worker.profile import JobProfile, profile_job
from .errors import UsageProblem
from .exits import ExitStatus
from .options import ProfileRows
from .output import Output
from .submission import JobFileProblem, Submission
from .wording import count, rate, size, span

_BAR = 8  # characters
_WIDE = 80
"""Columns that the whole table needs; a narrower terminal gets names, times and what binds them."""
_DISTURBED = 1.1
"""A step whose whole takes that much longer than its parts was not alone on the machine."""
_STYLES = {Bound.OVERHEAD: "yellow", Bound.COMPUTE: "green", Bound.MEMORY: "cyan"}


def profile_job_file(
    submission: Submission,
    steps: int,
    rows: ProfileRows,
    picture: Path | None,
    trace: Path | None,
    threads: int | None,
    output: Output,
) -> int:
    """Time the job's step here and show it as a table; also as a picture and a trace where one is named."""
    _check_place("--save-picture", picture, ".svg")
    _check_place("--save-trace", trace, ".json")
    spec = submission.load()
    with output.waiting("timing the step"):
        try:
            profile = profile_job(spec, steps, threads)
        except ChainruleError as error:
            raise JobFileProblem(str(submission.job_file), error) from error
    timing, limits = profile.timing, profile.limits
    saved = {}
    if picture is not None:
        saved[picture] = str(drawing.to_flame(timing, limits, spec.name))
    if trace is not None:
        saved[trace] = drawing.to_chrome_trace(timing, limits, spec.name)
    shown = drawing.time_rows(timing, limits, drawing.TimedBy(rows.value))
    total = drawing.time_total(timing, limits)
    output.render(time_table([*shown, total], limits, rows, output.console.width >= _WIDE))
    output.line()
    for path, document in saved.items():  # after the table, which is not lost where a disk is full
        path.write_text(document, encoding="utf-8")
    output.pairs([*_pairs(profile), *(("saved", f"{path} ({size(path.stat().st_size)})") for path in saved)])
    output.object(_content(profile, rows, shown, total, picture, trace))
    return ExitStatus.SUCCEEDED


def _check_place(option: str, path: Path | None, suffix: str) -> None:
    if path is None:
        return
    if path.suffix.lower() != suffix:
        raise UsageProblem(f"{option} {path}: expected a name that ends in {suffix}.")
    if not path.absolute().parent.is_dir():
        raise UsageProblem(f"{option} {path}: there is no folder {path.absolute().parent}; make it first.")
    if path.is_dir():
        raise UsageProblem(f"{option} {path}: that is a folder; expected the name of a file.")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise UsageProblem(f"{option} {path}: you may not write there; name another place.")


def time_table(
    rows: list[drawing.TimeRow], limits: MachineLimits, by: ProfileRows, wide: bool = True
) -> Table:
    """One row a layer, kernel or call, the last their total: times; if wide, rates and the limits' part."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column(by.value, overflow="fold", min_width=14)
    one_each = by is ProfileRows.CALL
    if one_each:
        table.add_column("layer", overflow="fold", min_width=10)
    elif wide:
        table.add_column("calls", no_wrap=True, justify="right")
    table.add_column("time", no_wrap=True, justify="right")
    table.add_column("share", no_wrap=True)
    for head in ("GFLOP/s", "max", "GB/s", "max") if wide else ():
        table.add_column(head, no_wrap=True, justify="right")
    table.add_column("bound by", no_wrap=True)
    most = max((row.share for row in rows[:-1]), default=0.0) or 1.0
    for row in rows:
        is_total = row is rows[-1]
        bar = "" if is_total else "#" * round(row.share / most * (_BAR - 3 * one_each))
        layer = "" if is_total else row.layer or row.phase
        rates = (
            *_rate(row.flops_per_second, limits.flops_per_second),
            *_rate(row.bytes_per_second, limits.bytes_per_second),
        )
        table.add_row(
            row.name,
            *([layer] if one_each else [f"{row.calls:,}"] if wide else []),
            span(row.seconds),
            f"{row.share:4.0%} {bar}" if wide else f"{row.share:4.0%}",
            *(rates if wide else ()),
            row.bound.value,
            style="bold" if is_total else _STYLES[row.bound],
        )
    return table


def _rate(value: float, limit: float) -> tuple[str, str]:
    """A rate in thousand millions, and the part of the limit; nothing where there is none."""
    return (rate(value / 1e9), f"{value / limit:.0%}") if value else ("-", "")


def _pairs(profile: JobProfile) -> list[tuple[str, str]]:
    timing, limits = profile.timing, profile.limits
    way = "replayed from a plan" if timing.planned else f"eager: {timing.reason}"
    calls = sum(call.seconds for call in timing.calls)
    if not timing.planned and timing.seconds > _DISTURBED * calls:
        way += f"; other work disturbed it, the medians of its calls add up to {span(calls)}"
    samples, step = f"a batch of {count(profile.samples, 'sample')} and the update", ""
    if profile.micro_batches > 1:
        samples = f"a micro-batch of {count(profile.samples, 'sample')} and the update"
        step = f": {span(profile.job_step_seconds)} for the step's {profile.micro_batches} micro-batches"
    speed = profile.batch_samples / profile.job_step_seconds
    peaks = f"{rate(limits.flops_per_second / 1e9)} GFLOP/s in a float32 matrix product"
    peaks += f", {rate(limits.bytes_per_second / 1e9)} GB/s in a copy, {count(limits.threads, 'thread')}"
    return [
        ("timed", f"{samples}, {timing.repeats} times"),
        ("step", f"{span(timing.seconds)}, {way}"),
        ("speed", f"{speed:,.0f} samples/s in one process{step}"),
        ("memory", f"{size(timing.arena_bytes)} at most for values of the step"),
        ("limits", peaks),
        ("verdict", verdict(profile)),
    ]


def verdict(profile: JobProfile) -> str:
    """What holds the step back, in a sentence."""
    timing = profile.timing
    shares = drawing.bound_shares(timing.calls, profile.limits)
    first, *rest = [f"{share:.0%} {_REASONS[bound]}" for bound, share in shares.items() if share >= 0.005]
    parts = ", ".join([first.replace("% ", "% of the time ", 1), *rest])
    sentence = f"bound by {next(iter(shares)).value}: {parts}"
    outside = 1 - sum(call.seconds for call in timing.calls) / timing.seconds if timing.seconds else 0.0
    return f"{sentence}; {outside:.0%} of the step is between calls" if timing.planned else sentence


_REASONS = {
    Bound.COMPUTE: "nearer to the limit of arithmetic",
    Bound.MEMORY: "nearer to that of memory",
    Bound.OVERHEAD: "below 10% of both limits",
}


def _content(
    profile: JobProfile,
    by: ProfileRows,
    rows: list[drawing.TimeRow],
    total: drawing.TimeRow,
    picture: Path | None,
    trace: Path | None,
) -> dict[str, object]:
    timing = profile.timing
    shares = drawing.bound_shares(timing.calls, profile.limits)
    return {
        "step_seconds": timing.seconds,
        "job_step_seconds": profile.job_step_seconds,
        "samples_per_second": profile.batch_samples / profile.job_step_seconds,
        "samples": profile.samples,
        "batch_samples": profile.batch_samples,
        "micro_batches": profile.micro_batches,
        "parameters": profile.parameters,
        "peak_bytes": timing.arena_bytes,
        "repeats": timing.repeats,
        "planned": timing.planned,
        "reason": timing.reason,
        "limits": asdict(profile.limits),
        "bound": {bound.value: share for bound, share in shares.items()},
        "by": by.value,
        "rows": [asdict(row) for row in rows],
        "total": asdict(total),
        **({} if picture is None else {"picture": str(picture)}),
        **({} if trace is None else {"trace": str(trace)}),
    }
