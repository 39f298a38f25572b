"""The cases of loss_cases.py computed by PyTorch, where it has the loss, else composed of its operations.

Run it after a change of them, to write the vectors: python tests/oracle/losses_torch.py
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from loss_cases import LOSS_CASES, PENALTY_CASES, VARIANTS, LossCase, output_weights
from torch.nn import functional as F  # pyright: ignore[reportMissingImports]

SEED = 0
_EPSILON = 1e-12
"""In place of the 1e-6 that PyTorch adds to each difference of a triplet."""


def _by_sample(loss: Any) -> Any:
    """A loss of PyTorch's that reduces over outputs too, with our meaning of none and sum: over samples."""

    def run(prediction: Any, target: Any, reduction: str, **options: Any) -> Any:
        values = loss(prediction, torch.as_tensor(target), reduction="none", **options).mean(dim=1)
        return {"mean": values.mean(), "sum": values.sum(), "none": values}[reduction]

    return run


def _reduced(values: Any, reduction: str) -> Any:
    return {"mean": values.mean, "sum": values.sum, "none": lambda: values}[reduction]()


def _cross_entropy(logits: Any, labels: Any, reduction: str, **options: Any) -> Any:
    weight = options.get("class_weights")
    return F.cross_entropy(
        logits,
        torch.as_tensor(labels),
        weight=None if weight is None else torch.as_tensor(weight),
        ignore_index=options.get("ignored", -100),
        label_smoothing=options.get("label_smoothing", 0.0),
        reduction=reduction,
    )


def _nll(log_probabilities: Any, labels: Any, reduction: str, class_weights: Any, ignored: int) -> Any:
    weight = torch.as_tensor(class_weights)
    ids = torch.as_tensor(labels)
    return F.nll_loss(log_probabilities, ids, weight=weight, ignore_index=ignored, reduction=reduction)


def _binary(
    logits: Any, target: Any, reduction: str, positive_weight: Any = None, label_smoothing: float = 0.0
) -> Any:
    target = torch.as_tensor(target) * (1 - label_smoothing) + label_smoothing / 2
    weight = None if positive_weight is None else torch.as_tensor(positive_weight)
    return _by_sample(F.binary_cross_entropy_with_logits)(logits, target, reduction, pos_weight=weight)


def _contrastive(a: Any, b: Any, target: Any, reduction: str, margin: float) -> Any:
    d = (a - b).norm(dim=1)
    together = torch.as_tensor(target) > 0
    return _reduced(torch.where(together, d**2 / 2, torch.relu(margin - d) ** 2 / 2), reduction)


def _triplets(x: Any, labels: np.ndarray, mining: str) -> Any:
    """(3, triplets): anchors, positives, negatives, every anchor looked at one after the other."""
    d = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").detach().numpy()
    triplets = []
    for a in range(len(labels)):
        positives = [p for p in range(len(labels)) if p != a and labels[p] == labels[a]]
        negatives = [n for n in range(len(labels)) if labels[n] != labels[a]]
        if mining == "hard":
            triplets.append((a, max(positives, key=lambda p: d[a, p]), min(negatives, key=lambda n: d[a, n])))
        for p in positives if mining != "hard" else []:
            beyond = [n for n in negatives if d[a, n] > d[a, p]]
            if mining == "all":
                triplets += [(a, p, n) for n in negatives]
            elif beyond:
                triplets.append((a, p, min(beyond, key=lambda n: d[a, n])))
            else:
                triplets.append((a, p, max(negatives, key=lambda n: d[a, n])))
    return torch.tensor(triplets).T


def _mined(x: Any, labels: np.ndarray, reduction: str, mining: str) -> Any:
    anchor, positive, negative = _triplets(x, labels, mining)
    return F.triplet_margin_loss(
        x[anchor], x[positive], x[negative], margin=1.0, reduction=reduction, eps=_EPSILON
    )


def _ctc(logits: Any, labels: Any, reduction: str, logit_lengths: Any, label_lengths: Any) -> Any:
    values = F.ctc_loss(
        torch.log_softmax(logits, -1).transpose(0, 1),
        torch.as_tensor(labels),
        torch.as_tensor(logit_lengths),
        torch.as_tensor(label_lengths),
        reduction="none",
    )
    return _reduced(values, reduction)


