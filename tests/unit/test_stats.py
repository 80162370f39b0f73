"""Percentiles, intervals, groups, filters and summaries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from latprof.errors import UsageError
from latprof.model import Block, Call
from latprof.stats import BY_KEYS, Filters, group_rows, keep, min_calls, quantile_interval, summarize
from latprof.stats.quantiles import student_t_quantile
from latprof.trace import Trace

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()


def call(number: int, *, session: str = "s", wall: float = 4.0, at: float = NOON, **more: object) -> Call:
    """A plain exact call of 4 s with 101 tokens, first token after 2 s."""
    fields: dict[str, object] = {
        "agent": "claude-code",
        "session_id": session,
        "message_id": f"m{number}",
        "request_id": f"r{number}",
        "model": "a",
        "trigger": "user",
        "trigger_at": at - 0.1,
        "sent_at": at,
        "sent_source": "api_request_line",
        "first_output_at": at + wall / 2,
        "first_output_source": "block_start",
        "last_output_source": "last_block_end",
        "last_output_at": at + wall,
        "output_tokens": 101,
        "output_tokens_source": "stop_reason",
        "input_tokens": 1000,
        "cache_read_tokens": 900,
        "blocks": (Block("text", end_at=at + wall * 0.75), Block("text", end_at=at + wall)),
    }
    return Call(**(fields | more))  # type: ignore[arg-type]


def trace(*calls: Call) -> Trace:
    return Trace.from_calls(calls)


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (9, 2.262), (20, 2.086), (60, 2.000), (1000, 1.962)],
)
def test_student_t_agrees_with_the_printed_table(degrees: int, expected: float) -> None:
    """The two-sided 5 % column of any table of Student's t."""
    assert student_t_quantile(0.975, degrees) == pytest.approx(expected, abs=0.0006)


def test_refusal_limits_are_three_calls_in_the_thinner_tail() -> None:
    """6 calls for a median, 30 for p10 and p90, 300 for p99, 3,000 for p99.9."""
    assert [min_calls(p) for p in (0.5, 0.1, 0.9, 0.99, 0.999)] == [6, 30, 30, 300, 3000]


def test_one_session_gives_no_interval() -> None:
    """Nothing can be said about other sessions from one."""
    assert quantile_interval(np.arange(100.0), np.zeros(100, dtype=np.int64), 0.5) == (None, None)


def test_sessions_of_one_call_each_give_nearly_the_usual_interval() -> None:
    """Independent calls: the order statistics around 500 plus and minus 1.96 times sqrt(250), about 469 to 531."""
    low, high = quantile_interval(np.arange(1000.0), np.arange(1000), 0.5)
    assert low is not None
    assert high is not None
    assert low == pytest.approx(469, abs=4)
    assert high == pytest.approx(531, abs=4)


def test_calls_that_repeat_within_sessions_add_no_certainty() -> None:
    """Ten equal calls in each of 40 sessions are worth 40 calls, not 400."""
    levels = np.arange(40.0)
    once = quantile_interval(levels, np.arange(40), 0.5)
    tenfold = quantile_interval(np.repeat(levels, 10), np.repeat(np.arange(40), 10), 0.5)
    assert tenfold == pytest.approx(once, abs=1)


def _coverage(sessions: int, repeats: int, *, clustered: bool) -> float:
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(repeats):
        owners = np.repeat(np.arange(sessions), rng.geometric(1 / 30, size=sessions))
        values = rng.normal(0, 0.5, sessions)[owners] + rng.normal(0, 0.5, len(owners))
        order = np.argsort(values)
        labels = owners[order] if clustered else np.arange(len(owners))
        low, high = quantile_interval(values[order], labels, 0.5)
        held += (low is None or low <= 0) and (high is None or high >= 0)
    return held / repeats


def test_the_interval_holds_the_true_median_as_often_as_it_says() -> None:
    """Sessions of different level and size: at least 93 % of 300 draws; ignoring sessions under 60 %."""
    assert _coverage(15, 300, clustered=True) >= 0.93
    assert _coverage(15, 300, clustered=False) < 0.6


def test_durations_and_rates_follow_their_formulas() -> None:
    """TTFT 2 s, wall 4 s, decode 100 tokens in 2 s, wall rate 101 tokens in 4 s, as-logged as the post had it."""
    one = trace(call(1))
    expected = {
        "ttft_s": 2.0,
        "first_block_s": 3.0,
        "wall_s": 4.0,
        "decode_tps": 50.0,
        "wall_tps": 25.25,
        "as_logged_ttft_s": 3.1,
        "as_logged_decode_tps": 101.0,
        "cache_hit_share": 0.9,
    }
    assert {name: pytest.approx(one.column(name)[0]) for name in expected} == expected


@pytest.mark.parametrize(
    ("flag", "unknown"),
    [
        ("interrupted", {"wall_s", "wall_tps", "decode_tps"}),
        ("retried", {"wall_tps", "decode_tps"}),
        ("non_streamed", {"ttft_s", "first_block_s", "wall_tps", "decode_tps"}),
        ("burst", {"decode_tps"}),
        ("server_tools", {"wall_tps", "decode_tps"}),
        ("clock_step", {"ttft_s", "first_block_s", "wall_s", "wall_tps", "decode_tps"}),
        ("suspended", {"ttft_s", "first_block_s", "wall_s", "wall_tps", "decode_tps"}),
    ],
)
def test_flags_take_calls_out_of_what_they_spoil(flag: str, unknown: set[str]) -> None:
    """And out of nothing else."""
    one = trace(call(1, flags=(flag,)))
    names = ("ttft_s", "first_block_s", "wall_s", "wall_tps", "decode_tps")
    assert {name for name in names if math.isnan(one.column(name)[0])} == unknown


