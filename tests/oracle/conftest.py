"""Makes the oracle's own modules importable for its tests, and gathers what they compare in a table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from agreement import agree
from coverage_table import PYTORCH, CoverageTable, Kind

_table = CoverageTable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--coverage-table", type=Path, help="where to write what was compared, in Markdown")


@pytest.fixture(scope="session")
def coverage() -> CoverageTable:
    """What this run has compared."""
    return _table


@pytest.fixture
def compared(coverage: CoverageTable) -> Callable[..., None]:
    """Asserts that (ours, theirs) of a name agree, and enters it in the table."""

    def enter(
        kind: Kind,
        name: str | None,
        ours: Sequence[np.ndarray],
        theirs: Sequence[np.ndarray],
        against: str = PYTORCH,
    ) -> None:
        error = agree(ours, theirs)
        if name is not None:
            coverage.add(kind, name, error, against)

    return enter


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the table, if that was asked for and all went well; fail if something public is not in it."""
    path: Path | None = session.config.getoption("coverage_table", None)
    if path is None or exitstatus:
        return
    missing = _table.missing()
    if missing:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print("\nCompared with nothing:", *missing, sep="\n  ")
        return
    path.write_text(_table.markdown(version("torch").split("+")[0]))
