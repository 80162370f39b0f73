"""What is going on at the end of a task of Cline, Roo Code and their kin."""

from __future__ import annotations

from typing import Final

from latprof.formats.base import Source
from latprof.formats.cline_tasks import (
    ANSWERS,
    PEOPLE,
    Request,
    Row,
    Task,
    attempts_of,
    requests_of,
    retry_at,
    task_of,
    tool_name,
    trigger_of,
)
from latprof.formats.records import json_document
from latprof.formats.standing import Standing, Thread

__all__ = ["standings"]

# The next move is the user's: the work is done, or something is asked that only a person can say.
_TURNS_OVER: Final = frozenset(
    {"api_req_failed", "completion_result", "followup", "mistake_limit_reached", "plan_mode_respond",
     "resume_completed_task", "resume_task"}
)  # fmt: skip
_BEFORE_ANSWERS: Final = frozenset({"reasoning", "text"})


def standings(source: Source, agent: str) -> tuple[Standing, ...]:
    """The state of a task: a row is made for each request, and for each part of its answer as it is first drawn."""
    task = task_of(source, agent, json_document(source, []))
    if not task.rows:
        return ()
    thread = Thread(task.session_id, task.session_id if task.is_child else None, task.project)
    requests = [item for item in requests_of(task) if isinstance(item, Request)]
    if not requests:
        thread.wait(task.rows[0].at, "user")
        return (thread.standing(),)
    last, before = requests[-1], requests[-2] if len(requests) > 1 else None
    thread.model = task.models.of(last.row.record, last.next_at)[0]
    _waits(thread, task, last, before)
    for row in [*last.answer, *last.after]:
        _take(thread, row)
    over = task.rows[-1]
    if over.kind in _TURNS_OVER or "cancelReason" in last.info:
        thread.end(over.at)
    return (thread.standing(),)


def _waits(thread: Thread, task: Task, request: Request, before: Request | None) -> None:
    trigger = "subagent" if task.is_child and before is None else trigger_of(task, request, before)[0]
    thread.wait(request.at, trigger)
    again = [at for row in request.waits if (at := retry_at(row)) is not None]
    for _ in range(attempts_of(request) - 1):
        thread.attempt_failed(max(again, default=None))


def _take(thread: Thread, row: Row) -> None:
    """A tool has its result when the row of the next request is there, which is made as soon as it has."""
    if row.kind in PEOPLE:
        thread.wait(row.at, "user")
    elif row.kind in _BEFORE_ANSWERS:
        thread.block(row.at)
    elif row.kind in ANSWERS:
        thread.call_tool(f"{row.kind} {row.at}", tool_name(row), row.at)
