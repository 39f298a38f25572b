"""Learns to read handwritten digits with chainrule.core alone: the training loop written out."""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from chainrule.core import Tensor, losses, metrics, nn, no_grad, optim, random

SEED, EPOCHS, BATCH = 0, 30, 32


def main() -> None:
    with files("chainrule.worker.data").joinpath("digits.npz").open("rb") as file, np.load(file) as digits:
        images, labels = digits["x"].astype(np.float32) / 16, digits["y"].astype(np.int64)
    order = random.permutation(len(images), SEED, random.SPLIT, 0)
    test, train = np.split(order, [len(order) // 5])

    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    nn.initialize(model, SEED)
    optimizer = optim.FlatOptimizer(optim.Adam(learning_rate=1e-3), model)

    for epoch in range(EPOCHS):
        shuffled = train[random.permutation(len(train), SEED, random.SHUFFLE, epoch)]
        total = 0.0
        for start in range(0, len(shuffled), BATCH):
            batch = shuffled[start : start + BATCH]
            logits = model(Tensor(images[batch]), nn.ForwardContext(training=True))
            loss = losses.softmax_cross_entropy(logits, labels[batch])
            loss.backward()
            optimizer.step()
            total += float(loss.data) * len(batch)

        with no_grad():
            outputs = model(Tensor(images[test])).data
        accuracy = metrics.accuracy(outputs, labels[test]) / len(test)
        print(f"epoch {epoch + 1:2d}  loss {total / len(train):.4f}  test accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
