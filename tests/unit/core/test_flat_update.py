"""One step on a layout: any cut gives the same bytes for every rule; groups do what they say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.core import ChainruleError, Tensor, nn, optim
from chainrule.core.flat import FlatLayout
from chainrule.core.optim import FlatUpdate, Group, schedules
from chainrule.core.serialize import load_tensors, save_tensors

LAYOUT = FlatLayout.of({"a.weight": (20, 30), "a.bias": (30,), "b.weight": (3, 3, 5), "b.bias": (7,)})
LINES = LAYOUT.size // 16
NO_VECTORS = Group("*.bias", rule=optim.AdamW(weight_decay=0.0))
SETTINGS: dict[str, tuple[optim.Rule | optim.WholeRule, tuple[Group, ...]]] = {
    "adam": (optim.Adam(), ()),
    "lamb": (optim.LAMB(), ()),
    "muon with adamw": (optim.Muon(), (NO_VECTORS,)),
    "frozen": (optim.LAMB(), (Group("a.weight", frozen=True), Group("b.*", learning_rate=0.5))),
}


def numbers(seed: int) -> np.ndarray:
    """(LAYOUT.size,) float32, 0 in the padding."""
    flat = np.zeros(LAYOUT.size, np.float32)
    rng = np.random.default_rng(seed)
    for view in LAYOUT.views(flat).values():
        view[...] = rng.standard_normal(view.shape)
    return flat


def run(rule: optim.Rule | optim.WholeRule, groups: Sequence[Group], cuts: Sequence[int]) -> bytes:
    """Three steps by the shards between these cuts, from one version of the buffers to the next."""
    bounds = [0, *sorted(cut * 16 for cut in cuts), LAYOUT.size]
    shards = [FlatUpdate(LAYOUT, rule, groups, slice(*pair)) for pair in pairwise(bounds)]
    parameters = numbers(0)
    state = np.zeros((len(shards[0].slots), LAYOUT.size), np.float32)
    for step in (1, 2, 3):
        new_parameters, new_state = np.full_like(parameters, np.nan), np.full_like(state, np.nan)
        for shard in shards:
            gradient, read, read_state = (np.full_like(x, np.nan) for x in (parameters, parameters, state))
            part = shard.reads
            gradient[part], read[part], read_state[:, part] = (
                numbers(step)[part],
                parameters[part],
                state[:, part],
            )
            shard.update(step, gradient, read, list(read_state), new_parameters, list(new_state), factor=0.5)
        parameters, state = new_parameters, new_state
    return parameters.tobytes() + state.tobytes()


@pytest.mark.parametrize("name", SETTINGS)
@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, LINES), max_size=6))
def test_any_cut_into_shards_gives_the_same_bytes_from_what_the_shard_says_it_reads(
    name: str, cuts: list[int]
) -> None:
    rule, groups = SETTINGS[name]
    assert run(rule, groups, cuts) == run(rule, groups, [])


@pytest.mark.parametrize("name", SETTINGS)
def test_an_update_in_place_gives_the_same_bytes(name: str) -> None:
    rule, groups = SETTINGS[name]
    update = FlatUpdate(LAYOUT, rule, groups)
    parameters, state = numbers(0), np.zeros((len(update.slots), LAYOUT.size), np.float32)
    for step in (1, 2, 3):
        update.update(step, numbers(step), parameters, list(state), parameters, list(state), factor=0.5)
    assert parameters.tobytes() + state.tobytes() == run(rule, groups, [])


def test_an_update_in_place_is_refused_where_another_shard_still_needs_the_input() -> None:
    update = FlatUpdate(LAYOUT, optim.LAMB(), part=slice(0, 16))
    buffer = numbers(0)
    state = np.zeros((2, LAYOUT.size), np.float32)
    with pytest.raises(ChainruleError, match=r"a parameter crosses an edge of the shard 0 \.\. 16"):
        update.update(1, numbers(1), buffer, list(state), buffer, list(state))


def test_a_shard_reads_more_than_its_part_only_for_rules_that_need_whole_parameters() -> None:
    part = slice(16, 48)
    assert FlatUpdate(LAYOUT, optim.Adam(), part=part).reads == part
    assert FlatUpdate(LAYOUT, optim.LAMB(), part=part).reads == slice(0, 600)


def test_each_group_is_updated_as_if_it_were_alone_under_its_own_rule() -> None:
    groups = (Group("a.*", learning_rate=0.3, weight_decay=0.2), Group("b.bias", frozen=True))
    parameters, gradient = numbers(0), numbers(1)
    out = np.empty_like(parameters)
    FlatUpdate(LAYOUT, optim.SGD(0.1), groups).update(1, gradient, parameters, (), out, ())
    before, slope, after = (LAYOUT.views(x) for x in (parameters, gradient, out))
    for name, (rate, decay) in {"a.weight": (0.3, 0.2), "a.bias": (0.3, 0.2), "b.weight": (0.1, 0)}.items():
        expected = before[name] - rate * (slope[name] + decay * before[name])
        np.testing.assert_allclose(after[name], expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(after["b.bias"], before["b.bias"])


def test_a_row_of_state_is_named_after_all_its_uses() -> None:
    assert FlatUpdate(LAYOUT, optim.Muon(), [NO_VECTORS]).slots == ("momentum|first_moment", "second_moment")
    assert FlatUpdate(LAYOUT, optim.Adam()).slots == optim.Adam().slots


@pytest.mark.parametrize(
    ("rule", "group", "message"),
    [
        (optim.SGD(), Group("c.*"), r"group 'c\.\*': expected a pattern that matches a parameter"),
        (optim.SGD(), Group("a.*", learning_rate=-1.0), "sgd: expected learning_rate finite and above 0"),
        (optim.Muon(), Group("a.*"), r"muon, parameter a\.bias: expected a matrix, got shape \(30,\)"),
    ],
)
def test_groups_that_cannot_work_are_refused(rule, group: Group, message: str) -> None:
    with pytest.raises(ChainruleError, match=message):
        FlatUpdate(LAYOUT, rule, [group])


def train(optimizer: optim.FlatOptimizer, model: nn.Linear, steps: int) -> None:
    for step in range(steps):
        x = np.random.default_rng(step).standard_normal((5, 4)).astype(np.float32)
        (model(Tensor(x)) ** 2).mean().backward()
        optimizer.step()


def new_optimizer() -> tuple[optim.FlatOptimizer, nn.Linear]:
    model = nn.Linear(4, 3)
    optimizer = optim.FlatOptimizer(
        optim.AdamW(0.05),
        model,
        groups=[Group("bias", frozen=True)],
        schedule=schedules.Exponential(0.9),
        clip_value=0.5,
        clip_norm=0.1,
        average=optim.MovingAverage(0.9),
    )
    return optimizer, model


def test_a_restored_optimizer_continues_to_the_same_bytes() -> None:
    optimizer, model = new_optimizer()
    train(optimizer, model, 3)
    saved = optimizer.save()
    train(optimizer, model, 3)
    other, other_model = new_optimizer()
    other.restore(saved)
    assert other.steps == 3
    train(other, other_model, 3)
    for name, array in optimizer.save().items():
        assert array.tobytes() == other.save()[name].tobytes(), name


def test_a_saved_optimizer_goes_through_a_file_to_the_same_bytes(tmp_path: Path) -> None:
    optimizer, model = new_optimizer()
    train(optimizer, model, 3)
    save_tensors(tmp_path / "optimizer.safetensors", optimizer.save())
    train(optimizer, model, 3)
    other, other_model = new_optimizer()
    other.restore(load_tensors(tmp_path / "optimizer.safetensors")[0])
    train(other, other_model, 3)
    for name, array in optimizer.save().items():
        assert array.tobytes() == other.save()[name].tobytes(), name


def test_what_another_rule_saved_is_refused() -> None:
    optimizer, _ = new_optimizer()
    with pytest.raises(ChainruleError, match="restore, argument saved"):
        optimizer.restore(optim.FlatOptimizer(optim.SGD(), nn.Linear(4, 3)).save())


def test_a_frozen_parameter_stays_and_does_not_count_in_the_norm_of_the_gradient() -> None:
    optimizer, model = new_optimizer()
    assert model.bias is not None
    train(optimizer, model, 2)
    assert not model.bias.data.any()
    views = optimizer.layout.views(optimizer.gradient)
    assert not views["bias"].any()
    assert np.linalg.norm(views["weight"]) == pytest.approx(0.1, rel=1e-5)


def test_a_schedule_at_0_changes_nothing_but_the_state() -> None:
    model = nn.Linear(4, 3)
    before = model.weight.data.copy()
    optimizer = optim.FlatOptimizer(optim.SGD(0.1, momentum=0.9), model, schedule=schedules.WarmUp(5))
    train(optimizer, model, 1)
    np.testing.assert_array_equal(model.weight.data, before)
    assert optimizer.state[0].any()
