"""Optimizers that PyTorch has no equal of, written down from their papers in float64, plainly.

Each: (parameter, gradients, ...) -> (steps, *shape), the parameter after each step. PyTorch's Muon rounds to
bfloat16 inside; here it is done exactly.
"""

from __future__ import annotations

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
