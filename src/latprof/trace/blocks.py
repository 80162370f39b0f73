"""Blocks of many calls as flat columns."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from itertools import chain, pairwise
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.model import BLOCK_TYPES, Block
from latprof.trace.ids import narrowed
from latprof.trace.numbers import (
    Numbers,
    counts_of,
    floats_of,
    join_numbers,
    numbers_of,
    whole_of,
)
from latprof.trace.pool import Codes, Coding, Pool, codes_of, join_codes

__all__ = ["BLOCK_NUMBERS", "INSTANTS", "SIZES", "BlockColumns", "BlockSizes", "BlockStore"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

INSTANTS: Final = ("start_at", "end_at", "result_at")
SIZES: Final = ("characters", "tokens", "signature_characters")
BLOCK_NUMBERS: Final = INSTANTS + SIZES
_FIELDS: Final = (
    "type",
    "end_at",
    "start_at",
    "characters",
    "tokens",
    "name",
    "result_at",
    "signature_characters",
)
_ROW: Final = attrgetter(*_FIELDS)
_WINDOW: Final = 1024
_OTHER: Final = BLOCK_TYPES.index("other")


class BlockColumns(NamedTuple):
    """The blocks of n calls one after the other: those of call i are `offsets[i]` to `offsets[i + 1]`.

    `type` counts in `model.BLOCK_TYPES`; instants (s) and sizes are float64 with NaN for None; `tool` has the
    names of tools.
    """

    offsets: Ints
    type: Ints
    start_at: Floats
    end_at: Floats
    result_at: Floats
    characters: Floats
    tokens: Floats
    signature_characters: Floats
    tool: Codes


class BlockSizes(NamedTuple):
    """Of the blocks of n calls only types and sizes, as `BlockColumns` has them."""

    offsets: Ints
    type: Ints
    characters: Floats
    tokens: Floats
    signature_characters: Floats


@dataclass(slots=True)
class BlockStore:
    """Blocks as they are kept: how many each call has, type and tool's name as codes into a pool, numbers.

    `coded` has the row of types and the row of names; a number that no block has is left out.
    """

    counts: Coding
    coded: Coding
    numbers: MutableMapping[str, Numbers]
    _offsets: Ints | None = None

    @classmethod
    def of(cls, blocks: Sequence[tuple[Block, ...]], pool: Pool) -> BlockStore:
        """Columns of the blocks of some calls."""
        counts = narrowed(np.array([len(items) for items in blocks], dtype=np.int64))
        columns = list(zip(*map(_ROW, chain.from_iterable(blocks)), strict=True))
        if not columns:
            return cls(counts, np.empty((2, 0), dtype=np.int8), {})
        fields = dict(zip(_FIELDS, columns, strict=True))
        made = {name: numbers_of(fields[name]) for name in INSTANTS} | {name: counts_of(fields[name]) for name in SIZES}
        coded = pool.matrix([fields["type"], fields["name"]])
        return cls(
            counts,
            coded,
            {name: column for name, column in made.items() if column is not None},
        )

    @classmethod
    def concat(cls, parts: Sequence[BlockStore], tables: Sequence[Ints], size: int) -> BlockStore:
        """All parts in a row; `tables` lead from each part's pool to one pool of so many texts."""
        sizes = [part.coded.shape[1] for part in parts]
        whole = cls(
            narrowed(np.concatenate([part.counts for part in parts])),
            join_codes([part.coded for part in parts], tables, size),
            {},
        )
        whole.fill(parts, sizes)
        return whole

    def fill(self, parts: Sequence[BlockStore], sizes: Sequence[int]) -> None:
        """Take the numbers of parts with so many blocks."""
        for name in BLOCK_NUMBERS:
            columns = [part.numbers.pop(name, None) for part in parts]
            if any(column is not None for column in columns):
                self.numbers[name] = join_numbers(columns, sizes)

    @property
    def offsets(self) -> Ints:
        """Where the blocks of each call begin, and where those of the last one end; (n + 1,)."""
        if self._offsets is None:
            self._offsets = _ends(self.counts)
        return self._offsets

    def take(self, rows: Ints) -> BlockStore:
        """The blocks of these calls."""
        counts, places = self.places(rows)
        return BlockStore(
            counts,
            self.coded[:, places],
            {name: column[places] for name, column in self.numbers.items()},
        )

    def places(self, rows: Ints) -> tuple[Coding, Ints]:
        """How many blocks each of these calls has, and where they stand."""
        counts = self.counts[rows]
        return counts, _places(self.offsets[:-1][rows], counts)

    def one(self, row: int, pool: Sequence[str]) -> tuple[Block, ...]:
        """The blocks of one call as objects."""
        span = slice(*self.offsets[row : row + 2].tolist())
        numbers = {name: column[span] for name, column in self.numbers.items()}
        return tuple(BlockStore(self.counts[row : row + 1], self.coded[:, span], numbers).flat(pool))

    def number(self, name: str) -> Floats:
        """One number of every block; NaN for None."""
        column = self.numbers.get(name)
        return np.full(self.coded.shape[1], np.nan) if column is None else column.astype(np.float64, copy=False)

    def first_end_at(self, rows: Ints | None = None) -> Floats:
        """The end of the first block of each call, or of some, s."""
        chosen = slice(None) if rows is None else rows
        counts, offsets = self.counts[chosen], self.offsets[:-1][chosen]
        found = np.full(len(counts), np.nan)
        some = counts > 0
        found[some] = self.number("end_at")[offsets[some]]
        return found

    def sizes(self, rows: Ints, pool: Sequence[str]) -> BlockSizes:
        """Types and sizes of the blocks of some calls as plain arrays."""
        counts, places = self.places(rows)
        return BlockSizes(
            _ends(counts),
            _types(self._codes_of(0, places), pool),
            *(self._numbers_of(name, places).astype(np.float64, copy=False) for name in SIZES),
        )

    def some_sizes(self, rows: Ints, names: Sequence[str]) -> list[Floats]:
        """Some of these sizes; NaN for None."""
        places = self.places(rows)[1]
        return [self._numbers_of(name, places).astype(np.float64, copy=False) for name in names]

    def _codes_of(self, row: int, places: Ints) -> Coding:
        """Some codes of one row."""
        codes: Coding = self.coded[row][places]
        return codes

    def _numbers_of(self, name: str, places: Ints) -> Numbers:
        """One number of some blocks."""
        column = self.numbers.get(name)
        return np.full(len(places), np.nan) if column is None else column[places]

    def columns(self, pool: Sequence[str]) -> BlockColumns:
        """Everything as plain arrays."""
        return BlockColumns(
            offsets=self.offsets,
            type=_types(self.coded[0], pool),
            **{name: self.number(name) for name in BLOCK_NUMBERS},
            tool=codes_of(self.coded[1], pool),
        )

    def tuples(self, pool: Sequence[str]) -> Iterator[tuple[Block, ...]]:
        """The blocks of each call as objects."""
        for start in range(0, len(self.counts), _WINDOW):
            part = self.take(np.arange(start, min(start + _WINDOW, len(self.counts))))
            blocks = list(part.flat(pool))
            offsets = part.offsets.tolist()
            yield from (tuple(blocks[first:last]) for first, last in pairwise(offsets))

    def flat(self, pool: Sequence[str]) -> Iterator[Block]:
        """All blocks as objects, one after the other."""
        nothing = [None] * self.coded.shape[1]
        columns: dict[str, Any] = {}
        columns["type"], columns["name"] = (
            [pool[code] if code >= 0 else None for code in row] for row in self.coded.tolist()
        )
        columns |= {name: floats_of(self.numbers[name]) for name in INSTANTS if name in self.numbers}
        columns |= {name: whole_of(self.numbers[name]) for name in SIZES if name in self.numbers}
        return map(Block, *(columns.get(name, nothing) for name in _FIELDS))

    def moved(self, back: Floats) -> BlockStore:
        """The same blocks, those of each call earlier by so many seconds."""
        each = np.repeat(back, self.counts)
        earlier = {name: self.numbers[name] - each for name in INSTANTS if name in self.numbers}
        return BlockStore(self.counts, self.coded, {**self.numbers, **earlier})


def _types(codes: Coding, pool: Sequence[str]) -> Ints:
    """The numbers of types in `BLOCK_TYPES`; that of 'other' for texts that are none."""
    types = np.full(len(pool) + 1, _OTHER, dtype=np.int64)
    for number, name in enumerate(BLOCK_TYPES):
        if name in pool:
            types[pool.index(name)] = number
    return types[codes] if len(codes) else np.empty(0, dtype=np.int64)


def _ends(counts: Coding) -> Ints:
    """Where the first begins, 0, and where each one ends, of which there are so many in a row."""
    ends = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=ends[1:])
    return ends


def _places(starts: Ints, counts: Coding) -> Ints:
    """The numbers from each start on, as many as counted, one run after the other."""
    ends = np.cumsum(counts, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    places: Ints = np.arange(total) + np.repeat(starts - (ends - counts), counts)
    return places
