"""The flat buffer: alignment, views, shards, binding."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.core import nn
from chainrule.core.errors import ShapeError
from chainrule.core.flat import FlatLayout, bind

SHAPES = st.dictionaries(
    st.text("abc", min_size=1, max_size=4), st.lists(st.integers(0, 7), max_size=3).map(tuple), max_size=6
)


@given(SHAPES)
def test_views_lie_apart_on_boundaries_of_16_and_share_the_buffers_memory(shapes: dict) -> None:
    layout = FlatLayout.of(shapes)
    assert layout.size % 16 == 0
    assert all(offset % 16 == 0 for offset in layout.offsets)
    flat = np.zeros(layout.size, np.float32)
    views = layout.views(flat)
    assert list(views) == list(shapes)
    for index, (name, view) in enumerate(views.items()):
        assert view.shape == shapes[name]
        assert not view.any()
        view[...] = index + 1
    assert np.count_nonzero(flat) == sum(view.size for view in views.values())


@given(SHAPES, st.integers(1, 40))
def test_shards_cover_the_buffer_in_order_aligned_and_balanced(shapes: dict, count: int) -> None:
    size = FlatLayout.of(shapes).size
    shards = FlatLayout.of(shapes).shards(count)
    assert len(shards) == count
    assert shards[0].start == 0
    assert shards[-1].stop == size
    assert all(left.stop == right.start for left, right in pairwise(shards))
    assert all(shard.start % 16 == 0 for shard in shards)
    lengths = [shard.stop - shard.start for shard in shards]
    assert max(lengths) - min(lengths) <= 16


def test_a_buffer_of_another_size_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"flat buffer: expected shape \(32,\), got \(31,\)"):
        FlatLayout.of({"a": (4, 4), "b": (3,)}).views(np.zeros(31))


def test_binding_makes_the_buffer_the_models_memory() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2, bias=False))
    flat = np.arange(48, dtype=np.float32)
    layout = bind(model, flat)
    assert layout.names == ("layers.0.weight", "layers.0.bias", "layers.2.weight")
    parameters = model.parameters()
    np.testing.assert_array_equal(parameters["layers.0.weight"].data, [[0, 1], [2, 3], [4, 5]])
    flat[16] = -1
    assert parameters["layers.0.bias"].data[0] == -1
