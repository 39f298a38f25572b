"""Steps of several mini-batches cover each epoch's mini-batches once, and never reach into the next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chainrule.worker.data.batches import Grid
from chainrule.worker.data.steps import Steps


@given(
    samples=st.integers(1, 60), batch=st.integers(1, 20), micro=st.integers(1, 4), together=st.integers(1, 9)
)
def test_the_steps_of_an_epoch_have_each_of_its_mini_batches_once(samples, batch, micro, together):
    steps = Steps(Grid(samples, batch, micro, seed=0, shuffle=True), together)
    for epoch in (0, 3):
        own = range(epoch * steps.per_epoch, (epoch + 1) * steps.per_epoch)
        first = epoch * steps.grid.steps_per_epoch
        batches = [batch for step in own for batch in steps.batches(step)]
        assert batches == list(range(first, first + steps.grid.steps_per_epoch))
        assert sum(map(steps.samples, own)) == samples
        assert max(map(steps.passes, own)) == steps.passes(own[0])
