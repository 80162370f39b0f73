"""LiteLLM's records of calls: rows of its spend log and payloads of its logging callbacks.

The gateway stamps the arrival of a request, the first chunk that it handled and the end, all with
one clock. The arrival lies before its own routing, queueing and retries, so it is early.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from latprof.formats.base import Format, Source
from latprof.formats.exports import arrived_whole, exported, first_chunk_source, in_order, shapes
from latprof.formats.providers import provider_of
from latprof.formats.records import Record, count_of, dict_of, list_of, seconds_of, text_of
from latprof.model import Call, Problem, Trigger

__all__ = ["FORMAT"]

_STAMPS: Final = frozenset({"startTime", "endTime", "call_type", "completion_tokens", "prompt_tokens"})
_SPEND: Final = _STAMPS | {"request_id", "spend"}
_PAYLOAD: Final = _STAMPS | {"id", "response_cost", "model_map_information"}
# Calls of other kinds than to a language model.
_OTHER_CALLS: Final = re.compile(
    r"embedding|image|transcription|speech|rerank|moderation|batch|file|vector_store|mcp|search|ocr|video|count_tokens"
)
_USER_AGENT: Final = re.compile(r"^(?:user-agent: ?)?([a-z_ -]+?)/(\d[\w.+-]*)?", re.IGNORECASE)
_AGENTS: Final = {
    "claude-cli": "claude-code",
    "claude-code": "claude-code",
    "cline": "cline",
    "codex": "codex",
    "codex_cli_rs": "codex",
    "codex_exec": "codex",
    "geminicli": "gemini-cli",
    "kimi-cli": "kimi-cli",
    "opencode": "opencode",
    "qwencode": "qwen-code",
}


def _sniff(_: str, head: bytes) -> bool:
    if b"startTime" not in head or b"call_type" not in head:
        return False
    return any(names >= _SPEND or names >= _PAYLOAD for names in shapes(head))


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls in the order of the records; a failed request is counted, a record of no call is not."""
    problems: list[Problem] = []
    seen: set[str] = set()
    for line, record in exported(source, problems, wrappers=("data",)):
        record_id = text_of(record, "request_id") or text_of(record, "id") or text_of(record, "litellm_call_id")
        kind = text_of(record, "call_type")
        if record_id is None or kind is None:
            if record_id != "request_id":
                problems.append(Problem("bad_record", source.path, line, "no record of a call"))
            continue
        if _OTHER_CALLS.search(kind) or record_id in seen or kind == "call_type":
            continue
        seen.add(record_id)
        if "failure" in {text_of(record, "status"), text_of(record, "metadata", "status")}:
            yield Problem("failed_attempt", source.path, line)
            continue
        yield _call(record, record_id)
    yield from problems


def _call(record: Record, record_id: str) -> Call:
    agent, version = _agent(record)
    kind = text_of(record, "call_type") or ""
    sent_at, first_at, last_at = _instants(record)
    # The Responses route begins with an event that comes before the model has done anything.
    if "responses" in kind:
        first_at = None
    counts = _counts(record)
    flags = _flags(record, (sent_at, first_at, last_at), counts["output"])
    if not flags.isdisjoint({"non_streamed", "cached_response"}):
        first_at = None
    attempts = _attempts(record)
    return Call(
        agent=agent,
        session_id=text_of(record, "session_id") or text_of(record, "trace_id") or "",
        message_id=record_id,
        request_id=record_id,
        agent_version=version,
        provider=provider_of(text_of(record, "custom_llm_provider")),
        model=text_of(record, "model"),
        requested_model=text_of(record, "model_group"),
        trigger=_trigger(record),
        sent_at=sent_at,
        sent_source=None if sent_at is None else "gateway_start",
        first_output_at=first_at,
        first_output_source=first_chunk_source(first_at, None if kind == "anthropic_messages" else counts["reasoning"]),
        last_output_at=last_at,
        last_output_source=None if last_at is None else "record_end",
        input_tokens=counts["input"],
        cache_read_tokens=counts["read"],
        cache_write_tokens=counts["write"],
        output_tokens=counts["output"],
        output_tokens_source=None if counts["output"] is None else "usage",
        reasoning_tokens=counts["reasoning"],
        attempts=attempts,
        stop_reason=_stop_reason(record),
        flags=in_order(flags),
    )


