"""Trace -> the observations that the estimator works on: ends of blocks after sending, sizes, covariates."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.blocks import TEXT, TYPES, BlockTable
from latprof.estimate.ordered import quantiles
from latprof.model import BLOCK_TYPES
from latprof.trace import Trace
from latprof.trace.pool import numbered

__all__ = ["AGENTS", "Observed", "Subject", "observe", "spread_out", "take", "usable"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Agents whose block ends the model was shown to read well, against calls with a known truth.
AGENTS: Final = frozenset({"claude-code"})
# Blocks that end closer together than this arrived in one burst.
MIN_SPAN_S: Final = 0.15
# So many signatures beside shown thinking show whether their lengths tell anything; those of Claude models differ
# by a factor of 5 to 21 between the 10th and the 90th percentile.
_FEW_SIGNATURES: Final = 20
_SAME_LENGTH: Final = 1.2
# Blocks of other types are taken for text.
_CODES: Final = np.array([TYPES.index(name) if name in TYPES else TEXT for name in BLOCK_TYPES], dtype=np.int64)


_OF_BLOCKS: Final = ("type", "characters", "signature", "tokens")


@dataclass(frozen=True, slots=True)
class Observed:
    """Calls of one model; all times in s after sending.

    `row` is the row in the trace. `first_s` is the end of the first block, `last_s` the end of the
    response, `spread` whether the time between them can be used. `known_s` is a stated first
    token, `header_s` a time that the first token cannot precede; NaN where there is none.
    `uncached` and `context` count input tokens. `session` numbers the sessions.
    """

    row: Ints
    first_s: Floats
    last_s: Floats
    spread: NDArray[np.bool_]
    known_s: Floats
    header_s: Floats
    tokens: Floats
    uncached: Floats
    context: Floats
    session: Ints
    sent_at: Floats
    blocks: BlockTable

    def __len__(self) -> int:
        return len(self.row)


def usable(trace: Trace) -> NDArray[np.bool_]:
    """Calls that the model can read: plain, with final tokens, a send time and an end."""
    agents = trace.codes("agent")
    read = np.array([*(agent in AGENTS for agent in agents.categories), False])
    has_block = ~np.isnan(trace.numbers["first_block_at"])
    wall = trace.numbers["last_output_at"] - trace.numbers["sent_at"]
    return np.asarray(
        agents.told(read)
        & trace.plain
        & has_block
        & (trace.numbers["output_tokens"] >= 2)
        & (wall > 0)
        & ~trace.flag("whole_seconds")
    )


def spread_out(trace: Trace) -> NDArray[np.bool_]:
    """Calls of which the time between blocks can be used, of all calls of a trace."""
    sent = trace.numbers["sent_at"]
    with np.errstate(all="ignore"):  # calls that nobody asks for may have any numbers
        first, last = (trace.numbers[name] - sent for name in ("first_block_at", "last_output_at"))
        return _spread(first, last, trace.counts_of_blocks(), trace.flag("burst"))


@dataclass(slots=True)
class Subject:
    """The calls of one model, by their rows in the trace; observed are only those that are asked for.

    `sent_at` are their send times. `is_spread` says of all calls of the trace what `spread_out` does, where known.
    """

    trace: Trace
    rows: Ints
    sent_at: Floats
    is_spread: NDArray[np.bool_] | None = None
    _is_telling: bool | None = None

    @classmethod
    def of(cls, trace: Trace, rows: Ints, is_spread: NDArray[np.bool_] | None = None) -> Subject:
        """These calls."""
        return cls(trace, rows, trace.numbers["sent_at"].take(rows), is_spread)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_in_time(self) -> bool:
        """Whether the calls are in the order of time, as they are most often."""
        return bool((self.sent_at[1:] >= self.sent_at[:-1]).all())

    def in_time(self) -> Ints:
        """The places of the calls in the order of time."""
        return np.arange(len(self)) if self.is_in_time else np.argsort(self.sent_at, kind="stable")

    def sessions(self) -> int:
        """How many sessions the calls are of."""
        return int(np.count_nonzero(np.bincount(self.trace.codes("session_id").codes.take(self.rows) + 1)))

    def numbered_sessions(self, places: Ints | slice) -> Ints:
        """A number for the session of each of some calls, from 0 on."""
        sessions, names = self.trace.codes("session_id")
        return numbered(sessions.take(self.rows[places]) + 1, len(names) + 1)[1].astype(np.int64, copy=False)

    def spans(self) -> int:
        """Of how many calls the time between blocks can be used."""
        is_spread = spread_out(self.trace) if self.is_spread is None else self.is_spread
        return int(np.count_nonzero(is_spread.take(self.rows)))

    def known(self) -> int:
        """Of how many calls the first token is stated."""
        if not self.trace.first_output_exactly.any():
            return 0
        some = np.flatnonzero(self.trace.first_output_exactly.take(self.rows))
        return int((self.trace.numbers["first_output_at"].take(self.rows[some]) > self.sent_at[some]).sum())

    @property
    def is_telling(self) -> bool:
        """Whether the lengths of signatures tell of thinking that is shown beside them."""
        if self._is_telling is None:
            self._is_telling = _is_telling(self.trace.shown_signatures(self.rows))
        return self._is_telling

    def observed(self, places: Ints | slice) -> Observed:
        """The observations of some of the calls."""
        trace, rows = self.trace, self.rows[places]
        sent = self.sent_at[places]
        blocks, count = _table(trace, rows, is_telling=self.is_telling)
        first = trace.numbers["first_block_at"].take(rows) - sent
        last = trace.numbers["last_output_at"].take(rows) - sent
        stated = trace.first_output_exactly.take(rows)
        known = np.where(stated, trace.numbers["first_output_at"].take(rows) - sent, np.nan)
        inputs = trace.numbers["input_tokens"].take(rows)
        cached = _or_nothing(trace.numbers["cache_read_tokens"].take(rows))
        return Observed(
            row=rows,
            first_s=np.maximum(first, 1e-3),
            last_s=np.maximum(last, 1e-3),
            spread=_spread(first, last, count, trace.flag("burst").take(rows)),
            known_s=np.where(known > 0, known, np.nan),
            header_s=np.maximum(trace.numbers["headers_at"].take(rows) - sent, 0.0),
            tokens=trace.numbers["output_tokens"].take(rows),
            uncached=_or_nothing(np.maximum(inputs - cached, 0.0)),
            context=_or_nothing(inputs),
            session=self.numbered_sessions(places),
            sent_at=sent,
            blocks=blocks,
        )


def observe(trace: Trace, rows: Ints) -> Observed:
    """The observations of the given rows of the trace, all of one model."""
    return Subject.of(trace, rows).observed(slice(None))


def _spread(
    first: Floats, last: Floats, count: NDArray[np.signedinteger[Any]], is_burst: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    return np.asarray((count > 1) & (last - first >= MIN_SPAN_S) & ~is_burst & (first > 0))


def take(observed: Observed, rows: Ints) -> Observed:
    """The observations of some calls."""
    starts = observed.blocks.start
    flat, begin, _ = _flat(starts, np.append(starts[1:], len(observed.blocks.type)), rows)
    blocks = BlockTable(begin, **{name: getattr(observed.blocks, name)[flat] for name in _OF_BLOCKS})
    columns = {name: getattr(observed, name)[rows] for name in observed.__slots__ if name != "blocks"}
    return Observed(**columns, blocks=blocks)


def _flat(starts: Ints, ends: Ints, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """The blocks of some calls one after the other, where each call begins among them, and its number of blocks."""
    counts = ends[rows] - starts[rows]
    begin = np.cumsum(counts) - counts
    return np.repeat(starts[rows] - begin, counts) + np.arange(counts.sum()), begin, counts


def _table(trace: Trace, rows: Ints, *, is_telling: bool) -> tuple[BlockTable, Ints]:
    columns = trace.sizes_of_blocks(rows)
    characters, signature = _or_nothing(columns.characters), _or_nothing(columns.signature_characters)
    if not is_telling:
        signature = np.where((characters > 0) & (signature > 0), 0.0, signature)
    types = _CODES.take(columns.type)
    table = BlockTable(columns.offsets[:-1], types, characters, signature, columns.tokens)
    return table, np.diff(columns.offsets)


def _or_nothing(counts: Floats) -> Floats:
    """The same with 0 for what is not known."""
    if np.isinf(counts).any():
        return np.nan_to_num(counts)
    return np.where(np.isnan(counts), 0.0, counts)


def _is_telling(lengths: Floats) -> bool:
    """Whether signatures beside shown thinking are of different lengths, or too few to tell.

    Signatures of Claude models grow with the thinking; those that a gateway fills in do not, and would hide
    what the shown characters tell.
    """
    if len(lengths) < _FEW_SIGNATURES:
        return True
    low, high = quantiles(lengths, (0.1, 0.9)).tolist()
    return bool(high > _SAME_LENGTH * low)
