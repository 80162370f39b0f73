"""The calls of logs as they were last seen, kept because agents delete their logs.

One SQLite file, `history.sqlite` in the data folder, with a row per log and what the log gave as opaque bytes.
A rollback journal, not a write-ahead log: the folder may lie on a network drive that several computers share.
Every method opens and closes the file, so that nothing is open while other processes are started.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from latprof.classes import dataclass
from latprof.store.places import make_folder

__all__ = ["EMPTY", "HISTORY_FILE", "Change", "Entry", "History", "HistoryError", "Parts"]

HISTORY_FILE: Final = "history.sqlite"
# What is wrong with a history without a byte: nothing in it can be hurt any more, so a new one may begin there.
EMPTY: Final = "is empty, whatever it held is lost"
_CLOSED: Final = "cannot be opened (permissions?)"
_APPLICATION: Final = 0x6C617470  # "latp"
_SCHEMA: Final = 1
_BUSY_S: Final = 10.0
_KEYS_AT_A_TIME: Final = 400
_TABLES: Final = """
CREATE TABLE log (
    key TEXT PRIMARY KEY, stamp TEXT NOT NULL, size_bytes INTEGER NOT NULL, edge BLOB NOT NULL, digest BLOB NOT NULL,
    version TEXT NOT NULL, turn INTEGER NOT NULL, calls INTEGER NOT NULL, lost_calls INTEGER NOT NULL,
    first_at REAL, last_at REAL
) WITHOUT ROWID;
CREATE TABLE part (
    key TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('chunk', 'lost')), data BLOB NOT NULL,
    PRIMARY KEY (key, kind)
);
CREATE TABLE floor (at REAL NOT NULL);
"""
_COLUMNS: Final = "key, stamp, size_bytes, edge, digest, version, turn, calls, lost_calls, first_at, last_at"


class HistoryError(Exception):
    """The history cannot be used; the text says why, in words that end a sentence.

    `lasting` where the next try would fare no better.
    """

    def __init__(self, text: str, *, lasting: bool = True) -> None:
        super().__init__(text)
        self.lasting = lasting


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one log.

    `key` is its path. `stamp` tells whether it changed since, `edge` (a digest of some of its first `size_bytes`)
    whether it only grew. `digest` is that of the chunk, `version` the latprof that read it, `turn` counts the
    changes of the entry. `calls` are in the chunk, `lost_calls` were in the log once and are no more. `first_at`
    and `last_at` (epoch s) are of the calls that have a date.
    """

    key: str
    stamp: str
    size_bytes: int
    edge: bytes
    digest: bytes
    version: str
    turn: int
    calls: int
    lost_calls: int
    first_at: float | None
    last_at: float | None


