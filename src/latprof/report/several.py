"""A word on calls that several people handed in."""

from __future__ import annotations

from latprof.ingest import Reading
from latprof.units import format_counted

__all__ = ["several_notes"]


def several_notes(reading: Reading) -> list[str]:
    """How many calls several people handed in, and whose they count as; how many likely count twice."""
    return [*_of_several(reading), *_likely_copies(reading)]


def _of_several(reading: Reading) -> list[str]:
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


def _likely_copies(reading: Reading) -> list[str]:
    count = reading.likely_copies
    if not count:
        return []
    verb = "is" if count == 1 else "are"
    told = (
        f"Likely counted twice: {format_counted(count, 'call')} {verb} like another in model, tokens and times, under "
        "other ids. An anonymised export fits only exports that were anonymised with the same salt: give it without "
        "the logs it was made from, and without exports that keep their ids or have another salt."
    )
    return [told]
