"""Where the commands write: text with rich on a terminal, plain text in a pipe, or one JSON object a line."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from .wording import one_paragraph

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

PIPE_WIDTH = 200


class OutputMode(str, Enum):
    """The value of --output."""

    TEXT = "text"
    JSON = "json"


@dataclass
class Output:
    """One command's standard output; `live` says whether moving progress may be drawn on it."""

    mode: OutputMode = OutputMode.TEXT
    _console: Console | None = field(default=None, repr=False)

    @property
    def json_mode(self) -> bool:
        return self.mode is OutputMode.JSON

    @property
    def live(self) -> bool:
        return not self.json_mode and sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb")

    @property
    def console(self) -> Console:
        """A console that invents nothing (no highlighting, no markup), wide in a pipe."""
        if self._console is None:
            from rich.console import Console

            width = None if sys.stdout.isatty() else PIPE_WIDTH
            self._console = Console(highlight=False, markup=False, emoji=False, width=width, soft_wrap=False)
        return self._console

    def line(self, text: str = "") -> None:
        """One line of text as it is: no wrapping, no control characters; nothing in JSON mode."""
        if not self.json_mode:
            sys.stdout.write(one_paragraph(text) + "\n")
            sys.stdout.flush()

    def render(self, renderable: RenderableType) -> None:
        """Anything rich can draw; nothing in JSON mode. Text is left to the terminal to wrap."""
        if self.json_mode:
            return
        if sys.stdout.isatty():
            self.console.print(renderable, soft_wrap=_is_text(renderable))
            return
        with self.console.capture() as capture:
            self.console.print(renderable, soft_wrap=_is_text(renderable))
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))
        sys.stdout.flush()

    @contextmanager
    def waiting(self, sentence: str) -> Iterator[None]:
        """A spinner beside `sentence` while something takes its time; nothing where output does not move."""
        if not self.live:
            yield
            return
        with self.console.status(sentence, spinner_style="cyan"):
            yield

    def pairs(self, pairs: Iterable[tuple[str, str | Text]], indent: str = "") -> None:
        """Labels and values in two columns; a long value runs on, so that it can be copied as a whole."""
        from rich.text import Text

        rows = list(pairs)
        width = max((len(label) for label, _ in rows), default=0)
        for label, value in rows:
            line = Text.assemble(indent, (label.ljust(width), "bold"), "  ")
            line.append_text(value) if isinstance(value, Text) else line.append(one_paragraph(value))
            self.render(line)

    def object(self, content: Mapping[str, Any]) -> None:
        """One JSON object on one line; nothing in text mode."""
        if self.json_mode:
            sys.stdout.write(json_line(content) + "\n")
            sys.stdout.flush()


def _is_text(renderable: RenderableType) -> bool:
    from rich.text import Text

    return isinstance(renderable, Text)


def json_line(content: Mapping[str, Any]) -> str:
    """One line of strict JSON: a number that JSON has no word for (NaN, infinity) becomes null."""
    return json.dumps(_strict(content), ensure_ascii=False, allow_nan=False)


def _strict(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_strict(item) for item in value]
    return value


def tolerant_streams() -> None:
    """A terminal that lacks a character shows a question mark; a stream that was closed (`>&-`) takes all."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  for the life of the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def silence_standard_output() -> None:
    """The reader of our output has gone (`| head`): let what is still buffered go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
