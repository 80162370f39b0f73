"""Messages of one session -> calls, the same for every store that OpenCode and its forks use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from itertools import pairwise
from typing import Final

from latprof.classes import dataclass
from latprof.formats.opencode.parts import Message, Session, in_order, version_of
from latprof.formats.opencode.steps import Step, Tokens, steps_of, tokens_of
from latprof.formats.opencode.textlog import Sendings
from latprof.formats.providers import provider_of
from latprof.formats.records import dict_of, text_of
from latprof.model import FLAGS, LONG_GAP_S, Call, Problem, Trigger

__all__ = ["calls_of"]

_CLOCK_TOLERANCE_S: Final = 0.05
# These services mark the end of each block; others leave it open until the stream ends or the next block starts.
_TRUE_ENDS: Final = frozenset({"anthropic", "openai"})
# Before it a snapshot of the repository was taken between the stream's start and the first block.
_FIRST_BLOCK_AT_ONCE: Final = (1, 3, 14)
# So much at once is a gateway's buffer, not a speed.
_BURST_S: Final = 0.2
_BURST_TPS: Final = 300
_MACHINE_MADE: Final = frozenset({"compaction", "subtask"})


@dataclass(slots=True)
class _Thread:
    """A session on the way through its messages: what the next request replies to."""

    agent: str
    path: str
    session: Session
    sendings: Sendings
    trigger: Trigger = "unknown"
    trigger_at: float | None = None
    answers: int = 0
    version: tuple[int, ...] | None = field(init=False)

    def __post_init__(self) -> None:
        self.version = version_of(self.session.version)

    def prompted(self, message: Message) -> None:
        """A user message; one that holds no words of a person was made by the agent."""
        own = [part.type for part in message.parts if part.data.get("synthetic") or part.type in _MACHINE_MADE]
        self.trigger = "notification" if own and len(own) == len(message.parts) else "user"
        self.trigger_at = message.created_at

    def answered(self, step: Step, *, cut: bool) -> None:
        """What follows an answer is the result of its tools, or its repetition."""
        tools = any(block.type == "tool_use" for block in step.blocks)
        self.trigger_at = None if cut else step.tools_end
        self.trigger = "retry" if cut else "tool_result" if tools else "unknown"


def calls_of(
    agent: str, path: str, session: Session, messages: Iterable[Message], sendings: Sendings
) -> Iterator[Call | Problem]:
    """Calls of one session, in the order of time."""
    thread = _Thread(agent, path, session, sendings)
    for message in in_order(messages):
        if message.role == "user":
            thread.prompted(message)
        elif message.role == "assistant":
            yield from _answer(thread, message)


def _answer(thread: _Thread, message: Message) -> Iterator[Call | Problem]:
    steps = steps_of(message)
    if _is_no_call(message, steps):
        thread.answered(steps[-1], cut=False)
        return
    for position, step in enumerate(steps):
        tokens = _tokens(thread, message, step, alone=len(steps) == 1)
        cut = _is_cut(message, step, tokens)
        if step.blocks or not cut:
            call = _call(thread, message, position, step)
            _set_tokens(call, tokens, cut=cut)
            call.flags = _flags(thread, message, call, cut=cut)
            yield call
        else:
            aborted = text_of(message.data, "error", "name") in {None, "MessageAbortedError"}
            yield Problem("request_without_response" if aborted else "failed_attempt", thread.path)
        thread.answers += 1
        thread.answered(step, cut=cut)


def _is_no_call(message: Message, steps: list[Step]) -> bool:
    """A command that starts a sub-agent leaves an answer that only holds the tool: no model was asked."""
    step = steps[0]
    if len(steps) > 1 or step.started or step.finish is not None or not step.blocks:
        return False
    return (
        all(block.type == "tool_use" for block in step.blocks)
        and tokens_of(dict_of(message.data, "tokens"), None, step.blocks) == Tokens()
    )


def _is_cut(message: Message, step: Step, tokens: Tokens) -> bool:
    """No finish; or a finish without a reason and without usage, which is how a lost connection looks."""
    if step.finish is None:
        return message.completed_at is None or bool(dict_of(message.data, "error")) or tokens == Tokens()
    reason = text_of(step.finish.data, "reason") or text_of(message.data, "finish")
    return tokens == Tokens() and reason in {None, "unknown", "error"}


def _tokens(thread: _Thread, message: Message, step: Step, *, alone: bool) -> Tokens:
    counts = dict_of(message.data, "tokens") if alone or step.finish is None else {}
    if not counts and step.finish is not None:
        counts = dict_of(step.finish.data, "tokens")
    return tokens_of(counts, thread.version, step.blocks)


def _call(thread: _Thread, message: Message, position: int, step: Step) -> Call:
    session = thread.session
    # One message is one request; its id is unique, so copies in other stores are known by it.
    identity = message.id if position == 0 else f"{message.id}#{position + 1}"
    trigger = thread.trigger
    if message.data.get("summary") is True:
        trigger = "compaction"
    elif session.parent_id and thread.answers == 0:
        trigger = "subagent"
    call = Call(
        agent=thread.agent,
        session_id=session.root_id or session.id,
        message_id=identity,
        request_id=identity,
        agent_version=session.version,
        agent_id=session.id if session.parent_id else None,
        provider=provider_of(text_of(message.data, "providerID")),
        model=text_of(message.data, "modelID"),
        project=text_of(message.data, "path", "cwd") or session.directory,
        effort=text_of(message.data, "variant"),
        trigger=trigger,
        trigger_at=thread.trigger_at,
        stop_reason=text_of(message.data, "finish") or (text_of(step.finish.data, "reason") if step.finish else None),
        attempts=step.attempts,
        blocks=tuple(step.blocks),
    )
    _set_sent(thread, message, call, position)
    _set_first_output(thread, message, call, step)
    _set_last_output(message, call, step)
    return call


def _set_sent(thread: _Thread, message: Message, call: Call, position: int) -> None:
    """The log's line of the last attempt; else the creation of the message, which comes before the preparations."""
    if position > 0:
        call.sent_at = thread.trigger_at
        call.sent_source = None if call.sent_at is None else "trigger_line"
        return
    logged = _logged(thread, message, call)
    if logged:
        call.sent_at = logged[-1]
        call.sent_source = "process_start" if message.id in thread.sendings.first else "request_sent_wall"
        call.attempts = max(len(logged), call.attempts or 1)
    elif message.created_at is not None:
        call.sent_at, call.sent_source = message.created_at, "record_created"


