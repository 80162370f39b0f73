"""Readers of log formats, found by listing this package.

A module or package here that has an object `FORMAT` is a format; nothing is registered.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from latprof.formats.base import Format, Source

__all__ = ["Format", "Source", "formats"]


@cache
def formats() -> tuple[Format, ...]:
    """All formats, by name."""
    found: list[Format] = []
    for info in pkgutil.iter_modules(__path__):
        if info.name == "base":
            continue
        module = importlib.import_module(f"{__name__}.{info.name}")
        candidate = getattr(module, "FORMAT", None)
        if isinstance(candidate, Format):
            found.append(candidate)
    return tuple(sorted(found, key=lambda item: item.name))
