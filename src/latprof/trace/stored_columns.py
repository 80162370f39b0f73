"""Columns whose arrays lie on disk: the same calls, the same questions, one column in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.model import Block
from latprof.trace.blocks import BlockStore
from latprof.trace.columns import CODED, Columns
from latprof.trace.ids import Ids, narrowed
from latprof.trace.numbers import Numbers
from latprof.trace.pool import Coding, Pool, code_type
from latprof.trace.stored import Store, StoredArrays, StoredIds, StoredRows

__all__ = ["StoredBlocks", "StoredColumns"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(slots=True)
class StoredBlocks(BlockStore):
    """Blocks of which only the number of each call's is in memory; `coded` are `StoredRows`."""

    coded: Any

    def take(self, rows: Ints) -> BlockStore:
        """The blocks of these calls, in memory."""
        counts, places = self.places(rows)
        coded = np.stack([self._codes_of(row, places) for row in range(len(self.coded))])
        return BlockStore(counts, coded, {name: self._numbers_of(name, places) for name in self.numbers})

    def _codes_of(self, row: int, places: Ints) -> Coding:
        codes: Coding = self.coded.part(row, places)
        return codes

    def _numbers_of(self, name: str, places: Ints) -> Numbers:
        return _part(self.numbers, name, places) if name in self.numbers else np.full(len(places), np.nan)

    def one(self, row: int, pool: Sequence[str]) -> tuple[Block, ...]:
        """The blocks of one call as objects."""
        return tuple(self.take(np.array([row])).flat(pool))

    def first_end_at(self, rows: Ints | None = None) -> Floats:
        """The end of the first block of each call, or of some, s."""
        if rows is None:
            return BlockStore.first_end_at(self)
        found = np.full(len(rows), np.nan)
        some = self.counts[rows] > 0
        if "end_at" in self.numbers:
            found[some] = _part(self.numbers, "end_at", self.offsets[:-1][rows[some]])
        return found

    def keep(self, rows: Ints) -> None:
        """Keep only the blocks of these calls, in this order."""
        counts, places = self.places(rows)
        for row in range(len(self.coded)):
            self.coded[row] = self.coded[row][places]
        for name in self.numbers:
            self.numbers[name] = self.numbers[name][places]
        self.counts, self._offsets = counts, None


@dataclass(slots=True)
class StoredColumns(Columns):
    """Columns of which only texts, checksums and numbers of blocks are in memory; `codes` are `StoredRows`."""

    codes: Any
    blocks: StoredBlocks

    @classmethod
    def of_parts(cls, parts: Sequence[Columns], store: Store) -> StoredColumns:
        """All calls of the parts in a row. The parts are used up."""
        pool, sizes = Pool(), [len(part) for part in parts]
        tables = [pool.table(part.pool) for part in parts]
        kind = code_type(len(pool.numbers))
        codes = _joined([part.codes for part in parts], tables, len(CODED), kind)
        coded = _joined([part.blocks.coded for part in parts], tables, 2, kind)
        block_sizes = [part.blocks.coded.shape[1] for part in parts]
        blocks = StoredBlocks(
            narrowed(np.concatenate([part.blocks.counts for part in parts])),
            StoredRows.of(store, coded),
            StoredArrays(store),
        )
        blocks.fill([part.blocks for part in parts], block_sizes)
        keys = np.concatenate([part.keys for part in parts])
        whole = cls(pool.texts, StoredRows.of(store, codes), StoredArrays(store), StoredIds(store), keys, blocks)
        whole.fill(parts, sizes)
        return whole

    def joined(self, parts: Sequence[Columns]) -> Columns:
        """All calls of the parts in a row, on disk."""
        return StoredColumns.of_parts(parts, Store())

    @property
    def is_stored(self) -> bool:
        """Whether they are on disk, so that each column is read anew when it is asked for."""
        return True

    def keep(self, rows: Ints) -> None:
        """Keep only the calls of these rows, in this order."""
        self.keys = self.keys[rows]
        for row in range(len(self.codes)):
            self.codes[row] = self.codes[row][rows]
        for name in self.numbers:
            self.numbers[name] = self.numbers[name][rows]
        for name in self.ids:
            self.ids[name] = self.ids[name].take(rows)
        self.blocks.keep(rows)

    def sort_pool(self) -> None:
        """Put the texts in use in order, so that equal calls have equal columns however they came together."""
        used = np.zeros(len(self.pool) + 1, dtype=np.bool_)
        matrices = (self.codes, self.blocks.coded)
        for matrix in matrices:
            for row in range(len(matrix)):
                used[matrix[row]] = True
        table, self.pool = self._sorted(used)
        for matrix in matrices:
            for row in range(len(matrix)):
                matrix[row] = table[matrix[row]]

    def plain(self) -> Columns:
        """The same calls in memory."""
        return self.take(np.arange(len(self)))

    def recode(self, pool: tuple[str, ...], codes: Mapping[str, Coding]) -> None:
        """Give some text columns other codes, in a pool that begins with the texts of this one."""
        kind = code_type(len(pool))
        for name, column in codes.items():
            self.codes[CODED.index(name)] = column.astype(kind)
        self.pool = pool

    def take(self, rows: Ints) -> Columns:
        """The calls of these rows, in this order, in memory."""
        return Columns(
            self.pool,
            np.stack([self.codes.part(row, rows) for row in range(len(self.codes))]),
            {name: _part(self.numbers, name, rows) for name in self.numbers},
            {name: self._ids_of(name, rows) for name in self.ids},
            self.keys[rows],
            self.blocks.take(rows),
        )

    def code(self, name: str, rows: Ints | None = None) -> Coding:
        """The codes of one text column, or some of them."""
        row = CODED.index(name)
        column: Coding = self.codes[row] if rows is None else self.codes.part(row, rows)
        return column

    def _numbers_of(self, name: str, rows: Ints) -> Numbers:
        return _part(self.numbers, name, rows)

    def _ids_of(self, name: str, rows: Ints) -> Ids:
        ids: Any = self.ids
        found: Ids = ids.part(name, rows)
        return found


def _part(numbers: Any, name: str, rows: Ints) -> Numbers:
    column: Numbers = numbers.part(name, rows)
    return column


def _joined(parts: Sequence[Any], tables: Sequence[Ints], rows: int, kind: type) -> Iterator[Coding]:
    """Row by row the codes of several pools, as codes of the pool that the tables lead to."""
    short: list[Coding] = [table.astype(kind) for table in tables]
    for row in range(rows):
        yield np.concatenate([table[part[row]] for part, table in zip(parts, short, strict=True)])
