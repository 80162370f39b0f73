"""Messages of a Goose session -> calls, the same for its database and its older files.

One response of the model may be spread over several assistant messages, and each tool call has a
message of its own with its result behind it; results of one response carry one stamp, set when
the output ended and before any tool ran.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Final

from latprof.classes import dataclass
from latprof.formats.providers import provider_of
from latprof.formats.records import Record, count_of, dict_of, list_of, text_of
from latprof.model import FLAGS, LONG_GAP_S, Block, BlockType, Call, Trigger

__all__ = ["Message", "Session", "calls_of", "content_of", "last_counts"]

_BLOCKS: Final[dict[str, BlockType]] = {
    "frontendToolRequest": "tool_use",
    "reasoning": "thinking",
    "redactedThinking": "thinking",
    "text": "text",
    "thinking": "thinking",
    "toolRequest": "tool_use",
}


@dataclass(slots=True)
class Session:
    """What holds for all messages; the counts are those of its last call."""

    id: str
    kind: str = "user"
    project: str | None = None
    provider: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(slots=True)
class Message:
    """A message with the second it is stamped with, and the one when it was stored."""

    role: str
    created_at: float | None
    content: list[Record]
    metadata: Record = field(default_factory=dict)
    stored_at: float | None = None

    @property
    def hidden(self) -> bool:
        """Whether no person sees it: what a compaction leaves."""
        return self.metadata.get("userVisible") is False

    @property
    def is_output(self) -> bool:
        """Whether the model wrote it, not the agent."""
        return self.role == "assistant" and not self.hidden and any(map(_kind, self.content))

    @property
    def is_result(self) -> bool:
        """Whether it holds the result of a tool."""
        return any(text_of(part, "type") == "toolResponse" for part in self.content)

    @property
    def asks_only(self) -> bool:
        """Whether it holds tool calls and no text."""
        kinds = {_kind(part) for part in self.content} - {None, "thinking"}
        return kinds == {"tool_use"}


def _kind(part: Record) -> BlockType | None:
    return _BLOCKS.get(text_of(part, "type") or "")


@dataclass(slots=True)
class _Response:
    """One response: its messages, the results of its tools, and the message that led to it."""

    trigger: Trigger
    trigger_at: float | None
    first_at: float | None
    parts: list[Message] = field(default_factory=list)
    results: list[Message] = field(default_factory=list)

    @property
    def ended_at(self) -> float | None:
        """When the output ended, told by the stamps of the results."""
        return min((result.created_at for result in self.results if result.created_at is not None), default=None)

    @property
    def stored_at(self) -> float | None:
        """When all of it was stored, after the tools."""
        stamps = [message.stored_at for message in [*self.parts, *self.results] if message.stored_at is not None]
        return max(stamps, default=None)


def calls_of(session: Session, messages: Sequence[Message], *, complete: bool) -> Iterator[Call]:
    """Calls of one session; the session's counts belong to its last call if all messages are `complete`."""
    responses = _responses(messages)
    stored = Counter(response.stored_at for response in responses)
    seen: set[str] = set()
    before: _Response | None = None
    for position, response in enumerate(responses):
        # A compaction or an import stores old messages anew, all in one second.
        live = stored[response.stored_at] == 1
        call = _call(session, response, before, live=live, first=position == 0)
        before = response if live else None
        if complete and position == len(responses) - 1:
            call.input_tokens = session.input_tokens
            call.output_tokens = session.output_tokens or None
            call.output_tokens_source = "usage" if call.output_tokens else None
        if call.request_id is None or call.request_id not in seen:
            seen.add(call.request_id or "")
            yield call


def _responses(messages: Sequence[Message]) -> list[_Response]:
    found: list[_Response] = []
    prompt: Message | None = None
    for position, message in enumerate(messages):
        if message.is_output:
            if _continues(found, prompt, messages, position):
                found[-1].parts.append(message)
            else:
                found.append(_Response(*_led_by(prompt), message.created_at, [message]))
        elif message.is_result and found:
            found[-1].results.append(message)
        if message.role == "user" or message.is_result:
            prompt = message
        elif message.is_output:
            prompt = None
    return found


