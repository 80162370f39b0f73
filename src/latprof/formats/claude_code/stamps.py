"""Time stamps of transcripts -> epoch seconds, fast for the one form that the agent writes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

__all__ = ["seconds_of"]

# Stamps outside these years are damage, not time.
_EARLIEST_S: Final = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
_LATEST_S: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()

# `2026-03-02T12:00:05.123Z` in three parts, each looked up: minute, second, millisecond.
_LENGTH: Final = 24
_MOST_MINUTES: Final = 50_000
_SECOND_MS: Final = {f"{second:02d}.": second * 1000 for second in range(60)}
# Each is written down when it is first seen: to write all thousand takes half a millisecond of every start.
_ms: dict[str, int] = {}
_minute_ms: dict[str, int] = {}


def seconds_of(stamp: object) -> float | None:
    """ISO 8601 -> epoch seconds; None when it is no plausible time. No offset means UTC."""
    if not isinstance(stamp, str):
        return None
    if len(stamp) == _LENGTH:
        second_ms, ms = _SECOND_MS.get(stamp[17:20]), _ms.get(stamp[20:])
        if ms is None:
            ms = _ms_of(stamp[20:])
        if second_ms is not None and ms is not None:
            minute_ms = _minute_ms.get(stamp[:17])
            if minute_ms is None:
                minute_ms = _first_seen(stamp)
            if minute_ms is not None:
                # Both ways round the same quotient once, so that they agree to the last bit.
                return (minute_ms + second_ms + ms) / 1000
    return _any_iso(stamp)


def _ms_of(text: str) -> int | None:
    """Of three digits and a Z the number, kept for later; None for any other four characters."""
    digits = text[:3]
    if text[3] != "Z" or not digits.isascii() or not digits.isdigit():
        return None
    ms = _ms[text] = int(digits)
    return ms


def _first_seen(stamp: str) -> int | None:
    """Milliseconds of a stamp's minute, kept for the stamps after it; None for a minute at a border of time."""
    start_s = _any_iso(stamp[:17] + "00.000Z")
    if start_s is None or start_s + 60 > _LATEST_S:
        return None
    if len(_minute_ms) >= _MOST_MINUTES:
        _minute_ms.clear()
    minute_ms = _minute_ms[stamp[:17]] = int(start_s) * 1000
    return minute_ms


def _any_iso(stamp: str) -> float | None:
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        seconds = moment.timestamp()
    except (OverflowError, ValueError, OSError):
        return None
    return seconds if _EARLIEST_S <= seconds <= _LATEST_S else None
