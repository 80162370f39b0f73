"""The calls of one agent of a session -> what it did at each instant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from latprof.classes import dataclass
from latprof.model import Block, Kind
from latprof.timeline.segments import Activity, Segment, paint
from latprof.trace import Trace

__all__ = ["ASKING_TOOLS", "Instants", "Thread", "build_thread", "instants_of"]

# A person answers these.
ASKING_TOOLS: Final = frozenset(
    {"AskUserQuestion", "ExitPlanMode", "ask_user", "ask_user_question", "request_user_input", "exit_plan_mode",
     "ask_followup_question", "question"}
)  # fmt: skip
# Agents run these one at a time, after the tools before them; of others several may run at once.
_ALONE: Final = frozenset(
    {"Edit", "MultiEdit", "Write", "NotebookEdit", "apply_patch", "edit", "write", "write_file", "replace",
     "str_replace_editor"}
)  # fmt: skip
# These take milliseconds, and a hook after them ends after a minute by default: what takes longer waited for a person.
_FILE_TOOLS: Final = _ALONE | {
    "Read",
    "Glob",
    "NotebookRead",
    "TodoWrite",
    "read",
    "read_file",
    "list_directory",
    "glob",
}
_LONGEST_FILE_TOOL_S: Final = 60.0
# Longer than this an agent does not prepare a request: something that the log does not show happened.
_LONGEST_PREPARATION_S: Final = 5.0
_COMPACTING_AGENT: Final = "acompact"
_SPOILED: Final = frozenset({"clock_step", "timestamp_unreliable"})
# What hides what where records overlap.
_CALL, _SIDE_CALL, _TOOL, _BEFORE, _GAP = range(5)


@dataclass(frozen=True, slots=True)
class Instants:
    """The instants of one call as far as they are known; epoch s.

    `split_at` is where waiting for the first token ends, by `split_kind`. What was done before a call that is
    `after_others` is not known: filters left these out.
    """

    row: int
    trigger: str
    trigger_at: float | None
    sent_at: float | None
    split_at: float | None
    split_kind: Kind
    last_at: float | None
    flags: tuple[str, ...]
    agent_id: str | None
    sent_source: str | None
    retried: bool
    blocks: tuple[Block, ...]
    tools_s: float | None
    after_others: bool = False

    @property
    def start_at(self) -> float | None:
        """The earliest instant at which the call shows itself."""
        return self.sent_at if self.sent_at is not None else self.last_at

    @property
    def compacts(self) -> bool:
        """Whether the call itself writes the summary."""
        return (self.agent_id or "").startswith(_COMPACTING_AGENT)


@dataclass(frozen=True, slots=True)
class Thread:
    """One agent's segments, in order and without overlaps."""

    agent_id: str | None
    segments: tuple[Segment, ...]

    @property
    def start_at(self) -> float:
        """Its first instant."""
        return self.segments[0].start_at

    @property
    def end_at(self) -> float:
        """Its last instant."""
        return self.segments[-1].end_at


def instants_of(trace: Trace) -> list[Instants]:
    """The instants of each call; the first token is stated, else estimated, else unknown."""
    names = ("trigger_at", "sent_at", "first_output_at", "last_output_at", "first_block_at", "attempts")
    numbers = {name: [_known(v) for v in trace.numbers[name].tolist()] for name in names}
    ttft = [_known(v) for v in trace.ttft_s.tolist()]
    guess = [_known(v) for v in trace.estimated("ttft_s").tolist()]
    tools = [_known(v) for v in trace.numbers["tools_span_s"].tolist()]
    stated = trace.first_output_exactly.tolist()
    return [
        _instants(trace, row, blocks, flags, {key: column[row] for key, column in numbers.items()}, tools[row],
                  (ttft[row], guess[row], stated[row]))
        for row, (blocks, flags) in enumerate(zip(trace.blocks, trace.flags, strict=True))
    ]  # fmt: skip


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _instants(
    trace: Trace,
    row: int,
    blocks: tuple[Block, ...],
    flags: tuple[str, ...],
    at: dict[str, float | None],
    tools_s: float | None,
    first: tuple[float | None, float | None, bool],
) -> Instants:
    ends = [block.end_at for block in blocks if block.end_at is not None]
    last = at["last_output_at"] if at["last_output_at"] is not None else max(ends, default=None)
    sent = at["sent_at"] if at["sent_at"] is not None else at["trigger_at"]
    split, kind = _split(sent, at, last, flags, first)
    agent_id = trace.texts["agent_id"][row] or ("side" if "sidechain" in flags else None)
    return Instants(
        row=row,
        trigger=trace.texts["trigger"][row] or "unknown",
        trigger_at=at["trigger_at"],
        sent_at=sent,
        split_at=split,
        split_kind=kind,
        last_at=last,
        flags=flags,
        agent_id=agent_id,
        sent_source=trace.texts["sent_source"][row],
        retried="retried" in flags or (at["attempts"] or 1) > 1,
        blocks=blocks,
        tools_s=tools_s,
        after_others=trace.after_others is not None and bool(trace.after_others[row]),
    )