FUNCTIONS = SimpleNamespace(
    squared_error=_by_sample(F.mse_loss),
    absolute_error=_by_sample(F.l1_loss),
    huber=_by_sample(F.huber_loss),
    softmax_cross_entropy=_cross_entropy,
    negative_log_likelihood=_nll,
    binary_cross_entropy=_binary,
    kl_divergence=lambda x, target, reduction: _reduced(
        F.kl_div(x, torch.as_tensor(target), reduction="none").sum(dim=1), reduction
    ),
    hinge=lambda x, target, reduction, margin=1.0, power=1: _reduced(
        (torch.relu(margin - x * torch.as_tensor(target)) ** power).mean(dim=1), reduction
    ),
    multiclass_hinge=lambda x, labels, reduction, margin=1.0, power=1: F.multi_margin_loss(
        x, torch.as_tensor(labels), p=power, margin=margin, reduction=reduction
    ),
    cosine=lambda a, b, target, reduction, margin: F.cosine_embedding_loss(
        a, b, torch.as_tensor(target), margin=margin, reduction=reduction
    ),
    contrastive=_contrastive,
    triplet_margin=lambda a, p, n, reduction, margin: F.triplet_margin_loss(
        a, p, n, margin=margin, reduction=reduction, eps=_EPSILON
    ),
    mined_triplet_margin=_mined,
    ctc=_ctc,
    l1=lambda parameters, strength: strength * sum(p.abs().sum() for p in parameters),
    l2=lambda parameters, strength: strength / 2 * sum((p**2).sum() for p in parameters),
    max_norm=lambda parameters, strength, limit: (
        strength * sum((torch.relu(p.norm(dim=0) - limit) ** 2).sum() for p in parameters)
    ),
)


def _weighted(name: str, weights: np.ndarray) -> Any:
    """The loss with sample weights: a value counts that many times, and "mean" divides by all of them."""

    def run(*arguments: Any, **options: Any) -> Any:
        *inputs, reduction = arguments
        values, counts = getattr(FUNCTIONS, name)(*inputs, "none", **options), torch.tensor(weights)
        if name == "mined_triplet_margin":
            counts = counts[_triplets(inputs[0], inputs[1], options["mining"])[0]]
        total = counts
        if name in ("softmax_cross_entropy", "negative_log_likelihood"):
            total = counts * _label_weights(torch.as_tensor(inputs[1]), **options)
        values = values * counts
        return values.sum() / total.sum() if reduction == "mean" else _reduced(values, reduction)

    return run


def _label_weights(labels: Any, class_weights: Any = None, ignored: int = -100, **options: Any) -> Any:
    own = torch.ones(len(labels)) if class_weights is None else torch.as_tensor(class_weights)[labels]
    return own * (labels != ignored)


def run_loss(case: LossCase, inputs: list[np.ndarray], reduction: str, weighted: bool) -> list[np.ndarray]:
    """The value of a case and its gradients."""
    functions = FUNCTIONS
    if weighted:
        functions = SimpleNamespace(**{name: _weighted(name, case.weights) for name in vars(FUNCTIONS)})
    tensors = [torch.tensor(array, requires_grad=True) for array in inputs]
    output = case.formula(functions, *tensors, reduction)
    output.backward(torch.tensor(output_weights(tuple(output.shape))))
    gradients = [tensor.grad for tensor in tensors]
    return [output.detach().numpy(), *(gradient.numpy() for gradient in gradients if gradient is not None)]


def main() -> None:
    answers: dict[str, Any] = {"torch_version": np.array(torch.__version__.split("+")[0])}
    cases = {**LOSS_CASES, **PENALTY_CASES}
    for name, reduction, weighted in VARIANTS:
        results = run_loss(cases[name], cases[name].inputs(SEED), reduction, weighted)
        answers |= {f"{name}/{reduction}/{weighted}/{index}": array for index, array in enumerate(results)}
    np.savez_compressed(Path(__file__).parent / "vectors" / "losses.npz", **answers)
    print(f"PyTorch {torch.__version__}: wrote {len(cases)} losses")


if __name__ == "__main__":
    main()
