"""Rows of columns whose calls have one id, and which of them tell the same to the last bit: these need no objects."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latprof.trace import Columns
from latprof.trace.blocks import BlockStore
from latprof.trace.columns import CODED, IDS

__all__ = ["Groups", "rows_alike", "told_alike"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Keys that occur once are told from the others by so many of their bits, before the few that are left are put in order.
_BITS: Final = 18
# Who owns a call is decided apart from what is told.
_OWN: Final = frozenset({"session_id", "engineer", "host"})


class Groups(NamedTuple):
    """Rows group by group, each group in order and with two rows or more; it begins at `starts`."""

    rows: Ints
    starts: Ints

    @property
    def sizes(self) -> Ints:
        """The number of rows of each group."""
        return np.diff(self.starts, append=len(self.rows))

    @property
    def first(self) -> Ints:
        """For each of the rows the first of its group."""
        return np.repeat(self.rows[self.starts], self.sizes)

    def listed(self) -> list[Ints]:
        """Each group's rows."""
        return [part for part in np.split(self.rows, self.starts[1:]) if len(part)]

    def parted(self, alike: Mask) -> tuple[Groups, Groups]:
        """The groups of which all rows are alike, and the others."""
        torn = self.any_of(~alike)
        return self._some(~torn), self._some(torn)

    def any_of(self, rows: Mask) -> Mask:
        """The groups with any of these rows."""
        found: Mask = np.logical_or.reduceat(rows, self.starts) if len(self.starts) else np.empty(0, dtype=np.bool_)
        return found

    def _some(self, chosen: Mask) -> Groups:
        sizes = self.sizes[chosen]
        return Groups(self.rows[np.repeat(chosen, self.sizes)], np.cumsum(sizes) - sizes)


def rows_alike(keys: NDArray[np.uint32]) -> Groups:
    """Rows whose keys are equal."""
    ordered = np.sort(keys)
    several = ordered[1:][ordered[1:] == ordered[:-1]]
    likely = np.zeros(1 << _BITS, dtype=np.bool_)
    likely[several >> np.uint32(32 - _BITS)] = True
    some = np.flatnonzero(likely[keys >> np.uint32(32 - _BITS)]) if len(several) else np.empty(0, dtype=np.int64)
    rows = some[np.argsort(keys[some], kind="stable")]
    ordered = keys[rows]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(rows) else rows
    sizes = np.diff(starts, append=len(rows))
    return Groups(rows, starts)._some(sizes > 1)  # noqa: SLF001 - its own


def told_alike(columns: Columns, groups: Groups) -> Mask:
    """Whether calls tell the same as the first of their group, of one source, in every bit but whose it is.

    The columns are those of the groups' rows in their order.
    """
    one, two = np.repeat(groups.starts, groups.sizes), np.arange(len(groups.rows))
    session = columns.code("session_id", one) == columns.code("session_id", two)
    alike: Mask = np.ones(len(one), dtype=np.bool_)
    for name in CODED:
        first, second = columns.code(name, one), columns.code(name, two)
        alike &= (first < 0) == (second < 0) if name in _OWN else first == second
    for name in columns.numbers:
        alike &= _bits(columns.number(name, one)) == _bits(columns.number(name, two))
    has_id = session
    for name in IDS:
        texts = columns.texts(name, one)
        alike &= np.array(
            [text == other for text, other in zip(texts, columns.texts(name, two), strict=True)], np.bool_
        )
        known = np.array([bool(text) for text in texts], dtype=np.bool_)
        # A stated id may be one that is made of others elsewhere; without any id the session is part of it.
        if name == "stated_id":
            alike &= ~known
        else:
            has_id = has_id | known
    alike &= has_id & _same_blocks(columns.blocks, one, two)
    return alike


def _same_blocks(blocks: BlockStore, one: Ints, two: Ints) -> Mask:
    same: Mask = np.asarray(blocks.counts[one] == blocks.counts[two])
    some = np.flatnonzero(same)
    first, second = blocks.take(one[some]), blocks.take(two[some])
    equal = (first.coded == second.coded).all(axis=0)
    for name, column in first.numbers.items():
        equal &= _bits(column.astype(np.float64)) == _bits(second.numbers[name].astype(np.float64))
    owner = np.repeat(some, first.counts)
    same[owner[~equal]] = False
    return same


def _bits(values: NDArray[np.float64]) -> Ints:
    return values.view(np.int64)
