"""The options that several commands share: their names, environment variables, defaults and help."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from .output import OutputMode

DATA_FOLDER_VARIABLE = "CHAINRULE_DATA_DIR"
ADDRESS_VARIABLE = "CHAINRULE_ADDRESS"


class RuntimeChoice(str, Enum):
    """Where an embedded or served job computes."""

    RAY = "ray"
    INPROCESS = "inprocess"


class PredictOutput(str, Enum):
    """The value of --output of `predict`."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"


class GraphFormat(str, Enum):
    """The value of --format of `graph`."""

    TABLE = "table"
    SVG = "svg"
    DOT = "dot"
    JSON = "json"


class ProfileRows(str, Enum):
    """The value of --by of `profile`."""

    LAYER = "layer"
    KERNEL = "kernel"
    CALL = "call"


def default_data_folder() -> Path:
    """What `CHAINRULE_DATA_DIR` says, else `.chainrule` in the home folder."""
    named = os.environ.get(DATA_FOLDER_VARIABLE)
    if named:
        return Path(named).expanduser()
    return Path(os.path.expanduser("~")) / ".chainrule"


AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        envvar=ADDRESS_VARIABLE,
        metavar="HOST:PORT",
        help="A running service; without it, the service of the data folder.",
    ),
]
AllowCodeOption = Annotated[
    bool, typer.Option("--allow-code", help="Run the Python file that makes the model's layers, if one does.")
]
OutputOption = Annotated[
    OutputMode, typer.Option("--output", "-o", help="For people, or one JSON object a line for programs.")
]
DataFolderOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar=DATA_FOLDER_VARIABLE,
        metavar="FOLDER",
        help="Where jobs, checkpoints and models are kept.",
        show_default="~/.chainrule",
    ),
]
RuntimeOption = Annotated[
    RuntimeChoice, typer.Option("--runtime", help="Ray processes, or all of a job in this process.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the job file; may be repeated."),
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, help="The same as --set cluster.workers=N.")
]
NameOption = Annotated[str | None, typer.Option("--name", help="Name the job; the same as --set name=NAME.")]
ContinueFromOption = Annotated[
    str | None,
    typer.Option("--continue-from", metavar="JOB", help="Start from the last checkpoint of an earlier job."),
]
JobFileArgument = Annotated[
    Path, typer.Argument(metavar="JOB_FILE", help="The job: a YAML or JSON file.", show_default=False)
]
JobArgument = Annotated[
    str,
    typer.Argument(metavar="JOB", help="A job's id, or the first characters of it.", show_default=False),
]
