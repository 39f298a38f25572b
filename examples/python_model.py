"""A model in Python: a highway network, whose gates decide how much of a layer each value takes.

After Srivastava, Greff and Schmidhuber, "Highway Networks" (2015), equation 3.
"""

from __future__ import annotations

from chainrule.core import Tensor, nn, ops


class Highway(nn.Module):
    """y = gate(x) * relu(linear(x)) + (1 - gate(x)) * x. x: (n, units) -> (n, units)."""

    kind = "highway"

    def __init__(self, units: int) -> None:
        self.units = units
        self.transform = nn.Linear(units, units)
        self.gate = nn.Linear(units, units)

    def forward(self, x: Tensor, context: nn.ForwardContext) -> Tensor:
        gate = ops.sigmoid(self.gate(x, context))
        return gate * ops.relu(self.transform(x, context)) + (1 - gate) * x

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.gate.output_shape(input_shape)


def build(feature_shape: tuple[int, ...], classes: int | None) -> nn.Module:
    """The model for samples of `feature_shape`, with an output for each of the classes."""
    (features,) = feature_shape
    return nn.Sequential(
        nn.Linear(features, 64),
        nn.ReLU(),
        *(Highway(64) for _ in range(3)),
        nn.Linear(64, classes or 1),
    )