def _instants(record: Record) -> tuple[float | None, float | None, float | None]:
    """Arrival, first chunk, end; a first chunk at the end or out of order is none."""
    sent_at, first_at, last_at = (
        seconds_of(record.get(key)) for key in ("startTime", "completionStartTime", "endTime")
    )
    if first_at is None or last_at is None or sent_at is None or not sent_at <= first_at < last_at:
        first_at = None
    return sent_at, first_at, last_at


def _flags(record: Record, instants: tuple[float | None, float | None, float | None], output: int | None) -> set[str]:
    sent_at, first_at, last_at = instants
    flags = set()
    if (_attempts(record) or 1) > 1:
        flags.add("retried")
    if str(record.get("stream")).lower() == "false":
        flags.add("non_streamed")
    if str(record.get("cache_hit")).lower() == "true":
        flags.add("cached_response")
    if sent_at is not None and last_at is not None:
        if last_at < sent_at:
            flags.add("clock_step")
        if first_at is not None and arrived_whole(sent_at, first_at, last_at, output):
            flags.add("non_streamed")
    return flags


def _attempts(record: Record) -> int | None:
    """Attempts with those at other models; None in records of versions that do not count them."""
    again = [
        count
        for key in ("attempted_retries", "attempted_fallbacks")
        for place in (record, dict_of(record, "metadata"))
        if (count := count_of(place, key)) is not None
    ]
    return 1 + sum(again) if again else None


def _counts(record: Record) -> dict[str, int | None]:
    """Tokens by kind; the prompt's count holds what came from a cache."""
    usage = dict_of(record, "metadata", "usage_object")
    extra = dict_of(record, "metadata", "additional_usage_values")
    whole, output = count_of(record, "prompt_tokens"), count_of(record, "completion_tokens") or None
    read = _first(
        count_of(usage, "cache_read_input_tokens"),
        count_of(extra, "cache_read_input_tokens"),
        count_of(usage, "prompt_tokens_details", "cached_tokens"),
    )
    write = _first(count_of(usage, "cache_creation_input_tokens"), count_of(extra, "cache_creation_input_tokens"))
    reasoning = _first(
        count_of(usage, "completion_tokens_details", "reasoning_tokens"),
        count_of(extra, "completion_tokens_details", "reasoning_tokens"),
    )
    if reasoning is not None and reasoning > (output or 0):
        reasoning = None
    # Routes that hand a request through may count only what was not cached; then the whole is not known.
    if whole is not None and whole < (read or 0) + (write or 0):
        whole = None
    return {"input": whole or None, "read": read, "write": write, "output": output, "reasoning": reasoning}


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _agent(record: Record) -> tuple[str, str | None]:
    """Who called, as far as the user agent tells; else the gateway itself stands for it."""
    names = [record.get("user_agent"), dict_of(record, "metadata").get("user_agent"), *list_of(record, "request_tags")]
    for name in names:
        match = _USER_AGENT.match(name) if isinstance(name, str) else None
        agent = _AGENTS.get(match[1].lower()) if match else None
        if match and agent:
            return agent, match[2]
    return "litellm", None


def _trigger(record: Record) -> Trigger:
    """What the last message of a stored request is; requests are stored on demand only."""
    messages = list_of(record, "messages") or list_of(record, "proxy_server_request", "messages")
    if not messages:
        return "unknown"
    last = messages[-1]
    kinds = {text_of(part, "type") for part in list_of(last, "content")}
    if text_of(last, "role") == "tool" or "tool_result" in kinds:
        return "tool_result"
    return "user" if text_of(last, "role") == "user" else "unknown"


def _stop_reason(record: Record) -> str | None:
    response: Any = record.get("response")
    choices = list_of(response, "choices")
    return text_of(choices[0], "finish_reason") if choices else text_of(response, "stop_reason")


FORMAT = Format(
    name="litellm",
    title="LiteLLM",
    agent=None,
    roots=(),
    env_roots={},
    suffixes=(".json", ".jsonl", ".csv"),
    observes={
        "first_block_s": "bound",
        "wall_s": "bound",
        "wall_tps": "bound",
        "decode_tps": "exact",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "cache_hit_share": "exact",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
        "attempts": "bound",
    },
    marks=(b"call_type",),
    sniff=_sniff,
    read=_read,
    shape="document",
)
