"""What `opencode export` writes: one session with its messages and their parts in one document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from latprof.formats.base import Format, Source
from latprof.formats.opencode.calls import calls_of
from latprof.formats.opencode.parts import Message, Part, Session
from latprof.formats.opencode.textlog import Sendings
from latprof.formats.records import json_document, list_of, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_START: Final = re.compile(rb'^\s*\{\s*"info"\s*:\s*\{')
_SESSION: Final = re.compile(rb'"id"\s*:\s*"ses_')
_PLACE: Final = re.compile(rb'"(?:directory|projectID)"\s*:')


def _sniff(_: str, head: bytes) -> bool:
    """Told by its first key, the session's description, whose id has the agent's prefix."""
    text = head.removeprefix(b"\xef\xbb\xbf")
    return bool(_START.match(text) and _SESSION.search(text) and _PLACE.search(text))


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    document = json_document(source, problems)
    yield from problems
    session = Session(
        id=text_of(document, "info", "id") or "",
        parent_id=text_of(document, "info", "parentID"),
        version=text_of(document, "info", "version"),
        directory=text_of(document, "info", "directory"),
        root_id=text_of(document, "info", "parentID") or "",
    )
    messages: dict[str, Message] = {}
    for record in list_of(document, "messages"):
        message = _message(record, session)
        if message is None:
            yield Problem("bad_record", source.path, None, "not a message")
        else:
            messages.setdefault(message.id, message)
    yield from calls_of("opencode", source.path, session, messages.values(), Sendings())


def _message(record: Any, session: Session) -> Message | None:
    identity = text_of(record, "info", "id")
    if identity is None:
        return None
    parts = ((text_of(part, "id"), part) for part in list_of(record, "parts"))
    return Message(identity, session.id, record["info"], [Part(name, part) for name, part in parts if name])


FORMAT = Format(
    name="opencode-export",
    title="OpenCode export",
    agent="opencode",
    roots=(),
    env_roots={},
    suffixes=(".json",),
    observes={
        "first_block_s": "bound",
        "wall_s": "bound",
        "wall_tps": "bound",
        "decode_tps": "exact",
        "as_logged_ttft_s": "as_logged",
        "as_logged_decode_tps": "as_logged",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
        "cache_hit_share": "exact",
        "tool_s": "bound",
        "attempts": "bound",
    },
    marks=(b'"ses_',),
    sniff=_sniff,
    read=_read,
    shape="document",
)
