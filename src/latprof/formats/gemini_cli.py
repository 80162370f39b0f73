"""Gemini CLI chats from 0.39 on (`~/.gemini/tmp/*/chats/**/*.jsonl`): a line per message and change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from latprof.formats.base import Format, Source
from latprof.formats.gemini_chats import Chat, calls_of, head_of, standings_of
from latprof.formats.records import dict_of, json_lines, list_of, loads_leniently, text_of
from latprof.formats.standing import Standing
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_SNIFFED_LINES: Final = 30
_HEAD_KEYS: Final = ("sessionId", "projectHash", "startTime")


def _sniff(_: str, head: bytes) -> bool:
    """Told by the line that heads a chat, or by a message of the model; a lone document is another format's."""
    lines = [line for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    return any(_is_own(raw, alone=len(lines) == 1) for raw in lines[:_SNIFFED_LINES])


def _is_own(raw: bytes, *, alone: bool) -> bool:
    if not raw.startswith(b"{"):
        return False
    try:
        record = loads_leniently(raw)
    except ValueError:
        return False
    if not isinstance(record, dict):
        return False
    if all(text_of(record, key) for key in _HEAD_KEYS):
        return not (alone and "messages" in record)
    return text_of(record, "type") == "gemini" and all(key in record for key in ("id", "timestamp", "content"))


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls in the order in which their messages were first recorded.

    Messages that were rewound or replaced by a shorter history stay: their calls did happen.
    """
    problems: list[Problem] = []
    yield from calls_of(_chat(source, problems))
    yield from problems


def _chat(source: Source, problems: list[Problem]) -> Chat:
    chat = Chat("gemini-cli", "gcp.gen_ai", source.path)
    for _, record in json_lines(source, problems):
        head_of(chat, record)
        for message in (record, *list_of(record, "messages"), *list_of(dict_of(record, "$set"), "messages")):
            chat.add(message)
    return chat


def _standings(source: Source) -> tuple[Standing, ...]:
    return standings_of(_chat(source, []))


FORMAT = Format(
    name="gemini-cli",
    title="Gemini CLI",
    agent="gemini-cli",
    roots=("~/.gemini/tmp/*/chats",),
    env_roots={"GEMINI_CLI_HOME": ".gemini/tmp/*/chats"},
    suffixes=(".jsonl",),
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
    marks=(b'"gemini"', b'"projectHash"'),
    sniff=_sniff,
    read=_read,
    tail=_standings,
    evidence="recorded",
)
