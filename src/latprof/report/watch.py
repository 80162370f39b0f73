"""What runs now, for people and programs: a picture of all sessions, and one line per event."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import PurePath
from typing import Any, Final

from latprof.formats.standing import STATES
from latprof.live import Event, LastCall, Picture, Row
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.units import UNKNOWN, format_counted, format_duration, format_instant, format_value, printable

__all__ = ["event_data", "event_line", "picture_document", "row_sentence"]

_COLUMNS: Final = (
    "agent", "session_id", "agent_id", "engineer", "host", "project", "model", "state", "since", "seconds",
    "trigger", "tools", "failed_attempts", "usual_low_s", "usual_high_s", "usual_n", "longer_than_usual", "calls",
    "last_ttft_s", "last_first_block_s", "last_wall_s", "last_wall_kind", "last_output_tokens",
)  # fmt: skip
_NOW: Final = {
    "waiting": "no output line yet",
    "answering": "answering",
    "idle": "idle",
    "unknown": "not known",
}
_SHORT_ID: Final = 8
_LONG_S: Final = 119.5


def picture_document(picture: Picture, *, active_s: float, tz: tzinfo = UTC) -> Document:
    """All active sessions in one table, with what is usual and the figures of the last call."""
    clock = datetime.fromtimestamp(picture.at, tz).strftime("%H:%M:%S %Z")
    count = format_counted(len(picture.rows), "thread")
    span = format_duration(active_s)
    title = f"latprof watch, {clock}: {count} of sessions active in the last {span}"
    items: list[Table | Note] = []
    if picture.rows:
        tagged = any(row.tags.engineer for row in picture.rows)
        heads = (_HEADS[0], Column("engineer", "left"), *_HEADS[1:]) if tagged else _HEADS
        table = Table(_TITLE, heads, tuple(_cells(row, tagged=tagged) for row in picture.rows))
        items = [table, Note(_LEGEND), *_notes(picture)]
    elif picture.left_out:
        items = [Note(_others(picture))]
    else:
        items = [Note(f"No log changed in the last {span}. Logs here: {picture.files:,}.")]
    data = {
        "schema_version": 1,
        "at": format_instant(picture.at, tz),
        "files": picture.files,
        "left_out": picture.left_out,
        "sessions": [_described(row, tz) for row in picture.rows],
    }
    rows = tuple(_flat(row, tz) for row in picture.rows)
    return Document(title, (Section("Now", tuple(items)),), data, Grid(_COLUMNS, rows))


_TITLE: Final = "Sessions now, and their last call (times in s, or as written)"
_HEADS: Final = (
    Column("session", "left"), Column("model", "left", 3), Column("now", "left"), Column("for"),
    Column("usual"), Column("n", priority=2), Column("TTFT", priority=1), Column("whole", priority=1),
    Column("tokens", priority=2),
)  # fmt: skip
_LEGEND: Final = (
    "usual: p10 to p90 of the n earlier calls of the same model and trigger (time to the first line of output, which "
    "is later than the first token), or of the same tool; a mark ! stands where it lasts longer."
)


def _notes(picture: Picture) -> list[Note]:
    """The sentences on rows that last long or cannot be told."""
    long = [row for row in picture.rows if row.is_long]
    notes = [Note(f"{_name(row)}: {row_sentence(row)}.") for row in long]
    if any(row.standing.state == "tools" for row in picture.rows):
        notes.append(Note("A log does not tell a tool that runs from one that waits for permission."))
    if any(row.standing.state == "unknown" for row in picture.rows):
        notes.append(Note(f"not known: {STATES['unknown']} what is going on; the time is since its last call."))
    if picture.left_out:
        notes.append(Note(_others(picture)))
    return notes


def _others(picture: Picture) -> str:
    """As '2 active threads do not pass the filters'."""
    verb = "does" if picture.left_out == 1 else "do"
    return f"{format_counted(picture.left_out, 'active thread')} {verb} not pass the filters."


def _cells(row: Row, *, tagged: bool) -> tuple[Cell, ...]:
    usual = row.usual
    shown, n = UNKNOWN, UNKNOWN
    if usual is not None:
        n = f"{usual.n:,}"
        if usual.low_s is not None and usual.high_s is not None:
            shown = f"{format_value(usual.low_s, 's')} to {format_value(usual.high_s, 's')}"
    mark = "! " if row.is_long else ""
    last = _last_figures(row.last)
    return (
        Cell(_name(row)),
        *((Cell(row.tags.engineer or UNKNOWN),) if tagged else ()),
        Cell(row.standing.model or UNKNOWN),
        Cell(_doing(row)),
        Cell(mark + _span(row.seconds)),
        Cell(shown, minor=shown == UNKNOWN),
        Cell(n, minor=shown == UNKNOWN),
        *(Cell(last.get(name, UNKNOWN)) for name in ("TTFT", "whole", "tokens")),
    )


def _name(row: Row) -> str:
    """The project's folder and the begin of the session's id, which is enough to tell sessions apart."""
    standing = row.standing
    folder = PurePath(standing.project.replace("\\", "/")).name if standing.project else row.agent
    thread = "sub-agent" if standing.agent_id is not None else ""
    return " ".join(part for part in (folder, standing.session_id[:_SHORT_ID], thread) if part)


def _doing(row: Row) -> str:
    standing = row.standing
    if standing.state == "tools":
        return _tools(standing.tools)
    failed = f", {format_counted(standing.failed, 'failed attempt')}" if standing.failed else ""
    return _NOW[standing.state] + failed


def _tools(names: tuple[str, ...]) -> str:
    """'tool Bash', 'tools Bash, Read and 2 more'."""
    noun = "tool" if len(names) == 1 else "tools"
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"{noun} {', '.join(names[:2])}{more}"


def _span(seconds: float | None) -> str:
    """Seconds as such; from two minutes on with their unit."""
    if seconds is None or seconds < _LONG_S:
        return format_value(seconds, "s")
    return format_duration(seconds)


def _last_figures(last: LastCall | None) -> dict[str, str]:
    """What is known of a call, a bound as such."""
    shown: dict[str, str] = {}
    if last is None:
        return shown
    if last.ttft_s is not None:
        shown["TTFT"] = format_value(last.ttft_s, "s")
    elif last.first_block_s is not None:
        shown["TTFT"] = f"≤ {format_value(last.first_block_s, 's')}"
    if last.wall_s is not None:
        shown["whole"] = ("≤ " if last.wall_kind == "bound" else "") + format_value(last.wall_s, "s")
    if last.output_tokens is not None:
        shown["tokens"] = f"{last.output_tokens:,}"
    return shown


def _last_words(last: LastCall) -> str:
    units = {"TTFT": " s", "whole": " s", "tokens": ""}
    parts = (f"{name} {text}{units[name]}" for name, text in _last_figures(last).items())
    return ", ".join(parts) or "no figures in the log"


def row_sentence(row: Row) -> str:
    """What a thread does, in words that claim no more than its log shows."""
    standing = row.standing
    span = UNKNOWN if row.seconds is None else format_duration(row.seconds)
    if standing.state == "waiting":
        why = f" after {standing.trigger.replace('_', ' ')}" if standing.trigger != "unknown" else ""
        failed = f", {format_counted(standing.failed, 'failed attempt')}" if standing.failed else ""
        return f"no output line since {span}{why}{failed} ({_usual_words(row, 'first line after')})"
    if standing.state == "tools":
        usual = f"usual {standing.tools[0]}"
        return f"{_tools(standing.tools)} without a result since {span} ({_usual_words(row, usual)})"
    if standing.state == "answering":
        return f"answering, last block {span} ago"
    if standing.state == "idle":
        return f"idle since {span}"
    return f"last call {span} ago; {STATES['unknown']} what is going on"


def _usual_words(row: Row, what: str) -> str:
    usual = row.usual
    if usual is None or usual.low_s is None or usual.high_s is None:
        return f"no usual range: n = {0 if usual is None else usual.n:,} earlier, 30 are needed"
    lead = what if what.startswith("usual") else f"usual {what}"
    return f"{lead} {format_value(usual.low_s, 's')} to {format_value(usual.high_s, 's')} s, n = {usual.n:,}"


def event_line(event: Event, tz: tzinfo = UTC) -> str:
    """One line: time, session, what happened."""
    clock = datetime.fromtimestamp(event.at, tz).strftime("%H:%M:%S")
    text = f"{clock} {_name(event.row)}: {_event_words(event)}"
    return printable(text)


def _event_words(event: Event) -> str:
    row = event.row
    if event.kind == "call":
        return f"call complete: {row.last.model or 'model unknown'}, {_last_words(row.last)}" if row.last else "call"
    if event.kind == "gone":
        return "no longer active" if row.standing.agent_id is None else "ended"
    lead = {"session": "seen, ", "long": "longer than usual: "}.get(event.kind, "")
    return lead + row_sentence(row)


def event_data(event: Event, tz: tzinfo = UTC) -> dict[str, Any]:
    """One line of `watch --json`."""
    head = {"schema_version": 1, "event": event.kind, "at": format_instant(event.at, tz)}
    return head | _described(event.row, tz)


def _described(row: Row, tz: tzinfo) -> dict[str, Any]:
    standing, usual, last = row.standing, row.usual, row.last
    return {
        "agent": row.agent,
        "session_id": standing.session_id,
        "agent_id": standing.agent_id,
        "engineer": row.tags.engineer,
        "host": row.tags.host,
        "project": standing.project,
        "model": standing.model,
        "state": standing.state,
        "since": format_instant(standing.since, tz),
        "seconds": _rounded(row.seconds),
        "trigger": standing.trigger if standing.state == "waiting" else None,
        "tools": list(standing.tools),
        "failed_attempts": standing.failed,
        "usual": None
        if usual is None
        else {"low_s": _rounded(usual.low_s), "high_s": _rounded(usual.high_s), "n": usual.n, "of": usual.of},
        "longer_than_usual": row.is_long,
        "calls": row.calls,
        "last_call": None if last is None else _last_data(last),
    }


def _last_data(last: LastCall) -> dict[str, Any]:
    return {
        "call_id": last.call_id,
        "model": last.model,
        "ttft_s": _rounded(last.ttft_s),
        "first_block_s": _rounded(last.first_block_s),
        "wall_s": _rounded(last.wall_s),
        "wall_kind": last.wall_kind,
        "output_tokens": last.output_tokens,
    }


def _flat(row: Row, tz: tzinfo) -> tuple[str | int | float | None, ...]:
    item = _described(row, tz)
    usual, last = item["usual"] or {}, item["last_call"] or {}
    return (
        *(item[name] for name in _COLUMNS[:11]),
        " ".join(item["tools"]) or None,
        item["failed_attempts"],
        *(usual.get(name) for name in ("low_s", "high_s", "n")),
        str(item["longer_than_usual"]).lower(),
        item["calls"],
        *(last.get(name) for name in ("ttft_s", "first_block_s", "wall_s", "wall_kind", "output_tokens")),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
