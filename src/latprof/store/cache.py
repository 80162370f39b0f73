"""Bytes that can be made again, kept in one database that may be lost, damaged or full at any time.

Large values lie in files beside it. Every value has a checksum over itself and its name in the database, so that damage
that SQLite does not see is a miss.
No error ever leaves this module: after the first one the cache is closed, and a note says why.
"""

from __future__ import annotations

import functools
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import field
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple
from zlib import crc32

from latprof.classes import dataclass
from latprof.parallel import Aside, can_fork
from latprof.store import large
from latprof.store.places import make_folder

__all__ = ["CACHE_FILE", "FILE_BYTES", "MOST_BYTES", "Cache", "Contents", "clear", "remove"]

CACHE_FILE: Final = "cache.sqlite"
MOST_BYTES: Final = 512_000_000
# After this much room was made at once, the next runs do not have to make any.
_ROOM: Final = 0.9
_BUSY_S: Final = 1.0
# What was put is written when it has come to so much, so that it does not pile up in memory.
_WAITING_BYTES: Final = 8_000_000
# A use is noted when the last note is older, which keeps most runs from writing.
_USE_S: Final = 3600.0
# A larger value is read from the file's pages straight to its place, which takes half of the time, of 10 MB a fifth.
_LARGE_BYTES: Final = 30_000
# A value of so much is a file of its own: to look at 10 MB takes 2 ms, to read them from the database 11.
FILE_BYTES: Final = 500_000
_SEAL_BYTES: Final = 4
# Of a new database. Most bytes are in values of 10 kB and more, which take a sixth less time to write than in the
# usual pages of half the size.
_PAGE_BYTES: Final = 8192
_ENDINGS: Final = ("-wal", "-shm", "")
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# A damaged database can fail with a message that is no text, or hold values of other types.
_FAILURES: Final = (sqlite3.Error, OSError, ValueError, TypeError, SystemError, MemoryError)
_LAYOUT: Final = """
CREATE TABLE IF NOT EXISTS kept (
    name BLOB PRIMARY KEY, kind TEXT NOT NULL, used REAL NOT NULL, size INTEGER NOT NULL, value BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS kept_by_use ON kept (kind, used, size, name);
"""


class Contents(NamedTuple):
    """How many values of a kind there are, and how big they are together."""

    kind: str
    entries: int
    size_bytes: int


