"""Amp threads (`~/.local/share/amp/threads/T-*.json`), one document per thread, written anew at each change.

A message of the assistant with `usage` is one call. Older threads keep a ledger of usage beside
the messages; then the ledger counts the calls. Neither says when a request left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from pathlib import PurePath
from typing import Any, Final

import orjson

from latprof.classes import dataclass
from latprof.formats.base import Format, Source
from latprof.formats.records import (
    Record,
    count_of,
    dict_of,
    json_document,
    list_of,
    seconds_of,
    text_of,
)
from latprof.model import FLAGS, Block, BlockType, Call, Problem, Trigger

__all__ = ["FORMAT"]

_THREAD_ID: Final = re.compile(r"T-[0-9A-Za-z][0-9A-Za-z-]{7,}")
_FILE: Final = re.compile(r"T-[0-9a-f]{8}-[0-9a-f-]{27}\.json(\.gz|\.zst)?")
_SCALAR: Final = rb'(?:"(?:[^"\\]|\\.)*"|-?[\d.][\d.eE+-]*|true|false|null)'
# The thread's id stands before the messages, after plain members only.
_START: Final = re.compile(
    rb'\s*\{\s*(?:"\w+"\s*:\s*' + _SCALAR + rb'\s*,\s*){0,20}?"id"\s*:\s*"T-[0-9A-Za-z-]{8,}"\s*[,}]', re.DOTALL
)
_QUOTED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_OWN_KEYS: Final = (b'"messages"', b'"usageLedger"', b'"agentMode"', b'"created"')
_BLOCK_TYPES: Final[dict[str, BlockType]] = {"text": "text", "thinking": "thinking", "tool_use": "tool_use"}
# A span belongs to the call whose usage was noted at about the span's end, s.
_SPAN_BEFORE_S: Final = 5.0
_SPAN_AFTER_S: Final = 1.0
_STEP_S: Final = 0.05


@dataclass(slots=True)
class _Noted:
    """One noted use of a model: a message of the assistant, an event of the ledger, or both."""

    message: Record
    event: Record
    cause: Record
    end_at: float | None
    flags: set[str] = field(default_factory=set)
    start_at: float | None = None
    tools_end_at: float | None = None

    @property
    def usage(self) -> Record:
        return dict_of(self.message, "usage")

    @property
    def model(self) -> str | None:
        return text_of(self.event, "model") or text_of(self.usage, "model")


def _sniff(path: str, head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _START.match(text):
        return any(key in text for key in _OWN_KEYS)
    if _FILE.fullmatch(PurePath(path.replace("\\", "/")).name) and b'"messageId"' in text:
        return text.lstrip().startswith(b"{")
    if b'"T-' not in text:
        return False
    try:
        return _is_thread(orjson.loads(text))
    except orjson.JSONDecodeError:
        return False


def _is_thread(document: object) -> bool:
    return bool(_THREAD_ID.fullmatch(text_of(document, "id") or "")) and bool(list_of(document, "messages"))


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls of one thread, in the order of its messages; then those that only the ledger knows."""
    problems: list[Problem] = []
    document = json_document(source, problems)
    yield from problems
    if not isinstance(document, dict):
        return
    whole = not any(problem.kind == "cut_document" for problem in problems)
    every = list(_noted(document, whole=whole))
    _give_spans(_spans(document), every)
    seen: set[str] = set()
    for noted in every:
        call = _call(document, noted)
        if call.call_id not in seen:
            seen.add(call.call_id)
            yield call
    for message in _messages(document):
        if _state(message) == "cancelled" and not dict_of(message, "usage"):
            yield Problem("failed_attempt", source.path)


def _messages(document: Record) -> list[Record]:
    return [message for message in list_of(document, "messages") if isinstance(message, dict)]


def _state(message: Record) -> str | None:
    return text_of(message, "state", "type")


