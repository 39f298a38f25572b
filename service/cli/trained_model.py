"""The trained model that a command names: a file, or a job that succeeded, here or at a service."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...worker.model import SavedModel, load_model
from .connection import connect
from .errors import UsageProblem


def load_named_model(model: str, allow_code: bool, address: str | None, data_dir: Path | None) -> SavedModel:
    """The model in the file `model`, or else that of the job `model`.

    allow_code: whether the Python file that made it, if one did, may be run for it, here.
    """
    path = Path(model).expanduser()
    if path.exists():
        return load_model(path, allow_code)
    if path.suffix == ".safetensors" or len(path.parts) > 1:
        raise UsageProblem(f"there is no model file {path}.")
    with connect(address, data_dir) as connection:
        job = connection.find(model)
        if job.model is None:
            raise UsageProblem(f"job '{job.id}' is {job.state.value.lower()} and has no model yet.")
        local = connection.model_path(job)
        if local is not None:
            return load_model(local, allow_code)
        with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
            return load_model(connection.client.download_model(job, Path(folder)), allow_code)
