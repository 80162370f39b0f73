"""What is going on at the end of one agent's file."""

from __future__ import annotations

from collections.abc import Iterable

from latprof.formats.kimi_code.lines import TRIGGER_OF_ORIGIN
from latprof.formats.kimi_code.steps import Log
from latprof.formats.records import Record, dict_of, number_of, seconds_of, text_of
from latprof.formats.standing import Standing, Thread

__all__ = ["standings_of"]


def standings_of(log: Log, records: Iterable[Record]) -> tuple[Standing, ...]:
    """The state of the agent of this file; the parts of an answer are written when it is complete."""
    thread = Thread(log.session_id, log.agent_id, log.project, first_line="wall_s")
    seen = False
    for record in records:
        at = seconds_of(record.get("time"), unit=0.001)
        seen = seen or at is not None
        _take(thread, text_of(record, "type") or "", record, at)
    return (thread.standing(),) if seen else ()


def _take(thread: Thread, kind: str, record: Record, at: float | None) -> None:
    if kind == "context.append_loop_event":
        _take_event(thread, dict_of(record, "event"), at)
    elif kind in {"turn.prompt", "turn.steer"}:
        _prompt(thread, dict_of(record, "origin"), at)
    elif kind == "llm.request":
        thread.model = text_of(record, "model") or thread.model
        thread.still_preparing(at)
    elif kind == "turn.step.retrying":
        wait_s = (number_of(record, "delayMs") or 0.0) / 1000
        thread.still_preparing(None if at is None else at + max(wait_s, 0.0))
    elif kind in {"turn.cancel", "turn.ended"}:
        thread.end(at)


def _prompt(thread: Thread, origin: Record, at: float | None) -> None:
    trigger = TRIGGER_OF_ORIGIN.get(text_of(origin, "kind") or "", "unknown")
    if thread.state == "tools" and trigger == "user":
        thread.steer()
    elif thread.state != "tools":
        thread.wait(at, "subagent" if text_of(origin, "name") == "subagent" else trigger)


def _take_event(thread: Thread, event: Record, at: float | None) -> None:
    kind = text_of(event, "type")
    if kind == "step.begin":
        if not thread.waiting:
            thread.wait(at, "tool_result")
        thread.still_preparing(at)
    elif kind == "content.part":
        thread.block(at)
    elif kind == "tool.call":
        thread.call_tool(text_of(event, "toolCallId") or "", text_of(event, "name") or "tool", at)
    elif kind == "tool.result":
        thread.tool_result([text_of(event, "toolCallId") or ""], at)
    elif kind == "step.end":
        reason = text_of(event, "finishReason")
        if reason == "error":
            thread.attempt_failed(at)
        elif reason != "tool_use":
            thread.end(at)
