"""A generative adversarial network learns to draw points like those of eight clusters on a ring."""

from __future__ import annotations

import numpy as np

from chainrule.core import Tensor, losses, nn, optim

RNG = np.random.default_rng(0)
CENTERS = np.array([(np.cos(angle), np.sin(angle)) for angle in np.arange(8) * np.pi / 4])
BATCH, NOISE, STEPS = 128, 4, 3000


def real() -> Tensor:
    centers = CENTERS[RNG.integers(0, 8, BATCH)]
    return Tensor((centers + 0.05 * RNG.standard_normal((BATCH, 2))).astype(np.float32))


def noise(n: int = BATCH) -> Tensor:
    return Tensor(RNG.standard_normal((n, NOISE), dtype=np.float32))


def network(inputs: int, outputs: int, seed: int) -> nn.Sequential:
    model = nn.Sequential(
        nn.Linear(inputs, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, outputs)
    )
    nn.initialize(model, seed)
    return model


def main() -> None:
    generator, critic = network(NOISE, 2, seed=1), network(2, 1, seed=2)
    to_draw = optim.FlatOptimizer(optim.Adam(1e-3, beta1=0.5), generator)
    to_tell = optim.FlatOptimizer(optim.Adam(1e-3, beta1=0.5), critic)
    yes, no = np.ones((BATCH, 1), np.float32), np.zeros((BATCH, 1), np.float32)

    for step in range(1, STEPS + 1):
        drawn = generator(noise())
        told = losses.binary_cross_entropy(critic(real()), yes)
        told = told + losses.binary_cross_entropy(critic(drawn.detach()), no)
        told.backward()
        to_tell.step()

        fooled = losses.binary_cross_entropy(critic(drawn), yes)
        fooled.backward()
        to_draw.step()
        for parameter in critic.parameters().values():
            parameter.grad = None  # what fooling left there is not the critic's to learn
        if step % 500 == 0:
            points = generator(noise(1000)).numpy()
            far = np.linalg.norm(points[:, None] - CENTERS, axis=2)
            met = len(set(far.argmin(axis=1)[far.min(axis=1) < 0.2].tolist()))
            print(
                f"step {step}  critic {told:.2f}  clusters {met} of 8  distance {far.min(axis=1).mean():.2f}"
            )


if __name__ == "__main__":
    main()
