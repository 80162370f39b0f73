"""The document of `latprof doctor`: what was found, what it can tell, what to switch on."""

from __future__ import annotations

from typing import Any

from latprof.ingest.kept_history import Beside
from latprof.ingest.survey import Holding, Survey
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.report.history import beside_data, beside_notes
from latprof.report.support import SHOWN, closed_note, seen_counts, seen_words
from latprof.share.advice import ADVICE, NO_ADVICE
from latprof.units import UNKNOWN, format_count, format_counted

__all__ = ["doctor_document"]


def doctor_document(found: Survey, beside: Beside | None = None) -> Document:
    """Per format with logs: its calls, what of TTFT, decode and whole call it shows, and the setting for more.

    `beside` is what the history has of deleted logs; None where it was not asked.
    """
    here = found.here
    sections = tuple(Section(item.format.title, _lines(item)) for item in here)
    if not here:
        nothing = "No agent logs were found: give the folder with the sessions, for example `latprof doctor DIR`."
        sections = () if found.closed else (Section("Logs", (Note(nothing),)),)
    if found.closed:
        sections = (*sections, Section("Without permission", tuple(map(Note, closed_note(found)))))
    notes = [] if beside is None else beside_notes(beside)
    if notes:
        sections = (*sections, Section("History", tuple(map(Note, notes))))
    data = {"schema_version": 1, "formats": [_described(item) for item in here], "history": beside_data(beside)}
    data["no_permission"] = list(found.closed)
    rows = tuple(tuple(_described(item)[name] for name in _COLUMNS) for item in here)
    title = f"latprof: {format_counted(len(here), 'format')} with logs"
    return Document(title, sections, data, Grid(_COLUMNS, rows))


_COLUMNS = ("name", "files", "calls", "problems", *SHOWN, "setting", "gives")


def _lines(item: Holding) -> tuple[Table | Note, ...]:
    advice = ADVICE.get(item.format.name)
    heads = (Column("files"), Column("calls"), *(Column(head, "left") for head in SHOWN.values()))
    shown = (Cell(seen_words(item, key) or UNKNOWN) for key in SHOWN)
    row = (Cell(format_count(item.files)), Cell(format_count(item.calls)), *shown)
    notes = [Note(item.format.refusal)] if item.format.refusal else _newer(item)
    if advice is not None:
        notes.append(Note(f"Switch on: {advice.setting}. It gives {advice.gives}, from then on."))
    elif not item.format.refusal:
        notes.append(Note(f"Nothing to switch on: {_why_nothing(item)}."))
    return (Table(f"{item.format.title}: what these logs tell, and of which share of the calls", heads, (row,)), *notes)


def _newer(item: Holding) -> list[Note]:
    """What newer logs of the agent state, and these do not."""
    newer = [
        f"{head} from version {item.format.since[key]} on"
        for key, head in SHOWN.items()
        if item.calls and key in item.format.since and seen_words(item, key) is None
    ]
    return [Note(f"No call here has it, but newer logs state: {', '.join(newer)}.")] if newer else []


def _why_nothing(item: Holding) -> str:
    """The agent's own reason; load generators, gateways and exports have none to give."""
    own = NO_ADVICE.get(item.format.name)
    if own is not None:
        return own
    shows = item.format.observes.get("ttft_s") == "exact"
    return "it shows exact first tokens, where they are recorded" if shows else "what it records is all that is known"


def _described(item: Holding) -> dict[str, Any]:
    advice = ADVICE.get(item.format.name)
    return {
        "name": item.format.name,
        "files": item.files,
        "calls": item.calls,
        "problems": item.problems,
        **{key: item.format.observes.get(key) for key in SHOWN},
        "seen": seen_counts(item),
        "setting": advice.setting if advice else None,
        "gives": advice.gives if advice else None,
        "nothing_to_switch_on": None if advice or item.format.refusal else _why_nothing(item),
    }
