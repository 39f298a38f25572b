"""Broadcasting, undone by the engine for every operation alike."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from chainrule.core import Tensor, ops


@settings(max_examples=40, deadline=None)
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), data=st.data())
def test_broadcasting_is_undone_for_any_pair_of_shapes(shapes, data) -> None:
    left, right = (Tensor(np.ones(shape), requires_grad=True) for shape in shapes.input_shapes)
    operation = data.draw(st.sampled_from([ops.add, ops.subtract, ops.multiply, ops.divide, ops.maximum]))
    output = operation(left, right)
    assert output.shape == shapes.result_shape
    output.sum().backward()
    for tensor in (left, right):
        assert tensor.grad is not None
        assert tensor.grad.shape == tensor.shape
        repeats = output.size // tensor.size
        share = {ops.maximum: 0.5}.get(operation, 1.0)
        sign = -1 if tensor is right and operation in (ops.subtract, ops.divide) else 1
        np.testing.assert_array_equal(tensor.grad.data, np.full(tensor.shape, sign * share * repeats))
