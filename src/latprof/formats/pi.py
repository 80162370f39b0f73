"""Sessions of the coding agent pi (`~/.pi/agent/sessions`).

Every entry has two times: when its message began and when it was persisted. Of an answer these
are the sending of its request and the end of its stream; the first token is in no version.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from latprof.classes import dataclass
from latprof.formats.base import Format, Source
from latprof.formats.providers import provider_of
from latprof.formats.records import (
    Record,
    count_of,
    dict_of,
    json_lines,
    list_of,
    loads_leniently,
    number_of,
    seconds_of,
    text_of,
)
from latprof.formats.standing import Standing, Thread
from latprof.model import FLAGS, LONG_GAP_S, Block, BlockType, Call, Problem, Trigger

__all__ = ["FORMAT"]

_HEAD_LINES: Final = 20
_CLOCK_TOLERANCE_S: Final = 0.05
_BLOCKS: Final[dict[str, BlockType]] = {"text": "text", "thinking": "thinking", "toolCall": "tool_use"}
# The version is not in the file, so defects of old ones are told by the release that mended them:
# until 0.70.0 this protocol added the reasoning to an output that had it inside already.
_COMPLETIONS_RIGHT_AT: Final = datetime(2026, 4, 23, tzinfo=UTC).timestamp()
# Until 0.63.0 Google's input had the cached part inside.
_GOOGLE_RIGHT_AT: Final = datetime(2026, 3, 27, tzinfo=UTC).timestamp()


def _sniff(_: str, head: bytes) -> bool:
    """A session's head line among the first ones."""
    return any(_is_header(line) for line in head.split(b"\n", _HEAD_LINES)[:_HEAD_LINES])


