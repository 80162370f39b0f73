"""Calls as a trace for Perfetto and chrome://tracing: the JSON of the Trace Event Format.

A process per session, a lane per agent; slices of one lane nest and never overlap otherwise, as the
format asks. Times are whole microseconds since the first instant of the trace, which stands in
`otherData`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import field
from datetime import tzinfo
from typing import Any, Final

from latprof.classes import dataclass
from latprof.timeline import ACTIVITIES, Budget, Instants, Segment, budgets, instants_of
from latprof.trace import Trace
from latprof.units import format_instant

__all__ = ["drawn_calls", "perfetto", "trace_events"]

Event = dict[str, Any]
_MICROS: Final = 1_000_000
_FIELDS: Final = (
    "call_id", "model", "trigger", "sent_source", "first_output_source", "last_output_source", "stop_reason",
)  # fmt: skip
_COUNTS: Final = ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens")


def perfetto(trace: Trace, tz: tzinfo) -> bytes:
    """The whole trace as a JSON object with `traceEvents`."""
    import orjson

    items = budgets(trace)
    dated = [item.start_at for item in items if item.dated]
    other = {"producer": "latprof", "start_at": format_instant(min(dated), tz) if dated else None}
    document = {"traceEvents": trace_events(trace, items), "displayTimeUnit": "ms", "otherData": other}
    return orjson.dumps(document)


def trace_events(trace: Trace, items: Iterable[Budget]) -> list[Event]:
    """Metadata and slices of all sessions, each lane in the order of time; sessions without dates begin at 0."""
    items = list(items)
    zero = min((item.start_at for item in items if item.dated), default=0.0)
    sessions: dict[tuple[str, str], list[Instants]] = {}
    for call in instants_of(trace):
        key = trace.texts["agent"][call.row], trace.texts["session_id"][call.row]
        sessions.setdefault(key, []).append(call)
    events: list[Event] = []
    for number, item in enumerate(items, 1):
        process = _Process(number, zero if item.dated else item.start_at)
        mine = _of_one_clock(sessions[item.agent, item.session_id])
        process.name(f"{_owner(trace, mine)} {item.agent} {item.session_id}".strip())
        _budget_lane(process, item)
        for agent_id, calls in _agents(mine):
            _agent_lanes(process, trace, agent_id, calls)
        events += process.events
    return events


def drawn_calls(trace: Trace) -> int:
    """How many of the calls have a slice: beside dated calls of their session those without a date have none."""
    sessions: defaultdict[tuple[str, str], list[Instants]] = defaultdict(list)
    for call in instants_of(trace):
        sessions[trace.texts["agent"][call.row], trace.texts["session_id"][call.row]].append(call)
    return sum(_has_slice(call) for calls in sessions.values() for call in _of_one_clock(calls))


def _of_one_clock(calls: list[Instants]) -> list[Instants]:
    """Those with a date where any has one; the others count from another zero."""
    return [call for call in calls if "no_date" not in call.flags] or calls


def _has_slice(call: Instants) -> bool:
    return call.sent_at is not None and call.last_at is not None and call.last_at >= call.sent_at


def _owner(trace: Trace, calls: list[Instants]) -> str:
    """'ana@mac1:', as far as it is known."""
    engineer, host = ((trace.texts[key][calls[0].row] if calls else None) for key in ("engineer", "host"))
    place = f"@{host}" if host else ""
    return f"{engineer or ''}{place}:" if engineer or host else ""


def _agents(calls: list[Instants]) -> list[tuple[str | None, list[Instants]]]:
    """The main agent first, then the others by their first call."""
    groups: dict[str | None, list[Instants]] = {}
    for call in calls:
        if _has_slice(call):
            groups.setdefault(call.agent_id, []).append(call)
    return sorted(groups.items(), key=lambda group: (group[0] is not None, min(c.sent_at or 0.0 for c in group[1])))


@dataclass(slots=True)
class _Process:
    """One session's events; lanes are numbered as they come."""

    pid: int
    zero: float
    events: list[Event] = field(default_factory=list)
    lanes: int = 0

    def name(self, text: str) -> None:
        """What the viewer calls the session."""
        self.events.append(
            {"ph": "M", "pid": self.pid, "tid": 0, "ts": 0, "name": "process_name", "args": {"name": text}}
        )

    def lane(self, text: str) -> int:
        """A new lane of that name."""
        self.lanes += 1
        named = {"ph": "M", "pid": self.pid, "tid": self.lanes, "ts": 0}
        self.events += [
            {**named, "name": "thread_name", "args": {"name": text}},
            {**named, "name": "thread_sort_index", "args": {"sort_index": self.lanes}},
        ]
        return self.lanes

    def slice(self, lane: int, span: tuple[float, float], name: str, category: str, args: dict[str, Any]) -> None:
        """From one instant to another (epoch s)."""
        start, end = (round((at - self.zero) * _MICROS) for at in span)
        self.events.append(
            {"ph": "X", "pid": self.pid, "tid": lane, "ts": start, "dur": end - start, "name": name, "cat": category,
             "args": {key: value for key, value in args.items() if value is not None}}
        )  # fmt: skip


