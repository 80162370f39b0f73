"""Names for what was observed of calls; of those that come from a kept piece they are known without observing these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.known import Known
from latprof.estimate.observe import Observed, Subject
from latprof.estimate.shelf import Shelf, digest, full_name
from latprof.trace.origin import Origin

__all__ = ["Facts", "facts_of"]

Ints = NDArray[np.int64]

# Of what models were fitted on, in several choices of calls.
_MOST_NAMES: Final = 64
# To observe more of the calls than this share, and all of them where that was in vain, would not pay.
_MOST_OTHERS: Final = 0.5
_MOST_LEVEL: Final = np.iinfo(np.int16).max


def facts_of(observed: Observed) -> str:
    """A name for all that was observed of some calls; where they stand in the trace is not part of it.

    Sessions are left out, too: what a call is read as does not depend on its session.
    """
    nothing = np.empty(0, dtype=np.int64)
    return digest(replace(observed, row=nothing, session=nothing))


@dataclass(slots=True)
class Facts:
    """The names of one model's calls, for some of them at a time, and what is known of single calls.

    Of calls that come from one kept piece, most of them at least, the shelf has a list of names by their places in it
    and by what was observed of the others.
    """

    shelf: Shelf
    subject: Subject
    of_whom: tuple[str, str]
    _origin: Origin | None = None
    _listed_as: str | None = None
    _listed: dict[str, str] = field(default_factory=dict)
    _used: dict[str, str] = field(default_factory=dict)

    def name(self, calls: Ints, observed: Callable[[], Observed]) -> str:
        """That of the calls of these places, which are `observed` where it is not known."""
        self._look_up()
        if self._origin is None:
            return facts_of(observed())
        entries = self._origin.entries[calls]
        others = np.flatnonzero(entries < 0)
        if len(others) > _MOST_OTHERS * len(calls):
            return facts_of(observed())
        # Where a call has no place, what is observed of it stands for it: of each call it depends on itself alone.
        place = digest((entries, facts_of(self.subject.observed(calls[others]))) if len(others) else entries)
        self._used[place] = self._listed.get(place) or facts_of(observed())
        return self._used[place]

    def are_placed(self, calls: Ints) -> NDArray[np.bool_]:
        """Which of these calls come from the kept piece."""
        self._look_up()
        return np.zeros(len(calls), dtype=np.bool_) if self._origin is None else self._origin.entries[calls] >= 0

    def known(self, model: str, levels: Sequence[Ints]) -> Known | None:
        """What calls of the kept piece are read as under a model, by their levels; None where there is no piece."""
        self._look_up()
        if self._origin is None or any(level.max(initial=0) > _MOST_LEVEL for level in levels):
            return None
        table = np.array(levels, dtype=np.int16).reshape(len(levels), len(self.subject))
        return Known(self.shelf, self._origin, table, model)

    def _look_up(self) -> None:
        """Find the list of this agent's model."""
        if self._listed_as is not None:
            return
        self._origin, self._listed_as = self.subject.trace.origin(self.subject.rows), ""
        if self._origin is None:
            return
        # Whether signatures tell follows from all calls of the model.
        listed_as = digest((self._origin.name, self.of_whom, self.subject.is_telling))
        self._listed_as = full_name("facts", listed_as)
        arrays = self.shelf.get(self._listed_as, {"places": np.empty(0), "facts": np.empty(0)})
        self._listed = dict(zip(arrays["places"].tolist(), arrays["facts"].tolist(), strict=True))

    def keep(self) -> None:
        """Put the names on the shelf if any is new, with the latest of those that other choices of calls have."""
        if self._listed_as and self._used.keys() - self._listed.keys():
            others = {place: name for place, name in self._listed.items() if place not in self._used}
            every = list((others | self._used).items())[-_MOST_NAMES:]
            names = {"places": [place for place, _ in every], "facts": [name for _, name in every]}
            self.shelf[self._listed_as] = {name: np.array(texts, dtype=np.str_) for name, texts in names.items()}
