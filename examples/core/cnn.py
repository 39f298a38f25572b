"""A small convolutional network reads handwritten digits: the training loop written out."""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from chainrule.core import Tensor, losses, metrics, nn, no_grad, optim, random

SEED, EPOCHS, BATCH = 0, 8, 32


def main() -> None:
    with files("chainrule.worker.data").joinpath("digits.npz").open("rb") as file, np.load(file) as digits:
        images = digits["x"].reshape(-1, 1, 8, 8).astype(np.float32) / 16
        labels = digits["y"].astype(np.int64)
    test, train = np.split(random.permutation(len(images), SEED, random.SPLIT, 0), [len(images) // 5])

    model = nn.Sequential(
        nn.Conv2d(1, 16, kernel=3, padding=1), nn.BatchNorm(16), nn.ReLU(), nn.MaxPool(2),
        nn.Conv2d(16, 32, kernel=3, padding=1), nn.BatchNorm(32), nn.ReLU(), nn.GlobalAvgPool(),
        nn.Dropout(0.1), nn.Linear(32, 10),
    )  # fmt: skip
    nn.initialize(model, SEED)
    print(model)
    steps = EPOCHS * -(-len(train) // BATCH)
    optimizer = optim.FlatOptimizer(optim.AdamW(5e-3), model, schedule=optim.schedules.OneCycle(steps))

    for epoch in range(EPOCHS):
        shuffled = train[random.permutation(len(train), SEED, random.SHUFFLE, epoch)]
        total = 0.0
        for start in range(0, len(shuffled), BATCH):
            batch = shuffled[start : start + BATCH]
            context = nn.ForwardContext(training=True, seed=SEED, step=optimizer.steps)
            loss = losses.softmax_cross_entropy(model(Tensor(images[batch]), context), labels[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)

        with no_grad():
            outputs = model(Tensor(images[test])).numpy()
        accuracy = metrics.accuracy(outputs, labels[test]) / len(test)
        print(f"epoch {epoch + 1}  loss {total / len(train):.4f}  test accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
