"""Columns of calls, and the formulas of the durations and rates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from latprof.model import FLAGS, SENT_SOURCES, Block, Call
from latprof.trace import EXPORT_COLUMNS, MIN_DECODE_S, Trace
from latprof.trace.pool import codes_of
from made_calls import NOON, made, trace_of

MEASURES = (
    "ttft_s", "first_block_s", "wall_s", "wall_tps", "decode_tps", "as_logged_ttft_s", "as_logged_decode_tps",
    "tool_s",
)  # fmt: skip
TOOL = (
    Block("text", end_at=NOON + 2),
    Block("tool_use", end_at=NOON + 3, name="Read", result_at=NOON + 3.5),
    Block("tool_use", end_at=NOON + 4, name="Bash", result_at=NOON + 9),
)


def value(call: Call, column: str) -> float | None:
    """The call's value of a column, None for NaN."""
    number = float(trace_of(call).column(column)[0])
    return None if math.isnan(number) else round(number, 6)


def known(call: Call) -> set[str]:
    return {name for name in MEASURES if value(call, name) is not None}


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("ttft_s", 1.0),  # first token at 1 s
        ("first_block_s", 2.0),
        ("wall_s", 4.0),
        ("wall_tps", 22.75),  # 91 tokens in 4 s
        ("decode_tps", 30.0),  # 90 tokens after the first, in 3 s
        ("as_logged_ttft_s", 2.5),  # from the trigger line, half a second before sending
        ("as_logged_decode_tps", 45.5),  # 91 tokens in the 2 s between first and last line
        ("cache_hit_share", 0.8),
    ],
)
def test_each_formula_on_a_call_made_by_hand(column: str, expected: float) -> None:
    """Sent at 0, first token at 1, first block at 2, end at 4 s; 91 tokens; 800 of 1000 input tokens cached."""
    assert value(made(), column) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("field", "lost"),
    [
        ("sent_at", {"ttft_s", "first_block_s", "wall_s", "wall_tps"}),
        ("first_output_at", {"ttft_s", "decode_tps"}),
        ("last_output_at", {"wall_s", "wall_tps", "decode_tps", "as_logged_decode_tps"}),
        ("output_tokens", {"wall_tps", "decode_tps", "as_logged_decode_tps"}),
        ("trigger_at", {"as_logged_ttft_s"}),
    ],
)
def test_an_unknown_part_makes_unknown_what_needs_it(field: str, lost: set[str]) -> None:
    """And nothing else; never 0."""
    full = made(blocks=TOOL)
    assert known(full) == set(MEASURES)
    unknown: dict[str, Any] = {field: None}
    assert known(made(blocks=TOOL, **unknown)) == set(MEASURES) - lost


# What each flag takes away; the meaning of the flag stands in latprof.model.FLAGS.
_ALL_TIMES = set(MEASURES)
SPOILS = {
    "interrupted": {"wall_s", "wall_tps", "decode_tps"},
    "retried": {"wall_tps", "decode_tps"},
    "non_streamed": {"ttft_s", "first_block_s", "wall_tps", "decode_tps"},
    "burst": {"decode_tps"},
    "server_tools": {"wall_tps", "decode_tps"},
    "multi_iteration": {"wall_tps", "decode_tps"},
    "sidechain": set(),
    "embedded": set(),
    "timestamp_unreliable": _ALL_TIMES,
    "clock_step": _ALL_TIMES,
    "suspended": _ALL_TIMES,
    "fast": set(),
    "possible_retry": set(),
    "first_of_process": set(),
    "side_call": set(),
    "no_date": set(),
    "whole_seconds": {"ttft_s", "decode_tps"},
    "server_side": set(),
    "cached_response": _ALL_TIMES,
    "batched_chunks": set(),
}


def test_every_flag_is_tested_here() -> None:
    """A new flag needs a decision."""
    assert SPOILS.keys() == FLAGS.keys()


@pytest.mark.parametrize("flag", list(SPOILS))
def test_a_flag_takes_a_call_out_of_what_it_spoils(flag: str) -> None:
    """Rates need a plain call, durations a steady clock."""
    assert set(MEASURES) - known(made(blocks=TOOL, flags=(flag,))) == SPOILS[flag]


@pytest.mark.parametrize("flag", [name for name, spoiled in SPOILS.items() if "wall_tps" in spoiled])
def test_the_model_and_the_trace_agree_on_what_counts_for_rates(flag: str) -> None:
    """The rule is written in two places."""
    call = made(flags=(flag,))
    assert call.rates_usable is (value(call, "wall_tps") is not None) is False
    assert call.durations_usable is (value(call, "as_logged_ttft_s") is not None)