@dataclass(frozen=True, slots=True)
class Parts:
    """The bytes of a log's chunk and of its lost calls; None where there are none, empty where they are damaged."""

    chunk: bytes | None = None
    lost: bytes | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A new state of an entry, made from the one of turn `since`; parts of None: only what is known changes."""

    entry: Entry
    parts: Parts | None
    since: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """The history in a file, which need not be there."""

    path: Path

    def exists(self) -> bool:
        """Whether there is a file with anything in it."""
        try:
            return self.path.stat().st_size > 0
        except OSError:
            return False

    def _is_there(self) -> bool:
        """Whether there is a file. Raises HistoryError for one that cannot be looked at, and for an empty one."""
        try:
            size = self.path.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return False
        except PermissionError:
            raise HistoryError(_CLOSED) from None
        except OSError as error:
            raise HistoryError(f"cannot be opened ({error.strerror or type(error).__name__})") from None
        if not size:
            raise HistoryError(EMPTY)
        return True

    def entries(self) -> dict[str, Entry]:
        """All entries by their key; none where there is no file. Raises HistoryError."""
        if not self._is_there():
            return {}
        with _opened(self.path) as database:
            rows = database.execute(f"SELECT {_COLUMNS} FROM log ORDER BY key").fetchall()  # noqa: S608
        return {row[0]: Entry(*row) for row in rows}

    def parts(self, keys: Sequence[str]) -> Iterator[tuple[str, Parts]]:
        """The parts of each of these entries. Raises HistoryError."""
        for start in range(0, len(keys), _KEYS_AT_A_TIME):
            some = keys[start : start + _KEYS_AT_A_TIME]
            marks = ",".join("?" * len(some))
            with _opened(self.path) as database:
                query = f"SELECT key, kind, data FROM part WHERE key IN ({marks}) ORDER BY key"  # noqa: S608 - marks
                rows = database.execute(query, some).fetchall()
            found: dict[str, dict[str, bytes]] = {}
            for key, kind, data in rows:
                found.setdefault(key, {})[kind] = _unpacked(data)
            for key in some:
                kinds = found.get(key, {})
                yield key, Parts(kinds.get("chunk"), kinds.get("lost"))

    def floor(self) -> float | None:
        """Calls before this moment (epoch s) were pruned, and are not to be kept again. Raises HistoryError."""
        if not self._is_there():
            return None
        with _opened(self.path) as database:
            found = database.execute("SELECT max(at) FROM floor").fetchone()[0]
        return None if found is None else float(found)

    def write(self, changes: Iterable[Change], *, floor: float | None = None, gone: Sequence[str] = ()) -> None:
        """Take in the changes, drop the entries of `gone`, and raise the floor, all or nothing.

        A change that was made from a state which another process replaced meanwhile is left out, unless its log is
        larger than what is kept. Raises HistoryError.
        """
        self._create()
        with _opened(self.path) as database:
            database.execute("BEGIN IMMEDIATE")
            for change in changes:
                _apply(database, change)
            for key in gone:
                database.execute("DELETE FROM log WHERE key = ?", (key,))
                database.execute("DELETE FROM part WHERE key = ?", (key,))
            if floor is not None:
                database.execute("INSERT INTO floor VALUES (?)", (floor,))
            database.execute("COMMIT")

    def compact(self) -> None:
        """Give back the room of what was dropped, which is overwritten first. Raises HistoryError."""
        with _opened(self.path) as database:
            database.execute("VACUUM")

    def _create(self) -> None:
        """Make the folder and the file, for the user's eyes only.

        Whoever looks meanwhile finds no file or a whole one: an empty one would be taken for one that was emptied.
        """
        try:
            make_folder(self.path.parent)
            if not self.path.exists():
                self._begin()
            # Where no second name can be given, it is begun in its place.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            is_full = error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
            text = f"cannot be written ({error.strerror or type(error).__name__})"
            raise HistoryError(text, lasting=not is_full) from None
        _fill(self.path)

    def _begin(self) -> None:
        """Make a history under another name, and give it this one unless another run was faster.

        Not every system can give a file a second name. Raises OSError and HistoryError.
        """
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            _fill(draft)
            with suppress(OSError):
                os.link(draft, self.path)
        finally:
            with suppress(OSError):
                draft.unlink()


def _fill(path: Path) -> None:
    """Make the tables where there are none."""
    with _opened(path, new=True) as database:
        # Two runs may be here at once: the second waits, and finds the tables made.
        if _schema(database) == 0:
            database.execute("BEGIN IMMEDIATE")
            if _schema(database) == 0:
                for statement in _TABLES.split(";"):
                    database.execute(statement)
                database.execute(f"PRAGMA application_id = {_APPLICATION}")
                database.execute(f"PRAGMA user_version = {_SCHEMA}")
            database.execute("COMMIT")


@contextmanager
def _opened(path: Path, *, new: bool = False) -> Iterator[sqlite3.Connection]:
    """The database, without transactions of Python's own making. Raises HistoryError for whatever fails."""
    try:
        uri = f"{path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)) as database:
            database.execute("PRAGMA secure_delete = ON")
            _check(database, new=new)
            yield database
    except sqlite3.Error as error:
        raise HistoryError(_reason(error), lasting=_is_lasting(error)) from None


def _schema(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _check(database: sqlite3.Connection, *, new: bool) -> None:
    schema, owner = _schema(database), int(database.execute("PRAGMA application_id").fetchone()[0])
    tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if new and schema == 0 and not tables:
        return
    if owner != _APPLICATION:
        raise HistoryError("is another program's file, or damaged")
    if schema != _SCHEMA:
        raise HistoryError(f"was written by another version of latprof (schema {schema}, this one knows {_SCHEMA})")


def _is_lasting(error: sqlite3.Error) -> bool:
    passing = ("SQLITE_FULL", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_NOMEM")
    return not (getattr(error, "sqlite_errorname", "") or "").startswith(passing)


def _reason(error: sqlite3.Error) -> str:
    """In words; sqlite's own texts name no content."""
    code = getattr(error, "sqlite_errorname", "") or ""
    known = {
        "SQLITE_FULL": "cannot be written (the disk is full)",
        "SQLITE_CANTOPEN": _CLOSED,
        "SQLITE_READONLY": "cannot be written (no permission)",
        "SQLITE_BUSY": "is in use by another run",
        "SQLITE_LOCKED": "is in use by another run",
        "SQLITE_CORRUPT": "is damaged",
        "SQLITE_NOTADB": "is damaged",
    }
    return next((words for name, words in known.items() if code.startswith(name)), f"cannot be used ({code or error})")


def _apply(database: sqlite3.Connection, change: Change) -> None:
    entry = change.entry
    there = database.execute("SELECT turn, size_bytes FROM log WHERE key = ?", (entry.key,)).fetchone()
    turn = 0 if there is None else there[0]
    if turn != change.since and (there is None or entry.size_bytes <= there[1]):
        return
    values: list[Any] = [getattr(entry, name) for name in _COLUMNS.split(", ")]
    values[6] = turn + 1
    marks = ",".join("?" * len(values))
    database.execute(f"INSERT OR REPLACE INTO log VALUES ({marks})", values)  # noqa: S608
    if change.parts is None:
        return
    for kind, data in (("chunk", change.parts.chunk), ("lost", change.parts.lost)):
        database.execute("DELETE FROM part WHERE key = ? AND kind = ?", (entry.key, kind))
        if data is not None:
            database.execute("INSERT INTO part VALUES (?, ?, ?)", (entry.key, kind, zlib.compress(data, 1)))


def _unpacked(data: Any) -> bytes:
    try:
        return zlib.decompress(data)
    except (zlib.error, TypeError):
        return b""
