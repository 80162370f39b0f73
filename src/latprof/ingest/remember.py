"""What the history gives to the files that are read, and what it learns from them.

Only files in the agents' own places have a history. A log that is gone gives the calls that it had when it was read
last. A log that was cut or written anew keeps the calls that it has no more. A call that is in several places is
one call by the rules for copies.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace
from functools import cached_property
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.errors import NothingReadable
from latprof.formats import Format
from latprof.ingest.chunk import Chunk
from latprof.ingest.find import Found, find
from latprof.ingest.gather import tagged
from latprof.ingest.lost import dated_at, lost_calls, span_of
from latprof.ingest.own import Asked, Own
from latprof.ingest.tags import TagRules, Tags
from latprof.store.history import Change, Entry, History, HistoryError, Parts
from latprof.store.looks import Identity, Look, identity_of
from latprof.store.version import code_version
from latprof.trace import Columns
from latprof.trace.stored import Place, Store

__all__ = ["Memory", "Recalled", "Remembered", "find_or_recall", "home_of", "path_of"]

_EDGE_BYTES: Final = 4096
# So much of what was learned waits in memory, the rest on disk.
_HELD_BYTES: Final = 8_000_000
_STAMP: Final = "{0[1]}:{0[2]}:{0[3]}"


@dataclass(frozen=True, slots=True)
class Recalled:
    """Calls that come from the history; `gone` where their log is not there, else it has lost them."""

    path: str
    columns: Columns
    tags: Tags
    gone: bool


@dataclass(frozen=True, slots=True)
class Remembered:
    """Calls that are in no log any more: the checksums of their ids, and the number of the log of each.

    `gone` says of each log whether it is deleted, else it was cut. `trouble` says why the history could not be used; it
    `matters` where calls may be missing.
    """

    keys: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, dtype=np.uint32))
    logs: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    gone: tuple[bool, ...] = ()
    trouble: str | None = None
    matters: bool = False

    @classmethod
    def of(cls, recalled: Sequence[Recalled], present: NDArray[np.uint32]) -> Remembered:
        """Those of the recalled calls that no present log has."""
        if not recalled:
            return cls()
        keys = np.concatenate([item.columns.keys for item in recalled])
        logs = np.repeat(np.arange(len(recalled)), [len(item.columns) for item in recalled])
        keys, first = np.unique(keys, return_index=True)
        new = ~_are_among(keys, np.sort(present))
        return cls(keys[new], logs[first][new], tuple(item.gone for item in recalled))

    def among(self, keys: NDArray[np.uint32]) -> tuple[NDArray[np.bool_], int, int]:
        """Which of these calls are from the history, of how many deleted logs and of how many that were cut."""
        if not len(self.keys):
            return np.zeros(len(keys), dtype=np.bool_), 0, 0
        found, place = _are_among(keys, self.keys), np.searchsorted(self.keys, keys)
        gone = [self.gone[log] for log in set(self.logs[place[found]].tolist())]
        return found, sum(gone), len(gone) - sum(gone)


def _are_among(keys: NDArray[np.uint32], known: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which keys are among known ones, which are in order: `np.isin` loads modules that take longer."""
    if not len(known):
        return np.zeros(len(keys), dtype=np.bool_)
    found: NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys
    return found


class _OwnFolder(NamedTuple):
    """A folder without links, what paths in it and their keys begin with, and whether all in it is the agents' own."""

    path: str
    start: str
    key: str
    is_whole: bool


