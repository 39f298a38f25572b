"""What exceptions mean for a job."""

from __future__ import annotations

from chainrule.worker.failures import describe_failure
from chainrule.worker.reports import Reason


def test_too_little_memory_is_no_mystery_and_says_what_to_change() -> None:
    reason, message = describe_failure(MemoryError("Unable to allocate 37.3 GiB"))
    assert reason is Reason.OUT_OF_MEMORY
    assert "37.3 GiB" in message
    assert "fewer units" in message
