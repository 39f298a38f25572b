"""The cases of network_cases.py computed by PyTorch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from network_cases import DROPPED, LENGTHS, MASK, PICKS
from oracle_cases import Case, output_weights
from paper_formulas import mel_filters, positional_encoding
from torch.nn import functional  # pyright: ignore[reportMissingImports]
from torch.nn.utils.rnn import (  # pyright: ignore[reportMissingImports]
    pack_padded_sequence,
    pad_packed_sequence,
)

from chainrule.core.random import DROPOUT, substream, uniform


def _pad_last(x: Any, before: int, after: int, mode: str) -> Any:
    return functional.pad(x, (before, after), {"reflect": "reflect", "edge": "replicate"}[mode])


def _by_axes(name: str) -> Any:
    """A function of PyTorch that has another name for each number of spatial axes."""
    return lambda x, *arguments: getattr(functional, f"{name}{x.ndim - 2}d")(x, *arguments)


def _conv(x: Any, weight: Any, *options: Any) -> Any:
    return _by_axes("conv")(x, weight, None, *options)


def _conv_transpose(
    x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int, extra: Any
) -> Any:
    return _by_axes("conv_transpose")(x, weight, None, stride, padding, extra, groups, dilation)


def _average_pool(x: Any, kernel: int, stride: int, padding: int, count_padding: bool) -> Any:
    return _by_axes("avg_pool")(x, kernel, stride, padding, False, count_padding)


_OTHER_NAMES = {"HardSigmoid": "Hardsigmoid", "HardSwish": "Hardswish"}
_POOLS = {
    "MaxPool": torch.nn.MaxPool2d,
    "AvgPool": torch.nn.AvgPool2d,
    "AdaptiveAvgPool": torch.nn.AdaptiveAvgPool2d,
    "AdaptiveMaxPool": torch.nn.AdaptiveMaxPool2d,
    "GlobalAvgPool": lambda: lambda x: x.mean(dim=(2, 3)),
    "GlobalMaxPool": lambda: lambda x: x.amax(dim=(2, 3)),
}


def _activation(name: str, x: Any, *options: Any) -> Any:
    if name in ("Softmax", "LogSoftmax"):
        options = (-1,)
    if name == "GELU":
        options = ("tanh" if options else "none",)
    return getattr(torch.nn, _OTHER_NAMES.get(name, name))(*options)(x)


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    return functional.linear(x, weight.T, bias)


def _branches(x: Any, parameters: tuple[Any, ...]) -> list[Any]:
    return [_linear(x, *pair) for pair in zip(parameters[::2], parameters[1::2], strict=True)]


def _parallel(combine: str, x: Any, *parameters: Any) -> Any:
    first, second = _branches(x, parameters)
    return first + second if combine == "sum" else torch.cat([first, second], dim=1)


def _residual(x: Any, *parameters: Any) -> Any:
    body, *shortcut = _branches(x, parameters)
    return body + (shortcut[0] if shortcut else x)


def _dropout(x: Any, training: bool) -> Any:
    """The draws are ours; what becomes of them is PyTorch's arithmetic."""
    if not training:
        return functional.dropout(x, DROPPED, training=False)
    kept = uniform(0, substream(DROPOUT, 0), 0, 0, x.numel()).reshape(tuple(x.shape)) >= DROPPED
    return x * torch.from_numpy(kept) / (1 - DROPPED)


def _sinusoidal_positions(x: Any) -> Any:
    table = [positional_encoding(place, x.shape[2]) for place in range(x.shape[1])]
    return x + torch.tensor(table, dtype=x.dtype)


def _mel_spectrogram(x: Any, bands: int, size: int, hop: int, *frequencies: float) -> Any:
    power = _spectrogram(x, size, hop)
    return torch.tensor(mel_filters(bands, size, *frequencies), dtype=power.dtype) @ power


def _sparse_matmul(x: Any, values: Any, rows: np.ndarray, columns: np.ndarray, units: int) -> Any:
    places = (torch.from_numpy(rows), torch.from_numpy(columns))
    return x @ torch.zeros(x.shape[1], units, dtype=x.dtype).index_put(places, values)


def _embedding(table: Any, padding: int | None) -> Any:
    """PyTorch's padding keeps a row from learning, not from being looked up: a module's begins with zeros."""
    if padding is None:
        return functional.embedding(torch.from_numpy(PICKS), table)
    zeros = torch.zeros(table.shape[1], dtype=table.dtype)
    blank = table.index_put((torch.tensor([padding]),), zeros)
    return functional.embedding(torch.from_numpy(PICKS), blank, padding)


def _standardize(x: Any, axes: tuple[int, ...]) -> Any:
    """Over the batch and all that follows the channels: batch normalization."""
    assert axes == (0, 2)
    return functional.batch_norm(x, None, None, training=True)


def _evaluated(x: Any, weight: Any, bias: Any) -> Any:
    mean, variance = torch.zeros(x.shape[1]), torch.ones(x.shape[1])
    for part in torch.chunk(x.detach(), 2):
        functional.batch_norm(part, mean, variance, training=True)
    return functional.batch_norm(x, mean, variance, weight, bias)


