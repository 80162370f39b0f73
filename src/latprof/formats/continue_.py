"""Continue's sessions and its token log: messages without times, and one time for each count of tokens."""

from __future__ import annotations

from typing import Final

import orjson

from latprof.formats.base import Format
from latprof.formats.exports import shapes

__all__ = ["FORMAT"]

_SESSION: Final = frozenset({"sessionId", "title", "workspaceDirectory", "history"})
_TOKENS: Final = frozenset({"generatedTokens", "promptTokens", "model", "provider"})


def _sniff(_: str, head: bytes) -> bool:
    if b'"generatedTokens"' in head:
        return _is_token_line(head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0])
    if b'"workspaceDirectory"' not in head or b'"contextItems"' not in head:
        return False
    # The keys behind a long history may lie outside of what is looked at.
    return any(len(names & _SESSION) >= len(_SESSION) - 1 and "history" in names for names in shapes(head))


def _is_token_line(line: bytes) -> bool:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(record, dict) and record.keys() >= _TOKENS


FORMAT = Format.refused(
    name="continue",
    title="Continue",
    reason="Sessions hold messages without times, and the token log has one time for each event and no start.",
    marks=(b'"generatedTokens"', b'"workspaceDirectory"'),
    sniff=_sniff,
    roots=("~/.continue/sessions", "~/.continue/dev_data"),
    suffixes=(".json", ".jsonl"),
    shape="document",
)
