"""A large file as parts that several processes read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Final, NamedTuple

from latprof.classes import dataclass
from latprof.formats import Format, Source
from latprof.ingest.entry import Entry, settled_entry
from latprof.ingest.one_file import claimed_by, joined_source
from latprof.store.looks import Looks, watched

__all__ = ["Order", "Split", "part_of", "split"]

# A file of fewer bytes is read whole: it is done before the parts of others are.
_LEAST_BYTES: Final = 64_000_000
# Enough that a process is not asked for every second line, few enough that all come to the end together.
_PART_BYTES: Final = 16_000_000


class Order(NamedTuple):
    """What a process is to read: the file of this number, or its lines that begin from `begin` on and before `end`.

    `reader` is the name of the format that reads parts; without it the whole file is meant.
    """

    file: int
    reader: str = ""
    begin: int = 0
    end: int | None = None


@dataclass(slots=True)
class Split:
    """A file that is read in parts, and what was read of it."""

    format: Format
    source: Source
    looks: Looks | None
    orders: list[Order]
    _parts: dict[int, bytes] = field(default_factory=dict)

    def take(self, order: Order, data: bytes) -> None:
        """Take in what a part says."""
        self._parts[order.begin] = data

    @property
    def is_complete(self) -> bool:
        """Whether all parts are there."""
        return len(self._parts) == len(self.orders)

    def entry(self) -> Entry | None:
        """What the parts say together; None where they do not fit together."""
        # Each is let go of when it is in its place.
        parts = (self._parts.pop(order.begin) for order in self.orders)
        chunk = joined_source(self.source, self.format, parts)
        return None if chunk is None else settled_entry(chunk, self.looks)


def split(file: int, path: str, size: int, known: Sequence[Format], *, watching: bool) -> Split | None:
    """How to read a file of so many bytes in parts; None for one that is better read whole, or that cannot be divided.

    What is looked at from now on counts when it is asked whether the file changed.
    """
    if size < _LEAST_BYTES:
        return None
    looks = Looks() if watching else None
    source = Source.of_file(path) if looks is None else watched(Path(path), looks)
    try:
        claimed = claimed_by(source, source.head(), known)
    except Exception:  # noqa: BLE001 - any decompressor may fail in its own way; reading it whole will tell
        return None
    if claimed is None or claimed.in_parts is None:
        return None
    count = -(-size // _PART_BYTES)
    begins = [number * size // count for number in range(count)]
    ends = [*begins[1:], None]
    orders = [Order(file, claimed.name, begin, end) for begin, end in zip(begins, ends, strict=True)]
    return Split(claimed, source, looks, orders)


def part_of(path: str, order: Order, known: Sequence[Format]) -> bytes | None:
    """What a part of a file says; None where the file has to be read whole."""
    in_parts = next((item.in_parts for item in known if item.name == order.reader), None)
    return None if in_parts is None else in_parts.part(Source.of_file(path), order.begin, order.end)