@pytest.mark.parametrize("source", [*SENT_SOURCES, None])
def test_a_first_token_time_is_exact_or_not_there(source: str | None) -> None:
    """Only a send time that the log states gives a TTFT; the wall time then is a bound."""
    exact = {
        "otel_attempt", "api_request_line", "load_generator", "span_start", "request_log", "record_start", "duration",
    }  # fmt: skip
    stated = source in exact
    trace = trace_of(made(sent_source=source))
    assert trace.column("ttft_kind")[0] == ("exact" if stated else None)
    assert trace.column("wall_kind")[0] == ("exact" if stated else "bound")
    assert trace.column("decode_kind")[0] == "exact"


@pytest.mark.parametrize("source", ["first_block_end", "otel_ttft", "stream_event_ttft", None])
def test_other_first_output_sources_are_no_first_token(source: str | None) -> None:
    """A block's end and the message's start are not the first token."""
    call = made(first_output_source=source)
    assert known(call) & {"ttft_s", "decode_tps"} == set()
    assert trace_of(call).column("decode_kind")[0] is None


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"first_output_at": NOON - 1}, "ttft_s"),
        ({"last_output_at": NOON - 1}, "wall_s"),
        ({"first_output_at": NOON + 5}, "decode_tps"),
        ({"trigger_at": NOON + 3}, "as_logged_ttft_s"),
    ],
)
def test_a_negative_span_is_no_duration(fields: dict[str, Any], lost: str) -> None:
    """Clocks may step; a difference below zero is unknown."""
    assert value(made(**fields), lost) is None


def test_spans_of_no_length_are_durations_but_give_no_rate() -> None:
    """0 s is a time; tokens in 0 s are no speed."""
    call = made(wall=0.0, first_output_at=NOON, blocks=(Block("text", end_at=NOON),))
    assert [value(call, name) for name in ("ttft_s", "first_block_s", "wall_s")] == [0.0, 0.0, 0.0]
    assert [value(call, name) for name in ("wall_tps", "decode_tps", "as_logged_decode_tps")] == [None, None, None]


@pytest.mark.parametrize(("length", "counted"), [(MIN_DECODE_S * 0.96, False), (MIN_DECODE_S * 1.04, True)])
def test_decoding_that_is_too_short_to_time_has_no_speed(length: float, *, counted: bool) -> None:
    """Stamps are good to a few milliseconds."""
    call = made(wall=1 + length, blocks=(Block("text", end_at=NOON + 1 + length),))
    assert (value(call, "decode_tps") is not None) is counted


def test_one_token_has_no_decode_speed() -> None:
    """Speed is that of the tokens after the first."""
    assert value(made(output_tokens=1), "decode_tps") is None
    assert value(made(output_tokens=1), "wall_tps") == 0.25


def test_no_input_has_no_cache_share() -> None:
    """0 of 0 is unknown, 0 of some is 0."""
    assert value(made(input_tokens=0, cache_read_tokens=0), "cache_hit_share") is None
    assert value(made(cache_read_tokens=0), "cache_hit_share") == 0.0
    assert value(made(cache_read_tokens=None), "cache_hit_share") is None


def test_tool_time_runs_from_the_first_tool_call_to_the_last_result() -> None:
    """Read called at 3 s, Bash answered at 9 s."""
    assert value(made(blocks=TOOL), "tool_s") == 6.0


@pytest.mark.parametrize("name", ["AskUserQuestion", "ExitPlanMode"])
def test_tools_that_ask_a_person_do_not_count_as_tool_time(name: str) -> None:
    """A person's minutes are not a tool's; a real tool beside it still counts."""
    asked = Block("tool_use", end_at=NOON + 2, name=name, result_at=NOON + 500)
    assert value(made(blocks=(asked,)), "tool_s") is None
    assert value(made(blocks=(asked, *TOOL)), "tool_s") == 6.0


def test_a_tool_without_result_has_no_time() -> None:
    """Not yet answered, or cut off."""
    assert value(made(blocks=(Block("tool_use", end_at=NOON, name="Bash"),)), "tool_s") is None


def test_calls_stand_in_the_order_of_their_send_times() -> None:
    """Without one the end counts, without both they come last; ties by id."""
    calls = [
        made(1, at=NOON + 9),
        made(2, sent_at=None, last_output_at=NOON + 5),
        made(3, sent_at=None, last_output_at=None),
        made(5, at=NOON),
        made(4, at=NOON),
    ]
    assert trace_of(*calls).texts["message_id"].tolist() == ["m4", "m5", "m2", "m1", "m3"]


