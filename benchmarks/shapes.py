"""Times training steps of other layers and other batches than `workloads.py`: is there a cliff somewhere?

    python benchmarks/shapes.py [--threads N] [--output json] [--save benchmarks/results/DATE.json]

`turns.py` says how. A ratio below 0.67, ours taking 1.5 times as long as the best peer, is a cliff.
"""

from __future__ import annotations

from dataclasses import replace

from contenders.workload import OTHERS, WORKLOADS
from turns import Rounds, arguments_of, compare, give, text

BATCHES = (1, 1024)
BATCHED = ("784-128-10", "LeNet", "8-layer CNN", "char LSTM")
SHAPES = (
    *OTHERS,
    *(replace(w, batch=batch) for w in WORKLOADS if w.name in BATCHED for batch in BATCHES),
)


def main() -> None:
    arguments = arguments_of(__doc__)
    give(compare(SHAPES, ["step"], Rounds(2, 3), arguments.threads), "shapes", arguments, text)


if __name__ == "__main__":
    main()
