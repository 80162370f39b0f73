"""Measured calls as work for a cluster: who waits for whom, how long, and which context a call continues."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from itertools import accumulate
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.errors import UsageError
from latprof.stats.grouping import of_agents
from latprof.trace import Trace

__all__ = ["BREAK_S", "Sitting", "TodayKind", "Turn", "Workload", "whole_sessions", "workload_of"]

Floats = NDArray[np.float64]
TodayKind = Literal["exact", "bound", "estimate"]
_LESS_THAN_EXACT: Final[tuple[TodayKind, ...]] = ("bound", "estimate")

# Nobody works on a session that rests this long; what comes after is another sitting, with a cold cache.
BREAK_S: Final = 1800.0
# Stamps are rounded, to a second in some logs: a call that seems to start that little before another ended followed it.
_ROUNDING_S: Final = 1.0
# Contexts that differ by so many tokens at the end are the same: caches are counted in blocks.
_BLOCK_TOKENS: Final = 1024
# Calls that far back neither caused a call nor lent it their context.
_LOOK_BACK: Final = 256


@dataclass(frozen=True, slots=True)
class Turn:
    """One call of a sitting.

    It is sent `gap_s` after the last of the calls `after` is complete (numbers in the sitting); without any, `gap_s`
    after the sitting starts. Its prompt has `reusable_tokens` in common with the context of call `origin`, at most;
    with `origin` -1 in common with the first prompts of all sessions of the same `family`. `today_*` are the measured
    times, None where the log tells none.
    """

    trigger: str
    input_tokens: int
    output_tokens: int
    after: tuple[int, ...]
    gap_s: float
    origin: int
    reusable_tokens: int
    family: str
    is_subagent: bool
    sent_s: float
    today_s: float | None = None
    today_ttft_s: float | None = None
    today_tps: float | None = None


@dataclass(frozen=True, slots=True)
class Sitting:
    """A stretch of a session without long breaks."""

    session: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """All sittings, grouped by session; `left_out` calls lacked a time or tokens, `imputed` an end.

    `generated` calls of load generators are no team's work and not in it. `today_kinds` has the kind of the measured
    'step_s' (exact, or bound: some are upper bounds), 'ttft_s' and 'decode_tps' (exact, or estimate: some are).
    """

    sessions: tuple[tuple[Sitting, ...], ...]
    calls: int
    left_out: int
    imputed: int
    generated: int = 0
    today_kinds: Mapping[str, TodayKind] = field(default_factory=dict)

    @property
    def gap_s(self) -> float:
        """Median of the measured gaps, the pause before another sitting."""
        gaps = [turn.gap_s for group in self.sessions for sitting in group for turn in sitting.turns if turn.after]
        return float(np.median(gaps)) if gaps else 0.0


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns that matter, one row per call; ends are measured or, where the log has none, typical."""

    sent: list[float]
    end: list[float]
    inputs: list[float]
    outputs: list[float]
    cached: list[float]
    today: list[float]
    ttft: list[float]
    tps: list[float]
    threads: list[str | None]
    families: list[str]
    cache_known: list[bool]
    shared: dict[str, float]


def workload_of(trace: Trace) -> Workload:
    """The trace's calls as sittings; load tests are none.

    Raises UsageError when no session has two calls with times and token counts.
    """
    if not len(trace):
        raise UsageError("No call was found, so there is nothing to replay: check the paths and the filters.")
    real = of_agents(trace)
    generated = len(trace) - len(real)
    columns, usable, imputed = _columns(real)
    sessions = []
    for number, members in enumerate(_by_session(real, columns, usable)):
        parts = [_sitting(real, columns, part, f"session {number + 1}") for part in _parts(columns, members)]
        sessions.append(tuple(parts))
    if not any(len(sitting.turns) > 1 for group in sessions for sitting in group):
        beside = " beside those of load generators" if generated else ""
        raise UsageError(
            f"No session{beside} has two calls with send times and token counts, so there is nothing to replay: give "
            "logs that hold them; latprof formats shows which do."
        )
    left_out, without_end = int((~usable).sum()), int((imputed & usable).sum())
    kinds = _today_kinds(real.select(usable))
    return Workload(tuple(sessions), int(usable.sum()), left_out, without_end, generated, kinds)


