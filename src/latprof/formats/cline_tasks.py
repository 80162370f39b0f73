"""Tasks of Cline, Roo Code and their kin in an editor: rows of a chat window, `ui_messages.json`.

A row keeps the time of its first showing. The row of a request is made before the request is
prepared, an answer's rows when their first part is drawn; so every duration is an upper bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from itertools import pairwise
from pathlib import PurePath
from typing import Any, Final

from latprof.classes import dataclass
from latprof.formats.base import Observed, Source
from latprof.formats.cline_models import Models
from latprof.formats.records import (
    Record,
    count_of,
    json_document,
    loads_leniently,
    number_of,
    seconds_of,
    text_of,
)
from latprof.model import FLAGS, LONG_GAP_S, Block, Call, Problem, Trigger

__all__ = [
    "ANSWERS", "EDITOR_ROOTS", "PEOPLE", "TASK_OBSERVES", "Request", "Row", "Task", "agent_of", "attempts_of",
    "is_task", "json_in", "read_task", "requests_of", "retry_at", "task_of", "tool_name", "trigger_of",
]  # fmt: skip

_EDITORS: Final = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf")
# The folders of the editors' extensions.
EDITOR_ROOTS: Final = tuple(
    f"{place}/User/globalStorage"
    for place in (
        *(
            f"~/{base}/{name}"
            for base in (".config", "Library/Application Support", "AppData/Roaming")
            for name in _EDITORS
        ),
        "~/.vscode-server/data",
        "~/.vscode-remote/data",
    )
)
# What each of these formats can know.
TASK_OBSERVES: Final[dict[str, Observed]] = {
    "first_block_s": "bound",
    "wall_s": "bound",
    "wall_tps": "bound",
    "attempts": "bound",
    "input_tokens": "exact",
    "cache_read_tokens": "exact",
    "cache_write_tokens": "exact",
    "cache_hit_share": "exact",
    "output_tokens": "exact",
}
_EXTENSIONS: Final = {
    "kilocode.kilo-code": "kilo",
    "rooveterinaryinc.roo-cline": "roo-code",
    "saoudrizwan.claude-dev": "cline",
}
_TASK: Final = re.compile(
    rb'\s*\[\s*\{\s*(?:"ts":\s*\d+,\s*"type":\s*"(?:say|ask)"|"type":\s*"(?:say|ask)",\s*"ts":\s*\d+)'
)
_CLOCK_TOLERANCE_S: Final = 0.05
# From this day on Roo stamps an answer before its tools run.
_ROO_STAMPS_FIRST_AT: Final = 1_769_472_000.0
ANSWERS: Final = frozenset(
    {
        "reasoning", "text", "tool", "command", "use_mcp_server", "completion_result", "browser_action_launch",
        "browser_action", "followup", "plan_mode_respond", "new_task", "condense", "use_subagents",
    }
)  # fmt: skip
_RETRIES: Final = frozenset({"error_retry", "api_req_retried", "api_req_retry_delayed", "api_req_failed"})
# Between a request and its answer these hide another wait or another call.
_DETOURS: Final = frozenset({"condense_context", "sliding_window_truncation", "api_req_rate_limit_wait"})
PEOPLE: Final = frozenset({"task", "user_feedback", "user_feedback_diff", "resume_task", "resume_completed_task"})
_RESULTS: Final = frozenset({"command_output", "mcp_server_response", "browser_action_result", "subtask_result"})
_COMPACTIONS: Final = frozenset({"condense", "summarize_task", "condense_context"})
_TOOL_NAME: Final = re.compile(r"\w{1,64}")


def is_task(head: bytes) -> bool:
    """Whether a file begins as a list of such rows."""
    return _TASK.match(head.removeprefix(b"\xef\xbb\xbf")) is not None


def agent_of(path: str, head: bytes) -> str:
    """Who wrote a task: by the extension's folder, else by a key that only Roo and its forks write."""
    for extension, agent in _EXTENSIONS.items():
        if extension in path:
            return agent
    return "roo-code" if b"apiProtocol" in head else "cline"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the chat window: its time (epoch s), what it shows, whether it asks a person."""

    at: float | None
    kind: str
    asks: bool
    record: Record


@dataclass(slots=True)
class Task:
    """What holds for all requests of a task."""

    agent: str
    session_id: str
    rows: list[Row]
    models: Models
    history: list[tuple[str, float]]
    is_child: bool
    project: str | None

    @property
    def is_roo(self) -> bool:
        """Roo and its forks stamp a request once more, after its preparation."""
        return self.agent != "cline"


@dataclass(slots=True)
class Request:
    """The row of a request and the rows up to the next one."""

    row: Row
    at: float
    start: int
    stop: int
    next_at: float | None
    info: Record
    waits: list[Row] = field(default_factory=list)
    answer: list[Row] = field(default_factory=list)
    after: list[Row] = field(default_factory=list)


def read_task(source: Source, agent: str) -> Iterator[Call | Problem]:
    """Each request of a task that has an answer; those without one as problems."""
    problems: list[Problem] = []
    document = json_document(source, problems)
    yield from problems
    task = task_of(source, agent, document)
    before: Request | None = None
    for request in requests_of(task):
        if isinstance(request, Row):
            yield Problem("no_time", source.path)
            continue
        yield _call(task, request, before) or Problem(_missing(request), source.path)
        before = request


def task_of(source: Source, agent: str, document: Any) -> Task:
    """The rows of a task with what the files beside it say."""
    rows = [_row(record) for record in document if isinstance(record, dict)] if isinstance(document, list) else []
    beside = {
        name: [] if (other := source.beside(f"{name}.json")) is None else json_document(other, [])
        for name in ("api_conversation_history", "task_metadata", "history_item")
    }
    messages = beside["api_conversation_history"]
    messages = messages if isinstance(messages, list) else []
    folder = PurePath(source.path.replace("\\", "/")).parent
    return Task(
        agent=agent,
        session_id=folder.name if folder.parent.name == "tasks" else _first_stamp(rows),
        rows=rows,
        models=Models(messages, beside["task_metadata"]),
        history=[(role, at) for message in messages if (role := text_of(message, "role")) and (at := _at(message))],
        is_child=text_of(beside["history_item"], "parentTaskId") is not None,
        project=text_of(beside["history_item"], "workspace"),
    )


def _row(record: Record) -> Row:
    asks = text_of(record, "type") == "ask"
    return Row(_at(record), text_of(record, "ask" if asks else "say") or "", asks, record)


def _at(record: Any) -> float | None:
    """Epoch ms; what is smaller is a counter of a later version."""
    return seconds_of(record.get("ts"), unit=0.001) if isinstance(record, dict) else None


def _first_stamp(rows: list[Row]) -> str:
    return next((str(round(row.at * 1000)) for row in rows if row.at is not None), "")


def requests_of(task: Task) -> Iterator[Request | Row]:
    """The requests with their rows; a row alone where the request has no time."""
    places = [place for place, row in enumerate(task.rows) if row.kind == "api_req_started"]
    seen: set[float] = set()
    for place, stop in pairwise([*places, len(task.rows)]):
        row = task.rows[place]
        if row.at is None:
            yield row
            continue
        if row.at in seen:
            continue
        seen.add(row.at)
        next_at = task.rows[stop].at if stop < len(task.rows) else None
        request = Request(row, row.at, place, stop, next_at, json_in(row))
        _sort_rows(request, task.rows[place + 1 : stop])
        yield request


def json_in(row: Row) -> Record:
    """The object that some rows hold as a text."""
    try:
        value = loads_leniently((text_of(row.record, "text") or "").encode("utf-8", "replace"))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _sort_rows(request: Request, rows: list[Row]) -> None:
    """What came before the answer, the answer, and what came after it."""
    for row in rows:
        if request.after or row.kind in PEOPLE or row.kind in _RESULTS:
            request.after.append(row)
        elif row.kind in ANSWERS and not (row.asks and row.kind == "completion_result"):
            request.answer.append(row)
        elif not request.answer:
            request.waits.append(row)
        elif row.kind == "checkpoint_created" or row.asks:
            request.after.append(row)


def _missing(request: Request) -> str:
    failed = any(row.kind in _RETRIES or row.kind == "error" for row in request.waits)
    return "failed_attempt" if failed or "cancelReason" in request.info else "request_without_response"


def _call(task: Task, request: Request, before: Request | None) -> Call | None:
    tokens = count_of(request.info, "tokensOut") or None
    if not request.answer and tokens is None:
        return None
    name = str(round(request.at * 1000))
    trigger, trigger_at = trigger_of(task, request, before)
    if task.is_child and before is None:
        trigger = "subagent"
    model, provider = task.models.of(request.row.record, request.next_at)
    call = Call(
        agent=task.agent,
        session_id=task.session_id,
        message_id=name,
        # The request's stamp is all that copies of a task keep unchanged.
        request_id=name,
        agent_id=task.session_id if task.is_child else None,
        provider=provider,
        model=model,
        project=task.project,
        trigger=trigger,
        trigger_at=trigger_at,
        attempts=attempts_of(request),
        blocks=tuple(_blocks(request)),
    )
    first = request.answer[0].at if request.answer else None
    if first is not None:
        call.first_output_at, call.first_output_source = first, "first_shown"
    _set_sent(task, request, call)
    _set_end(task, request, call)
    _set_tokens(task, request, call)
    call.flags = _flags(task, request, call)
    return call


def _set_sent(task: Task, request: Request, call: Call) -> None:
    retries = [at for row in request.waits if (at := retry_at(row)) is not None]
    if any(row.kind in _DETOURS for row in request.waits):
        return
    if any(row.kind in _RETRIES for row in request.waits):
        known = [at for at in retries if call.first_output_at is None or at <= call.first_output_at]
        if known:
            call.sent_at, call.sent_source = max(known), "retry_adjusted"
        return
    call.sent_at, call.sent_source = request.at, "request_sent_wall"
    if task.is_roo:
        until = call.first_output_at if call.first_output_at is not None else request.next_at
        call.sent_at = _stamp(task, "user", request.at, until) or request.at


def retry_at(row: Row) -> float | None:
    """When the next attempt was sent at the earliest."""
    if row.at is None or row.kind not in _RETRIES or row.kind == "api_req_failed":
        return None
    wait = number_of(json_in(row), "delaySeconds") if row.kind == "error_retry" else None
    return row.at + max(wait or 0.0, 0.0)


def _stamp(task: Task, role: str, since: float, until: float | None) -> float | None:
    """The first message of a role in the conversation's own file between two times."""
    times = (at for known, at in task.history if known == role)
    return next((at for at in times if at >= since and (until is None or at <= until)), None)


