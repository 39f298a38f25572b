"""What the tests of kernels share: threads given back after a test, and NumPy alone for comparison."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chainrule.core import native

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore_glob = ["test_*.py"] if os.environ.get("CHAINRULE_NATIVE") == "0" else []
"""Without kernels, on request, there is nothing to test."""


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    if native.library is None:
        pytest.fail(
            f"these tests need core/native/kernels_{native.variant()}.so: compile it by `make test` or "
            "`python core/native/compile.py`, or leave these tests out by CHAINRULE_NATIVE=0"
        )
    threads = native.library.thread_count()
    yield
    native.use_threads(threads)


@pytest.fixture
def by_numpy(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], Any]:
    """Runs a function as on a machine without kernels."""

    def run(function: Callable[[], Any]) -> Any:
        with monkeypatch.context() as without:
            without.setattr(native, "library", None)
            return function()

    return run
