"""Kilo Code's older extension, a fork of Roo Code; its later ones keep a database."""

from __future__ import annotations

from collections.abc import Iterator

from latprof.formats.base import Format, Source
from latprof.formats.cline_tail import standings
from latprof.formats.cline_tasks import EDITOR_ROOTS, TASK_OBSERVES, agent_of, is_task, read_task
from latprof.formats.standing import Standing
from latprof.model import Call, Problem

__all__ = ["FORMAT"]


def _sniff(path: str, head: bytes) -> bool:
    """The same rows as Roo's; the place tells."""
    return is_task(head) and agent_of(path, head) == "kilo"


def _read(source: Source) -> Iterator[Call | Problem]:
    return read_task(source, "kilo")


def _standings(source: Source) -> tuple[Standing, ...]:
    return standings(source, "kilo")


FORMAT = Format(
    name="kilo-tasks",
    title="Kilo Code (VS Code, up to 5)",
    agent="kilo",
    roots=tuple(f"{root}/kilocode.kilo-code/tasks" for root in EDITOR_ROOTS),
    env_roots={},
    suffixes=(".json",),
    observes=TASK_OBSERVES,
    marks=(b'"ask"', b'"say"'),
    sniff=_sniff,
    read=_read,
    tail=_standings,
    shape="document",
)
