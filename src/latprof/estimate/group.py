"""One model of one agent: from its calls to its fitted model and what that says of every call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property, partial
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.facts import Facts
from latprof.estimate.observe import Observed, Subject
from latprof.estimate.sample import Choice, choose, chunks
from latprof.estimate.shelf import Arrays, digest, fitted_from, kept, readings_from, saved
from latprof.estimate.values import Calibration, Fitted, Misfit, Parameters, Readings, Sample

__all__ = ["Factor", "Group", "described", "fit_group", "read_group"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Result = TypeVar("Result", Fitted, Readings)

MIN_CALLS: Final = 40
MIN_SPANS: Final = 15
# Fewer are not looked up, and not kept: they are those of logs that grow, and the next run has others.
_FEW_CALLS: Final = 256


@dataclass(frozen=True, slots=True)
class Factor:
    """A way in which calls of one model differ: the level of each call and the levels' names."""

    name: str
    level: Ints
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """How the figures of one model came about; `refused` says why there are none.

    `first_error` and `speed_error` are standard errors of log percentiles at `PROBABILITIES`, from
    calibration and fit alone. `spans` calls show the time between blocks, `known` a stated first
    token.
    """

    agent: str
    model: str
    calls: int
    usable: int
    sessions: int
    spans: int = 0
    known: int = 0
    fitted_on: int = 0
    refused: str | None = None
    calibration: Calibration | None = None
    parameters: Parameters | None = None
    factors: tuple[Factor, ...] = ()
    checks: tuple[Misfit, ...] = ()
    first_error: Floats | None = None
    speed_error: Floats | None = None


def described(group: Group, subject: Subject, factors: tuple[Factor, ...]) -> Group:
    """The group with its counts, refused where they are too few."""
    group = replace(group, spans=subject.spans(), known=subject.known(), factors=factors)
    return replace(group, refused=_too_few(group, len(subject)))


def _too_few(group: Group, n: int) -> str | None:
    if n < MIN_CALLS:
        return f"needs {MIN_CALLS} complete calls with final tokens, has {n}"
    if group.spans + group.known < MIN_SPANS:
        return f"needs {MIN_SPANS} calls of several blocks, has {group.spans + group.known}"
    return None


def fit_group(
    group: Group, subject: Subject, factors: tuple[Factor, ...], seed: int, facts: Facts | None = None
) -> tuple[Group, Fitted | None]:
    """Fit one model's calls, or find the fit on the shelf of their `facts`.

    A group that cannot be read well comes back refused.
    """
    group = described(group, subject, factors)
    if group.refused is not None:
        return group, None
    chosen = _Chosen(subject, choose(subject.in_time()), factors, seed)
    found = _kept(facts, chosen.key, chosen.fitted, fitted_from)
    group = replace(
        group,
        **{name: getattr(found, name) for name in found.__slots__ if name != "grid"},
    )
    return group, found


def read_group(
    group: Group, subject: Subject, found: Fitted, facts: Facts | None = None
) -> Iterator[tuple[Ints, Readings]]:
    """The posterior of every call, some at a time: each depends on its own facts and the fitted model alone.

    Calls of a kept piece are known by their places in it, others chunk by chunk by what was observed of them.
    """
    levels = tuple(factor.level for factor in group.factors)
    model = "" if facts is None else digest((found, subject.is_telling))
    known = None if facts is None else facts.known(model, levels)
    left = np.arange(len(subject))
    if facts is not None and known is not None:
        before = known.found()
        if before is not None:
            yield before
            left = np.delete(left, before[0])
        is_placed = facts.are_placed(left)
        for part in _parts(subject, left[is_placed], levels, found):
            readings = part.readings()
            known.take(part.calls, readings)
            yield part.calls, readings
        known.keep()
        left = left[~is_placed]
    for part in _parts(subject, left, levels, found):
        shelf = facts if len(part.calls) >= _FEW_CALLS else None
        yield part.calls, _kept(shelf, partial(part.key, model), part.readings, readings_from)


def _parts(subject: Subject, calls: Ints, levels: tuple[Ints, ...], found: Fitted) -> Iterator[_Part]:
    """Some calls in chunks."""
    for begin, end in chunks(subject.sent_at[calls]):
        some = calls[begin:end]
        yield _Part(subject, some, tuple(level[some] for level in levels), found)


def _kept(
    facts: Facts | None,
    key: Callable[[Facts], tuple[str, str]],
    make: Callable[[], Result],
    load: Callable[[Arrays], Result],
) -> Result:
    """A step's result from the shelf of these facts, or made and put there."""
    return make() if facts is None else kept(facts.shelf, partial(key, facts), make, saved, load)


@dataclass(frozen=True)
class _Chosen:
    """The calls that a group's model is fitted on."""

    subject: Subject
    choice: Choice
    factors: tuple[Factor, ...]
    seed: int

    @cached_property
    def observed(self) -> Observed:
        """The observations of the calls."""
        return self.subject.observed(self.choice.calls)

    def key(self, facts: Facts) -> tuple[str, str]:
        """Everything that the fit depends on; where its calls stand in the trace is not part of it."""
        calls, fitted = self.choice.calls, self.choice.fitted
        name = facts.name(calls, lambda: self.observed)
        sessions = self.subject.numbered_sessions(calls)
        return "fit", digest((name, sessions, fitted, self._levels, self._counts, self._is_part, self.seed))

    def fitted(self) -> Fitted:
        """The model."""
        from latprof.estimate.model import fitted  # most runs find their fits in the cache, and need none of this

        sample = Sample(self.observed, self.choice.fitted, self._levels, self._counts, self._is_part, self.seed)
        return fitted(sample)

    @property
    def _levels(self) -> tuple[Ints, ...]:
        return tuple(factor.level[self.choice.calls] for factor in self.factors)

    @property
    def _counts(self) -> tuple[int, ...]:
        return tuple(len(factor.names) for factor in self.factors)

    @property
    def _is_part(self) -> bool:
        return len(self.choice.fitted) < len(self.subject)


@dataclass(frozen=True)
class _Part:
    """A chunk of a group's calls."""

    subject: Subject
    calls: Ints
    levels: tuple[Ints, ...]
    found: Fitted

    @cached_property
    def observed(self) -> Observed:
        """The observations of the calls."""
        return self.subject.observed(self.calls)

    def key(self, model: str, facts: Facts) -> tuple[str, str]:
        """Everything that the readings depend on; `model` names the fitted model."""
        return "read", digest((facts.name(self.calls, lambda: self.observed), self.levels, model))

    def readings(self) -> Readings:
        """The posterior of the calls."""
        from latprof.estimate.readings import evidence_of, read

        if self.found.parameters is None or self.found.grid is None:
            raise ValueError("a refused fit reads no calls")
        evidence = evidence_of(self.observed, self.found.calibration, self.levels)
        return read(evidence, self.found.parameters, self.found.grid)
