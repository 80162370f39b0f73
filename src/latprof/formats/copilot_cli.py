"""GitHub Copilot CLI session events (`~/.copilot/session-state/<id>/events.jsonl`).

An event as the request is about to go out, one as the response is complete, none between. A
captured stream of live events also holds the usage of each call with its duration and first token.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from pathlib import PurePath
from typing import Final, NamedTuple

import orjson

from latprof.classes import dataclass
from latprof.formats.base import Format, Source
from latprof.formats.copilot_cli_tail import standings
from latprof.formats.records import Record, count_of, dict_of, json_lines, list_of, number_of, seconds_of, text_of
from latprof.formats.standing import Standing
from latprof.model import FLAGS, LONG_GAP_S, Block, Call, Problem, Trigger

__all__ = ["FORMAT"]

_AGENT: Final = "copilot-cli"
_CLOCK_STEP_S: Final = 0.05
_SNIFFED_LINES: Final = 50
_OWN: Final = {
    "assistant.message": ("content", "messageId"),
    "assistant.turn_end": ("turnId",),
    "assistant.turn_start": ("turnId",),
    "assistant.usage": ("model",),
    "session.start": ("sessionId",),
    "tool.execution_complete": ("toolCallId",),
    "tool.execution_start": ("toolCallId", "toolName"),
}
# Names of the tokens of a compaction, old and new.
_OLD_NAMES: Final = {"input": "inputTokens", "output": "outputTokens", "cachedInput": "cacheReadTokens"}


class _Cause(NamedTuple):
    trigger: Trigger
    at: float | None


@dataclass(slots=True)
class _Thread:
    """The session's own calls, or those of one sub-agent."""

    cause: _Cause
    started_at: float | None = None
    started_line: int = 0
    model: str | None = None


@dataclass(slots=True)
class _Draft:
    """A response: one message, or several chunks of one."""

    call: Call
    usage: Record = field(default_factory=dict)