class Memory:
    """The history beside one reading. What goes wrong with it is `trouble`, never an error."""

    def __init__(self, history: History, known: Sequence[Format], paths: Sequence[str]) -> None:
        self.trouble: str | None = None
        self._history = history
        self._before = self._state()
        self._own, self._asked = Own(known), Asked(paths)
        self._shapes = {item.name: item.shape for item in known}
        self._home = home_of(history)
        self._entries: dict[str, Entry] = {}
        self._floor: float | None = None
        self._files: dict[int, tuple[str, str, Identity]] = {}
        self._tags: dict[str, Tags] = {}
        self._held = Store(_HELD_BYTES)
        self._news: dict[str, tuple[Place, Entry, bool]] = {}
        self._new: list[tuple[Place, Entry]] = []
        self._whole: set[str] = set()
        self._changes: list[Change] = []
        self._is_stale = self._may_pass = False
        try:
            self._entries, self._floor = history.entries(), history.floor()
        except HistoryError as error:
            self._fail(error)

    def _fail(self, error: HistoryError) -> None:
        self.trouble = self.trouble or str(error)
        self._may_pass |= not error.lasting

    @cached_property
    def _version(self) -> str:
        return code_version().hex()

    def _state(self) -> Look:
        try:
            return Look(str(self._history.path), identity_of(self._history.path.stat()))
        except OSError:
            return Look(str(self._history.path), None)

    def has_any(self) -> bool:
        """Whether there is anything to recall."""
        return bool(self._entries)

    def look(self, found: Found) -> Callable[[int, int], bool]:
        """Take in which files there are, before any is read; what says which of them are wanted."""
        real: dict[str, _OwnFolder | None] = {}
        for place, (text, status) in enumerate(zip(found.paths, found.states, strict=True)):
            # Thousands of files in few folders: to split each path costs more than all else.
            start = text[: text.rfind(os.sep) + 1] if os.altsep is None else os.path.split(text)[0]
            if start not in real:
                real[start] = self._own_folder(found, os.path.split(text)[0])
            if status is None or (folder := real[start]) is None:
                continue
            name = text[len(start) :] if os.altsep is None else os.path.split(text)[1]
            if not (folder.is_whole or self._own.holds(folder.path, name)):
                continue
            path = folder.start + name
            key = folder.key + name if name.isascii() else _key(path, self._home)
            self._files[place] = (key, path, status)
            self._tags[key] = found.tags[place]
        return self.wants

    def _own_folder(self, found: Found, folder: str) -> _OwnFolder | None:
        """The folder without links; None where it holds nothing of the agents' own."""
        known = found.real.get(folder) if os.pardir not in folder else None
        real = known or os.path.realpath(os.path.abspath(folder))  # noqa: PTH100
        if not self._own.holds_any(real):
            return None
        start = os.path.join(real, "")  # noqa: PTH118
        return _OwnFolder(real, start, _key(start, self._home), self._own.holds_all(real))

    def wants(self, place: int, calls: int) -> bool:
        """Whether the chunk of this file is to be noted, although it is known without being read."""
        if place not in self._files or (self.trouble and not self._entries):
            return False
        key, _, status = self._files[place]
        entry = self._entries.get(key)
        if entry is None:
            return calls > 0
        return entry.stamp != _STAMP.format(status) or (self._floor is None and entry.calls != calls)

    def note(self, place: int, chunk: Chunk) -> None:
        """Learn what a file gave, before its columns are changed."""
        if place not in self._files:
            return
        key, path, status = self._files[place]
        entry = self._entries.get(key)
        if chunk.state == "closed":
            self._whole.add(key)
        elif entry is not None or len(chunk.columns):
            self._learn(key, path, status, entry, Chunk(key, "log", self._kept(chunk.columns), [], chunk.reader))

    def _kept(self, columns: Columns) -> Columns:
        """Without what was pruned."""
        if self._floor is None:
            return columns
        old = dated_at(columns) < self._floor
        return columns.take(np.flatnonzero(~old)) if old.any() else columns

    def _learn(self, key: str, path: str, status: Identity, entry: Entry | None, chunk: Chunk) -> None:
        data = chunk.to_bytes()
        digest = blake2b(data, digest_size=16).digest()
        stamp, size = _STAMP.format(status), status[2]
        first, last = span_of(chunk.columns)
        if entry is None and not len(chunk.columns):
            return
        if entry is not None and entry.digest == digest:
            if entry.stamp != stamp:
                same = replace(entry, stamp=stamp, size_bytes=size, edge=_edge(path, size))
                self._changes.append(Change(same, None, entry.turn))
            return
        news = Entry(
            key, stamp, size, _edge(path, size), digest, self._version, 0, len(chunk.columns), 0, first, last
        )  # fmt: skip
        place = self._held.put(np.frombuffer(data, dtype=np.uint8))
        self._news[key] = place, news, entry is None or self._only_grew(path, entry, chunk, size)

    def _only_grew(self, path: str, entry: Entry, chunk: Chunk, size: int) -> bool:
        """Whether all that the log held is still in it, so that its new chunk takes the old one's place.

        Another version of latprof may tell the same log's calls otherwise: its word counts, unless the log was cut.
        Fewer calls from a log whose bytes are the same: another file that belongs to it is gone.
        """
        if size < entry.size_bytes or self._shapes.get(chunk.reader) == "database":
            return False
        if entry.version != self._version:
            return True
        return len(chunk.columns) >= entry.calls and _edge(path, entry.size_bytes) == entry.edge

    def recall(self) -> list[Recalled]:
        """The calls that the files do not tell any more, in the order of their paths; settles what is learned."""
        there = {key: path for key, path, _ in self._files.values()}
        gone = self._gone(there)
        lost = {key for key in there if key in self._entries and self._entries[key].lost_calls}
        changed = (self._news.keys() | self._whole) & self._entries.keys()
        found = list(self._recalled(sorted(gone | lost | changed), gone, there))
        # Of a log whose earlier state could not be had, what it lost is not known: it is left as it was.
        self._new = [(place, entry) for key, (place, entry, _) in self._news.items() if key not in self._entries]
        return found

    def _gone(self, there: dict[str, str]) -> set[str]:
        """The logs that were asked for and are not there; their tags are noted."""
        for key in self._entries.keys() - there.keys():
            path = path_of(key, self._home)
            asked = self._asked.tags(path)
            if asked is not None and self._own.holds(*os.path.split(path)):
                self._tags[key] = asked
        return self._tags.keys() - there.keys()

    def _recalled(self, wanted: list[str], gone: set[str], there: dict[str, str]) -> Iterator[Recalled]:
        try:
            for key, parts in self._history.parts(wanted):
                if key in gone or key in self._whole:
                    columns = self._columns(parts.chunk, parts.lost)
                elif key in self._news:
                    columns = self._settle(key, parts)
                else:
                    columns = self._columns(parts.lost)
                if len(columns):
                    path = there.get(key) or path_of(key, self._home)
                    yield Recalled(path, columns, self._tags[key], key in gone)
        except HistoryError as error:
            self._fail(error)

    def _settle(self, key: str, parts: Parts) -> Columns:
        """The calls that the new state of a log has lost, which are kept with it."""
        place, news, grew = self._news.pop(key)
        data = place.load().tobytes()
        before = self._entries[key]
        old = self._columns(parts.lost) if grew else self._columns(parts.chunk, parts.lost)
        lost = lost_calls(old, Chunk.from_bytes(data).columns, same_reader=before.version == self._version)
        spans = [span for span in (span_of(lost), (news.first_at, news.last_at)) if span[0] is not None]
        entry = replace(
            news,
            lost_calls=len(lost),
            first_at=min((first for first, _ in spans if first is not None), default=None),
            last_at=max((last for _, last in spans if last is not None), default=None),
        )
        kept = Chunk(key, "log", lost).to_bytes() if len(lost) else None
        self._changes.append(Change(entry, Parts(data, kept), before.turn))
        return lost

    def _columns(self, *parts: bytes | None) -> Columns:
        """The calls of some parts without what was pruned; a damaged part is told of."""
        columns: list[Columns] = []
        for data in parts:
            if data is None:
                continue
            try:
                columns.append(self._kept(Chunk.from_bytes(data).columns))
            except (ValueError, KeyError):
                self.trouble = self.trouble or "is damaged in part"
        return Columns.concat(columns)

    def added(self, columns: Columns, rules: TagRules) -> tuple[Columns, Remembered]:
        """The calls of the files with those that only the history has; what is new is kept."""
        recalled = self.recall()
        is_blind = self.trouble is not None
        self._save()
        found = Remembered.of(recalled, columns.keys)
        remembered = replace(found, trouble=self.trouble, matters=is_blind)
        for item in recalled:
            tagged(item.columns, rules, rules.of_file(item.path, item.tags))
        if recalled:
            columns = Columns.concat([columns, *(item.columns for item in recalled)])
            columns.sort_pool()
        return columns, remembered

    def with_look(self, looks: tuple[Look, ...] | None) -> tuple[Look, ...] | None:
        """What a result rests on, with the history; None where it must not be kept."""
        return None if looks is None or self._is_stale or self._may_pass else (*looks, self._state())

    def _save(self) -> None:
        """Keep what was learned; nothing is written where nothing is new."""
        self._is_stale = self._state() != self._before  # another process wrote what was not seen here
        if not (self._changes or self._new) or (self.trouble and not self._entries and self._history.exists()):
            return
        try:
            new = (Change(entry, Parts(place.load().tobytes())) for place, entry in self._new)
            self._history.write(chain(self._changes, new))
        except HistoryError as error:
            self._fail(error)


