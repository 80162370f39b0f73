"""Roo Code: Cline's rows, with a second stamp of each request after its preparation."""

from __future__ import annotations

from collections.abc import Iterator

from latprof.formats.base import Format, Source
from latprof.formats.cline_tail import standings
from latprof.formats.cline_tasks import EDITOR_ROOTS, TASK_OBSERVES, agent_of, is_task, read_task
from latprof.formats.standing import Standing
from latprof.model import Call, Problem

__all__ = ["FORMAT"]


def _sniff(path: str, head: bytes) -> bool:
    """Rows of a task in Roo's folder, or with what only Roo writes."""
    return is_task(head) and agent_of(path, head) == "roo-code"


def _read(source: Source) -> Iterator[Call | Problem]:
    return read_task(source, "roo-code")


def _standings(source: Source) -> tuple[Standing, ...]:
    return standings(source, "roo-code")


FORMAT = Format(
    name="roo-code",
    title="Roo Code",
    agent="roo-code",
    roots=tuple(f"{root}/rooveterinaryinc.roo-cline/tasks" for root in EDITOR_ROOTS),
    env_roots={},
    suffixes=(".json",),
    observes=TASK_OBSERVES,
    marks=(b'"ask"', b'"say"'),
    sniff=_sniff,
    read=_read,
    tail=_standings,
    shape="document",
)
