"""The cases of network_cases.py computed by chainrule."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
from network_cases import DROPPED, LENGTHS, MASK, PICKS
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


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    layer = nn.Linear(*weight.shape, bias=bias is not None)
    return _run(layer, x, (weight,) if bias is None else (weight, bias))


def _branches(parameters: tuple[Any, ...]) -> list[nn.Module]:
    """A Linear for each weight and bias, with these."""
    layers = []
    for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
        layer = nn.Linear(*weight.shape)
        _set(layer, (weight, bias))
        layers.append(layer)
    return layers


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


def _attention_of_memory(x: Any, memory: Any, *parameters: Any) -> Any:
    layer = nn.MultiHeadAttention(8, 2)
    _set(layer, parameters)
    return layer.attend(x, EVALUATION, memory=memory)


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
    attention_of_memory=_attention_of_memory,
    attend=nn.attention,
    activation=lambda name, x, *options: _run(getattr(nn, name)(*options), x, ()),
    pool=lambda name, x, *options: _run(getattr(nn, name)(*options), x, ()),
    linear_layer=_linear,
    time_linear=lambda x, w, b: _run(nn.TimeLinear(*w.shape), x, (w, b)),
    flatten=lambda x: nn.Flatten()(x),
    reshape_layer=lambda x, *shape: nn.Reshape(*shape)(x),
    permute=lambda x, *axes: nn.Permute(*axes)(x),
    dropout=lambda x, training: nn.Dropout(DROPPED)(x, ForwardContext(training=training)),
    sequential=lambda x, w, b, v, c: _run(
        nn.Sequential(nn.Linear(10, 6), nn.Tanh(), nn.Linear(6, 3)), x, (w, b, v, c)
    ),
    parallel=lambda combine, x, *parameters: nn.Parallel(*_branches(parameters), combine=combine)(x),
    learned_positions=lambda x, table: _run(nn.LearnedPositions(*table.shape), x, (table,)),
    sinusoidal_positions=lambda x: nn.SinusoidalPositions(7, x.shape[2])(x),
    spectrogram_layer=lambda x, *options: nn.Spectrogram(*options)(x),
    mel_layer=lambda x, *options: nn.MelSpectrogram(*options)(x),
    double=lambda x: ops.cast(x, dtype=np.dtype(np.float64)),
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
    embedding_layer=lambda w, padding: _run(nn.Embedding(8, 6, padding), Tensor(PICKS), (w,)),
    sparse_linear=lambda x, w, b: _run(nn.SparseLinear(8, 10, mask=MASK), x, (w, b)),
    residual=lambda x, *parameters: nn.Residual(*_branches(parameters))(x),
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