def _budget_lane(process: _Process, item: Budget) -> None:
    lane = process.lane("where the time went")
    for segment in item.segments:
        name = segment.name if segment.name and segment.activity in {"tool", "asking"} else ACTIVITIES[segment.activity]
        args = {"activity": segment.activity, "kind": segment.kind, "agent_id": segment.agent_id}
        process.slice(lane, (segment.start_at, segment.end_at), name, "budget", args)


def _agent_lanes(process: _Process, trace: Trace, agent_id: str | None, calls: list[Instants]) -> None:
    """Calls of one agent, with first token and decoding inside; then its tools, side by side where they overlap."""
    label = "main agent" if agent_id is None else f"sub-agent {agent_id}"
    spans = [(call.sent_at or 0.0, call.last_at or 0.0) for call in calls]
    lanes = _side_by_side(spans)
    tids = [process.lane(label if not row else f"{label}, at the same time {row + 1}") for row in range(max(lanes) + 1)]
    if agent_id is not None:
        whole = min(start for start, _ in spans), max(end for _, end in spans)
        process.slice(tids[0], whole, label, "agent", {"calls": len(calls)})
    for call, span, lane in zip(calls, spans, lanes, strict=True):
        _call_slices(process, trace, call, span, tids[lane])
    tools = [segment for call in calls for segment in _tools(call)]
    if not tools:
        return
    places = _side_by_side([(tool.start_at, tool.end_at) for tool in tools])
    rows = [process.lane(f"{label}: tools" + (f" {row + 1}" if row else "")) for row in range(max(places) + 1)]
    for tool, place in zip(tools, places, strict=True):
        args = {"kind": "bound", "call_id": trace.texts["call_id"][tool.row] if tool.row is not None else None}
        process.slice(rows[place], (tool.start_at, tool.end_at), tool.name or "tool", "tool", args)


def _side_by_side(spans: list[tuple[float, float]]) -> list[int]:
    """For each span the first lane that is free at its start; touching spans share one."""
    free: list[float] = []
    lanes = [0] * len(spans)
    for number in sorted(range(len(spans)), key=lambda n: spans[n]):
        start, end = spans[number]
        lane = next((lane for lane, until in enumerate(free) if until <= start), len(free))
        if lane == len(free):
            free.append(end)
        free[lane] = max(free[lane], end)
        lanes[number] = lane
    return lanes


def _call_slices(process: _Process, trace: Trace, call: Instants, span: tuple[float, float], lane: int) -> None:
    start, end = span
    args = {name: trace.texts[name][call.row] for name in _FIELDS}
    counts = {name: trace.numbers[name][call.row] for name in _COUNTS}
    args |= {name: int(value) for name, value in counts.items() if value == value}  # noqa: PLR0124 - not NaN
    flags = " ".join(call.flags) or None
    process.slice(lane, span, trace.texts["model"][call.row] or "call", "call", args | {"flags": flags})
    if call.split_at is None:
        process.slice(lane, span, "first token and decoding, not told apart", "model", {"kind": call.split_kind})
        return
    mark = " (estimate)" if call.split_kind == "estimate" else ""
    process.slice(lane, (start, call.split_at), f"first token{mark}", "ttft", {"kind": call.split_kind})
    process.slice(lane, (call.split_at, end), f"decode{mark}", "decode", {"kind": call.split_kind})


def _tools(call: Instants) -> Iterator[Segment]:
    for block in call.blocks:
        start = block.end_at if block.end_at is not None else call.last_at
        if start is not None and block.result_at is not None and block.result_at >= start:
            yield Segment(start, block.result_at, "tool", "bound", block.name, call.row, call.agent_id)
