"""Cline in an editor, up to 3.89: one folder a task."""

from __future__ import annotations

from collections.abc import Iterator

from latprof.formats.base import Format, Source
from latprof.formats.cline_tail import standings
from latprof.formats.cline_tasks import EDITOR_ROOTS, TASK_OBSERVES, agent_of, is_task, read_task
from latprof.formats.standing import Standing
from latprof.model import Call, Problem

__all__ = ["FORMAT"]


def _sniff(path: str, head: bytes) -> bool:
    """Rows of a task that no fork made."""
    return is_task(head) and agent_of(path, head) == "cline"


def _read(source: Source) -> Iterator[Call | Problem]:
    return read_task(source, "cline")


def _standings(source: Source) -> tuple[Standing, ...]:
    return standings(source, "cline")


FORMAT = Format(
    name="cline",
    title="Cline (VS Code, up to 3.89)",
    agent="cline",
    roots=(*(f"{root}/saoudrizwan.claude-dev/tasks" for root in EDITOR_ROOTS), "~/.cline/data/tasks"),
    env_roots={},
    suffixes=(".json",),
    observes=TASK_OBSERVES,
    marks=(b'"ask"', b'"say"'),
    sniff=_sniff,
    read=_read,
    tail=_standings,
    shape="document",
)
