"""How a document becomes bytes: one module per format, found by listing this package."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from latprof.report.renderers.base import Renderer

__all__ = ["FOR_PROGRAMS", "RENDERERS", "Renderer", "renderer"]

RENDERERS = tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name != "base"))
# Those that draw what a document has for programs; the others draw what it has for people.
FOR_PROGRAMS = frozenset({"csv", "json"})


@cache
def renderer(name: str) -> Renderer:
    """The renderer of that name. Raises KeyError."""
    if name not in RENDERERS:
        raise KeyError(name)
    found: Renderer = importlib.import_module(f"{__name__}.{name}").RENDERER
    return found
