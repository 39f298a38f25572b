"""Dynamic loss scaling: when the scale grows and shrinks, and what becomes of a step that overflows."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.core import ChainruleError, Tensor, nn, optim


def test_the_scale_grows_after_as_many_good_steps_in_a_row_as_the_interval() -> None:
    scale = optim.LossScale(value=8.0, interval=3)
    for finite in (True, True, False, True, True):
        scale = scale.after(finite)
    assert scale == optim.LossScale(value=4.0, good_steps=2, interval=3)
    assert scale.after(True) == optim.LossScale(value=8.0, interval=3)


def test_the_scale_never_falls_below_its_minimum() -> None:
    assert optim.LossScale(value=2.0, minimum=2.0).after(False).value == 2.0


def test_an_update_is_left_out_on_overflow_unless_no_smaller_scale_is_left() -> None:
    assert optim.LossScale(value=2.0).skips(finite=False)
    assert not optim.LossScale(value=2.0).skips(finite=True)
    assert not optim.LossScale(value=1.0).skips(finite=False)


def test_a_scale_that_cannot_work_is_refused() -> None:
    with pytest.raises(ChainruleError, match="loss scale: expected backoff above 0 and below 1, got 2"):
        optim.LossScale(backoff=2.0)


def scaled(rule: optim.Rule, scale: optim.LossScale | None) -> tuple[nn.Linear, optim.FlatOptimizer]:
    model = nn.Linear(3, 2)
    return model, optim.FlatOptimizer(rule, model, clip_norm=0.5, loss_scale=scale)


def test_an_overflow_halves_the_scale_and_changes_nothing_else() -> None:
    model, optimizer = scaled(optim.Adam(), optim.LossScale())
    (model(Tensor(np.ones((4, 3), np.float32))) * 65536.0).sum().backward()
    optimizer.step()
    before = optimizer.save()
    model.weight.grad = Tensor(np.full((3, 2), np.inf, np.float32))
    optimizer.step()
    after = optimizer.save()
    np.testing.assert_array_equal(after.pop("loss_scale"), [32768.0, 0])
    np.testing.assert_array_equal(before.pop("loss_scale"), [65536.0, 1])
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)


def test_scaled_steps_are_the_bytes_of_unscaled_ones_and_continue_from_what_was_saved() -> None:
    x = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    trained = []
    for scale in (None, optim.LossScale(value=1024.0, interval=2)):
        model, optimizer = scaled(optim.SGD(0.1, momentum=0.9), scale)
        for step in range(5):
            loss = (model(Tensor(x)) * model(Tensor(x))).sum()
            (loss if optimizer.loss_scale is None else loss * optimizer.loss_scale.value).backward()
            optimizer.step()
            if step == 2:
                saved = optimizer.save()
                model, optimizer = scaled(optim.SGD(0.1, momentum=0.9), scale)
                optimizer.restore(saved)
        trained.append(optimizer.parameters.tobytes())
        if optimizer.loss_scale is not None:
            assert optimizer.loss_scale.value == 4096.0
    assert trained[0] == trained[1]
