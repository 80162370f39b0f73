"""One session as a waterfall, its budget and its worst calls; the slowest calls of many sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from latprof.report.budget import activity_table, share_data
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.timeline import ACTIVITIES, Activity, Budget, CallFacts, Ranking, Segment, Share
from latprof.units import (
    UNKNOWN,
    format_count,
    format_counted,
    format_duration,
    format_instant,
    format_share,
    format_value,
)

__all__ = ["SIGNS", "session_document", "slowest_document"]

SIGNS: Final[dict[Activity, str]] = {
    "first_token": "░", "decode": "█", "model": "▓", "tool": "=", "asking": "?", "hook": "h", "retry": "R",
    "compaction": "C", "agent": "'", "away": ".", "unknown": " ",
}  # fmt: skip
_STRIP: Final = 40
_BAR: Final = 16
_TURNS: Final = 24
_DIGITS: Final = 3
_HEADING: Final = "{}, in seconds, tokens and tokens per second"
_RANKED: Final = {"wall_s": "time of the call", "ttft_s": "first token", "tool_s": "time of its tools"}
_KNOWN: Final = (
    "Bars: first token ░, decoding █, not told apart ▓, as long as the call against the longest. ≤ marks upper bounds "
    "and ~ estimates; – is not known. The first token of a call without a stated one comes from a model of all calls "
    "that were read: read more sessions for better estimates. Tools are from the end of the tool call to the last "
    "result, permissions included."
)


def session_document(
    item: Budget, shares: Sequence[Share], calls: Sequence[CallFacts], *, top: int = 20, tz: tzinfo = UTC
) -> Document:
    """The timeline of a session; `calls` are all its calls, worst first."""
    agents = f", {format_counted(len(item.agents), 'sub-agent')}" if item.agents else ""
    since = f"from {_clock(item.start_at, tz, '%Y-%m-%d %H:%M')}" if item.dated else "(no dates in the log)"
    owner = _owner(item.engineer, item.host)
    agent = f"{item.agent}, {owner}" if owner else item.agent
    title = (
        f"latprof: session {item.session_id or '(no id)'} ({agent}), {format_counted(item.calls, 'call')}"
        f"{agents}, {format_duration(item.wall_s)} {since}"
    )
    worst = _calls_table("Worst calls first", calls[:top], tz, with_session=False)
    sections = (
        Section("Timeline", (_waterfall(item, tz), Note(_signs(item)))),
        Section("Budget", (activity_table("Where the time went", shares, item.wall_s),)),
        Section("Calls", (worst, *_remarks(calls[:top]), Note(_more(len(calls), top)))),
    )
    return Document(title, sections, _data(item, shares, calls, tz), _grid(item, calls, tz))


def slowest_document(calls: Sequence[CallFacts], ranking: Ranking, *, of: int, tz: tzinfo = UTC) -> Document:
    """The slowest calls of all sessions, worst first."""
    title = f"latprof: the {format_count(len(calls))} slowest of {format_counted(of, 'call')}, by {_RANKED[ranking]}"
    table = _calls_table("Slowest calls", calls, tz, with_session=True)
    rows = tuple(_call_row(call, tz) for call in calls)
    data = {"schema_version": 1, "ranking": ranking, "of": of, "calls": [_call_data(call, tz) for call in calls]}
    known = Note(f"{_KNOWN} latprof session ID shows a whole session.")
    none = Note(f"No call has a known {_RANKED[ranking]}.")
    sections = (Section("Slowest", (table, *_remarks(calls), known) if calls else (none,)),)
    return Document(title, sections, data, Grid(_CALL_COLUMNS, rows))


def _owner(engineer: str | None, host: str | None) -> str:
    """'ana on mac1', as far as it is known."""
    return " on ".join(name for name in (engineer or ("unknown" if host else None), host) if name)


def _more(count: int, top: int) -> str:
    rest = (
        f"The other {format_count(count - top)} calls are in --json and --csv, or give --top. " if count > top else ""
    )
    return rest + _KNOWN


def _clock(at: float | None, tz: tzinfo, shape: str) -> str:
    return UNKNOWN if at is None else datetime.fromtimestamp(at, tz).strftime(shape)


def _shape(instants: Sequence[float | None], tz: tzinfo) -> str:
    """The time of day, with the day where there are several."""
    days = {datetime.fromtimestamp(at, tz).date() for at in instants if at is not None}
    return "%m-%d %H:%M:%S" if len(days) > 1 else "%H:%M:%S"


def _turns(item: Budget) -> list[list[Segment]]:
    """The session cut where a person was away; these stretches stand alone."""
    turns: list[list[Segment]] = [[]]
    for segment in item.segments:
        if segment.activity == "away":
            turns += [[segment], []]
        else:
            turns[-1].append(segment)
    return [turn for turn in turns if turn]


def _waterfall(item: Budget, tz: tzinfo) -> Table:
    """A row per turn in the order of time; of many the longest."""
    turns = [turn for turn in _turns(item) if turn[0].activity != "away"]
    longest = sorted(turns, key=_length, reverse=True)[:_TURNS]
    chosen = [turn for turn in turns if turn in longest]
    columns = (
        Column("from", "left"), Column("time"), Column("calls", "right", 1),
        Column("what happened", "left", whole=True), Column("first", "right", 2), Column("decode", "right", 2),
        Column("tools", "right", 3),
    )  # fmt: skip
    left = len(turns) - len(chosen)
    caption = f"And {format_counted(left, 'shorter turn')}." if left else ""
    title = "Timeline, a row per turn; each row is as wide as its own time"
    return Table(title, columns, tuple(_turn_row(turn, item, tz) for turn in chosen), caption)


def _length(turn: Sequence[Segment]) -> float:
    return turn[-1].end_at - turn[0].start_at


def _turn_row(turn: Sequence[Segment], item: Budget, tz: tzinfo) -> tuple[Cell, ...]:
    length = _length(turn)
    seconds = {
        name: sum(s.duration_s for s in turn if s.activity == name) for name in ("first_token", "decode", "tool")
    }
    calls = {
        s.row for s in turn if s.row is not None and s.activity in {"first_token", "decode", "model", "compaction"}
    }
    return (
        Cell(_clock(turn[0].start_at, tz, _shape((item.start_at, item.end_at), tz))),
        Cell(format_duration(length)),
        Cell(format_count(len(calls))),
        Cell(_strip(turn, _STRIP)),
        *(
            Cell(format_share(value / length) if value and length else UNKNOWN, minor=not value)
            for value in seconds.values()
        ),
    )


def _strip(segments: Sequence[Segment], width: int) -> str:
    """Each character is what took most of its part of the time."""
    start, step = segments[0].start_at, _length(segments) / width
    spent: list[dict[Activity, float]] = [{} for _ in range(width)]
    for segment in segments:
        first, last = ((at - start) / step if step else 0.0 for at in (segment.start_at, segment.end_at))
        for slot in range(int(first), min(int(last), width - 1) + 1):
            part = min(last, slot + 1) - max(first, slot)
            spent[slot][segment.activity] = spent[slot].get(segment.activity, 0.0) + part
    # Two dots in a row would read as nothing: an empty slot keeps its blank.
    return "".join(SIGNS[max(slot, key=lambda name: slot[name])] if slot else " " for slot in spent)


def _signs(item: Budget) -> str:
    there = {segment.activity for segment in item.segments} - {"away"}
    named = [f"{SIGNS[name].strip() or 'blank'} {meaning}" for name, meaning in ACTIVITIES.items() if name in there]
    return f"Signs: {'; '.join(named)}. Each sign stands for what took most of its part of the row."


def _calls_table(title: str, calls: Sequence[CallFacts], tz: tzinfo, *, with_session: bool) -> Table:
    first = (Column("session", "left"),) if with_session else ()
    owned = with_session and any(call.engineer or call.host for call in calls)
    owners = (Column("whose", "left"),) if owned else ()
    columns = (
        *first, *owners, Column("#"), Column("at", "left"), Column("trigger", "left", 2),
        Column("bar", "left", 1, whole=True), Column("first token"), Column("whole"), Column("tok/s"),
        Column("tools", "right", 1), Column("input", "right", 2), Column("cached", "right", 3),
        Column("output", "right", 2), Column("model", "left", 6),
    )  # fmt: skip
    longest = max((_whole(call) for call in calls), default=0.0)
    shape = "%Y-%m-%d %H:%M:%S" if with_session else _shape([call.sent_at for call in calls], tz)
    rows = tuple(
        ((Cell(call.session_id[:8]),) if with_session else ())
        + ((Cell(_owner(call.engineer, call.host) or UNKNOWN),) if owned else ())
        + _cells(number, call, longest, _clock(call.sent_at, tz, shape))
        for number, call in enumerate(calls, 1)
    )
    return Table(_HEADING.format(title), columns, rows)


def _whole(call: CallFacts) -> float:
    return call.wall_s or call.first_block_s or 0.0


def _remarks(calls: Sequence[CallFacts]) -> list[Note]:
    """What more is known of the calls in a table, by their numbers; calls with the same remarks together."""
    found: dict[tuple[str, ...], list[int]] = {}
    for number, call in enumerate(calls, 1):
        if call.remarks:
            found.setdefault(call.remarks, []).append(number)
    return [Note(f"{', '.join(f'#{n}' for n in numbers)}: {'; '.join(words)}.") for words, numbers in found.items()]


def _cells(number: int, call: CallFacts, longest: float, at: str) -> tuple[Cell, ...]:
    part = " (sub)" if call.agent_id else ""
    share = None
    if call.input_tokens and call.cache_read_tokens is not None:
        share = call.cache_read_tokens / call.input_tokens
    return (
        Cell(str(number)),
        Cell(at),
        Cell(call.trigger + part),
        Cell(_bar(call, longest)),
        Cell(_first_token(call)),
        Cell(_marked(call.wall_s, "s", call.wall_kind)),
        Cell(_marked(call.decode_tps, "tok/s", call.decode_kind)),
        Cell("" if call.tool_s is None else "≤ " + format_value(call.tool_s, "s")),
        Cell(format_value(call.input_tokens, "tokens")),
        Cell(format_share(share)),
        Cell(format_value(call.output_tokens, "tokens")),
        Cell(call.model or UNKNOWN, minor=True),
    )  # fmt: skip


def _marked(value: float | None, unit: str, kind: str | None) -> str:
    mark = {"bound": "≤ ", "estimate": "~"}.get(kind or "", "")
    return UNKNOWN if value is None else mark + format_value(value, unit)


def _first_token(call: CallFacts) -> str:
    if call.ttft_s is not None:
        return _marked(call.ttft_s, "s", call.ttft_kind)
    return _marked(call.first_block_s, "s", "bound")


def _bar(call: CallFacts, longest: float) -> str:
    """First token and decoding, as long as the call against the longest."""
    whole = _whole(call)
    width = round(_BAR * whole / longest) if longest else 0
    if call.ttft_s is None or not whole:
        return SIGNS["model"] * width
    waiting = min(round(width * call.ttft_s / whole), width)
    return SIGNS["first_token"] * waiting + SIGNS["decode"] * (width - waiting)


_CALL_FIELDS: Final = (
    "session_id", "call_id", "agent_id", "model", "project", "engineer", "host", "trigger",
    "sent_at", "ttft_s", "ttft_kind", "ttft_low_s",
    "ttft_high_s", "first_block_s", "wall_s", "wall_kind", "decode_tps", "decode_kind", "tool_s", "input_tokens",
    "cache_read_tokens", "output_tokens",
)  # fmt: skip
_CALL_COLUMNS: Final = (*_CALL_FIELDS, "tools", "remarks")


def _call_data(call: CallFacts, tz: tzinfo) -> dict[str, Any]:
    record = {name: _rounded(getattr(call, name)) for name in _CALL_FIELDS}
    sent = {"sent_at": format_instant(call.sent_at, tz)}
    return record | sent | {"tools": list(call.tools), "remarks": list(call.remarks)}


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def _call_row(call: CallFacts, tz: tzinfo) -> tuple[str | int | float | None, ...]:
    record = _call_data(call, tz)
    lists = (" ".join(record["tools"]) or None, "; ".join(record["remarks"]) or None)
    return (*(record[name] for name in _CALL_FIELDS), *lists)


def _data(item: Budget, shares: Sequence[Share], calls: Sequence[CallFacts], tz: tzinfo) -> dict[str, Any]:
    ids = {call.row: call.call_id for call in calls}
    return {
        "schema_version": 1,
        "session": item.session_id,
        "agent": item.agent,
        "agents": list(item.agents),
        "project": item.project,
        "engineer": item.engineer,
        "host": item.host,
        "start_at": format_instant(item.start_at, tz) if item.dated else None,
        "end_at": format_instant(item.end_at, tz) if item.dated else None,
        "wall_s": round(item.wall_s, _DIGITS),
        "budget": [share_data(share) for share in shares],
        "segments": [
            {
                "start_s": round(segment.start_at - item.start_at, _DIGITS),
                "end_s": round(segment.end_at - item.start_at, _DIGITS),
                "activity": segment.activity,
                "kind": segment.kind,
                "name": segment.name,
                "call_id": None if segment.row is None else ids.get(segment.row),
                "agent_id": segment.agent_id,
            }
            for segment in item.segments
        ],
        "calls": [_call_data(call, tz) for call in calls],
    }


def _grid(item: Budget, calls: Sequence[CallFacts], tz: tzinfo) -> Grid:
    ids = {call.row: call.call_id for call in calls}
    columns = ("session_id", "start_at", "start_s", "seconds", "activity", "kind", "name", "agent_id", "call_id")
    rows = (
        (
            item.session_id, format_instant(segment.start_at, tz) if item.dated else None,
            round(segment.start_at - item.start_at, _DIGITS),
            round(segment.duration_s, _DIGITS), segment.activity, segment.kind, segment.name, segment.agent_id,
            None if segment.row is None else ids.get(segment.row),
        )
        for segment in item.segments
    )  # fmt: skip
    return Grid(columns, tuple(rows))
