"""Laws of the figures: quantiles are monotone, time has no unit of its own, groups add up."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_lines import T0, iso, read
from latprof.formats.claude_code.stamps import seconds_of
from latprof.ingest import merge
from latprof.stats import BY_KEYS, Filters, group_rows, keep, quantile_interval, summarize
from latprof.stats.quantiles import min_calls
from latprof.trace import Trace
from made_calls import made, trace_of

pytestmark = pytest.mark.property

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "claude-code"
NAMES = ("real-1.0.17", "recorded-2.1.329-three-retries", "recorded-2.1.329-plain", "real-2.1.159-api-error")
LOGS = [next((FIXTURES / name / "input").rglob("*.jsonl")).read_bytes() for name in NAMES]
DURATIONS = ("ttft_s", "first_block_s", "wall_s", "as_logged_ttft_s", "tool_s")
RATES = ("wall_tps", "decode_tps", "as_logged_decode_tps")

samples = st.lists(st.tuples(st.floats(0.01, 1e4), st.integers(0, 8)), min_size=1, max_size=120)
probabilities = st.lists(st.floats(0.001, 0.999), min_size=2, max_size=6, unique=True).map(sorted)


@given(samples, probabilities)
def test_quantiles_rise_with_the_probability(sample: list[tuple[float, int]], asked: list[float]) -> None:
    """Shown ones; the thinner tail decides which are shown."""
    calls = [made(n, wall=wall, session_id=f"s{owner}") for n, (wall, owner) in enumerate(sample)]
    (row,) = [r for r in summarize(trace_of(*calls), quantiles=asked).rows if r.metric == "wall_s"]
    shown = [row.quantiles[q] for q in asked if row.quantiles[q] is not None]
    assert all(later >= earlier for earlier, later in pairwise(value for value in shown if value is not None))
    assert [q for q in asked if row.quantiles[q] is not None] == [q for q in asked if len(calls) >= min_calls(q)]
    assert all(min(w for w, _ in sample) - 1e-6 <= (value or 0) <= max(w for w, _ in sample) + 1e-6 for value in shown)


@given(samples, st.floats(0.05, 0.95), st.floats(0.001, 1000))
def test_intervals_follow_a_change_of_unit(sample: list[tuple[float, int]], q: float, factor: float) -> None:
    """Milliseconds instead of seconds give the same interval, times a thousand."""
    sample.sort()
    values, owners = np.array([v for v, _ in sample]), np.array([o for _, o in sample])
    plain, scaled = quantile_interval(values, owners, q), quantile_interval(values * factor, owners, q)
    for one, other in zip(plain, scaled, strict=True):
        assert (one is None) == (other is None)
        assert one is None or other == pytest.approx(one * factor)


@given(samples, st.floats(0.05, 0.95))
def test_an_interval_has_an_end_only_on_values_that_occurred(sample: list[tuple[float, int]], q: float) -> None:
    """Or on the percentile itself, which lies inside; nothing is extrapolated, ends are in order."""
    sample.sort()
    values = np.array([v for v, _ in sample])
    low, high = quantile_interval(values, np.array([o for _, o in sample]), q)
    assert {low, high} <= {None, *values.tolist(), float(np.quantile(values, q))}
    assert low is None or high is None or low <= high


@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=30), st.sampled_from(["model", "project", "effort"]))
def test_groups_part_the_calls_and_filters_find_them_again(names: list[str | None], key: str) -> None:
    """Each call is in one group; filtering by the group's name gives the group."""
    calls = [replace(made(number, at=1.75e9 + number), **{key: name}) for number, name in enumerate(names)]  # type: ignore[arg-type]
    trace = trace_of(*calls)
    groups = group_rows(trace, [key])
    assert sorted(row for rows in groups.values() for row in rows) == list(range(len(names)))
    for (name,), rows in groups.items():
        if name is not None and key != "effort":
            wanted = Filters(models=(name,)) if key == "model" else Filters(projects=(name,))
            kept = keep(trace, wanted)
            assert kept.texts["message_id"].tolist() == trace.texts["message_id"][rows].tolist()