@dataclass(slots=True)
class Cache:
    """Values of some kinds by name, for any thread.

    What is put is written when it has come to 8 MB, and by `flush`; each time all of it or nothing. `version` is part
    of every name: another version never sees these values. `most_of` bounds the number of values of a kind,
    `most_bytes` the size of all; those that were not used for longest go first.
    """

    folder: Path
    version: bytes
    most_bytes: int = MOST_BYTES
    most_of: Mapping[str, int] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    note: str = ""
    hits: int = 0
    _connection: sqlite3.Connection | None = None
    _closed: bool = False
    _new: dict[bytes, tuple[str, bytes]] = field(default_factory=dict)
    _waiting_bytes: int = 0
    _used: set[bytes] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _aside: Aside | None = None

    @property
    def path(self) -> Path:
        """The file of the database."""
        return self.folder / CACHE_FILE

    def name(self, kind: str, *parts: bytes) -> bytes:
        """The name of what depends on these parts and nothing else."""
        state = blake2b(digest_size=20)
        for part in (self.version, kind.encode(), *parts):
            state.update(len(part).to_bytes(8, "little"))
            state.update(part)
        return state.digest()

    def get(self, name: bytes) -> bytes | None:
        """The value of that name."""
        return self.get_all([name]).get(name)

    def view(self, name: bytes) -> memoryview | None:
        """The value of that name where it lies, for those who need no copy of a large one."""
        with self._lock:
            found = self._get_all([name]).get(name)
        return None if found is None else memoryview(found)

    def get_all(self, names: Iterable[bytes]) -> dict[bytes, bytes]:
        """The values that there are."""
        with self._lock:
            found = self._get_all(list(names))
        return {name: value if isinstance(value, bytes) else bytes(value) for name, value in found.items()}

    def _get_all(self, asked: list[bytes]) -> dict[bytes, bytes | memoryview]:
        found: dict[bytes, bytes | memoryview] = {name: self._new[name][1] for name in asked if name in self._new}
        connection = self._open(create=False)
        if connection is None:
            return found
        now = self.clock()
        try:
            for name in asked:
                value, used = (None, 0.0) if name in found else _read(connection, name, self.folder)
                if value is not None:
                    found[name] = value
                    if abs(now - used) > _USE_S:
                        self._used.add(name)
        except _FAILURES as error:
            self._give_up(error)
        self.hits += len(found)
        return found

    def put(self, kind: str, name: bytes, value: bytes) -> None:
        """Take a value, to be written later."""
        if len(value) >= self.most_bytes // 4:
            return
        with self._lock:
            self._new[name] = kind, value
            self._waiting_bytes += len(value)
            if self._waiting_bytes >= _WAITING_BYTES:
                self._write()

    def flush(self) -> None:
        """Write what was put and used since the last time, and make room; while a copy writes, it waits."""
        with self._lock:
            if self._aside is None or not self._aside.is_at_work():
                self._write()

    def aside(self, work: Callable[[], None] | None = None) -> None:
        """Do some work that puts values, and write all that waits, in a copy of this process where one can be had.

        This one goes on meanwhile, and does not see these values before they are written.
        """
        with self._lock:
            self._wait()
            self.rest()
            if can_fork() and not self._closed:
                with suppress(OSError):  # too many processes, or too little memory
                    self._aside = Aside(partial(self._in_copy, work))
                    self._new, self._used, self._waiting_bytes = {}, set(), 0
                    return
        if work is not None:
            work()
        self.flush()

    def _in_copy(self, work: Callable[[], None] | None) -> bool:
        self._aside, self._lock = None, threading.Lock()
        if work is not None:
            work()
        self.close()
        return not self.note

    def _wait(self) -> None:
        """Until the copy has written: two at a time would wait for one another, and not for long."""
        if self._aside is not None and not self._aside.wait():
            self.note = self.note or f"the cache is not used: it could not be written in {self.folder}"
        self._aside = None

    def _write(self) -> None:
        if not self._new and not self._used:
            return
        self._wait()
        connection = self._open(create=bool(self._new))
        new, used, self._new, self._used, self._waiting_bytes = self._new, self._used, {}, set(), 0
        if connection is None:
            return
        now, in_files = self.clock(), self._in_files(new)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("UPDATE kept SET used = ? WHERE name = ?", [(now, name) for name in used])
            connection.executemany(
                "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)",
                (
                    (name, kind, now, len(value), _seal(name, value) + (b"" if name in in_files else value))
                    for name, (kind, value) in new.items()
                ),
            )
            gone = self._make_room(connection, {kind for kind, _ in new.values()})
            connection.execute("COMMIT")
            large.forget(self.folder, gone)
            if in_files:
                known = connection.execute("SELECT name FROM kept WHERE size >= ?", (FILE_BYTES,)).fetchall()
                large.sweep(self.folder, [name for (name,) in known if isinstance(name, bytes)])
        except _FAILURES as error:
            large.forget(self.folder, in_files)
            self._give_up(error)

    def _in_files(self, new: Mapping[bytes, tuple[str, bytes]]) -> set[bytes]:
        """Write large values to files; the names of those that could be."""
        found = set()
        for name, (_, value) in new.items():
            if len(value) >= FILE_BYTES:
                with suppress(OSError):  # the database has room for it, or says that there is none
                    large.write(self.folder, name, value)
                    found.add(name)
        return found

    def contents(self) -> list[Contents]:
        """What there is of each kind, of all versions."""
        connection = self._open(create=False)
        if connection is None:
            return []
        try:
            found = connection.execute(
                "SELECT kind, count(*), sum(size) FROM kept GROUP BY kind ORDER BY kind"
            ).fetchall()
        except _FAILURES as error:
            self._give_up(error)
            return []
        return [Contents(*row) for row in found]

    def rest(self) -> None:
        """Let go of the file until it is needed again: a forked process must not inherit it open."""
        if self._connection is not None:
            with suppress(*_FAILURES):
                self._connection.close()
        self._connection = None

    def close(self) -> None:
        """Write what is left and let go of the file."""
        with self._lock:
            self._wait()
            self._write()
        self.rest()
        self._closed = True

    def __del__(self) -> None:
        """Who forgets to close it loses what was not written, and keeps nothing open."""
        self.rest()

    def _make_room(self, connection: sqlite3.Connection, kinds: Iterable[str]) -> list[bytes]:
        """Delete what is too much; the names of those that have files."""
        gone: list[tuple[bytes, int]] = []
        for kind in kinds:
            if kind in self.most_of:
                gone += connection.execute(
                    "SELECT name, size FROM kept WHERE kind = ? ORDER BY used DESC, rowid DESC LIMIT -1 OFFSET ?",
                    (kind, self.most_of[kind]),
                )
        total = connection.execute("SELECT coalesce(sum(size), 0) FROM kept").fetchone()[0]
        total -= sum(size for _, size in gone)
        if total > self.most_bytes:
            known = set(gone)
            for item in connection.execute("SELECT name, size FROM kept ORDER BY used, rowid").fetchall():
                if total <= self.most_bytes * _ROOM:
                    break
                if item not in known:
                    gone.append(item)
                    total -= item[1]
        connection.executemany("DELETE FROM kept WHERE name = ?", [(name,) for name, _ in gone])
        return [name for name, size in gone if size >= FILE_BYTES and isinstance(name, bytes)]

    def _open(self, *, create: bool) -> sqlite3.Connection | None:
        if self._connection is not None or self._closed:
            return self._connection
        try:
            if not self.path.exists():
                if not create:
                    return None
                make_folder(self.folder)
                # Made by us, so that nobody else may read it, whatever the usual mode of new files is.
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            # Off the usual transactions of the module: begun and ended by hand.
            connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            self._connection = connection
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.executescript(_LAYOUT)
        except _FAILURES as error:
            self._give_up(error)
        return self._connection

    def _give_up(self, error: Exception) -> None:
        """No cache from here on; a damaged one is removed for the sake of the next run."""
        self.note = f"the cache is not used: {type(error).__name__}: {error}"
        code = getattr(error, "sqlite_errorcode", None) or 0
        self.rest()
        self._closed = True
        if code & 0xFF in _DAMAGE or isinstance(error, (TypeError, ValueError)):
            remove(self.folder)


