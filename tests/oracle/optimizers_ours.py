"""The cases of optimizer_cases.py computed by chainrule."""

from __future__ import annotations

import numpy as np
from optimizer_cases import RATES, SHAPES, RuleCase, ScheduleCase, gradients, starts, watched

from chainrule.core.flat import FlatLayout
from chainrule.core.optim import FlatUpdate
from chainrule.core.optim.schedules import Plateau, PlateauState


def run_rule(case: RuleCase, seed: int) -> np.ndarray:
    """(STEPS, elements): all parameters after each step."""
    layout = FlatLayout.of(SHAPES)
    update = FlatUpdate(layout, case.rule, case.groups)
    parameters, gradient = np.zeros((2, layout.size), np.float32)
    state = np.zeros((len(update.slots), layout.size), np.float32)
    for name, values in starts().items():
        layout.views(parameters)[name][...] = values
    history = []
    for step, given in enumerate(gradients(seed), start=1):
        for name, view in layout.views(gradient).items():
            view[...] = given[name]
        update.update(step, gradient, parameters, list(state), parameters, list(state))
        history.append(np.concatenate([view.ravel().copy() for view in layout.views(parameters).values()]))
    return np.stack(history)


def run_schedule(case: ScheduleCase) -> np.ndarray:
    """(RATES,) float64: the learning rate of each step."""
    return np.array([0.5 * case.schedule(step) for step in range(1, RATES + 1)])


def run_plateau(plateau: Plateau) -> np.ndarray:
    """(RATES,) float64: the learning rate after each value."""
    state, rates = PlateauState(), []
    for value in watched():
        state = plateau.observe(state, float(value))
        rates.append(0.5 * state.factor)
    return np.array(rates)
