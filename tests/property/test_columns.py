"""Columns keep every call as it is, and what is merged on them is what is merged on calls one by one."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from any_calls import alike, calls, chunk_of, files, known_texts, many, problems
from latprof.ingest.chunk import Chunk
from latprof.ingest.gather import Gathering
from latprof.ingest.join import join
from latprof.ingest.merge import Merger
from latprof.ingest.once import drop_copies, join_sources
from latprof.ingest.tags import NO_TAGS, TagRules
from latprof.model import BLOCK_TYPES, Block, Call, Problem
from latprof.store.cache import Cache
from latprof.trace import Columns, Trace
from latprof.trace.columns import is_compiled, uses_of
from latprof.trace.origin import Origin
from latprof.trace.picked import PickedColumns


@given(st.lists(calls, max_size=6), st.lists(problems, max_size=3), known_texts)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_calls_come_back_from_a_chunk_as_they_were(items: list[Call], found: list[Problem], reader: str) -> None:
    """None, 0, -0.0, NaN and empty texts are told apart; `repr` shows all of that."""
    chunk = Chunk.from_bytes(Chunk("a.jsonl", "log", Columns.of(items, reader), found, reader).to_bytes())
    assert [repr(call) for call in chunk.columns.calls()] == [repr(call) for call in items]
    assert (chunk.problems, chunk.reader, chunk.path, chunk.state) == (found, reader, "a.jsonl", "log")
    assert chunk.columns.call_ids() == [call.call_id for call in items]


@given(st.lists(calls, max_size=6), st.integers(1, 3), st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_calls_of_a_terse_chunk_are_the_same(items: list[Call], times: int, data: Any) -> None:
    """Picked as they are in a run, all of them and some, and by themselves; also where columns have one value only."""
    before = Columns.of(items * times)
    before.sort_pool()
    chunk = Chunk.from_bytes(Chunk("", "log", before).to_bytes(terse=True))
    assert chunk.uses is not None
    assert chunk.uses.tolist() == uses_of(before.pool, before.codes, before.blocks.coded).tolist()
    columns = PickedColumns.of_rows([chunk.columns], uses=[chunk.uses])
    assert said(columns.plain()) == said(before)
    rows = np.array(data.draw(st.lists(st.integers(0, max(len(before) - 1, 0)), max_size=5)), dtype=np.int64)
    if len(before):
        assert said(chunk.columns.take(rows)) == said(before.take(rows))
        columns.keep(rows)
        expected = before.take(rows)
        for sorted_columns in (columns, expected):
            sorted_columns.sort_pool()
        assert said(columns.plain()) == said(expected)


def said(columns: Columns) -> tuple[object, ...]:
    """Everything that columns hold, the types of numbers and their bits included."""
    arrays: list[Any] = [columns.codes, columns.keys, columns.blocks.counts, columns.blocks.coded]
    arrays += [*columns.numbers.values(), *columns.blocks.numbers.values()]
    ids = [(name, ids.data, ids.lengths.tolist()) for name, ids in columns.ids.items()]
    names = (columns.pool, list(columns.numbers), list(columns.blocks.numbers))
    return (*names, ids, [(array.dtype, array.shape, array.tobytes()) for array in arrays])


@pytest.mark.skipif(not is_compiled(), reason="columns are not compiled here")
@given(st.lists(calls, min_size=1, max_size=6), known_texts)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_compiled_columns_are_those_of_the_python_code(items: list[Call], reader: str) -> None:
    assert said(Columns.of(items, reader)) == said(Columns._of_any(items, reader))


@pytest.mark.skipif(not is_compiled(), reason="columns are not compiled here")
@pytest.mark.parametrize("numbers", [[math.nan], [math.nan, None], [1e300, None], [None, 2**24 + 1], [-0.0, math.inf]])
def test_compiled_columns_of_odd_counts(numbers: list[Any]) -> None:
    """No log has them as counts; a reader of someone else's might."""
    items = [Call("a", "s", input_tokens=number, blocks=(Block("text", characters=number),)) for number in numbers]
    assert said(Columns.of(items)) == said(Columns._of_any(items, ""))


@given(st.lists(st.lists(calls, max_size=3), max_size=4), st.data())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_parts_in_a_row_and_rows_of_them_are_the_calls_of_that_order(parts: list[list[Call]], data: Any) -> None:
    """Putting together, then choosing rows."""
    whole = Columns.concat([Columns.of(part) for part in parts])
    listed = [call for part in parts for call in part]
    assert [repr(call) for call in whole.calls()] == [repr(call) for call in listed]
    rows = data.draw(st.lists(st.integers(0, len(listed) - 1), max_size=5)) if listed else []
    taken = whole.take(np.array(rows, dtype=np.int64))
    taken.sort_pool()
    assert [repr(call) for call in taken.calls()] == [repr(listed[row]) for row in rows]
    assert len(whole) == len(listed)


@given(files)
@many
def test_merging_columns_is_merging_calls(given_files: list[tuple[str, list[Call]]]) -> None:
    """The rules are those of `Merger` and `join`, which take one call after the other."""
    merger = Merger()
    for reader, items in given_files:
        for call in items:
            merger.add(call, reader)
    expected = join(merger.records())
    columns = Columns.concat([Columns.of(items, reader) for reader, items in given_files])
    assert drop_copies(columns) == merger.copies
    whole, taken_in = join_sources(columns)
    assert taken_in == expected.taken_in
    assert [repr(call) for call in whole.calls()] == [repr(call) for call in expected.calls]


