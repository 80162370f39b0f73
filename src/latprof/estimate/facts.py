"""Names for what was observed of chunks of calls, which are known without observing these where nothing is new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.observe import Observed, Subject
from latprof.estimate.shelf import Shelf, digest, full_name
from latprof.trace.origin import Origin

__all__ = ["Facts", "facts_of"]

Ints = NDArray[np.int64]

# Of chunks of one model: some 4 million calls, or fewer in several choices.
_MOST_NAMES: Final = 4096


def facts_of(observed: Observed) -> str:
    """A name for all that was observed of some calls; where they stand in the trace is not part of it.

    Sessions are left out, too: what a call is read as does not depend on its session.
    """
    nothing = np.empty(0, dtype=np.int64)
    return digest(replace(observed, row=nothing, session=nothing))


@dataclass(slots=True)
class Facts:
    """The names of one model's calls, chunk by chunk.

    Of chunks that all come from one kept piece (`origin`) the shelf has a list of names by the calls' places in it.
    """

    shelf: Shelf
    origin: Origin | None
    listed_as: str
    _listed: dict[str, str] = field(default_factory=dict)
    _used: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, subject: Subject, shelf: Shelf, agent: str, model: str) -> Facts:
        """Those of an agent's model."""
        origin = subject.trace.origin(subject.rows)
        if origin is None:
            return cls(shelf, None, "")
        # Whether signatures tell follows from all calls of the model.
        listed_as = full_name("facts", digest((origin.name, agent, model, subject.is_telling)))
        arrays = shelf.get(listed_as, {"places": np.empty(0), "facts": np.empty(0)})
        listed = dict(zip(arrays["places"].tolist(), arrays["facts"].tolist(), strict=True))
        return cls(shelf, origin, listed_as, listed)

    def name(self, begin: int, end: int, observed: Callable[[], Observed]) -> str:
        """That of the calls from one place up to another one, which are `observed` where it is not known."""
        entries = None if self.origin is None else self.origin.entries[begin:end]
        if entries is None or (entries < 0).any():
            return facts_of(observed())
        place = digest(entries)
        self._used[place] = self._listed.get(place) or facts_of(observed())
        return self._used[place]

    def keep(self) -> None:
        """Put the names on the shelf if any is new, with the latest of those that other choices of calls have."""
        if self._used.keys() - self._listed.keys():
            every = list((self._listed | self._used).items())[-_MOST_NAMES:]
            names = {"places": [place for place, _ in every], "facts": [name for _, name in every]}
            self.shelf[self.listed_as] = {name: np.array(texts, dtype=np.str_) for name, texts in names.items()}
