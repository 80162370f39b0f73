"""Trace -> the observations that the estimator works on: ends of blocks after sending, sizes, covariates."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.blocks import TEXT, TYPES, BlockTable
from latprof.estimate.ordered import quantiles
from latprof.model import BLOCK_TYPES
from latprof.trace import Trace
from latprof.trace.pool import numbered

__all__ = ["AGENTS", "Observed", "cut", "observe", "take", "usable"]

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
        read[agents.codes]
        & trace.plain
        & has_block
        & (trace.numbers["output_tokens"] >= 2)
        & (wall > 0)
        & ~trace.flag("whole_seconds")
    )


def observe(trace: Trace, rows: Ints) -> Observed:
    """The observations of the given rows of the trace."""
    sent = trace.numbers["sent_at"].take(rows)
    blocks, count = _table(trace, rows)
    first = trace.numbers["first_block_at"].take(rows) - sent
    last = trace.numbers["last_output_at"].take(rows) - sent
    known = np.where(trace.first_output_exactly.take(rows), trace.numbers["first_output_at"].take(rows) - sent, np.nan)
    inputs = trace.numbers["input_tokens"].take(rows)
    cached = _or_nothing(trace.numbers["cache_read_tokens"].take(rows))
    sessions, names = trace.codes("session_id")
    labels = numbered(sessions.take(rows) + 1, len(names) + 1)[1]
    return Observed(
        row=rows,
        first_s=np.maximum(first, 1e-3),
        last_s=np.maximum(last, 1e-3),
        spread=(count > 1) & (last - first >= MIN_SPAN_S) & ~trace.flag("burst").take(rows) & (first > 0),
        known_s=np.where(known > 0, known, np.nan),
        header_s=np.maximum(trace.numbers["headers_at"].take(rows) - sent, 0.0),
        tokens=trace.numbers["output_tokens"].take(rows),
        uncached=_or_nothing(np.maximum(inputs - cached, 0.0)),
        context=_or_nothing(inputs),
        session=labels.astype(np.int64, copy=False),
        sent_at=sent,
        blocks=blocks,
    )


def take(observed: Observed, rows: Ints) -> Observed:
    """The observations of some calls."""
    starts = observed.blocks.start
    flat, begin, _ = _flat(starts, np.append(starts[1:], len(observed.blocks.type)), rows)
    blocks = BlockTable(begin, **{name: getattr(observed.blocks, name)[flat] for name in _OF_BLOCKS})
    columns = {name: getattr(observed, name)[rows] for name in observed.__slots__ if name != "blocks"}
    return Observed(**columns, blocks=blocks)


def cut(observed: Observed, begin: int, end: int) -> Observed:
    """The observations of calls next to each other, without a copy."""
    starts = observed.blocks.start
    first = int(starts[begin]) if begin < end else 0
    last = int(starts[end]) if end < len(starts) else len(observed.blocks.type)
    columns = {name: getattr(observed.blocks, name)[first:last] for name in _OF_BLOCKS}
    blocks = BlockTable(starts[begin:end] - first, **columns)
    return Observed(
        **{name: getattr(observed, name)[begin:end] for name in observed.__slots__ if name != "blocks"}, blocks=blocks
    )


def _flat(starts: Ints, ends: Ints, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """The blocks of some calls one after the other, where each call begins among them, and its number of blocks."""
    counts = ends[rows] - starts[rows]
    begin = np.cumsum(counts) - counts
    return np.repeat(starts[rows] - begin, counts) + np.arange(counts.sum()), begin, counts


def _table(trace: Trace, rows: Ints) -> tuple[BlockTable, Ints]:
    columns = trace.sizes_of_blocks(rows)
    table = BlockTable(
        columns.offsets[:-1],
        _CODES.take(columns.type),
        _or_nothing(columns.characters),
        _or_nothing(columns.signature_characters),
        columns.tokens,
    )
    return replace(table, signature=_telling(table)), np.diff(columns.offsets)


def _or_nothing(counts: Floats) -> Floats:
    """The same with 0 for what is not known."""
    if np.isinf(counts).any():
        return np.nan_to_num(counts)
    return np.where(np.isnan(counts), 0.0, counts)


def _telling(table: BlockTable) -> Floats:
    """Characters of the signatures, 0 where the thinking is shown and the signatures are all about as long.

    Signatures of Claude models grow with the thinking; those that a gateway fills in do not, and would hide
    what the shown characters tell.
    """
    shown = (table.characters > 0) & (table.signature > 0)
    if np.count_nonzero(shown) < _FEW_SIGNATURES:
        return table.signature
    low, high = quantiles(table.signature[shown], (0.1, 0.9)).tolist()
    return table.signature if high > _SAME_LENGTH * low else np.where(shown, 0.0, table.signature)
