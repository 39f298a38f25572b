"""A model that a Python file of the user's makes: `model: {python: model.py, factory: build}`."""

from __future__ import annotations

import hashlib
import sys
import traceback
from numbers import Integral
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..core import Tensor, nn, no_grad
from ..core.errors import ChainruleError
from .features import takes_integers
from .spec import JobSpec, PythonModelSpec, SpecError, Violation

_LARGEST_FILE = 1_000_000


def build_python_model(
    spec: PythonModelSpec, feature_shape: tuple[int, ...], classes: int | None
) -> nn.Module:
    """Run the file, and its factory with (feature_shape, classes). SpecError says what went wrong in it.

    That is code of whoever wrote the job: the caller has made sure that it may run here.
    """
    source = read_source(spec)
    if spec.sha256 is not None and spec.sha256 != _digest(source):
        message = f"{spec.python} is not the file that the job was made with (another SHA-256): put it back"
        raise SpecError([Violation("model.python", message)])
    module = ModuleType(f"chainrule_model_{_digest(source)[:16]}")
    module.__file__ = spec.python
    # As an import does: dataclasses, type hints and pickle look there for what the file defines.
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, spec.python, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        raise _failed("model.python", f"{spec.python} failed", error, spec.python) from error
    factory = getattr(module, spec.factory, None)
    if not callable(factory):
        functions = ", ".join(name for name, value in vars(module).items() if _is_own_function(value, module))
        message = f"{spec.python} has no function '{spec.factory}'; its functions: {functions or 'none'}"
        raise SpecError([Violation("model.factory", message)])
    call = f"{spec.factory}(feature_shape={feature_shape}, classes={classes})"
    try:
        model: Any = factory(feature_shape, classes)
    except (Exception, SystemExit) as error:
        raise _failed("model.factory", f"{call} failed", error, spec.python) from error
    if not isinstance(model, nn.Module):
        message = f"{call} gave {type(model).__name__}, expected a chainrule.core.nn.Module"
        raise SpecError([Violation("model.factory", message)])
    try:
        shape = model.output_shape(feature_shape)
    except NotImplementedError:
        message = f"{type(model).__name__} defines no output_shape(input_shape), which says what comes out"
        raise SpecError([Violation("model.factory", message)]) from None
    except (Exception, SystemExit) as error:
        raise _failed(
            "model.factory", f"{type(model).__name__}.output_shape failed", error, spec.python
        ) from error
    if not _are_sizes(shape):
        message = f"{type(model).__name__}.output_shape gave {shape!r}, expected a tuple of sizes"
        raise SpecError([Violation("model.factory", message)])
    return model


def try_forward(spec: PythonModelSpec, model: nn.Module, feature_shape: tuple[int, ...]) -> None:
    """Run the model on two samples of zeros, so that what fails, fails before the job. Raises SpecError."""
    x = np.zeros((2, *feature_shape), np.int64 if takes_integers(model) else np.float32)
    name = type(model).__name__
    try:
        with no_grad(), np.errstate(all="ignore"):
            output: Any = model(Tensor(x))
    except (Exception, SystemExit) as error:
        raise _failed("model.factory", f"{name}.forward failed", error, spec.python) from error
    expected = (2, *model.output_shape(feature_shape))
    actual = output.shape if isinstance(output, Tensor) else type(output).__name__
    if actual != expected:
        message = f"{name}.forward gave {actual} for two samples, its output_shape says {expected}"
        raise SpecError([Violation("model.factory", message)])


def read_source(spec: PythonModelSpec) -> bytes:
    """The text of the file. SpecError where it cannot be read."""
    path = Path(spec.python)
    try:
        if not path.is_file():
            raise SpecError([Violation("model.python", f"no Python file at {path}")])
        source = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpecError([Violation("model.python", f"cannot read {path}: {reason}")]) from None
    if len(source) > _LARGEST_FILE:
        message = f"{path} has {len(source):,} bytes, expected at most {_LARGEST_FILE:,}"
        raise SpecError([Violation("model.python", message)])
    return source


def source_digest(spec: PythonModelSpec) -> str:
    """SHA-256 of the file. SpecError where it cannot be read."""
    return _digest(read_source(spec))


def pinned(spec: JobSpec) -> JobSpec:
    """The job with the digest of its Python file, if it has one, so that no other is run for it later."""
    if not isinstance(spec.model, PythonModelSpec) or spec.model.sha256 is not None:
        return spec
    model = spec.model.model_copy(update={"sha256": source_digest(spec.model)})
    return spec.model_copy(update={"model": model})


def _digest(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()


def _are_sizes(shape: Any) -> bool:
    whole = isinstance(shape, tuple) and all(isinstance(size, Integral) for size in shape)
    return whole and len(shape) > 0 and min(shape) > 0


def _is_own_function(value: Any, module: ModuleType) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module.__name__


def _failed(field: str, what: str, error: BaseException, path: str) -> SpecError:
    if isinstance(error, ChainruleError):
        return SpecError([Violation(field, f"{what}: {error}")])
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    lines += [error.lineno] if isinstance(error, SyntaxError) and not lines else []
    where = f" at line {lines[-1]}" if lines else ""
    return SpecError([Violation(field, f"{what}{where}: {type(error).__name__}: {error}")])
