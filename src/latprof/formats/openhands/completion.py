"""Logs of single completions, which OpenHands writes when it is asked to: one file a call."""

from __future__ import annotations

from collections.abc import Iterator

from latprof.formats.base import Source
from latprof.formats.openhands.timeline import provider_in
from latprof.formats.openhands.usage import set_tokens
from latprof.formats.records import Record, dict_of, list_of, number_of, seconds_of, text_of
from latprof.model import Block, Call, Problem, Trigger

__all__ = ["read_completion"]


def read_completion(source: Source, document: Record) -> Iterator[Call | Problem]:
    """The call of a log, or a failed attempt; the end is stated, and in newer ones the seconds before it."""
    response = dict_of(document, "response")
    if not response:
        if "error" in document or source.name.endswith("-error.json"):
            yield Problem("failed_attempt", source.path)
        return
    name = text_of(response, "id")
    end = seconds_of(number_of(document, "timestamp"), unit=1.0)
    if end is None:
        yield Problem("no_time", source.path)
    asked = text_of(document, "kwargs", "model")
    model = text_of(response, "model") or asked
    call = Call(
        agent="openhands",
        session_id="",
        message_id=name,
        request_id=name,
        provider=provider_in(asked or model),
        model=model,
        requested_model=asked,
        trigger=_trigger(document),
        last_output_at=end,
        last_output_source=None if end is None else "record_end",
        attempts=None,
        stop_reason=next((text_of(choice, "finish_reason") for choice in list_of(response, "choices")), None),
        blocks=tuple(_blocks(response)),
    )
    seconds = number_of(document, "latency_sec")
    if end is not None and seconds is not None and seconds > 0:
        call.sent_at, call.sent_source = end - seconds, "duration"
    set_tokens(call, dict_of(response, "usage") or dict_of(document, "usage_summary"))
    yield call


def _trigger(document: Record) -> Trigger:
    """By the last message; where tools are put into words, by the messages before they were."""
    messages = list_of(document, "messages")
    role = text_of(messages[-1], "role") if messages else None
    if role == "tool":
        return "tool_result"
    worded = "raw_messages" in document and any(text_of(message, "role") == "assistant" for message in messages)
    return "user" if role == "user" and not worded else "unknown"


def _blocks(response: Record) -> Iterator[Block]:
    for choice in list_of(response, "choices")[:1]:
        text = text_of(choice, "message", "content")
        if text:
            yield Block(type="text", characters=len(text))
        for tool in list_of(dict_of(choice, "message"), "tool_calls"):
            yield Block(type="tool_use", name=text_of(tool, "function", "name"))
