"""What calls of a kept piece are read as, found by their places in it."""

from __future__ import annotations

from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.shelf import Arrays, Shelf, digest, full_name
from latprof.estimate.values import Readings
from latprof.trace.origin import Origin

__all__ = ["Known"]

Ints = NDArray[np.int64]
Levels = NDArray[np.int16]


@dataclass(slots=True)
class Known:
    """The readings of calls under one fitted model, by their places in the piece that they come from.

    What a call is read as depends on what its log told of it, on its `levels` (factors, n) and on the `model`, which
    names the fitted one and all else that calls share: so each call is known or not, whatever comes beside it.
    """

    shelf: Shelf
    origin: Origin
    levels: Levels
    model: str
    _parts: list[tuple[Ints, Readings]] = field(default_factory=list)
    _is_news: bool = False

    def found(self) -> tuple[Ints, Readings] | None:
        """The places of the calls that are known, and what they are read as; None where none is."""
        origin: Origin | None = self.origin
        while origin is not None:
            arrays = self.shelf.get(self._name(origin), {})
            places, rows = self._known(arrays, origin.entries) if arrays else (np.empty(0, dtype=np.int64),) * 2
            if len(places):
                self._is_news |= origin is not self.origin
                readings = Readings(_taken(arrays["first_s"], rows), _taken(arrays["speed_tps"], rows))
                self._parts.append((places, readings))
                return places, readings
            origin = origin.before
        return None

    def take(self, places: Ints, readings: Readings) -> None:
        """Take what calls of the piece are read as that were not known."""
        self._parts.append((places, readings))
        self._is_news = True

    def keep(self) -> None:
        """Put on the shelf what all calls of the piece are read as, if any was not known there."""
        if not self._is_news:
            return
        places = np.concatenate([places for places, _ in self._parts])
        self.shelf[self._name(self.origin)] = {
            "entries": self.origin.entries[places],
            "levels": self.levels[:, places],
            "first_s": np.concatenate([readings.first_s for _, readings in self._parts]),
            "speed_tps": np.concatenate([readings.speed_tps for _, readings in self._parts]),
        }

    def _name(self, origin: Origin) -> str:
        return full_name("known", digest((origin.name, self.model)))

    def _known(self, arrays: Arrays, entries: NDArray[np.int32]) -> tuple[Ints, Ints]:
        """The places of the calls with these entries that are known as they are, and their rows among these arrays."""
        kept = arrays["entries"]
        if self._comes_first(kept, arrays["levels"], entries):
            return (same := np.arange(len(kept))), same
        row_of = np.full(max(kept.max(initial=-1), entries.max(initial=-1)) + 2, -1, dtype=np.int64)
        row_of[kept] = np.arange(len(kept))
        rows = row_of[entries]  # what has no entry finds the last, which none has
        places = np.flatnonzero(rows >= 0)
        rows = rows[places]
        same = (_taken(arrays["levels"].T, rows) == self.levels.T[places]).all(axis=1)
        return (places, rows) if same.all() else (places[same], rows[same])

    def _comes_first(self, kept: NDArray[np.int32], levels: Levels, entries: NDArray[np.int32]) -> bool:
        """Whether what is kept is as it was, and all that comes behind it new: so it is where calls came last."""
        size = len(kept)
        return bool(
            size <= len(entries)
            and (entries[:size] == kept).all()
            and (entries[size:] < 0).all()
            and (self.levels[:, :size] == levels).all()
        )


def _taken(array: NDArray[Any], rows: Ints) -> NDArray[Any]:
    """These rows; the array itself where they are all of its rows in their order."""
    if len(rows) == len(array) and (rows == np.arange(len(rows))).all():
        return array
    return array.take(rows, axis=0)