def _recurrent_module(kind: str, parameters: tuple[Any, ...], **options: Any) -> Any:
    """PyTorch's module, and its parameters' values by name: its weights are the transposes of ours."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    places = ["l0", "l0_reverse", "l1", "l1_reverse"][: len(parameters) // 4]
    module = getattr(torch.nn, kind)(3, parameters[1].shape[0], batch_first=True, **options)
    named = zip((f"{name}_{place}" for place in places for name in names), parameters, strict=True)
    return module, {name: value.T if value.ndim == 2 else value for name, value in named}


def _recurrent(kind: str, x: Any, *parameters: Any) -> Any:
    options = {"nonlinearity": "relu"} if kind == "relu" else {}
    module, values = _recurrent_module("RNN" if kind == "relu" else kind, parameters, **options)
    return torch.func.functional_call(module, values, (x,))[0]


def _recurrent_deep(kind: str, x: Any, *parameters: Any) -> Any:
    module, values = _recurrent_module(kind, parameters, num_layers=2, bidirectional=True)
    packed = pack_padded_sequence(x, torch.from_numpy(LENGTHS), batch_first=True, enforce_sorted=False)
    y, state = torch.func.functional_call(module, values, (packed,))
    y, _ = pad_packed_sequence(y, batch_first=True)
    if kind == "LSTM":
        state = torch.stack(state, dim=1)
    return torch.cat([y.flatten(), state.flatten()])


def _recurrent_state(kind: str, x: Any, *parameters: Any) -> Any:
    module, values = _recurrent_module(kind, parameters)
    first, state = torch.func.functional_call(module, values, (x[:, :2],))
    state = tuple(part.detach() for part in state) if kind == "LSTM" else state.detach()
    return torch.cat([first, torch.func.functional_call(module, values, (x[:, 2:], state))[0]], dim=1)


def _attention_values(parameters: tuple[Any, ...]) -> dict[str, Any]:
    """Query, key and value of ours are one matrix of PyTorch's."""
    return {
        "in_proj_weight": torch.cat([weight.T for weight in parameters[0:6:2]]),
        "in_proj_bias": torch.cat(parameters[1:6:2]),
        "out_proj.weight": parameters[6].T,
        "out_proj.bias": parameters[7],
    }


def _padding(x: Any) -> Any:
    return torch.arange(x.shape[1]) >= torch.from_numpy(LENGTHS[:2])[:, None]


def _attention_of_memory(x: Any, memory: Any, *parameters: Any) -> Any:
    module = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    values = _attention_values(parameters)
    return torch.func.functional_call(module, values, (x, memory, memory), {"need_weights": False})[0]


def _attend(query: Any, key: Any, value: Any, mask: np.ndarray | None) -> Any:
    allowed = None if mask is None else torch.from_numpy(mask)
    return functional.scaled_dot_product_attention(query, key, value, allowed)


def _attention(causal: bool, x: Any, *parameters: Any) -> Any:
    module = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    mask = torch.ones(x.shape[1], x.shape[1]).triu(1).bool() if causal else None
    options = {"key_padding_mask": _padding(x), "attn_mask": mask, "need_weights": False}
    return torch.func.functional_call(module, _attention_values(parameters), (x, x, x), options)[0]


def _transformer(norm_first: bool, x: Any, *parameters: Any) -> Any:
    module = torch.nn.TransformerEncoderLayer(
        8, 2, 12, dropout=0.0, activation="gelu", batch_first=True, norm_first=norm_first
    )
    values = {f"self_attn.{name}": value for name, value in _attention_values(parameters).items()}
    names = ("norm1.weight", "norm1.bias", "linear1.weight", "linear1.bias")
    names += ("linear2.weight", "linear2.bias", "norm2.weight", "norm2.bias")
    for name, value in zip(names, parameters[8:], strict=True):
        values[name] = value.T if value.ndim == 2 else value
    return torch.func.functional_call(module, values, (x,), {"src_key_padding_mask": _padding(x)})


def _sparse_linear(x: Any, weight: Any, bias: Any) -> Any:
    """The weight is listed unit after unit, as (8, 10) transposed."""
    dense = torch.zeros(MASK.T.shape, dtype=weight.dtype).masked_scatter(torch.from_numpy(MASK.T), weight)
    return functional.linear(x, dense, bias)


def _spectrogram(x: Any, size: int, hop: int) -> Any:
    window = torch.hann_window(size)
    return torch.stft(x, size, hop, window=window, center=False, return_complex=True).abs().square()