def _set_end(task: Task, request: Request, call: Call) -> None:
    """An end only where no person was waited for: the stamps may lie after an approval."""
    if not request.answer or "cancelReason" in request.info:
        return
    early = task.is_roo and request.at >= _ROO_STAMPS_FIRST_AT
    asked = any(row.asks for row in [*request.answer, *request.after])
    if asked and not early:
        return
    end = _stamp(task, "assistant", request.at, request.next_at)
    if end is not None:
        call.last_output_at, call.last_output_source = end, "record_written"
        return
    marks = [row.at for row in request.after if row.kind == "checkpoint_created"]
    after = marks[0] if marks else request.next_at
    if after is not None and not asked and not any(row.kind in PEOPLE for row in request.after):
        call.last_output_at, call.last_output_source = after, "after_tools"


def _set_tokens(task: Task, request: Request, call: Call) -> None:
    info = request.info
    call.cache_read_tokens = count_of(info, "cacheReads")
    call.cache_write_tokens = count_of(info, "cacheWrites")
    cached = (call.cache_read_tokens or 0) + (call.cache_write_tokens or 0)
    fresh = count_of(info, "tokensIn") or None
    if fresh is not None:
        call.input_tokens = fresh + cached if task.models.counts_apart(info, call, fresh, cached) else None
        if call.input_tokens is None and (not cached or text_of(info, "apiProtocol") == "openai"):
            call.input_tokens = fresh
    if "cancelReason" not in info:
        call.output_tokens = count_of(info, "tokensOut") or None
        call.output_tokens_source = "usage" if call.output_tokens else None


