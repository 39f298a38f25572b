"""Progress on a terminal: one small picture redrawn in place, made to fit whatever width there is."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ...worker.reports import Progress
from ..jobs.events import Event
from .progress import TrainingProgress, staleness_words, waiting_sentence
from .wording import duration, significant, waited_for_samples

FRAMES_PER_SECOND = 8
SHOWN_EPOCHS = 6
LONGEST_BAR = 100
LINES_BESIDE_EPOCHS = 8


class LiveDisplay:
    """Draws the job until closed; sentences scroll up above the picture and stay."""

    def __init__(self, console: Console, progress: TrainingProgress, workers: int) -> None:
        self._console = console
        self._progress = progress
        self._workers = workers
        self._closed = False
        self._spinner = Spinner("dots" if console.encoding.startswith("utf") else "line", style="cyan")
        self._live = Live(console=console, get_renderable=self._picture, refresh_per_second=FRAMES_PER_SECOND)
        self._live.start()

    def event(self, progress: TrainingProgress, event: Event, sentence: str | None) -> None:
        if sentence is not None:
            self.note(sentence)

    def note(self, sentence: str) -> None:
        self._console.print(Text(sentence))

    def tick(self, progress: TrainingProgress) -> None:
        """Nothing to do: frames come at their own pace."""

    def close(self) -> None:
        self._closed = True
        self._live.stop()

    def _picture(self) -> RenderableType:
        rows = max(0, min(SHOWN_EPOCHS, self._console.height - LINES_BESIDE_EPOCHS))
        parts = picture(self._progress, self._console.width, rows)
        waiting = "" if self._closed else waiting_sentence(self._progress.state, self._workers)
        if waiting:
            self._spinner.update(text=Text(waiting))
            parts.append(self._spinner)
        return Group(*parts)


def picture(progress: TrainingProgress, width: int, shown_epochs: int = SHOWN_EPOCHS) -> list[RenderableType]:
    """The recent epochs, a bar, and a line of figures, for a terminal `width` characters wide."""
    parts: list[RenderableType] = []
    if progress.epochs and shown_epochs:
        parts += [epoch_table(progress, width, shown_epochs), Text("")]
    if progress.started is not None:
        parts.append(_bar(progress, width))
        parts.append(_figures(progress, width))
    return parts


def epoch_table(progress: TrainingProgress, width: int, rows: int) -> Table:
    """The last `rows` epochs; columns that do not fit into `width` are left out, from the right."""
    names = progress.metric_names
    stale = ["staleness"] if any(epoch.staleness for epoch in progress.epochs) else []
    held_out = [f"held-out {name}".replace("_", " ") for name in names]
    headings = ["epoch", "training loss", *held_out, *stale, "seconds"]
    room, kept = width, 0
    for heading in headings:
        room -= len(heading) + 2
        if room < 0:
            break
        kept += 1
    table = Table(box=None, padding=(0, 0, 0, 2), header_style="bold")
    for heading in headings[:kept]:
        table.add_column(heading, justify="right", no_wrap=True)
    for epoch in progress.epochs[-rows:]:
        metrics = [significant(epoch.metrics[name]) if name in epoch.metrics else "" for name in names]
        metrics += [staleness_words(epoch.staleness)] if stale else []
        cells = [str(epoch.epoch), significant(epoch.train_loss), *metrics, f"{epoch.seconds:.1f}"]
        table.add_row(*cells[:kept])
    return table


def _bar(progress: TrainingProgress, width: int) -> RenderableType:
    label = Text(f"  epoch {progress.epoch}/{progress.total_epochs} ", no_wrap=True)
    percent = Text(f" {100 * progress.fraction:3.0f}%", no_wrap=True)
    room = min(LONGEST_BAR, max(4, width - label.cell_len - percent.cell_len - 1))
    bar = ProgressBar(
        total=max(1, progress.total_steps),
        completed=progress.step,
        width=room,
        style="dim",
        complete_style="cyan",
        finished_style="green",
    )
    row = Table.grid()
    row.add_row(label, bar, percent)
    return row


def _latest_loss(progress: TrainingProgress, latest: Progress) -> float:
    newer = [epoch for epoch in progress.epochs[-1:] if epoch.step >= latest.step]
    return newer[0].train_loss if newer else latest.loss


def _figures(progress: TrainingProgress, width: int) -> Text:
    parts = [f"step {progress.step:,}/{progress.total_steps:,}"]
    latest = progress.latest
    if latest is not None:
        parts.append(f"loss {significant(_latest_loss(progress, latest))}")
        if progress.finished is None:
            parts.append(f"{duration(latest.remaining_seconds)} left")
        parts.append(f"{latest.samples_per_second:,.0f} samples/s")
    for epoch in progress.epochs[-1:]:
        if (waiting := waited_for_samples(epoch.input_idle_fraction)) is not None:
            parts.append(waiting)
    line = "  " + parts[0]
    for part in parts[1:]:
        if len(line) + 2 + len(part) > width:
            break
        line += "  " + part
    return Text(line, no_wrap=True, overflow="ellipsis")
