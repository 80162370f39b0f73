"""What one file gave, as one value that can be sent to another process or stored.

Bytes of a chunk, version 1: `latprof` and the version in 8 bytes; a checksum (CRC-32) of all that follows
and the length of the header, each a 32-bit little-endian number; the header, a JSON document in ASCII; from the
next multiple of 8 bytes on the arrays that the header names, little-endian, each filled up to a multiple of 8.

The header holds `path`, `state`, `reader`, `problems` ([kind, path, line, detail]), `pool` (the texts that codes
count in), `coded` (the names of the text columns, in their order), and `arrays` ([name, type, count]):
`codes` (text columns, one after the other), `keys`, `number:NAME`, `id:NAME` (bytes of each, -1 for None),
`text:NAME` (these bytes), `block.counts`, `block.codes` (types, then names), `block.number:NAME`.

A chunk may be `terse`, as one of very many calls is kept: then `code:NAME` stand for `codes`, an array of equal values
is there once, for which its entry has a fourth item, 1; `derived:NAME` are numbers that follow from the blocks; and
`uses` says how often the calls have each text of the pool.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Any, Final, Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.model import Problem
from latprof.trace.blocks import BlockStore
from latprof.trace.columns import CODED, Columns, uses_of
from latprof.trace.derived import DERIVED
from latprof.trace.ids import Ids
from latprof.trace.numbers import repeated
from latprof.trace.pool import CodeRows

__all__ = ["VERSION", "Chunk", "State"]

VERSION: Final = 1
_MAGIC: Final = b"latprof" + bytes([VERSION])
_PREFIX: Final = struct.Struct("<8sII")

# `closed`: it could not be opened; `empty`; `unknown`: no format claims it; `log`: a format read it.
State = Literal["closed", "empty", "unknown", "log"]


@dataclass(slots=True)
class Chunk:
    """The calls of one file, the problems met in it, and what it is; `reader` is the name of the format.

    `uses` counts how often the calls have each text of their pool (texts,); only a terse chunk comes back with it.
    """

    path: str
    state: State
    columns: Columns
    problems: list[Problem] = field(default_factory=list)
    reader: str = ""
    uses: NDArray[np.int64] | None = None

    def to_bytes(self, *, terse: bool = False) -> bytes:
        """The chunk as the bytes that the module's docstring describes."""
        columns = self.columns.plain()
        arrays = list(_arrays(columns))
        entries = [[name, array.dtype.newbyteorder("<").str, array.size] for name, array in arrays]
        if terse:
            arrays, entries = _terse(columns, arrays)
        header = json.dumps(
            {
                "path": self.path,
                "state": self.state,
                "reader": self.reader,
                "problems": [[item.kind, item.path, item.line, item.detail] for item in self.problems],
                "pool": columns.pool,
                "coded": CODED,
                "arrays": entries,
            },
            separators=(",", ":"),
        ).encode("ascii")
        parts = [header, bytes(-(len(header) + _PREFIX.size) % 8)]
        for _, array in arrays:
            data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
            parts += [data, bytes(-len(data) % 8)]
        body = b"".join(parts)
        return _PREFIX.pack(_MAGIC, crc32(body, len(header)), len(header)) + body

    @classmethod
    def from_bytes(cls, data: bytes | memoryview, *, is_checked: bool = False) -> Chunk:
        """The chunk of these bytes, whose arrays it shares; who knows that they are whole `is_checked`.

        Raises ValueError when they are damaged or of another version.
        """
        if len(data) < _PREFIX.size:
            raise ValueError("a chunk is cut off")
        magic, checksum, size = _PREFIX.unpack_from(data)
        if magic != _MAGIC:
            raise ValueError("a chunk of another version")
        if not is_checked and crc32(memoryview(data)[_PREFIX.size :], size) != checksum:
            raise ValueError("a chunk is damaged")
        header = json.loads(bytes(data[_PREFIX.size : _PREFIX.size + size]))
        if tuple(header["coded"]) != CODED:
            raise ValueError("a chunk with other columns")
        arrays = dict(_read_arrays(data, header["arrays"], _PREFIX.size + size))
        problems = [Problem(*item) for item in header["problems"]]
        columns = _columns(tuple(header["pool"]), arrays)
        return cls(header["path"], header["state"], columns, problems, header["reader"], arrays.get("uses"))


def _arrays(columns: Columns) -> Iterator[tuple[str, NDArray[Any]]]:
    yield "codes", columns.codes
    yield "keys", columns.keys
    for name, column in columns.numbers.items():
        yield f"number:{name}", column
    for name, ids in columns.ids.items():
        yield f"id:{name}", ids.lengths
        yield f"text:{name}", np.frombuffer(ids.data, dtype=np.uint8)
    yield "block.counts", columns.blocks.counts
    yield "block.codes", columns.blocks.coded
    for name, column in columns.blocks.numbers.items():
        yield f"block.number:{name}", column


def _terse(
    columns: Columns, arrays: Sequence[tuple[str, NDArray[Any]]]
) -> tuple[list[tuple[str, NDArray[Any]]], list[list[Any]]]:
    """What is written of them in a terse chunk, and their entries in the header."""
    texts = [(f"code:{name}", row) for name, row in zip(CODED, columns.codes, strict=True)]
    derived = [(f"derived:{name}", columns.derived(name)) for name in DERIVED]
    uses = ("uses", uses_of(columns.pool, columns.codes, columns.blocks.coded))
    written, entries = [], []
    for name, array in (*texts, *arrays[1:], *derived, uses):
        flat = np.ascontiguousarray(array).reshape(-1)
        bits = flat.view(f"u{flat.dtype.itemsize}")
        is_one = len(bits) > 1 and not name.startswith(("text:", "uses")) and bool((bits == bits[0]).all())
        written.append((name, flat[:1] if is_one else flat))
        entries.append([name, flat.dtype.newbyteorder("<").str, flat.size, *([1] if is_one else [])])
    return written, entries


def _read_arrays(data: bytes | memoryview, listed: list[Any], end: int) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, kind, count, *there in listed:
        start = end + -end % 8
        dtype = np.dtype(kind)
        size = there[0] if there else count
        array: Any = np.frombuffer(data, dtype, size, start)
        yield name, repeated(array[0], count) if there else array
        end = start + size * dtype.itemsize


def _columns(pool: tuple[str, ...], arrays: dict[str, NDArray[Any]]) -> Columns:
    def below(prefix: str) -> dict[str, NDArray[Any]]:
        return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}

    texts: Any = CodeRows(list(below("code:").values()))
    return Columns(
        pool,
        arrays["codes"].reshape(len(CODED), -1) if "codes" in arrays else texts,
        below("number:"),
        {name: Ids(arrays[f"text:{name}"].data, lengths) for name, lengths in below("id:").items()},
        arrays["keys"],
        BlockStore(arrays["block.counts"], arrays["block.codes"].reshape(2, -1), below("block.number:")),
        worked_out=below("derived:"),
    )
