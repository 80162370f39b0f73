"""Debug logs of the Copilot Chat extension (`.../GitHub.copilot-chat/debug-logs/<session>/*.jsonl`).

Written only where the user turned them on: a line per call with its start, its duration and its
tokens. What the log calls time to first token is the arrival of the response's headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

import orjson

from latprof.classes import dataclass
from latprof.formats.base import Format, Source
from latprof.formats.records import Record, count_of, dict_of, json_lines, number_of, seconds_of, text_of
from latprof.formats.vscode_places import USER_FOLDERS
from latprof.model import FLAGS, LONG_GAP_S, Call, Problem, Trigger

__all__ = ["FORMAT"]

_AGENT: Final = "vscode-chat"
_KEYS: Final = ("ts", "sid", "type", "spanId", "attrs")
_SNIFFED_LINES: Final = 50
# Log files beside `main.jsonl` begin with what their session is for.
_SIDE_LABELS: Final = ("title", "summar", "progressmessage", "branchname", "commit")


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the log: when its span began and ended."""

    number: int
    record: Record
    at: float
    end: float
    kind: str


def _sniff(_: str, head: bytes) -> bool:
    """Told by a line with all keys of the log."""
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:_SNIFFED_LINES]
    return any(_is_own(raw) for raw in lines)


def _is_own(raw: bytes) -> bool:
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(record, dict) or any(key not in record for key in _KEYS):
        return False
    return isinstance(record["attrs"], dict) and seconds_of(record["ts"], unit=0.001) is not None


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls by their start; lines are written as a span ends, so they are sorted first."""
    problems: list[Problem] = []
    rows = sorted(_rows(source, problems), key=lambda row: (row.at, row.number))
    label = PurePath(source.path.replace("\\", "/")).name.split(".")[0].lower()
    version = next(
        (text_of(row.record, "attrs", "copilotVersion") for row in rows if row.kind == "session_start"), None
    )
    cause: tuple[Trigger, float] | None = None
    calls: dict[str, Call] = {}
    for row in rows:
        if row.kind == "user_message":
            cause = ("user", row.at)
        elif row.kind == "tool_call":
            cause = ("tool_result", row.end)
        elif row.kind == "llm_request":
            if _has_failed(row.record):
                # What comes after it still has the same cause.
                problems.append(Problem("failed_attempt", source.path, row.number))
                continue
            call = _call(row, cause, label)
            call.agent_version, cause = version, None
            calls.setdefault(call.call_id, call)
    yield from problems
    yield from calls.values()


def _rows(source: Source, problems: list[Problem]) -> Iterator[_Row]:
    seen: set[tuple[str | None, str | None]] = set()
    for number, record in json_lines(source, problems):
        at = seconds_of(record.get("ts"), unit=0.001)
        kind = text_of(record, "type") or ""
        key = (text_of(record, "sid"), text_of(record, "spanId"))
        if at is None:
            problems.append(Problem("no_time", source.path, number))
        elif kind and (key[1] is None or key not in seen):
            seen.add(key)
            yield _Row(number, record, at, at + _milliseconds(record, "dur"), kind)


def _milliseconds(record: Record, *keys: str) -> float:
    value = number_of(record, *keys)
    return value / 1000 if value is not None and value > 0 else 0.0


def _has_failed(record: Record) -> bool:
    return text_of(record, "status") == "error" or bool(dict_of(record, "attrs").get("error"))


def _call(row: _Row, cause: tuple[Trigger, float] | None, label: str) -> Call:
    record, attrs = row.record, dict_of(row.record, "attrs")
    session, span = text_of(record, "sid") or "", text_of(record, "spanId") or str(round(row.at * 1000))
    headers = _milliseconds(attrs, "ttft")
    output = count_of(attrs, "outputTokens") or None
    cached, read = count_of(attrs, "cachedTokens"), count_of(attrs, "inputTokens")
    done = row.end > row.at
    return Call(
        agent=_AGENT,
        session_id=session,
        request_id=text_of(attrs, "responseId"),
        model=text_of(attrs, "model"),
        trigger=cause[0] if cause else "unknown",
        trigger_at=cause[1] if cause else None,
        sent_at=row.at,
        sent_source="span_start",
        headers_at=row.at + headers if 0 < headers <= row.end - row.at else None,
        last_output_at=row.end if done else None,
        last_output_source="span_end" if done else None,
        input_tokens=read,
        cache_read_tokens=cached if cached is not None and cached <= (read or 0) else None,
        output_tokens=output,
        output_tokens_source="usage" if output else None,
        attempts=None,
        flags=_flags(row, label),
        stated_id=f"{_AGENT}/{session}/{span}",
    )


def _flags(row: _Row, label: str) -> tuple[str, ...]:
    found: set[str] = set()
    if label.startswith(_SIDE_LABELS):
        found.add("side_call")
    elif label.startswith("runsubagent"):
        found.add("sidechain")
    if row.end - row.at > LONG_GAP_S:
        found.add("suspended")
    return tuple(flag for flag in FLAGS if flag in found)


FORMAT = Format(
    name="copilot-debug-log",
    title="Copilot Chat debug log",
    agent=_AGENT,
    roots=tuple(f"{home}/workspaceStorage/*/GitHub.copilot-chat/debug-logs" for home in USER_FOLDERS),
    env_roots={"VSCODE_PORTABLE": "user-data/User/workspaceStorage/*/GitHub.copilot-chat/debug-logs"},
    suffixes=(".jsonl",),
    observes={
        "wall_s": "exact",
        "wall_tps": "exact",
        "output_tokens": "exact",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_hit_share": "exact",
    },
    marks=(b'"spanId"',),
    sniff=_sniff,
    read=_read,
    evidence="synthetic",
)
