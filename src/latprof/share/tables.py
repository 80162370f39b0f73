"""Tables without text: CSV, Parquet and SQLite."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson

from latprof.formats import Source
from latprof.formats.database import snapshot
from latprof.share.documents import masked_text, masked_value, parsed
from latprof.share.masking import Masker

__all__ = ["masked_csv", "masked_database", "masked_parquet"]

_SQL: Final = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_]*", re.DOTALL)
_SQL_WORDS_TEXT: Final = """
    ACTION ALWAYS AND AS ASC AUTOINCREMENT BETWEEN BIGINT BLOB BOOLEAN BY CASCADE CASE CHAR CHECK COLLATE CONFLICT
    CONSTRAINT CREATE CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DATE DATETIME DECIMAL DEFAULT DEFERRABLE DEFERRED
    DELETE DESC DOUBLE ELSE END EXISTS FAIL FALSE FLOAT FOREIGN FROM GENERATED GLOB IF IGNORE IN INDEX INITIALLY INT
    INTEGER IS JSON KEY LENGTH LIKE MATCH NO NOCASE NOT NOW NULL NUMERIC ON OR PRECISION PRIMARY REAL REFERENCES REPLACE
    RESTRICT ROLLBACK ROWID SET SMALLINT STORED STRFTIME STRICT TABLE TEMP TEMPORARY TEXT THEN TIMESTAMP TRUE TYPEOF
    UNIQUE UNIXEPOCH UPDATE USING VALUES VARCHAR VIRTUAL WHEN WHERE WITHOUT
"""
_SQL_WORDS: Final = frozenset(_SQL_WORDS_TEXT.split())


def masked_csv(data: bytes, masker: Masker) -> bytes:
    """A table with a header."""
    text = data.decode("utf-8-sig", "replace")
    delimiter = "\t" if text.partition("\n")[0].count("\t") > text.partition("\n")[0].count(",") else ","
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    header = rows[0] if rows else []
    writer.writerow([masker.key(name) for name in header])
    for row in rows[1:]:
        names = [*header, *[""] * max(len(row) - len(header), 0)]
        writer.writerow([_cell(cell, masker, name) for name, cell in zip(names, row, strict=False)])
    return out.getvalue().encode()


def masked_parquet(data: bytes, masker: Masker) -> bytes:
    """A table of the same columns and types; notes of the program that wrote it are left out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.ParquetFile(pa.BufferReader(data)).read()
    fields = [pa.field(masker.key(field.name), field.type, field.nullable) for field in table.schema]
    schema = pa.schema(fields)
    columns = [_column(table.column(place), field, masker) for place, field in enumerate(table.schema)]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), sink, store_schema=False)
    return bytes(sink.getvalue())


def _column(column: Any, field: Any, masker: Masker) -> Any:
    import pyarrow as pa

    if pa.types.is_temporal(field.type) or pa.types.is_primitive(field.type):
        return column
    return pa.array([_cell(value, masker, field.name) for value in column.to_pylist()], type=field.type)


def masked_database(source: Source, masker: Masker) -> bytes:
    """A new database with the same tables; nothing that was deleted from the old one comes along."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "scrubbed.db")
        with closing(_opened(source)) as old, closing(sqlite3.connect(target)) as new:
            for name, sql in _tables(old):
                new.execute(_renamed(sql, masker))
                _copy(old, new, name, masker)
            new.execute(f"PRAGMA user_version={int(old.execute('PRAGMA user_version').fetchone()[0])}")
            new.commit()
        return target.read_bytes()


def _opened(source: Source) -> sqlite3.Connection:
    """The database with its write-ahead log, in memory; the file itself is not touched."""
    data = bytearray(snapshot(source))
    data[18:20] = b"\x01\x01"  # no longer in write-ahead mode, which memory does not have
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(bytes(data))
    except BaseException:
        connection.close()
        raise
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def _tables(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type='table' AND sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    return [(name, sql) for name, sql in found if not sql.upper().startswith("CREATE VIRTUAL")]


def _renamed(sql: str, masker: Masker) -> str:
    """A CREATE TABLE without comments, and with other names and texts where readers do not know them."""
    return _SQL.sub(lambda match: _sql_part(match, masker), sql)


def _sql_part(match: re.Match[str], masker: Masker) -> str:
    part = match.group()
    if part.startswith(("--", "/*")):
        return " "
    if part.startswith("'"):
        return "'" + masker.value(part[1:-1].replace("''", "x"), public=True).replace("'", "x") + "'"
    return part if part.upper() in _SQL_WORDS else masker.key(part)


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str, masker: Masker) -> None:
    rows = old.execute(f"SELECT * FROM {_quoted(table)}")  # noqa: S608 - a name from the database's own schema, quoted
    columns = [item[0] for item in rows.description]
    marks = ", ".join("?" * len(columns))
    new.executemany(
        f"INSERT INTO {_quoted(masker.key(table))} VALUES ({marks})",  # noqa: S608 - as above
        ([_cell(value, masker, name) for value, name in zip(row, columns, strict=True)] for row in rows),
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _cell(value: Any, masker: Masker, column: str) -> Any:
    if isinstance(value, bytes):
        try:
            return orjson.dumps(masked_value(parsed(value), masker))
        except ValueError:
            return bytes(len(value))
    if isinstance(value, str):
        return masked_text(value, masker, column, public=True)
    return masked_value(value, masker, column) if isinstance(value, dict | list) else value
