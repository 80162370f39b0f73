"""What led to each call: the last prompt or tool before it in the same session."""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import field
from typing import Final

from latprof.classes import dataclass
from latprof.formats.otlp.spans import is_agent, is_tool
from latprof.formats.otlp.telemetry import Telemetry, session_of
from latprof.model import Call, Trigger

__all__ = ["give_triggers"]

_TOOL_EVENTS: Final = frozenset(
    {"claude_code.tool_result", "codex.tool_result", "gemini_cli.tool_call", "qwen-code.tool_call"}
)
# Stamps of two records of one process may cross by so much.
_TOLERANCE_S: Final = 0.1
# An agent's span is written at its end, mostly without its first calls; those are sent within so much.
_TURN_START_S: Final = 1.0


@dataclass(slots=True)
class _Marks:
    """When prompts came and tools ended in one session, sorted."""

    at: list[tuple[float, Trigger]] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)

    def last_between(self, after: float | None, until: float) -> tuple[float, Trigger] | None:
        place = bisect_right(self.at, until, key=lambda mark: mark[0])
        mark = self.at[place - 1] if place else None
        if mark is not None and (after is None or mark[0] >= after):
            return mark
        place = bisect_right(self.turns, until)
        turn = self.turns[place - 1] if place else None
        fresh = turn is not None and turn >= until - _TURN_START_S and (after is None or turn >= after)
        return (turn, "user") if turn is not None and fresh else None


def give_triggers(calls: list[Call], telemetry: Telemetry) -> None:
    """Set `trigger` and `trigger_at` of calls whose records say nothing about it themselves.

    A mark counts for the first call after it only; a session of which the file holds just a part
    leaves calls without one.
    """
    sessions = _marks_of(telemetry)
    pairs: dict[tuple[str, str | None], tuple[Call, Call | None]] = {}
    for call in sorted(calls, key=lambda call: call.sent_at or 0.0):
        if call.sent_at is None or call.trigger != "unknown" or "side_call" in call.flags:
            continue
        thread = (call.session_id, call.agent_id or ("side" if "sidechain" in call.flags else None))
        last, before = pairs.get(thread, (None, None))
        # Two records of one call are a few milliseconds apart, and what led to one led to the other.
        if last is None or call.sent_at - (last.sent_at or 0.0) > _TOLERANCE_S:
            before = last
            pairs[thread] = call, before
        if "sidechain" in call.flags:
            call.trigger = "subagent" if before is None else "tool_result"
        else:
            _give(call, before, sessions.get(call.session_id, _Marks()))


def _give(call: Call, before: Call | None, marks: _Marks) -> None:
    sent_at = call.sent_at or 0.0
    mark = marks.last_between(None if before is None else before.sent_at, sent_at + _TOLERANCE_S)
    if mark is not None:
        call.trigger_at, call.trigger = min(mark[0], sent_at), mark[1]
    elif before is not None and "interrupted" in before.flags:
        call.trigger = "retry"


def _marks_of(telemetry: Telemetry) -> dict[str, _Marks]:
    sessions: dict[str, _Marks] = {}
    for span in telemetry.spans:
        if is_tool(span):
            insort(sessions.setdefault(session_of(span), _Marks()).at, (span.end, "tool_result"))
        elif is_agent(span) and span.parent_id is None:
            insort(sessions.setdefault(session_of(span), _Marks()).turns, span.start)
    for event in telemetry.events:
        if event.name in _TOOL_EVENTS:
            insort(sessions.setdefault(session_of(event), _Marks()).at, (event.at, "tool_result"))
        elif event.name.endswith(".user_prompt"):
            insort(sessions.setdefault(session_of(event), _Marks()).at, (event.at, "user"))
    return sessions
