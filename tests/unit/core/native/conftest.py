"""What the tests of kernels share: threads given back after a test, and NumPy alone for comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chainrule.core import native

threads = native.library.thread_count() if native.library else 1


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    if native.library is None:
        pytest.skip("no kernels are compiled for this processor")
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
