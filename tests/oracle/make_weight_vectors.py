"""Writes vectors/weights.npz, PyTorch's weights and outputs for weight_cases.py, to import without PyTorch.

Run it where PyTorch is installed, after a change of the cases: python tests/oracle/make_weight_vectors.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from weight_cases import WEIGHT_CASES
from weights_torch import run_case

SEED = 0


def main() -> None:
    answers: dict[str, Any] = {"torch_version": np.array(torch.__version__.split("+")[0])}
    for name, case in WEIGHT_CASES.items():
        state, answers[f"{name}/outputs"] = run_case(name, case.inputs(SEED), SEED)
        answers.update({f"{name}/state/{key}": value for key, value in state.items()})
    np.savez_compressed(Path(__file__).parent / "vectors" / "weights.npz", **answers)
    print(f"PyTorch {torch.__version__}: wrote {len(WEIGHT_CASES)} cases")


if __name__ == "__main__":
    main()
