"""latprof's own exports, read again: the same calls with the same figures."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.formats import Source, formats
from latprof.formats.base import SNIFF_BYTES
from latprof.ingest import read_inputs
from latprof.model import FLAGS, Block, Call
from latprof.trace import Trace
from made_calls import NOON, made
from round_trip import FORMATS, HALF_A_MILLISECOND, INSTANTS, NAMES, again, assert_same, exported, read

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
ESTIMATED = {"ttft_kind": "estimate", "decode_kind": "estimate", "first_output_at": None}


each_name = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def logs() -> list[Call]:
    """The calls of all fixtures that are no exports themselves."""
    folders = [str(path) for path in FIXTURES.iterdir() if path.is_dir() and not path.name.startswith("latprof-")]
    return read_inputs(folders).calls


@each_name
def test_an_export_of_all_fixtures_reads_as_it_was(logs: list[Call], name: str) -> None:
    """All agents, dated or not, in any zone."""
    assert len(logs) > 200
    assert_same(Trace.from_calls(logs), Trace.from_calls(again(logs, name)))
    far = timezone(timedelta(hours=-9, minutes=-30))
    assert_same(Trace.from_calls(logs), Trace.from_calls(again(logs, name, tz=far)))


@pytest.mark.parametrize("name", ["jsonl", "parquet"])
def test_blocks_come_back_whole(logs: list[Call], name: str) -> None:
    """Type, name, sizes and times to the millisecond."""
    before = {call.call_id: call.blocks for call in logs if "no_date" not in call.flags}
    after = {call.call_id: call.blocks for call in again(logs, name)}
    for call_id, blocks in before.items():
        assert [(b.type, b.name, b.characters, b.tokens, b.signature_characters) for b in after[call_id]] == [
            (b.type, b.name, b.characters, b.tokens, b.signature_characters) for b in blocks
        ]
        for one, two in zip(blocks, after[call_id], strict=True):
            pairs = [(one.start_at, two.start_at), (one.end_at, two.end_at), (one.result_at, two.result_at)]
            assert [left is None for left, _ in pairs] == [right is None for _, right in pairs]
            assert all(abs(x - y) <= HALF_A_MILLISECOND for x, y in pairs if x is not None and y is not None)


def test_a_table_keeps_the_first_block_and_the_time_of_tools() -> None:
    """It has no blocks, but the durations tell the end of the first one."""
    tool = Block("tool_use", end_at=NOON + 4, name="Bash", result_at=NOON + 9)
    (call,) = again([made(blocks=(Block("thinking", end_at=NOON + 2.5), tool))], "csv")
    assert call.blocks == (Block("other", end_at=NOON + 2.5),)
    assert call.tool_s == 5
    trace = Trace.from_calls([call])
    assert trace.column("as_logged_ttft_s").tolist() == [3.0]


def test_the_first_shown_output_is_no_block() -> None:
    """Without a first token the bound may be the time to another output; then no block is made up."""
    (call,) = again([made(first_output_source="first_shown")], "csv")
    assert (call.first_output_at, call.first_output_source, call.blocks) == (NOON + 1, "first_shown", ())


some_instants = st.floats(1.7e9, 1.8e9)
small = st.just(0.0) | st.floats(0.002, 300) | st.integers(1, 300_000).map(lambda millis: millis / 1000)
names = st.none() | st.text(st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"]), min_size=1, max_size=12).filter(
    lambda text: not text.startswith("'")
)


@st.composite
def any_calls(draw: st.DrawFn) -> Call:
    """A call with any of its parts unknown, its instants in any order of size."""
    sent = draw(some_instants)
    first = sent + draw(small)
    block = first + draw(small)
    last = block + draw(small)
    maybe = st.booleans()

    def seen(name: str, at: float, *sources: str) -> dict[str, Any]:
        known = draw(maybe)
        return {
            f"{name}_at": at if known else None,
            f"{name}_source": draw(st.sampled_from(sources)) if known else None,
        }

    tokens = draw(st.none() | st.integers(1, 90_000))
    tool = Block("tool_use", end_at=last, name="Bash", result_at=last + draw(small), characters=7)
    shown = Block("text", end_at=block if draw(maybe) else None, start_at=first)
    flags = draw(st.sets(st.sampled_from(sorted(set(FLAGS) - {"no_date"})), max_size=2))
    return Call(
        agent=draw(st.sampled_from(["codex", "pi"])),
        session_id=draw(names) or "",
        message_id=draw(names),
        request_id=draw(names),
        model=draw(names),
        project=draw(names),
        trigger=draw(st.sampled_from(["user", "tool_result", "unknown"])),
        trigger_at=sent - 1 if draw(maybe) else None,
        attempts=draw(st.none() | st.integers(1, 5)),
        output_tokens=tokens,
        output_tokens_source=None if tokens is None else "usage",
        reasoning_tokens=None if tokens is None else draw(st.none() | st.integers(0, tokens)),
        input_tokens=draw(st.none() | st.integers(0, 10**6)),
        flags=tuple(flag for flag in FLAGS if flag in flags),
        blocks=draw(st.sampled_from([(), (shown,), (tool,), (shown, tool)])),
        **seen("sent", sent, "span_start", "trigger_line"),
        **seen("first_output", first, "first_token", "first_shown"),
        **seen("last_output", last, "stream_end", "record_written"),
    )


@pytest.mark.property
@each_name
@settings(max_examples=60)
@given(found=st.lists(any_calls(), min_size=1, max_size=4, unique_by=lambda call: call.call_id))
def test_any_calls_come_back(name: str, found: list[Call]) -> None:
    """Whatever is known, in whatever precision."""
    back = again(found, name)
    assert_same(Trace.from_calls(found), Trace.from_calls(back))
    assert_same(Trace.from_calls(back), Trace.from_calls(again(back, name)))


@pytest.mark.property
@each_name
@settings(max_examples=30)
@given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6))
def test_damaged_bytes_never_raise(name: str, places: list[tuple[float, int]]) -> None:
    """A few bytes changed anywhere."""
    raw = bytearray(exported([made(1), made(2, sent_at=None, sent_source=None)], name))
    for place, value in places:
        raw[int(place * len(raw))] = value
    FORMATS[name].sniff("x", bytes(raw))
    found, problems = read(bytes(raw), name)
    assert len(found) <= 2 + len(problems)


@each_name
def test_calls_without_a_date_keep_their_figures(name: str) -> None:
    """Only durations are written; instants count from an arbitrary zero as before."""
    undated = replace(
        made(1, at=100.25, wall=4.5, blocks=(), sent_source="load_generator", first_output_source="first_token",
             last_output_source="load_generator", request_id=None, trigger="synthetic", trigger_at=None),
        flags=("no_date",),
    )  # fmt: skip
    (call,) = again([undated], name)
    assert (call.sent_at, call.first_output_at, call.last_output_at) == (100.25, 101.25, 104.75)
    assert call.flags == ("no_date",)
    assert call.call_id == undated.call_id


def test_a_call_without_date_and_durations_is_still_known_to_have_been_sent() -> None:
    """Its id keeps the start."""
    bare = made(1, at=44.0, blocks=(), request_id=None, first_output_at=None, first_output_source=None,
                last_output_at=None, last_output_source=None, trigger_at=None, flags=("no_date",))  # fmt: skip
    (call,) = again([bare], "csv")
    assert (call.sent_at, call.sent_source, call.call_id) == (44.0, bare.sent_source, bare.call_id)


def test_an_export_without_its_instants_keeps_its_durations() -> None:
    """Who takes out the dates before handing it on leaves the figures."""
    table = pd.read_csv(io.BytesIO(exported([made(1)], "csv"))).drop(columns=INSTANTS)
    (call,), _ = read(table.to_csv(index=False).encode(), "csv")
    trace = Trace.from_calls([call])
    assert [trace.column(key)[0] for key in ("ttft_s", "wall_s", "decode_tps")] == [1.0, 4.0, 30.0]
    assert "no_date" in call.flags


def test_an_export_without_ids_keeps_each_row_apart() -> None:
    """Two rows are two calls, the same file twice is none more."""
    table = pd.read_csv(io.BytesIO(exported([made(1), made(2)], "csv")))
    masked = table.drop(columns=["call_id", "message_id", "request_id", "session_id"]).assign(effort=["low", "high"])
    data = masked.to_csv(index=False).encode()
    found, _ = read(data, "csv")
    assert len({call.call_id for call in found}) == 2
    assert {call.call_id for call in read(data, "csv")[0]} == {call.call_id for call in found}


def test_hashed_ids_stay_as_the_export_has_them() -> None:
    """The call's id is what the column says, not what follows from the others."""
    table = pd.read_csv(io.BytesIO(exported([made(1)], "csv"))).assign(call_id="9f2c", session_id="41aa")
    (call,), _ = read(table.to_csv(index=False).encode(), "csv")
    assert (call.call_id, call.session_id) == ("9f2c", "41aa")


