"""What a job brings along: weights to start from, and a model that is written in Python."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .section import LONGEST_PATH, Section


class PythonModelSpec(Section):
    """A model that a Python file makes: `factory(feature_shape, classes)` there gives a `core.nn.Module`."""

    python: str = Field(min_length=1, max_length=LONGEST_PATH, description="the path of a Python file")
    factory: str = Field(
        default="build", pattern=r"^[A-Za-z_]\w{0,62}$", description="the name of a function in the file"
    )
    sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="the SHA-256 of the file, in 64 digits 0 to f"
    )


class InitialWeightsSpec(Section):
    """Weights to start from. names: what the file calls otherwise, {ours: theirs}; see `worker.weights`."""

    path: str = Field(min_length=1, max_length=LONGEST_PATH, description="the path of a file")
    layout: Literal["chainrule", "pytorch"] = Field(
        default="chainrule", description="one of chainrule, pytorch"
    )
    names: dict[str, str] = Field(
        default={}, max_length=100_000, description="names, as in {layers.0: encoder.0}"
    )
