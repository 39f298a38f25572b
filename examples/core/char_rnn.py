"""A recurrent network learns to spell from Python's own documentation, and then writes some."""

from __future__ import annotations

from pydoc_data.topics import topics

import numpy as np

from chainrule.core import Tensor, losses, nn, no_grad, ops, optim

TEXT = "".join(topics[name] for name in ("for", "while", "if", "try", "with", "function", "class")).lower()
LETTERS = sorted(set(TEXT))
IDS = np.array([LETTERS.index(letter) for letter in TEXT])
BATCH, STEPS, TIME, UNITS = 16, 250, 32, 64


class Speller(nn.Module):
    """The next letter's logits from the letters so far, with a state carried from part to part."""

    def __init__(self) -> None:
        self.embedding = nn.Embedding(len(LETTERS), UNITS)
        self.memory = nn.GRU(UNITS, UNITS)
        self.output = nn.TimeLinear(UNITS, len(LETTERS))

    def read(self, ids: np.ndarray, state: list | None) -> tuple[Tensor, list]:
        y, state = self.memory.run(self.embedding(ids), state)
        return self.output(y), state


def main() -> None:
    model = Speller()
    nn.initialize(model, seed=0)
    optimizer = optim.FlatOptimizer(optim.Adam(8e-3), model, clip_norm=1.0)
    streams = IDS[: len(IDS) // BATCH * BATCH].reshape(BATCH, -1)

    state = None
    for step in range(STEPS):
        start = step * TIME % (streams.shape[1] - TIME - 1)
        part = streams[:, start : start + TIME + 1]
        logits, state = model.read(part[:, :-1], None if state is None else nn.detached(state))
        loss = losses.softmax_cross_entropy(logits, part[:, 1:])
        loss.backward()
        optimizer.step()
        if step % 50 == 0 or step == STEPS - 1:
            print(f"step {step:3d}  {loss.item() / np.log(2):.2f} bits a letter")

    written, state, rng = "the ", None, np.random.default_rng(0)
    with no_grad():
        for _ in range(120):
            unread = written if state is None else written[-1]
            logits, state = model.read(np.array([[LETTERS.index(letter) for letter in unread]]), state)
            chances = ops.softmax(logits[0, -1] * 1.5).numpy().astype(float)
            written += LETTERS[rng.choice(len(LETTERS), p=chances / chances.sum())]
    print(repr(written))


if __name__ == "__main__":
    main()