def test_columns_in_another_order_with_others_between_are_read() -> None:
    """By their names; counts that became decimals are counts."""
    table = pd.read_csv(io.BytesIO(exported([made(1), made(2, input_tokens=None)], "csv")))
    mixed = table[sorted(table.columns)].assign(note="x")
    assert "1000.0" in mixed.to_csv(index=False)
    found, problems = read(mixed.to_csv(index=False).encode(), "csv")
    assert (problems, [call.input_tokens for call in found]) == ([], [1000, None])


def test_two_exports_in_one_file_are_one() -> None:
    """The header in the middle is no row."""
    one, two = exported([made(1)], "csv"), exported([made(2), made(1)], "csv")
    found, problems = read(one + two, "csv")
    assert ([call.message_id for call in found], problems) == (["m1", "m2"], [])


@pytest.mark.parametrize("text", ["=1+1", "-x", "@a", " +b", "'quoted", "plain", "a,b", 'c"d'])
def test_what_guards_a_spreadsheet_is_taken_off_again(text: str) -> None:
    """One apostrophe before what looks like a formula."""
    (call,) = again([made(project=text)], "csv")
    assert call.project == text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"trigger": "magic"}, {"trigger": "unknown"}),
        ({"sent_source": "magic"}, {"sent_source": None, "sent_at": None}),
        ({"sent_at": "yesterday", "ttft_s": None, "wall_s": None, "first_block_s": None}, {"sent_source": None}),
        ({"flags": ["magic", "fast", 3]}, {"flags": ("fast",)}),
        ({"output_tokens": 0}, {"output_tokens": None, "output_tokens_source": None}),
        ({"output_tokens_source": "magic"}, {"output_tokens": None}),
        ({"attempts": 0}, {"attempts": None}),
        ({"blocks": "none"}, {"blocks": (Block("other", end_at=NOON + 2),)}),
        ({"blocks": [3, {"type": "magic"}]}, {"blocks": (Block("other"),)}),
        ({"ttft_s": 77.0}, {"first_output_at": NOON + 1}),
        ({"wall_s": -5}, {"last_output_at": NOON + 4}),
        (ESTIMATED, {"first_output_at": None, "first_output_source": None}),
    ],
)
def test_values_that_cannot_be_are_unknown(change: dict[str, Any], expected: dict[str, Any]) -> None:
    """Words of a later version, numbers that contradict the stamps, other types."""
    row = json.loads(exported([made(1)], "jsonl"))
    (call,), _ = read(json.dumps(row | change).encode(), "jsonl")
    for field, value in expected.items():
        assert getattr(call, field) == value, field


