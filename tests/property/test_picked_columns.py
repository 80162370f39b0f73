"""Columns of which rows were picked say what plain columns say that had the same done to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from any_calls import alike, calls, files, many
from latprof.ingest.chunk import Chunk
from latprof.ingest.join import join
from latprof.ingest.merge import Merger
from latprof.ingest.once import drop_copies, join_sources
from latprof.model import Block, Call
from latprof.trace import Columns, Trace
from latprof.trace.derived import DERIVED
from latprof.trace.origin import Origin
from latprof.trace.picked import PickedColumns
from latprof.trace.stored import Store
from latprof.trace.stored_columns import StoredColumns

pytestmark = pytest.mark.property
Step = Callable[[Columns], Columns]
lists = st.lists(st.lists(calls | alike, max_size=4), min_size=1, max_size=3)


def picked(parts: list[list[Call]]) -> Columns:
    """The calls of some parts, as they come from the cache."""
    return PickedColumns.of_rows([Columns.of(items, "otlp") for items in parts])


def plain(parts: list[list[Call]]) -> Columns:
    return Columns.concat([Columns.of(items, "otlp") for items in parts])


def keeping(rows: list[int]) -> Step:
    def step(columns: Columns) -> Columns:
        columns.keep(np.array([row % len(columns) for row in rows] if len(columns) else [], dtype=np.int64))
        return columns

    return step


def sorting(columns: Columns) -> Columns:
    columns.sort_pool()
    return columns


def tagging(columns: Columns) -> Columns:
    pool = tuple(dict.fromkeys((*columns.pool, "new host")))
    columns.recode(pool, {"host": np.full(len(columns), pool.index("new host"), dtype=np.int32)})
    return columns


def asking(columns: Columns) -> Columns:
    """What was asked for before must not be told after the rows are others."""
    columns.code("model"), columns.number("sent_at"), columns.blocks.first_end_at(), columns.texts("message_id")
    for name in DERIVED:
        columns.derived(name)
    return columns


def writing(columns: Columns) -> Columns:
    """Picked columns as they come back from the next run's cache."""
    if not columns.is_picked:
        return columns
    piece = columns.plain()
    piece.sort_pool()
    chunk = Chunk.from_bytes(Chunk("", "log", piece).to_bytes(terse=True))
    again = PickedColumns.of_rows([chunk.columns], uses=[chunk.uses])
    again.origin = columns.origin
    return again


def joining(parts: list[list[Call]], *, first: bool) -> Step:
    """Put other calls before or behind."""

    def step(columns: Columns) -> Columns:
        return Columns.concat([plain(parts), columns] if first else [columns, plain(parts)])

    return step


steps = st.lists(
    st.one_of(
        st.just(sorting),
        st.just(tagging),
        st.just(asking),
        st.just(writing),
        st.lists(st.integers(0, 99), max_size=6).map(keeping),
        lists.map(lambda parts: joining(parts, first=True)),
        lists.map(lambda parts: joining(parts, first=False)),
    ),
    max_size=5,
)


def said(columns: Columns) -> bytes:
    columns.sort_pool()
    return Chunk("", "log", columns).to_bytes()


@given(lists, steps, st.data())
@many
def test_whatever_is_done_to_them_they_say_the_same(parts: list[list[Call]], done: list[Step], data: Any) -> None:
    """To the last byte, all calls and some."""
    one, two = picked(parts), plain(parts)
    for step in done:
        one, two = step(one), step(two)
    assert one.is_picked
    assert not one.is_stored
    rows = data.draw(st.lists(st.integers(0, len(two) - 1), max_size=5)) if len(two) else []
    for chosen in (None, np.array(rows, dtype=np.int64)):
        assert one.call_ids(chosen) == two.call_ids(chosen)
        for name in ("agent", "message_id", "host", "flags"):
            assert one.texts(name, chosen) == two.texts(name, chosen)
        for name in ("sent_at", "output_tokens", "tool_s"):
            np.testing.assert_array_equal(one.number(name, chosen), two.number(name, chosen))
        for name in DERIVED:
            np.testing.assert_array_equal(one.derived(name, chosen), two.derived(name, chosen))
        np.testing.assert_array_equal(one.blocks.first_end_at(chosen), two.blocks.first_end_at(chosen))
    assert said(one.take(np.array(rows, dtype=np.int64))) == said(two.take(np.array(rows, dtype=np.int64)))
    assert [repr(call) for call in one.calls()] == [repr(call) for call in two.calls()]
    assert said(one) == said(two)


def test_several_signatures_of_a_call_are_all_found() -> None:
    """Beside calls that show one or none."""
    sizes = ((30, 300), (40, None), (50, 500), (None, 70), (60, 600))
    shown = [Block(type="thinking", characters=size, signature_characters=length) for size, length in sizes]
    made_calls = [Call(agent="a", session_id="s", stated_id=str(k), blocks=tuple(some)) for k, some in enumerate(
        (shown, shown[:1], [], shown[1:2], shown[2:])
    )]  # fmt: skip
    trace = Trace.from_columns(PickedColumns.of_rows([Columns.of(made_calls)]))
    rows = {trace.texts["call_id"][row]: row for row in range(len(trace))}
    for chosen, expected in (
        ("01234", [300, 300, 500, 500, 600, 600]),
        ("13", [300]),
        ("2", []),
        ("04", [300, 500, 500, 600, 600]),
    ):
        found = trace.shown_signatures(np.array([rows[name] for name in chosen]))
        assert sorted(found.tolist()) == expected


