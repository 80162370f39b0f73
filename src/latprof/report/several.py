"""A word on calls that several people handed in."""

from __future__ import annotations

from latprof.ingest import Reading
from latprof.units import format_counted

__all__ = ["several_notes"]


def several_notes(reading: Reading) -> list[str]:
    """How many calls lie in the logs of more than one engineer, and whose they count as."""
    calls, sessions = reading.of_several
    if not calls:
        return []
    verb = "lies" if calls == 1 else "lie"
    told = (
        f"{format_counted(calls, 'call')} of {format_counted(sessions, 'session')} {verb} in the logs of more than one "
        "engineer. Each counts once: for who had its session first; of whole copies nobody can tell, so they count for "
        "the first name."
    )
    return [told]