@dataclass(slots=True)
class _Session:
    """Everything that the events so far have told."""

    path: str
    session_id: str
    problems: list[Problem]
    version: str | None = None
    project: str | None = None
    model: str | None = None
    effort: str | None = None
    threads: dict[str, _Thread] = field(default_factory=dict)
    drafts: dict[str, _Draft] = field(default_factory=dict)
    last_of: dict[str, _Draft] = field(default_factory=dict)
    tools: dict[str, tuple[_Draft, Block]] = field(default_factory=dict)
    compacting_at: float | None = None

    def thread(self, name: str) -> _Thread:
        if name not in self.threads:
            cause = _Cause("subagent", None) if name else _Cause("unknown", None)
            self.threads[name] = _Thread(cause)
        return self.threads[name]

    def take(self, number: int, record: Record, at: float) -> None:
        """Read the next event."""
        data = dict_of(record, "data")
        name = text_of(record, "agentId") or text_of(data, "parentToolCallId") or ""
        kind = text_of(record, "type") or ""
        match kind:
            case "assistant.turn_start":
                self.turn_start(number, data, name, at)
            case "assistant.message":
                self.message(data, name, at)
            case "assistant.usage":
                self.live_usage(data, name, at)
            case "user.message":
                mine = text_of(data, "source") in {None, "user"}
                self.thread(name).cause = _Cause("user" if mine and not name else "notification", at)
            case "tool.execution_complete":
                self.tool_end(data, name, at)
            case "subagent.started":
                self.thread(text_of(data, "toolCallId") or name).cause = _Cause("subagent", at)
            case _:
                self.session_event(number, kind, record, at)

    def session_event(self, number: int, kind: str, record: Record, at: float) -> None:
        data = dict_of(record, "data")
        match kind:
            case "session.start" | "session.resume":
                self.header(data)
            case "session.model_change":
                self.model = text_of(data, "newModel") or self.model
                self.thread("").model = None
                self.effort = text_of(data, "reasoningEffort")
            case "session.compaction_start":
                self.compacting_at = at
            case "session.compaction_complete":
                self.compaction(number, record, at)
            case "abort" | "session.error" | "session.shutdown":
                for thread in self.threads.values():
                    self.unanswered(thread)
            case "model.call_failure":
                self.problems.append(Problem("failed_attempt", self.path, number))

    def header(self, data: Record) -> None:
        self.session_id = text_of(data, "sessionId") or self.session_id
        self.version = text_of(data, "copilotVersion") or self.version
        self.project = text_of(data, "context", "cwd") or self.project
        self.model = text_of(data, "selectedModel") or self.model
        self.effort = text_of(data, "reasoningEffort") or self.effort

    def turn_start(self, number: int, data: Record, name: str, at: float) -> None:
        thread = self.thread(name)
        self.unanswered(thread)
        thread.started_at, thread.started_line = at, number
        model = text_of(data, "model")
        self.model = model if model and not name else self.model

    def unanswered(self, thread: _Thread) -> None:
        """A request before which the next thing happened."""
        if thread.started_at is not None:
            self.problems.append(Problem("request_without_response", self.path, thread.started_line))
        thread.started_at = None

    def message(self, data: Record, name: str, at: float) -> None:
        key = text_of(data, "apiCallId") or text_of(data, "messageId")
        known = self.drafts.get(key or "")
        if known is None:
            known = self.first_message(data, name, at, key)
        elif known.call.last_output_at is None or not text_of(data, "apiCallId"):
            return  # the same line again
        call = known.call
        call.last_output_at, call.last_output_source = at, "record_end"
        output = count_of(data, "outputTokens")
        call.output_tokens = max(output or 0, call.output_tokens or 0) or None
        call.output_tokens_source = "usage" if call.output_tokens else None
        blocks = _blocks(data, at)
        call.blocks = (*call.blocks, *blocks)
        for block, request in zip(
            blocks[-len(list_of(data, "toolRequests")) :], list_of(data, "toolRequests"), strict=False
        ):
            self.tools[text_of(request, "toolCallId") or ""] = (known, block)

    def first_message(self, data: Record, name: str, at: float, key: str | None) -> _Draft:
        thread = self.thread(name)
        cause, thread.cause = thread.cause, _Cause("unknown", None)
        sent, thread.started_at = thread.started_at, None
        chosen = None if name else self.model
        draft = _Draft(
            Call(
                agent=_AGENT,
                session_id=self.session_id,
                message_id=text_of(data, "messageId"),
                request_id=text_of(data, "apiCallId") or text_of(data, "serviceRequestId"),
                agent_version=self.version,
                agent_id=name or None,
                provider="github.copilot",
                model=text_of(data, "model") or _real(chosen) or thread.model,
                requested_model=chosen,
                project=self.project,
                effort=text_of(data, "reasoningEffort") or (None if name else self.effort),
                trigger=cause.trigger,
                trigger_at=cause.at,
                sent_at=sent,
                sent_source=None if sent is None else "record_created",
                attempts=None,
                flags=("sidechain",) if name else (),
                stated_id=f"{_AGENT}/{key}" if key else None,
            )
        )
        self.drafts[key or f"line {at}"] = self.last_of[name] = draft
        return draft

    def tool_end(self, data: Record, name: str, at: float) -> None:
        thread = self.thread(name)
        thread.cause = _Cause("tool_result", at)
        thread.model = text_of(data, "model") or thread.model
        found = self.tools.get(text_of(data, "toolCallId") or "")
        if found is None:
            return
        draft, block = found
        block.result_at = block.result_at or at
        # Older versions say only here which model it was.
        draft.call.model = draft.call.model or text_of(data, "model")

    def live_usage(self, data: Record, name: str, at: float) -> None:
        """Only in captures: what the call cost and when its first token came."""
        key = text_of(data, "apiCallId")
        draft = self.drafts.get(key) if key else self.last_of.get(name)
        if draft is None and key:
            draft = self.first_message(data, name, at, key)
            draft.call.flags = _ordered({*draft.call.flags, "side_call"})
        if draft is not None and not draft.usage:
            draft.usage = data
            _apply_usage(draft.call, data, at)

    def compaction(self, number: int, record: Record, at: float) -> None:
        """A call of its own, which states its duration in newer versions."""
        data = dict_of(record, "data")
        used = dict_of(data, "compactionTokensUsed")
        usage = {_OLD_NAMES.get(key, key): value for key, value in used.items()}
        since, self.compacting_at = self.compacting_at, None
        if data.get("success") is False:
            self.problems.append(Problem("failed_attempt", self.path, number))
            return
        duration = number_of(data, "duration") or number_of(used, "duration")
        key = text_of(record, "id") or f"compaction {at}"
        call = Call(
            agent=_AGENT,
            session_id=self.session_id,
            request_id=text_of(data, "requestId"),
            agent_version=self.version,
            provider="github.copilot",
            model=text_of(data, "model") or text_of(used, "model"),
            project=self.project,
            trigger="compaction",
            trigger_at=since,
            sent_at=since,
            sent_source=None if since is None else "record_created",
            last_output_at=at,
            last_output_source="record_end",
            attempts=None,
            stated_id=f"{_AGENT}/{key}",
        )
        _apply_usage(call, {**usage, "duration": duration}, at)
        self.drafts.setdefault(key, _Draft(call))


