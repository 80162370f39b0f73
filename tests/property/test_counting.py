"""Counting and numbering by tables gives what counting one by one and sorting give."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from any_calls import alike, many
from latprof.ingest.twins import rows_alike
from latprof.model import Call
from latprof.trace import Trace
from latprof.trace.pool import coded, numbered

pytestmark = pytest.mark.property


@given(st.lists(alike, max_size=9), st.data())
@many
def test_texts_are_counted_in_the_order_of_their_first_calls(items: list[Call], data: st.DataObject) -> None:
    """Of all calls and of some; ties are shown in that order."""
    trace = Trace.from_calls(items)
    where = np.array(data.draw(st.lists(st.booleans(), min_size=len(items), max_size=len(items))), dtype=np.bool_)
    for name in ("agent", "model", "session_id"):
        assert list(trace.counts(name).items()) == list(Counter(trace.texts[name]).items())
        assert list(trace.counts(name, where).items()) == list(Counter(trace.texts[name][where]).items())


@given(st.lists(st.sampled_from([None, *(f"text {n}" for n in range(40))]), max_size=90), st.data())
def test_codes_are_counted_and_looked_up(texts: list[str | None], data: st.DataObject) -> None:
    """Of few texts and of many, of one and of none: as one by one."""
    codes = coded(texts)
    where = np.array(data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts))), dtype=np.bool_)
    assert list(codes.counts().items()) == list(Counter(texts).items())
    some = [text for text, is_in in zip(texts, where.tolist(), strict=True) if is_in]
    assert list(codes.counts(where).items()) == list(Counter(some).items())
    table = {text: data.draw(st.booleans()) for text in (*codes.categories, None)}
    assert codes.told(np.array(list(table.values()))).tolist() == [table[text] for text in texts]


@given(st.lists(st.integers(0, 20), max_size=12), st.sampled_from([21, 10**6]))
def test_numbers_are_numbered_as_by_sorting(listed: list[int], size: int) -> None:
    """With a table and without room for one."""
    codes = np.array(listed, dtype=np.int64)
    found, place = numbered(codes, size)
    assert found.tolist() == sorted(set(listed))
    assert found[place].tolist() == listed


@given(st.lists(st.sampled_from([0, 1, 2**14, 2**14 + 1, 2**31, 2**32 - 1]), max_size=12))
def test_rows_of_equal_keys_are_grouped(listed: list[int]) -> None:
    """In order, and only where there are two; most keys differ in their upper bits already."""
    groups = rows_alike(np.array(listed, dtype=np.uint32))
    expected = defaultdict(list)
    for row, key in enumerate(listed):
        expected[key].append(row)
    assert [part.tolist() for part in groups.listed()] == [
        expected[key] for key in sorted(expected) if len(expected[key]) > 1
    ]
    assert groups.first.tolist() == [part[0] for part in groups.listed() for _ in part]
