"""Zed's threads (`threads.db`): one blob for each thread, with the time of its last change only."""

from __future__ import annotations

import re
from typing import Final

from latprof.formats.base import SQLITE_MAGIC, Format

__all__ = ["FORMAT"]

_TABLE: Final = re.compile(
    rb"CREATE TABLE (?:IF NOT EXISTS )?[\"`]?threads[\"`]?\s*\([^;]*\bsummary\b[^;]*\bdata_type\b[^;]*\bdata\b",
    re.IGNORECASE,
)


def _sniff(_: str, head: bytes) -> bool:
    return head.startswith(SQLITE_MAGIC) and _TABLE.search(head) is not None


FORMAT = Format.refused(
    name="zed",
    title="Zed",
    reason="Threads hold counts of tokens, but no time of a message.",
    marks=(SQLITE_MAGIC,),
    sniff=_sniff,
    roots=(
        "~/.local/share/zed/threads",
        "~/Library/Application Support/Zed/threads",
        "~/AppData/Local/Zed/threads",
    ),
    suffixes=(".db",),
    shape="database",
)
