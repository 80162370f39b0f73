"""The lines of one thread, one after the other -> its calls.

What a line means depends on the lines before it: the usage is a running sum, settings hold until
they change, and versions differ in when they write the items of a response. So the versions are
told apart by the order of lines, never by their number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from latprof.formats.codex.drafts import Draft, Owner
from latprof.formats.codex.items import block_of, is_item, item_block, uuid_seconds
from latprof.formats.providers import provider_of
from latprof.formats.records import Record, count_of, dict_of, number_of, seconds_of, text_of
from latprof.model import Block, Problem, Trigger

__all__ = ["Thread"]

# Lines of one event are written within this time.
_SAME_EVENT_S: Final = 0.1
# A tool that is cut off leaves its result just before the turn's end, and no request.
_ABORT_S: Final = 0.5
# Copied history is written in one go.
_COPY_S: Final = 2.0
_SUM_KEYS: Final = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
_EVENT_BLOCKS: Final = {"agent_reasoning": "thinking", "agent_message": "text"}
_SERVER_TOOLS: Final = frozenset({"web_search_call", "image_generation_call"})


@dataclass(slots=True)
class _Anchor:
    """What the next request waits for: why it is made, and the last line before it leaves."""

    trigger: Trigger
    trigger_at: float
    at: float
    line: int
    source: str = "trigger_line"


@dataclass(slots=True)
class Thread:
    """Takes the lines of a rollout file in their order; `drafts` are the calls so far."""

    path: str
    owner: Owner
    problems: list[Problem]
    drafts: list[Draft] = field(default_factory=list)
    _own_id: str | None = None
    _created_at: float | None = None
    _started_at: float | None = None
    _copied: bool = False
    _first_own_ordinal: int | None = None
    _turn_ids_seen: bool = False
    _paginated: bool = False
    _subagent: str | None = None
    _model: str | None = None
    _effort: str | None = None
    _tier: str | None = None
    _sums: tuple[int | None, ...] | None = None
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
        payload = dict_of(record, "payload")
        kind = text_of(record, "type")
        if kind == "session_meta":
            self._meta(payload, at)
            return
        if self._started_at is None:
            self._started_at = at
        self._judge_copy(record, payload, at)
        if "ordinal" in record:
            self._paginated = True
        name = kind if kind not in {"event_msg", "response_item"} else text_of(payload, "type")
        if kind == "response_item" and is_item(payload):
            self._item(payload, at)
        elif kind == "response_item" and name is not None and name.endswith("_output"):
            self._output(number, payload, at)
        elif kind == "response_item":
            self._injected(number, at)
        elif name in _EVENT_BLOCKS:
            self._event_block(name, payload, at)
        elif (handler := _HANDLERS.get(name or "")) is not None:
            handler(self, number, payload, at)

    # -- whose lines they are -------------------------------------------------------------------

    def _meta(self, payload: Record, at: float) -> None:
        """The thread's own header; a second one of another thread heads copied history."""
        own = text_of(payload, "id")
        if self._own_id is not None:
            if own == self._own_id:
                self.owner.agent_version = text_of(payload, "cli_version") or self.owner.agent_version
            else:
                self._copied = self._copied or not self.drafts
            return
        self._own_id, self._started_at = own, at
        self._created_at = seconds_of(payload.get("timestamp")) or at
        self._paginated = text_of(payload, "history_mode") == "paginated"
        self._copied = bool(text_of(payload, "forked_from_id")) and not payload.get("history_base")
        self._first_own_ordinal = count_of(payload, "subagent_history_start_ordinal")
        self._subagent = _subagent(payload)
        self._take_owner(payload, own)

    def _take_owner(self, payload: Record, own: str | None) -> None:
        owner = self.owner
        parent = text_of(payload, "parent_thread_id") or text_of(
            payload, "source", "subagent", "thread_spawn", "parent_thread_id"
        )
        thread = own or owner.session_id
        root = text_of(payload, "session_id") or (parent if self._subagent else None)
        owner.session_id = root or thread
        owner.agent_version = text_of(payload, "cli_version")
        owner.provider = provider_of(text_of(payload, "model_provider"))
        owner.project = text_of(payload, "cwd")
        if self._subagent:
            owner.agent_id = thread
            side = {"side_call"} if self._subagent == "memory_consolidation" else set()
            owner.flags = frozenset({"sidechain", *side})

    def _judge_copy(self, record: Record, payload: Record, at: float) -> None:
        """Copied history ends at the first own line: by its number, its turn, or the time it was written."""
        if self._first_own_ordinal is not None:
            ordinal = count_of(record, "ordinal")
            self._copied = ordinal is not None and ordinal < self._first_own_ordinal
            return
        if not self._copied:
            return
        begun = uuid_seconds(text_of(payload, "turn_id"))
        if begun is not None and self._created_at is not None:
            self._turn_ids_seen = True
            self._copied = begun < self._created_at - _SAME_EVENT_S
        elif not self._turn_ids_seen and self._started_at is not None:
            self._copied = at < self._started_at + _COPY_S
        if not self._copied:
            self._forget()

    def _forget(self) -> None:
        """What was open in the copied history is not of this thread."""
        self._anchor = self._headers_at = self._open = self._late = None
        self._turn_first, self._turn_begun = None, False

    # -- turns and what leads to a request ------------------------------------------------------

    def _turn_start(self, number: int, payload: Record, at: float) -> None:
        self._finish_open()
        self._late = None
        self._turn_id, self._turn_first, self._turn_begun = text_of(payload, "turn_id"), None, True
        self._anchor = None

    def _turn_end(self, number: int, payload: Record, at: float) -> None:
        self._finish_open()
        first_ms = number_of(payload, "time_to_first_token_ms")
        begun = uuid_seconds(text_of(payload, "turn_id"))
        if self._turn_first is not None and first_ms is not None and begun is not None and first_ms >= 0:
            self._turn_first.turn_first_at = begun + first_ms / 1000
        self._unanswered(number, at, 0.0)
        self._turn_first, self._turn_begun = None, False

    def _abort(self, number: int, payload: Record, at: float) -> None:
        if self._open is not None:
            self._open.flags.add("interrupted")
            self._finish_open()
            self._anchor = None
        self._unanswered(number, at, _ABORT_S)
        self._turn_first, self._turn_begun = None, False

    def _unanswered(self, number: int, at: float, least_s: float) -> None:
        """A turn that ends while a request waits: it failed or was cut before its first item."""
        anchor, self._anchor, self._late = self._anchor, None, None
        if anchor is None or self._copied or anchor.trigger not in {"user", "tool_result", "subagent"}:
            return
        if anchor.source == "turn_context" or at - anchor.at >= least_s:
            self.problems.append(Problem("request_without_response", self.path, number))

    def _prompt(self, number: int, payload: Record, at: float) -> None:
        self._finish_open()
        self._late = None
        self._wait("notification" if self._subagent and self._thread_begun else "user", at, number)

    def _output(self, number: int, payload: Record, at: float) -> None:
        block = self._tools.get(text_of(payload, "call_id") or "")
        if block is not None and block.result_at is None:
            block.result_at = at
        if self._open is not None:
            self._open.has_outputs = True
        self._wait("tool_result", at, number)

    def _injected(self, number: int, at: float) -> None:
        """Messages that the agent adds by itself; alone they lead to a request of their own."""
        if self._open is None and (self._anchor is None or self._anchor.trigger == "notification"):
            self._wait("notification", at, number)

    def _wait(self, trigger: Trigger, at: float, number: int) -> None:
        self._anchor = _Anchor(trigger, at, at, number)
        self._headers_at = None
        self._compacted = False

    def _context(self, number: int, payload: Record, at: float) -> None:
        """Settings: up to 0.106 written as each request leaves, later once a turn before the prompt."""
        self._model = text_of(payload, "model") or self._model
        self._effort = text_of(payload, "effort") or text_of(
            payload, "collaboration_mode", "settings", "reasoning_effort"
        )
        self._tier = text_of(payload, "service_tier")
        self._late = None
        anchor = self._anchor
        if self._open is not None:
            return
        if anchor is None or anchor.trigger in {"notification", "unknown"}:
            # Before the prompt: only once a turn.
            if self._turn_begun and self._turn_first is None:
                self._context_per_call = False
            return
        if anchor.trigger == "user" and self._turn_first is None:
            self._context_per_call = True
        self._headers_at = None
        anchor.at = at
        if self._context_per_call is not False and not self._compacted:
            anchor.source = "turn_context"

    # -- the response ---------------------------------------------------------------------------

    def _begin(self) -> Draft:
        """A new response: what waited is its cause."""
        anchor, self._anchor = self._anchor, None
        draft = Draft(
            owner=self.owner,
            trigger=anchor.trigger if anchor else "unknown",
            trigger_at=anchor.trigger_at if anchor else None,
            sent_at=anchor.at if anchor else None,
            sent_source=anchor.source if anchor else None,
            headers_at=self._headers_at if anchor else None,
            model=self._model,
            effort=self._effort,
            speed_mode=self._tier,
        )
        if not self._thread_begun and not self._copied:
            self._thread_begun = True
            if self._subagent:
                draft.trigger = "compaction" if self._subagent == "compact" else "subagent"
        self._headers_at, self._late, self._unmatched, self._open = None, None, None, draft
        if self._turn_begun and self._turn_first is None:
            self._turn_first = draft
        return draft

    def _response(self) -> Draft:
        """The response that an item belongs to."""
        draft = self._open
        if draft is not None and draft.dropped:
            self._anchor = None
            return draft
        if draft is not None and draft.has_outputs:
            # Results and no usage: the service sends none.
            self._finish_open()
            draft = None
        return draft or self._begin()

    def _finish_open(self) -> None:
        """End a response that gets no usage."""
        draft, self._open = self._open, None
        if draft is None:
            return
        draft.close_at_last_item()
        self._keep(draft)

    def _keep(self, draft: Draft) -> None:
        if not self._copied:
            self.drafts.append(draft)

    def _item(self, payload: Record, at: float) -> None:
        block = item_block(payload)
        if self._open is None and self._late is not None:
            self._late_item(payload, block)
            return
        draft = self._response()
        self._restart(draft)
        draft.has_items = True
        draft.item_id = draft.item_id or text_of(payload, "id")
        if text_of(payload, "type") in _SERVER_TOOLS:
            draft.flags.add("server_tools")
        seen = self._unmatched
        self._unmatched = None
        if seen is not None and seen.type == block.type and draft.blocks and draft.blocks[-1] is seen:
            seen.characters = block.characters
            return
        block.end_at = at
        self._add(draft, block, payload)

    def _add(self, draft: Draft, block: Block, payload: Record) -> None:
        draft.blocks.append(block)
        if (tool := text_of(payload, "call_id")) is not None:
            self._tools[tool] = block

    def _late_item(self, payload: Record, block: Block) -> None:
        """Up to 0.64 items follow the usage, when the tools have ended: their time says nothing."""
        late = self._late
        if late is not None and block.type in {"tool_use", "other"}:
            self._add(late, block, payload)

    def _restart(self, draft: Draft) -> None:
        """The first item after a dropped stream begins the next attempt."""
        if draft.dropped:
            draft.drop(draft.end_at or 0.0)
            draft.end_at = draft.end_source = None
            self._unmatched = None

    def _event_block(self, name: str, payload: Record, at: float) -> None:
        """Reasoning or a message ended; the item itself is written beside it or after the tools."""
        if self._paginated:
            return
        draft = self._response()
        last = draft.blocks[-1] if draft.blocks else None
        kind = _EVENT_BLOCKS[name]
        if last is not None and last.type == kind and last.end_at is not None and at - last.end_at < _SAME_EVENT_S:
            # Each part of a summary has an event of its own, and in some versions the item comes first.
            return
        draft.blocks.append(block_of(kind, payload, at))
        self._unmatched = draft.blocks[-1]

    def _completed(self, number: int, payload: Record, at: float) -> None:
        """Threads in pages: an item with its start and its end."""
        item = dict_of(payload, "item")
        kind = text_of(item, "type")
        if kind == "UserMessage":
            self._prompt(number, payload, at)
        if kind not in {"Reasoning", "AgentMessage"}:
            return
        draft = self._response()
        self._restart(draft)
        start, end = (
            seconds_of(payload.get("started_at_ms"), unit=0.001),
            seconds_of(payload.get("completed_at_ms"), unit=0.001),
        )
        if end is None or abs(end - at) > _COPY_S:
            start, end = None, at  # rewritten from an older file
        block = Block("thinking" if kind == "Reasoning" else "text", end_at=end)
        block.start_at = start if start is not None and start < end else None
        draft.blocks.append(block)
        self._unmatched = block

    # -- usage ----------------------------------------------------------------------------------

    def _record_of_usage(self, number: int, payload: Record, at: float) -> None:
        """One record per completed response, as it ends."""
        self._paginated = True
        usage = dict_of(payload, "usage")
        self._sums = _sums(dict_of(payload, "thread_token_usage"))
        draft = self._open or self._begin()
        draft.response_id = text_of(payload, "response_id")
        draft.dropped = False
        draft.close(at, usage)
        self._close(draft)

    def _close(self, draft: Draft) -> None:
        self._open = None
        self._late = None if draft.has_items else draft
        self._keep(draft)

    def _token_count(self, number: int, payload: Record, at: float) -> None:
        """A changed sum ends a response; an unchanged one came with the headers, or after a dropped stream."""
        total, last = dict_of(payload, "info", "total_token_usage"), dict_of(payload, "info", "last_token_usage")
        sums, before = _sums(total), self._sums
        generated = count_of(last, "output_tokens")
        if not total or sums == before:
            if not total or generated:
                self._repeated(at, has_usage=bool(total))
            return
        self._sums = sums
        if not generated:
            return
        if self._open is None and not _follows(sums, before, _sums(last)):
            self._repeated(at, has_usage=True)  # a slice of a longer thread: the response was in what is not there
            return
        draft = self._open or self._begin()
        draft.close(at, last)
        self._close(draft)

    def _repeated(self, at: float, *, has_usage: bool) -> None:
        draft = self._open
        if draft is None:
            if self._anchor is not None and self._headers_at is None and not self._paginated:
                self._headers_at = at
        elif self._paginated and has_usage and draft.blocks:
            draft.dropped = True
            draft.end_at = at

    def _compaction(self, number: int, payload: Record, at: float) -> None:
        """The history was summed up by a request that leaves no items, and no usage of its own."""
        last, anchor = self._late, self._anchor
        if last is not None and not last.blocks and (anchor is None or anchor.trigger == "notification"):
            last.trigger = "compaction"
        else:
            self._finish_open()
            self._keep(self._compaction_draft(anchor, at))
        if anchor is not None:
            anchor.trigger_at = anchor.at = at
            anchor.source = "trigger_line"
        self._compacted, self._headers_at, self._late = True, None, None

    def _compaction_draft(self, anchor: _Anchor | None, at: float) -> Draft:
        since = anchor.at if anchor else None
        return Draft(
            owner=self.owner,
            trigger="compaction",
            trigger_at=since,
            sent_at=since,
            sent_source=None if since is None else "trigger_line",
            model=self._model,
            effort=self._effort,
            end_at=at,
            end_source="record_written",
        )


