"""What PyTorch has no equal of, written down from its paper in float64, plainly.

Optimizers: (parameter, gradients, ...) -> (steps, *shape), the parameter after each step. PyTorch's Muon
rounds to bfloat16 inside; here it is done exactly.
"""

from __future__ import annotations

from math import cos, log, sin

import numpy as np


def lion(
    p: np.ndarray, gradients: np.ndarray, rate: float, beta1: float, beta2: float, decay: float
) -> np.ndarray:
    """Chen et al. (2023), algorithm 2."""
    p, m, history = p.astype(np.float64), np.zeros(p.shape), []
    for g in gradients.astype(np.float64):
        c = beta1 * m + (1 - beta1) * g
        p = p - rate * (np.sign(c) + decay * p)
        m = beta2 * m + (1 - beta2) * g
        history.append(p)
    return np.stack(history)


def lamb(
    p: np.ndarray,
    gradients: np.ndarray,
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    decay: float,
) -> np.ndarray:
    """You et al. (2020), algorithm 2, with phi the identity."""
    p, m, v, history = p.astype(np.float64), np.zeros(p.shape), np.zeros(p.shape), []
    for t, g in enumerate(gradients.astype(np.float64), start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        r = (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
        u = r + decay * p
        p = p - rate * np.linalg.norm(p) / np.linalg.norm(u) * u
        history.append(p)
    return np.stack(history)


def muon(p: np.ndarray, gradients: np.ndarray, rate: float, momentum: float, decay: float) -> np.ndarray:
    """Jordan et al. (2024) in PyTorch's form, on singular values, for a weight (inputs, outputs)."""
    p, m, history = p.astype(np.float64), np.zeros(p.shape), []
    for g in gradients.astype(np.float64):
        m = momentum * m + (1 - momentum) * g
        u, s, vt = np.linalg.svd(momentum * m + (1 - momentum) * g, full_matrices=False)
        s = s / np.sqrt((s**2).sum())
        for _ in range(5):
            s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        scale = np.sqrt(max(1.0, p.shape[1] / p.shape[0]))
        p = p - rate * (scale * (u * s) @ vt + decay * p)
        history.append(p)
    return np.stack(history)


def sophia(
    p: np.ndarray,
    gradients: np.ndarray,
    estimates: np.ndarray,
    rate: float,
    betas: tuple[float, float],
    gamma: float,
    epsilon: float,
    decay: float,
    interval: int,
) -> np.ndarray:
    """Liu et al. (2024), algorithm 3; `estimates`: of steps 1, 1 + interval, ..."""
    p, m, h, history = p.astype(np.float64), np.zeros(p.shape), np.zeros(p.shape), []
    for t, g in enumerate(gradients.astype(np.float64), start=1):
        m = betas[0] * m + (1 - betas[0]) * g
        if t % interval == 1:
            h = betas[1] * h + (1 - betas[1]) * estimates[t // interval]
        p = p - rate * decay * p
        p = p - rate * np.clip(m / np.maximum(gamma * h, epsilon), -1, 1)
        history.append(p)
    return np.stack(history)


def _probabilities(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    exponentials = np.exp(x.astype(np.float64) @ weight)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def hessian_product(x: np.ndarray, weight: np.ndarray, u: np.ndarray) -> np.ndarray:
    """H u for the mean softmax cross-entropy of x @ weight: the mean of x (diag(p) - p p^T) x^T u."""
    total = np.zeros(weight.shape)
    for row, p in zip(x.astype(np.float64), _probabilities(x, weight), strict=True):
        total += np.outer(row, (np.diag(p) - np.outer(p, p)) @ (row @ u))
    return total / len(x)


def gauss_newton_bartlett(x: np.ndarray, weight: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Liu et al. (2024), algorithm 2: n g², g the mean gradient at labels drawn from the model itself."""
    total = np.zeros(weight.shape)
    for row, p, draw in zip(x.astype(np.float64), _probabilities(x, weight), draws, strict=True):
        label = int(np.searchsorted(np.cumsum(p), draw, side="right"))
        total += np.outer(row, p - np.eye(len(p))[label])
    return len(x) * (total / len(x)) ** 2


def positional_encoding(place: int, units: int) -> list[float]:
    """Vaswani et al. (2017), section 3.5: PE(place, 2i) and PE(place, 2i + 1), in turn."""
    angles = [place / 10000 ** (2 * i / units) for i in range((units + 1) // 2)]
    return [wave(angle) for angle in angles for wave in (sin, cos)][:units]


def mel_filters(bands: int, size: int, rate: float, low: float, high: float) -> list[list[float]]:
    """Triangles between three neighbours of bands + 2 places equally far apart in mel.

    A mel: O'Shaughnessy (1987), 1127 ln(1 + hertz / 700), which is 2595 log10 of it to 5 digits.
    """

    def mel(hertz: float) -> float:
        return 2595 / log(10) * log(1 + hertz / 700)

    def weight(band: int, hertz: float) -> float:
        left, top, right = (hertz_at(band + step) for step in range(3))
        if left < hertz <= top:
            return (hertz - left) / (top - left)
        return (right - hertz) / (right - top) if top < hertz < right else 0.0

    def hertz_at(place: int) -> float:
        mels = mel(low) + (mel(high) - mel(low)) * place / (bands + 1)
        return 700 * (10 ** (mels / 2595) - 1)

    return [[weight(band, k * rate / size) for k in range(size // 2 + 1)] for band in range(bands)]