def test_selecting_keeps_all_columns_in_step() -> None:
    """Texts, numbers, flags and blocks of the chosen rows."""
    trace = trace_of(*(made(n, at=NOON + n, wall=2.0 + n, flags=("fast",) if n % 2 else ()) for n in range(6)))
    picked = trace.select(trace.flag("fast"))
    assert len(picked) == 3
    assert picked.column("message_id").tolist() == ["m1", "m3", "m5"]
    assert picked.column("wall_s").tolist() == [3.0, 5.0, 7.0]
    assert picked.column("flags").tolist() == ["fast"] * 3
    assert [blocks[-1].end_at for blocks in picked.blocks] == [NOON + 4, NOON + 8, NOON + 12]


def test_an_empty_trace_has_all_columns() -> None:
    """Of length 0."""
    assert {len(Trace.from_calls([]).column(name)) for name in EXPORT_COLUMNS} == {0}


def test_a_name_that_is_no_column_is_a_key_error() -> None:
    """No attribute of the class can be had as a column."""
    for name in ("colour", "texts", "select", "_timed"):
        with pytest.raises(KeyError):
            trace_of(made()).column(name)


def test_a_frame_has_the_export_columns_and_their_types() -> None:
    """Instants in UTC, counts as nullable integers, durations as floats."""
    frame = trace_of(made(1), made(2, blocks=TOOL)).to_frame()
    assert list(frame.columns) == list(EXPORT_COLUMNS)
    for name in EXPORT_COLUMNS:
        kind = frame[name].dtype
        if name.endswith("_at"):
            assert isinstance(kind, pd.DatetimeTZDtype), name
            assert str(kind.tz) == "UTC", name
        elif name.endswith("_tokens") or name == "attempts":
            assert kind == "Int64", name
        elif name.endswith(("_s", "_tps")):
            assert kind == np.float64, name
    assert frame["sent_at"][0] == pd.Timestamp("2026-03-02T12:00:00Z")
    assert frame["wall_s"].tolist() == [4.0, 4.0]


def test_unknown_values_are_missing_in_a_frame() -> None:
    """NaT, NA, NaN or None by type of column, never 0 or an empty text."""
    bare = Call(agent="claude-code", session_id="s", attempts=None)
    frame = trace_of(bare).to_frame()
    there = {name for name in EXPORT_COLUMNS if not frame[name].isna()[0]}
    assert there == {"agent", "session_id", "call_id", "trigger", "output_tokens_kind"}
    assert (frame["trigger"][0], frame["output_tokens_kind"][0]) == ("unknown", "unknown")


def test_zero_is_not_missing_in_a_frame() -> None:
    """No cache is known to be none."""
    frame = trace_of(made(cache_read_tokens=0, output_tokens=None)).to_frame()
    assert frame["cache_read_tokens"][0] == 0
    assert frame["output_tokens"].isna()[0]


def test_types_of_a_frame_do_not_depend_on_the_calls() -> None:
    """A column of unknowns has the type of a column of knowns, or frames could not be joined."""
    full = trace_of(made(agent_version="2.1", agent_id="a", effort="high", flags=("fast",))).to_frame()
    bare = trace_of(Call(agent="claude-code", session_id="s", attempts=None)).to_frame()
    assert {name: str(bare[name].dtype) for name in ("effort", "agent_id", "model", "flags", "ttft_kind")} == {
        name: str(full[name].dtype) for name in ("effort", "agent_id", "model", "flags", "ttft_kind")
    }


def test_a_frame_holds_milliseconds_without_dust() -> None:
    """A float's error is not a time."""
    frame = trace_of(made(at=NOON + 0.123, trigger_at=None)).to_frame()
    assert frame["sent_at"][0] == pd.Timestamp("2026-03-02T12:00:00.123Z")


@pytest.mark.parametrize(
    ("column", "nothing", "codes", "names"),
    [
        ([1, 0, 2, -1, 1], 0, [1, -1, 0, -1, 1], ("a", "b")),
        ([0, 0, 0], 0, [-1, -1, -1], ()),
        ([0, -1, 0], 0, [-1, -1, -1], ()),
        ([2, 0, 2], 0, [0, -1, 0], ("a",)),
        ([2, 2, 2], 0, [0, 0, 0], ("a",)),
        ([1, 0, 2], -1, [2, 0, 1], ("", "a", "b")),
        ([], 0, [], ()),
    ],
)
def test_a_code_may_stand_for_nothing(
    column: list[int], nothing: int, codes: list[int], names: tuple[str, ...]
) -> None:
    """The empty text of most columns: its calls have none, and it is no category."""
    found = codes_of(np.array(column, dtype=np.int8), ("", "b", "a"), nothing)
    assert found.codes.tolist() == codes
    assert found.categories == names
    assert found.is_one == (len(set(codes)) == 1)
