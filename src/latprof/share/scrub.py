"""Rewrite a log so that it holds the same calls and no text, driven by the file's shape."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import orjson

from latprof.formats.base import SQLITE_MAGIC, Format, Source
from latprof.formats.database import snapshot
from latprof.formats.records import json_stream, loads_leniently
from latprof.model import Call
from latprof.share.masking import Masker

__all__ = ["CannotScrub", "names_of", "same_figures", "scrubbed_bytes"]

# Below these names stands what people and models wrote; nothing of it stays but what readers look for.
_CONTENT: Final = frozenset(
    {
        "arguments", "args", "body", "completion", "content", "contents", "description", "input", "lastPrompt",
        "output", "parameters", "prompt", "query", "reasoning", "response_text", "result", "stderr", "stdout",
        "summary", "text", "thinking", "thought", "title", "toolUseResult",
    }
)  # fmt: skip
_MODEL: Final = re.compile(r"(request(ed)?_?|response_?)?model(_?(id|name|slug|provider))?|.*[._]model", re.IGNORECASE)
_NAMES: Final = frozenset(
    {
        "version", "cliVersion", "cli_version", "effort", "provider", "providerID", "modelID", "tool", "toolName",
        "tool_name", "finish_reason", "stop_reason", "stopReason", "service_tier", "speed",
    }
)  # fmt: skip
_NAME: Final = re.compile(r"[\w.:/@+\[\]-]{1,100}")
_SPACINGS: Final = ((",", ":"), (", ", ": "))
_TOOL_KEYS: Final = frozenset({"input", "arguments", "args", "call_id", "callId", "toolCallId"})
_STAYING: Final = (
    "agent", "agent_version", "provider", "model", "requested_model", "effort", "speed_mode", "load", "stop_reason",
)  # fmt: skip
_IDS: Final = frozenset(
    {"session_id", "message_id", "request_id", "agent_id", "project", "stated_id", "told_by"}
)  # fmt: skip


class CannotScrub(Exception):
    """The file cannot be rewritten with the same numbers; the message is one sentence."""


def names_of(calls: Iterable[object]) -> set[str]:
    """The names that every export shows of a call: of models, tools, versions and the like."""
    names: set[str] = set()
    for call in calls:
        if isinstance(call, Call):
            names |= {text for name in _STAYING if (text := getattr(call, name))}
            names |= {block.name for block in call.blocks if block.name}
    return names


def same_figures(reader: Format, before: Source, after: Source) -> bool:
    """Whether the reader finds the same calls with the same numbers in both files."""
    try:
        if not reader.sniff(after.path, after.head()):
            return False
    except Exception:  # noqa: BLE001 - a file that cannot be opened shows no figures
        return False
    return [_figures(item) for item in reader.read(before)] == [_figures(item) for item in reader.read(after)]


def _figures(item: object) -> tuple[Any, ...]:
    """What must stay the same of a call or a problem: all but ids and paths."""
    if not isinstance(item, Call):
        return (getattr(item, "kind", None), getattr(item, "line", None))
    return tuple(repr(getattr(item, field.name)) for field in fields(Call) if field.name not in _IDS)


def scrubbed_bytes(source: Source, masker: Masker) -> bytes:
    """The file's bytes without text. Raises CannotScrub for a shape that is not known."""
    with source.open() as stream:
        data = stream.read()
    if data.startswith(SQLITE_MAGIC):
        return _database(source, masker)
    if data.startswith(b"PAR1"):
        raise CannotScrub("it is a Parquet file: use `latprof export --anonymize`.")
    if source.name.removesuffix(".gz").removesuffix(".zst").endswith((".csv", ".tsv")):
        return _table(data, masker)
    try:
        return _dumped(_walked(_parsed(data), masker), data)
    except ValueError:
        lines = b"".join(_lines(data, masker))
    if not lines.strip():
        raise CannotScrub("it is neither JSON nor a table nor a database, so its text cannot be told from its figures.")
    return lines


def _parsed(data: bytes) -> Any:
    value = loads_leniently(data)
    if not isinstance(value, dict | list):
        raise ValueError("neither an object nor a list")  # noqa: TRY004 - handled as what is no JSON
    return value


def _dumped(value: Any, like: bytes) -> bytes:
    if b"\n" not in like.strip():
        return _line(value, like) + (b"\n" if like.endswith(b"\n") else b"")
    return orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"


def _lines(data: bytes, masker: Masker) -> Iterator[bytes]:
    """Each line; one that is no JSON stays a line that is none."""
    if _is_stream(data):
        yield from _values(data, masker)
        return
    for raw in data.splitlines(keepends=True):
        ending = raw[len(raw.rstrip(b"\r\n")) :]
        if not raw.strip(b" \t\r\n\x00"):
            yield raw
            continue
        try:
            value = loads_leniently(raw)
        except ValueError:
            yield b"{" + b"x" * max(len(raw) - len(ending) - 1, 0) + ending
            continue
        yield _line(_walked(value, masker), raw) + ending