@pytest.mark.parametrize(
    ("sent", "first", "kinds"),
    [
        ("api_request_line", "block_start", ("exact", "exact", "exact")),
        ("trigger_line", "block_start", (None, "bound", "exact")),
        ("api_request_line", None, (None, "exact", None)),
        ("retry_adjusted", None, (None, "bound", None)),
    ],
)
def test_kinds_follow_from_the_sources(sent: str, first: str | None, kinds: tuple[str | None, ...]) -> None:
    """TTFT needs both ends, the whole call its send time, decode the first token only."""
    one = trace(call(1, sent_source=sent, first_output_source=first))
    assert tuple(one.column(f"{name}_kind")[0] for name in ("ttft", "wall", "decode")) == kinds


def test_missing_values_stay_missing_in_a_frame() -> None:
    """Unknown tokens are NA, unknown instants NaT, unknown names None; known ones keep their type."""
    frame = trace(call(1), call(2, output_tokens=None, sent_at=None, model=None)).to_frame()
    assert frame["output_tokens"].dtype == "Int64"
    assert str(frame["sent_at"].dt.tz) == "UTC"
    unknown = frame[frame["message_id"] == "m2"]
    assert unknown[["output_tokens", "sent_at", "model", "wall_s"]].isna().to_numpy().all()


def test_a_summary_counts_what_each_figure_rests_on() -> None:
    """n, coverage and sessions per group; too few calls are refused with the reason."""
    calls = [call(i, session=f"s{i % 4}", wall=1.0 + i) for i in range(40)]
    calls += [call(100 + i, model="b", output_tokens=None, output_tokens_source=None) for i in range(4)]
    rows = {(row.metric, row.group["model"]): row for row in summarize(trace(*calls), ["model"]).rows}
    wall = rows["wall_s", "a"]
    assert (wall.n, wall.coverage, wall.sessions, wall.kind) == (40, 1.0, 4, "exact")
    assert wall.quantiles[0.5] == pytest.approx(20.5)
    assert wall.quantiles[0.99] is None
    assert wall.refused == {0.99: "needs 300 calls, has 40"}
    assert ("output_tokens", "b") not in rows
    assert rows["wall_s", "b"].quantiles == {0.1: None, 0.5: None, 0.9: None, 0.99: None}


def test_exact_and_bounded_calls_are_never_mixed() -> None:
    """Two rows, each with its own n and coverage."""
    calls = [call(i, sent_source="api_request_line" if i < 6 else "trigger_line") for i in range(20)]
    rows = {row.kind: row for row in summarize(trace(*calls)).rows if row.metric == "wall_s"}
    assert {kind: (row.n, row.coverage) for kind, row in rows.items()} == {"exact": (6, 0.3), "bound": (14, 0.7)}


def test_every_grouping_key_gives_a_name_per_call() -> None:
    """Names, sizes and times, in the zone that is asked for."""
    one = trace(call(1, flags=("sidechain",), effort="high", at=datetime(2026, 3, 1, 23, 30, tzinfo=UTC).timestamp()))
    berlin = ZoneInfo("Europe/Berlin")
    found = {key: next(iter(group_rows(one, [key], berlin)))[0] for key in BY_KEYS}
    assert found["part"] == "sub-agent"
    assert found["context"] == "000k-010k"
    assert (found["day"], found["hour"], found["weekday"]) == ("2026-03-02", "00", "1 Mon")
    assert (found["effort"], found["speed"]) == ("high", None)


def test_days_follow_the_change_of_clocks() -> None:
    """In Berlin 29 March 2026 has 23 hours: 00:30 UTC is 01:30, 01:30 UTC is 03:30."""
    stamps = [datetime(2026, 3, 29, hour, 30, tzinfo=UTC).timestamp() for hour in (0, 1)]
    found = group_rows(trace(*(call(i, at=at) for i, at in enumerate(stamps))), ["hour"], ZoneInfo("Europe/Berlin"))
    assert list(found) == [("01",), ("03",)]


def _kept(calls: Sequence[Call], **wanted: object) -> list[str]:
    kept = keep(trace(*calls), Filters(**wanted))  # type: ignore[arg-type]
    return [str(name) for name in kept.texts["message_id"]]


def test_filters_keep_what_they_name() -> None:
    """Since is included, until is not; patterns match whole names; a project by its last folder."""
    calls = [
        call(1, model="claude-opus-4-7", project="/home/dev/shop", at=NOON),
        call(2, model="claude-haiku-4-5", project="/home/dev/bank", at=NOON + 60),
        call(3, model=None, project=None, at=NOON + 120),
    ]
    assert _kept(calls, since=NOON + 60, until=NOON + 120) == ["m2"]
    assert _kept(calls, models=("claude-*",)) == ["m1", "m2"]
    assert _kept(calls, models=("opus",)) == []
    assert _kept(calls, projects=("shop", "/home/dev/bank/")) == ["m1", "m2"]
    assert _kept(calls) == ["m1", "m2", "m3"]


def test_an_unknown_grouping_is_a_usage_error() -> None:
    """The library raises what the command line shows."""
    from latprof.api import Loaded, analyze
    from latprof.ingest import Reading

    with pytest.raises(UsageError, match="colour"):
        analyze(Loaded(trace(call(1)), Reading()), by=["colour"])


def test_an_empty_trace_has_no_rows() -> None:
    """No calls, no figures, no error."""
    assert summarize(trace(), ["model"]).rows == ()
    assert len(trace().to_frame()) == 0
