"""How values are written for people: the one place where a float becomes text."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

__all__ = [
    "UNKNOWN",
    "format_count",
    "format_counted",
    "format_duration",
    "format_instant",
    "format_share",
    "format_value",
    "parse_duration_s",
    "printable",
]

UNKNOWN = "–"
_REPLACED = "\ufffd"
_SECONDS_PER = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def printable(text: str) -> str:
    """Names come from logs: what cannot be printed must reach no terminal and no XML, so it becomes a mark."""
    return text if text.isprintable() else "".join(char if char.isprintable() else _REPLACED for char in text)


def format_count(value: int) -> str:
    """1234567 -> '1,234,567'."""
    return f"{value:,}"


def format_counted(value: int, noun: str) -> str:
    """(1, 'call') -> '1 call', (2, 'call') -> '2 calls'."""
    return f"{format_count(value)} {noun}{'' if value == 1 else 's'}"


def format_share(value: float | None) -> str:
    """0.123 -> '12 %'; shares between 0 and 1 % keep a digit so that 'some' never reads as 'none'."""
    if value is None:
        return UNKNOWN
    percent = value * 100
    if 99.95 <= percent < 100:
        return ">99.9 %"
    if 0 < percent < 0.05:
        return "<0.1 %"
    if 0 < percent < 1 or 99 < percent < 100:
        return f"{percent:.1f} %"
    return f"{percent:.0f} %"


def format_value(value: float | None, unit: str) -> str:
    """Write a value of a metric with three significant digits and without its unit.

    `unit` is one of 's', 'tok/s', 'tokens', 'share', '1' (a count).
    """
    if value is None:
        return UNKNOWN
    if unit == "share":
        return format_share(value)
    if unit in {"tokens", "1"}:
        return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.1f}"
    magnitude = abs(value)
    if 0 < magnitude < 0.0005:
        return "<0.001"
    if magnitude >= 99.95:
        return f"{value:,.0f}"
    if magnitude >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if magnitude >= 0.0995 or magnitude == 0 else f"{value:.3f}"


def format_duration(seconds: float) -> str:
    """A sum of times for a sentence: 42 s, 12.5 min, 3.4 h."""
    if seconds < 119.5:
        return f"{format_value(seconds, 's')} s"
    if seconds < 119.5 * 60:
        return f"{format_value(seconds / 60, 's')} min"
    return f"{format_value(seconds / 3600, 's')} h"


def format_instant(at: float | None, tz: tzinfo | None = None) -> str | None:
    """Epoch seconds -> ISO 8601 with milliseconds and offset, or None."""
    if at is None:
        return None
    stamp = datetime.fromtimestamp(round(at * 1000) / 1000, UTC).astimezone(tz or UTC)
    return stamp.isoformat(timespec="milliseconds")


def parse_duration_s(text: str) -> float:
    """'36h', '7d', '2w', '90m' -> seconds.

    Raises ValueError when the text is not a positive number followed by s, m, h, d or w.
    """
    number, unit = text.strip()[:-1], text.strip()[-1:].lower()
    if unit not in _SECONDS_PER:
        raise ValueError(text)
    seconds = float(number) * _SECONDS_PER[unit]
    if not 0 < seconds < 1e10:
        raise ValueError(text)
    return seconds
