"""The blocks of calls as columns, and what the tokens of a block are taken to depend on."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass

__all__ = ["SHOWN", "SIGNATURE", "TEXT", "TEXT_SIZE", "THINKING", "TOOL", "TOOL_SIZE", "TYPES", "WIDTH", "BlockTable"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TYPES: Final = ("thinking", "text", "tool_use")
THINKING: Final = 0
TEXT: Final = 1
TOOL: Final = 2
# Columns of the regression: per type the blocks, then the characters; thinking has two sizes.
SIGNATURE: Final = 3
SHOWN: Final = 4
TEXT_SIZE: Final = 5
TOOL_SIZE: Final = 6
WIDTH: Final = 7
# The column of the size of a block of each type.
_SIZE_OF: Final = np.array([SHOWN, TEXT_SIZE, TOOL_SIZE], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class BlockTable:
    """The blocks of a set of calls, one row each, calls one after the other.

    `start` holds each call's first row; every call has at least one block.
    """

    start: Ints
    type: Ints
    characters: Floats
    signature: Floats
    tokens: Floats

    @property
    def call(self) -> Ints:
        """The call's number for each row."""
        sizes = np.diff(np.append(self.start, len(self.type)))
        return np.repeat(np.arange(len(self.start)), sizes)

    def sizes(self) -> tuple[Ints, Floats]:
        """Per block which column of the regression holds its size, and that size."""
        sealed = (self.type == THINKING) & (self.signature > 0)
        return np.where(sealed, SIGNATURE, _SIZE_OF.take(self.type)), np.where(sealed, self.signature, self.characters)

    def features_of_calls(self) -> Floats:
        """What the total of each call is regressed on, (WIDTH, calls)."""
        n, call, (column, size) = len(self.start), self.call, self.sizes()
        rows = np.bincount(self.type * n + call, minlength=WIDTH * n)
        return np.asarray(rows + np.bincount(column * n + call, size, WIDTH * n), dtype=np.float64).reshape(WIDTH, n)