def attempts_of(request: Request) -> int:
    """How often a request was made, by the rows of its repetitions."""
    kinds = [row.kind for row in request.waits if not json_in(row).get("failed")]
    return 1 + max(kinds.count(kind) for kind in ("error_retry", "api_req_retried", "api_req_retry_delayed"))


def _flags(task: Task, request: Request, call: Call) -> tuple[str, ...]:
    known = [at for at in (call.sent_at, call.first_output_at, call.last_output_at) if at is not None]
    spans = [later - earlier for earlier, later in pairwise(known)]
    found = {
        "interrupted": "cancelReason" in request.info,
        "retried": (call.attempts or 1) > 1,
        "sidechain": task.is_child,
        "clock_step": any(span < -_CLOCK_TOLERANCE_S for span in spans),
        "suspended": any(span > LONG_GAP_S for span in spans),
    }
    return tuple(name for name in FLAGS if found.get(name))


def trigger_of(task: Task, request: Request, before: Request | None) -> tuple[Trigger, float | None]:
    """The nearest row above a request that says what it replies to."""
    checkpoint: float | None = None
    for row in reversed(task.rows[: request.start]):
        if row.kind == "api_req_started":
            break
        if row.kind == "checkpoint_created" and checkpoint is None:
            checkpoint = row.at
        elif row.kind.startswith("resume"):
            cut = before is not None and text_of(before.info, "cancelReason") == "streaming_failed"
            return ("retry" if cut else "user"), row.at
        elif row.kind in PEOPLE or (before is None and row.kind == "text"):
            return "user", row.at
        elif row.kind in _COMPACTIONS:
            return "compaction", row.at
        elif row.kind in _RESULTS:
            return "tool_result", row.at
        elif row.kind in ANSWERS - {"reasoning", "text"}:
            # The row's time is that of the tool's showing, not of its end.
            return "tool_result", checkpoint
    return ("user" if before is None else "unknown"), None


def _blocks(request: Request) -> Iterator[Block]:
    """The answer's parts in order; only their first showing has a time."""
    for row in request.answer:
        text = text_of(row.record, "text")
        if row.kind in {"reasoning", "text"}:
            if text:
                yield Block(type="thinking" if row.kind == "reasoning" else "text", characters=len(text))
            continue
        yield Block(type="tool_use", name=tool_name(row))


def tool_name(row: Row) -> str:
    """The tool that a row shows: what the row says, or else the row's kind."""
    name = text_of(json_in(row), "tool") or text_of(json_in(row), "toolName") or row.kind
    return name if _TOOL_NAME.fullmatch(name) else row.kind
