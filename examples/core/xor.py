"""XOR, which no single neuron can do: two layers learn it, and the hidden neurons show how."""

from __future__ import annotations

import numpy as np

from chainrule.core import Tensor, losses, nn, ops, optim

X = Tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = Tensor([[0.0], [1.0], [1.0], [0.0]])


def main() -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    nn.initialize(model, seed=1)
    print(model)
    optimizer = optim.FlatOptimizer(optim.Adam(learning_rate=0.05), model)

    for step in range(1, 301):
        loss = losses.binary_cross_entropy(model(X), Y)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step}  loss {loss:.4f}")

    chances = ops.sigmoid(model(X))
    hidden = model.layers[1](model.layers[0](X))
    for x, chance, neurons in zip(X.numpy().astype(int), chances, hidden, strict=True):
        print(f"{x[0]} xor {x[1]}: {chance:.3f}   hidden {np.round(neurons.numpy(), 1)}")


if __name__ == "__main__":
    main()
