"""The paragraph in plain words: what is known, what is not, and why."""

from __future__ import annotations

from latprof.metrics import metric
from latprof.model import FLAGS
from latprof.stats import MetricRow, Summary
from latprof.trace import Trace
from latprof.units import format_count, format_share, format_value

__all__ = ["describe"]

_Rows = dict[tuple[str, str], MetricRow]
_NOTABLE_FLAGS = (
    "interrupted", "retried", "non_streamed", "burst", "server_tools", "multi_iteration", "suspended", "clock_step",
    "timestamp_unreliable",
)  # fmt: skip


def describe(trace: Trace, overall: Summary) -> tuple[str, ...]:
    """Sentences over all calls; empty figures are left out, never guessed."""
    if not len(trace):
        return ("No calls found.",)
    rows: _Rows = {(row.metric, row.kind): row for row in overall.rows}
    notes = [_first_token(trace, rows), _whole_call(rows), _speed(trace, rows), _trap(rows), _left_out(trace)]
    return tuple(note for note in notes if note)


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
    known = exact.n if exact is not None else 0
    parts: list[str] = []
    if exact is not None:
        parts.append(
            f"First token: the log states it for {format_count(known)} of {format_count(len(trace))} calls "
            f"({format_share(known / len(trace))}), those that begin with thinking or a tool call; "
            f"median {_median(exact) or 'not shown, too few calls'}."
        )
    if known < len(trace) and (least := _median(bound)) is not None:
        start = "For the others it" if known else "First token: it"
        parts.append(
            f"{start} is not in these logs, which stamp the end of each block: it came at most "
            f"{least} after sending at the median (time to the end of the first block)."
        )
    return " ".join(parts)


def _whole_call(rows: _Rows) -> str:
    exact, bound = rows.get(("wall_s", "exact")), rows.get(("wall_s", "bound"))
    parts = []
    if exact is not None and (text := _median(exact)):
        parts.append(f"A whole call took {text} at the median of {format_count(exact.n)} calls (exact).")
    if bound is not None and (text := _median(bound)):
        parts.append(
            f"A whole call took at most {text} at the median of {format_count(bound.n)} calls: the send time is "
            "taken from the line that led to the call, mostly 0.05 to 0.4 s early."
        )
    return " ".join(parts)


def _speed(trace: Trace, rows: _Rows) -> str:
    tokens = rows.get(("output_tokens", "exact"))
    final = tokens.n if tokens is not None else 0
    parts = []
    decode = rows.get(("decode_tps", "exact"))
    if decode is not None and (text := _median(decode)):
        parts.append(f"Decode speed, where the first token is stated: {text} at the median.")
    wall = rows.get(("wall_tps", "bound")) or rows.get(("wall_tps", "exact"))
    if wall is not None and (text := _median(wall)):
        least = "at least " if wall.kind == "bound" else ""
        parts.append(f"Over the whole call, waiting included: {least}{text}.")
    if final < len(trace):
        parts.append(
            f"Calls without a final count of output tokens, and so in no rate: {format_count(len(trace) - final)} "
            f"({format_share(1 - final / len(trace))}); they hold only a placeholder or were cut off."
        )
    return " ".join(parts)


def _trap(rows: _Rows) -> str:
    ttft, decode = rows.get(("as_logged_ttft_s", "as_logged")), rows.get(("as_logged_decode_tps", "as_logged"))
    first, second = _plain_median(ttft), _plain_median(decode)
    if first is None or second is None:
        return ""
    return (
        f"Not to be trusted: the obvious formulas (as-logged: first line as first token) would say TTFT {first} and "
        f"decode {second} here. They count the first block's generation as waiting, so the first is too long and "
        "the second too fast."
    )


def _plain_median(row: MetricRow | None) -> str | None:
    if row is None or (value := row.quantiles.get(0.5)) is None:
        return None
    return f"{format_value(value, row.unit)} {metric(row.metric).unit}"


def _left_out(trace: Trace) -> str:
    counts = [(name, int(trace.flag(name).sum())) for name in _NOTABLE_FLAGS]
    found = [f"{name} {format_count(count)} ({FLAGS[name]})" for name, count in counts if count]
    if not found:
        return ""
    return (
        "Kept out of rates, or of the durations that they spoil: "
        + "; ".join(found)
        + ". Requests cut off before their first block leave no line "
        "in most versions, so the slowest waits may be missing."
    )
