"""One call per request: copies of the same call from several files become one.

Copies come from resumed, forked and checkpointed sessions, from backups, and from progress
lines that embed a sub-agent's messages. The result does not depend on the order of the files.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from latprof.ingest.match import Record
from latprof.model import SENT_SOURCES, Call

__all__ = ["Merger", "merge"]


_FIELDS: Final = tuple(item.name for item in fields(Call))
_Key = tuple[str, str]


@dataclass(slots=True)
class Merger:
    """Takes calls one by one and keeps of each source the best copy of each.

    What other sources tell of the same call is no copy: see `join`.
    """

    copies: int = 0
    _best: dict[_Key, Call] = field(default_factory=dict)
    _sessions: dict[_Key, set[str]] = field(default_factory=dict)
    _ends: dict[str, float] = field(default_factory=dict)

    def add(self, call: Call, reader: str = "") -> None:
        """Take a call from any file; `reader` is the name of the format that told it."""
        end = call.last_output_at
        if end is not None:
            self._ends[call.session_id] = max(end, self._ends.get(call.session_id, end))
        key = (f"{reader}/{call.told_by}", call.call_id)
        known = self._best.get(key)
        if known is None:
            self._best[key] = call
            return
        self.copies += 1
        if known.session_id != call.session_id:
            self._sessions.setdefault(key, {known.session_id}).add(call.session_id)
        if _evidence(call) > _evidence(known):
            self._best[key] = call

    def records(self) -> list[Record]:
        """The merged calls. A call copied into a later session belongs to the session that ended first."""
        merged: list[Record] = []
        for key, call in self._best.items():
            sessions = self._sessions.get(key)
            if sessions:
                owner = min(sessions, key=lambda name: (self._ends.get(name, float("inf")), name))
                call = replace(call, session_id=owner)  # noqa: PLW2901
            merged.append(Record(key[0], call))
        return merged


def merge(calls: list[Call]) -> list[Call]:
    """Merge a list of calls of one source; see `Merger`."""
    merger = Merger()
    for call in calls:
        merger.add(call)
    return [call for _, call in merger.records()]


def _evidence(call: Call) -> tuple[Any, ...]:
    """How much a copy tells: its own file before an embed, then more blocks, then a later state.

    An interruption or a tool's result is written after the response, so the copy that has it was
    taken later and knows more. The last parts only make the choice independent of the order.
    """
    rank = {source: -position for position, source in enumerate(SENT_SOURCES)}
    first = call.first_block_at
    return (
        "embedded" not in call.flags,
        len(call.blocks),
        "interrupted" in call.flags,
        "timestamp_unreliable" in call.flags,
        sum(block.result_at is not None for block in call.blocks),
        call.output_tokens is not None,
        call.trigger != "unknown",
        rank.get(call.sent_source or "", -len(rank)),
        call.attempts or 0,
        call.first_output_at is not None,
        # An export knows its calls to the millisecond, and as a table no types of blocks.
        call.stated_id is None,
        -(first if first is not None else float("inf")),
        -(call.sent_at if call.sent_at is not None else float("inf")),
        sum(getattr(call, name) is not None for name in _FIELDS),
        repr(call),
    )
