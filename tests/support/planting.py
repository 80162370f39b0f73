"""A marker planted in copies of logs wherever people, models or machines write text, and where it is looked for."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from latprof.formats.records import loads_leniently

MARKER = "Zebrafinkengesang"
# Names that every export shows of a call stay, so nothing is planted there; nor where a value tells the kind of a
# record, which is one of a few words, or a time or a count.
_NAMES = re.compile(r"(?i).*(model|provider|version|tool_?name|effort|stop_?reason|finish_?reason|speed|tier|system).*")
_WORD = re.compile(r"[A-Za-z_.\-/]{1,40}")
_SCALAR = re.compile(r"[\d.:TZ+ -]*")
# What a reader takes apart by its signs; each is planted into by a field beside it.
_KINDS = frozenset({"type", "role", "kind", "event", "name", "level", "status", "subtype", "say", "ask", "source"})


# Aider's records are told by having no other fields.
_CLOSED = {"event", "properties", "user_id", "time"}


def planted(value: Any, key: str = "") -> Any:
    """The marker behind each text, and a field, a text in a text and codings of it in each object."""
    if isinstance(value, dict):
        # What describes a model is its name.
        inner = {name: planted(item, key if "model" in key.lower() else name) for name, item in value.items()}
        return inner if not value or value.keys() == _CLOSED else inner | _more()
    if isinstance(value, list):
        return [planted(item, key) for item in value]
    return _text(value, key) if isinstance(value, str) else value


def _more() -> dict[str, Any]:
    return {
        MARKER: MARKER,
        f"/home/{MARKER}/x.py": {"content": [MARKER, {"text": f"say {MARKER}"}]},
        "noteOfMine": f"{MARKER} and {MARKER}",
        "arguments": json.dumps({MARKER: {"path": f"/srv/{MARKER}", "deep": [f"{MARKER}.txt"]}}),
        "url": f"https://{MARKER}.example.org/{MARKER}?q={MARKER}",
        "mail": f"{MARKER.lower()}@example.org",
        "coded": base64.b64encode(f"x {MARKER} y".encode()).decode(),
        "escaped": json.dumps({"cut": MARKER})[:-3],
        "event_stream": f'data: {{"a": "{MARKER}"}}\n\ndata: {MARKER}\n',
    }


def _text(value: str, key: str) -> str:
    if not value or key in _KINDS or _NAMES.fullmatch(key) or _SCALAR.fullmatch(value):
        return value
    if value[:1] in "{[":
        try:
            return json.dumps(planted(json.loads(value)))
        except ValueError:
            pass
    if _WORD.fullmatch(value) and not value.startswith("/"):
        return value
    return f"{value} {MARKER}" if " " in value else f"{value}/{MARKER}" if "/" in value else value


def copy_with_marker(source: Path, target: Path) -> None:
    """Every file below `source` below `target`, below a folder of the marker's name."""
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        inside = path.relative_to(source)
        to = target / f"-home-{MARKER}" / inside
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(path.read_bytes())
        _plant(to)
    for found in sorted(target.rglob("*.jsonl"))[:1]:
        (found.parent / f"{found.stem} {MARKER}.jsonl.gz").write_bytes(_packed(found))


def _packed(path: Path) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(filename=f"{MARKER}.jsonl", mode="wb", fileobj=out) as stream:
        stream.write(path.read_bytes())
    return out.getvalue()


def _plant(path: Path) -> None:
    data = path.read_bytes()
    if path.name.endswith(("-wal", "-shm")):
        return
    if data.startswith(b"SQLite format 3\x00"):
        _plant_database(path)
    elif data.startswith(b"PAR1"):
        _plant_parquet(path)
    elif path.suffix == ".csv":
        path.write_text(_csv(data.decode("utf-8-sig")))
    else:
        path.write_bytes(_plant_text(data))


def _plant_text(data: bytes) -> bytes:
    try:
        return json.dumps(planted(loads_leniently(data)), indent=2).encode()
    except ValueError:
        pass
    lines = data.splitlines()
    if lines and lines[0].strip() in {b"{", b"["}:
        return re.sub(rb'("(?:content|text|output|prompt)": ")', rb"\1" + MARKER.encode() + b" ", data)
    out = b"".join(_line(line) + b"\n" for line in lines)
    return out + f'{{"text": "{MARKER} is cut'.encode() if data.startswith(b"{") else out + f"{MARKER}\n".encode()


