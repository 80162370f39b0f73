"""mini-swe-agent's trajectories (`*.traj.json`): one document per task, the messages in order.

Calls are not streamed and made one after the other. From version 1.17 on messages carry the time
when they were added; before that only the provider's second is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from typing import Final

from latprof.classes import dataclass
from latprof.formats.base import Format, Source
from latprof.formats.exports import in_order, shapes
from latprof.formats.providers import provider_of
from latprof.formats.records import Record, count_of, dict_of, json_document, list_of, seconds_of, text_of
from latprof.model import Block, Call, Problem, Trigger

__all__ = ["FORMAT"]

_OWN_KEYS: Final = frozenset({"mini_version", "model_stats"})
_DOCUMENT_KEYS: Final = frozenset({"info", "messages"})
# OpenRouter's ids begin with the second when the request arrived there.
_ROUTED: Final = re.compile(r"gen-(\d{10})-")
_FILE_END: Final = re.compile(r"(\.traj)?(\.json)?(\.gz|\.zst)?$")
_TOOL: Final = "bash"


@dataclass(slots=True)
class _Turn:
    """A message that holds a response, what stands before it and the results after it."""

    response: Record
    message: Record
    before: Record
    first: bool
    position: int
    results: list[Record] = field(default_factory=list)

    @property
    def response_id(self) -> str | None:
        return text_of(self.response, "id")

    @property
    def arrived_at(self) -> float | None:
        """The second in which the request reached the router, where one was used."""
        match = _ROUTED.match(self.response_id or "")
        return seconds_of(float(match[1]), unit=1.0) if match else None


def _sniff(_: str, head: bytes) -> bool:
    if b'"mini_version"' not in head and b'"mini-swe-agent-1' not in head:
        return False
    found = shapes(head)
    if not any(names >= _DOCUMENT_KEYS for names in found):
        # The messages may begin behind what is looked at.
        return any(names >= _OWN_KEYS for names in found) and any("info" in names for names in found)
    return any(names >= _OWN_KEYS or "trajectory_format" in names for names in found)


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls of one trajectory in the order of its messages."""
    problems: list[Problem] = []
    document = json_document(source, problems)
    yield from problems
    turns = list(_turns(list_of(document, "messages")))
    stem = _FILE_END.sub("", source.name)
    seen: set[str] = set()
    for number, turn in enumerate(turns):
        following = turns[number + 1] if number + 1 < len(turns) else None
        call = _call(document, stem, turn, following)
        if call.call_id not in seen:
            seen.add(call.call_id)
            yield call


def _turns(messages: list[object]) -> Iterator[_Turn]:
    turn: _Turn | None = None
    before: Record = {}
    for position, message in enumerate(messages):
        if not isinstance(message, dict):
            continue
        response = _response(message)
        if response:
            if turn is not None:
                yield turn
            turn = _Turn(response, message, before, first=turn is None, position=position)
        elif turn is not None and text_of(message, "extra", "interrupt_type") is None:
            turn.results.append(message)
        before = message
    if turn is not None:
        yield turn


def _response(message: Record) -> Record:
    """The provider's answer: beside the message, or the message itself on the Responses route."""
    beside = dict_of(message, "extra", "response")
    return beside or (message if message.get("object") == "response" else {})


def _call(document: Record, stem: str, turn: _Turn, following: _Turn | None) -> Call:
    info = dict_of(document, "info")
    named = text_of(info, "config", "model", "model_name")
    trigger = _trigger(turn)
    sent_at, sent_source, end_at, end_source = _instants(turn, following)
    flags = {"non_streamed"}
    if sent_source == "gateway_start":
        flags.add("whole_seconds")
    if sent_at is not None and end_at is not None and end_at < sent_at:
        flags.add("clock_step")
    counts = _counts(dict_of(turn.response, "usage"))
    return Call(
        agent="mini-swe-agent",
        session_id=text_of(document, "instance_id") or stem,
        message_id=turn.response_id or f"{stem}:{turn.position}",
        request_id=turn.response_id,
        agent_version=text_of(info, "mini_version"),
        provider=provider_of((named or "").partition("/")[0]),
        model=text_of(turn.response, "model"),
        requested_model=named,
        project=text_of(info, "config", "environment", "cwd"),
        trigger=trigger,
        trigger_at=_stamp(turn.before),
        sent_at=sent_at,
        sent_source=sent_source,
        last_output_at=end_at,
        last_output_source=end_source,
        input_tokens=counts["input"],
        cache_read_tokens=counts["read"],
        output_tokens=counts["output"],
        output_tokens_source=None if counts["output"] is None else "usage",
        reasoning_tokens=counts["reasoning"],
        attempts=None,
        stop_reason=_stop_reason(turn.response),
        flags=in_order(flags),
        blocks=tuple(_blocks(turn)),
    )