def _continues(found: list[_Response], prompt: Message | None, messages: Sequence[Message], position: int) -> bool:
    """Whether an assistant message belongs to the response before it.

    Nothing came between; or only a result, and this message's own result has the same stamp.
    """
    if not found:
        return False
    if prompt is None:
        return True
    if not (prompt.is_result and messages[position].asks_only):
        return False
    following = messages[position + 1] if position + 1 < len(messages) else messages[position]
    if following is not messages[position] and not following.is_result:
        return False
    return following.created_at is not None and following.created_at == found[-1].ended_at


def _led_by(prompt: Message | None) -> tuple[Trigger, float | None]:
    if prompt is None:
        return "unknown", None
    if prompt.is_result:
        return "tool_result", None
    return "notification" if prompt.hidden else "user", prompt.created_at


def _call(session: Session, response: _Response, before: _Response | None, *, live: bool, first: bool) -> Call:
    helper = session.kind == "sub_agent"
    inference = dict_of(response.parts[0].metadata, "inference")
    call = Call(
        agent="goose",
        session_id=session.id,
        request_id=_identity(session, response),
        agent_id=session.id if helper else None,
        provider=provider_of(text_of(inference, "provider") or session.provider),
        model=session.model,
        requested_model=text_of(inference, "requestedModel"),
        project=session.project,
        trigger="subagent" if helper and first else response.trigger,
        trigger_at=response.trigger_at,
        attempts=None,
        blocks=tuple(_blocks(response, live=live)),
    )
    if response.trigger == "tool_result" and before is not None:
        # Results are stamped before the tools run; the turn is stored after them.
        call.trigger_at = before.stored_at
    call.sent_at = call.trigger_at
    call.sent_source = None if call.sent_at is None else "trigger_line"
    _set_output(call, response, live=live)
    call.flags = _flags(session, call)
    return call


def _identity(session: Session, response: _Response) -> str | None:
    """The same in the older file and in the database that took it in: there is no other id in both."""
    return None if response.first_at is None else f"{session.id}@{round(response.first_at)}"


def _set_output(call: Call, response: _Response, *, live: bool) -> None:
    """The first chunk's second; the end by the results' stamp, else by the storing."""
    known = [at for at in (response.first_at, response.ended_at) if at is not None]
    if known:
        call.first_output_at, call.first_output_source = min(known), "first_shown"
    call.last_output_at = response.ended_at
    if call.last_output_at is None and live and not response.results:
        call.last_output_at = response.stored_at
    if call.last_output_at is not None:
        call.last_output_source = "record_written"


def _blocks(response: _Response, *, live: bool) -> Iterator[Block]:
    answered = {text_of(part, "id") for message in response.results for part in message.content}
    for message in response.parts:
        for part in message.content:
            kind = _kind(part)
            if kind is None:
                continue
            text = text_of(part, "thinking" if kind == "thinking" else "text")
            asked = kind == "tool_use" and text_of(part, "id") in answered
            yield Block(
                type=kind,
                characters=None if text is None else len(text),
                name=_tool_name(part) if kind == "tool_use" else None,
                result_at=response.stored_at if asked and live else None,
            )


def _tool_name(part: Record) -> str | None:
    return text_of(part, "toolCall", "value", "name") or text_of(part, "toolCall", "name")


def _flags(session: Session, call: Call) -> tuple[str, ...]:
    known = [at for at in (call.sent_at, call.first_output_at, call.last_output_at) if at is not None]
    found = {
        "sidechain": session.kind == "sub_agent",
        "side_call": session.kind == "hidden",
        "clock_step": known != sorted(known),
        "suspended": bool(known) and known[-1] - known[0] > LONG_GAP_S,
        "whole_seconds": True,
    }
    return tuple(name for name in FLAGS if found.get(name))


def last_counts(record: Record) -> tuple[int | None, int | None]:
    """Input and output tokens of a session's last call: flat, or under `usage` in newer versions."""
    usage = dict_of(record, "usage") or record
    return count_of(usage, "input_tokens"), count_of(usage, "output_tokens")


def content_of(value: object) -> list[Record]:
    """The parts of a message's content that are objects."""
    return [part for part in list_of({"": value}, "") if isinstance(part, dict)]
