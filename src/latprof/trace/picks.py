"""Entries of arrays that stand in a row, by number: put together when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.trace.by_name import ByName
from latprof.trace.ids import Ids
from latprof.trace.numbers import repeated

__all__ = ["Pick", "PickedArrays", "PickedCodes", "PickedIds", "Tables", "mapped"]

Array = NDArray[Any]
Ints = NDArray[np.int64]
Tables = list[Array | None]


def _no_rows() -> None:
    return None


@dataclass(slots=True)
class Pick:
    """Some entries of arrays that stand in a row, each array from one of `starts` on; `make` gives their numbers."""

    starts: Ints
    make: Callable[[], Ints | None]
    _rows: Ints | None = None
    _is_made: bool = False
    _of_later: list[tuple[int, Ints]] | None = None

    def rows(self, some: Ints | None = None) -> Ints | None:
        """The numbers of the entries, or of some of them; None for all in their order."""
        if not self._is_made:
            self._rows, self._is_made = self.make(), True
            self.make = _no_rows  # what it was made of is let go
        return some if self._rows is None else self._rows if some is None else self._rows[some]

    def of(self, arrays: Sequence[Array], tables: Tables, some: Ints | None = None) -> Array:
        """The entries of these arrays, or some of them; a table says what stands for the codes of an array."""
        rows, first = self.rows(some), arrays[0]
        if rows is None or not len(first):
            found_in = [mapped(array, table) for array, table in zip(arrays, tables, strict=True)]
            whole = found_in[0] if len(found_in) == 1 else np.concatenate(found_in)
            return whole if rows is None else whole[rows]
        if len(arrays) == 1:
            return mapped(_taken(first, rows), tables[0])
        kinds = {array.dtype if table is None else table.dtype for array, table in zip(arrays, tables, strict=True)}
        kind = np.result_type(*kinds)
        later = [
            (here, mapped(arrays[k][rows[here] - self.starts[k]], tables[k]).astype(kind, copy=False))
            for k, here in self._later(rows, is_whole=some is None)
        ]
        if first.strides == (0,):
            one = mapped(first[:1], tables[0]).astype(kind, copy=False)
            if all(others.tobytes() == one.tobytes() * len(others) for _, others in later):
                return repeated(one[0], len(rows))
        # Nearly all entries are those of the first array: the others are put in their places.
        found = mapped(_taken(first, rows), tables[0]).astype(kind, copy=False)
        for here, others in later:
            found[here] = others
        return found

    def everything(self) -> Pick:
        """All entries of the same arrays in their order."""
        return Pick(self.starts, _no_rows)

    def _later(self, rows: Ints, *, is_whole: bool) -> list[tuple[int, Ints]]:
        """Which arrays but the first have any of the entries, and which."""
        if is_whole and self._of_later is not None:
            return self._of_later
        behind = np.flatnonzero(rows >= self.starts[1])
        own = np.searchsorted(self.starts, rows[behind], "right") - 1
        found = [(k, behind[own == k]) for k in np.flatnonzero(np.bincount(own)).tolist()]
        if is_whole:
            self._of_later = found
        return found


def _taken(array: Array, rows: Ints) -> Array:
    """The entries of these rows, something for rows that are beyond; one value may stand for all."""
    return array.take(rows, mode="clip") if array.strides[0] else np.full(len(rows), array[0])


def mapped(codes: Array, table: Array | None) -> Array:
    """What a table says of codes; the codes themselves without one."""
    return codes if table is None else table.take(codes, mode="wrap")  # in half the time of `table[codes]`


@dataclass(slots=True)
class PickedCodes:
    """Rows of codes; `of` gives those of the parts by number, `own` are such as were given."""

    pick: Pick
    of: Callable[[int], list[Array]]
    tables: Tables
    count: int
    own: dict[int, Array] = field(default_factory=dict)
    made: dict[int, Array] = field(default_factory=dict)

    def __getitem__(self, row: int) -> Array:
        if row in self.own:
            return self.own[row]
        if row not in self.made:
            self.made[row] = self.pick.of(self.of(row), self.tables)
        return self.made[row]

    def __setitem__(self, row: int, codes: Array) -> None:
        self.own[row] = codes

    def __len__(self) -> int:
        return self.count

    def part(self, row: int, columns: Ints) -> Array:
        """Some codes of one row."""
        known = self.own.get(row, self.made.get(row))
        return self.pick.of(self.of(row), self.tables, columns) if known is None else known[columns]

    def at(self, row: int, places: Ints) -> Array:
        """Some codes of one row by their places among all of the parts, of which none were given."""
        return self.pick.everything().of(self.of(row), self.tables, places)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and their length."""
        rows = self.pick.rows()
        return self.count, int(self.pick.starts[-1]) if rows is None else len(rows)

    def keep(self, pick: Pick, rows: Callable[[], Ints]) -> None:
        """Go on with another pick, that of these rows."""
        self.pick, self.made = pick, {}
        self.own = {row: codes[rows()] for row, codes in self.own.items()}

    def turn(self, table: Array) -> None:
        """Put other codes in the place of all codes."""
        self.tables = [table if old is None else table[old] for old in self.tables]
        self.own = {row: table[codes] for row, codes in self.own.items()}
        self.made = {row: table[codes] for row, codes in self.made.items()}


