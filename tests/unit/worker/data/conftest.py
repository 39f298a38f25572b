"""Each test of a source has a cache of its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(folder))
    monkeypatch.delenv("CHAINRULE_CACHE_GB", raising=False)
    return folder
