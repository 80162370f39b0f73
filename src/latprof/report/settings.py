"""Which settings are in force, and where each comes from."""

from __future__ import annotations

from datetime import time
from typing import Any

from latprof.config.load import Effective
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table

__all__ = ["settings_document"]


def settings_document(effective: Effective) -> Document:
    """A table of all settings; those that nothing gives are faint."""
    whole = effective.settings.model_dump(mode="python")
    rows = [(place, _written(value), _origin(effective, place)) for place, value in _leaves(whole)]
    cells = tuple(
        tuple(Cell(text, minor=origin == "default") for text in (place, value, origin)) for place, value, origin in rows
    )
    columns = (Column("setting", "left"), Column("value", "left"), Column("from", "left"))
    files = ", ".join(str(path) for path in effective.files) or "no file"
    notes = (Note(f"Read from: {files}. What each setting means stands in docs/reference/settings.md."),)
    data = {
        "schema_version": 1,
        "files": [str(path) for path in effective.files],
        "settings": effective.settings.model_dump(mode="json"),
        "origins": effective.origins,
    }
    grid = Grid(("setting", "value", "from"), tuple(rows))
    given = sum(origin != "default" for _, _, origin in rows)
    title = f"latprof config: {given} of {len(rows)} settings given"
    return Document(title, (Section("Settings", (Table("Settings", columns, cells), *notes)),), data, grid)


def _leaves(data: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in data.items():
        if isinstance(value, dict) and value:
            found += _leaves(value, f"{above}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for place, item in enumerate(value, 1):
                found += _leaves(
                    {key: part for key, part in item.items() if part not in (None, [], {})}, f"{above}{name}[{place}]."
                )
        else:
            found.append((above + name, value))
    return found


def _origin(effective: Effective, place: str) -> str:
    """Entries of a list come from where the list comes from."""
    return effective.origins.get(place) or effective.origins.get(place.partition("[")[0], "default")


def _written(value: Any) -> str:
    if value is None or value in ([], {}, ()):
        return "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(_written(item) for item in value)
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