@settings(max_examples=20)
@given(st.sampled_from(LOGS), st.sampled_from(list(BY_KEYS)))
def test_figures_of_groups_add_up(log: bytes, key: str) -> None:
    """n over the groups is n of all, of every metric and kind."""
    trace = Trace.from_calls(read(log)[0])
    whole = {(row.metric, row.kind): row.n for row in summarize(trace).rows}
    parts: dict[tuple[str, str], int] = {}
    for row in summarize(trace, [key]).rows:
        parts[row.metric, row.kind] = parts.get((row.metric, row.kind), 0) + row.n
    assert parts == whole


_STAMPS = {"timestamp"}
_LENGTHS = {"thinkingDurationMs", "toolInputStreamMs", "retryInMs"}


def _slower(value: Any, key: str = "") -> Any:
    """The record with all its times twice as far from the start of time of these tests."""
    if isinstance(value, dict):
        return {name: _slower(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_slower(item) for item in value]
    if key in _LENGTHS and isinstance(value, int | float):
        return value * 2
    if key in _STAMPS and isinstance(value, str):
        at = seconds_of(value)
        assert at is not None
        return iso((at - T0) * 2)
    return value


@pytest.mark.parametrize("log", LOGS, ids=NAMES)
def test_a_log_that_runs_at_half_speed_has_twice_the_durations(log: bytes) -> None:
    """Every stamp and length in the log doubled: each duration doubles, each rate halves, no flag is about speed.

    Only limits in seconds may act: a decoding or a burst that was too short to time may now be long enough, and
    a send time that a wait of a retry puts between two stamps stays there.
    """
    slow = b"".join(json.dumps(_slower(json.loads(line))).encode() + b"\n" for line in log.splitlines())
    before, after = read(log)[0], read(slow)[0]
    limits = {"burst", "suspended", "clock_step"}
    plain = [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if not limits & {*a.flags, *b.flags}]
    one, two = (Trace.from_calls([replace(calls[n], message_id=str(n)) for n in plain]) for calls in (before, after))
    rank = [np.argsort(trace.texts["message_id"].astype(str)) for trace in (one, two)]
    assert len(plain) >= 0.5 * len(before) > 0
    for name in DURATIONS:
        np.testing.assert_allclose(two.column(name)[rank[1]], 2 * one.column(name)[rank[0]], rtol=1e-4, atol=0.003)
    for name in RATES:
        slow_rate, rate = two.column(name)[rank[1]], one.column(name)[rank[0]]
        both = ~np.isnan(slow_rate) & ~np.isnan(rate)
        np.testing.assert_allclose(slow_rate[both], rate[both] / 2, rtol=0.02)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, len(LOGS) - 1), st.floats(0, 1)), max_size=8), st.randoms())
def test_files_in_any_order_and_in_any_state_merge_to_the_same(
    pieces: list[tuple[int, float]], rng: random.Random
) -> None:
    """Prefixes of logs as checkpoints leave them, beside the whole logs: the calls are those of the logs."""
    whole = sorted(repr(call) for log in LOGS for call in read(log)[0])
    parts = list(LOGS)
    for index, share in pieces:
        end = LOGS[index].rfind(b"\n", 0, int(share * len(LOGS[index])) + 1) + 1
        parts.append(LOGS[index][:end])
    rng.shuffle(parts)
    assert sorted(map(repr, merge([call for part in parts for call in read(part)[0]]))) == whole


@given(st.floats(0, 4e9), st.sampled_from(["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia"]))
def test_an_instant_written_and_read_is_the_same_millisecond(at: float, zone: str) -> None:
    """In any zone."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from latprof.units import format_instant

    text = format_instant(at, ZoneInfo(zone))
    assert text is not None
    assert math.isclose(datetime.fromisoformat(text).timestamp(), at, abs_tol=0.000_51)
