"""Columns of which rows were picked: each is put together when it is asked for, so that nobody pays for the others.

What is kept of a run comes back as one piece, of which few rows are replaced, and which is put in another order
several times. Here that is done to row numbers only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.trace.blocks import BLOCK_NUMBERS, BlockStore
from latprof.trace.columns import CODED, IDS, NUMBERS, Columns, uses_of
from latprof.trace.ids import Ids
from latprof.trace.numbers import Numbers
from latprof.trace.origin import Origin
from latprof.trace.picks import Pick, PickedArrays, PickedCodes, PickedIds, Tables, mapped
from latprof.trace.pool import Coding, Pool, code_type
from latprof.trace.stored_columns import StoredBlocks, StoredColumns

__all__ = ["PickedColumns"]

Array = NDArray[Any]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(slots=True)
class _Parts:
    """Columns in memory that stand in a row, as they came.

    `uses` says how often the calls of each have each of its texts (texts,); None where that was not counted.
    """

    parts: list[Columns]
    uses: list[Ints | None]

    def starts(self, sizes: Sequence[int]) -> Ints:
        return np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))

    def codes(self, row: int) -> list[Array]:
        return [part.codes[row] for part in self.parts]

    def block_codes(self, row: int) -> list[Array]:
        return [part.blocks.coded[row] for part in self.parts]

    def numbers(self, name: str) -> list[Array]:
        return _filled([part.numbers.get(name) for part in self.parts], [len(part) for part in self.parts])

    def block_numbers(self, name: str) -> list[Array]:
        sizes = [part.blocks.coded.shape[1] for part in self.parts]
        return _filled([part.blocks.numbers.get(name) for part in self.parts], sizes)

    def derived(self, name: str) -> list[Array]:
        for part in self.parts:
            if name not in part.worked_out:
                part.worked_out[name] = part.derived(name)
        return [part.worked_out[name] for part in self.parts]

    def ids(self, name: str) -> list[Ids]:
        return [part.ids.get(name) or Ids.nothing(len(part)) for part in self.parts]


def _filled(columns: Sequence[Array | None], sizes: Sequence[int]) -> list[Array]:
    kind = np.result_type(*{column.dtype for column in columns if column is not None})
    return [
        np.full(size, np.nan, dtype=kind) if column is None else column.astype(kind, copy=False)
        for column, size in zip(columns, sizes, strict=True)
    ]


def _counted(counts: Array) -> BlockStore:
    """So many blocks of each call, without what is in them."""
    return BlockStore(counts, np.empty((2, 0), dtype=np.int8), {})


def _names(mappings: Sequence[Mapping[str, Any]], order: Sequence[str]) -> dict[str, None]:
    return dict.fromkeys(name for name in order if any(name in mapping for mapping in mappings))


@dataclass(slots=True)
class _PickedBlocks(StoredBlocks):
    """Blocks of which only the number of each call's is put together.

    `whole` counts the blocks of all calls of the parts, of which these are those of the picked `calls`. Who asks for
    the blocks of some calls finds them there, without a place for each block of all others.
    """

    whole: Any = None
    calls: Any = None

    @classmethod
    def of_rows(cls, held: _Parts, tables: Tables, calls: Pick) -> _PickedBlocks:
        """The blocks of these calls."""
        whole = _counted(np.concatenate([part.blocks.counts for part in held.parts]))
        starts = held.starts([part.blocks.coded.shape[1] for part in held.parts])
        names = _names([part.blocks.numbers for part in held.parts], BLOCK_NUMBERS)
        rows = calls.rows()
        pick = Pick(starts, lambda: None if rows is None else whole.places(rows)[1])
        return cls(
            whole.counts if rows is None else whole.counts[rows],
            PickedCodes(pick, held.block_codes, tables, 2),
            PickedArrays(pick, held.block_numbers, names),
            whole=whole,
            calls=calls,
        )

    def places(self, rows: Ints) -> tuple[Coding, Ints]:
        """How many blocks each of these calls has, and where they stand among all of the parts."""
        places: tuple[Coding, Ints] = self.whole.places(self.calls.rows(rows))
        return places

    def first_end_at(self, rows: Ints | None = None) -> Floats:
        """The end of the first block of each call, or of some, s: of these few the other blocks need no place."""
        chosen = self.calls.rows(rows)
        counts, starts = self.whole.counts, self.whole.offsets[:-1]
        if chosen is not None:
            counts, starts = counts[chosen], starts[chosen]
        found = np.full(len(counts), np.nan)
        some = counts > 0
        found[some] = self._numbers_of("end_at", starts[some])
        return found

    def _codes_of(self, row: int, places: Ints) -> Coding:
        codes: Coding = self.coded.at(row, places)
        return codes

    def _numbers_of(self, name: str, places: Ints) -> Numbers:
        numbers: Any = self.numbers
        return numbers.at(name, places) if name in numbers else np.full(len(places), np.nan)

    def keep_calls(self, calls: Pick, rows: Ints) -> None:
        """Keep only the blocks of these calls, in this order, which are those rows of the calls before."""
        whole, before, self.calls = self.whole, _counted(self.counts), calls
        # Calls are picked several times before any block is asked for: its place follows from the last time alone.
        pick = Pick(self.coded.pick.starts, lambda: whole.places(calls.rows())[1])
        self.coded.keep(pick, lambda: before.places(rows)[1])
        numbers: Any = self.numbers
        numbers.keep(pick)
        self.counts, self._offsets = self.counts[rows], None


def _taken_apart(part: Columns) -> tuple[list[Columns], list[Ints | None], Ints | None]:
    """The plain columns that a part is made of, the uses of their texts, and its rows of these."""
    if isinstance(part, PickedColumns) and not part.codes.own:
        return part.parts.parts, part.parts.uses, part.pick.rows()
    return [part.plain()], [None], None


@dataclass(slots=True)
class PickedColumns(StoredColumns):
    """Columns of parts in memory, which stay as they came; of numbers and ids only the order of rows changes."""

    parts: Any = None
    pick: Any = None

    @classmethod
    def of_rows(
        cls, parts: Sequence[Columns], rows: Ints | None = None, uses: Sequence[Ints | None] | None = None
    ) -> PickedColumns:
        """The calls of these rows of plain columns, one part after the other; all calls for None.

        `uses` says of parts how often their calls have each of their texts, where that is known.
        """
        held = _Parts(list(parts), [None] * len(parts) if uses is None else list(uses))
        pool = Pool()
        listed = [pool.table(part.pool) for part in parts]
        kind = code_type(len(pool.numbers))
        # The first part's codes stay as they are: its texts come first.
        tables: Tables = [None, *(table.astype(kind) for table in listed[1:])]
        pick = Pick(held.starts([len(part) for part in parts]), lambda: rows)
        keys = np.concatenate([part.keys for part in parts])
        return cls(
            pool.texts,
            PickedCodes(pick, held.codes, tables, len(CODED)),
            PickedArrays(pick, held.numbers, _names([part.numbers for part in parts], NUMBERS)),
            PickedIds(pick, held.ids, _names([part.ids for part in parts], IDS)),
            keys if rows is None else keys[rows],
            _PickedBlocks.of_rows(held, tables, pick),
            parts=held,
            pick=pick,
        )

    @property
    def is_stored(self) -> bool:
        """Whether they are on disk: they are in memory."""
        return False

    @property
    def is_picked(self) -> bool:
        """Whether they only say which rows of others they are: they do."""
        return True

    def joined(self, parts: Sequence[Columns]) -> Columns:
        """All calls of the parts in a row, still to be picked."""
        held: list[Columns] = []
        uses: list[Ints | None] = []
        rows: list[Ints] = []
        for part in parts:
            start = sum(map(len, held))
            inner, inner_uses, picked = _taken_apart(part)
            held += inner
            uses += inner_uses
            rows.append(start + (np.arange(len(part)) if picked is None else picked))
        whole = PickedColumns.of_rows(held, np.concatenate(rows), uses)
        whole.origin = Origin.joined([part.origin for part in parts], list(map(len, parts)))
        return whole

    def keep(self, rows: Ints) -> None:
        """Keep only the calls of these rows, in this order."""
        before = self.pick
        self.pick = Pick(before.starts, lambda: before.rows(rows))
        self.keys = self.keys[rows]
        self.origin = None if self.origin is None else self.origin.take(rows)
        self.codes.keep(self.pick, lambda: rows)
        numbers: Any = self.numbers
        ids: Any = self.ids
        numbers.keep(self.pick)
        ids.pick = self.pick
        blocks: Any = self.blocks
        blocks.keep_calls(self.pick, rows)

    def derived(self, name: str, rows: Ints | None = None) -> NDArray[np.float64]:
        """As of columns in memory: of what is kept it is known, and of each part worked out once."""
        arrays = self.parts.derived(name)
        found: NDArray[np.float64] = self.pick.of(arrays, [None] * len(arrays), rows)
        return found

    def take(self, rows: Ints) -> Columns:
        """The calls of these rows, in this order, in memory."""
        if self.codes.own:
            return StoredColumns.take(self, rows)
        picked = self.pick.rows(rows)
        chosen = rows if picked is None else picked
        own = np.searchsorted(self.pick.starts, chosen, "right") - 1
        here = [np.flatnonzero(own == k) for k in range(len(self.parts.parts))]
        taken: list[Columns] = []
        for k, some in enumerate(here):
            part = self.parts.parts[k].take(chosen[some] - self.pick.starts[k])
            part.codes = mapped(part.codes, self.codes.tables[k])
            part.blocks.coded = mapped(part.blocks.coded, self.codes.tables[k])
            part.pool = self.pool
            taken.append(part)
        whole = Columns.concat(taken)
        if len(taken) > 1:
            whole.keep(np.argsort(np.concatenate(here)))
        first = self.codes.tables[0]
        if first is not None:
            whole.codes = whole.codes.astype(first.dtype, copy=False)
            whole.blocks.coded = whole.blocks.coded.astype(first.dtype, copy=False)
        return whole

    def sort_pool(self) -> None:
        """Put the texts in use in order, so that equal calls have equal columns however they came together."""
        used = np.zeros(len(self.pool) + 1, dtype=np.bool_)
        if self.codes.own:
            for matrix in (self.codes, self.blocks.coded):
                for row in range(len(matrix)):
                    used[matrix[row]] = True
        else:
            for k, table in enumerate(self.codes.tables):
                codes = self._used_of(k)
                used[codes if table is None else table[codes]] = True
        table, self.pool = self._sorted(used)
        table[:-1][~used[:-1]] = -1
        self.codes.turn(table)
        self.blocks.coded.turn(table)

    def _used_of(self, number: int) -> Ints:
        """The codes that calls of a part have."""
        part: Columns = self.parts.parts[number]
        first, last = self.pick.starts[number : number + 2].tolist()
        rows = self.pick.rows()
        left = np.full(len(part), rows is None)
        if rows is not None:
            left[rows[(rows >= first) & (rows < last)] - first] = True
        gone = np.flatnonzero(~left)
        # Most often few calls are gone, and to count all is quicker than to pick those that are left.
        some = gone if (few := 2 * len(gone) < len(part)) else np.flatnonzero(left)
        counts = uses_of(part.pool, part.codes[:, some], part.blocks.take(some).coded)
        if not few:
            return np.flatnonzero(counts)
        known = self.parts.uses[number]
        every = uses_of(part.pool, part.codes, part.blocks.coded) if known is None else known
        return np.flatnonzero(every - counts)