_Handler = Callable[[Thread, int, Record, float], None]
_HANDLERS: Final[dict[str, _Handler]] = {
    "compacted": Thread._compaction,
    "item_completed": Thread._completed,
    "task_complete": Thread._turn_end,
    "task_started": Thread._turn_start,
    "token_count": Thread._token_count,
    "token_usage_record": Thread._record_of_usage,
    "turn_aborted": Thread._abort,
    "turn_complete": Thread._turn_end,
    "turn_context": Thread._context,
    "turn_started": Thread._turn_start,
    "user_message": Thread._prompt,
}


def _sums(usage: Record) -> tuple[int | None, ...]:
    return tuple(count_of(usage, key) for key in _SUM_KEYS)


def _follows(sums: tuple[int | None, ...], before: tuple[int | None, ...] | None, last: tuple[int | None, ...]) -> bool:
    """Whether the new sums are the old ones and this response; sums may begin anew."""
    if sums == last:
        return True
    return before is not None and all(
        (now or 0) == (then or 0) + (part or 0) for now, then, part in zip(sums, before, last, strict=True)
    )


def _subagent(meta: Record) -> str | None:
    """What kind of helper thread it is; None for a thread of the user."""
    source: Any = meta.get("source")
    inside = source.get("subagent") if isinstance(source, dict) else None
    if isinstance(inside, str):
        return inside
    if inside or text_of(meta, "thread_source") == "subagent":
        return "thread"
    return None
