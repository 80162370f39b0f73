"""latprof: honest latency figures from coding-agent session logs.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__all__ = [
    "ApiCall",
    "Block",
    "Call",
    "Filters",
    "Format",
    "LatprofError",
    "Problem",
    "Source",
    "Summary",
    "Trace",
    "__version__",
    "analyze",
    "estimated",
    "load",
    "read",
    "summarize",
]

__version__ = "0.1.0"

_HOMES = {
    "ApiCall": "latprof.schema",
    "Block": "latprof.model",
    "Call": "latprof.model",
    "Filters": "latprof.stats",
    "Format": "latprof.formats",
    "LatprofError": "latprof.errors",
    "Problem": "latprof.model",
    "Source": "latprof.formats",
    "Summary": "latprof.stats",
    "Trace": "latprof.trace",
    "analyze": "latprof.api",
    "estimated": "latprof.api",
    "load": "latprof.api",
    "read": "latprof.api",
    "summarize": "latprof.stats",
}

if TYPE_CHECKING:
    from latprof.api import analyze, estimated, load, read
    from latprof.errors import LatprofError
    from latprof.formats import Format, Source
    from latprof.model import Block, Call, Problem
    from latprof.schema import ApiCall
    from latprof.stats import Filters, Summary, summarize
    from latprof.trace import Trace


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'latprof' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)
