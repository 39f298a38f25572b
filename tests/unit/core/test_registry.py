"""Every public operation, layer and loss has a case, and its derivatives are those of finite differences."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cases import ALL, LAYER_CASES, LOSSES, OPS

from chainrule.core import losses, nn, ops

WITHOUT_DERIVATIVE = {
    "argmax", "argmin", "hann", "mel_filters", "equal", "greater", "greater_equal", "less", "less_equal",
    "not_equal",
}  # fmt: skip
LAYERS = {
    name
    for name in nn.__all__
    if isinstance(public := getattr(nn, name), type) and issubclass(public, nn.Module)
} - {"Activation", "Module", "Embedding"}
"""Without what others are made of, and what takes integers, whose table test_layers looks after."""
NO_LOSSES = {"LOSSES", "Mining", "Reduction", "limit_norms"}


@pytest.mark.parametrize(
    ("public", "cases"),
    [
        (set(ops.__all__) - WITHOUT_DERIVATIVE, OPS),
        (LAYERS, LAYER_CASES),
        (set(losses.__all__) - NO_LOSSES, LOSSES),
    ],
    ids=["operations", "layers", "losses"],
)
def test_all_that_is_public_has_a_case(public: set[str], cases: dict[str, object]) -> None:
    assert public <= {word.strip(",") for name in cases for word in name.split()}


@pytest.mark.parametrize("name", ALL)
def test_first_and_second_derivatives_agree_with_finite_differences(
    name: str, check_derivatives: Callable[..., object]
) -> None:
    function, arrays = ALL[name]
    check_derivatives(function, *arrays)
