"""SQLite databases of agents, read from a snapshot in memory.

The agent may be writing. Its file is never opened through SQLite, so it is neither locked nor
changed: the bytes of the database and of its write-ahead log are read, the committed frames of
the log are laid over the pages, and the result is opened from memory. Only the tables that a
reader names can be read; SQLite itself refuses all others, such as those with credentials.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, Final

from latprof.formats.base import SQLITE_MAGIC, Source
from latprof.model import Problem

__all__ = ["Row", "rows", "schema_of", "snapshot", "trouble_of"]

Row = dict[str, Any]

_TRIES: Final = 5
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_WAL_MAGIC_LITTLE: Final = 0x377F0682
_WAL_MAGIC_BIG: Final = 0x377F0683


def rows(source: Source, problems: list[Problem], tables: dict[str, Sequence[str]]) -> Iterator[tuple[str, Row]]:
    """Each row of the named tables as (table, column -> value), in the order of their row ids.

    Columns that a table does not have are None; tables that are not there have no rows. Damage
    becomes a problem and ends that table.
    """
    try:
        connection = _open(source)
    except Exception as error:  # noqa: BLE001 - reading may fail as a file, as a packed file and as a database
        problems.append(_problem(source, error))
        return
    with closing(connection):
        _restrict(connection, frozenset(tables))
        for table, columns in tables.items():
            try:
                yield from ((table, row) for row in _table_rows(connection, table, columns))
            except sqlite3.Error as error:
                problems.append(Problem("damaged_database", source.path, None, type(error).__name__))


def schema_of(source: Source) -> str:
    """The text of the CREATE statements; empty when the database cannot be opened."""
    try:
        found = _schema(source)
    except Exception:  # noqa: BLE001 - a database that cannot be opened has no schema to tell it by
        return ""
    return "\n".join(text for (text,) in found if isinstance(text, str))


def trouble_of(source: Source) -> Problem | None:
    """Why the schema cannot be had; None of a healthy database, which may have no table yet."""
    try:
        _schema(source)
    except Exception as error:  # noqa: BLE001 - as for `schema_of`
        return _problem(source, error)
    return None


def snapshot(source: Source) -> bytes:
    """The database with the committed part of its write-ahead log, as one consistent file.

    Tried again while a checkpoint changes the file under our hands. Raises OSError, and
    BlockingIOError when it changed at every try.
    """
    for _ in range(_TRIES):
        log = _beside(source, "-wal")
        data = _content(source)
        # A checkpoint or a transaction writes pages in place: the same bytes twice mean that none was at work.
        quiet = log is None and _beside(source, "-journal") is None
        if quiet or _content(source) == data:
            return _with_log(data, log if log is not None else b"")
    raise BlockingIOError("the database changed at every try")


def _problem(source: Source, error: Exception) -> Problem:
    """What keeps a database from being opened."""
    kind = "damaged_database" if isinstance(error, sqlite3.Error) else "unreadable"
    kind = "busy_database" if isinstance(error, BlockingIOError) else kind
    return Problem(kind, source.path, None, type(error).__name__)


def _schema(source: Source) -> list[tuple[Any]]:
    """The CREATE statements. Raises what opening and reading do."""
    with closing(_open(source)) as connection:
        return connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()


def _open(source: Source) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(snapshot(source))
        connection.row_factory = sqlite3.Row
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    except BaseException:
        connection.close()
        raise
    return connection


def _restrict(connection: sqlite3.Connection, tables: frozenset[str]) -> None:
    """Let SQLite refuse everything but reading the named tables."""
    allowed = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION}
    readable = tables | {"sqlite_master", "sqlite_schema", "pragma_table_info"}

    def decide(action: int, first: str | None, *_: str | None) -> int:
        if action in allowed:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and first in readable:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_PRAGMA and first == "table_info":
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    authorize: Callable[[Any], None] = connection.set_authorizer
    authorize(decide)


def _table_rows(connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[Row]:
    name = '"' + table.replace('"', '""') + '"'
    there = {row["name"] for row in connection.execute(f"PRAGMA table_info({name})")}
    chosen = [column for column in columns if column in there]
    if not chosen:
        return
    quoted = ", ".join('"' + column.replace('"', '""') + '"' for column in chosen)
    empty = dict.fromkeys(columns)
    try:
        found = connection.execute(f"SELECT {quoted} FROM {name} ORDER BY rowid")  # noqa: S608 - names are quoted
    except sqlite3.OperationalError:  # a table without row ids
        found = connection.execute(f"SELECT {quoted} FROM {name}")  # noqa: S608 - names are quoted
    for row in found:
        yield empty | dict(zip(chosen, row, strict=True))


def _content(source: Source) -> bytes:
    with source.open() as stream:
        return stream.read()


def _beside(source: Source, ending: str) -> bytes | None:
    other = source.beside(source.name + ending)
    return None if other is None else _content(other)


def _with_log(data: bytes, log: bytes) -> bytes:
    """Lay the committed frames of a write-ahead log over the pages (SQLite file format, section 4)."""
    if not data.startswith(SQLITE_MAGIC) and not log:
        return data
    image = bytearray(data)
    pages, size = _committed(log)
    for number, page in pages.items():
        start = (number - 1) * len(page)
        if len(image) < start + len(page):
            image.extend(bytes(start + len(page) - len(image)))
        image[start : start + len(page)] = page
    if size:
        del image[size:]
    # 1 is the journal mode without a log: the database in memory has none.
    if len(image) >= 20:
        image[18:20] = b"\x01\x01"
    return bytes(image)


def _committed(log: bytes) -> tuple[dict[int, bytes], int]:
    """The last committed content of each page in the log, and the database's size in bytes, or 0."""
    if len(log) < _WAL_HEADER:
        return {}, 0
    magic, _, page_size, _, salt_1, salt_2, sum_1, sum_2 = struct.unpack(">8I", log[:_WAL_HEADER])
    order = {_WAL_MAGIC_LITTLE: "<", _WAL_MAGIC_BIG: ">"}.get(magic)
    if order is None or page_size < 512 or _checksum(log[:24], order, 0, 0) != (sum_1, sum_2):
        return {}, 0
    committed: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}
    size = 0
    at, running = _WAL_HEADER, (sum_1, sum_2)
    while at + _FRAME_HEADER + page_size <= len(log):
        header = log[at : at + _FRAME_HEADER]
        page = log[at + _FRAME_HEADER : at + _FRAME_HEADER + page_size]
        number, total, frame_1, frame_2, *stated = struct.unpack(">6I", header)
        running = _checksum(page, order, *_checksum(header[:8], order, *running))
        if (frame_1, frame_2) != (salt_1, salt_2) or running != tuple(stated) or number == 0:
            break
        waiting[number] = page
        if total:
            committed |= waiting
            waiting = {}
            size = total * page_size
        at += _FRAME_HEADER + page_size
    return committed, size


def _checksum(data: bytes, order: str, first: int, second: int) -> tuple[int, int]:
    """SQLite's checksum of a log: two sums over pairs of 32-bit words."""
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
