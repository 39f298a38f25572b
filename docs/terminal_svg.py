"""Turns a captured terminal screen into an SVG: how the picture in the README was made.

In tmux, after `make demo`:  tmux capture-pane -e -p -S - > screen.ansi
Then:                        python docs/terminal_svg.py screen.ansi docs/demo.svg --width 90
"""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text


def main() -> None:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("screen", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=90)
    arguments = parser.parse_args()
    console = Console(width=arguments.width, record=True, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(arguments.screen.read_text(encoding="utf-8").rstrip()))
    # Rich's template fetches its font from a server; any monospaced font does, and asks nobody.
    svg = re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="chainrule"), flags=re.DOTALL)
    arguments.picture.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
