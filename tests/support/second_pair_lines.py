"""Builds Claude Code transcript lines, one function per kind of line; nothing here is recorded.

Times are seconds after T0. A line without `parent` gets the uuid of the line before it from `chain`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from latprof.formats import Source
from latprof.formats.claude_code import FORMAT
from latprof.model import Call, Problem

T0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z
ROOT = "<root>"
MODEL = "claude-opus-4-7"
Record = dict[str, Any]


def iso(at: float) -> str:
    """ISO-8601 in UTC with milliseconds, as the log writes it."""
    whole = datetime.fromtimestamp(round((T0 + at) * 1000) / 1000, UTC)
    return whole.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def line(kind: str, uuid: str, at: float, *, parent: str | None = None, **more: Any) -> Record:
    """A line of the conversation; `parent=ROOT` makes a root, None is filled in by `chain`."""
    record: Record = {
        "type": kind,
        "uuid": uuid,
        "timestamp": iso(at),
        "sessionId": "s1",
        "version": "2.1.150",
        "cwd": "/home/dev/p",
        "userType": "external",
        "isSidechain": False,
    }
    if parent is not None:
        record["parentUuid"] = None if parent == ROOT else parent
    return record | more


def user(uuid: str, at: float, words: str = "please do it", **more: Any) -> Record:
    return line("user", uuid, at, message={"role": "user", "content": words}, **more)


def tool_result(uuid: str, at: float, *tools: str, **more: Any) -> Record:
    blocks = [{"type": "tool_result", "tool_use_id": tool, "content": "ok"} for tool in tools]
    return line("user", uuid, at, message={"role": "user", "content": blocks}, **more)


def system(uuid: str, at: float, subtype: str, **more: Any) -> Record:
    return line("system", uuid, at, subtype=subtype, **more)


def attachment(uuid: str, at: float, kind: str, *, parent: str | None = None, **inner: Any) -> Record:
    return line("attachment", uuid, at, parent=parent, attachment={"type": kind, **inner})


def usage(output: int = 60, *, fresh: int = 3, read: int = 900, write: int = 90, **more: Any) -> Record:
    return {
        "input_tokens": fresh,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": write,
        "output_tokens": output,
    } | more


def assistant(
    uuid: str,
    at: float,
    message_id: str,
    *blocks: Record,
    output: int = 60,
    stop: str | None = "end_turn",
    model: str = MODEL,
    request: str | None = "",
    counts: Record | None = None,
    inner: Record | None = None,
    **more: Any,
) -> Record:
    """One assistant line. `request` '' derives the request id from the message id, None leaves it out."""
    message: Record = {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": list(blocks),
        "stop_reason": stop,
        "usage": usage(output) if counts is None else counts,
    }
    ids = {} if request is None else {"requestId": request or f"req_{message_id}"}
    return line("assistant", uuid, at, message=message | (inner or {}), **ids, **more)


def text(length: int = 40) -> Record:
    return {"type": "text", "text": "t" * length}


def thinking(length: int = 100) -> Record:
    return {"type": "thinking", "thinking": "h" * length, "signature": "g" * 64}


def tool_use(tool: str, name: str = "Bash", **given: Any) -> Record:
    return {"type": "tool_use", "id": tool, "name": name, "input": given or {"command": "ls"}}


def api_request(reference: str, at: float, *, limit: int = 128_000, **more: Any) -> Record:
    """One line per attempt; it has no uuid and stands outside the chain."""
    params = {"model": MODEL, "max_tokens": limit}
    return {
        "type": "api-request",
        "id": reference,
        "timestamp": iso(at),
        "sessionId": "s1",
        "params": params,
    } | more


def api_error(uuid: str, at: float, attempt: int, wait_ms: float, **more: Any) -> Record:
    fields = {"retryAttempt": attempt, "maxRetries": 10, "retryInMs": wait_ms, "error": {"status": 529}}
    return system(uuid, at, "api_error", **fields, **more)


def agent_progress(uuid: str, at: float, agent: str, embedded: Record) -> Record:
    """A line of the parent that carries a sub-agent's message with a time stamp of its own."""
    kept = ("type", "timestamp", "message", "requestId", "uuid")
    message = {key: embedded[key] for key in kept if key in embedded}
    data = {
        "type": "agent_progress",
        "agentId": agent,
        "prompt": "p",
        "normalizedMessages": [],
        "message": message,
    }
    return line("progress", uuid, at, data=data, parentToolUseID="tA", toolUseID="agent_msg_1")


def side(*records: Record, agent: str = "a1") -> list[Record]:
    """The same lines as a sub-agent's file has them."""
    return [record | {"isSidechain": True, "agentId": agent} for record in records]


def chain(*records: Record) -> list[Record]:
    """Let each line follow the last one with a uuid, where it names no parent itself."""
    linked: list[Record] = []
    last: str | None = None
    for record in records:
        given = dict(record)
        if "uuid" in given:
            given.setdefault("parentUuid", last)
            last = given["uuid"]
        linked.append(given)
    return linked


def join(records: Iterable[Record], *, sort_keys: bool = False) -> bytes:
    return b"".join(json.dumps(record, sort_keys=sort_keys).encode() + b"\n" for record in records)


def items(data: bytes, path: str = "s1.jsonl") -> tuple[list[Call], list[Problem]]:
    found = list(FORMAT.read(Source.from_bytes(data, path=path)))
    return [i for i in found if isinstance(i, Call)], [i for i in found if isinstance(i, Problem)]


def calls(*records: Record) -> dict[str, Call]:
    """Calls of chained lines by message id; two calls of one id fail here."""
    found = items(join(chain(*records)))[0]
    named = {call.message_id or "": call for call in found}
    assert len(named) == len(found)
    return named


def after(at: float | None) -> float | None:
    """Seconds after T0, to the millisecond."""
    return None if at is None else round(at - T0, 3)
