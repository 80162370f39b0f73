"""What is kept of many calls: columns, not objects, without a loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import field, fields
from itertools import chain
from operator import attrgetter
from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.model import Call
from latprof.trace.blocks import INSTANTS as BLOCK_INSTANTS
from latprof.trace.blocks import SIZES as BLOCK_SIZES
from latprof.trace.blocks import BlockStore
from latprof.trace.derived import shown_signature, tools_span_s
from latprof.trace.ids import Ids, narrowed
from latprof.trace.numbers import (
    Numbers,
    counts_of,
    floats_of,
    join_numbers,
    nothing,
    numbers_of,
    whole_of,
)
from latprof.trace.origin import Origin
from latprof.trace.pool import Coding, Pool, code_type, join_codes

try:
    from latprof.trace import _native_columns
except ImportError:  # not compiled on this machine: the Python code gives the same columns
    _compiled: Any = None
else:
    _compiled = _native_columns

__all__ = ["CODED", "COUNTS", "IDS", "INSTANTS", "LAYOUT", "NUMBERS", "Columns", "is_compiled", "keys_of", "uses_of"]

Ints = NDArray[np.int64]
Keys = NDArray[np.uint32]

CODED: Final = (
    "agent", "agent_version", "session_id", "agent_id", "provider", "model", "requested_model", "project", "host",
    "engineer", "effort", "speed_mode", "trigger", "sent_source", "first_output_source", "last_output_source",
    "output_tokens_source", "load", "stop_reason", "told_by", "flags", "reader",
)  # fmt: skip
IDS: Final = ("message_id", "request_id", "stated_id")
INSTANTS: Final = (
    "trigger_at",
    "sent_at",
    "headers_at",
    "first_output_at",
    "last_output_at",
)
COUNTS: Final = (
    "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "attempts",
)  # fmt: skip
_TIMES: Final = (*INSTANTS, "tool_s")
NUMBERS: Final = _TIMES + COUNTS
_FIELDS: Final = tuple(item.name for item in fields(Call))
_ROW: Final = attrgetter(*_FIELDS)
_WINDOW: Final = 1024
# For compiled code, to be compared with what it was compiled for.
LAYOUT: Final = tuple(map(" ".join, (CODED, IDS, _TIMES, COUNTS, BLOCK_INSTANTS, BLOCK_SIZES)))
if _compiled is not None and (CODED[:-2], _TIMES, COUNTS) != _compiled.LAYOUT[:3]:
    _compiled = None  # of another version


@dataclass(slots=True)
class Columns:
    """Calls in the order they came.

    `codes` (texts of few values, n) counts in `pool`, -1 stands for None; its rows are those of `CODED`, where
    `flags` are joined by blanks and `reader` names the format that told the call. `numbers` and `ids` leave out
    a column that is None everywhere. `keys` (n,) are checksums of the call ids: equal ids have equal ones. Calls that
    were read in an earlier run may have an `origin`, and what was `worked_out` of their blocks.
    """

    pool: tuple[str, ...]
    codes: Coding
    numbers: MutableMapping[str, Numbers]
    ids: MutableMapping[str, Ids]
    keys: Keys
    blocks: BlockStore
    origin: Origin | None = None
    worked_out: dict[str, Numbers] = field(default_factory=dict)

    @classmethod
    def of(cls, calls: Sequence[Call], reader: str = "") -> Columns:
        """The columns of some calls that one reader told."""
        return cls._of_many(calls, reader) if calls and _compiled is not None else cls._of_any(calls, reader)

    @classmethod
    def _of_many(cls, calls: Sequence[Call], reader: str) -> Columns:
        """By the compiled extension."""
        pool = Pool()
        words, of_blocks, codes, numbers, keys = _compiled.columns_of(list(calls), reader, pool.numbers)
        kind = code_type(len(pool.numbers))
        counts = narrowed(np.array([len(call.blocks) for call in calls], dtype=np.int64))
        ids = {name: Ids.of(list(map(attrgetter(name), calls))) for name in IDS}
        return cls(
            pool.texts,
            codes.astype(kind),
            numbers,
            {name: column for name, column in ids.items() if column is not None},
            keys,
            BlockStore(counts, words.astype(kind), of_blocks),
        )

    @classmethod
    def _of_any(cls, calls: Sequence[Call], reader: str) -> Columns:
        """In Python."""
        rows = list(map(_ROW, calls))
        values: dict[str, Any] = dict(
            zip(
                _FIELDS,
                zip(*rows, strict=True) if rows else ((),) * len(_FIELDS),
                strict=True,
            )
        )
        pool = Pool()
        blocks = BlockStore.of(values["blocks"], pool)
        values["reader"] = (reader,) * len(rows)
        joined = {flags: " ".join(flags) for flags in dict.fromkeys(values["flags"])}
        values["flags"] = [joined[flags] for flags in values["flags"]]
        codes = pool.matrix([values[name] for name in CODED])
        kind = code_type(len(pool.numbers))
        blocks.coded = blocks.coded.astype(kind)
        numbers = {name: numbers_of(values[name]) for name in _TIMES} | {
            name: counts_of(values[name]) for name in COUNTS
        }
        ids = {name: Ids.of(values[name]) for name in IDS}
        first = [items[0].end_at if items else None for items in values["blocks"]]
        return cls(
            pool.texts,
            codes.astype(kind),
            {name: column for name, column in numbers.items() if column is not None},
            {name: column for name, column in ids.items() if column is not None},
            keys_of(_call_ids(values, first)),
            blocks,
        )

    @classmethod
    def none(cls) -> Columns:
        """No calls."""
        return cls.of(())

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def is_stored(self) -> bool:
        """Whether they are on disk, so that each column is read anew when it is asked for."""
        return False

    @property
    def is_picked(self) -> bool:
        """Whether they only say which rows of others they are."""
        return False

    def plain(self) -> Columns:
        """The same calls with every column in memory."""
        return self

    @classmethod
    def concat(cls, parts: Sequence[Columns]) -> Columns:
        """All calls of the parts in a row. The parts are used up: each column is let go as soon as it is copied."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.none()
        first = next((part for part in parts if part.is_stored), None)
        first = first or next((part for part in parts if part.is_picked), parts[0])
        return first.joined(parts)

    def joined(self, parts: Sequence[Columns]) -> Columns:
        """All calls of the parts in a row, kept as these are."""
        pool, sizes = Pool(), [len(part) for part in parts]
        tables = [pool.table(part.pool) for part in parts]
        size = len(pool.numbers)
        whole = Columns(
            pool.texts, join_codes([part.codes for part in parts], tables, size), {}, {},
            np.concatenate([part.keys for part in parts]),
            BlockStore.concat([part.blocks for part in parts], tables, size),
        )  # fmt: skip
        whole.fill(parts, sizes)
        return whole

    def fill(self, parts: Sequence[Columns], sizes: Sequence[int]) -> None:
        """Take numbers and ids from parts of these sizes."""
        for name in NUMBERS:
            columns = [part.numbers.pop(name, None) for part in parts]
            if any(column is not None for column in columns):
                self.numbers[name] = join_numbers(columns, sizes)
        for name in IDS:
            texts = [part.ids.pop(name, None) for part in parts]
            if any(text is not None for text in texts):
                known = [Ids.nothing(n) if text is None else text for text, n in zip(texts, sizes, strict=True)]
                self.ids[name] = Ids.concat(known)

    def keep(self, rows: Ints) -> None:
        """Keep only the calls of these rows, in this order."""
        self.codes, self.keys, self.worked_out = self.codes[:, rows], self.keys[rows], {}
        self.origin = None if self.origin is None else self.origin.take(rows)
        for name in self.numbers:
            self.numbers[name] = self.numbers[name][rows]
        for name in self.ids:
            self.ids[name] = self.ids[name].take(rows)
        self.blocks = self.blocks.take(rows)

    def sort_pool(self) -> None:
        """Put the texts in use in order, so that equal calls have equal columns however they came together."""
        used = uses_of(self.pool, self.codes, self.blocks.coded) > 0
        table, self.pool = self._sorted(used)
        self.codes, self.blocks.coded = table[self.codes], table[self.blocks.coded]

    def _sorted(self, used: NDArray[np.bool_]) -> tuple[Coding, tuple[str, ...]]:
        """The texts in use in order, and where each text of the pool stands among them; its last entry is for None."""
        order = sorted(np.flatnonzero(used[: len(self.pool)]).tolist(), key=self.pool.__getitem__)
        table = np.empty(len(self.pool) + 1, dtype=code_type(len(order) + 1))
        table[order] = np.arange(len(order))
        table[-1] = -1
        return table, tuple(self.pool[code] for code in order)

    def recode(self, pool: tuple[str, ...], codes: Mapping[str, Coding]) -> None:
        """Give some text columns other codes, in a pool that begins with the texts of this one."""
        self.codes = self.codes.astype(code_type(len(pool)))
        for name, column in codes.items():
            self.codes[CODED.index(name)] = column
        self.pool = pool

    def take(self, rows: Ints) -> Columns:
        """The calls of these rows, in this order; these columns stay as they are."""
        taken = Columns(
            self.pool,
            self.codes,
            dict(self.numbers),
            dict(self.ids),
            self.keys,
            self.blocks,
        )
        taken.keep(rows)
        return taken

    def code(self, name: str, rows: Ints | None = None) -> Coding:
        """The codes of one text column, or some of them."""
        column: Coding = self.codes[CODED.index(name)]
        return column if rows is None else column[rows]

    def number(self, name: str, rows: Ints | None = None) -> NDArray[np.float64]:
        """One number of every call, or of some; NaN for None. Not to be changed."""
        if name not in self.numbers:
            return nothing(len(self) if rows is None else len(rows))
        column = self.numbers[name] if rows is None else self._numbers_of(name, rows)
        return column.astype(np.float64, copy=False)

    def derived(self, name: str, rows: Ints | None = None) -> NDArray[np.float64]:
        """One of the numbers that follow from the blocks of every call, or of some; NaN where it is not known."""
        if name == "first_block_at":
            return self.blocks.first_end_at(rows)
        blocks = self.blocks if rows is None else self.blocks.take(rows)
        if name == "shown_signature":
            return shown_signature(blocks)
        return tools_span_s(blocks, self.pool, self.number("tool_s", rows))

    def _numbers_of(self, name: str, rows: Ints) -> Numbers:
        return self.numbers[name][rows]

    def _ids_of(self, name: str, rows: Ints) -> Ids:
        return self.ids[name].take(rows)

    def texts(self, name: str, rows: Ints | None = None) -> list[str | None]:
        """An id or a text of few values of every call, or of some."""
        if name in CODED:
            pool = [*self.pool, None]
            return [pool[code] for code in self.code(name, rows).tolist()]
        if name not in self.ids:
            return [None] * (len(self) if rows is None else len(rows))
        return (self.ids[name] if rows is None else self._ids_of(name, rows)).texts()

    def call_ids(self, rows: Ints | None = None) -> list[str]:
        """`Call.call_id` of every call, or of some."""
        values: dict[str, Any] = {name: self.texts(name, rows) for name in ("agent", "session_id", "model", *IDS)}
        values |= {name: floats_of(self.number(name, rows)) for name in ("last_output_at", "sent_at")}
        return _call_ids(values, floats_of(self.blocks.first_end_at(rows)))

    def calls(self) -> Iterator[Call]:
        """Every call as an object; not all of them at a time."""
        for start in range(0, len(self), _WINDOW):
            yield from _objects(self.take(np.arange(start, min(start + _WINDOW, len(self)))))


