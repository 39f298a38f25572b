"""The models of model_cases.py trained by chainrule."""

from __future__ import annotations

import numpy as np
from model_cases import ModelCase, initial
from threadpoolctl import threadpool_limits

from chainrule.core import Tensor, losses, no_grad, optim
from chainrule.core.nn import EVALUATION, ForwardContext


@threadpool_limits.wrap(limits=1)  # so little work is slower on more threads
def train(case: ModelCase) -> np.ndarray:
    """(STEPS + 1,): the loss of each step before its update, and that of one more batch in evaluation."""
    model, _ = initial(case)
    optimizer = optim.FlatOptimizer(case.rule, model, clip_norm=case.clip_norm)
    *batches, last = case.batches()
    history = []
    for step, (inputs, labels) in enumerate(batches, start=1):
        outputs = model(Tensor(inputs), ForwardContext(training=True, step=step))
        loss = losses.softmax_cross_entropy(outputs, labels)
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    with no_grad():
        history.append(losses.softmax_cross_entropy(model(Tensor(last[0]), EVALUATION), last[1]).item())
    return np.array(history)
