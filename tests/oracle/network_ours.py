"""The cases of network_cases.py computed by chainrule."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
from network_cases import LENGTHS, MASK, PICKS
from oracle_cases import Case, output_weights

from chainrule.core import Tensor, grad, nn, ops
from chainrule.core.nn import EVALUATION, ForwardContext


def _pad_last(x: Any, before: int, after: int, mode: str) -> Any:
    return ops.pad(x, [(0, 0), (0, 0), (before, after)], mode=mode)


def _set(layer: nn.Module, parameters: tuple[Any, ...], names: Iterable[str] | None = None) -> None:
    for name, parameter in zip(names or layer.parameters(), parameters, strict=True):
        *path, last = name.split(".")
        owner: Any = layer
        for step in path:
            owner = owner[int(step)] if step.isdigit() else getattr(owner, step)
        setattr(owner, last, parameter)


def _run(layer: nn.Module, x: Any, parameters: tuple[Any, ...], training: bool = True) -> Any:
    """The layer's output with these tensors for parameters, in the layer's own order."""
    _set(layer, parameters)
    return layer(x, ForwardContext(training=training))


def _evaluated(x: Any, weight: Any, bias: Any) -> Any:
    layer = nn.BatchNorm(x.shape[1])
    for part in ops.split(x.detach(), 2):
        _run(layer, part, (weight, bias))
    return _run(layer, x, (weight, bias), training=False)


def _recurrent(kind: str, x: Any, *parameters: Any) -> Any:
    units = parameters[1].shape[0]
    layer = nn.RNN(3, units, activation="relu") if kind == "relu" else getattr(nn, kind)(3, units)
    return _run(layer, x, parameters)


def _recurrent_deep(kind: str, x: Any, *parameters: Any) -> Any:
    layer = getattr(nn, kind)(3, 4, layers=2, bidirectional=True)
    _set(layer, parameters)
    y, state = layer.run(x, lengths=LENGTHS)
    return ops.concatenate([ops.reshape(part, (-1,)) for part in [y, *sum(state, ())]])


def _recurrent_state(kind: str, x: Any, *parameters: Any) -> Any:
    """A sequence in two parts, the second starting from the detached state of the first."""
    layer = getattr(nn, kind)(3, 4)
    _set(layer, parameters)
    first, state = layer.run(x[:, :2])
    second, _ = layer.run(x[:, 2:], nn.detached(state))
    return ops.concatenate([first, second], axis=1)


def _attention(causal: bool, x: Any, *parameters: Any) -> Any:
    layer = nn.MultiHeadAttention(8, 2, causal)
    _set(layer, parameters)
    return layer.attend(x, EVALUATION, lengths=LENGTHS[:2])


def _transformer(norm_first: bool, x: Any, *parameters: Any) -> Any:
    layer = nn.TransformerBlock(8, 2, 12, norm_first=norm_first)
    names = list(layer.parameters())
    order = [*names[:8], "first_norm.weight", "first_norm.bias", "widen.weight", "widen.bias"]
    order += ["narrow.weight", "narrow.bias", "second_norm.weight", "second_norm.bias"]
    _set(layer, parameters, order)
    return layer.attend(x, EVALUATION, lengths=LENGTHS[:2])


FUNCTIONS = SimpleNamespace(
    recurrent=_recurrent,
    recurrent_deep=_recurrent_deep,
    recurrent_state=_recurrent_state,
    attention=_attention,
    transformer=_transformer,
    conv_layer=lambda x, w, b: _run(nn.Conv2d(4, 6, (3, 2), 2, 1, groups=2), x, (w, b)),
    conv_layer_1d=lambda x, w, b: _run(nn.Conv1d(3, 4, 3), x, (w, b)),
    conv_transpose_layer=lambda x, w, b: _run(
        nn.ConvTranspose2d(4, 6, 3, 2, 1, groups=2, output_padding=1), x, (w, b)
    ),
    layer_norm=lambda x, w, b: _run(nn.LayerNorm(w.shape), x, (w, b)),
    rms_norm=lambda x, w: _run(nn.RMSNorm(w.shape[0]), x, (w,)),
    group_norm=lambda x, w, b: _run(nn.GroupNorm(3, w.shape[0]), x, (w, b)),
    batch_norm=lambda x, w, b: _run(nn.BatchNorm(w.shape[0]), x, (w, b)),
    batch_norm_evaluated=_evaluated,
    embedding_layer=lambda w: _run(nn.Embedding(8, 6), Tensor(PICKS), (w,)),
    sparse_linear=lambda x, w, b: _run(nn.SparseLinear(8, 10, mask=MASK), x, (w, b)),
    residual=lambda x, w, b: _run(nn.Residual(nn.Linear(10, 10)), x, (w, b)),
    **{name: getattr(ops, name) for name in ops.__all__},
    pad_last=_pad_last,
    scatter_rows=lambda x, rows, count: ops.scatter_add(x, (rows,), (count, *x.shape[1:])),
    gelu_by_tanh=lambda x: ops.gelu(x, approximate=True),
)


def run_case(case: Case, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """The value of a case and its gradients."""
    tensors = [Tensor(array, requires_grad=True) for array in inputs]
    output = case.formula(FUNCTIONS, *tensors)
    gradients = grad(output, tensors, seed=Tensor(output_weights(output.shape)))
    return [output.data, *(gradient.data for gradient in gradients)]


def agree(actual: list[np.ndarray], expected: list[np.ndarray]) -> None:
    """Values and gradients to 1e-5 relative, or of the largest of the array where sums cancel to little."""
    assert len(actual) == len(expected)
    for ours, theirs in zip(actual, expected, strict=True):
        assert ours.dtype == theirs.dtype == np.float32
        scale = max(1, np.abs(theirs).max(initial=0))
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6 * scale)