@dataclass(slots=True)
class PickedArrays(ByName[Array]):
    """Numbers by name; `of` gives those of the parts."""

    pick: Pick
    of: Callable[[str], list[Array]]
    names: dict[str, None]
    made: dict[str, Array] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Array:
        if name not in self.names:
            raise KeyError(name)
        if name not in self.made:
            arrays = self.of(name)
            self.made[name] = self.pick.of(arrays, [None] * len(arrays))
        return self.made[name]

    def __setitem__(self, name: str, column: Array) -> None:
        raise TypeError("picked columns are read only")

    def known(self) -> dict[str, None]:
        """The names."""
        return self.names

    def __delitem__(self, name: str) -> None:
        ByName.__delitem__(self, name)
        self.made.pop(name, None)

    def part(self, name: str, rows: Ints) -> Array:
        """Some entries of an array. Raises KeyError."""
        if name in self.made:
            return self.made[name][rows]
        if name not in self.names:
            raise KeyError(name)
        arrays = self.of(name)
        return self.pick.of(arrays, [None] * len(arrays), rows)

    def at(self, name: str, places: Ints) -> Array:
        """Some entries of an array by their places among all of the parts. Raises KeyError."""
        arrays = self.of(name)
        return self.pick.everything().of(arrays, [None] * len(arrays), places)

    def keep(self, pick: Pick) -> None:
        """Go on with another pick."""
        self.pick, self.made = pick, {}


@dataclass(slots=True)
class PickedIds(ByName[Ids]):
    """Columns of ids by name."""

    pick: Pick
    of: Callable[[str], list[Ids]]
    names: dict[str, None]

    def __getitem__(self, name: str) -> Ids:
        if name not in self.names:
            raise KeyError(name)
        return self._picked(name, self.pick.rows())

    def __setitem__(self, name: str, ids: Ids) -> None:
        raise TypeError("picked columns are read only")

    def known(self) -> dict[str, None]:
        """The names."""
        return self.names

    def part(self, name: str, rows: Ints) -> Ids:
        """Some ids of a column. Raises KeyError."""
        if name not in self.names:
            raise KeyError(name)
        return self._picked(name, self.pick.rows(rows))

    def _picked(self, name: str, rows: Ints | None) -> Ids:
        parts = self.of(name)
        if rows is None or len(parts) == 1:
            whole = parts[0] if len(parts) == 1 else Ids.concat(parts)
            return whole if rows is None else whole.take(rows)
        own = np.searchsorted(self.pick.starts, rows, "right") - 1
        here = [np.flatnonzero(own == k) for k in range(len(parts))]
        listed = zip(parts, here, self.pick.starts[:-1], strict=True)
        taken = [part.take(rows[some] - start) for part, some, start in listed]
        return Ids.concat(taken).take(np.argsort(np.concatenate(here)))
