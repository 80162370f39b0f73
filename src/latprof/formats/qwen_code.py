"""Qwen Code sessions (`~/.qwen/projects/*/chats/*.jsonl`): a telemetry record for each response.

The record states the end and the duration of the request, in newer versions also the time to the
first token. The records of messages around it are written later and only say what led to a call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field, replace
from typing import Final

from latprof.classes import dataclass
from latprof.formats.base import Format, Source
from latprof.formats.records import (
    Record,
    count_of,
    dict_of,
    json_lines,
    list_of,
    loads_leniently,
    number_of,
    seconds_of,
    text_of,
)
from latprof.formats.standing import Standing, Thread
from latprof.model import LONG_GAP_S, Block, Call, Problem, Trigger

__all__ = ["FORMAT"]

_SNIFFED_LINES: Final = 30
_TYPES: Final = frozenset({"assistant", "system", "tool_result", "user"})
_KEYS: Final = ("uuid", "sessionId", "timestamp")
# The prompt's id: of the main conversation, of a sub-agent's, or of something the agent asks for itself.
_MAIN: Final = "########"
_SUB_AGENT: Final = re.compile(r"^[^#]+#(?P<agent>[^#]+-[^#-]+)#(?P<round>\d+)$")
# A tool call is shown when it is complete, so the first token is not known where one comes first.
_WHOLE_S: Final = 0.01
# Shorter ids are those of local servers, which count their answers.
_UNIQUE_LENGTH: Final = 20
_PROVIDERS: Final = {"gemini": "gcp.gemini", "gemini-api-key": "gcp.gemini", "vertex-ai": "gcp.vertex_ai"}


@dataclass(slots=True)
class _Empty:
    """A response without anything in it: a call only if its message follows."""

    record: str | None
    name: str
    prompt: str
    line: int
    call: Call


@dataclass(slots=True)
class _Log:
    """What is known at some line of a session."""

    path: str
    calls: dict[str, Call] = field(default_factory=dict)
    trigger: tuple[Trigger, float | None] = ("unknown", None)
    # The call of the main conversation whose message was not recorded yet.
    open: str | None = None
    empty: _Empty | None = None
    failed: dict[str, list[int]] = field(default_factory=dict)
    tools: dict[str, Block] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


def _sniff(_: str, head: bytes) -> bool:
    """Told by content: records of a transcript whose messages have `parts`, or with a telemetry event."""
    return any(_is_own(raw) for raw in head.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:_SNIFFED_LINES])


def _is_own(raw: bytes) -> bool:
    if not raw.startswith(b"{"):
        return False
    try:
        record = loads_leniently(raw)
    except ValueError:
        return False
    if text_of(record, "type") not in _TYPES or not all(text_of(record, key) for key in _KEYS):
        return False
    own = isinstance(dict_of(record, "message").get("parts"), list) or "systemPayload" in record
    return own and "parentUuid" in record


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls in the order in which they ended; attempts that led to none are problems."""
    problems: list[Problem] = []
    log = _Log(source.path)
    for number, record in json_lines(source, problems):
        name = text_of(record, "uuid")
        if name is not None and name not in log.seen:
            log.seen.add(name)
            yield from _take(log, record, number)
    _drop_empty(log)
    # A service that counts no tokens at all is no reason to take its answers for broken ones.
    counted = any(call.output_tokens for call in log.calls.values())
    for call in log.calls.values():
        cut = counted and call.output_tokens is None
        yield replace(call, flags=("interrupted", *call.flags)) if cut else call
    yield from _given_up(log)
    yield from problems


def _take(log: _Log, record: Record, number: int) -> Iterator[Problem]:
    kind, at = text_of(record, "type"), seconds_of(record.get("timestamp"))
    if kind == "user":
        _drop_empty(log)
        yield from _given_up(log)
        log.trigger = ("user", at)
    elif kind == "tool_result":
        log.trigger = ("tool_result", at)
        _take_results(log, record, at)
    elif kind == "assistant":
        _take_message(log, record)
    else:
        _take_event(log, record, number)


def _take_event(log: _Log, record: Record, number: int) -> None:
    event = dict_of(record, "systemPayload", "uiEvent")
    kind = text_of(event, "event.name") or ""
    prompt = text_of(event, "prompt_id") or ""
    if kind.endswith(".api_response"):
        _drop_empty(log)
        _take_response(log, record, event, prompt, number)
    elif kind.endswith(".api_error"):
        _drop_empty(log)
        log.failed.setdefault(prompt, []).append(number)


