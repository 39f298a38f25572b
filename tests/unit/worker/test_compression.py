"""Every compression that a job file can name is there, with its settings."""

from __future__ import annotations

import pytest

from chainrule.core.flat import FlatLayout
from chainrule.worker.compression import compression_of
from chainrule.worker.spec import SpecError, parse_spec
from chainrule.worker.spec.compression import COMPRESSIONS

LAYOUT = FlatLayout.of({"weight": (100, 64), "bias": (64,)})


def job(compression):
    return parse_spec(
        {
            "dataset": {"source": "digits"},
            "model": [{"linear": {"units": 10}}],
            "loss": "softmax_cross_entropy",
            "optimizer": "sgd",
            "training": {"compression": compression},
        }
    )


@pytest.mark.parametrize("kind", [kind for kind in COMPRESSIONS if kind != "none"])
def test_every_kind_makes_gradients_smaller(kind):
    method = compression_of(job(kind), LAYOUT)
    assert method is not None and 0 < method.ratio < 1


def test_none_compresses_nothing():
    assert compression_of(job("none"), LAYOUT) is None


@pytest.mark.parametrize(
    ("compression", "payload_bytes"),
    [
        ({"top_k": {"fraction": 0.1}}, 8 * 646),
        ({"random_k": {"fraction": 0.5}}, 4 * 3232),
        ({"power_sgd": {"rank": 3}}, 4 * (3 * 164 + 64)),
        # Of full rank two factors are larger than the matrix, which then travels as it is.
        ({"power_sgd": {"rank": 64}}, 4 * 6464),
    ],
)
def test_settings_decide_the_size(compression, payload_bytes):
    method = compression_of(job(compression), LAYOUT)
    assert method is not None and method.payload_bytes == payload_bytes


@pytest.mark.parametrize(
    ("compression", "message"),
    [
        ({"top_k": {"fraction": 0}}, "top_k.fraction: expected a number above 0, up to 1, got 0"),
        ("topk", "unknown compression 'topk'"),
        ({"power_sgd": {"rank": 0}}, "compression.power_sgd.rank: expected a whole number, 1 or more, got 0"),
    ],
)
def test_what_makes_no_sense_is_refused(compression, message):
    with pytest.raises(SpecError, match=message):
        job(compression)
