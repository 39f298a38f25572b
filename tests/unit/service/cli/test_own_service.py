"""Where a command's own service runs its jobs."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from chainrule.service.cli import connection


class Asked(Exception):
    """Ends the command once it has said what service it wants."""


@pytest.mark.parametrize("address", [None, "192.0.2.7:6379", "auto"])
def test_jobs_run_on_the_ray_cluster_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str | None
) -> None:
    asked: list[Any] = []

    def service(config: Any) -> Any:
        asked.append(config)
        raise Asked

    monkeypatch.setattr(connection, "EmbeddedService", service)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if address is not None:
        monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(Asked), connection.connect_own(tmp_path, "ray", lambda doing: nullcontext()):
        pass
    assert asked[0].ray_address == address
