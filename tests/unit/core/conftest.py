"""The yardstick that the tests share: `gradcheck`, which users have too; and their tables of cases."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chainrule.core.gradcheck import gradcheck

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def check_derivatives() -> Callable[..., object]:
    return gradcheck
