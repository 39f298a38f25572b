"""Which jobs may run Python code, as models do that are Python files: none, unless the operator says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...worker.python_model import source_digest
from ...worker.spec import PythonModelSpec, SpecError, Violation
from .errors import Reason, ServiceFault

MODEL_FIELD = "model.python"
_ADVICE = (
    "whoever runs it can allow that with `chainrule serve --allow-code`, `chainrule train` runs the file on "
    "your own machine, and a model that is written as layers runs anywhere"
)


class CodeGate:
    """What a service may run beside its own code; specs are given in their canonical form.

    allow_all: every file that a job names. Otherwise only what was let in by `allow`. Threads may share it.
    """

    def __init__(self, allow_all: bool = False) -> None:
        self._allow_all = allow_all
        self._allowed: set[tuple[PythonModelSpec, str]] = set()

    def allow(self, spec: Mapping[str, Any]) -> None:
        """Let this file run, as it is now, by this factory, and nothing else. Raises SpecError."""
        model = python_model(spec)
        if model is not None:
            self._allowed.add((model, source_digest(model)))

    def refusal(self, spec: Mapping[str, Any]) -> str | None:
        """Why the job may not run here; None where it may."""
        model = python_model(spec)
        if model is None or self._allow_all:
            return None
        refused = f"this service does not run the Python code that makes the model, {model.python}"
        if not any(model == allowed for allowed, _ in self._allowed):
            return f"{refused}: {_ADVICE}"
        try:
            digest = source_digest(model)
        except SpecError as error:
            return str(error)
        if (model, digest) in self._allowed:
            return None
        return f"{refused}: it has changed since this command began (its SHA-256 differs)"

    def check(self, spec: Mapping[str, Any], job_id: str | None = None) -> None:
        """Raises ServiceFault (CODE_NOT_ALLOWED) for a job that may not run here."""
        refusal = self.refusal(spec)
        if refusal is not None:
            what = MODEL_FIELD if job_id is None else f"job '{job_id}' cannot go on here"
            violations = [Violation(MODEL_FIELD, refusal)]
            message = f"{what}: {refusal}"
            raise ServiceFault(Reason.CODE_NOT_ALLOWED, message, resource=job_id, violations=violations)


def python_model(spec: Mapping[str, Any]) -> PythonModelSpec | None:
    """The Python file that makes a job's model, whatever is in it; None for a model of layers."""
    model = spec.get("model")
    return PythonModelSpec(**{**model, "sha256": None}) if isinstance(model, Mapping) else None
