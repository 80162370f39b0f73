"""Sessions that run now: what each one's log shows of the call under way, and what is usual."""

from __future__ import annotations

from latprof.live.events import Event, events
from latprof.live.files import History, LogFile, files_of, read_history
from latprof.live.habits import Habits, Usual
from latprof.live.watcher import LastCall, Picture, Row, Scope, Watcher

__all__ = [
    "Event",
    "Habits",
    "History",
    "LastCall",
    "LogFile",
    "Picture",
    "Row",
    "Scope",
    "Usual",
    "Watcher",
    "events",
    "files_of",
    "read_history",
]
