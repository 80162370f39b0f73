"""Builds Claude Code transcripts line by line; everything here is made by hand, nothing recorded."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from latprof.formats import Source
from latprof.formats.claude_code import FORMAT
from latprof.model import Call, Problem

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC).timestamp()
Record = dict[str, Any]


def iso(at: float) -> str:
    """Seconds after T0 as the log writes them."""
    moment = datetime.fromtimestamp(round((T0 + at) * 1000) / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def usage(output: int = 50, *, read: int = 1000, write: int = 100, fresh: int = 3, **more: Any) -> Record:
    """A usage object; `more` overrides or adds keys."""
    return {
        "input_tokens": fresh,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": write,
        "output_tokens": output,
        **more,
    }


def text(length: int = 40) -> Record:
    return {"type": "text", "text": "x" * length}


def thinking(length: int = 200) -> Record:
    """A thinking block; with length 0 its text is hidden and only the signature remains."""
    return {"type": "thinking", "thinking": "x" * length, "signature": "s" * 100}


def tool(tool_id: str, name: str = "Bash") -> Record:
    return {"type": "tool_use", "id": tool_id, "name": name, "input": {"command": "x" * 20}}


@dataclass
class Log:
    """A transcript that grows by one line per call; each line follows the last unless told otherwise."""

    session: str = "session-1"
    version: str = "2.1.150"
    side: str | None = None
    lines: list[Record] = field(default_factory=list)
    last: str | None = None
    count: int = 0

    def add(self, kind: str, at: float | None, *, parent: str | None = "", **more: Any) -> str:
        """Append a line and give its uuid; parent '' means the line before, None a root."""
        self.count += 1
        uuid = f"{self.session}-{self.side or 'main'}-{self.count}"
        record: Record = {
            "parentUuid": self.last if parent == "" else parent,
            "isSidechain": self.side is not None,
            "userType": "external",
            "cwd": "/home/dev/project",
            "sessionId": self.session,
            "version": self.version,
            "type": kind,
            "uuid": uuid,
        }
        if self.side:
            record["agentId"] = self.side
        if at is not None:
            record["timestamp"] = iso(at)
        record.update(more)
        self.lines.append(record)
        self.last = uuid
        return uuid

    def prompt(self, at: float, words: str = "please", **more: Any) -> str:
        return self.add("user", at, message={"role": "user", "content": words}, **more)

    def result(self, at: float, *tool_ids: str, **more: Any) -> str:
        content = [{"type": "tool_result", "tool_use_id": name, "content": "ok"} for name in tool_ids]
        return self.add("user", at, message={"role": "user", "content": content}, **more)

    def answer(
        self,
        at: float,
        message_id: str,
        *blocks: Record,
        stop: str | None = "tool_use",
        tokens: Record | None = None,
        model: str = "claude-opus-4-7",
        request: str | None = "",
        extra: Record | None = None,
        **more: Any,
    ) -> str:
        """An assistant line; the request id is made from the message id unless given (None leaves it out)."""
        message = {
            "id": message_id,
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": list(blocks),
            "stop_reason": stop,
            "usage": tokens if tokens is not None else usage(),
            **(extra or {}),
        }
        request_id = f"req_{message_id}" if request == "" else request
        ids = {} if request_id is None else {"requestId": request_id}
        return self.add("assistant", at, message=message, **ids, **more)

    def bare(self, kind: str, **more: Any) -> None:
        """A line outside the chain."""
        self.lines.append({"type": kind, "sessionId": self.session, **more})

    def request(self, at: float, request_ref: str, limit: int = 128000) -> None:
        """An `api-request` line, one per attempt."""
        params = {"model": "claude-opus-5-5", "max_tokens": limit}
        agent = {"agentId": self.side} if self.side else {}
        self.bare("api-request", id=request_ref, timestamp=iso(at), version=self.version, params=params, **agent)

    def data(self) -> bytes:
        return join(self.lines)

    def calls(self, path: str = "session.jsonl") -> list[Call]:
        return read(self.data(), path)[0]


def join(lines: list[Record]) -> bytes:
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def read(data: bytes, path: str = "session.jsonl") -> tuple[list[Call], list[Problem]]:
    """Calls and problems of a transcript."""
    items = list(FORMAT.read(Source.from_bytes(data, path)))
    return [i for i in items if isinstance(i, Call)], [i for i in items if isinstance(i, Problem)]


def seconds(at: float | None) -> float | None:
    """An instant of a call as seconds after T0, to the millisecond."""
    return None if at is None else round(at - T0, 3)