def _today_kinds(trace: Trace) -> dict[str, TodayKind]:
    """A percentile of times some of which are upper bounds is one itself; one that takes in estimates likewise."""
    found: dict[str, TodayKind] = {}
    for measure, column in (("step_s", "wall_kind"), ("ttft_s", "ttft_kind"), ("decode_tps", "decode_kind")):
        kinds = set(trace.column(column)) - {None}
        if kinds:
            found[measure] = next((kind for kind in _LESS_THAN_EXACT if kind in kinds), "exact")
    return found


def whole_sessions(trace: Trace) -> list[tuple[Sitting, list[int]]]:
    """Each session as one sitting, whatever its breaks, with the rows of its calls in the trace."""
    columns, usable, _ = _columns(trace)
    return [
        (_sitting(trace, columns, rows, f"session {number + 1}"), rows)
        for number, rows in enumerate(_by_session(trace, columns, usable))
    ]


def _by_session(trace: Trace, columns: _Columns, usable: NDArray[np.bool_]) -> list[list[int]]:
    """Rows of usable calls per session, in order of time; what first prompts share is noted on the way."""
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in np.flatnonzero(usable):
        rows[trace.texts["agent"][row], trace.texts["session_id"][row]].append(int(row))
    ordered = [sorted(members, key=lambda row: (columns.sent[row], columns.end[row])) for members in rows.values()]
    columns.shared.update(_shared(columns, ordered))
    return ordered


def _columns(trace: Trace) -> tuple[_Columns, NDArray[np.bool_], NDArray[np.bool_]]:
    numbers = trace.numbers
    wall, ttft, tps = trace.wall_s, trace.column("ttft_s"), trace.column("decode_tps")
    inputs, outputs = numbers["input_tokens"], numbers["output_tokens"]
    seen = numbers["last_output_at"] - numbers["sent_at"]
    taken = np.where(np.isnan(wall), np.where(seen >= 0, seen, np.nan), wall)
    imputed = np.isnan(taken)
    taken = np.where(imputed, _typical(taken, outputs), taken)
    usable = ~np.isnan(numbers["sent_at"]) & (inputs > 0) & (outputs > 0) & ~np.isnan(taken)
    usable &= ~trace.flag("cached_response")
    # Without a count of cached tokens everything may be in common with the call before.
    cached = np.where(np.isnan(numbers["cache_read_tokens"]), inputs, numbers["cache_read_tokens"])
    sent = numbers["sent_at"]
    rows = range(len(trace))
    sent_s, end_s, input_list, output_list, cached_list, wall_list, ttft_list, tps_list = (
        column.tolist() for column in (sent, sent + taken, inputs, outputs, cached, wall, ttft, tps)
    )
    columns = _Columns(
        sent=sent_s,
        end=end_s,
        inputs=input_list,
        outputs=output_list,
        cached=cached_list,
        today=wall_list,
        ttft=ttft_list,
        tps=tps_list,
        threads=trace.texts["agent_id"].tolist(),
        families=[_family(trace, row) for row in rows],
        cache_known=(~np.isnan(numbers["cache_read_tokens"])).tolist(),
        shared={},
    )
    return columns, usable, imputed


def _typical(taken: Floats, outputs: Floats) -> Floats:
    """Where the end is not known: the time of a call with so many tokens, by a line through the known ones."""
    known = ~np.isnan(taken) & ~np.isnan(outputs)
    if known.sum() < 2 or np.ptp(outputs[known]) == 0:
        return np.full(len(taken), float(np.median(taken[known])) if known.any() else np.nan)
    slope, base = np.polyfit(outputs[known], taken[known], 1)
    return np.asarray(np.maximum(base + slope * outputs, 0.0))


def _shared(columns: _Columns, sessions: Iterable[Sequence[int]]) -> dict[str, float]:
    """Tokens that the first prompts of a family have in common: the median of what they found in the cache."""
    found: dict[str, list[float]] = defaultdict(list)
    for rows in sessions:
        seen: set[str | None] = set()
        for row in rows:
            if columns.threads[row] not in seen and columns.cache_known[row]:
                seen.add(columns.threads[row])
                found[columns.families[row]].append(min(columns.cached[row], columns.inputs[row]))
    return {family: float(np.median(tokens)) for family, tokens in found.items()}


