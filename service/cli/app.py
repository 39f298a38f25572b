"""The commands, their arguments and their help; each imports what it needs when it runs: help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    AddressOption,
    AllowCodeOption,
    ContinueFromOption,
    DataFolderOption,
    GraphFormat,
    JobArgument,
    JobFileArgument,
    NameOption,
    OutputOption,
    PredictOutput,
    ProfileRows,
    RuntimeChoice,
    RuntimeOption,
    SetOption,
    WorkersOption,
)
from .output import Output, OutputMode

app = typer.Typer(
    help="Train neural networks on one machine or a cluster, from a file that describes the job.",
    epilog="Start with: chainrule train job.yaml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"chainrule {version('chainrule')}")
        raise typer.Exit()


@app.callback()
def chainrule(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def train(
    job_file: JobFileArgument,
    changes: SetOption = None,
    workers: WorkersOption = None,
    name: NameOption = None,
    continue_from: ContinueFromOption = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="PATH", help="Also put the trained model here.")
    ] = None,
    runtime: RuntimeOption = RuntimeChoice.RAY,
    address: AddressOption = None,
    data_dir: DataFolderOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """Train a job here, from start to end, and show its progress.

    Ctrl-C pauses the job: it saves a checkpoint and can be resumed. A second Ctrl-C stops at once.
    """
    from .submission import Submission
    from .train import train_job

    submission = Submission(job_file, tuple(changes or ()), workers, name, continue_from)
    return train_job(submission, address, data_dir, runtime.value, save, Output(output))


@app.command()
def validate(
    job_file: JobFileArgument,
    changes: SetOption = None,
    workers: WorkersOption = None,
    address: AddressOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """Check a job file, its data and its model without training."""
    from .submission import Submission
    from .validate import validate_job

    return validate_job(Submission(job_file, tuple(changes or ()), workers), address, Output(output))


@app.command()
def graph(
    job_file: JobFileArgument,
    form: Annotated[
        GraphFormat | None,
        typer.Option("--format", help="A table of the layers, or the graph.", show_default="table"),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="PATH", help="Write the graph here: .svg, .dot or .json."),
    ] = None,
    backward: Annotated[bool, typer.Option("--backward", help="Also what the gradients take.")] = False,
    operations: Annotated[
        bool, typer.Option("--operations", help="Draw each operation, not only each layer.")
    ] = False,
    batch: Annotated[int, typer.Option("--batch", min=1, metavar="N", help="Samples in the pass.")] = 1,
    changes: SetOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """Show what a job computes: its layers and their cost, or a picture of its graph."""
    from .graph import graph_job
    from .submission import Submission

    submission = Submission(job_file, tuple(changes or ()))
    return graph_job(submission, form, save, backward, operations, batch, Output(output))


@app.command()
def profile(
    job_file: JobFileArgument,
    steps: Annotated[
        int, typer.Option("--steps", min=1, max=10_000, metavar="N", help="How often the step is timed.")
    ] = 20,
    by: Annotated[
        ProfileRows, typer.Option("--by", help="A row for each layer, kernel, or single call.")
    ] = ProfileRows.LAYER,
    save_picture: Annotated[
        Path | None,
        typer.Option("--save-picture", metavar="PATH", help="Draw the step along time: .svg."),
    ] = None,
    save_trace: Annotated[
        Path | None,
        typer.Option("--save-trace", metavar="PATH", help="Write it for Perfetto or Chrome: .json."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, max=256, metavar="N", help="As many as there are, by default."),
    ] = None,
    changes: SetOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """Show where the time of a job's training step goes, beside the limits of this machine."""
    from .profile import profile_job_file
    from .submission import Submission

    submission = Submission(job_file, tuple(changes or ()))
    return profile_job_file(submission, steps, by, save_picture, save_trace, threads, Output(output))


@app.command()
def predict(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A model file, or a job that succeeded.", show_default=False),
    ],
    inputs: Annotated[
        Path,
        typer.Argument(metavar="INPUTS", help="Samples: .npy, .npz, .csv or IDX.", show_default=False),
    ],
    allow_code: AllowCodeOption = False,
    address: AddressOption = None,
    data_dir: DataFolderOption = None,
    output: Annotated[
        PredictOutput, typer.Option("--output", "-o", help="A table, CSV, or one JSON object a line.")
    ] = PredictOutput.TEXT,
) -> int:
    """Use a trained model on new samples."""
    from .predict import predict_file

    return predict_file(model, inputs, allow_code, address, data_dir, output.value)


