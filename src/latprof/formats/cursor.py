"""Cursor's stores: the editor's database, the command line's store and the transcripts.

The loop of calls runs on Cursor's servers; what is stored here are messages, and for a while the
times of whole requests of a user with all their tools and approvals.
"""

from __future__ import annotations

from typing import Final

import orjson

from latprof.formats.base import SQLITE_MAGIC, Format

__all__ = ["FORMAT"]

_EDITOR: Final = b"cursorDiskKV"
_STORE: Final = (b"CREATE TABLE blobs", b"CREATE TABLE meta")
_SNIFFED_LINES: Final = 20


def _sniff(_: str, head: bytes) -> bool:
    if head.startswith(SQLITE_MAGIC):
        schema = head.replace(b"IF NOT EXISTS ", b"").replace(b'"', b"")
        return _EDITOR in schema or (
            all(part in schema for part in _STORE) and b"id TEXT PRIMARY KEY, data BLOB" in schema
        )
    lines = [line for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:_SNIFFED_LINES] if line.strip()]
    whole = lines if head.endswith(b"\n") else lines[:-1] or lines
    return bool(whole) and all(map(_is_transcript_line, whole))


def _is_transcript_line(line: bytes) -> bool:
    """A role and a content, and nothing else: what other agents write has at least an id or a time."""
    if not line.startswith(b'{"role"'):
        return False
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(record, dict) or record.keys() != {"role", "message"}:
        return False
    return isinstance(record["message"], dict) and record["message"].keys() == {"content"}


FORMAT = Format.refused(
    name="cursor",
    title="Cursor",
    reason="Calls are made on Cursor's servers; its stores and transcripts hold messages and no times of calls.",
    marks=(SQLITE_MAGIC, b'{"role"'),
    sniff=_sniff,
    # The editor's database is not looked for: it can be many gigabytes, and there is nothing to find.
    roots=("~/.cursor/chats", "~/.cursor/projects/*/agent-transcripts"),
    suffixes=(".db", ".jsonl"),
    shape="database",
)