def _split(
    sent: float | None,
    at: dict[str, float | None],
    last: float | None,
    flags: Sequence[str],
    first: tuple[float | None, float | None, bool],
) -> tuple[float | None, Kind]:
    """Where the first token came: stated (exact, or a bound if the send time is early), else estimated."""
    exact, guess, stated = first
    if sent is None or last is None or "non_streamed" in flags:
        return None, "bound"
    if exact is not None:
        return min(sent + exact, last), "exact"
    shown = at["first_output_at"]
    if stated and shown is not None and sent <= shown <= last:
        return shown, "bound"
    if guess is None:
        return None, "bound"
    limits = [limit for limit in (last, at["first_block_at"]) if limit is not None and limit >= sent]
    return min(sent + guess, *limits, math.inf), "estimate"


def build_thread(agent_id: str | None, calls: Sequence[Instants]) -> Thread | None:
    """What an agent did at each instant from its first to its last; None where no instant is known."""
    ordered = sorted((c for c in calls if c.start_at is not None), key=lambda c: (c.start_at or 0.0, c.row))
    candidates: list[tuple[int, Segment]] = []
    done_at: float | None = None
    before: Instants | None = None
    for call in ordered:
        candidates += _model(call)
        candidates += _tools(call)
        if "side_call" in call.flags or call.compacts:
            continue
        candidates += _gap(call, before, done_at)
        ends = [call.last_at, *(block.result_at for block in call.blocks)]
        done_at = max((end for end in (done_at, *ends) if end is not None), default=None)
        before = call
    segments = _without_holes(paint(candidates))
    return Thread(agent_id, tuple(segments)) if segments else None


def _without_holes(segments: list[Segment]) -> list[Segment]:
    whole: list[Segment] = []
    for segment in segments:
        if whole and whole[-1].end_at < segment.start_at:
            whole.append(Segment(whole[-1].end_at, segment.start_at, "unknown", agent_id=segment.agent_id))
        whole.append(segment)
    return whole


def _model(call: Instants) -> Iterator[tuple[int, Segment]]:
    """Sent to the last output: first token, then decoding, where they can be told apart."""
    start, end = call.sent_at, call.last_at
    if start is None or end is None:
        return
    rank = _SIDE_CALL if "side_call" in call.flags else _CALL
    for piece in _model_pieces(call, start, end):
        yield rank, piece


def _model_pieces(call: Instants, start: float, end: float) -> Iterator[Segment]:
    def piece(since: float, until: float, activity: Activity, kind: Kind = "bound") -> Segment:
        return Segment(since, until, activity, kind, row=call.row, agent_id=call.agent_id)

    if call.compacts:
        yield piece(start, end, "compaction")
    elif not _SPOILED.isdisjoint(call.flags):
        yield piece(start, end, "unknown")
    elif "suspended" in call.flags:
        known = sorted(
            {start, end, *(b.end_at for b in call.blocks if b.end_at is not None and start < b.end_at < end)}
        )
        asleep = max(range(len(known) - 1), key=lambda i: known[i + 1] - known[i], default=0)
        for number, (since, until) in enumerate(pairwise(known)):
            yield piece(since, until, "away" if number == asleep else "model")
    elif call.split_at is None:
        yield piece(start, end, "model", "bound")
    else:
        yield piece(start, call.split_at, "first_token", call.split_kind)
        yield piece(call.split_at, end, "decode", call.split_kind)


