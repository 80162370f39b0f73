"""Lines of an agent's file, one after the other -> calls and problems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from latprof.formats.kimi_code.calls import call_of, side_call_of
from latprof.formats.kimi_code.steps import Log, Request, Step
from latprof.formats.records import Record, count_of, dict_of, seconds_of, text_of
from latprof.model import Block, BlockType, Call, Problem, Trigger

__all__ = ["TRIGGER_OF_ORIGIN", "take"]

TRIGGER_OF_ORIGIN: Final[dict[str, Trigger]] = {
    "background_task": "notification",
    "cron_job": "notification",
    "cron_missed": "notification",
    "hook_result": "notification",
    "plugin_command": "user",
    "shell_command": "user",
    "skill_activation": "user",
    "system_trigger": "notification",
    "task": "notification",
    "user": "user",
}
_BLOCK_OF_PART: Final[dict[str, BlockType]] = {"text": "text", "think": "thinking"}


def take(log: Log, record: Record, number: int) -> Iterator[Call | Problem]:
    """Note what a line tells; give the call that it completes and the attempts that it gives up."""
    kind, at = text_of(record, "type"), seconds_of(record.get("time"), unit=0.001)
    if kind == "context.append_loop_event":
        yield from _take_event(log, dict_of(record, "event"), at, number)
    elif kind == "llm.request":
        yield from _take_request(log, Request(at, number, record))
    elif kind in {"turn.prompt", "turn.steer"}:
        yield from _take_prompt(log, record, at, new_turn=kind == "turn.prompt")
    elif kind in {"turn.cancel", "turn.ended"}:
        yield from _turn_is_over(log)
    elif kind == "usage.record" and record.get("usageScope") == "session":
        call = side_call_of(log, record, at)
        if call is not None:
            yield call
    elif kind in {"profile.bind", "config.update"}:
        _take_settings(log, record)
    elif kind == "metadata" and not log.session_id:
        log.session_id = f"created-{count_of(record, 'created_at') or 0}"


def _take_settings(log: Log, record: Record) -> None:
    log.alias = text_of(record, "modelAlias") or log.alias
    log.effort = text_of(record, "thinkingEffort") or log.effort
    cwd = text_of(record, "cwd") or text_of(record, "environmentDisclosure", "cwd")
    log.project = log.project or cwd


def _take_prompt(log: Log, record: Record, at: float | None, *, new_turn: bool) -> Iterator[Problem]:
    if new_turn:
        yield from _turn_is_over(log)
    trigger = TRIGGER_OF_ORIGIN.get(text_of(record, "origin", "kind") or "", "unknown")
    if text_of(record, "origin", "name") == "subagent" or (trigger == "notification" and log.sidechain and new_turn):
        trigger = "subagent"
        log.sidechain = True
    log.pending = (trigger, at)


def _turn_is_over(log: Log) -> Iterator[Problem]:
    """What was tried and not answered until here never will be."""
    for line in log.failed:
        yield Problem("failed_attempt", log.path, line)
    log.failed = []
    yield from _give_up(log)


def _give_up(log: Log) -> Iterator[Problem]:
    step, log.step = log.step, None
    if step is None or not step.requests:
        return
    for request in step.requests[:-1]:
        yield Problem("failed_attempt", log.path, request.line)
    yield Problem("request_without_response", log.path, step.requests[-1].line)


def _take_request(log: Log, request: Request) -> Iterator[Problem]:
    log.logs_requests = True
    if text_of(request.record, "kind") not in {None, "loop"}:
        if log.side_request is not None:
            yield Problem("failed_attempt", log.path, log.side_request.line)
        log.side_request = request
        return
    step, turn_step = log.step, text_of(request.record, "turnStep")
    if step is not None and step.turn_step == turn_step:
        step.requests.append(request)


def _take_event(log: Log, event: Record, at: float | None, number: int) -> Iterator[Call | Problem]:
    kind = text_of(event, "type")
    if kind == "step.begin":
        yield from _give_up(log)
        step = Step(text_of(event, "uuid") or "", _turn_step(event), at)
        step.trigger, log.pending = log.pending or step.trigger, None
        log.step = step
    elif kind == "step.end":
        step = log.step if log.step and log.step.uuid == event.get("uuid") else Step(turn_step=_turn_step(event))
        yield from _end_of_step(log, step, event, at, number)
    elif log.step is not None:
        _take_part(log, log.step, event, at)


def _turn_step(event: Record) -> str:
    return f"{event.get('turnId')}.{event.get('step')}"


def _take_part(log: Log, step: Step, event: Record, at: float | None) -> None:
    kind = text_of(event, "type")
    if kind == "tool.result":
        step.results[text_of(event, "toolCallId") or ""] = at
        # A prompt that came in while the tools ran goes out together with their results.
        steered = log.pending is not None and log.pending[0] == "user"
        log.pending = ("user" if steered else "tool_result", at)
    elif event.get("stepUuid") != step.uuid:
        return
    elif kind == "content.part":
        step.parts_at = step.parts_at or at
        part = dict_of(event, "part")
        text = text_of(part, "text") or text_of(part, "think")
        block = _BLOCK_OF_PART.get(str(part.get("type")), "other")
        step.blocks.append(Block(block, characters=len(text) if text else None))
    elif kind == "tool.call":
        step.tools_at = step.tools_at or at
        step.blocks.append(Block("tool_use", name=text_of(event, "name")))
        step.calls.append(text_of(event, "toolCallId") or "")


def _end_of_step(log: Log, step: Step, event: Record, at: float | None, number: int) -> Iterator[Call | Problem]:
    uuid = text_of(event, "uuid")
    if uuid is None or uuid in log.done:
        log.step = None
        return
    usage = dict_of(event, "usage")
    reason = text_of(event, "finishReason")
    if reason == "interrupted":
        log.step = step
        yield from _give_up(log)
    elif not usage or reason == "error":
        # The same request is sent again in a step of its own.
        log.failed += [request.line for request in step.requests] or [number]
        log.pending = log.pending or step.trigger
        log.step = None
    else:
        log.done.add(uuid)
        log.step = None
        yield call_of(log, step, event, at)
        log.failed = []
