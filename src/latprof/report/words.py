"""The paragraph in plain words: what is known, what is not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from latprof.metrics import Metric, metric
from latprof.model import FLAGS, LAST_OUTPUT_SOURCES, SENT_SOURCES, Kind
from latprof.stats import Method, MetricRow, Summary, Waiting, is_of_method, summarize
from latprof.stats import waiting as sums_of
from latprof.stats.cuts import quantiles_of_rows
from latprof.stats.grouping import of_agents
from latprof.stats.quantiles import min_calls
from latprof.trace import Trace
from latprof.trace.numbers import is_nothing
from latprof.units import format_count, format_duration, format_share, format_value

if TYPE_CHECKING:
    from latprof.estimate import Group

__all__ = ["describe", "is_told"]

_Floats = NDArray[np.float64]
# What makes bounds of fewer of them is no reason worth a word.
_RARE: Final = 0.05
# Metrics whose medians over all calls are told.
_TOLD: Final = frozenset({"ttft_s", "first_block_s", "wall_s", "decode_tps", "wall_tps"})
_Rows = dict[tuple[str, str], MetricRow]
_NOTABLE_FLAGS = (
    "interrupted", "retried", "non_streamed", "burst", "server_tools", "multi_iteration", "suspended", "clock_step",
    "timestamp_unreliable",
)  # fmt: skip


def is_told(metric: Metric, kind: Kind, method: Method) -> bool:
    """Whether `describe` needs the median of that metric and kind."""
    return metric.key in _TOLD and is_of_method(metric, kind, method)


def describe(
    trace: Trace,
    overall: Summary,
    waiting: Waiting | None = None,
    groups: Sequence[Group] = (),
    method: Method = "best",
) -> tuple[str, ...]:
    """Sentences over all calls, or over those of each agent; empty figures are left out, never guessed.

    `overall` has the medians of all calls that `is_told` asks for.
    """
    if not len(trace):
        return ("No calls found.",)
    rows: _Rows = {(row.metric, row.kind): row for row in overall.rows}
    agents = trace.counts("agent")
    told = _of_each(trace, agents, method) if len(agents) > 1 else _times(trace, rows, waiting)
    trap = _trap(trace, rows) if method in {"best", "as-logged"} else ""
    notes = [*told, trap, _refused(groups, rows, method), _left_out(trace)]
    return tuple(note for note in notes if note)


def _times(trace: Trace, rows: _Rows, waiting: Waiting | None) -> list[str]:
    return [_share(trace, waiting), _first_token(trace, rows), _whole_call(trace, rows), _speed(trace, rows)]


def _of_each(trace: Trace, agents: Counter[str | None], method: Method) -> list[str]:
    """A paragraph for each agent, load generators last: a median over several of them would mean nothing."""
    notes: list[str] = []
    parts = [(agent, trace.select(trace.texts["agent"] == agent)) for agent, _ in agents.most_common()]
    for agent, part in sorted(parts, key=lambda item: not len(of_agents(item[1]))):
        found = summarize(part, quantiles=(0.5,), wanted=lambda _, metric, kind: is_told(metric, kind, method)).rows
        rows: _Rows = {(row.metric, row.kind): row for row in found}
        said = [text for text in _times(part, rows, sums_of(part)) if text]
        if len(said) > 1:
            notes.append(f"{agent}: {' '.join(said)}")
    return notes


def _share(trace: Trace, waiting: Waiting | None) -> str:
    """Which share of waiting is first token, which is decoding, which is tools."""
    if waiting is None:
        return ""
    low, high = waiting.interval
    spread = "" if low is None or high is None else f", 95 % interval {format_share(low)} to {format_share(high)}"
    kind = (
        "estimated" if waiting.estimated == waiting.n else "stated" if not waiting.estimated else "estimated or stated"
    )
    calls, part = format_count(waiting.n), format_share(waiting.n / len(trace))
    text = (
        f"Where the time goes: of {format_duration(waiting.wall_s)} in {calls} calls ({part} of all; first token "
        f"{kind}), {format_share(waiting.first_share)}{spread} is waiting for the first token and "
        f"{format_share(1 - waiting.first_share)} is decoding."
    )
    if not waiting.tools_s:
        return text
    total = waiting.wall_s + waiting.tools_s
    return (
        f"{text} Tools took at most another {format_duration(waiting.tools_s)} after these calls: first token "
        f"{format_share(waiting.first_s / total)}, decoding {format_share(waiting.decode_s / total)}, tools "
        f"{format_share(waiting.tools_s / total)} of both together."
    )


def _refused(groups: Sequence[Group], rows: _Rows, method: Method) -> str:
    """Models whose first token could not be estimated, and why."""
    shown = [f"{group.model}: {group.refused}" for group in groups if group.refused]
    bounds = any(
        row.kind == "bound" and is_told(metric(row.metric), row.kind, method) and row.quantiles.get(0.5) is not None
        for row in rows.values()
    )
    instead = ", bounds stand instead" if bounds else ""
    return f"Not estimated{instead}: {'; '.join(shown)}." if shown else ""


def _median(row: MetricRow | None) -> str | None:
    if row is None or row.quantiles.get(0.5) is None:
        return None
    unit = "" if row.unit in {"1", "share"} else f" {row.unit}"
    text = format_value(row.quantiles[0.5], row.unit) + unit
    low, high = row.intervals[0.5]
    if low is None or high is None:
        return text
    return f"{text} (95 % interval {format_value(low, row.unit)} to {format_value(high, row.unit)})"


def _first_token(trace: Trace, rows: _Rows) -> str:
    exact, bound = rows.get(("ttft_s", "exact")), rows.get(("first_block_s", "bound"))
    estimate = rows.get(("ttft_s", "estimate"))
    known = exact.n if exact is not None else 0
    parts: list[str] = []
    if estimate is not None and (text := _median(estimate)):
        parts.append(
            f"First token: {text} after sending at the median, estimated from the ends of blocks of "
            f"{format_count(estimate.n)} calls ({format_share(estimate.coverage)}; latprof explain shows how)."
        )
    if exact is not None:
        parts.append(
            f"{'The' if parts else 'First token: the'} log states it for {format_count(known)} of "
            f"{format_count(len(trace))} calls ({format_share(known / len(trace))}), with a median of "
            f"{_median(exact) or 'no figure, too few calls'}."
        )
    if bound is not None and known < len(trace) and (least := _median(bound)) is not None:
        if known:
            absent = "For others it is not in the log; it"
        elif shown := int(trace.first_output_exactly.sum()):
            absent = (
                f"First token: of {format_count(shown)} of {format_count(len(trace))} calls the log states when it "
                "came, but not when the call was sent; it"
            )
        else:
            absent = "First token: not in the log; it"
        parts.append(
            f"{'For certain it' if estimate is not None else absent} came at most {least} after sending at the median "
            f"of {format_count(bound.n)} calls (end of the first block, or first output shown)."
        )
    return " ".join(parts)


def _whole_call(trace: Trace, rows: _Rows) -> str:
    exact, bound = rows.get(("wall_s", "exact")), rows.get(("wall_s", "bound"))
    parts = []
    if exact is not None and (text := _median(exact)):
        parts.append(f"A whole call took {text} at the median of {format_count(exact.n)} calls (exact).")
    if bound is not None and (text := _median(bound)):
        parts.append(
            f"A whole call took at most {text} at the median of {format_count(bound.n)} calls: {_why_bound(trace)}."
        )
    return " ".join(parts)


def _why_bound(trace: Trace) -> str:
    """What makes bounds of the times of whole calls; rare reasons are left out."""
    rows = ~np.isnan(trace.wall_s) & ~trace.wall_exactly
    enough = _RARE * rows.sum()
    found: list[str] = []
    for name, sources, what in (
        ("sent_source", SENT_SOURCES, "the send time is early"),
        ("last_output_source", LAST_OUTPUT_SOURCES, "the end is late"),
    ):
        counts = trace.counts(name, rows).most_common()
        why = [
            sources[key].meaning for key, n in counts if n >= enough and key in sources and sources[key].side != "exact"
        ]
        found += [f"{what} ({'; '.join(why)})"] if why else []
    found += ["stamps are whole seconds"] if (rows & trace.flag("whole_seconds")).sum() >= enough else []
    return " or ".join(found)


def _speed(trace: Trace, rows: _Rows) -> str:
    final = int(np.count_nonzero(~np.isnan(trace.numbers["output_tokens"])))
    parts = []
    estimate = rows.get(("decode_tps", "estimate"))
    if estimate is not None and (text := _median(estimate)):
        parts.append(f"Decode speed: {text} at the median, estimated from {format_count(estimate.n)} calls.")
    decode = rows.get(("decode_tps", "exact"))
    if decode is not None and (text := _median(decode)):
        parts.append(f"Decode speed, where the first token is stated: {text} at the median.")
    walls = [rows.get(("wall_tps", "exact")), rows.get(("wall_tps", "bound"))]
    said = [
        f"{'at least ' if wall.kind == 'bound' else ''}{text} ({format_count(wall.n)} calls)"
        for wall in walls
        if wall is not None and (text := _median(wall))
    ]
    if said:
        parts.append(f"Over the whole call, waiting included: {'; '.join(said)}.")
    if final < len(trace):
        parts.append(
            f"Calls without a final count of output tokens, and so in no rate: {format_count(len(trace) - final)} "
            f"({format_share(1 - final / len(trace))}); the log has none, only a placeholder, or they were cut off."
        )
    return " ".join(parts)


def _trap(trace: Trace, rows: _Rows) -> str:
    """What the obvious formulas would have said, beside what is: both over the same calls."""
    names = {"as_logged_ttft_s": ("TTFT", "ttft_s"), "as_logged_decode_tps": ("decode", "decode_tps")}
    said = [_against(trace, rows, name, *against) for name, against in names.items()]
    if not all(said):
        return ""
    return (
        f"Not to be trusted: the obvious formulas (as-logged: first line as first token) would say "
        f"{' and '.join(said)}{_shares(trace)}. They count the first block's generation as waiting, so the first is "
        "too long and the second too fast."
    )


def _against(trace: Trace, rows: _Rows, logged_name: str, label: str, name: str) -> str:
    """The formula's median, and the true one of the calls where both are known."""
    logged, unit = trace.column(logged_name), metric(name).unit
    both = ~np.isnan(logged) & _is_known(trace, name)
    if both.sum() < min_calls(0.5):
        known = logged.compress(~np.isnan(logged))
        return f"{label} {_plain(known, unit)}" if len(known) >= min_calls(0.5) else ""
    return (
        f"{label} {_plain(logged.compress(both), unit)} instead of {_true(trace, rows, name, both)} {unit} "
        f"({format_count(int(both.sum()))} calls with both)"
    )