def remove(folder: Path) -> int:
    """Delete the cache; the bytes that it took. Raises nothing: what cannot be deleted stays."""
    return clear(folder).size_bytes


def clear(folder: Path) -> large.Removal:
    """The same, with what was removed and why something was not."""
    removal = large.Removal()
    large.remove(folder, removal)
    for ending in _ENDINGS:
        removal.take(folder / (CACHE_FILE + ending))
    return removal


def _read(connection: sqlite3.Connection, name: bytes, folder: Path) -> tuple[bytes | memoryview | None, float]:
    """The value of that name and when it was used last; None where there is none, or a damaged one."""
    if_small = "length(value) > ?, CASE WHEN length(value) <= ? THEN value END"
    connection.execute("BEGIN")  # another process may write meanwhile
    asked = f"SELECT used, rowid, size, {if_small} FROM kept WHERE name = ?"  # noqa: S608 - a text of ours
    row = connection.execute(asked, (_LARGE_BYTES, _LARGE_BYTES, name)).fetchone()
    found: bytes | memoryview | None = None
    used = 0.0
    if row is not None:
        used, rowid, size, is_large, sealed = row
        if size >= FILE_BYTES and not is_large:
            found = _of_file(folder, name, size, sealed)
        else:
            found = _read_large(connection, name, rowid) if is_large else _checked(name, sealed)
    connection.execute("COMMIT")
    return found, used


def _of_file(folder: Path, name: bytes, size: int, seal: Any) -> memoryview | None:
    value = large.view(folder, name, size)
    return value if value is not None and _seal(name, value) == seal else None


def _read_large(connection: sqlite3.Connection, name: bytes, rowid: int) -> bytes | None:
    with connection.blobopen("kept", "value", rowid, readonly=True) as blob:
        seal, value = blob.read(_SEAL_BYTES), blob.read()
    return value if _seal(name, value) == seal else None


def _checked(name: bytes, sealed: Any) -> bytes | None:
    if not isinstance(sealed, bytes) or len(sealed) < _SEAL_BYTES:
        return None
    value = sealed[_SEAL_BYTES:]
    return value if _seal(name, value) == sealed[:_SEAL_BYTES] else None


def _seal(name: bytes, value: bytes | memoryview) -> bytes:
    return _checksum(value, crc32(name)).to_bytes(_SEAL_BYTES, "little")


def _checksum(value: bytes | memoryview, before: int) -> int:
    """CRC-32; that of a large value from compiled code where there is any."""
    return (_for_large() if len(value) > _LARGE_BYTES else crc32)(value, before)


@functools.cache
def _for_large() -> Callable[[bytes | memoryview, int], int]:
    try:
        from latprof.store import _native_crc
    except ImportError:  # not compiled on this machine
        return crc32
    return _native_crc.crc32