def _apply_usage(call: Call, usage: Record, at: float) -> None:
    duration = number_of(usage, "duration")
    first = number_of(usage, "outputTtftMs") or number_of(usage, "timeToFirstTokenMs")
    if duration is not None and duration > 0:
        call.sent_at, call.sent_source = at - duration / 1000, "duration"
        call.last_output_at, call.last_output_source = at, "record_end"
        if first is not None and 0 < first <= duration:
            call.first_output_at, call.first_output_source = call.sent_at + first / 1000, "first_token"
    call.model = call.model or text_of(usage, "model")
    call.input_tokens = count_of(usage, "inputTokens")
    output = count_of(usage, "outputTokens") or call.output_tokens
    call.output_tokens, call.output_tokens_source = output, "usage" if output else None
    read, written = count_of(usage, "cacheReadTokens"), count_of(usage, "cacheWriteTokens")
    if (read or 0) + (written or 0) <= (call.input_tokens or 0):
        call.cache_read_tokens, call.cache_write_tokens = read, written
    reasoning = count_of(usage, "reasoningTokens")
    call.reasoning_tokens = reasoning if reasoning is not None and reasoning <= (output or 0) else None


def _blocks(data: Record, at: float) -> list[Block]:
    """Thinking, text, tool calls; only the tool calls are known to be complete with the message, not before."""
    found: list[Block] = []
    if text_of(data, "reasoningText") or text_of(data, "reasoningOpaque") or text_of(data, "encryptedContent"):
        found.append(Block("thinking"))
    if (text := text_of(data, "content")) is not None:
        found.append(Block("text", characters=len(text)))
    for request in list_of(data, "toolRequests"):
        arguments = request.get("arguments") if isinstance(request, dict) else None
        written = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode() if arguments else None
        found.append(
            Block("tool_use", end_at=at, characters=len(written) if written else None, name=text_of(request, "name"))
        )
    return found


def _real(model: str | None) -> str | None:
    """`auto` is a choice, not a model."""
    return None if model == "auto" else model


def _ordered(flags: set[str]) -> tuple[str, ...]:
    return tuple(flag for flag in FLAGS if flag in flags)


def _finished(call: Call) -> Call:
    if call.sent_at is not None and call.last_output_at is not None:
        span = call.last_output_at - call.sent_at
        if span < -_CLOCK_STEP_S:
            call.flags = _ordered({*call.flags, "clock_step"})
        if span > LONG_GAP_S:
            call.flags = _ordered({*call.flags, "suspended"})
    return call


def _sniff(path: str, head: bytes) -> bool:
    """Told by an event of its own kinds in its envelope; the editor's transcripts use the same ones."""
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:_SNIFFED_LINES]
    return "/transcripts/" not in path.replace("\\", "/") and any(_is_own(raw) for raw in lines)


def _is_own(raw: bytes) -> bool:
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    keys = _OWN.get(text_of(record, "type") or "", ())
    data = dict_of(record, "data")
    enveloped = text_of(record, "id") is not None and text_of(record, "timestamp") is not None
    return enveloped and bool(keys) and all(key in data for key in keys) and "vscodeVersion" not in data


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls in the order of their responses; bad lines become problems."""
    problems: list[Problem] = []
    session = _Session(source.path, _session_of(source.path), problems)
    seen: set[str] = set()
    for number, record in json_lines(source, problems):
        event = text_of(record, "id")
        if event is not None and event in seen:
            continue
        seen.add(event or "")
        at = seconds_of(record.get("timestamp"))
        if at is None:
            problems.append(Problem("no_time", source.path, number))
        else:
            session.take(number, record, at)
    yield from problems
    for draft in session.drafts.values():
        yield _finished(draft.call)


def _session_of(path: str) -> str:
    """The session in the path: its folder, or the file's name in older versions."""
    place = PurePath(path.replace("\\", "/"))
    name = place.name.split(".")[0]
    return place.parent.name if name == "events" else name


def _standings(source: Source) -> tuple[Standing, ...]:
    return standings(source, _session_of(source.path))


FORMAT = Format(
    name="copilot-cli",
    title="GitHub Copilot CLI",
    agent=_AGENT,
    roots=("~/.copilot/session-state",),
    env_roots={"COPILOT_HOME": "session-state"},
    suffixes=(".jsonl",),
    observes={
        "ttft_s": "exact",
        "first_block_s": "bound",
        "wall_s": "exact or bound",
        "decode_tps": "exact",
        "wall_tps": "exact or bound",
        "as_logged_ttft_s": "as_logged",
        "as_logged_decode_tps": "as_logged",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "cache_hit_share": "exact",
        "tool_s": "bound",
    },
    marks=(b'"assistant.', b'"session.start"', b'"tool.execution_'),
    sniff=_sniff,
    read=_read,
    tail=_standings,
    evidence="synthetic",
)
