"""Text that is safe in a spreadsheet's cell."""

from __future__ import annotations

from latprof.units import printable

__all__ = ["spreadsheet_safe"]

# A cell that starts with one of these is taken as a formula by the common programs.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def spreadsheet_safe(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run; control characters become marks."""
    plain = printable(text)
    return "'" + plain if text.startswith(_FORMULA_STARTS) or plain.lstrip()[:1] in {"=", "+", "-", "@"} else plain