def _logged(thread: _Thread, message: Message, call: Call) -> list[float]:
    """Sendings that the text log has for the message, as far as they fit its own times."""
    first = call.blocks[0].start_at if call.blocks else None
    earliest = message.created_at if message.created_at is not None else 0.0
    return [
        at
        for at in thread.sendings.of.get(message.id, [])
        if at >= earliest - _CLOCK_TOLERANCE_S and (first is None or at <= first + _CLOCK_TOLERANCE_S)
    ]


def _set_first_output(thread: _Thread, message: Message, call: Call, step: Step) -> None:
    call.first_output_at = step.first_start
    if call.first_output_at is None:
        return
    # While a process starts up, its stamps lag behind; where the text log is silent any prompt may start one.
    logged = message.id in thread.sendings.of
    lags = message.id in thread.sendings.first if logged else call.trigger not in {"tool_result", "retry"}
    late = thread.version is None or thread.version < _FIRST_BLOCK_AT_ONCE
    call.first_output_source = "first_shown" if lags or late else "block_start"


def _set_last_output(message: Message, call: Call, step: Step) -> None:
    ends = [block.end_at for block in step.blocks]
    known = [end for end in ends if end is not None]
    if known and len(known) == len(ends):
        call.last_output_at = max(known)
        exact = text_of(message.data, "providerID") in _TRUE_ENDS
        call.last_output_source = "last_block_end" if exact else "record_written"
        return
    finished = step.finish.at(message) if step.finish is not None else None
    call.last_output_at = finished if finished is not None else message.completed_at
    if call.last_output_at is not None:
        tools = any(block.type == "tool_use" for block in step.blocks)
        call.last_output_source = "after_tools" if tools else "record_written"


def _set_tokens(call: Call, tokens: Tokens, *, cut: bool) -> None:
    call.input_tokens = tokens.input
    call.cache_read_tokens = tokens.cache_read
    call.cache_write_tokens = tokens.cache_write
    if not cut and tokens.output is not None:
        call.output_tokens, call.output_tokens_source = tokens.output, "usage"
        call.reasoning_tokens = tokens.reasoning


def _flags(thread: _Thread, message: Message, call: Call, *, cut: bool) -> tuple[str, ...]:
    found = {
        "interrupted": cut,
        "retried": (call.attempts or 1) > 1,
        "sidechain": thread.session.parent_id is not None,
        "first_of_process": message.id in thread.sendings.first,
        "burst": _is_burst(call),
    }
    known = [at for at in (call.sent_at, call.first_output_at, call.last_output_at) if at is not None]
    steps = [later - earlier for earlier, later in pairwise(known)]
    found["clock_step"] = any(step < -_CLOCK_TOLERANCE_S for step in steps)
    found["suspended"] = any(step > LONG_GAP_S for step in steps)
    return tuple(name for name in FLAGS if found.get(name))


def _is_burst(call: Call) -> bool:
    if call.first_output_at is None or call.last_output_at is None or call.output_tokens is None:
        return False
    if call.first_output_source != "block_start":
        return False  # what came before it may have come at any time
    span = call.last_output_at - call.first_output_at
    return span < _BURST_S and call.output_tokens > _BURST_TPS * max(span, 0.0) and call.output_tokens > 20
