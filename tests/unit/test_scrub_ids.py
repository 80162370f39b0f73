"""Laws of the ids in scrubbed logs, for any salt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.share.ids import Ids
from latprof.share.masking import Masker

_SHORT = st.from_regex(r"[a-z]{2}[0-9]{0,2}|[a-z][0-9]{1,2}|[A-Za-z]{2,8}|[0-9a-f]{6}", fullmatch=True)


@given(st.binary(min_size=32, max_size=32), st.sets(_SHORT, min_size=2, max_size=40), st.data())
def test_two_ids_never_become_one(salt: bytes, units: set[str], data: st.DataObject) -> None:
    """Whether their order matters or not: keys of tables must stay keys."""
    ids = Ids(salt)
    ids.ordered |= data.draw(st.sets(st.sampled_from(sorted(units))))
    ids.looking = True
    for unit in sorted(units):
        ids.look(unit)
    ids.settle(set())
    others = [ids.of(unit) for unit in sorted(units)]
    assert len(set(others)) == len(units)


@pytest.mark.parametrize("number", range(40))
def test_messages_with_and_without_a_call_keep_their_own_ids(number: int) -> None:
    """Ids of calls are drawn in their order, those of messages without one are not: both stand in one column."""
    called, silent = [f"m{place}" for place in range(1, 13)], [f"k{place}" for place in range(1, 10)]
    masker = Masker(number.to_bytes(32, "big"))
    masker.ids.ordered |= set(called)
    masker.ids.looking = True
    for unit in (*called, *silent):
        masker.identifier(unit)
    masker.settle()
    others = [masker.identifier(unit) for unit in (*called, *silent)]
    assert len(set(others)) == len(called) + len(silent)
    assert sorted(others[: len(called)]) == [masker.identifier(unit) for unit in sorted(called)]
