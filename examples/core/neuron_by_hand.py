"""One neuron learns the logical OR: its gradient worked out by hand beside the one that chainrule finds."""

from __future__ import annotations

import numpy as np

from chainrule.core import Tensor, ops

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([0, 1, 1, 1], np.float32)


def main() -> None:
    weight = Tensor(np.zeros(2, np.float32), requires_grad=True)
    bias = Tensor(np.zeros((), np.float32), requires_grad=True)

    for step in range(1, 401):
        p = ops.sigmoid(X @ weight + bias)
        loss = -(Y * np.log(p) + (1 - Y) * np.log(1 - p)).mean()
        loss.backward()
        assert weight.grad is not None and bias.grad is not None

        # The chain rule: d loss / d p · d p / d z · d z / d w, of which the first two make (p - y) / n.
        by_hand = X.T @ (p.numpy() - Y) / len(Y)
        difference = abs(by_hand - weight.grad.numpy()).max()

        for parameter in (weight, bias):
            assert parameter.grad is not None
            parameter.data -= 2.0 * parameter.grad.data
            parameter.grad = None
        if step in (1, 10, 100, 400):
            print(f"step {step:3d}  loss {loss:.4f}  by hand and by chainrule differ by {difference:.0e}")

    for x, chance in zip(X.astype(int), ops.sigmoid(X @ weight + bias), strict=True):
        print(f"{x[0]} or {x[1]}: {chance:.3f}")


if __name__ == "__main__":
    main()
