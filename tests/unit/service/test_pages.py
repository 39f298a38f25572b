"""Page tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.service.jobs.errors import Reason, ServiceFault
from chainrule.service.jobs.job import JOB_ID
from chainrule.service.jobs.pages import Position, decode_token, encode_token

POSITIONS = st.builds(Position, st.integers(0, 2**62), st.from_regex(JOB_ID, fullmatch=True))


@given(POSITIONS)
def test_a_token_leads_back_to_its_position(position: Position) -> None:
    assert decode_token(encode_token(position)) == position


@given(POSITIONS, st.data())
def test_a_token_with_one_character_changed_is_refused(position: Position, data: st.DataObject) -> None:
    token = encode_token(position)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCXYZabcxyz019-_").filter(lambda letter: letter != token[place]))
    changed = token[:place] + other + token[place + 1 :]
    decoded, reason = position, Reason.PAGE_TOKEN_INVALID
    try:
        # The last character may have bits that mean nothing.
        decoded = decode_token(changed)
    except ServiceFault as fault:
        reason = fault.reason
    assert (decoded, reason) == (position, Reason.PAGE_TOKEN_INVALID)


@given(st.text(max_size=50))
def test_any_other_text_is_refused(text: str) -> None:
    if text:
        with pytest.raises(ServiceFault, match="pass next_page_token unchanged"):
            decode_token(text)
