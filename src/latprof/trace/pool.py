"""Texts of few values as codes into one pool of texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from typing import Any, Final, NamedTuple, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.trace.numbers import repeated

__all__ = ["CodeRows", "Codes", "Coding", "Pool", "code_type", "coded", "codes_of", "join_codes", "numbered", "renamed"]

T = TypeVar("T", bound=np.generic)

_MOST: Final = tuple((kind, int(np.iinfo(kind).max)) for kind in (np.int8, np.int16, np.int32))

Ints = NDArray[np.int64]
# Codes in the smallest signed type that holds them; -1 stands for None.
Coding = NDArray[np.signedinteger[Any]]
# A table of so many places costs less than to sort some thousand numbers.
_MOST_PLACES: Final = 65_536
_FEW_TEXTS: Final = 16


class Codes(NamedTuple):
    """A text column of few values: `categories[codes[row]]` is the text of a row, code -1 stands for None.

    The categories are sorted and all occur. Codes are not to be changed.
    """

    codes: Ints
    categories: tuple[str, ...]

    @property
    def is_one(self) -> bool:
        """Whether it is known that all rows have one code."""
        return len(self.codes) > 0 and self.codes.strides == (0,)

    def told(self, table: NDArray[T]) -> NDArray[T]:
        """What a table tells of each row's code, not to be changed; its last entry is that of None."""
        if self.is_one:
            return repeated(table[self.codes[0]], len(self.codes))
        if len(table) and (table == table[0]).all():  # such as a flag that no call carries
            return repeated(table[0], len(self.codes))
        return table.take(self.codes, mode="wrap")

    def counts(self, where: NDArray[np.bool_] | None = None) -> Counter[str | None]:
        """How many rows have each text, or how many of some; in the order of their first rows."""
        if self.is_one:
            count = len(self.codes) if where is None else int(np.count_nonzero(where))
            return Counter({(*self.categories, None)[self.codes[0]]: count} if count else {})
        found = (self.codes if where is None else self.codes[where]) + 1
        numbers = np.bincount(found, minlength=len(self.categories) + 1)
        first: Any = np.empty(len(numbers), dtype=np.int64)
        if len(numbers) > _FEW_TEXTS:
            first[found[::-1]] = np.arange(len(found))[::-1]
        else:  # to look for each of few takes a quarter of the time
            first = [int((found == number).argmax()) if count else 0 for number, count in enumerate(numbers.tolist())]
        some = sorted(np.flatnonzero(numbers).tolist(), key=first.__getitem__)
        return Counter({(None, *self.categories)[number]: int(numbers[number]) for number in some})


@dataclass(frozen=True, slots=True)
class CodeRows:
    """Codes of several text columns as one row of codes each, which need not lie in one piece of memory.

    They are asked as an array (columns, rows) is: for a column, or for some rows of all columns.
    """

    rows: list[Coding]

    @overload
    def __getitem__(self, asked: int) -> Coding: ...
    @overload
    def __getitem__(self, asked: tuple[slice, Ints]) -> Coding: ...
    def __getitem__(self, asked: int | tuple[slice, Ints]) -> Coding:
        """The codes of a column, or of some rows of a range of columns."""
        if isinstance(asked, int):
            return self.rows[asked]
        return np.stack([row[asked[1]] for row in self.rows[asked[0]]])

    def __iter__(self) -> Iterator[Coding]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(slots=True)
class Pool:
    """Gives each text a number, in the order in which they come."""

    numbers: dict[Any, int] = field(default_factory=lambda: {None: -1})

    def matrix(self, columns: Sequence[Sequence[str | None]]) -> Coding:
        """Codes of columns of equal length, one row per column."""
        numbers = self.numbers
        codes = np.empty((len(columns), len(columns[0])), dtype=np.int32)
        for row, column in enumerate(columns):
            distinct = dict.fromkeys(column)
            for text in distinct:
                numbers.setdefault(text, len(numbers) - 1)
            codes[row] = numbers[column[0]] if len(distinct) == 1 else [numbers[text] for text in column]
        return codes

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts by number."""
        return tuple(self.numbers)[1:]

    def number(self, text: str | None) -> int:
        """The number of a text; -1 for None."""
        return self.numbers.setdefault(text, len(self.numbers) - 1)

    def table(self, texts: Sequence[str]) -> Ints:
        """Where the texts of another pool stand in this one; its last entry is for None."""
        numbers = self.numbers
        found = [numbers.setdefault(text, len(numbers) - 1) for text in texts]
        return np.array([*found, -1], dtype=np.int64)


def join_codes(parts: Sequence[Coding], tables: Sequence[Ints], size: int) -> Coding:
    """Codes of several pools in a row, as codes of the pool of `size` texts that the tables lead to."""
    rows, total = parts[0].shape[0], sum(part.shape[1] for part in parts)
    whole = np.empty((rows, total), dtype=code_type(size))
    start = 0
    for part, table in zip(parts, tables, strict=True):
        end = start + part.shape[1]
        whole[:, start:end] = table[part]
        start = end
    return whole


def coded(values: Iterable[str | None]) -> Codes:
    """The codes of texts, whatever their number."""
    column = list(values)
    categories = tuple(sorted({text for text in column if text is not None}))
    number: dict[str | None, int] = {text: code for code, text in enumerate(categories)} | {None: -1}
    return Codes(np.array([number[text] for text in column], dtype=np.int64), categories)


def codes_of(column: Coding, texts: Sequence[str], nothing: int = -1) -> Codes:
    """Codes with sorted categories that all occur; the code of `nothing` stands for None, too."""
    if len(column) and column[0] == column[-1] and (column == column[0]).all():  # most columns, and quickly seen
        only = -1 if column[0] == nothing else int(column[0])
        return Codes(repeated(np.int64(min(only, 0)), len(column)), () if only < 0 else (texts[only],))
    present = np.zeros(len(texts) + 1, dtype=np.bool_)
    present[column] = True
    present[nothing] = False
    used = np.flatnonzero(present[:-1])
    order = sorted(used.tolist(), key=texts.__getitem__)
    if not order and len(column):
        return Codes(repeated(np.int64(-1), len(column)), ())
    table = np.full(len(texts) + 1, -1, dtype=np.int64)
    table[order] = np.arange(len(order))
    # In half the time of `table[column]`.
    return Codes(table.take(column, mode="wrap"), tuple(texts[code] for code in order))


def numbered(codes: Ints, size: int) -> tuple[Ints, Ints]:
    """Different numbers, all from 0 to below `size`, from small to large, and the place of each among them.

    As `np.unique` gives them, with a table instead of an order where there is room for one.
    """
    if size > _MOST_PLACES + 4 * len(codes):
        found, place = np.unique(codes, return_inverse=True)
        return found, place
    present = np.zeros(size, dtype=np.bool_)
    present[codes] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1).take(codes)


def renamed(column: Codes, rename: Callable[[str], str]) -> Codes:
    """The codes of what a function makes of the texts."""
    names = [rename(text) for text in column.categories]
    categories = tuple(sorted(set(names)))
    number = {name: code for code, name in enumerate(categories)}
    table = np.array([*(number[name] for name in names), -1], dtype=np.int64)
    return Codes(table.take(column.codes, mode="wrap"), categories)


def code_type(size: int) -> type[np.signedinteger[Any]]:
    """The smallest type for codes of so many texts."""
    return next(kind for kind, most in _MOST if size <= most)
