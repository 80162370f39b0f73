"""The paragraph in plain words: what is known, what is not, and why."""

from __future__ import annotations

from collections.abc import Sequence

from latprof.estimate import Group
from latprof.metrics import metric
from latprof.model import FLAGS
from latprof.stats import MetricRow, Summary, Waiting
from latprof.trace import Trace
from latprof.units import format_count, format_duration, format_share, format_value

__all__ = ["describe"]

_Rows = dict[tuple[str, str], MetricRow]
_NOTABLE_FLAGS = (
    "interrupted", "retried", "non_streamed", "burst", "server_tools", "multi_iteration", "suspended", "clock_step",
    "timestamp_unreliable",
)  # fmt: skip


def describe(
    trace: Trace, overall: Summary, waiting: Waiting | None = None, groups: Sequence[Group] = ()
) -> tuple[str, ...]:
    """Sentences over all calls; empty figures are left out, never guessed."""
    if not len(trace):
        return ("No calls found.",)
    rows: _Rows = {(row.metric, row.kind): row for row in overall.rows}
    notes = [
        _share(trace, waiting), _first_token(trace, rows), _whole_call(rows), _speed(trace, rows),
        _trap(rows, waiting), _refused(groups), _left_out(trace),
    ]  # fmt: skip
    return tuple(note for note in notes if note)


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


def _refused(groups: Sequence[Group]) -> str:
    """Models whose first token could not be estimated, and why."""
    shown = [f"{group.model}: {group.refused}" for group in groups if group.refused]
    return f"Not estimated, bounds stand instead: {'; '.join(shown)}." if shown else ""


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
    if known < len(trace) and (least := _median(bound)) is not None:
        start = "For certain it" if estimate is not None else "For the others it" if known else "First token: it"
        parts.append(
            f"{start} came at most {least} after sending at the median (end of the first block or first output shown)."
            if estimate is not None
            else f"{start} is not in these logs, which stamp the end of each block: it came at most "
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
    estimate = rows.get(("decode_tps", "estimate"))
    if estimate is not None and (text := _median(estimate)):
        parts.append(f"Decode speed: {text} at the median, estimated from {format_count(estimate.n)} calls.")
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


def _trap(rows: _Rows, waiting: Waiting | None) -> str:
    """What the obvious formulas would have said, beside what is."""
    ttft, decode = rows.get(("as_logged_ttft_s", "as_logged")), rows.get(("as_logged_decode_tps", "as_logged"))
    first, second = _plain_median(ttft), _plain_median(decode)
    if first is None or second is None:
        return ""
    true_ttft = _plain_median(rows.get(("ttft_s", "estimate")) or rows.get(("ttft_s", "exact")))
    true_decode = _plain_median(rows.get(("decode_tps", "estimate")) or rows.get(("decode_tps", "exact")))
    against = f"TTFT {first}{_instead(true_ttft)} and decode {second}{_instead(true_decode)}"
    share = ""
    if waiting is not None and waiting.as_logged_share is not None:
        share = (
            f", and would put {format_share(waiting.as_logged_share)} of the calls' time before the first token "
            f"instead of {format_share(waiting.first_share)}"
        )
    return (
        f"Not to be trusted: the obvious formulas (as-logged: first line as first token) would say {against}{share}. "
        "They count the first block's generation as waiting, so the first is too long and the second too fast."
    )


def _instead(true: str | None) -> str:
    return "" if true is None else f" instead of {true}"


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