def _is_known(trace: Trace, name: str) -> NDArray[np.bool_]:
    stated: NDArray[np.bool_] = ~np.isnan(getattr(trace, name))
    if trace.estimates is None:
        return stated
    estimated: NDArray[np.bool_] = ~np.isnan(trace.estimates.values[name][:, 0])
    return stated | estimated if stated.any() else estimated


def _true(trace: Trace, rows: _Rows, name: str, chosen: NDArray[np.bool_]) -> str:
    """The median of what is known of these calls: of each the stated value, else equally likely ones."""
    stated: _Floats = getattr(trace, name)
    estimates, unit = trace.estimates, metric(name).unit
    exact = stated[:1, None].copy() if is_nothing(stated) else stated[chosen, None]
    if estimates is None:
        return _median_of(exact, unit)
    if np.isnan(exact).all() and isinstance(estimates.values, dict):
        row = rows.get((name, "estimate"))
        # The same calls as in the tables, whose median is known.
        if row is not None and row.n == chosen.sum() and (known := row.quantiles.get(0.5)) is not None:
            return format_value(known, unit)
        return format_value(quantiles_of_rows(estimates.values[name], chosen, (0.5,))[0], unit)
    values = estimates.values_of(name, np.flatnonzero(chosen))
    return _median_of(values if np.isnan(exact).all() else np.where(np.isnan(exact), values, exact), unit)


