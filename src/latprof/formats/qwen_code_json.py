"""Qwen Code chats before 0.4 (`~/.qwen/tmp/*/chats/*.json`): Gemini CLI's document with its own message type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from latprof.formats.base import Format, Source
from latprof.formats.gemini_chats import Chat, calls_of, head_of, standings_of
from latprof.formats.records import dict_of, json_document, list_of
from latprof.formats.standing import Standing
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_HEAD: Final = re.compile(rb'\s*\{\s*"sessionId"\s*:\s*"[^"]*"\s*,\s*"projectHash"\s*:\s*"[^"]*"\s*,')
_MESSAGES: Final = re.compile(rb'"messages"\s*:\s*\[')
_QWEN: Final = re.compile(rb'"type"\s*:\s*"qwen"|"model"\s*:\s*"(?:qwen|coder-model)')
_FIRST_BYTES: Final = 8192


def _sniff(path: str, head: bytes) -> bool:
    """Told by the keys at the beginning, and by a message of the model or the place."""
    data = head.removeprefix(b"\xef\xbb\xbf")
    if not _HEAD.match(data) or not _MESSAGES.search(data[:_FIRST_BYTES]):
        return False
    return bool(_QWEN.search(data)) or ".qwen" in path


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls in the order of their messages."""
    problems: list[Problem] = []
    yield from calls_of(_chat(source, problems))
    yield from problems


def _chat(source: Source, problems: list[Problem]) -> Chat:
    document = dict_of({"": json_document(source, problems)}, "")
    chat = Chat("qwen-code", None, source.path, early=True)
    head_of(chat, document)
    for message in list_of(document, "messages"):
        chat.add(message)
    return chat


def _standings(source: Source) -> tuple[Standing, ...]:
    return standings_of(_chat(source, []))


FORMAT = Format(
    name="qwen-code-json",
    title="Qwen Code, documents of early versions",
    agent="qwen-code",
    roots=("~/.qwen/tmp/*/chats",),
    env_roots={},
    suffixes=(".json",),
    observes={
        "wall_s": "exact or bound",
        "wall_tps": "exact or bound",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_hit_share": "exact",
    },
    marks=(b'"projectHash"',),
    sniff=_sniff,
    read=_read,
    tail=_standings,
    shape="document",
)
