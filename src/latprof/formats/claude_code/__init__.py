"""Claude Code session transcripts (`~/.claude/projects/**/*.jsonl`).

Each assistant line holds one content block and is stamped when that block ended, so most
versions show neither the send time nor the first token: the first line gives an upper bound.
Newer versions write a line per request and the duration of blocks, which make both known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from latprof.formats.base import Format, Source
from latprof.formats.claude_code.calls import call_of
from latprof.formats.claude_code.lines import BadLine, Line, decode
from latprof.formats.claude_code.pairing import pair
from latprof.formats.claude_code.transcript import Transcript
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_AGENT_FILE: Final = re.compile(r"^agent-(?P<id>[^.]+)\.jsonl")
_LINE_TYPES: Final = re.compile(
    rb'"type"\s*:\s*"(?:user|assistant|system|summary|progress|attachment|queue-operation|api-request'
    rb'|file-history-snapshot|permission-mode|mode|last-prompt|ai-title)"'
)
_SESSION_KEYS: Final = (b'"sessionId"', b'"leafUuid"', b'"parentUuid"', b'"messageId"')


def _sniff(_: str, head: bytes) -> bool:
    """Told by content: lines with a known `type` and one of the keys only these transcripts have."""
    if not head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
        return False
    return _LINE_TYPES.search(head) is not None and any(key in head for key in _SESSION_KEYS)


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls of one transcript, in the order of their first lines; bad lines become problems."""
    problems: list[Problem] = []
    transcript = Transcript.of(_lines(source, problems))
    yield from problems
    answered: set[str] = set(transcript.referenced)
    # A response, and what was tried before it, belong to one call.
    for response in transcript.responses.values():
        pairing = pair(transcript, response)
        answered.update(pairing.lost_requests)
        yield call_of(transcript, response, pairing)
    for thread, requests in transcript.requests_of.items():
        last = transcript.last_number_of.get(thread, -1)
        for request in requests:
            if request.request_id not in answered and request.number < last:
                yield Problem("request_without_response", source.path, request.number)


def _lines(source: Source, problems: list[Problem]) -> Iterator[Line]:
    match = _AGENT_FILE.match(PurePath(source.path).name)
    thread = match["id"] if match else None
    number = 0
    try:
        with source.open() as stream:
            for number, raw in enumerate(stream, start=1):
                line = _decoded(raw, number, thread, source.path, problems)
                if line is not None:
                    yield line
    except (OSError, EOFError, ValueError) as error:
        problems.append(Problem("unreadable", source.path, number or None, type(error).__name__))
    except Exception as error:
        # zstandard's own error; naming its class would load the library for every log
        if type(error).__name__ != "ZstdError":
            raise
        problems.append(Problem("unreadable", source.path, number or None, "ZstdError"))


def _decoded(raw: bytes, number: int, thread: str | None, path: str, problems: list[Problem]) -> Line | None:
    if not raw.strip():
        return None
    try:
        line = decode(raw, number, thread)
    except BadLine as error:
        kind = "bad_line" if raw.endswith(b"\n") else "cut_line"
        problems.append(Problem(kind, path, number, str(error)))
        return None
    if line is not None and line.at is None and line.part is not None:
        problems.append(Problem("no_time", path, number))
    return line


FORMAT = Format(
    name="claude-code",
    title="Claude Code",
    agent="claude-code",
    roots=("~/.claude/projects", "~/.config/claude/projects"),
    env_roots={"CLAUDE_CONFIG_DIR": "projects"},
    suffixes=(".jsonl",),
    observes=frozenset(
        {
            "ttft_s",
            "first_block_s",
            "wall_s",
            "wall_tps",
            "decode_tps",
            "as_logged_ttft_s",
            "as_logged_decode_tps",
            "input_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "output_tokens",
            "reasoning_tokens",
            "cache_hit_share",
            "tool_s",
            "attempts",
        }
    ),
    sniff=_sniff,
    read=_read,
)
