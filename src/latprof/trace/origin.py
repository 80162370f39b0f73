"""Where calls come from that were read in an earlier run, so that what was worked out of them can be found again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass

__all__ = ["Origin"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Which calls of a piece that is kept under a `name` these are, (n,); -1 for a call that is not in it.

    What is kept under a name never changes, so that name and `entries` stand for all that the logs told of the calls.
    They do not stand for owners (session, engineer, host), which are settled among all logs of a run. Of a piece that
    this run writes, `before` says where its calls came from.
    """

    name: bytes
    entries: NDArray[np.int32]
    before: Origin | None = None

    @classmethod
    def whole(cls, name: bytes, count: int, before: Origin | None = None) -> Origin:
        """That of all calls of a piece, in their order."""
        return cls(name, np.arange(count, dtype=np.int32), before)

    @classmethod
    def joined(cls, origins: Sequence[Origin | None], sizes: Sequence[int]) -> Origin | None:
        """That of calls in a row; None where they come from no piece, or from several."""
        names = {origin.name for origin in origins if origin is not None}
        if len(names) != 1:
            return None
        parts = [
            np.full(size, -1, dtype=np.int32) if origin is None else origin.entries
            for origin, size in zip(origins, sizes, strict=True)
        ]
        before = [None if origin is None else origin.before for origin in origins]
        return cls(names.pop(), np.concatenate(parts), cls.joined(before, sizes))

    def take(self, rows: NDArray[np.int64]) -> Origin:
        """That of some of the calls."""
        return Origin(self.name, self.entries.take(rows), None if self.before is None else self.before.take(rows))
