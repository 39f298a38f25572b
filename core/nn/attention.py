"""Attention: each element of a sequence takes what it needs from the others; and the transformer's block."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import ClassVar

from .. import ops
from ..array import Array, array_module, limits
from ..errors import ShapeError
from ..init import he_uniform, zeros
from ..tensor import Tensor
from .activation import GELU, Activation
from .context import ForwardContext
from .dropout import Dropout
from .module import Module
from .normalization import LayerNorm
from .sizes import require_lengths, require_positive


class TimeLinear(Module):
    """x @ weight + bias for each element of each sequence: (n, time, inputs) -> (n, time, units)."""

    kind: ClassVar[str] = "time_linear"

    def __init__(self, inputs: int, units: int) -> None:
        require_positive(self.kind, inputs=inputs, units=units)
        self.inputs = inputs
        self.units = units
        self.weight = Tensor(he_uniform((inputs, units)), requires_grad=True)
        self.bias = Tensor(zeros((units,)), requires_grad=True)

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        self.output_shape(x.shape[1:])
        rows = ops.reshape(x, (x.shape[0] * x.shape[1], x.shape[2]))
        return ops.reshape(ops.linear(rows, self.weight, self.bias), (*x.shape[:2], self.units))

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != 2 or input_shape[1] != self.inputs:
            raise self.refused(f"of shape (time, {self.inputs})", input_shape)
        return (input_shape[0], self.units)


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Array | None = None,
    drop: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """softmax(query key^T / sqrt(units)) value. Vaswani et al., NeurIPS 2017, equation 1.

    query: (..., to, units), key: (..., from, units), value: (..., from, others) -> (..., to, others).
    mask: booleans that broadcast to (..., to, from), false where nothing is to be taken; an element that may
    take from none takes zeros. drop: what becomes of the weights (..., to, from) before they are used.
    """
    if key.ndim < 2 or key.shape[-1] != query.shape[-1]:
        raise ShapeError("attention, argument key", f"(..., from, {query.shape[-1]})", f"{key.shape}")
    if value.shape[-2:-1] != key.shape[-2:-1]:
        raise ShapeError("attention, argument value", f"(..., {key.shape[-2]}, others)", f"{value.shape}")
    order = (*range(key.ndim - 2), key.ndim - 1, key.ndim - 2)
    scores = ops.matmul(query * (1 / sqrt(query.shape[-1])), ops.transpose(key, axes=order))
    if mask is None:
        weights = ops.softmax(scores)
    else:
        weights = ops.softmax(ops.where(mask, scores, float(limits(scores.dtype).min)))
        weights = ops.where(mask, weights, 0)
    return ops.matmul(weights if drop is None else drop(weights), value)


class MultiHeadAttention(Module):
    """Attention of a sequence to itself, or to `memory`, in `heads` parts of its units side by side.

    (n, time, units) -> same shape. causal: an element takes from itself and those before it only.
    dropout: of the weights with which elements take from others.
    """

    kind: ClassVar[str] = "multi_head_attention"

    def __init__(self, units: int, heads: int, causal: bool = False, dropout: float = 0.0) -> None:
        require_positive(self.kind, units=units, heads=heads)
        if units % heads:
            raise ShapeError(self.kind, f"heads that divide {units} units", f"{heads}")
        self.units = units
        self.heads = heads
        self.causal = causal
        self.query = TimeLinear(units, units)
        self.key = TimeLinear(units, units)
        self.value = TimeLinear(units, units)
        self.output = TimeLinear(units, units)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return self.attend(x, context)

    def attend(
        self, x: Tensor, context: ForwardContext, memory: Tensor | None = None, lengths: Array | None = None
    ) -> Tensor:
        """What x (n, time, units) takes from memory (n, from, units), or from itself.

        lengths: (n,) elements of each sample's memory; the rest is padding, from which nothing is taken.
        """
        self.output_shape(x.shape[1:])
        source = x if memory is None else memory
        if source.shape[0] != x.shape[0] or source.shape[2:] != (self.units,):
            expected = f"shape ({x.shape[0]}, time, {self.units})"
            raise ShapeError(f"{self.kind}, argument memory", expected, f"shape {source.shape}")
        query = self._by_head(self.query.forward(x, context))
        key = self._by_head(self.key.forward(source, context))
        value = self._by_head(self.value.forward(source, context))
        present = context.present_in(x) if memory is None else None
        mask = self._mask(x, source, lengths, present)
        taken = attention(query, key, value, mask, lambda weights: self.dropout.forward(weights, context))
        return self.output.forward(ops.reshape(ops.transpose(taken, axes=(0, 2, 1, 3)), x.shape), context)

    def _by_head(self, x: Tensor) -> Tensor:
        """(n, time, units) -> (n, heads, time, units / heads)."""
        parts = ops.reshape(x, (*x.shape[:2], self.heads, self.units // self.heads))
        return ops.transpose(parts, axes=(0, 2, 1, 3))

    def _mask(self, x: Tensor, source: Tensor, lengths: Array | None, present: Array | None) -> Array | None:
        """What may be taken, so that it broadcasts to (n, heads, to, from)."""
        xp = array_module(x.data)
        elements = xp.arange(source.shape[1])
        mask = elements <= xp.arange(x.shape[1])[:, None] if self.causal else None
        if lengths is not None:
            checked = require_lengths(self.kind, lengths, x.shape[0], source.shape[1])
            present = elements < xp.asarray(checked)[:, None]
        if present is None:
            return mask
        there = present[:, None, None, :]
        return there if mask is None else there & mask

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != 2 or input_shape[1] != self.units:
            raise self.refused(f"of shape (time, {self.units})", input_shape)
        return input_shape


class TransformerBlock(Module):
    """Attention, then two linear layers for each element, both residual. (n, time, units) -> same shape.

    norm_first: normalize what goes into the two parts (Xiong et al., ICML 2020), not what comes out of the
    sums (Vaswani et al., 2017). dropout: of the attention's weights, and of what each part adds.
    """

    kind: ClassVar[str] = "transformer_block"

    def __init__(
        self,
        units: int,
        heads: int,
        hidden: int,
        causal: bool = False,
        dropout: float = 0.0,
        norm_first: bool = True,
        activation: Activation | None = None,
    ) -> None:
        self.attention = MultiHeadAttention(units, heads, causal, dropout)
        require_positive(self.kind, hidden=hidden)
        self.first_norm = LayerNorm(units)
        self.widen = TimeLinear(units, hidden)
        self.activation = GELU() if activation is None else activation
        self.narrow = TimeLinear(hidden, units)
        self.second_norm = LayerNorm(units)
        self.first_dropout = Dropout(dropout)
        self.second_dropout = Dropout(dropout)
        self.first_dropout.index, self.second_dropout.index = 1, 2
        self.norm_first = norm_first

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return self.attend(x, context)

    def attend(self, x: Tensor, context: ForwardContext, lengths: Array | None = None) -> Tensor:
        """The block's output; lengths: (n,) elements of each sample, the rest being padding."""
        self.output_shape(x.shape[1:])
        before, after = (self.first_norm, self.second_norm) if self.norm_first else (None, None)
        taken = self.attention.attend(_normed(before, x, context), context, lengths=lengths)
        x = x + self.first_dropout.forward(taken, context)
        if not self.norm_first:
            x = self.first_norm.forward(x, context)
        wide = self.activation.forward(self.widen.forward(_normed(after, x, context), context), context)
        x = x + self.second_dropout.forward(self.narrow.forward(wide, context), context)
        return x if self.norm_first else self.second_norm.forward(x, context)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        try:
            return self.attention.output_shape(input_shape)
        except ShapeError as error:
            raise error.inside("attention") from None


def _normed(norm: LayerNorm | None, x: Tensor, context: ForwardContext) -> Tensor:
    return x if norm is None else norm.forward(x, context)
