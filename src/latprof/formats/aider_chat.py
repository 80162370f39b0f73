"""Aider's chat history (`.aider.chat.history.md`): text for people, with the start of a session as its only time."""

from __future__ import annotations

import re
from typing import Final

from latprof.formats.base import Format

__all__ = ["FORMAT"]

_START: Final = re.compile(rb"\s*# aider chat started at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d[ \t]*\r?\n")


def _sniff(_: str, head: bytes) -> bool:
    return _START.match(head.removeprefix(b"\xef\xbb\xbf")) is not None


FORMAT = Format.refused(
    name="aider-chat",
    title="Aider chat history",
    reason="It notes only when a session began; --llm-history-file and --analytics-log hold times of calls.",
    marks=(b"# aider chat started at ",),
    sniff=_sniff,
    suffixes=(".aider.chat.history.md",),
)
