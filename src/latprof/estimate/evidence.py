"""What a log shows of calls, as columns, and the sizes of calls by what a token of each type costs.

All of it is in single precision: seven digits, where the figures have two or three.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.blocks import TOOL

__all__ = ["COLUMNS", "Evidence", "Sizes", "sizes_of"]

Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

# Columns of the evidence; those before `tokens` are what the sums over the cells take, in this order.
COLUMNS: Final = (
    "ends_s", "span_s", "thinking", "text", "tool", "head", "first_type", "first_error", "tools", "headers_s",
    "uncached", "tokens", "context", "first_s", "last_s", "known_s",
)  # fmt: skip
_AT: Final = {name: place for place, name in enumerate(COLUMNS)}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the model needs of each call: one row per name in `COLUMNS`; `levels` holds one level number per factor.

    `ends_s` is the end of the first block, or of the response where there is no usable span (`span_s` is NaN
    then). `thinking`, `text` and `tool` are tokens by type; `head` the first block's after its first one, with
    the error `first_error`; `tools` the number of tool calls. `headers_s` is 0 where it is not known.
    """

    columns: Singles
    levels: tuple[Ints, ...]

    def __len__(self) -> int:
        return int(self.columns.shape[1])

    def __getitem__(self, name: str) -> Singles:
        """One column."""
        return np.asarray(self.columns[_AT[name]])

    @property
    def has_span(self) -> NDArray[np.bool_]:
        """Calls with a usable time between their first block and the last."""
        return ~np.isnan(self["span_s"])

    def take(self, rows: Ints) -> Evidence:
        """The evidence of some calls."""
        return Evidence(np.take(self.columns, rows, axis=1), tuple(level[rows] for level in self.levels))

    def without_headers(self) -> Evidence:
        """The same with no header times."""
        columns = self.columns.copy()
        columns[_AT["headers_s"]] = 0.0
        return replace(self, columns=columns)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Token counts at the speed of tool arguments: of the call, of the first block, of the rest."""

    total: Singles
    first: Singles
    rest: Singles
    error: Singles


def sizes_of(columns: Singles, cost: Singles, free_tokens: np.float32) -> Sizes:
    """Token counts in units of the reference speed; one token arrives with the first.

    `columns` are those of evidence, `cost` the tokens of tool arguments that take as long as one of each type.
    """
    _, span_s, *tokens, head, kind, error, tools = columns[:9]
    own = np.take(cost, kind.astype(np.intp))
    total = tokens[0] * cost[0]
    total += tokens[1] * cost[1]
    total += tokens[2] * cost[2]
    total -= tools * free_tokens
    total -= own
    total = np.where(total > np.float32(0.5), total, np.float32(0.5))
    first = head * own
    first -= np.where(kind == TOOL, free_tokens, np.float32(0))
    first = np.where(first > 0, first, np.float32(0))
    first = np.where((first < total) & ~np.isnan(span_s), first, total)
    return Sizes(total, first, total - first, error * own)