def _line(line: bytes) -> bytes:
    start = line.find(b"{")
    try:
        return line[:start] + json.dumps(planted(json.loads(line[start:]))).encode() if start >= 0 else _plain(line)
    except ValueError:
        return line


def _plain(line: bytes) -> bytes:
    if not line.strip():
        return line
    if b"=" in line:
        return line + f' said="{MARKER} {MARKER}" {MARKER}={MARKER}'.encode()
    return line + f"\nI said {MARKER}".encode()


def _csv(text: str) -> str:
    rows = list(csv.reader(io.StringIO(text)))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for number, row in enumerate(rows):
        names = rows[0]
        cells = [_text(cell, name) for cell, name in zip(row, names, strict=False)]
        writer.writerow([*(row if number == 0 else cells), MARKER, *([MARKER] if number == 0 else [f"a {MARKER}"])])
    return out.getvalue()


def _plant_parquet(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.ParquetFile(path).read()
    table = table.append_column(MARKER, pa.array([f"a {MARKER}"] * len(table)))
    for name in ("session_id", "project"):
        place = table.schema.get_field_index(name)
        changed = [f"{text}/{MARKER}" for text in table.column(name).to_pylist()]
        table = table.set_column(place, name, pa.array(changed))
    pq.write_table(table.replace_schema_metadata({b"note": MARKER.encode()}), path)


def _plant_database(path: Path) -> None:
    """In every text of every table, in a comment of a new table, in deleted rows, and in a log that is not merged."""
    with closing(sqlite3.connect(path)) as connection:
        # Kept in a write-ahead log of its own, the changes are found in that file.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        for table in [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]:
            columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
            for rowid, *values in connection.execute(f'SELECT rowid, * FROM "{table}"').fetchall():  # noqa: S608
                for name, value in zip(columns, values, strict=True):
                    if isinstance(value, str) and (changed := _text(value, name)) != value:
                        update = f'UPDATE "{table}" SET "{name}" = ? WHERE rowid = ?'  # noqa: S608
                        connection.execute(update, (changed, rowid))
        connection.execute(f"CREATE TABLE drafts_{MARKER} (body TEXT DEFAULT '{MARKER}' /* {MARKER} */)")
        rows = [(f"{MARKER} {number}",) for number in range(50)]
        connection.executemany(f"INSERT INTO drafts_{MARKER} VALUES (?)", rows)  # noqa: S608
        connection.commit()
        connection.execute(f"DELETE FROM drafts_{MARKER} WHERE body LIKE '%7%'")  # noqa: S608
        connection.commit()
        # A copy taken while the program runs has its log beside it.
        kept = {name: Path(f"{path}{name}").read_bytes() for name in ("", "-wal")}
    for name, data in kept.items():
        Path(f"{path}{name}").write_bytes(data)


def traces_of_marker(folder: Path) -> Iterator[str]:
    """Where the marker, or a large part of it, stands in names or bytes, plain or coded."""
    looks: list[Callable[[str], bytes]] = [
        lambda text: text.encode(),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode().hex().encode(),
    ]
    parts = [MARKER[at : at + 7].lower() for at in range(len(MARKER) - 6)]
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if any(part in str(path.relative_to(folder)).lower() for part in parts):
            yield f"name {path}"
        for data in _contents(path.read_bytes()):
            plain = data.lower()
            if any(look(part) in plain for look in looks for part in parts):
                yield f"bytes of {path}"
            if any(code in data for code in _codings()):
                yield f"coded in {path}"


def _contents(data: bytes) -> Iterator[bytes]:
    yield data
    if data.startswith(b"\x1f\x8b"):
        yield gzip.decompress(data)
    if data.startswith(b"PAR1"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pq.ParquetFile(pa.BufferReader(data)).read()
        yield f"{table.schema} {table.schema.metadata} {table.to_pylist()}".encode()


def _codings() -> list[bytes]:
    """Base64 of the marker at each of the three places where it may begin."""
    return [base64.b64encode(b"x" * begin + MARKER.encode())[4:-4] for begin in range(3)]
