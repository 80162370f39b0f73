"""Gemini CLI chats up to 0.38 (`~/.gemini/tmp/*/chats/**/*.json`): one document, rewritten at each change."""

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

# A chat opens with these keys; a masked or foreign document that only mentions them does not.
_HEAD: Final = re.compile(rb'\s*\{\s*"sessionId"\s*:\s*"[^"]*"\s*,\s*"projectHash"\s*:\s*"[^"]*"\s*,')
_MESSAGES: Final = re.compile(rb'"messages"\s*:\s*\[')
_QWEN: Final = re.compile(rb'"type"\s*:\s*"qwen"|"model"\s*:\s*"(?:qwen|coder-model)')
_FIRST_BYTES: Final = 8192


def _sniff(path: str, head: bytes) -> bool:
    """Told by the keys at the beginning; Qwen Code once wrote the same with messages of its own type."""
    data = head.removeprefix(b"\xef\xbb\xbf")
    if not _HEAD.match(data) or not _MESSAGES.search(data[:_FIRST_BYTES]):
        return False
    if _QWEN.search(data) or ".qwen" in path:
        return False
    # A document that further lines follow is an old chat at the beginning of a newer file.
    first, _, rest = data.partition(b"\n")
    return not (rest.lstrip().startswith(b"{") and first.rstrip().endswith(b"}"))


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls in the order of their messages."""
    problems: list[Problem] = []
    yield from calls_of(_chat(source, problems))
    yield from problems


def _chat(source: Source, problems: list[Problem]) -> Chat:
    document = dict_of({"": json_document(source, problems)}, "")
    chat = Chat("gemini-cli", "gcp.gen_ai", source.path, early=True)
    head_of(chat, document)
    for message in list_of(document, "messages"):
        chat.add(message)
    return chat


def _standings(source: Source) -> tuple[Standing, ...]:
    return standings_of(_chat(source, []))


FORMAT = Format(
    name="gemini-cli-json",
    title="Gemini CLI, documents of early versions",
    agent="gemini-cli",
    roots=("~/.gemini/tmp/*/chats",),
    env_roots={"GEMINI_CLI_HOME": ".gemini/tmp/*/chats"},
    suffixes=(".json",),
    observes={
        "first_block_s": "bound",
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
    evidence="real",
)
