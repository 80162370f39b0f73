"""Trace -> the observations that the estimator works on: ends of blocks after sending, sizes, covariates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.estimate.calibrate import BlockTable
from latprof.trace import Trace

__all__ = ["AGENTS", "Observed", "observe", "usable"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Agents whose block ends the model was shown to read well, against calls with a known truth.
AGENTS: Final = frozenset({"claude-code"})
# Blocks that end closer together than this arrived in one burst.
MIN_SPAN_S: Final = 0.15
_CODE: Final = {"thinking": 0, "text": 1, "tool_use": 2}


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
    agents = np.fromiter((agent in AGENTS for agent in trace.texts["agent"]), dtype=np.bool_, count=len(trace))
    has_block = ~np.isnan(trace.numbers["first_block_at"])
    wall = trace.numbers["last_output_at"] - trace.numbers["sent_at"]
    return (
        agents
        & trace.plain
        & has_block
        & (trace.numbers["output_tokens"] >= 2)
        & (wall > 0)
        & ~trace.flag("whole_seconds")
    )


def observe(trace: Trace, rows: Ints) -> Observed:
    """The observations of the given rows of the trace."""
    sent = trace.numbers["sent_at"][rows]
    blocks, count = _table(trace, rows)
    first = trace.numbers["first_block_at"][rows] - sent
    last = trace.numbers["last_output_at"][rows] - sent
    known = np.where(trace.first_output_exactly[rows], trace.numbers["first_output_at"][rows] - sent, np.nan)
    inputs = trace.numbers["input_tokens"][rows]
    cached = np.nan_to_num(trace.numbers["cache_read_tokens"][rows])
    labels = np.unique(trace.texts["session_id"][rows].astype(str), return_inverse=True)[1]
    return Observed(
        row=rows,
        first_s=np.maximum(first, 1e-3),
        last_s=np.maximum(last, 1e-3),
        spread=(count > 1) & (last - first >= MIN_SPAN_S) & ~trace.flag("burst")[rows] & (first > 0),
        known_s=np.where(known > 0, known, np.nan),
        header_s=np.maximum(trace.numbers["headers_at"][rows] - sent, 0.0),
        tokens=trace.numbers["output_tokens"][rows],
        uncached=np.nan_to_num(np.maximum(inputs - cached, 0.0)),
        context=np.nan_to_num(inputs),
        session=labels.astype(np.int64),
        sent_at=sent,
        blocks=blocks,
    )


def _table(trace: Trace, rows: Ints) -> tuple[BlockTable, Ints]:
    types: list[int] = []
    characters: list[float] = []
    signatures: list[float] = []
    tokens: list[float] = []
    counts = np.zeros(len(rows), dtype=np.int64)
    for number, row in enumerate(rows):
        blocks = trace.blocks[row]
        counts[number] = len(blocks)
        for block in blocks:
            types.append(_CODE.get(block.type, 1))
            characters.append(block.characters or 0.0)
            signatures.append(block.signature_characters or 0.0)
            tokens.append(np.nan if block.tokens is None else block.tokens)
    start = np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64)
    table = BlockTable(
        start,
        np.array(types, dtype=np.int64),
        np.array(characters),
        np.array(signatures),
        np.array(tokens, dtype=np.float64),
    )
    return table, counts