@pytest.mark.parametrize("agent", [None, "", 5])
def test_a_row_without_an_agent_is_no_call(agent: Any) -> None:
    """It is counted."""
    row = json.loads(exported([made(1)], "jsonl"))
    found, problems = read(json.dumps(row | {"agent": agent}).encode(), "jsonl")
    assert (found, [(p.kind, p.line) for p in problems]) == ([], [("bad_record", 1)])


def test_whole_seconds_stay_bounds() -> None:
    """The second that was added is taken off before and added again."""
    before = made(1, flags=("whole_seconds",), blocks=())
    (call,) = again([before], "csv")
    assert call.last_output_at == NOON + 4
    assert Trace.from_calls([call]).column("wall_s").tolist() == [5.0]


@pytest.mark.parametrize(
    "header",
    [
        "metric,unit,trigger,model,kind,n,coverage,sessions,p50",
        "agent,model,sent_at,wall_s",
        "note agent sent_source last_output_source wall_kind output_tokens_kind",
        "",
    ],
)
def test_other_tables_are_not_claimed(header: str) -> None:
    """Such as the figures of an analysis."""
    assert [item.name for item in formats() if item.sniff("x.csv", header.encode() + b"\n1,2\n")] == []


def test_an_empty_export_is_claimed_and_holds_nothing() -> None:
    """A table has its header even then."""
    for name in ("csv", "parquet"):
        data = exported([], name)
        assert FORMATS[name].sniff("x", data)
        assert read(data, name) == ([], [])


def test_a_long_line_is_told_by_its_start() -> None:
    """A call with many blocks is longer than what is looked at."""
    data = exported([made(1, blocks=(Block("text", end_at=NOON + 2),) * 900)], "jsonl")
    assert len(data) > SNIFF_BYTES
    assert FORMATS["jsonl"].sniff("x", data[:SNIFF_BYTES])


def test_a_large_parquet_file_is_told_by_its_end(tmp_path: Path) -> None:
    """Names of columns stand there; the head of a source brings them."""
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(exported([made(n) for n in range(50)], "parquet")))
    noise = np.random.default_rng(1).bytes(3_000_000)
    wide = table.slice(0, 1).add_column(0, "aaa", pa.array([noise]))
    pq.write_table(wide, tmp_path / "x.parquet")
    source = Source.from_path(tmp_path / "x.parquet")
    assert b"wall_kind" not in (tmp_path / "x.parquet").read_bytes()[:SNIFF_BYTES]
    assert FORMATS["parquet"].sniff("x", source.head())
    assert len([item for item in FORMATS["parquet"].read(source) if isinstance(item, Call)]) == 1


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_written_by_others_has_other_units(unit: str) -> None:
    """pandas and databases choose their own; without a zone it is UTC."""
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(exported([made(1)], "parquet")))
    place = table.column_names.index("sent_at")
    plain = table.column("sent_at").cast(pa.timestamp(unit, tz="UTC")).cast(pa.timestamp(unit))
    sink = pa.BufferOutputStream()
    pq.write_table(table.set_column(place, "sent_at", plain), sink)
    (call,), _ = read(sink.getvalue().to_pybytes(), "parquet")
    assert call.sent_at == NOON


def test_reading_needs_the_heavy_package_only_for_parquet() -> None:
    """The others stay fast."""
    import subprocess
    import sys

    code = "import sys, latprof.formats; latprof.formats.formats(); print('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "False"