@given(files, st.data())
@many
def test_copies_are_dropped_alike_with_what_was_decided_of_others_at_hand(
    given_files: list[tuple[str, list[Call]]], data: Any
) -> None:
    """Of some of the files first, then of all twice: the second time nothing is decided anew."""
    some = data.draw(st.lists(st.sampled_from(given_files), unique_by=id)) if given_files else []
    with TemporaryDirectory() as folder:
        cache = Cache(Path(folder), b"")
        for chosen in (some, given_files, given_files):
            plain, kept = (Columns.concat([Columns.of(items, reader) for reader, items in chosen]) for _ in range(2))
            assert drop_copies(kept, cache) == drop_copies(plain)
            assert [repr(call) for call in kept.calls()] == [repr(call) for call in plain.calls()]


@given(files, st.data())
@many
def test_copies_of_a_kept_piece_are_dropped_as_before(given_files: list[tuple[str, list[Call]]], data: Any) -> None:
    """Of calls that lie in a piece the decision is known by their places; beside others and in another order, too."""
    sizes = [len(items) for _, items in given_files]
    with TemporaryDirectory() as folder:
        cache = Cache(Path(folder), b"")
        for _ in range(3):
            files_now = data.draw(st.permutations(range(len(given_files))))
            new = data.draw(st.sets(st.sampled_from(range(len(given_files))))) if given_files else set()
            starts = np.cumsum([0, *sizes])
            plain, kept = (
                Columns.concat([Columns.of(given_files[k][1], given_files[k][0]) for k in files_now]) for _ in range(2)
            )
            entries = [
                np.full(sizes[k], -1, dtype=np.int32) if k in new else np.arange(*starts[k : k + 2], dtype=np.int32)
                for k in files_now
            ]
            kept.origin = Origin(b"piece", np.concatenate([np.empty(0, dtype=np.int32), *entries]))
            assert drop_copies(kept, cache) == drop_copies(plain)
            assert [repr(call) for call in kept.calls()] == [repr(call) for call in plain.calls()]


@given(files, st.randoms())
@many
def test_the_order_in_which_chunks_arrive_does_not_matter(
    given_files: list[tuple[str, list[Call]]], random: Any
) -> None:
    """Columns, counts and the order of problems are those of the files' own order, to the last byte."""
    places = list(range(len(given_files)))
    shuffled = random.sample(places, len(places))
    results = []
    for order in (places, shuffled):
        gathering = Gathering(TagRules())
        for place in order:
            gathering.add(place, chunk_of(*given_files[place], place), NO_TAGS, named=False)
        found = gathering.problems()
        results.append((Chunk("", "log", gathering.columns(), found).to_bytes(), gathering.formats))
    assert results[0] == results[1]


@given(st.lists(alike, max_size=8), st.data())
@many
def test_a_trace_of_columns_shows_what_the_calls_say(items: list[Call], data: Any) -> None:
    """Its rows are the calls by send time, else end, then id; NaN and None stand for what is not known."""
    later = math.inf
    ordered = sorted(
        items, key=lambda c: (next((at for at in (c.sent_at, c.last_output_at) if at is not None), later), c.call_id)
    )
    whole = Trace.from_calls(items)
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(items), max_size=len(items))), dtype=np.bool_)
    listed = [call for call, keep in zip(ordered, kept, strict=True) if keep]
    for trace, shown in ((whole, ordered), (whole.select(kept), listed)):
        assert trace.texts["call_id"].tolist() == [call.call_id for call in shown]
        assert trace.texts["session_id"].tolist() == [call.session_id for call in shown]
        assert trace.texts["request_id"].tolist() == [call.request_id for call in shown]
        assert trace.flags.tolist() == [call.flags for call in shown]
        assert list(trace.blocks) == [trace.blocks[row] for row in range(len(trace))] == [call.blocks for call in shown]
        for name in ("sent_at", "first_block_at", "output_tokens"):
            known = [None if np.isnan(value) else value for value in trace.numbers[name]]
            assert known == [getattr(call, name) for call in shown]
        codes, categories = trace.codes("host")
        assert [None if code < 0 else categories[code] for code in codes] == [call.host for call in shown]
        assert list(categories) == sorted({call.host for call in shown if call.host})
        assert trace.flag("embedded").tolist() == ["embedded" in call.flags for call in shown]
        columns = trace.blocks_of()
        assert np.diff(columns.offsets).tolist() == [len(call.blocks) for call in shown]
        assert [BLOCK_TYPES[kind] for kind in columns.type] == [block.type for call in shown for block in call.blocks]


@pytest.mark.parametrize("cut", [0, 7, 20, -1])
def test_a_damaged_chunk_is_refused(cut: int) -> None:
    """Cut off anywhere, or with a flipped bit, it is no chunk."""
    data = chunk_of("otlp", [Call("a", "s", message_id="m")]).to_bytes()
    flipped = bytearray(data)
    flipped[cut] ^= 1
    for bad in (data[:cut], bytes(flipped)):
        with pytest.raises(ValueError, match="a chunk"):
            Chunk.from_bytes(bad)


def test_a_count_that_single_precision_cannot_hold_is_kept() -> None:
    """2 to the 24th and one is the first such number."""
    call = replace(Call("a", "s"), input_tokens=2**24 + 1, output_tokens=2**24)
    assert list(Columns.of([call]).calls()) == [call]
    assert Trace.from_calls([call]).numbers["input_tokens"].tolist() == [2.0**24 + 1]
