"""Times six networks, a whole training step and the forward pass alone: ours, PyTorch, torch.compile and JAX.

    python benchmarks/workloads.py [--threads N] [--output json] [--save benchmarks/results/DATE.json]

`turns.py` says how.
"""

from __future__ import annotations

from contenders.workload import WORKLOADS
from turns import MODES, Rounds, arguments_of, compare, give, text


def main() -> None:
    arguments = arguments_of(__doc__)
    give(compare(WORKLOADS, list(MODES), Rounds(), arguments.threads), "workloads", arguments, text)


if __name__ == "__main__":
    main()
