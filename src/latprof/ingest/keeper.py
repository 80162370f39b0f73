"""Files that did not change since they were read are taken from the cache, at best all of them in one piece.

Each file has an entry of its own. All files of one run together have a snapshot: a list that says of each file what
was looked at and which rows are its own, and the columns of all of them: in one piece, or of very many calls in
several, each with whole files. A run with few changed files takes these pieces and replaces few rows of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import chain
from typing import Any, Final

import numpy as np

from latprof.classes import dataclass
from latprof.formats import formats
from latprof.ingest.chunk import Chunk
from latprof.ingest.entry import Entry, read_grown
from latprof.ingest.find import Found
from latprof.ingest.gather import Gathering, KeptFile, rows_of_spans
from latprof.ingest.listing import Listed, Listing
from latprof.ingest.tags import TagRules
from latprof.store.cache import Cache
from latprof.store.looks import Identity, Look, has_grown, still
from latprof.store.plain import packed, unpacked
from latprof.trace import Columns
from latprof.trace.origin import Origin
from latprof.trace.picked import PickedColumns

__all__ = ["Keeper"]

# A snapshot is written anew when more than this share of its rows, or so many of its files, are not in use any more.
_STALE_ROWS: Final = 0.1
_STALE_FILES: Final = 64
# So many bytes of logs that have grown for the first time are read here, the others with other processes.
_WHOLE_BYTES: Final = 32_000_000
# About so many calls are in a piece of a snapshot that has several.
_PIECE_ROWS: Final = 16_384
# Fewer files than these are as quick to take one by one.
_FEW_FILES: Final = 4


@dataclass(slots=True)
class Keeper:
    """Gives what is known of the files of one run, and keeps what is read.

    `wanted` says whether someone must see the chunk of a file (its place, its calls), which a snapshot has not.
    """

    cache: Cache
    found: Found
    rules: TagRules
    asked: Sequence[str]
    wanted: Callable[[int, int], bool] | None = None
    looks: dict[int, tuple[Look, ...] | None] = field(default_factory=dict)
    _meta: dict[int, KeptFile] = field(default_factory=dict)
    _changed_rows: int = 0
    _changed_files: int = 0
    _is_news: bool = False
    _whole_bytes: int = _WHOLE_BYTES
    _seen: Mapping[str, Identity] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._seen = self.found.identities()

    def give(self, places: Iterable[int], gathering: Gathering, take: Callable[[int, Entry], None]) -> list[int]:
        """Give what is known of these files; the others come back."""
        left = self._from_snapshot(list(places), gathering)
        names = {place: self._file_name(place) for place in left}
        kept = self.cache.get_all(names.values())
        unknown: list[int] = []
        for place in left:
            entry = _entry(kept.get(names[place]))
            current = None if entry is None or entry.looks is None else still(entry.looks, seen=self._seen)
            if entry is None or current is None:
                grown = None if entry is None else self._grown(place, entry)
                if grown is None:
                    unknown.append(place)
                else:
                    self.keep(place, grown)
                    take(place, grown)
                continue
            entry.looks, is_news = current
            self._note(place, entry)
            if is_news:
                self.cache.put("file", names[place], Entry(entry.chunk, entry.looks, entry.begun).to_bytes())
            take(place, entry)
        if unknown:
            self.cache.rest()
        return unknown

    def _grown(self, place: int, before: Entry) -> Entry | None:
        """What a log says that has grown. Who has grown once will grow again: what its reader needs then is kept.

        None where it is better read with the others.
        """
        size = self.found.sizes[place] if not before.begun else 0
        if not before.looks or size > self._whole_bytes or not has_grown(before.looks[0]):
            return None
        self._whole_bytes -= size
        return read_grown(self.found.paths[place], formats(), before)

    def keep(self, place: int, entry: Entry) -> None:
        """Keep what was read."""
        self._note(place, entry)
        if entry.looks is not None:
            self.cache.put("file", self._file_name(place), entry.to_bytes())

    def finish(self, columns: Columns, *, aside: bool = False) -> None:
        """Keep the columns of all files in their order, before they are changed, if that pays.

        With `aside` a copy of this process does it, which has them as they are now, and writes all that waits.
        """
        places = sorted(self._meta)
        total = sum(self._meta[place].rows for place in places)
        is_stale = self._changed_rows > _STALE_ROWS * total or self._changed_files > _STALE_FILES or self._is_news
        is_due = is_stale and len(places) >= _FEW_FILES and total == len(columns)
        if is_due and not columns.is_stored:
            # They have most likely changed, and any new name will do.
            columns.origin = Origin.whole(self.cache.name("columns", os.urandom(20)), total, columns.origin)

        def work() -> None:
            if is_due:
                self._keep_set(places, columns)

        if aside and not columns.is_stored:
            self.cache.aside(work)
        else:
            work()

    def _keep_set(self, places: Sequence[int], columns: Columns) -> None:
        bodies = [(name.hex(), files) for name, files in self._keep_pieces(places, columns)]
        listed = Listing.packed(
            Listed(self._meta[place], self.looks[place], self.found.tags[place]) for place in places
        )
        self.cache.put("snapshot", self._set_name(), packed([bodies, listed]))

    def _keep_pieces(self, places: Sequence[int], columns: Columns) -> Iterator[tuple[bytes, int]]:
        """Keep the columns in pieces; the name of each, and how many of the files it has."""
        first, files, count = 0, 0, 0
        for number, place in enumerate(places):
            count += self._meta[place].rows
            is_last = number + 1 == len(places)
            if not is_last and (not columns.is_stored or count < _PIECE_ROWS):
                continue
            piece = columns.take(np.arange(first, first + count)) if columns.is_stored else columns.plain()
            if columns.is_picked:
                piece.sort_pool()
            data = Chunk("", "log", piece).to_bytes(terse=not columns.is_stored)
            # Of many pieces most stay as they are.
            name = self.cache.name("columns", data) if columns.origin is None else columns.origin.name
            self.cache.put("pieces" if columns.is_stored else "columns", name, data)
            yield name, number + 1 - files
            first, files, count = first + count, number + 1, 0

    def all_looks(self) -> tuple[Look, ...] | None:
        """What was looked at for all files of the run; None where one of them must not be kept."""
        every: list[Any] = list(map(self.looks.get, range(len(self.found.paths))))
        return None if None in every else tuple(dict.fromkeys(chain.from_iterable(every)))

    def _note(self, place: int, entry: Entry) -> None:
        chunk = entry.chunk
        self.looks[place] = entry.looks
        self._meta[place] = KeptFile(place, chunk.path, chunk.state, chunk.reader, len(chunk.columns), chunk.problems)
        self._changed_rows += len(chunk.columns)
        self._changed_files += 1

    def _file_name(self, place: int) -> bytes:
        path = self.found.paths[place]
        return self.cache.name("file", _bytes(path), _bytes(os.path.abspath(path)))  # noqa: PTH100

    def _set_name(self) -> bytes:
        parts = [*self.asked, os.getcwd(), repr(self.rules)]  # noqa: PTH109
        return self.cache.name("snapshot", *map(_bytes, parts))

    def _from_snapshot(self, places: list[int], gathering: Gathering) -> list[int]:
        if len(places) < _FEW_FILES:
            return places
        listed = self.cache.get(self._set_name())
        if listed is None:
            return places
        bodies, files = unpacked(listed)
        whole, begin = Listing.unpacked(files), 0
        wanted, taken = {self.found.paths[place]: place for place in places}, set()
        for body, count in bodies:
            if (columns := self._piece(body)) is not None:
                taken |= self._use(wanted, whole.part(begin, begin + count), columns, gathering)
            begin += count
        return [place for place in places if place not in taken]

    def _piece(self, body: str) -> Columns | None:
        data = self.cache.view(bytes.fromhex(body))
        try:
            if data is None:
                return None
            chunk = Chunk.from_bytes(data, is_checked=True)
        except ValueError:
            return None
        columns = PickedColumns.of_rows([chunk.columns], uses=[chunk.uses])
        columns.origin = Origin.whole(bytes.fromhex(body), len(columns))
        return columns

    def _use(self, wanted: Mapping[str, int], files: Listing, columns: Columns, gathering: Gathering) -> set[int]:
        """Take from the columns the rows of files that are as they were; the places of these files."""
        places = list(map(wanted.get, files.paths))

        def now(looks: Sequence[Look]) -> tuple[tuple[Look, ...], bool] | None:
            return still(looks, seen=self._seen)

        found, current, is_news = files.unchanged(places, self.found.tags, self._seen, now)
        if self.wanted is not None:
            found = [n for n in found if not self.wanted(places[n] or 0, files.rows[n])]
        self._is_news |= is_news
        chosen = files.files(found, places)
        here = [file.place for file in chosen]
        self._meta.update(zip(here, chosen, strict=True))
        self.looks.update(zip(here, files.looks_of(found, current), strict=True))
        if sum(file.rows for file in chosen) != len(columns):
            ends = np.cumsum(files.rows)[found]
            columns.keep(rows_of_spans(ends - np.array(files.rows, dtype=np.int64)[found], ends))
        gathering.add_kept(chosen, columns, self.found.named)
        return set(here)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _entry(data: bytes | None) -> Entry | None:
    try:
        return None if data is None else Entry.from_bytes(data)
    except (ValueError, KeyError, TypeError):
        return None