def _instants(turn: _Turn, following: _Turn | None) -> tuple[float | None, str | None, float | None, str | None]:
    """Send time and end with their sources, from the messages' stamps or from the router's seconds."""
    sent_at, end_at = _stamp(turn.before), _stamp(turn.message)
    if sent_at is None and end_at is None and turn.arrived_at is not None:
        # The next request arrives after the tools of this response.
        end_at = following.arrived_at if following is not None else None
        return turn.arrived_at, "gateway_start", end_at, None if end_at is None else "after_tools"
    return (
        sent_at,
        None if sent_at is None else "trigger_line",
        end_at,
        None if end_at is None else "record_end",
    )


def _stamp(message: Record) -> float | None:
    """When a message was added; versions from 2 on note it only of answers and results."""
    own = seconds_of(message.get("timestamp"))
    return own if own is not None else seconds_of(dict_of(message, "extra").get("timestamp"))


def _trigger(turn: _Turn) -> Trigger:
    kind = text_of(turn.before, "extra", "interrupt_type")
    if turn.first or (kind or "").startswith("User"):
        return "user"
    # What was said about an answer that could not be used is no result of a tool.
    return "notification" if kind or _response(turn.before) else "tool_result"


def _counts(usage: Record) -> dict[str, int | None]:
    """Tokens by kind, under the names of either interface."""
    found: dict[str, int | None] = {}
    for key, plain, other in (
        ("input", "prompt_tokens", "input_tokens"),
        ("output", "completion_tokens", "output_tokens"),
    ):
        count = count_of(usage, plain)
        found[key] = (count_of(usage, other) if count is None else count) or None
    read, reasoning = (
        next((count for name in names if (count := count_of(usage, name, part)) is not None), None)
        for names, part in (
            (("prompt_tokens_details", "input_tokens_details"), "cached_tokens"),
            (("completion_tokens_details", "output_tokens_details"), "reasoning_tokens"),
        )
    )
    found["read"] = read if read is not None and read <= (found["input"] or 0) else None
    found["reasoning"] = reasoning if reasoning is not None and reasoning <= (found["output"] or 0) else None
    return found


def _stop_reason(response: Record) -> str | None:
    choices = list_of(response, "choices")
    return text_of(choices[0], "finish_reason") if choices else text_of(response, "status")


def _blocks(turn: _Turn) -> Iterator[Block]:
    """The commands of the answer; it arrived whole, so each ended with it."""
    stamps = [at for message in turn.results if (at := _stamp(message)) is not None]
    if text_of(turn.message, "role") == "user" or not turn.results:
        return
    for _ in list_of(turn.message, "extra", "actions") or [None]:
        yield Block("tool_use", end_at=_stamp(turn.message), name=_TOOL, result_at=max(stamps, default=None))


FORMAT = Format(
    name="mini-swe-agent",
    title="mini-swe-agent",
    agent="mini-swe-agent",
    roots=(
        "~/.config/mini-swe-agent/last_mini_run.traj.json",
        "~/Library/Application Support/mini-swe-agent/last_mini_run.traj.json",
        "~/AppData/Local/mini-swe-agent/mini-swe-agent/last_mini_run.traj.json",
    ),
    env_roots={"MSWEA_GLOBAL_CONFIG_DIR": "last_mini_run.traj.json"},
    suffixes=(".traj.json",),
    observes={
        "wall_s": "bound",
        "as_logged_ttft_s": "as_logged",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_hit_share": "exact",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
        "tool_s": "bound",
    },
    marks=(b'"mini-swe-agent-1', b'"mini_version"'),
    sniff=_sniff,
    read=_read,
    shape="document",
    since={"tool_s": "1.17.0", "as_logged_ttft_s": "1.17.0"},
)
