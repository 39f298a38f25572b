"""Turns a captured terminal screen into an SVG: how the picture in the README was made.

In tmux, after `make demo`:  tmux capture-pane -e -p -S - > screen.ansi
Then:                        python docs/terminal_svg.py screen.ansi docs/demo.svg --width 90
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from rich.console import Console
from rich.text import Text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("screen", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=90)
    arguments = parser.parse_args()
    console = Console(width=arguments.width, record=True, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(arguments.screen.read_text(encoding="utf-8").rstrip()))
    console.save_svg(str(arguments.picture), title="chainrule")


if __name__ == "__main__":
    main()
