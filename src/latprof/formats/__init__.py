"""Readers of log formats, found by listing this package and the entry points `latprof.formats`.

A module or package here that has an object `FORMAT` is a format; nothing is registered by hand. What is
known of each is kept in `table.json`, which tools/format_table.py writes, so that a format is loaded only
when a file may be its own; a module that is not in the table is loaded and looked at. Another package adds
a format by an entry point in the group `latprof.formats` that names its `Format`.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from functools import cache

from latprof.formats.base import Format, Grown, Source
from latprof.formats.late import has_entry_points, late_formats

__all__ = ["ENTRY_POINTS", "Format", "Grown", "Source", "formats"]

ENTRY_POINTS = "latprof.formats"


@cache
def formats() -> tuple[Format, ...]:
    """All formats, by name; of two with one name ours stays, and a warning names the other."""
    late, helpers = late_formats()
    found: dict[str, Format] = {}
    for info in pkgutil.iter_modules(__path__):
        candidate = late.get(info.name) or (None if info.name in helpers else _of_module(info.name))
        if candidate is not None:
            found[candidate.name] = candidate
    for item in _third_party():
        if item.name in found:
            warnings.warn(f"a second format named {item.name} is left out", stacklevel=2)
        else:
            found[item.name] = item
    return tuple(found[name] for name in sorted(found))


def _of_module(module: str) -> Format | None:
    """The format of a module that is not in the table, None where it has none."""
    candidate = getattr(importlib.import_module(f"{__name__}.{module}"), "FORMAT", None)
    return candidate if isinstance(candidate, Format) else None


def _third_party() -> list[Format]:
    """Formats of other packages; one that cannot be loaded is left out with a warning."""
    if not has_entry_points(ENTRY_POINTS):
        return []
    from importlib.metadata import entry_points

    items: list[Format] = []
    for point in entry_points(group=ENTRY_POINTS):
        try:
            candidate = point.load()
        except Exception as error:  # noqa: BLE001 - another package may fail in any way
            warnings.warn(f"format {point.name} cannot be loaded: {type(error).__name__}", stacklevel=2)
            continue
        if isinstance(candidate, Format):
            items.append(candidate)
        else:
            warnings.warn(f"entry point {point.name} is no latprof.formats.Format", stacklevel=2)
    return items
