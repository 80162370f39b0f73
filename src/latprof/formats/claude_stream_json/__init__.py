"""Captures of `claude -p --output-format stream-json` and of the Agent SDK's messages.

Each complete block is a line with the agent's own time from some version on. With partial messages
the events of the stream are there too, without times; whoever captured the output live may have
put the time of arrival before each line, which makes them measurements.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from latprof.formats.base import Format, Source
from latprof.formats.claude_stream_json.capture import Capture
from latprof.formats.claude_stream_json.lines import read_lines, without_stamp
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_SNIFFED_LINES: Final = 50
# Other agents copied the shape of these messages, but not all of these keys.
_INIT_KEYS: Final = ("apiKeySource", "permissionMode", "slash_commands", "mcp_servers", "session_id")
_CUT_SIGNS: Final = (b'"init"', b'"session_id"', b'"mcp_servers"')


def _sniff(_: str, head: bytes) -> bool:
    """Told by the first message, which describes the agent's set-up."""
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if any(_is_init(without_stamp(raw)[1]) for raw in lines[:_SNIFFED_LINES]):
        return True
    # The list of tools may be longer than what is looked at.
    cut = without_stamp(lines[-1])[1] if len(lines) <= _SNIFFED_LINES else b""
    start = cut[:200].replace(b" ", b"")
    return start.startswith(b'{"type":"system","subtype":"init"') and all(sign in cut for sign in _CUT_SIGNS)


def _is_init(raw: bytes) -> bool:
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(record, dict) or (record.get("type"), record.get("subtype")) != ("system", "init"):
        return False
    return "session_id" in record and ("claude_code_version" in record or all(key in record for key in _INIT_KEYS))


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    capture = Capture(source.path, problems)
    for line in read_lines(source, problems):
        capture.take(line)
    yield from capture.calls()
    yield from problems


FORMAT = Format(
    name="claude-stream-json",
    title="Claude Code stream-json capture",
    agent="claude-code",
    roots=(),
    env_roots={},
    suffixes=(".jsonl", ".json", ".log"),
    observes={
        "ttft_s": "exact",
        "first_block_s": "bound",
        "wall_s": "exact or bound",
        "decode_tps": "exact",
        "wall_tps": "exact or bound",
        "as_logged_ttft_s": "as_logged",
        "as_logged_decode_tps": "as_logged",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "cache_hit_share": "exact",
        "tool_s": "bound",
        "attempts": "bound",
    },
    marks=(b'"init"',),
    sniff=_sniff,
    read=_read,
    evidence="recorded",
)