def _is_header(line: bytes) -> bool:
    if b'"session"' not in line:
        return False
    try:
        record = loads_leniently(line.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        return False
    known = text_of(record, "id") and text_of(record, "cwd") and isinstance(record.get("timestamp"), str)
    return bool(known) and record.get("type") == "session" and "payload" not in record


class _Entry(NamedTuple):
    """One line, and the settings that were in force when it was written."""

    line: int
    record: Record
    session_id: str
    project: str | None
    effort: str | None
    before: int

    @property
    def kind(self) -> str:
        """The line's type; of a message its role."""
        kind = text_of(self.record, "type") or ""
        return text_of(self.record, "message", "role") or "" if kind == "message" else kind

    @property
    def message(self) -> Record:
        return dict_of(self.record, "message")

    @property
    def began_at(self) -> float | None:
        """The message's own time."""
        return seconds_of(self.message.get("timestamp"), unit=0.001)

    @property
    def persisted_at(self) -> float | None:
        """The time of the line; texts only, for a number would be another thing."""
        return seconds_of(text_of(self.record, "timestamp"))


@dataclass(slots=True)
class _Log:
    """All entries of a file, by place and by id."""

    entries: list[_Entry] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    results: dict[str, float] = field(default_factory=dict)
    counting: set[tuple[str | None, str | None]] = field(default_factory=set)

    def add(self, entry: _Entry) -> None:
        """Keep an entry; of copies the first."""
        identity = text_of(entry.record, "id")
        if identity:
            self.places.setdefault(identity, len(self.entries))
        if entry.kind == "toolResult" and entry.began_at is not None:
            self.results.setdefault(text_of(entry.message, "toolCallId") or "", entry.began_at)
        if entry.kind == "assistant" and not _is_empty(dict_of(entry.message, "usage")):
            self.counting.add(_service(entry.message))
        self.entries.append(entry)

    def above(self, entry: _Entry) -> Iterator[_Entry]:
        """The entries that led to this one: by their links, in old files by their order."""
        for _ in range(len(self.entries)):
            place: int | None = entry.before
            if "parentId" in entry.record:
                place = self.places.get(text_of(entry.record, "parentId") or "")
            if place is None or place < 0:
                return
            entry = self.entries[place]
            yield entry


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    log = _log_of(source, problems)
    yield from problems
    seen: set[str] = set()
    for entry in log.entries:
        if entry.kind != "assistant":
            continue
        item = _answer(source, log, entry, first=not seen)
        key = f"{item.kind}/{_name(entry)}" if isinstance(item, Problem) else item.call_id
        if key not in seen:
            yield item
        seen.add(key)


def _log_of(source: Source, problems: list[Problem]) -> _Log:
    log = _Log()
    session, project, effort = "", None, None
    for line, record in json_lines(source, problems):
        kind = text_of(record, "type")
        if kind == "session":
            session, project = text_of(record, "id") or "", text_of(record, "cwd")
        if kind in {"session", "thinking_level_change"}:
            effort = text_of(record, "thinkingLevel") or effort
        log.add(_Entry(line, record, session, project, effort, len(log.entries) - 1))
    return log


def _answer(source: Source, log: _Log, entry: _Entry, *, first: bool) -> Call | Problem:
    """A call, or what is known of a request without an answer."""
    message = entry.message
    stop = text_of(message, "stopReason")
    if entry.began_at is None and entry.persisted_at is None:
        return Problem("no_time", source.path, entry.line)
    if not list_of(message, "content") and _is_empty(dict_of(message, "usage"), "output"):
        return Problem("failed_attempt" if stop == "error" else "request_without_response", source.path, entry.line)
    # A stream that broke is stored as if it had ended, but without the usage that comes last.
    broken = _is_empty(dict_of(message, "usage")) and _service(message) in log.counting
    return _call(log, entry, first=first, cut=broken or stop in {"error", "aborted"})


def _call(log: _Log, entry: _Entry, *, first: bool, cut: bool) -> Call:
    message = entry.message
    trigger, trigger_at = _trigger(log, entry)
    response = text_of(message, "responseId")
    call = Call(
        agent="pi",
        session_id=entry.session_id,
        message_id=response or _name(entry),
        request_id=response,
        provider=provider_of(text_of(message, "provider")),
        model=text_of(message, "model"),
        project=entry.project,
        effort=entry.effort,
        trigger=trigger,
        trigger_at=trigger_at,
        sent_at=entry.began_at,
        last_output_at=entry.persisted_at,
        last_output_source=None if entry.persisted_at is None else "record_end",
        attempts=None,
        stop_reason=text_of(message, "stopReason"),
        blocks=tuple(_blocks(log, message)),
    )
    if call.sent_at is not None:
        # The first request of a process left 31 to 66 ms after its stamp, and whether a prompt began
        # a process is not in the file; requests after a tool left within 16 ms.
        call.sent_source = "record_created" if first or trigger in {"user", "unknown"} else "record_start"
    _set_tokens(call, message, cut=cut)
    call.flags = _flags(call, cut=cut, first=first)
    return call


def _name(entry: _Entry) -> str:
    """What every copy of an answer keeps: its start in ms. Ids of entries are given anew in old files."""
    at = number_of(entry.message, "timestamp")
    return text_of(entry.record, "id") or "" if at is None else str(round(at))


def _trigger(log: _Log, entry: _Entry) -> tuple[Trigger, float | None]:
    """What led to a call: the nearest message above it that is none of the agent's own notes."""
    note: _Entry | None = None
    for above in log.above(entry):
        if _is_later(above, entry):
            continue
        if above.kind in {"user", "toolResult"}:
            return ("user" if above.kind == "user" else "tool_result"), above.began_at
        if above.kind == "compaction":
            return "compaction", above.persisted_at
        if above.kind == "assistant":
            if note is None and text_of(above.message, "stopReason") == "error":
                return "retry", above.persisted_at
            break
        if above.kind in {"custom_message", "custom"} and note is None:
            note = above if above.kind == "custom_message" else None
    return ("unknown", None) if note is None else ("notification", note.persisted_at)


def _is_later(above: _Entry, entry: _Entry) -> bool:
    """Whether an entry came after the request had left: in old files answers that overlap stand so."""
    at = above.persisted_at if above.kind == "assistant" or above.began_at is None else above.began_at
    return at is not None and entry.began_at is not None and at > entry.began_at + _CLOCK_TOLERANCE_S


def _set_tokens(call: Call, message: Record, *, cut: bool) -> None:
    """Counts as the provider gave them; those that are known to be wrong are left out."""
    usage = dict_of(message, "usage")
    if _is_empty(usage):
        return
    api = text_of(message, "api") or ""
    at = call.sent_at or call.last_output_at or 0.0
    fresh = count_of(usage, "input")
    call.cache_read_tokens = count_of(usage, "cacheRead")
    call.cache_write_tokens = count_of(usage, "cacheWrite")
    twice = api.startswith("google") and at < _GOOGLE_RIGHT_AT and call.cache_read_tokens
    if fresh is not None:
        cached = (call.cache_read_tokens or 0) + (call.cache_write_tokens or 0)
        call.input_tokens = (fresh if twice else fresh + cached) or None
    if call.input_tokens is None or cut:
        call.cache_read_tokens = call.cache_write_tokens = call.input_tokens = None
    doubtful = api == "openai-completions" and at < _COMPLETIONS_RIGHT_AT and _thinks(message)
    if not cut and not doubtful:
        call.output_tokens = count_of(usage, "output") or None
        call.output_tokens_source = "usage" if call.output_tokens else None


def _flags(call: Call, *, cut: bool, first: bool) -> tuple[str, ...]:
    found = {"interrupted": cut, "first_of_process": first}
    if call.sent_at is not None and call.last_output_at is not None:
        span = call.last_output_at - call.sent_at
        found["clock_step"] = span < -_CLOCK_TOLERANCE_S
        found["suspended"] = span > LONG_GAP_S
    return tuple(name for name in FLAGS if found.get(name))


def _blocks(log: _Log, message: Record) -> Iterator[Block]:
    for block in list_of(message, "content"):
        kind = _BLOCKS.get(text_of(block, "type") or "", "other")
        text = text_of(block, kind) if kind != "tool_use" else None
        yield Block(
            type=kind,
            characters=None if text is None else len(text),
            name=text_of(block, "name") if kind == "tool_use" else None,
            result_at=log.results.get(text_of(block, "id") or "-") if kind == "tool_use" else None,
        )


def _thinks(message: Record) -> bool:
    return any(text_of(block, "type") == "thinking" for block in list_of(message, "content"))


def _service(message: Record) -> tuple[str | None, str | None]:
    return text_of(message, "provider"), text_of(message, "model")


def _is_empty(usage: Any, *keys: str) -> bool:
    """Whether nothing was counted; services that count at all count the input."""
    return not any(count_of(usage, key) for key in keys or ("input", "output", "cacheRead", "cacheWrite"))


def _standings(source: Source) -> tuple[Standing, ...]:
    """The state of the session's one thread: each message is written as a whole when it is complete."""
    thread = Thread(first_line="wall_s")
    log = _log_of(source, [])
    for entry in log.entries:
        thread.session_id, thread.project = entry.session_id, entry.project
        at = entry.persisted_at if entry.persisted_at is not None else entry.began_at
        if entry.kind == "user":
            thread.wait(at, "user")
        elif entry.kind == "toolResult":
            thread.tool_result([text_of(entry.message, "toolCallId") or ""], at)
        elif entry.kind == "compaction" and thread.waiting:
            thread.wait(at, "compaction")
        elif entry.kind == "assistant":
            _answered(thread, entry.message, at)
    return (thread.standing(),) if log.entries else ()


def _answered(thread: Thread, message: Record, at: float | None) -> None:
    thread.model = text_of(message, "model") or thread.model
    stop = text_of(message, "stopReason")
    calls = [block for block in list_of(message, "content") if text_of(block, "type") == "toolCall"]
    if stop == "error":
        # Only the next line tells whether the agent tries again by itself.
        thread.untold(at)
    elif stop == "aborted":
        thread.end(at)
    else:
        thread.answer([(text_of(call, "id") or "", text_of(call, "name") or "tool") for call in calls], at)


FORMAT = Format(
    name="pi",
    title="pi",
    agent="pi",
    roots=("~/.pi/agent/sessions",),
    env_roots={"PI_CODING_AGENT_DIR": "sessions", "PI_CODING_AGENT_SESSION_DIR": ""},
    suffixes=(".jsonl",),
    observes={
        "wall_s": "exact or bound",
        "wall_tps": "exact or bound",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "cache_hit_share": "exact",
        "output_tokens": "exact",
    },
    marks=(b'"session"',),
    sniff=_sniff,
    read=_read,
    tail=_standings,
    evidence="recorded",
)
