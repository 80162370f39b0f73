"""What OpenCode stores of a session, whatever store it lies in: sessions, messages and their parts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field
from typing import Any, Final

import orjson

from latprof.classes import dataclass
from latprof.formats.records import Record, dict_of, seconds_of, text_of

__all__ = ["Message", "Part", "Session", "id_at", "in_order", "version_of", "without_copies"]

_ID: Final = re.compile(r"^[a-z]+_([0-9a-f]{12})[0-9A-Za-z]*$")
# An id holds the low 36 bits of its milliseconds: it starts anew every 795 days.
_WRAP_MS: Final = 1 << 36
_NEAR_S: Final = 86400.0
# A fork or an import gives old messages new ids; the times inside stay.
_COPIED_S: Final = 5.0
_VERSION: Final = re.compile(r"^v?(\d+)\.(\d+)\.(\d+)")


def id_at(identity: str, near: float | None) -> float | None:
    """When an id was made, epoch seconds; `near` is a time at most a day away."""
    match = _ID.match(identity)
    if match is None or near is None:
        return None
    low = int(match[1], 16) >> 12
    base = round(near * 1000)
    turns = round((base - low) / _WRAP_MS)
    at = (turns * _WRAP_MS + low) / 1000
    return at if abs(at - near) < _NEAR_S else None


def version_of(text: str | None) -> tuple[int, ...] | None:
    """A release as numbers; None for development builds, which count as unknown."""
    match = _VERSION.match(text or "")
    found = tuple(int(number) for number in match.groups()) if match else (0, 0, 0)
    return found if any(found) else None


@dataclass(slots=True)
class Session:
    """What holds for all messages of a session; a session with a parent is a sub-agent's."""

    id: str
    parent_id: str | None = None
    version: str | None = None
    directory: str | None = None
    root_id: str = ""


@dataclass(slots=True)
class Part:
    """A piece of a message: a block of output, or a mark between steps."""

    id: str
    data: Record
    row_at: float | None = None

    @property
    def type(self) -> str:
        """Its kind; empty when it has none."""
        return text_of(self.data, "type") or ""

    def time(self, *keys: str) -> float | None:
        """A stamp in milliseconds at a path of keys."""
        *path, last = keys
        return seconds_of(dict_of(self.data, *path).get(last), unit=0.001)

    def at(self, message: Message) -> float | None:
        """When the part was begun: its id's time, or its row's; None in a copy, whose ids and rows are newer."""
        if message.copied:
            return None
        by_id = id_at(self.id, message.created_at)
        return by_id if by_id is not None else self.row_at


@dataclass(slots=True)
class Message:
    """A prompt or an answer with its parts."""

    id: str
    session_id: str
    data: Record
    parts: list[Part] = field(default_factory=list)

    @property
    def role(self) -> str:
        """The word user or assistant."""
        return text_of(self.data, "role") or ""

    @property
    def created_at(self) -> float | None:
        """When the message was made; for an answer just before its request."""
        return seconds_of(dict_of(self.data, "time").get("created"), unit=0.001)

    @property
    def completed_at(self) -> float | None:
        """When all was done, tools included."""
        return seconds_of(dict_of(self.data, "time").get("completed"), unit=0.001)

    @property
    def copied(self) -> bool:
        """Whether the id is younger than the message: a fork's or an import's copy."""
        made = id_at(self.id, self.created_at)
        if self.created_at is None or _ID.match(self.id) is None:
            return False
        return made is None or abs(made - self.created_at) > _COPIED_S

    @property
    def likeness(self) -> bytes | None:
        """What a fork's copy has in common with its original; None where that says too little."""
        if self.role != "assistant" or self.completed_at is None:
            return None
        keys: list[Any] = [text_of(self.data, "modelID"), self.data.get("time"), self.data.get("tokens")]
        try:
            return orjson.dumps(keys, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:
            return None


def in_order(messages: Iterable[Message]) -> list[Message]:
    """Messages by time, parts by id, and so by time too."""
    ordered = sorted(messages, key=lambda message: (message.created_at or 0.0, message.id))
    for message in ordered:
        message.parts.sort(key=lambda part: part.id)
    return ordered


def without_copies(messages: Iterable[Message]) -> list[Message]:
    """Leave out the copies, made by forks, of messages that are here too."""
    known = list(messages)
    originals = {message.likeness for message in known if not message.copied} - {None}
    return [message for message in known if not (message.copied and message.likeness in originals)]
