"""Chunks of many files -> one set of columns with each call once.

Chunks may come in any order; what comes of them is the same as if they came in the order of their files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import field
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.ingest.chunk import Chunk, State
from latprof.ingest.tags import TagRules, Tags
from latprof.model import Problem
from latprof.trace import Columns
from latprof.trace.pool import Pool
from latprof.trace.stored import Store, are_many, give_back

__all__ = ["Gathering", "KeptFile", "rows_of_spans", "tagged"]

# So many calls or files are made one piece before more are taken in: few pieces cost little memory.
_CALLS: Final = 8192
_FILES: Final = 256
# A file of this kind that is empty or unknown is most likely a log that suffered; of the others
# (settings, caches, indexes) a folder holds many that are none of our business.
_LINE_SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".jsonl.zst")


class KeptFile(NamedTuple):
    """A file of which everything is known before it is read; `rows` of some columns are its calls."""

    place: int
    path: str
    state: State
    reader: str
    rows: int
    problems: list[Problem]


@dataclass(slots=True)
class Gathering:
    """Takes in what the files gave, and gives it back as one."""

    rules: TagRules
    opened: int = 0
    without_calls: int = 0
    of_others: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    _pieces: list[Columns] = field(default_factory=list)
    _waiting: list[Columns] = field(default_factory=list)
    _calls_waiting: int = 0
    _store: Store | None = None
    _places: list[tuple[int, int]] = field(default_factory=list)
    _problems: dict[int, list[Problem]] = field(default_factory=dict)

    def add(self, place: int, chunk: Chunk, tags: Tags, *, named: bool) -> None:
        """Take in the chunk of the file at this place in their order; `tags` are those of the file."""
        file = KeptFile(place, chunk.path, chunk.state, chunk.reader, len(chunk.columns), chunk.problems)
        self._count(file, named=named)
        if file.rows:
            tagged(chunk.columns, self.rules, tags)
            self._waiting.append(chunk.columns)
            self._calls_waiting += len(chunk.columns)
        if self._calls_waiting >= _CALLS or len(self._waiting) >= _FILES:
            self._settle()

    def add_kept(self, files: Iterable[KeptFile], columns: Columns, named: Sequence[bool]) -> None:
        """Take in many files at once, whose calls are in the columns, one file after the other and tagged already."""
        self._settle()
        for file in files:
            self._count(file, named=named[file.place])
        self._take_piece(columns)

    def _count(self, file: KeptFile, *, named: bool) -> None:
        self.opened += file.state != "closed"
        self.of_others += file.state == "unknown"
        reported = file.state in {"closed", "log"} or named or file.path.endswith(_LINE_SUFFIXES)
        if file.problems and reported:
            self._problems[file.place] = file.problems
        if file.state == "log":
            self.formats[file.reader] += 1
            self.without_calls += file.rows == 0
        if file.rows:
            self._places.append((file.place, file.rows))

    def _settle(self) -> None:
        if self._waiting:
            self._take_piece(Columns.concat(self._waiting))
        self._waiting, self._calls_waiting = [], 0

    def _take_piece(self, columns: Columns) -> None:
        """Pieces wait in memory as long as they are few calls, and on disk from then on."""
        self._pieces.append(columns)
        if are_many(sum(map(len, self._pieces))):
            # Few runs have so many, and a short command is not to pay for it.
            from latprof.trace.stored_columns import StoredColumns

            self._store = self._store or Store()
            self._pieces = [
                piece if piece.is_stored else StoredColumns.of_parts([piece], self._store) for piece in self._pieces
            ]

    def problems(self) -> list[Problem]:
        """The problems in the order of the files."""
        return [problem for place in sorted(self._problems) for problem in self._problems[place]]

    def columns(self) -> Columns:
        """All calls in the order of the files. What was taken in is used up."""
        self._settle()
        columns = Columns.concat(self._pieces)
        self._pieces, self._store = [], None
        order = _file_order(self._places)
        if order is not None:
            if not (columns.is_stored or columns.is_picked):
                # Rows are moved twice more, when copies are dropped and when calls are put in order.
                from latprof.trace.picked import PickedColumns

                columns = PickedColumns.of_rows([columns])
            columns.keep(order)
        columns.sort_pool()
        if columns.is_stored:
            give_back()
        return columns


def _file_order(places: list[tuple[int, int]]) -> NDArray[np.int64] | None:
    """Rows in the order of files, from (file, rows) as they came; None where they came in order."""
    files = [place for place, _ in places]
    if files == sorted(files):
        return None
    ends = list(accumulate(count for _, count in places))
    spans = sorted((place, end - count, end) for (place, count), end in zip(places, ends, strict=True))
    return rows_of_spans((start, end) for _, start, end in spans)


def rows_of_spans(spans: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """The rows from one up to another, one span after the other; most spans go on where the one before ends."""
    long: list[tuple[int, int]] = []
    first = last = 0
    for start, end in spans:
        if start != last:
            long.append((first, last))
            first = start
        last = end
    return np.concatenate([np.arange(*span, dtype=np.int64) for span in (*long, (first, last))])


def tagged(columns: Columns, rules: TagRules, tags: Tags) -> None:
    """Tell calls what they do not know themselves: whose they are."""
    if not rules.can_tell(tags):
        return
    known = list(zip(columns.code("host").tolist(), columns.code("engineer").tolist(), strict=True))
    pool = Pool()
    pool.table(columns.pool)
    texts = [*columns.pool, None]
    told = {pair: rules.tags_of(Tags(engineer=texts[pair[1]], host=texts[pair[0]]), tags) for pair in set(known)}
    codes = {pair: (pool.number(tag.host), pool.number(tag.engineer)) for pair, tag in told.items()}
    hosts, engineers = np.array([codes[pair] for pair in known], dtype=np.int32).T
    columns.recode(pool.texts, {"host": hosts, "engineer": engineers})
