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


# Ids of all kinds, words, and what stays: years, days, stamps, times of names, names that readers know.
_ANY: st.SearchStrategy[str] = st.one_of(
    st.from_regex(r"[a-z]{2,3}[0-9]{0,2}|[A-Z][a-z]{1,3}|[a-z][0-9]", fullmatch=True),
    st.from_regex(r"[0-9a-f]{4}|[0-9]{3,4}|[0-9]{3}[YZ]|20[0-9]{2}|19[0-9]{2}", fullmatch=True),
    st.from_regex(r"[0-9]{8}|[0-9a-f]{8}|1[0-9]{9}|[0-9a-f]{12}", fullmatch=True),
    st.sampled_from(["session", "id", "ui", "agent1", "agent2", "api", "aid", "gz"]),
    st.uuids(version=4).map(str),
)


@given(st.binary(min_size=32, max_size=32), st.sets(_ANY, min_size=2, max_size=60), st.data())
def test_what_stays_and_what_is_drawn_never_meet(salt: bytes, units: set[str], data: st.DataObject) -> None:
    """Nor do two that file systems without upper and lower case would tell apart become two that they would not."""
    masker = Masker(salt)
    masker.ids.ordered |= data.draw(st.sets(st.sampled_from(sorted(units))))
    masker.ids.looking = True
    for unit in sorted(units):
        masker.identifier(unit)
    masker.settle()
    others = {unit: masker.identifier(unit) for unit in sorted(units)}
    assert len(set(others.values())) == len(units)
    folded = {unit.casefold() for unit in units}
    assert len({other.casefold() for other in others.values()}) >= len(folded)


@pytest.mark.parametrize("number", range(300))
def test_short_ids_of_calls_and_others_of_their_length_stay_apart(number: int) -> None:
    """Hexadecimal ones are drawn by their length, those that put calls in order among all short ones."""
    called, others = [f"a{place:03d}" for place in range(100, 130)], [f"b{place:03d}" for place in range(100, 130)]
    masker = Masker(number.to_bytes(32, "big"))
    masker.ids.ordered |= set(called)
    masker.ids.looking = True
    for unit in (*called, *others):
        masker.identifier(unit)
    masker.settle()
    assert len({masker.identifier(unit) for unit in (*called, *others)}) == 60


@pytest.mark.parametrize("number", range(300))
def test_years_in_names_stay_apart_from_numbers(number: int) -> None:
    """Four digits that are a year stay, others are drawn."""
    masker = Masker(number.to_bytes(32, "big"))
    units = [*map(str, range(2000, 2100)), *map(str, range(3100, 3150))]
    masker.ids.looking = True
    for unit in units:
        masker.identifier(unit)
    masker.settle()
    others = [masker.identifier(unit) for unit in units]
    assert others[:100] == units[:100]
    assert len(set(others)) == len(units)


@pytest.mark.parametrize("number", range(60))
def test_a_uuid_keeps_its_version(number: int) -> None:
    """Readers take times out of those of version 7: another must not become one."""
    masker = Masker(number.to_bytes(32, "big"))
    unit = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    masker.ids.looking = True
    masker.identifier(unit)
    masker.settle()
    other = masker.identifier(unit)
    assert (other[14], other != unit) == ("4", True)


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