def _plain(values: _Floats, unit: str) -> str:
    return f"{_median_of(values, unit)} {unit}"


def _median_of(values: _Floats, unit: str) -> str:
    """Their median, which puts them in another order: they may be many."""
    flat = values.reshape(-1)
    place = (len(flat) - 1) // 2
    flat.partition(place)  # a single place, for which numpy has quicker code than for two
    middle = flat[place : place + 1] if len(flat) % 2 else np.array([flat[place], np.fmin.reduce(flat[place + 1 :])])
    return format_value(float(middle.astype(np.float64).mean()), unit)


def _shares(trace: Trace) -> str:
    """Which part of the same calls' time the formula and the truth put before the first token."""
    first, logged, wall = trace.column("ttft_s"), trace.as_logged_ttft_s, trace.wall_s
    known = ~np.isnan(first) & ~np.isnan(logged) & (wall > 0)
    if known.sum() < min_calls(0.5):
        return ""
    own = wall.compress(known)
    whole = own.sum()
    wrong, right = (float(np.minimum(part.compress(known), own).sum() / whole) for part in (logged, first))
    return (
        f", and would put {format_share(wrong)} of these calls' time before the first token instead of "
        f"{format_share(right)}"
    )


def _left_out(trace: Trace) -> str:
    calls = [(text.split(), count) for text, count in trace.counts("flags").items() if text]
    counts = [(name, sum(count for flags, count in calls if name in flags)) for name in _NOTABLE_FLAGS]
    found = [f"{name} {format_count(count)} ({FLAGS[name]})" for name, count in counts if count]
    if not found:
        return ""
    return (
        "Kept out of rates, or of the durations that they spoil: "
        + "; ".join(found)
        + ". Most logs hold nothing of a request that was cut off before its first output, so the slowest waits may "
        "be missing."
    )
