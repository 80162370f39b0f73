"""Whose thread a file is, and which of its lines are copied history of another thread.

Forks and helpers begin with the records of the thread that they come from, stamped anew: their
times say nothing, and the calls are in the other file.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from latprof.classes import dataclass
from latprof.formats.codex.drafts import Owner
from latprof.formats.codex.items import uuid_seconds
from latprof.formats.providers import provider_of
from latprof.formats.records import Record, count_of, dict_of, seconds_of, text_of

__all__ = ["COPY_S", "Origin"]

# Copied history is written in one go.
COPY_S: Final = 2.0
# A turn's id may be a little older than the header that is written for it.
_HEADER_S: Final = 0.1


@dataclass(slots=True)
class Origin:
    """`helper` is the kind of a thread that another one started; `copied` holds for the current line."""

    owner: Owner
    helper: str | None = None
    paginated: bool = False
    copied: bool = False
    thread_id: str = ""
    _id: str | None = None
    _created_at: float | None = None
    _begun_at: float | None = None
    _first_own_ordinal: int | None = None
    _turn_ids_seen: bool = False
    _was_copied: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the thread's header was there; slices of a thread have none."""
        return self._id is not None

    def header(self, payload: Record, at: float, *, has_calls: bool) -> bool:
        """The thread's own header comes first; one of another thread heads copied history.

        True when it is the very same header again: the file follows once more, as an interrupted
        copy leaves it.
        """
        own = text_of(payload, "id")
        if self._id is not None:
            if own == self._id and at == self._begun_at:
                self.copied = self._was_copied
                return True
            if own == self._id:
                # Calls before keep the version that made them.
                self.owner = replace(self.owner, agent_version=text_of(payload, "cli_version"))
            elif not has_calls:
                self.copied = True
            return False
        self._id, self._begun_at = own or "", at
        self._created_at = seconds_of(payload.get("timestamp")) or at
        self.paginated = text_of(payload, "history_mode") == "paginated"
        self.copied = bool(text_of(payload, "forked_from_id")) and not payload.get("history_base")
        self._was_copied = self.copied
        self._first_own_ordinal = count_of(payload, "subagent_history_start_ordinal")
        self.helper = _helper(payload)
        self._take_owner(payload, own)
        return False

    def _take_owner(self, payload: Record, own: str | None) -> None:
        owner = self.owner
        parent = text_of(payload, "parent_thread_id") or text_of(
            payload, "source", "subagent", "thread_spawn", "parent_thread_id"
        )
        thread = own or owner.session_id
        self.thread_id = thread
        owner.session_id = text_of(payload, "session_id") or (parent if self.helper else None) or thread
        owner.agent_version = text_of(payload, "cli_version")
        owner.provider = provider_of(text_of(payload, "model_provider"))
        owner.project = text_of(payload, "cwd")
        if self.helper:
            owner.agent_id = thread
            side = {"side_call"} if self.helper == "memory_consolidation" else set()
            owner.flags = frozenset({"sidechain", *side})

    def judge(self, record: Record, at: float) -> bool:
        """Say whether the line is copied; true when it is the first one that is not.

        Copied history ends at the first own line: by its number, its turn, or the time it was written.
        """
        self._begun_at = at if self._begun_at is None else self._begun_at
        before = self.copied
        if self._first_own_ordinal is not None:
            ordinal = count_of(record, "ordinal")
            self.copied = ordinal is not None and ordinal < self._first_own_ordinal
        elif self.copied:
            self.copied = self._is_older(text_of(dict_of(record, "payload"), "turn_id"), at)
        return before and not self.copied

    def _is_older(self, turn_id: str | None, at: float) -> bool:
        begun = uuid_seconds(turn_id)
        if begun is not None and self._created_at is not None:
            self._turn_ids_seen = True
            return begun < self._created_at - _HEADER_S
        return self._turn_ids_seen or self._begun_at is None or at < self._begun_at + COPY_S


def _helper(meta: Record) -> str | None:
    source: Any = meta.get("source")
    inside = source.get("subagent") if isinstance(source, dict) else None
    if isinstance(inside, str):
        return inside
    return "thread" if inside or text_of(meta, "thread_source") == "subagent" else None
