"""The lines that `opencode run --format json` prints: parts of answers when they are complete.

An id holds the time when it was made, so the lines tell when a message was created and a block
began although they are written later. They name no model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from latprof.formats.base import Format, Source
from latprof.formats.opencode.calls import calls_of
from latprof.formats.opencode.parts import Message, Part, Session, id_at
from latprof.formats.opencode.textlog import Sendings
from latprof.formats.records import Record, dict_of, json_lines, number_of, seconds_of, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_TYPES: Final = frozenset({"reasoning", "step_finish", "step_start", "text", "tool_use"})
_SNIFFED_LINES: Final = 20


def _sniff(_: str, head: bytes) -> bool:
    """Told by the first lines: a part of a message with the agent's ids."""
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:_SNIFFED_LINES]
    return any(_is_own(line) for line in lines)


def _is_own(raw: bytes) -> bool:
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(record, dict) or number_of(record, "timestamp") is None:
        return False
    session, message = text_of(record, "sessionID"), text_of(record, "part", "messageID")
    known = record.get("type") in _TYPES and isinstance(record.get("part"), dict)
    return known and (session or "").startswith("ses_") and (message or "").startswith("msg_")


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    sessions: dict[str, dict[str, Message]] = {}
    seen: set[str] = set()
    for number, record in json_lines(source, problems):
        if record.get("type") == "error":
            problems.append(Problem("failed_attempt", source.path, number))
        elif record.get("type") in _TYPES:
            _take(record, sessions, seen)
    yield from problems
    for identity, messages in sessions.items():
        # A run answers one prompt; the prompt itself is not printed.
        prompt = Message("", identity, {"role": "user"})
        for item in calls_of("opencode", source.path, Session(identity), [prompt, *messages.values()], Sendings()):
            if isinstance(item, Call):
                # So it is not a copy of the database's call but joined to it, by the request: it knows less.
                item.message_id = None
            yield item


def _take(record: Record, sessions: dict[str, dict[str, Message]], seen: set[str]) -> None:
    part = dict_of(record, "part")
    identity, owner = text_of(part, "id"), text_of(part, "messageID")
    session = text_of(record, "sessionID")
    if identity is None or owner is None or session is None or identity in seen:
        return
    seen.add(identity)
    created = id_at(owner, seconds_of(record.get("timestamp"), unit=0.001))
    times = {} if created is None else {"created": created * 1000}
    message = Message(owner, session, {"role": "assistant", "time": times})
    sessions.setdefault(session, {}).setdefault(owner, message).parts.append(Part(identity, part))


FORMAT = Format(
    name="opencode-events",
    title="OpenCode run --format json",
    agent="opencode",
    roots=(),
    env_roots={},
    suffixes=(".jsonl", ".json"),
    observes={
        "first_block_s": "bound",
        "wall_s": "bound",
        "wall_tps": "bound",
        "as_logged_ttft_s": "as_logged",
        "as_logged_decode_tps": "as_logged",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
        "cache_hit_share": "exact",
        "tool_s": "bound",
    },
    marks=(b'"ses_',),
    sniff=_sniff,
    read=_read,
)