def find_or_recall(paths: Sequence[str], known: Sequence[Format], memory: Memory | None) -> Found:
    """The files; none where all are gone and the history knows some. Raises as `find` does."""
    try:
        return find(paths, known)
    except NothingReadable:
        if memory is None or not memory.has_any():
            raise
        return Found()


def home_of(history: History) -> str | None:
    """The home folder that paths count from, so that it may move together with a history that lies below it.

    A history elsewhere may be that of several homes, whose logs must not be taken for one another's: None.
    """
    try:
        home = os.path.realpath(Path.home()).rstrip(os.sep)
    except (OSError, RuntimeError):
        return None
    return home if os.path.realpath(history.path).startswith(home + os.sep) else None


def _key(path: str, home: str | None) -> str:
    """The path as it is kept: from the home folder on where it lies there."""
    if home is not None and path.startswith(home + os.sep):
        path = "~" + path[len(home) :]
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace(os.sep, "/")


def path_of(key: str, home: str | None) -> str:
    """The path of a key."""
    path = key.replace("/", os.sep)
    return home + path[1:] if home is not None and path.startswith("~" + os.sep) else path


def _edge(path: str, size: int) -> bytes:
    """A digest of the first and the last of so many bytes of a file; what only grew keeps it."""
    state = blake2b(digest_size=16)
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - a text already
            state.update(stream.read(min(_EDGE_BYTES, size)))
            stream.seek(max(0, size - _EDGE_BYTES))
            state.update(stream.read(min(_EDGE_BYTES, size)))
    except OSError:
        return b""
    return state.digest()