def _noted(document: Record, *, whole: bool) -> Iterator[_Noted]:
    """What the messages and the ledger say, each use once."""
    events = [event for event in list_of(document, "usageLedger", "events") if isinstance(event, dict)]
    of_message = {str(event["toMessageId"]): event for event in events if _is_main(event) and "toMessageId" in event}
    ends = [at for event in events if (at := seconds_of(event.get("timestamp"))) is not None]
    taken: list[Record] = []
    for message, cause in _answers(document):
        event = of_message.get(str(message.get("messageId")), {})
        taken.append(event)
        stamp = seconds_of(dict_of(message, "usage").get("timestamp"))
        end_at = stamp if stamp is not None else seconds_of(event.get("timestamp"))
        # Of a document that is cut off the ledger may be lost, and with it the time that tells calls apart.
        lost = not whole and end_at is None
        # A ledger counts every call up to its last event; a message that it does not name is in it all the same.
        counted = bool(events) and not event and (stamp is None or stamp <= max(ends, default=stamp))
        if not lost and not counted and (event or dict_of(message, "usage")):
            yield _Noted(message, event, cause, end_at)
    for event in events:
        if not any(event is other for other in taken) and (whole or not _is_main(event)):
            flags = set() if _is_main(event) else {"side_call"}
            yield _Noted({}, event, {}, seconds_of(event.get("timestamp")), flags)


def _is_main(event: Record) -> bool:
    return text_of(event, "operationType") in {None, "inference"}


def _answers(document: Record) -> Iterator[tuple[Record, Record]]:
    """Each finished message of the assistant with the message that it answers."""
    before: Record = {}
    for message in _messages(document):
        if message.get("role") == "assistant" and _state(message) != "running":
            yield message, before
        before = message


def _call(document: Record, noted: _Noted) -> Call:
    thread = text_of(document, "id") or ""
    trigger = _trigger(noted.cause)
    submitted = seconds_of(dict_of(noted.cause, "meta").get("sentAt")) if trigger == "user" else None
    sent_at = noted.start_at if noted.start_at is not None else submitted
    source = None if sent_at is None else "trigger_line" if noted.start_at is None else "request_sent_wall"
    counts = _counts(noted)
    return Call(
        agent="amp",
        session_id=thread,
        message_id=_message_id(thread, noted, counts),
        agent_version=text_of(document, "env", "initial", "platform", "clientVersion"),
        model=noted.model,
        project=_project(document),
        trigger=trigger,
        trigger_at=noted.tools_end_at if trigger == "tool_result" else submitted,
        sent_at=sent_at,
        sent_source=source,
        last_output_at=noted.end_at,
        last_output_source=None if noted.end_at is None else "record_written",
        input_tokens=counts["input"],
        cache_read_tokens=counts["read"],
        cache_write_tokens=counts["write"],
        output_tokens=counts["output"] or None,
        output_tokens_source="usage" if counts["output"] else None,
        attempts=None,
        stop_reason=text_of(noted.message, "state", "stopReason"),
        flags=_flags(noted, sent_at),
        blocks=tuple(_blocks(noted.message)),
    )


def _trigger(cause: Record) -> Trigger:
    if cause.get("role") != "user":
        return "unknown"
    kinds = {text_of(part, "type") for part in list_of(cause, "content")}
    return "tool_result" if "tool_result" in kinds else "user"


def _flags(noted: _Noted, sent_at: float | None) -> tuple[str, ...]:
    flags = set(noted.flags)
    if _state(noted.message) == "cancelled":
        flags.add("interrupted")
    if sent_at is not None and noted.end_at is not None and noted.end_at < sent_at - _STEP_S:
        flags.add("clock_step")
    return tuple(flag for flag in FLAGS if flag in flags)


def _counts(noted: _Noted) -> dict[str, int | None]:
    """Tokens by kind; the ledger's come first, it has no counts of the cache."""
    usage = noted.usage
    fresh = count_of(noted.event, "tokens", "input")
    fresh = count_of(usage, "inputTokens") if fresh is None else fresh
    output = count_of(noted.event, "tokens", "output")
    read, write = count_of(usage, "cacheReadInputTokens"), count_of(usage, "cacheCreationInputTokens")
    if fresh is not None and read is not None and write is not None:
        whole: int | None = fresh + read + write
    else:
        stated = count_of(usage, "totalInputTokens")
        whole = stated if stated is not None and stated >= (read or 0) + (write or 0) else None
    return {
        "input": whole,
        "read": read,
        "write": write,
        "output": count_of(usage, "outputTokens") if output is None else output,
    }


