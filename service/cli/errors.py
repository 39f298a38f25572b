"""What a user sees when something goes wrong: a paragraph on stderr and an exit status, no traceback."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ...core.errors import ChainruleError
from .exits import ExitStatus
from .output import json_line
from .wording import one_paragraph

USAGE_CODES = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "OUT_OF_RANGE"})


class CommandError(ChainruleError):
    """A command cannot do what was asked; `status` is what the process exits with."""

    def __init__(self, message: str, status: ExitStatus = ExitStatus.FAILED) -> None:
        super().__init__(message)
        self.status = status


class UsageProblem(CommandError):
    """The command was given something that it cannot work with."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ExitStatus.USAGE)


def report(error: BaseException, *, json_mode: bool) -> ExitStatus:
    """Write `error` on stderr as a user should read it; returns the exit status that belongs to it."""
    message = getattr(error, "format_message", None)
    if callable(message):
        return _print(_usage_sentence(error), ExitStatus.USAGE, json_mode)
    if isinstance(error, ChainruleError):
        return _print(str(error), status_of_error(error), json_mode, details(error))
    if isinstance(error, OSError):
        return _print(_system_sentence(error), ExitStatus.FAILED, json_mode)
    if isinstance(error, MemoryError):
        return _print("There is not enough memory for this.", ExitStatus.FAILED, json_mode)
    return _print(_crash_sentence(error), ExitStatus.FAILED, json_mode)


def status_of_error(error: ChainruleError) -> ExitStatus:
    """2 for what can be put right in the command or the files that it names, 1 for everything around it."""
    if isinstance(error, CommandError):
        return error.status
    code = getattr(error, "code", None)
    if code is not None:
        name = getattr(code, "name", code)
        return ExitStatus.USAGE if name in USAGE_CODES else ExitStatus.FAILED
    from ...core.errors import FileFormatError
    from ...worker.data.errors import DataError
    from ...worker.spec import SpecError

    return (
        ExitStatus.USAGE if isinstance(error, (SpecError, DataError, FileFormatError)) else ExitStatus.FAILED
    )


def details(error: ChainruleError) -> dict[str, Any]:
    """What a program may want to know of an error beyond its message."""
    error = getattr(error, "error", error)
    found: dict[str, Any] = {}
    reason = getattr(error, "reason", None)
    if reason:
        found["reason"] = getattr(reason, "value", reason)
    violations = getattr(error, "violations", None)
    if violations:
        found["violations"] = [{"field": v.field, "message": v.message} for v in violations]
    elif getattr(error, "field", None):
        found["violations"] = [{"field": getattr(error, "field"), "message": str(error)}]
    return found


def _print(
    message: str, status: ExitStatus, json_mode: bool, extra: dict[str, Any] | None = None
) -> ExitStatus:
    text = one_paragraph(message)
    if json_mode:
        error = {"message": text, "exit_status": int(status), **(extra or {})}
        sys.stderr.write(json_line({"error": error}) + "\n")
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.text import Text

        console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        console.print(Text.assemble(("Error: ", "bold red"), text))
    else:
        sys.stderr.write(f"Error: {text}\n")
    sys.stderr.flush()
    return status


def _usage_sentence(error: BaseException) -> str:
    context = getattr(error, "ctx", None)
    message = getattr(error, "format_message")().strip()
    command = context.command_path if context is not None else "chainrule"
    end = "" if message.endswith((".", "?")) else "."
    return f"{message}{end} See `{command} --help`."


def _system_sentence(error: OSError) -> str:
    what = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {what}." if error.filename is not None else f"{what}."


def _crash_sentence(error: BaseException) -> str:
    where = write_crash_report(error)
    kept = f" What went on inside was written to {where}." if where else ""
    what = f"{type(error).__name__}: {error}".strip().rstrip(":.")
    return f"chainrule met something that it did not expect ({what}); this is a fault in chainrule.{kept}"


def write_crash_report(error: BaseException) -> Path | None:
    """Keep the traceback in the data folder's `logs`, or else in the system's temporary folder."""
    now = datetime.now(timezone.utc)
    name = f"crash-{now:%Y%m%dT%H%M%S}-{os.getpid()}.log"
    arguments = json.dumps(sys.argv[1:])
    text = f"{now:%Y-%m-%d %H:%M:%S} UTC, chainrule {arguments}\n\n" + "".join(
        traceback.format_exception(error)
    )
    from .options import default_data_folder

    for folder in (default_data_folder() / "logs", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / name
            path.write_text(text, encoding="utf-8")
            return path
        except OSError:
            continue
    return None
