"""Writes vectors/network.npz, PyTorch's answers to network_cases.py, for the replay that needs no PyTorch.

Run it where PyTorch is installed, after a change of the cases: python tests/oracle/make_network_vectors.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from network_cases import CASES
from network_torch import run_case

SEED = 0


def main() -> None:
    answers: dict[str, Any] = {"torch_version": np.array(torch.__version__.split("+")[0])}
    for name, case in CASES.items():
        for index, array in enumerate(run_case(case, case.inputs(SEED))):
            answers[f"{name}/answer/{index}"] = array
    np.savez_compressed(Path(__file__).parent / "vectors" / "network.npz", **answers)
    print(f"PyTorch {torch.__version__}: wrote {len(CASES)} cases")


if __name__ == "__main__":
    main()