def _given_up(log: _Log) -> Iterator[Problem]:
    """What was tried for a prompt and not answered until here never will be."""
    for line in sorted(line for lines in log.failed.values() for line in lines):
        yield Problem("failed_attempt", log.path, line)
    log.failed.clear()


def _drop_empty(log: _Log) -> None:
    """No message came after an empty response: it was an attempt, and what follows is the next one."""
    if log.empty is not None:
        log.failed.setdefault(log.empty.prompt, []).append(log.empty.line)
        log.empty = None


def _take_response(log: _Log, record: Record, event: Record, prompt: str, number: int) -> None:
    call = _call_of(log, record, event, prompt)
    name = call.message_id or ""
    if name in log.calls:
        return
    if _MAIN in prompt and _is_empty(event):
        log.empty = _Empty(text_of(record, "uuid"), name, prompt, number, call)
        return
    log.failed.pop(prompt, None)
    log.calls[name] = call
    if _MAIN in prompt:
        log.open = name


def _is_empty(event: Record) -> bool:
    """As of a stream that broke off before anything was shown: no tokens, no first token, no text."""
    tokens = (count_of(event, "input_token_count") or 0) + (count_of(event, "output_token_count") or 0)
    return tokens == 0 and "ttft_ms" not in event and not text_of(event, "response_text")


def _take_message(log: _Log, record: Record) -> None:
    if log.empty is not None and log.empty.record == text_of(record, "parentUuid"):
        log.calls[log.empty.name] = log.empty.call
        log.open, log.empty = log.empty.name, None
    call, log.open = log.calls.get(log.open or ""), None
    if call is None:
        return
    blocks = []
    for part in list_of(record, "message", "parts"):
        block = _block_of(part)
        blocks.append(block)
        name = text_of(part, "functionCall", "id")
        if name is not None:
            log.tools[name] = block
    call.blocks = tuple(blocks)


def _block_of(part: object) -> Block:
    if dict_of(part, "functionCall"):
        return Block("tool_use", name=text_of(part, "functionCall", "name"))
    text = text_of(part, "text")
    if text is None:
        return Block("other")
    return Block("thinking" if dict_of({"": part}, "").get("thought") is True else "text", characters=len(text))


def _take_results(log: _Log, record: Record, at: float | None) -> None:
    for part in list_of(record, "message", "parts"):
        block = log.tools.pop(text_of(part, "functionResponse", "id") or "", None)
        if block is not None:
            block.result_at = at


def _call_of(log: _Log, record: Record, event: Record, prompt: str) -> Call:
    end_at = seconds_of(event.get("event.timestamp")) or seconds_of(record.get("timestamp"))
    duration_s, first_s = _seconds(event, "duration_ms"), _seconds(event, "ttft_ms")
    sent_at = end_at - duration_s if end_at is not None and duration_s is not None else None
    first = _MAIN in prompt and not log.calls
    # Nothing tells whether a process that was started anew answers a prompt.
    anew = first or (_MAIN in prompt and log.trigger[0] == "user")
    response_id = text_of(event, "response_id")
    call = Call(
        agent="qwen-code",
        session_id=text_of(record, "sessionId") or "",
        message_id=response_id if len(response_id or "") >= _UNIQUE_LENGTH else text_of(record, "uuid"),
        request_id=response_id,
        agent_version=text_of(record, "version"),
        provider=_PROVIDERS.get(text_of(event, "auth_type") or ""),
        model=text_of(event, "model"),
        project=text_of(record, "cwd"),
        sent_at=sent_at,
        # Half a second of start-up lies inside the first request of a process.
        sent_source=None if sent_at is None else "process_start" if anew else "duration",
        last_output_at=end_at,
        last_output_source=None if end_at is None else "stream_end",
    )
    if sent_at is not None and first_s is not None and _first_is_shown(event, duration_s, first_s):
        call.first_output_at, call.first_output_source = sent_at + first_s, "first_token"
    _take_tokens(call, event)
    _take_owner(log, call, event, prompt)
    tries = len(log.failed.get(prompt, []))
    # Attempts are not counted where the library under the agent repeats them by itself.
    call.attempts = tries + 1 if tries else None
    flags = {
        "retried": tries > 0,
        "sidechain": call.agent_id is not None,
        "suspended": duration_s is not None and duration_s > LONG_GAP_S,
        "first_of_process": first,
        "side_call": call.agent_id is None and _MAIN not in prompt,
    }
    call.flags = tuple(flag for flag, holds in flags.items() if holds)
    return call