@app.command()
def export(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A model file, or a job that succeeded.", show_default=False),
    ],
    path: Annotated[
        Path | None,
        typer.Argument(metavar="PATH", help="The file to write.", show_default="MODEL.onnx"),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="End in the classes' probabilities, not logits.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Compare with what onnxruntime computes.")] = False,
    allow_code: AllowCodeOption = False,
    address: AddressOption = None,
    data_dir: DataFolderOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """Write a trained model as an ONNX file."""
    from .export import export_model

    return export_model(model, path, probabilities, check, allow_code, address, data_dir, Output(output))


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="The interface to listen on; 0.0.0.0 for all of them.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 50051,
    runtime: RuntimeOption = RuntimeChoice.RAY,
    ray_address: Annotated[
        str | None,
        typer.Option(
            "--ray-address",
            metavar="ADDRESS",
            envvar="RAY_ADDRESS",
            help="An existing Ray cluster, or 'auto'.",
        ),
    ] = None,
    allow_code: Annotated[
        bool,
        typer.Option("--allow-code", help="Let jobs run Python code, with all rights of this account."),
    ] = False,
    url_schemes: Annotated[
        str,
        typer.Option(
            "--url-schemes",
            metavar="LIST",
            help="The kinds of URLs that jobs may read data from; '' for none.",
        ),
    ] = "https,http,s3,gs",
    data_dir: DataFolderOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """Run the service, for other programs and people.

    SIGTERM or Ctrl-C stops it cleanly: the running job saves a checkpoint and goes on with the next service.
    """
    from .serve import serve_forever

    return serve_forever(
        host, port, runtime.value, ray_address, allow_code, url_schemes, data_dir, Output(output)
    )


@app.command()
def submit(
    job_file: JobFileArgument,
    changes: SetOption = None,
    workers: WorkersOption = None,
    name: NameOption = None,
    continue_from: ContinueFromOption = None,
    request_id: Annotated[
        str | None,
        typer.Option("--request-id", help="A repeat with the same text gives the first job again."),
    ] = None,
    address: AddressOption = None,
    data_dir: DataFolderOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """Hand a job to a running service and return."""
    from .jobs import submit_job
    from .submission import Submission

    submission = Submission(job_file, tuple(changes or ()), workers, name, continue_from)
    return submit_job(submission, request_id, address, data_dir, Output(output))


@app.command()
def jobs(
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")] = 20,
    address: AddressOption = None,
    data_dir: DataFolderOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """List jobs, newest first."""
    from .jobs import list_jobs

    return list_jobs(limit, address, data_dir, Output(output))


@app.command()
def status(
    job: JobArgument,
    address: AddressOption = None,
    data_dir: DataFolderOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """Show one job."""
    from .jobs import show_job

    return show_job(job, address, data_dir, Output(output))


@app.command()
def watch(
    job: JobArgument,
    address: AddressOption = None,
    data_dir: DataFolderOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """Follow a job until it ends.

    Ctrl-C stops watching, not the job.
    """
    from .train import watch_job

    return watch_job(job, address, data_dir, Output(output))


@app.command()
def pause(
    job: JobArgument,
    address: AddressOption = None,
    data_dir: DataFolderOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """Ask a job to save a checkpoint and stop until it is resumed."""
    from .jobs import JobAction, change_job

    return change_job(JobAction.PAUSE, job, address, data_dir, Output(output))


@app.command()
def resume(
    job: JobArgument,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="PATH", help="Also put the trained model here.")
    ] = None,
    runtime: RuntimeOption = RuntimeChoice.RAY,
    address: AddressOption = None,
    data_dir: DataFolderOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """Go on with a paused job.

    Without --address, and with no service on the data folder, it is trained here as by `train`.
    """
    from .train import resume_job

    return resume_job(job, address, data_dir, runtime.value, save, Output(output))


@app.command()
def cancel(
    job: JobArgument,
    address: AddressOption = None,
    data_dir: DataFolderOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """Stop a job for good; its last checkpoint stays."""
    from .jobs import JobAction, change_job

    return change_job(JobAction.CANCEL, job, address, data_dir, Output(output))


@app.command()
def delete(
    job: JobArgument,
    address: AddressOption = None,
    data_dir: DataFolderOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """Remove a job that has ended, with checkpoints and model."""
    from .jobs import JobAction, change_job

    return change_job(JobAction.DELETE, job, address, data_dir, Output(output))


@app.command()
def download(
    job: JobArgument,
    path: Annotated[
        Path | None,
        typer.Argument(metavar="PATH", help="A file or folder.", show_default="JOB_NAME.safetensors"),
    ] = None,
    address: AddressOption = None,
    data_dir: DataFolderOption = None,
    output: OutputOption = OutputMode.TEXT,
) -> int:
    """Fetch the model of a job that succeeded."""
    from .jobs import download_model

    return download_model(job, path, address, data_dir, Output(output))
