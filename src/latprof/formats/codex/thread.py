"""The lines of one thread, one after the other -> its calls.

What a line means depends on the lines before it: the usage is a running sum, settings hold until
they change, and versions differ in when they write the items of a response. So the versions are
told apart by the order of lines, never by their number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Final, NamedTuple

from latprof.classes import dataclass
from latprof.formats.codex.drafts import Draft
from latprof.formats.codex.items import block_of, is_item, item_block, uuid_seconds
from latprof.formats.codex.origin import COPY_S, Origin
from latprof.formats.records import Record, count_of, dict_of, number_of, seconds_of, text_of
from latprof.model import Block, BlockType, Problem, Trigger

__all__ = ["Thread"]

# Lines of one event are written within this time.
_SAME_EVENT_S: Final = 0.1
# A tool that is cut off leaves its result just before the turn's end, and no request.
_ABORT_S: Final = 0.5
_SUM_KEYS: Final = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
_SERVER_TOOLS: Final = frozenset({"web_search_call", "image_generation_call"})

_METHODS: Final = {
    "agent_message": "_event_block",
    "agent_reasoning": "_event_block",
    "compacted": "_compaction",
    "item_completed": "_completed",
    "task_complete": "_turn_end",
    "task_started": "_turn_start",
    "token_count": "_token_count",
    "token_usage_record": "_record_of_usage",
    "turn_aborted": "_abort",
    "turn_complete": "_turn_end",
    "turn_context": "_context",
    "turn_started": "_turn_start",
    "user_message": "_prompt",
}

_Sums = tuple[int | None, ...]


class _Line(NamedTuple):
    number: int
    payload: Record
    at: float


@dataclass(slots=True)
class _Anchor:
    """What the next request waits for: why it is made, and the last line before it leaves."""

    trigger: Trigger
    trigger_at: float
    at: float
    source: str = "trigger_line"


@dataclass(slots=True)
class Thread:
    """Takes the lines of a rollout file in their order; `drafts` are the calls so far.

    `_late` is a response that ended before any of its items was written, as old versions do.
    """

    path: str
    origin: Origin
    problems: list[Problem]
    drafts: list[Draft] = field(default_factory=list)
    _paginated: bool = False
    _model: str | None = None
    _effort: str | None = None
    _tier: str | None = None
    _sums: _Sums | None = None
    _anchor: _Anchor | None = None
    _headers_at: float | None = None
    _compacted: bool = False
    _context_per_call: bool | None = None
    _open: Draft | None = None
    _late: Draft | None = None
    _turn_id: str | None = None
    _turn_first: Draft | None = None
    _turn_begun: bool = False
    _thread_begun: bool = False
    _tools: dict[str, Block] = field(default_factory=dict)
    _unmatched: Block | None = None

    def take(self, number: int, record: Record, at: float) -> None:
        """Read the next line."""
        line = _Line(number, dict_of(record, "payload"), at)
        kind = text_of(record, "type")
        if kind == "session_meta":
            if self.origin.header(line.payload, at, has_calls=bool(self.drafts)):
                self._forget()
                self._sums, self._thread_begun = None, False
            return
        if self.origin.judge(record, at):
            self._forget()
        self._paginated = self._paginated or self.origin.paginated or "ordinal" in record
        if kind == "response_item":
            self._response_item(line)
            return
        name = _METHODS.get((text_of(line.payload, "type") if kind == "event_msg" else kind) or "")
        if name is not None:
            handler: Callable[[_Line], None] = getattr(self, name)
            handler(line)

    def _response_item(self, line: _Line) -> None:
        """What the model made, what a tool gave back, or a message that the agent adds."""
        if is_item(line.payload):
            self._item(line)
        elif (text_of(line.payload, "type") or "").endswith("_output"):
            self._output(line)
        elif self._open is None and (self._anchor is None or self._anchor.trigger == "notification"):
            # Alone such messages lead to a request of their own.
            self._wait("notification", line.at)

    def _forget(self) -> None:
        """What was open in the copied history is not of this thread."""
        self._anchor = self._headers_at = self._open = self._late = None
        self._turn_first, self._turn_begun = None, False

    # -- turns and what leads to a request ------------------------------------------------------

    def _turn_start(self, line: _Line) -> None:
        self._finish_open()
        self._turn_id = text_of(line.payload, "turn_id")
        self._late = self._anchor = self._turn_first = None
        self._turn_begun = True

    def _turn_end(self, line: _Line) -> None:
        self._finish_open()
        first_ms = number_of(line.payload, "time_to_first_token_ms")
        begun = uuid_seconds(text_of(line.payload, "turn_id"))
        if self._turn_first is not None and first_ms is not None and begun is not None and first_ms >= 0:
            self._turn_first.turn_first_at = begun + first_ms / 1000
        self._unanswered(line, 0.0)
        self._turn_first, self._turn_begun = None, False

    def _abort(self, line: _Line) -> None:
        if self._open is not None:
            self._open.flags.add("interrupted")
            self._finish_open()
            self._anchor = None
        self._unanswered(line, _ABORT_S)
        self._turn_first, self._turn_begun = None, False

    def _unanswered(self, line: _Line, least_s: float) -> None:
        """A turn that ends while a request waits: it failed or was cut before its first item."""
        anchor, self._anchor, self._late = self._anchor, None, None
        if anchor is None or self.origin.copied or anchor.trigger not in {"user", "tool_result"}:
            return
        if anchor.source == "turn_context" or line.at - anchor.at >= least_s:
            self.problems.append(Problem("request_without_response", self.path, line.number))

    def _prompt(self, line: _Line) -> None:
        self._finish_open()
        self._late = None
        self._wait("notification" if self.origin.helper and self._thread_begun else "user", line.at)

    def _output(self, line: _Line) -> None:
        block = self._tools.get(text_of(line.payload, "call_id") or "")
        if block is not None and block.result_at is None:
            block.result_at = line.at
        if self._open is not None:
            self._open.has_outputs = True
        self._wait("tool_result", line.at)

    def _wait(self, trigger: Trigger, at: float) -> None:
        self._anchor = _Anchor(trigger, at, at)
        self._headers_at = None
        self._compacted = False

    def _context(self, line: _Line) -> None:
        """Settings: up to 0.106 written as each request leaves, later once a turn before the prompt."""
        settings, anchor = line.payload, self._anchor
        self._turn_id = text_of(settings, "turn_id") or self._turn_id
        self._model = text_of(settings, "model") or self._model
        self._effort = text_of(settings, "effort") or text_of(
            settings, "collaboration_mode", "settings", "reasoning_effort"
        )
        self._tier = text_of(settings, "service_tier")
        self._late = None
        if self._open is not None:
            return
        if anchor is None or anchor.trigger == "notification":
            if self._turn_begun and self._turn_first is None:
                self._context_per_call = False
            return
        if anchor.trigger == "user" and self._turn_first is None:
            self._context_per_call = True
        self._headers_at, anchor.at = None, line.at
        if self._context_per_call is not False and not self._compacted:
            anchor.source = "turn_context"

    # -- the response ---------------------------------------------------------------------------

    def _begin(self) -> Draft:
        """A new response: what waited is its cause."""
        anchor, self._anchor = self._anchor, None
        draft = Draft(
            owner=self.origin.owner,
            trigger=anchor.trigger if anchor else "unknown",
            trigger_at=anchor.trigger_at if anchor else None,
            sent_at=anchor.at if anchor else None,
            sent_source=anchor.source if anchor else None,
            headers_at=self._headers_at if anchor else None,
            model=self._model,
            effort=self._effort,
            speed_mode=self._tier,
        )
        if not self._thread_begun and not self.origin.copied:
            self._thread_begun = True
            if self.origin.helper:
                draft.trigger = "compaction" if self.origin.helper == "compact" else "subagent"
        self._headers_at, self._late, self._unmatched, self._open = None, None, None, draft
        if self._turn_begun and self._turn_first is None:
            self._turn_first = draft
        return draft

    def _response(self) -> Draft:
        """The response that an item or its event belongs to."""
        draft = self._open
        if draft is not None and draft.dropped:
            # The stream broke off: this is the first item of the next attempt.
            self._anchor = self._unmatched = None
            draft.next_attempt()
        elif draft is not None and draft.has_outputs:
            # Results and no usage: the service sends none.
            self._finish_open()
            draft = None
        return draft or self._begin()

    def _finish_open(self) -> None:
        """End a response that gets no usage."""
        draft, self._open = self._open, None
        if draft is None:
            return
        if self._sums is not None or draft.dropped:
            # A service that sends usage sent none: the response broke off.
            draft.flags.add("interrupted")
        draft.close_at_last_item()
        self._keep(draft)

    def _keep(self, draft: Draft) -> None:
        if not self.origin.copied:
            self.drafts.append(draft)

    def _item(self, line: _Line) -> None:
        block = item_block(line.payload)
        if self._open is None and self._late is not None:
            # Up to 0.64 items follow the usage, when the tools have ended: their time says nothing.
            if block.type in {"tool_use", "other"}:
                self._add(self._late, block, line.payload)
            return
        draft = self._response()
        draft.has_items = True
        draft.item_id = draft.item_id or text_of(line.payload, "id")
        if text_of(line.payload, "type") in _SERVER_TOOLS:
            draft.flags.add("server_tools")
        seen, self._unmatched = self._unmatched, None
        if seen is not None and seen.type == block.type and draft.blocks[-1] is seen:
            seen.characters = block.characters
            return
        block.end_at = line.at
        self._add(draft, block, line.payload)

    def _add(self, draft: Draft, block: Block, payload: Record) -> None:
        draft.blocks.append(block)
        if (tool := text_of(payload, "call_id")) is not None:
            self._tools[tool] = block

    def _event_block(self, line: _Line) -> None:
        """Reasoning or a message ended; the item itself is written beside it or after the tools."""
        if self._paginated:
            return
        kind: BlockType = "text" if text_of(line.payload, "type") == "agent_message" else "thinking"
        draft = self._response()
        last = draft.blocks[-1] if draft.blocks else None
        if last is not None and last.type == kind and line.at - (last.end_at or 0.0) < _SAME_EVENT_S:
            # Each part of a summary has an event of its own, and in some versions the item comes first.
            return
        self._unmatched = block_of(kind, line.payload, line.at)
        draft.blocks.append(self._unmatched)

    def _completed(self, line: _Line) -> None:
        """Threads in pages: an item with its start and its end."""
        kind = text_of(line.payload, "item", "type")
        if kind == "UserMessage":
            self._prompt(line)
        if kind not in {"Reasoning", "AgentMessage"}:
            return
        start = seconds_of(line.payload.get("started_at_ms"), unit=0.001)
        end = seconds_of(line.payload.get("completed_at_ms"), unit=0.001)
        if end is None or abs(end - line.at) > COPY_S:
            start, end = None, line.at  # rewritten from an older file
        block = Block("thinking" if kind == "Reasoning" else "text", end_at=end)
        block.start_at = start if start is not None and start < end else None
        self._response().blocks.append(block)
        self._unmatched = block

    # -- usage ----------------------------------------------------------------------------------

    def _record_of_usage(self, line: _Line) -> None:
        """One record per completed response, as it ends."""
        self._paginated = True
        self._sums = _sums(dict_of(line.payload, "thread_token_usage"))
        draft = self._open or self._begin()
        draft.response_id = text_of(line.payload, "response_id")
        self._close(draft, line.at, dict_of(line.payload, "usage"))

    def _close(self, draft: Draft, at: float, usage: Record) -> None:
        draft.close(at, usage)
        self._open = None
        self._late = None if draft.has_items else draft
        self._keep(draft)

    def _token_count(self, line: _Line) -> None:
        """A changed sum ends a response; an unchanged one came with the headers, or after a dropped stream."""
        info = dict_of(line.payload, "info")
        total, last = dict_of(info, "total_token_usage"), dict_of(info, "last_token_usage")
        sums, before = _sums(total), self._sums
        generated = count_of(last, "output_tokens")
        if not total or sums == before:
            if not total or generated:
                self._repeated(line.at, has_usage=bool(total))
            return
        self._sums = sums
        if not generated:
            return  # an estimate after compaction, or an overflow of the context
        begins_here = before is None and self._anchor is None and not self.origin.is_known
        if self._open is None and (begins_here or not _follows(sums, before, _sums(last))):
            self._repeated(line.at, has_usage=True)  # in a slice: of a response that is not there
            return
        draft = self._open or self._begin()
        # Stamps differ between copies; the turn, or the thread where turns have no ids, and the sums do not.
        draft.key = f"codex/{self._turn_id or self.origin.thread_id}/{sums[0]}/{sums[2]}"
        self._close(draft, line.at, last)

    def _repeated(self, at: float, *, has_usage: bool) -> None:
        draft = self._open
        if draft is None:
            if self._anchor is not None and self._headers_at is None and not self._paginated:
                self._headers_at = at
        elif self._paginated and has_usage and draft.blocks:
            draft.dropped_at = at

    def _compaction(self, line: _Line) -> None:
        """The history was summed up by a request that leaves no items, and no usage of its own."""
        last, anchor = self._late, self._anchor
        if last is not None and not last.blocks and (anchor is None or anchor.trigger == "notification"):
            last.trigger = "compaction"
        else:
            self._finish_open()
            self._keep(self._compaction_draft(anchor, line.at))
        if anchor is not None:
            anchor.trigger_at = anchor.at = line.at
            anchor.source = "trigger_line"
        self._compacted, self._headers_at, self._late = True, None, None

    def _compaction_draft(self, anchor: _Anchor | None, at: float) -> Draft:
        since = anchor.at if anchor else None
        return Draft(
            owner=self.origin.owner,
            trigger="compaction",
            trigger_at=since,
            sent_at=since,
            sent_source=None if since is None else "trigger_line",
            model=self._model,
            effort=self._effort,
            end_at=at,
            end_source="record_written",
        )


def _sums(usage: Record) -> _Sums:
    return tuple(count_of(usage, key) for key in _SUM_KEYS)


def _follows(sums: _Sums, before: _Sums | None, last: _Sums) -> bool:
    """Whether the new sums are the old ones and this response; sums may begin anew."""
    if sums == last:
        return True
    return before is not None and all(
        (now or 0) == (then or 0) + (part or 0) for now, then, part in zip(sums, before, last, strict=True)
    )
