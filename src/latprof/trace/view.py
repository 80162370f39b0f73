"""Some rows of columns, each column made when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.trace.blocks import BlockSizes, BlockStore
from latprof.trace.columns import CODED, INSTANTS, Columns
from latprof.trace.derived import DERIVED
from latprof.trace.origin import Origin
from latprof.trace.pool import Codes, Coding, coded, codes_of
from latprof.trace.stored import are_many

__all__ = ["View", "order_in_time"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Texts = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class View:
    """The calls of some rows of the columns; all of them for None.

    `texts` and `numbers` take the place of columns; they have the view's length.
    """

    columns: Columns
    rows: Ints | None = None
    texts: Mapping[str, Codes] = field(default_factory=dict)
    numbers: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns) if self.rows is None else len(self.rows)

    @property
    def is_large(self) -> bool:
        """Whether columns that were made of these calls are better made anew than kept."""
        return self.columns.is_stored and are_many(len(self))

    def held(self) -> View:
        """The same calls with their columns in memory."""
        if not (self.columns.is_stored or self.columns.is_picked):
            return self
        rows = np.arange(len(self)) if self.rows is None else self.rows
        return View(self.columns.take(rows), None, self.texts, self.numbers)

    def select(self, rows: Ints) -> View:
        """The calls of these rows of the view."""
        return View(
            self.columns,
            rows if self.rows is None else self.rows[rows],
            {name: codes_of(item.codes[rows], item.categories) for name, item in self.texts.items()},
            {name: column[rows] for name, column in self.numbers.items()},
        )

    def keys(self) -> NDArray[np.uint32]:
        """The checksums of the ids of the calls."""
        return self.columns.keys if self.rows is None else self.columns.keys[self.rows]

    def origin(self, rows: Ints) -> Origin | None:
        """Where some of these calls come from; None where more than projects was changed since."""
        found = self.columns.origin
        if found is None or self.numbers or self.texts.keys() - {"project"}:
            return None
        return found.take(rows if self.rows is None else self.rows[rows])

    def codes(self, name: str) -> Codes:
        """A text column as codes; only the session is never unknown, it may be nameless."""
        if name in self.texts:
            return self.texts[name]
        if name not in CODED:
            return coded(self.text(name))
        column, pool = self.columns.code(name, self.rows), self.columns.pool
        is_empty = "" in pool and name not in {"session_id", "flags"}
        return codes_of(column, pool, pool.index("") if is_empty else -1)

    def text(self, name: str) -> Texts:
        """A text column as objects, None where it is not known. Raises KeyError."""
        if name == "output_tokens_kind":
            return np.where(np.isnan(self.number("output_tokens")), "unknown", "final").astype(np.object_)
        if name in self.texts or name in CODED:
            found = self.codes(name)
            return np.array([*found.categories, None], dtype=np.object_)[found.codes]
        listed = self.columns.call_ids(self.rows) if name == "call_id" else self.columns.texts(name, self.rows)
        column = np.empty(len(self), dtype=np.object_)
        column[:] = [text or None for text in listed]
        return column

    def number(self, name: str) -> Floats:
        """A column of numbers, NaN where it is not known."""
        if name in self.numbers:
            return self.numbers[name]
        return self.columns.derived(name, self.rows) if name in DERIVED else self.columns.number(name, self.rows)

    def blocks(self, rows: Ints | None = None) -> BlockStore:
        """The blocks of these calls, or of some of them."""
        own = rows if self.rows is None else self.rows if rows is None else self.rows[rows]
        return self.columns.blocks if own is None else self.columns.blocks.take(own)

    def sizes_of_blocks(self, rows: Ints) -> BlockSizes:
        """Types and sizes of the blocks of some of these calls."""
        return self.columns.blocks.sizes(rows if self.rows is None else self.rows[rows], self.columns.pool)

    def some_sizes_of_blocks(self, rows: Ints, names: Sequence[str]) -> list[Floats]:
        """Some sizes of the blocks of some of these calls."""
        return self.columns.blocks.some_sizes(rows if self.rows is None else self.rows[rows], names)

    def counts_of_blocks(self) -> Coding:
        """How many blocks each of these calls has."""
        counts = self.columns.blocks.counts
        return counts if self.rows is None else counts.take(self.rows)

    def with_texts(self, texts: Mapping[str, Codes]) -> View:
        """The same calls with other texts in some columns."""
        return replace(self, texts={**self.texts, **texts})

    def moved(self, back: Floats) -> View:
        """The same calls, each earlier by so many seconds with all that is in it."""
        own = self.columns.take(np.arange(len(self)) if self.rows is None else self.rows)
        own.numbers.update({name: own.numbers[name] - back for name in INSTANTS if name in own.numbers})
        own.blocks = own.blocks.moved(back)
        return View(
            own,
            None,
            self.texts,
            {**self.numbers, "tools_span_s": self.number("tools_span_s")},
        )


def order_in_time(columns: Columns) -> Ints | None:
    """Rows by send time, or end where that is not known, then by id; None where they are in order already."""
    sent, last = columns.number("sent_at"), columns.number("last_output_at")
    at = np.where(np.isnan(sent), last, sent)
    at[np.isnan(at)] = np.inf
    is_ordered = bool((at[1:] >= at[:-1]).all())
    order = np.argsort(at, kind="stable")
    ordered = at.take(order)
    same = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(same):
        tied = np.flatnonzero(np.bincount(np.concatenate((same, same + 1)), minlength=len(order)))
        rows = order[tied]
        ids = columns.call_ids(rows)
        places = sorted(range(len(rows)), key=lambda place: (at[rows[place]], ids[place]))
        order[tied] = rows[places]
    return None if is_ordered and (order == np.arange(len(order))).all() else order
