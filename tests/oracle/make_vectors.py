"""Writes vectors/*.npz, PyTorch's answers to every case, for the replay that needs no PyTorch.

Run it where PyTorch is installed, after a change of oracle_cases.py: python tests/oracle/make_vectors.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from oracle_cases import CASES, OPTIMIZERS
from torch_side import run_case, run_optimizer

SEED = 0


def main() -> None:
    folder = Path(__file__).parent / "vectors"
    answers: dict[str, Any] = {"torch_version": np.array(torch.__version__.split("+")[0])}
    for name, case in CASES.items():
        inputs = case.inputs(SEED)
        for index, array in enumerate(inputs):
            answers[f"{name}/input/{index}"] = array
        for index, array in enumerate(run_case(case, inputs)):
            answers[f"{name}/answer/{index}"] = array
    np.savez_compressed(folder / "operations.npz", **answers)
    histories: dict[str, Any] = {name: run_optimizer(case, SEED) for name, case in OPTIMIZERS.items()}
    np.savez_compressed(folder / "optimizers.npz", **histories)
    print(f"PyTorch {torch.__version__}: wrote {len(CASES)} operations, {len(OPTIMIZERS)} optimizers")


if __name__ == "__main__":
    main()