def _line(value: Any, like: bytes) -> bytes:
    """One line of JSON with the spacing of another: readers know some files by their first bytes."""
    separators = (", ", ": ") if b'": ' in like[:400] else (",", ":")
    return json.dumps(value, separators=separators, ensure_ascii=like.isascii()).encode()


def _is_stream(data: bytes) -> bool:
    """Several JSON values that are each spread over lines, as some programs write them one after the other."""
    first = data.lstrip().partition(b"\n")[0].rstrip()
    return first in {b"{", b"["}


def _values(data: bytes, masker: Masker) -> Iterator[bytes]:
    for _, value in json_stream(Source.from_bytes(data), []):
        yield orjson.dumps(_walked(value, masker), option=orjson.OPT_INDENT_2) + b"\n"


def _walked(value: Any, masker: Masker, key: str = "", *, public: bool = True, tool: bool = False) -> Any:
    if isinstance(value, dict):
        is_tool = not _TOOL_KEYS.isdisjoint(value)
        return {
            masker.key(name): _walked(item, masker, name, public=_is_public(item, name, public), tool=is_tool)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_walked(item, masker, key, public=public or isinstance(item, dict), tool=tool) for item in value]
    return _text(value, masker, key, public=public, tool=tool) if isinstance(value, str) else value


def _is_public(item: Any, name: str, public: bool) -> bool:  # noqa: FBT001 - handed down
    """Objects in lists of content are parts with a type; what lies in arguments and results is not."""
    if name in {"arguments", "args", "input", "parameters", "toolUseResult"}:
        return False
    return name not in _CONTENT if isinstance(item, str) else public


def _text(value: str, masker: Masker, key: str, *, public: bool, tool: bool) -> str:
    if public and _NAME.fullmatch(value) and (_MODEL.fullmatch(key) or key in _NAMES or (key == "name" and tool)):
        return value
    if value[:1] in {"{", "["} and value[-1:] in {"}", "]"}:
        inner = _json_inside(value, masker, public=public)
        if inner is not None:
            return inner
    return masker.value(value, public=public)


def _json_inside(value: str, masker: Masker, *, public: bool) -> str | None:
    """A text that is JSON itself, with its own spacing; None where that cannot be written again."""
    try:
        parsed = _parsed(value.encode("utf-8", "replace"))
    except ValueError:
        return None
    styles: list[dict[str, Any]] = [
        {"separators": separators, "ensure_ascii": escaped} for separators in _SPACINGS for escaped in (False, True)
    ]
    style = next((style for style in styles if json.dumps(parsed, **style) == value), None)
    if style is None and not public:
        return None
    return json.dumps(_walked(parsed, masker, public=public), **(style or {}))


def _table(data: bytes, masker: Masker) -> bytes:
    text = data.decode("utf-8-sig", "replace")
    delimiter = "\t" if text.partition("\n")[0].count("\t") > text.partition("\n")[0].count(",") else ","
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    header = rows[0] if rows else []
    writer.writerow([masker.key(name) for name in header])
    for row in rows[1:]:
        names = [*header, *[""] * max(len(row) - len(header), 0)]
        writer.writerow(
            [
                _text(cell, masker, name, public=name not in _CONTENT, tool=False)
                for name, cell in zip(names, row, strict=False)
            ]
        )
    return out.getvalue().encode()


def _database(source: Source, masker: Masker) -> bytes:
    """A new database with the same tables; nothing that was deleted from the old one comes along."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "scrubbed.db")
        with (
            closing(_opened(source)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            tables = old.execute(
                "SELECT name, sql FROM sqlite_master"
                " WHERE type='table' AND sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
            for name, sql in tables:
                if not sql.upper().startswith("CREATE VIRTUAL"):
                    new.execute(sql)
                    _copy(old, new, name, lambda value, column: _cell(value, masker, column))
            new.execute(f"PRAGMA user_version={int(old.execute('PRAGMA user_version').fetchone()[0])}")
            new.commit()
        return target.read_bytes()


def _opened(source: Source) -> sqlite3.Connection:
    """The database with its write-ahead log, in memory; the file itself is not touched."""
    data = bytearray(snapshot(source))
    data[18:20] = b"\x01\x01"  # no longer in write-ahead mode, which memory does not have
    connection = sqlite3.connect(":memory:")
    connection.deserialize(bytes(data))
    return connection


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str, change: Callable[[Any, str], Any]) -> None:
    quoted = '"' + table.replace('"', '""') + '"'
    rows = old.execute(f"SELECT * FROM {quoted}")  # noqa: S608 - a name from the database's own schema, quoted
    columns = [item[0] for item in rows.description]
    marks = ", ".join("?" * len(columns))
    new.executemany(
        f"INSERT INTO {quoted} VALUES ({marks})",  # noqa: S608 - as above
        ([change(value, name) for value, name in zip(row, columns, strict=True)] for row in rows),
    )


def _cell(value: Any, masker: Masker, column: str) -> Any:
    if isinstance(value, bytes):
        try:
            return orjson.dumps(_walked(_parsed(value), masker))
        except ValueError:
            return bytes(len(value))
    return _text(value, masker, column, public=column not in _CONTENT, tool=False) if isinstance(value, str) else value
