"""The cases of optimizer_cases.py computed by PyTorch.

Run it after a change of them, to write the vectors: python tests/oracle/optimizers_torch.py
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from optimizer_cases import (
    PLATEAUS,
    RATES,
    RULES,
    SCHEDULES,
    RuleCase,
    ScheduleCase,
    gradients,
    starts,
    watched,
)

SEED = 0


def run_rule(case: RuleCase, seed: int) -> np.ndarray:
    """(STEPS, elements): all parameters after each step."""
    parameters = {name: torch.nn.Parameter(torch.tensor(values)) for name, values in starts().items()}
    groups = [{"params": [tensor], **case.their_groups.get(name, {})} for name, tensor in parameters.items()]
    optimizer = getattr(torch.optim, case.torch)(groups, **case.theirs)
    history = []
    for given in gradients(seed):
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(given[name])
        optimizer.step()
        history.append(np.concatenate([p.detach().numpy().ravel().copy() for p in parameters.values()]))
    return np.stack(history)


def run_schedule(case: ScheduleCase) -> np.ndarray:
    """(RATES,) float64: the learning rate of each step."""
    optimizer = _optimizer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR itself uses what PyTorch has deprecated
        scheduler = case.theirs(torch.optim.lr_scheduler, optimizer)
        rates = []
        for step in range(RATES):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if step < RATES - 1:
                scheduler.step()
    return np.array(rates, dtype=np.float64)


def run_plateau(arguments: dict[str, Any]) -> np.ndarray:
    """(RATES,) float64: the learning rate after each value."""
    optimizer = _optimizer()
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **arguments)
    rates = []
    for value in watched():
        scheduler.step(float(value))
        rates.append(optimizer.param_groups[0]["lr"])
    return np.array(rates, dtype=np.float64)


def _optimizer() -> Any:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)


def main() -> None:
    answers: dict[str, Any] = {"torch_version": np.array(torch.__version__.split("+")[0])}
    answers |= {f"rule/{name}": run_rule(case, SEED) for name, case in RULES.items()}
    answers |= {f"schedule/{name}": run_schedule(case) for name, case in SCHEDULES.items()}
    answers |= {f"plateau/{name}": run_plateau(case[1]) for name, case in PLATEAUS.items()}
    np.savez_compressed(Path(__file__).parent / "vectors" / "rules_and_schedules.npz", **answers)
    print(f"PyTorch {torch.__version__}: wrote {len(answers) - 1} answers")


if __name__ == "__main__":
    main()
