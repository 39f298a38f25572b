"""Which translator belongs to which kind of layer: all that chainrule has, which a test holds it to."""

from __future__ import annotations

from collections.abc import Mapping

from ...core import nn
from . import activation, attention, dense, normalization, recurrent, spatial, spectrum, structure
from .graph import Translator

TRANSLATORS: Mapping[type[nn.Module], Translator] = {
    nn.Linear: dense.linear,
    nn.SparseLinear: dense.sparse_linear,
    nn.TimeLinear: dense.time_linear,
    nn.Embedding: dense.embedding,
    nn.LearnedPositions: dense.learned_positions,
    nn.SinusoidalPositions: dense.sinusoidal_positions,
    nn.Conv1d: spatial.convolution,
    nn.Conv2d: spatial.convolution,
    nn.ConvTranspose2d: spatial.conv_transpose,
    nn.MaxPool: spatial.max_pool,
    nn.AvgPool: spatial.average_pool,
    nn.GlobalAvgPool: spatial.global_average_pool,
    nn.GlobalMaxPool: spatial.global_max_pool,
    nn.AdaptiveAvgPool: spatial.adaptive_average_pool,
    nn.AdaptiveMaxPool: spatial.adaptive_max_pool,
    nn.BatchNorm: normalization.batch_norm,
    nn.LayerNorm: normalization.layer_norm,
    nn.RMSNorm: normalization.rms_norm,
    nn.GroupNorm: normalization.group_norm,
    nn.RNN: recurrent.rnn,
    nn.LSTM: recurrent.lstm,
    nn.GRU: recurrent.gru,
    nn.MultiHeadAttention: attention.multi_head_attention,
    nn.TransformerBlock: attention.transformer_block,
    nn.Sequential: structure.sequential,
    nn.Residual: structure.residual,
    nn.Parallel: structure.parallel,
    nn.Reshape: structure.reshape,
    nn.Flatten: structure.reshape,
    nn.Permute: structure.permute,
    nn.Dropout: structure.unchanged,
    nn.Spectrogram: spectrum.spectrogram,
    nn.MelSpectrogram: spectrum.mel_spectrogram,
    nn.ReLU: activation.node("Relu"),
    nn.Sigmoid: activation.node("Sigmoid"),
    nn.Tanh: activation.node("Tanh"),
    nn.LeakyReLU: activation.leaky_relu,
    nn.ELU: activation.elu,
    nn.SELU: activation.node("Selu"),
    nn.GELU: activation.gelu,
    nn.SiLU: activation.silu,
    nn.Mish: activation.node("Mish"),
    nn.Softplus: activation.node("Softplus"),
    nn.Softsign: activation.node("Softsign"),
    nn.LogSigmoid: activation.log_sigmoid,
    nn.ReLU6: activation.relu6,
    nn.HardSigmoid: activation.node("HardSigmoid", alpha=1 / 6, beta=0.5),
    nn.HardSwish: activation.node("HardSwish"),
    nn.Softmax: activation.node("Softmax", axis=-1),
    nn.LogSoftmax: activation.node("LogSoftmax", axis=-1),
}
