"""What is going on at the end of a session of GitHub Copilot CLI."""

from __future__ import annotations

from dataclasses import field

from latprof.classes import dataclass
from latprof.formats.base import Source
from latprof.formats.records import Record, dict_of, json_lines, list_of, seconds_of, text_of
from latprof.formats.standing import Standing, Thread

__all__ = ["standings"]


@dataclass(slots=True)
class _Session:
    """The session's own thread and those of its sub-agents, by the ids of the calls that started them."""

    session_id: str
    project: str | None = None
    model: str | None = None
    threads: dict[str, Thread] = field(default_factory=dict)

    def thread(self, name: str) -> Thread:
        if name not in self.threads:
            self.threads[name] = Thread(agent_id=name or None, first_line="wall_s")
        return self.threads[name]

    def take(self, kind: str, record: Record, at: float | None) -> None:
        """Read the next event."""
        data = dict_of(record, "data")
        name = text_of(record, "agentId") or text_of(data, "parentToolCallId") or ""
        match kind:
            case "session.start" | "session.resume":
                self.session_id = text_of(data, "sessionId") or self.session_id
                self.project = text_of(data, "context", "cwd") or self.project
                self.model = text_of(data, "selectedModel") or self.model
            case "session.model_change":
                self.model = text_of(data, "newModel") or self.model
            case "abort" | "session.error" | "session.shutdown":
                for thread in self.threads.values():
                    thread.end(at)
            case "subagent.started":
                self.thread(text_of(data, "toolCallId") or name).wait(at, "subagent")
            case "subagent.completed" | "subagent.failed":
                self.thread(text_of(data, "toolCallId") or name).end(at)
            case _:
                _take(self.thread(name), kind, data, at)


def _take(thread: Thread, kind: str, data: Record, at: float | None) -> None:
    match kind:
        case "user.message":
            mine = text_of(data, "source") in {None, "user"}
            thread.wait(at, "user" if mine and thread.agent_id is None else "notification")
        case "assistant.turn_start":
            if not thread.waiting:
                thread.wait(at, "unknown")
            thread.still_preparing(at)
        case "assistant.message":
            _answer(thread, data, at)
        case "assistant.turn_end":
            if thread.state == "answering":
                thread.end(at)
        case "tool.execution_complete":
            thread.tool_result([text_of(data, "toolCallId") or ""], at)
        case "model.call_failure":
            if thread.waiting:
                thread.attempt_failed(at)


def _answer(thread: Thread, data: Record, at: float | None) -> None:
    thread.model = text_of(data, "model") or thread.model
    thread.respond(text_of(data, "apiCallId") or text_of(data, "messageId"))
    for call in list_of(data, "toolRequests"):
        thread.call_tool(text_of(call, "toolCallId") or "", text_of(call, "name") or "tool", at)
    thread.block(at)


def standings(source: Source, session_id: str) -> tuple[Standing, ...]:
    """The state of each thread of a session, its own first; `session_id` is what the path says."""
    session = _Session(session_id)
    seen: set[str] = set()
    for _, record in json_lines(source, []):
        event, at = text_of(record, "id"), seconds_of(record.get("timestamp"))
        if at is None or (event is not None and event in seen):
            continue
        seen.add(event or "")
        session.take(text_of(record, "type") or "", record, at)
    for thread in session.threads.values():
        thread.session_id, thread.project = session.session_id, session.project
        if thread.agent_id is None and thread.model is None and session.model != "auto":
            thread.model = session.model
    return tuple(session.threads[name].standing() for name in sorted(session.threads))
