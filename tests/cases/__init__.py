"""The registry: a case or more of every public operation, layer and loss, for tests that go through all.

Each is a function of tensors and the float64 arrays to try it on; its name begins with that of what it is of.
"""

from __future__ import annotations

from . import arrays, basic, losses, spatial
from .layers import LAYERS, SEQUENCE_LAYERS, SEQUENCES, values_of
from .samples import Cases, numbers
from .substitution import parameters_of, runner

OPS: Cases = {**basic.CASES, **arrays.CASES, **spatial.CASES}
LOSSES: Cases = {
    **{name: (loss, inputs) for name, (loss, inputs, _) in losses.CASES.items()},
    **losses.PENALTIES,
}
LAYER_CASES: Cases = {
    name: (runner(layer), [numbers(*shape), *parameters_of(layer)]) for name, (layer, shape) in LAYERS.items()
} | {
    name: (runner(layer), [numbers(*SEQUENCES), *values_of(layer)]) for name, layer in SEQUENCE_LAYERS.items()
}
ALL: Cases = {
    f"{kind} {name}": case
    for kind, cases in (("op", OPS), ("layer", LAYER_CASES), ("loss", LOSSES))
    for name, case in cases.items()
}