def _seconds(event: Record, key: str) -> float | None:
    value = number_of(event, key)
    return value / 1000 if value is not None and value >= 0 else None


def _first_is_shown(event: Record, duration_s: float | None, first_s: float) -> bool:
    """Not where a tool call comes first: that is shown as a whole."""
    spoken = text_of(event, "response_text") is not None or bool(count_of(event, "thoughts_token_count"))
    return spoken and duration_s is not None and duration_s - first_s >= _WHOLE_S


def _take_tokens(call: Call, event: Record) -> None:
    names = ("input", "output", "cached_content", "thoughts", "tool", "total")
    tokens = {name: count_of(event, f"{name}_token_count") for name in names}
    output, thoughts = tokens["output"] or 0, tokens["thoughts"] or 0
    given = (tokens["input"] or 0) + (tokens["tool"] or 0)
    # One kind of service counts thoughts as part of the output, the other beside it: the total tells.
    if thoughts and tokens["total"] == given + output + thoughts:
        output += thoughts
    if output == 0:
        return
    call.output_tokens, call.output_tokens_source = output, "usage"
    call.reasoning_tokens = None if tokens["thoughts"] is None else min(thoughts, output)
    call.input_tokens = given or None
    call.cache_read_tokens = tokens["cached_content"] if given else None


def _take_owner(log: _Log, call: Call, event: Record, prompt: str) -> None:
    """Main conversation, sub-agent or a question of the agent's own, by the prompt's id."""
    sub = _SUB_AGENT.match(prompt)
    if _MAIN in prompt:
        call.trigger, call.trigger_at = log.trigger
    elif sub is not None or text_of(event, "subagent_name"):
        call.agent_id = sub["agent"] if sub else text_of(event, "subagent_name")
        known = any(other.agent_id == call.agent_id for other in log.calls.values())
        call.trigger = "tool_result" if known or (sub is not None and sub["round"] != "0") else "subagent"


def _standings(source: Source) -> tuple[Standing, ...]:
    """The state of the main conversation; sub-agents have no lines of what they are about to do."""
    thread = Thread(first_line="wall_s")
    seen: set[str] = set()
    for _, record in json_lines(source, []):
        name = text_of(record, "uuid")
        if name is not None and name not in seen:
            seen.add(name)
            thread.session_id = text_of(record, "sessionId") or thread.session_id
            thread.project = text_of(record, "cwd") or thread.project
            _take_in(thread, record)
    return (thread.standing(),) if seen else ()


def _take_in(thread: Thread, record: Record) -> None:
    kind, at = text_of(record, "type"), seconds_of(record.get("timestamp"))
    parts = list_of(record, "message", "parts")
    if kind == "user":
        thread.wait(at, "user")
    elif kind == "tool_result":
        thread.tool_result([text_of(part, "functionResponse", "id") or "" for part in parts], at)
    elif kind == "assistant":
        thread.model = text_of(record, "model") or thread.model
        called = [dict_of(part, "functionCall") for part in parts if dict_of(part, "functionCall")]
        thread.answer([(text_of(call, "id") or "", text_of(call, "name") or "tool") for call in called], at)
    else:
        event = dict_of(record, "systemPayload", "uiEvent")
        main = _MAIN in (text_of(event, "prompt_id") or "")
        if main and (text_of(event, "event.name") or "").endswith(".api_error"):
            thread.attempt_failed(at)


FORMAT = Format(
    name="qwen-code",
    title="Qwen Code",
    agent="qwen-code",
    roots=("~/.qwen/projects",),
    env_roots={"QWEN_HOME": "projects", "QWEN_RUNTIME_DIR": "projects"},
    suffixes=(".jsonl",),
    observes={
        "ttft_s": "exact",
        "first_block_s": "bound",
        "wall_s": "exact or bound",
        "wall_tps": "exact or bound",
        "decode_tps": "exact",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_hit_share": "exact",
        "attempts": "bound",
    },
    marks=(b'"parentUuid"',),
    sniff=_sniff,
    read=_read,
    tail=_standings,
    evidence="recorded",
    since={"ttft_s": "0.24", "decode_tps": "0.24"},
)
