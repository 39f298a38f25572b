"""The yardstick for derivatives: `gradcheck`, which users have too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chainrule.core.gradcheck import gradcheck


@pytest.fixture
def check_derivatives() -> Callable[..., object]:
    return gradcheck
