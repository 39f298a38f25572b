"""The `chainrule` command: `main` runs one command line and turns whatever happens into an exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `arguments` (the process's own by default); returns the exit status, see `exits.ExitStatus`.

    Nothing but the result of a command goes to standard output; errors go to standard error as one paragraph.
    """
    from .output import silence_standard_output, tolerant_streams
    from .signals import StopAtOnce, exit_at_once

    arguments = list(sys.argv[1:] if arguments is None else arguments)
    tolerant_streams()
    try:
        from .app import app

        status = app(args=arguments, prog_name="chainrule", standalone_mode=False)
        sys.stdout.flush()
        return int(status or 0)
    except BrokenPipeError:
        silence_standard_output()
        return 1
    except StopAtOnce:
        exit_at_once()
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        from .errors import report

        with suppress(OSError):
            return int(report(error, json_mode=_asks_for_json(arguments)))
        return 1


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether errors are to be JSON, even when the arguments themselves are at fault."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(
        word in ("--output=json", "-ojson") or (word in ("--output", "-o") and following == "json")
        for word, following in pairs
    )