def _objects(columns: Columns) -> Iterator[Call]:
    values: dict[str, Any] = {name: columns.texts(name) for name in (*CODED, *IDS)}
    numbers, nothing = columns.numbers, [None] * len(columns)
    for names, listed in ((_TIMES, floats_of), (COUNTS, whole_of)):
        values |= {name: listed(numbers[name]) if name in numbers else nothing for name in names}
    split = {text: tuple(text.split()) for text in set(values["flags"])}
    values["flags"] = [split[text] for text in values["flags"]]
    values["blocks"] = list(columns.blocks.tuples(columns.pool))
    return map(Call, *(values[name] for name in _FIELDS))


def is_compiled() -> bool:
    """Whether the compiled extension is there."""
    return _compiled is not None


def uses_of(pool: Sequence[str], *codes: Coding) -> Ints:
    """How often each text of the pool occurs in these rows of codes, (texts,)."""
    counts = np.zeros(len(pool) + 1, dtype=np.int64)
    for row in chain.from_iterable(codes):
        counts += np.bincount(row + np.int64(1), minlength=len(counts))
    return counts[1:]


def keys_of(call_ids: Sequence[str]) -> Keys:
    """Checksums of ids: two calls with one id have one checksum, and few others share it."""
    return np.array(
        [crc32(text.encode("utf-8", "surrogatepass")) for text in call_ids],
        dtype=np.uint32,
    )


def _call_ids(values: Mapping[str, Sequence[Any]], first_block_at: Sequence[float | None]) -> list[str]:
    """As `Call.call_id` says."""
    ids: list[str] = []
    names = (
        "agent",
        "session_id",
        "message_id",
        "request_id",
        "stated_id",
        "model",
        "last_output_at",
        "sent_at",
    )
    for agent, session, message, request, stated, model, last, sent, first in zip(
        *(values[name] for name in names), first_block_at, strict=True
    ):
        if stated:
            ids.append(stated)
        elif request:
            ids.append(f"{agent}/{message or ''}/{request}")
        else:
            stamp = next(
                (str(round(at * 1000)) for at in (first, last, sent) if at is not None),
                "",
            )
            ids.append(f"{agent}/{message or f'{session}:'}/{model or ''}/{stamp}")
    return ids