@given(parts=lists, done=steps, rows=st.lists(st.integers(0, 100), max_size=6, unique=True))
@settings(many, max_examples=40)
def test_signatures_beside_shown_thinking_are_those_of_the_blocks(
    parts: list[list[Call]], done: list[Step], rows: list[int]
) -> None:
    """Of some calls, however many each of them shows; whatever was done to the columns."""
    columns = picked(parts)
    for step in done:
        columns = step(columns)
    trace = Trace.from_columns(columns)
    chosen = np.array([row for row in rows if row < len(trace)], dtype=np.int64)
    expected = [
        float(block.signature_characters)
        for row in chosen.tolist()
        for block in trace.blocks[row]
        if block.characters and block.signature_characters
    ]
    assert sorted(trace.shown_signatures(chosen).tolist()) == sorted(expected)


@given(parts=lists, done=steps, are_picked=st.booleans())
@settings(many, max_examples=40)
def test_calls_of_a_kept_piece_are_known_wherever_they_go(
    parts: list[list[Call]], done: list[Step], *, are_picked: bool
) -> None:
    """Each stands for itself in the piece, and others for nothing; two pieces together are none."""
    every = [call for part in parts for call in part]
    before = [replace(call, stated_id=f"kept {number}") for number, call in enumerate(every)]
    columns = PickedColumns.of_rows([Columns.of(before)]) if are_picked else Columns.of(before)
    columns.origin = Origin.whole(b"piece", len(before))
    for step in done:
        columns = step(columns)
    if columns.origin is None:  # plain columns joined with others are new ones
        assert not are_picked
        return
    for text, entry in zip(columns.texts("stated_id"), columns.origin.entries.tolist(), strict=True):
        assert text == f"kept {entry}" if entry >= 0 else not (text or "").startswith("kept ")
    other = PickedColumns.of_rows([Columns.of(before)])
    other.origin = Origin.whole(b"another", len(before))
    assert Columns.concat([other, columns]).origin is None


@given(lists, steps)
@settings(many, max_examples=40)
def test_they_can_be_laid_on_disk(parts: list[list[Call]], done: list[Step]) -> None:
    """Where more and more calls come."""
    one, two = picked(parts), plain(parts)
    for step in done:
        one, two = step(one), step(two)
    stored = StoredColumns.of_parts([one], Store())
    assert said(stored) == said(two)


@given(st.lists(st.lists(alike, max_size=4), min_size=1, max_size=3), st.data())
@settings(many, max_examples=30)
def test_a_trace_of_them_is_the_same(parts: list[list[Call]], data: Any) -> None:
    """Every column that an export has, of all calls, of some, and of calls that were moved or renamed."""
    one, two = Trace.from_columns(picked(parts)), Trace.from_columns(plain(parts))
    size = len(two)
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), dtype=np.bool_)
    ways: tuple[Callable[[Trace], Trace], ...] = (
        lambda trace: trace, lambda trace: trace.select(chosen), lambda trace: trace.moved(np.arange(float(size))),
        lambda trace: trace.with_texts({"host": str.upper}),
    )  # fmt: skip
    for way in ways:
        first, second = way(one), way(two)
        assert first.to_frame().equals(second.to_frame())
        assert list(first.blocks) == list(second.blocks)
        for name, column in first.blocks_of()._asdict().items():
            assert repr(column) == repr(getattr(second.blocks_of(), name))


def test_only_what_is_asked_for_is_put_together() -> None:
    """And the parts stay as they came."""
    part = Columns.of([Call(agent="a", session_id="s", message_id=f"m{number}", sent_at=number) for number in range(9)])
    before = Chunk("", "log", part).to_bytes()
    columns: Any = PickedColumns.of_rows([part])
    columns.keep(np.array([8, 0, 3]))
    columns.keep(np.array([2, 0]))
    assert columns.number("sent_at").tolist() == [3.0, 8.0]
    assert columns.texts("message_id") == ["m3", "m8"]
    assert (set(columns.numbers.made), set(columns.codes.made)) == ({"sent_at"}, set())
    assert Chunk("", "log", part).to_bytes() == before
    with pytest.raises(KeyError):
        columns.numbers["tool_s"]
    with pytest.raises(TypeError):
        columns.numbers["sent_at"] = part.numbers["sent_at"]


@st.composite
def copied(draw: st.DrawFn) -> list[tuple[str, list[Call]]]:
    """Files with calls that are in another one, too, as they are or with another owner."""
    given_files = draw(files)
    others: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {},
        optional={
            "session_id": st.sampled_from(("s1", "s2", "later")),
            "engineer": st.sampled_from((None, "bo")),
            "host": st.sampled_from((None, "mac2")),
        },
    )
    return given_files + [
        (reader, [replace(call, **draw(others)) for call in items])
        for reader, items in draw(st.lists(st.sampled_from(given_files), max_size=3) if given_files else st.just([]))
    ]


@given(given_files=copied(), from_cache=st.booleans())
@many
def test_copies_that_tell_the_same_are_dropped_by_the_rules(
    given_files: list[tuple[str, list[Call]]], *, from_cache: bool
) -> None:
    """Which are those of `Merger` and `join`, however the columns are kept."""
    merger = Merger()
    for reader, items in given_files:
        for call in items:
            merger.add(call, reader)
    expected = join(merger.records())
    parts = [Columns.of(items, reader) for reader, items in given_files]
    columns = PickedColumns.of_rows(parts or [Columns.none()]) if from_cache else Columns.concat(parts)
    assert drop_copies(columns) == merger.copies
    whole, taken_in = join_sources(columns)
    assert taken_in == expected.taken_in
    assert [repr(call) for call in whole.calls()] == [repr(call) for call in expected.calls]
