"""Cases of convolution, pooling, embedding, sparse products and spectra."""

from __future__ import annotations

import numpy as np

from chainrule.core import ops

from .samples import Cases, numbers

LINES, IMAGES = numbers(2, 2, 7), numbers(2, 2, 5, 4)
IDS = np.array([[0, 2, 2], [1, 0, 2]])
PLACES = np.array([0, 2, 0, 1]), np.array([0, 0, 2, 2])

CASES: Cases = {
    "conv of lines": (ops.conv, [LINES, numbers(3, 2, 3)]),
    "conv of images": (ops.conv, [IMAGES, numbers(3, 2, 3, 2)]),
    "conv with everything": (
        lambda x, w: ops.conv(x, w, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2),
        [numbers(2, 2, 4, 4), numbers(4, 1, 3, 2)],
    ),
    "conv with a rest": (lambda x, w: ops.conv(x, w, stride=3), [LINES, numbers(1, 2, 2)]),
    "conv of one element": (ops.conv, [numbers(1, 1, 1, 1), numbers(1, 1, 1, 1, seed=1)]),
    "conv of volumes": (ops.conv, [numbers(1, 1, 3, 2, 3), numbers(2, 1, 2, 1, 2)]),
    "conv_transpose of lines": (ops.conv_transpose, [LINES, numbers(2, 3, 3)]),
    "conv_transpose with everything": (
        lambda x, w: ops.conv_transpose(
            x, w, stride=(2, 3), padding=1, dilation=(2, 1), groups=2, output_padding=(1, 0)
        ),
        [numbers(1, 2, 3, 2), numbers(2, 2, 2, 3)],
    ),
    "max_pool": (lambda x: ops.max_pool(x * x, 2), [IMAGES]),
    "max_pool with everything": (
        lambda x: ops.max_pool(x * x, (3, 2), stride=(1, 2), padding=1, dilation=(2, 1)), [IMAGES]
    ),
    "max_pool of lines": (lambda x: ops.max_pool(x * x, 3, stride=2), [LINES]),
    "average_pool": (lambda x: ops.average_pool(x * x, 2), [IMAGES]),
    "average_pool padded": (lambda x: ops.average_pool(x * x, 3, stride=2, padding=1), [IMAGES]),
    "average_pool without padding counted": (
        lambda x: ops.average_pool(x * x, 3, stride=2, padding=1, count_padding=False), [LINES]
    ),
    "global_average_pool": (lambda x: ops.global_average_pool(x * x), [IMAGES]),
    "global_max_pool": (lambda x: ops.global_max_pool(x * x), [IMAGES]),
    "adaptive_average_pool": (lambda x: ops.adaptive_average_pool(x * x, (2, 3)), [IMAGES]),
    "adaptive_average_pool upward": (lambda x: ops.adaptive_average_pool(x * x, 9), [LINES]),
    "adaptive_max_pool": (lambda x: ops.adaptive_max_pool(x * x, (2, 3)), [IMAGES]),
    "embedding": (lambda table: ops.embedding(table * table, IDS), [numbers(4, 3)]),
    "embedding of one id": (lambda table: ops.embedding(table * table, np.array(1)), [numbers(4, 3)]),
    "sparse_matmul": (lambda x, w: ops.sparse_matmul(x, w * w, *PLACES, 3), [numbers(2, 3), numbers(4)]),
    "sparse_matmul of few connections": (
        lambda x, w: ops.sparse_matmul(x, w * w, *PLACES, 400), [numbers(2, 3), numbers(4)]
    ),
    "rfft": (lambda x: ops.rfft(x * x), [numbers(2, 6)]),
    "rfft of an odd number": (lambda x: ops.rfft(x * x), [numbers(5)]),
    "rfft of one element": (lambda x: ops.rfft(x * x), [numbers(2, 1)]),
    "spectrogram": (lambda x: ops.spectrogram(x, 4, 2), [numbers(2, 9)]),
    "spectrogram with a window": (lambda x: ops.spectrogram(x, 3, 1, np.array([1, 2, 3])), [numbers(6)]),
    "mel_spectrogram": (lambda x: ops.mel_spectrogram(x, 3, 8, 4, 8000.0), [numbers(1, 13)]),
    "embedding of no ids": (lambda table: ops.embedding(table * table, IDS[:0]), [numbers(4, 3)]),
}  # fmt: skip
"""Each also second order, so where an operation is linear its case multiplies its argument by itself."""