def _parts(columns: _Columns, rows: Sequence[int]) -> list[list[int]]:
    """A session's calls, in order, cut where nothing was under way for long."""
    reached = accumulate((columns.end[row] for row in rows), max)
    parts = [[rows[0]]]
    for row, end in zip(rows[1:], reached, strict=False):
        if columns.sent[row] - end > BREAK_S:
            parts.append([])
        parts[-1].append(row)
    return parts


def _sitting(trace: Trace, columns: _Columns, rows: Sequence[int], name: str) -> Sitting:
    start = columns.sent[rows[0]]
    turns: list[Turn] = []
    for number, row in enumerate(rows):
        after, gap = _causes(columns, rows, number)
        origin, reusable = _origin(columns, rows, number)
        turns.append(
            Turn(
                trigger=trace.texts["trigger"][row] or "unknown",
                input_tokens=int(columns.inputs[row]),
                output_tokens=int(columns.outputs[row]),
                after=after,
                gap_s=gap if after else columns.sent[row] - start,
                origin=origin,
                reusable_tokens=reusable,
                family=columns.families[row],
                is_subagent=columns.threads[row] is not None,
                sent_s=columns.sent[row] - start,
                today_s=_known(columns.today[row]),
                today_ttft_s=_known(columns.ttft[row]),
                today_tps=_known(columns.tps[row]),
            )
        )
    return Sitting(name, tuple(turns))


def _family(trace: Trace, row: int) -> str:
    """Calls that begin with the same system prompt and tools: same agent, version and role."""
    role = "sub-agent" if trace.texts["agent_id"][row] is not None else "main"
    return f"{trace.texts['agent'][row]} {trace.texts['agent_version'][row]} {role}"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _causes(columns: _Columns, rows: Sequence[int], number: int) -> tuple[tuple[int, ...], float]:
    """The calls that had to be complete first, and the gap after the last of them.

    That is the last complete call of the same thread, and of every other thread its last call that became complete
    since then: a parent waits for sub-agents that ended in its pause. A sub-agent's first call waits for
    the last complete call of its session.
    """
    end, sent = columns.end, columns.sent[rows[number]] + _ROUNDING_S
    last: dict[str | None, int] = {}
    for earlier in range(max(number - _LOOK_BACK, 0), number):
        row = rows[earlier]
        if end[row] <= sent:
            known = last.get(columns.threads[row])
            if known is None or end[row] >= end[rows[known]]:
                last[columns.threads[row]] = earlier
    if not last:
        return (), 0.0
    own = last.get(columns.threads[rows[number]])
    if own is None:
        own = max(last.values(), key=lambda other: end[rows[other]])
        chosen = {own}
    else:
        since = end[rows[own]]
        chosen = {own} | {other for other in last.values() if end[rows[other]] > since}
    latest = max(end[rows[other]] for other in chosen)
    return tuple(sorted(chosen)), max(columns.sent[rows[number]] - latest, 0.0)


def _origin(columns: _Columns, rows: Sequence[int], number: int) -> tuple[int, int]:
    """The call whose context goes on: the last one of the thread that is long enough for what came from the cache."""
    row = rows[number]
    cached = min(columns.cached[row], columns.inputs[row])
    longest, most = -1, -1.0
    for earlier in range(number - 1, max(number - _LOOK_BACK, 0) - 1, -1):
        other = rows[earlier]
        if columns.threads[other] != columns.threads[row] or columns.end[other] > columns.sent[row] + _ROUNDING_S:
            continue
        size = columns.inputs[other] + columns.outputs[other]
        if size + _BLOCK_TOKENS >= cached:
            return earlier, int(min(cached, size))
        if size > most:
            longest, most = earlier, size
    if longest < 0:
        return -1, int(min(cached, columns.shared.get(columns.families[row], 0.0)))
    return longest, int(min(cached, most))