FUNCTIONS = SimpleNamespace(
    rfft=lambda x: torch.view_as_real(torch.fft.rfft(x)),
    spectrogram=_spectrogram,
    recurrent=_recurrent,
    recurrent_deep=_recurrent_deep,
    recurrent_state=_recurrent_state,
    attention=_attention,
    transformer=_transformer,
    conv_layer=lambda x, w, b: functional.conv2d(x, w, b, 2, 1, groups=2),
    conv_layer_1d=functional.conv1d,
    conv_transpose_layer=lambda x, w, b: functional.conv_transpose2d(x, w, b, 2, 1, 1, 2),
    layer_norm=lambda x, w, b: functional.layer_norm(x, w.shape, w, b),
    rms_norm=lambda x, w: functional.rms_norm(x, w.shape, w, 1e-5),
    group_norm=lambda x, w, b: functional.group_norm(x, 3, w, b),
    batch_norm=lambda x, w, b: functional.batch_norm(x, None, None, w, b, training=True),
    batch_norm_evaluated=_evaluated,
    embedding_layer=_embedding,
    sparse_linear=_sparse_linear,
    residual=_residual,
    attention_of_memory=_attention_of_memory,
    attend=_attend,
    activation=_activation,
    pool=lambda name, x, *options: _POOLS[name](*options)(x),
    linear_layer=_linear,
    time_linear=_linear,
    flatten=lambda x: torch.nn.Flatten()(x),
    reshape_layer=lambda x, *shape: torch.nn.Unflatten(1, shape)(x.flatten(1)),
    permute=lambda x, *axes: x.permute(0, *(axis + 1 for axis in axes)),
    dropout=_dropout,
    sequential=lambda x, w, b, v, c: _linear(torch.tanh(_linear(x, w, b)), v, c),
    parallel=_parallel,
    learned_positions=lambda x, table: x + table[: x.shape[1]],
    sinusoidal_positions=_sinusoidal_positions,
    spectrogram_layer=lambda x, size, hop, log: (
        torch.log(_spectrogram(x, size, hop) + 1e-6) if log else _spectrogram(x, size, hop)
    ),
    mel_layer=_mel_spectrogram,
    mel_spectrogram=_mel_spectrogram,
    sparse_matmul=_sparse_matmul,
    standardize=_standardize,
    rms_normalize=lambda x, axes: x * torch.rsqrt(x.square().mean(dim=axes, keepdim=True) + 1e-5),
    softmax_cross_entropy=lambda x, labels: functional.cross_entropy(
        x, torch.from_numpy(labels), reduction="sum"
    ),
    cast=lambda x, dtype: x.to(dtype),
    double=lambda x: x.double(),
    sum=torch.sum,
    argmax=torch.argmax,
    argmin=torch.argmin,
    greater=torch.gt,
    greater_equal=torch.ge,
    less=torch.lt,
    less_equal=torch.le,
    equal=torch.eq,
    not_equal=torch.ne,
    conv=_conv,
    conv_transpose=_conv_transpose,
    max_pool=_by_axes("max_pool"),
    average_pool=_average_pool,
    global_average_pool=lambda x: x.mean(dim=(2, 3)),
    global_max_pool=lambda x: x.amax(dim=(2, 3)),
    adaptive_average_pool=_by_axes("adaptive_avg_pool"),
    adaptive_max_pool=_by_axes("adaptive_max_pool"),
    embedding=lambda table, ids: functional.embedding(torch.from_numpy(ids), table),
    where=lambda mask, a, b: torch.where(torch.from_numpy(mask), a, b),
    clip=torch.clamp,
    minimum=torch.minimum,
    expm1=torch.expm1,
    sin=torch.sin,
    cos=torch.cos,
    var=lambda x, axis: torch.var(x, dim=axis, correction=0),
    std=lambda x, axis: torch.std(x, dim=axis, correction=0),
    softmax=torch.softmax,
    log_softmax=torch.log_softmax,
    logsumexp=torch.logsumexp,
    min=lambda x, axis: x.amin(dim=axis),
    cumsum=torch.cumsum,
    concatenate=torch.cat,
    stack=torch.stack,
    split=torch.split,
    unstack=torch.unbind,
    pad=lambda x, widths: functional.pad(x, [size for pair in widths[::-1] for size in pair]),
    pad_last=_pad_last,
    gather=lambda x, indices, axis: torch.gather(x, axis, torch.from_numpy(indices)),
    scatter_rows=lambda x, rows, count: torch.zeros(count, x.shape[1], dtype=x.dtype).index_add(
        0, torch.from_numpy(rows), x
    ),
    einsum=torch.einsum,
    tensordot=torch.tensordot,
    normal_cdf=torch.special.ndtr,
    elu=functional.elu,
    leaky_relu=functional.leaky_relu,
    selu=functional.selu,
    silu=functional.silu,
    gelu=functional.gelu,
    gelu_by_tanh=lambda x: functional.gelu(x, approximate="tanh"),
    mish=functional.mish,
    softsign=functional.softsign,
    log_sigmoid=functional.logsigmoid,
    relu6=functional.relu6,
    hard_sigmoid=functional.hardsigmoid,
    hard_swish=functional.hardswish,
    glu=functional.glu,
)


def run_case(case: Case, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """The value of a case and its gradients."""
    tensors = [torch.tensor(array, requires_grad=True) for array in inputs]
    output = case.formula(FUNCTIONS, *tensors)
    output.backward(torch.tensor(output_weights(tuple(output.shape))))
    gradients = [tensor.grad for tensor in tensors]
    return [output.detach().numpy(), *(gradient.numpy() for gradient in gradients if gradient is not None)]
