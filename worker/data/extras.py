"""Packages that only some sources need: asked for by name, missed with the line that installs them."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import DataError


def needed(module: str, field: str, what: str) -> Any:
    """An optional package's module; DataError with the pip line where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = {"PIL": "pillow"}.get(module.split(".")[0], module.split(".")[0])
        raise DataError(
            field, f"{what} needs the package {package} ({error}): pip install 'chainrule[data]' installs it"
        ) from None
