"""Chunks of many files -> one set of columns with each call once.

Chunks may come in any order; what comes of them is the same as if they came in the order of their files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.formats import formats
from latprof.ingest.chunk import Chunk, State
from latprof.ingest.tags import TagRules, Tags
from latprof.model import Problem
from latprof.trace import Columns
from latprof.trace.pool import Pool
from latprof.trace.stored import Store, are_many, give_back

__all__ = ["Gathering", "KeptFile", "rows_of_spans", "tagged"]

Ints = NDArray[np.int64]

# So many calls or files are made one piece before more are taken in: few pieces cost little memory.
_CALLS: Final = 8192
_FILES: Final = 256
_NO_ROWS: Final = np.empty(0, dtype=np.int64)
# A file of this kind that is empty or unknown is most likely a log that suffered; of the others
# (settings, caches, indexes) a folder holds many that are none of our business.
_LINE_SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".jsonl.zst")
# What is said of a file that is no log, as far as we can tell; all else is said of one that could not be looked at.
_OF_OTHERS: Final = frozenset({"empty_file", "unknown_format", "unsupported_encoding"})
_PACKED: Final = ("", ".gz", ".zst")


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
        self._count([file], {place: named})
        if file.rows:
            tagged(chunk.columns, self.rules, tags)
            self._waiting.append(chunk.columns)
            self._calls_waiting += len(chunk.columns)
        if self._calls_waiting >= _CALLS or len(self._waiting) >= _FILES:
            self._settle()

    def add_kept(self, files: Sequence[KeptFile], columns: Columns, named: Sequence[bool]) -> None:
        """Take in many files at once, whose calls are in the columns, one file after the other and tagged already."""
        self._settle()
        self._count(files, named)
        self._take_piece(columns)

    def _count(self, files: Sequence[KeptFile], named: Sequence[bool] | Mapping[int, bool]) -> None:
        """Note what is known of files; `named` says by their places which of them the user named."""
        states = Counter(file.state for file in files)
        self.opened += len(files) - states["closed"]
        self.of_others += states["unknown"]
        self.formats.update(file.reader for file in files if file.state == "log")
        self.without_calls += sum(not file.rows for file in files if file.state == "log")
        self._places += [(file.place, file.rows) for file in files if file.rows]
        for file in files:
            if file.problems and (named[file.place] or _is_our_business(file)):
                self._problems[file.place] = file.problems

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


def _is_our_business(file: KeptFile) -> bool:
    """Whether the problems of a file that the user did not name are worth a word."""
    if file.state in {"closed", "log"} or file.path.endswith(_LINE_SUFFIXES):
        return True
    if file.state == "empty":  # a database that was never written to has a header at least
        return file.path.endswith(_database_suffixes())
    return any(problem.kind not in _OF_OTHERS for problem in file.problems)


@cache
def _database_suffixes() -> tuple[str, ...]:
    """The endings of files that formats with a database look at."""
    plain = {suffix for item in formats() if item.shape == "database" for suffix in item.suffixes}
    return tuple(suffix + packed for suffix in sorted(plain) for packed in _PACKED)


def _file_order(places: list[tuple[int, int]]) -> NDArray[np.int64] | None:
    """Rows in the order of files, from (file, rows) as they came; None where they came in order."""
    files, counts = np.array(places, dtype=np.int64).reshape(-1, 2).T
    order = np.argsort(files, kind="stable")
    if (order[1:] > order[:-1]).all():
        return None
    ends = np.cumsum(counts)
    return rows_of_spans((ends - counts)[order], ends[order])


def rows_of_spans(starts: Ints, ends: Ints) -> Ints:
    """The rows from each start up to its end, one span after the other; most spans go on where the one before ends."""
    breaks = np.flatnonzero(starts[1:] != ends[:-1]) + 1
    spans = zip(starts[[0, *breaks]].tolist(), ends[[*(breaks - 1), -1]].tolist(), strict=True) if len(starts) else ()
    return np.concatenate([_NO_ROWS, *(np.arange(*span, dtype=np.int64) for span in spans)])


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