def _tools(call: Instants) -> Iterator[tuple[int, Segment]]:
    """From the tool call's end to its result; of several the chain that held up the next call.

    The chain is followed back from the last result: the tool that it came from, then what had
    ended before that tool began.
    """
    items = sorted(_tool_spans(call), key=lambda item: item[1], reverse=True)
    if not items and call.tools_s and call.last_at is not None:
        names = {block.name for block in call.blocks if block.type == "tool_use"}
        items = [(call.last_at, call.last_at + call.tools_s, names.pop() if len(names) == 1 else None)]
    cursor = math.inf
    for number, (start, end, name) in enumerate(items):
        if end > cursor:
            continue
        if name in _ALONE and number + 1 < len(items):
            start = max(start, items[number + 1][1])  # noqa: PLW2901 - it waited for the tool before it
        activity, kind = _tool_activity(name, end - start)
        yield _TOOL, Segment(start, end, activity, kind, name, call.row, call.agent_id)
        cursor = start


def _tool_activity(name: str | None, lasted_s: float) -> tuple[Activity, Kind]:
    """Whether a tool ran, or a person was asked; the second is stated for some tools and follows for others."""
    if name in ASKING_TOOLS:
        return "asking", "bound"
    if name in _FILE_TOOLS and lasted_s > _LONGEST_FILE_TOOL_S:
        return "asking", "estimate"
    return "tool", "bound"


def _tool_spans(call: Instants) -> Iterator[tuple[float, float, str | None]]:
    for block in call.blocks:
        start = block.end_at if block.end_at is not None else call.last_at
        if block.result_at is not None and start is not None and block.result_at > start:
            yield start, block.result_at, block.name


def _gap(call: Instants, before: Instants | None, done_at: float | None) -> Iterator[tuple[int, Segment]]:
    """From the end of what came before to this call's trigger, and from there to its sending."""
    sent, trigger = call.sent_at, call.trigger_at
    if sent is None:
        return
    led = sent if trigger is None else min(trigger, sent)
    if done_at is not None and led > done_at:
        activity, name = _why(call, before)
        yield _GAP, Segment(done_at, led, activity, "bound", name, _owner(activity, call, before), call.agent_id)
    ready = led if done_at is None else max(led, min(done_at, sent))
    if sent > ready:
        yield _BEFORE, Segment(ready, sent, _preparing(call, sent - ready), "bound", None, call.row, call.agent_id)


def _owner(activity: Activity, call: Instants, before: Instants | None) -> int | None:
    """Time of tools belongs to the call that asked for them; nobody's call keeps a person away."""
    if activity in {"away", "unknown"}:
        return None
    return before.row if activity == "tool" and before is not None else call.row


def _why(call: Instants, before: Instants | None) -> tuple[Activity, str | None]:
    if call.after_others:
        return "unknown", None
    if call.trigger == "tool_result":
        blocks = before.blocks if before is not None else ()
        asked = {block.name for block in blocks if block.type == "tool_use"}
        if blocks and not asked:  # the result is of another call, not of the one before: a clock that was set
            return "unknown", None
        return "tool", asked.pop() if len(asked) == 1 else None
    if call.trigger == "notification":
        return "tool", "(background)"
    found: dict[str, Activity] = {
        "user": "away", "synthetic": "away", "compaction": "compaction", "retry": "retry",
    }  # fmt: skip
    return found.get(call.trigger, "unknown"), None


def _preparing(call: Instants, lasted_s: float) -> Activity:
    if call.retried or call.sent_source == "retry_adjusted":
        return "retry"
    if call.sent_source == "hook_adjusted":
        return "hook"
    return "agent" if lasted_s <= _LONGEST_PREPARATION_S else "unknown"