def _message_id(thread: str, noted: _Noted, counts: dict[str, int | None]) -> str:
    """An id that copies in other threads share: numbers of messages mean nothing outside a thread."""
    if noted.end_at is not None:
        sizes = "-".join("" if count is None else str(count) for count in _sizes(noted, counts))
        return f"{round(noted.end_at * 1000)}-{sizes}"
    own = noted.event.get("id") or noted.message.get("messageId")
    return f"{thread}:{own if isinstance(own, str | int) else ''}"


def _sizes(noted: _Noted, counts: dict[str, int | None]) -> list[int | None]:
    """Counts that the message itself states, so that a document cut before its ledger gives the same id."""
    if seconds_of(noted.usage.get("timestamp")) is None:
        return [counts["output"]]
    keys = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "outputTokens")
    return [count_of(noted.usage, key) for key in keys]


def _spans(document: Record) -> list[tuple[str, float, float]]:
    """Name, start and end of the spans that the client recorded."""
    spans = []
    for span in list_of(document, "meta", "traces"):
        name = text_of(span, "name")
        start, end = (seconds_of(dict_of(span).get(key)) for key in ("startTime", "endTime"))
        if name in {"inference", "tools"} and start is not None and end is not None and start <= end:
            spans.append((name, start, end))
    return spans


def _give_spans(spans: list[tuple[str, float, float]], every: list[_Noted]) -> None:
    """Give each span of inference to the call whose usage was noted nearest to its end, nearest pairs first."""
    pairs = [
        (abs(end - noted.end_at), start, number)
        for name, start, end in spans
        for number, noted in enumerate(every)
        if name == "inference" and noted.end_at is not None and _fits(start, end, noted.end_at)
    ]
    used: set[float] = set()
    for _, start, number in sorted(pairs):
        noted = every[number]
        if noted.start_at is None and start not in used:
            used.add(start)
            noted.start_at = start
            ends = [tools_end for name, _, tools_end in spans if name == "tools" and tools_end <= start + _STEP_S]
            noted.tools_end_at = max(ends, default=None)


def _fits(start: float, end: float, noted_at: float) -> bool:
    return -_SPAN_AFTER_S <= noted_at - end <= _SPAN_BEFORE_S and start <= noted_at


def _blocks(message: Record) -> Iterator[Block]:
    """What the response is made of; parts have no times."""
    for part in list_of(message, "content"):
        kind = _BLOCK_TYPES.get(text_of(part, "type") or "")
        if kind is not None:
            text: Any = dict_of(part).get(kind)
            characters = len(text) if isinstance(text, str) else None
            yield Block(kind, characters=characters, name=text_of(part, "name") if kind == "tool_use" else None)


def _project(document: Record) -> str | None:
    trees = list_of(document, "env", "initial", "trees")
    place = text_of(trees[0], "uri") if trees else None
    return _unquoted(place.removeprefix("file://")) if place and place.startswith("file://") else None


def _unquoted(place: str) -> str:
    """A path of a URI as it was before its bytes were quoted with per cent signs."""
    plain = _QUOTED.sub(lambda match: bytes([int(match[1], 16)]), place.encode("utf-8", "replace"))
    return plain.decode("utf-8", "replace")


FORMAT = Format(
    name="amp",
    title="Amp",
    agent="amp",
    roots=(
        "~/.local/share/amp/threads",
        "~/.config/Code/User/globalStorage/sourcegraph.amp/threads*",
        "~/Library/Application Support/Code/User/globalStorage/sourcegraph.amp/threads*",
        "~/AppData/Roaming/Code/User/globalStorage/sourcegraph.amp/threads*",
    ),
    env_roots={"AMP_DATA_DIR": "threads", "XDG_DATA_HOME": "amp/threads"},
    suffixes=(".json",),
    observes={
        "wall_s": "bound",
        "wall_tps": "bound",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "cache_hit_share": "exact",
        "output_tokens": "exact",
    },
    marks=(b'"T-', b'"messageId"'),
    sniff=_sniff,
    read=_read,
    shape="document",
)
