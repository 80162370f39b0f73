"""Texts that hardly ever repeat, such as ids of messages, as one run of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass

__all__ = ["Ids", "narrowed"]

_MOST: Final = tuple((kind, int(np.iinfo(kind).max)) for kind in (np.int8, np.int16, np.int32))


def narrowed(values: NDArray[np.signedinteger[Any]]) -> NDArray[np.signedinteger[Any]]:
    """The same whole numbers in the smallest signed type that holds them."""
    if not len(values):
        return values.astype(np.int8)
    low, high = int(values.min()), int(values.max())
    fitting = (kind for kind, most in _MOST if -most <= low + 1 and high <= most)
    return values.astype(next(fitting, np.int64), copy=False)


@dataclass(frozen=True, slots=True)
class Ids:
    """Texts or None, one after the other in UTF-8; `lengths` counts the bytes of each, -1 stands for None."""

    data: bytes | memoryview
    lengths: NDArray[np.signedinteger[Any]]

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> Ids | None:
        """The texts; None where all of them are None."""
        known = [text for text in texts if text is not None]
        if not known:
            return None
        whole = "".join(known)
        if whole.isascii():
            lengths = [-1 if text is None else len(text) for text in texts]
            return cls(whole.encode(), narrowed(np.array(lengths, dtype=np.int64)))
        parts = [None if text is None else text.encode("utf-8", "surrogatepass") for text in texts]
        lengths = [-1 if part is None else len(part) for part in parts]
        return cls(
            b"".join(part for part in parts if part is not None),
            narrowed(np.array(lengths, dtype=np.int64)),
        )

    @classmethod
    def nothing(cls, count: int) -> Ids:
        """So many times None."""
        return cls(b"", np.full(count, -1, dtype=np.int8))

    @classmethod
    def concat(cls, parts: Sequence[Ids]) -> Ids:
        """All parts in a row."""
        return cls(
            b"".join(part.data for part in parts),
            np.concatenate([part.lengths for part in parts]),
        )

    def _ends(self) -> NDArray[np.int64]:
        return np.cumsum(np.maximum(self.lengths, 0), dtype=np.int64)

    def texts(self) -> list[str | None]:
        """Every text as a string or None."""
        lengths, ends = self.lengths.tolist(), self._ends().tolist()
        data = bytes(self.data)
        if data.isascii():
            whole = str(data, "ascii")
            return [whole[end - size : end] if size >= 0 else None for size, end in zip(lengths, ends, strict=True)]
        return [
            str(data[end - size : end], "utf-8", "surrogatepass") if size >= 0 else None
            for size, end in zip(lengths, ends, strict=True)
        ]

    def take(self, rows: NDArray[np.int64]) -> Ids:
        """The texts of these rows."""
        lengths = self.lengths[rows]
        size = int(self.lengths[0]) if len(self.lengths) else 0
        if size > 0 and (self.lengths == size).all():
            table = np.frombuffer(self.data, dtype=f"V{size}")
            return Ids(table[rows].tobytes(), lengths)
        ends = self._ends()[rows]
        spans = zip((ends - np.maximum(lengths, 0)).tolist(), ends.tolist(), strict=True)
        return Ids(b"".join([self.data[start:end] for start, end in spans]), lengths)
