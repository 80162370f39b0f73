"""One call per request: copies of the same call from several files become one.

Copies come from resumed, forked and checkpointed sessions, from backups, and from progress
lines that embed a sub-agent's messages. The result does not depend on the order of the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, fields, replace
from typing import Any, Final, NamedTuple

from latprof.classes import dataclass
from latprof.ingest.match import Record
from latprof.model import SENT_SOURCES, Call

__all__ = ["Merger", "Owner", "merge"]


_FIELDS: Final = tuple(item.name for item in fields(Call))
# Who owns a call is decided apart, and an id that is stated is the same as one that is made.
_TOLD: Final = tuple(name for name in _FIELDS if name not in {"session_id", "host", "engineer", "stated_id"})
_NEVER: Final = float("inf")
_Key = tuple[str, str]


class Owner(NamedTuple):
    """Where a copy was found."""

    session_id: str
    engineer: str | None
    host: str | None


@dataclass(slots=True)
class Merger:
    """Takes calls one by one and keeps of each source the best copy of each.

    What other sources tell of the same call is no copy: see `join`. `ends` are the last outputs of sessions and
    owners, in whole ms, as far as they are known before.
    """

    ends: dict[str | Owner, int] = field(default_factory=dict)
    copies: int = 0
    _best: dict[_Key, Call] = field(default_factory=dict)
    _owners: dict[_Key, set[Owner]] = field(default_factory=dict)
    _stated: bool = False

    def add(self, call: Call, reader: str = "") -> bool:
        """Take a call from any file; `reader` is the name of the format that told it. False for a copy."""
        owner = Owner(call.session_id, call.engineer, call.host)
        if call.last_output_at is not None:
            self._note_end(owner, round(call.last_output_at * 1000))
        self._stated |= call.stated_id is not None
        key = (f"{reader}/{call.told_by}", call.call_id)
        known = self._best.get(key)
        if known is None:
            self._best[key] = call
            return True
        self.copies += 1
        first = Owner(known.session_id, known.engineer, known.host)
        if first != owner:
            self._owners.setdefault(key, {first}).add(owner)
        if _is_better(call, known):
            self._best[key] = call
        return False

    def _note_end(self, owner: Owner, end: int) -> None:
        """Whole milliseconds: an export holds no more."""
        for name in (owner, owner.session_id):
            self.ends[name] = max(end, self.ends.get(name, end))

    def records(self) -> list[Record]:
        """The merged calls. A call copied into a later session belongs to the session that ended first."""
        return [
            Record(source, call if owner is None else replace(call, **owner._asdict()))
            for source, call, owner in self.settled()
        ]

    def settled(self) -> Iterator[tuple[str, Call, Owner | None]]:
        """Source, best copy and owner of each call in the order of their first copies; None for the copy's own."""
        if self._stated:
            self._share_owners()
        for key, call in self._best.items():
            owners = self._owners.get(key)
            yield key[0], call, None if owners is None else self.owner(owners)

    def _share_owners(self) -> None:
        """A call has one owner, also where one copy is in a log and another in an export, or in two kinds of them."""
        keys: dict[str, list[_Key]] = {}
        for key in self._best:
            keys.setdefault(key[1], []).append(key)
        for alike in keys.values():
            if len(alike) > 1 and any(self._best[key].stated_id is not None for key in alike):
                every: set[Owner] = set()
                for key in alike:
                    call = self._best[key]
                    every |= self._owners.get(key, {Owner(call.session_id, call.engineer, call.host)})
                self._owners |= dict.fromkeys(alike, every)

    def owner(self, owners: set[Owner]) -> Owner:
        """The session that ended first, and the tags of those who had that session first."""

        def order(owner: Owner) -> tuple[float, str, float, str, str]:
            name, engineer, host = owner
            return self.ends.get(name, _NEVER), name, self.ends.get(owner, _NEVER), engineer or "", host or ""

        found = sorted(owners, key=order)
        engineer = next((owner.engineer for owner in found if owner.engineer is not None), None)
        host = next((owner.host for owner in found if owner.host is not None), None)
        return Owner(found[0].session_id, engineer, host)


def merge(calls: list[Call]) -> list[Call]:
    """Merge a list of calls of one source; see `Merger`."""
    merger = Merger()
    for call in calls:
        merger.add(call)
    return [call for _, call in merger.records()]


def _is_better(call: Call, known: Call) -> bool:
    one, two = _evidence(call), _evidence(known)
    return _written(call) > _written(known) if one == two else one > two


def _written(call: Call) -> str:
    """All that is told, for copies that tell as much: only makes the choice independent of the order."""
    return repr([getattr(call, name) for name in _TOLD])


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
    )
