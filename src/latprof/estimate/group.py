"""One model of one agent: from its calls to its fitted model and what that says of every call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.facts import Facts
from latprof.estimate.observe import Observed, Subject
from latprof.estimate.sample import Choice, choose, chunks
from latprof.estimate.shelf import Shelf, digest, fitted_from, kept, readings_from, saved
from latprof.estimate.values import Calibration, Fitted, Misfit, Parameters, Readings, Sample

__all__ = ["Factor", "Group", "described", "fit_group", "read_group"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_CALLS: Final = 40
MIN_SPANS: Final = 15


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
    group: Group, subject: Subject, factors: tuple[Factor, ...], seed: int, shelf: Shelf | None = None
) -> tuple[Group, Fitted | None]:
    """Fit one model's calls. A group that cannot be read well comes back refused."""
    group = described(group, subject, factors)
    if group.refused is not None:
        return group, None
    sample = _sample(subject, choose(subject.in_time()), factors, seed)
    found = kept(shelf, lambda: ("fit", _name(sample)), lambda: _fitted(sample), saved, fitted_from)
    group = replace(
        group,
        **{name: getattr(found, name) for name in found.__slots__ if name != "grid"},
    )
    return group, found


def _fitted(sample: Sample) -> Fitted:
    from latprof.estimate.model import fitted  # most runs find their fits in the cache, and need none of this

    return fitted(sample)


def _name(sample: Sample) -> str:
    """Everything that the fit depends on; where its calls stand in the trace is not part of it."""
    sessions = np.unique(sample.observed.session, return_inverse=True)[1]
    facts = replace(sample.observed, row=np.empty(0, dtype=np.int64), session=sessions)
    return digest(replace(sample, observed=facts))


def _sample(subject: Subject, choice: Choice, factors: tuple[Factor, ...], seed: int) -> Sample:
    return Sample(
        subject.observed(choice.calls),
        choice.fitted,
        tuple(factor.level[choice.calls] for factor in factors),
        tuple(len(factor.names) for factor in factors),
        len(choice.fitted) < len(subject),
        seed,
    )


def read_group(
    group: Group, subject: Subject, found: Fitted, shelf: Shelf | None = None
) -> Iterator[tuple[slice, Readings]]:
    """The posterior of every call, chunk by chunk: each depends on its own calls and the fitted model alone."""
    facts = None if shelf is None else Facts.of(subject, shelf, group.agent, group.model)
    model = "" if shelf is None else digest(found)
    for begin, end in chunks(subject.sent_at):
        part = _Part(subject, begin, end, tuple(factor.level[begin:end] for factor in group.factors), found)
        yield slice(begin, end), kept(shelf, partial(part.key, facts, model), part.readings, saved, readings_from)
    if facts is not None:
        facts.keep()


@dataclass(frozen=True)
class _Part:
    """A chunk of a group's calls."""

    subject: Subject
    begin: int
    end: int
    levels: tuple[Ints, ...]
    found: Fitted

    @cached_property
    def observed(self) -> Observed:
        """The observations of the calls."""
        return self.subject.observed(slice(self.begin, self.end))

    def key(self, facts: Facts | None, model: str) -> tuple[str, str]:
        """Everything that the readings depend on; `model` names the fitted model."""
        name = "" if facts is None else facts.name(self.begin, self.end, lambda: self.observed)
        return "read", digest((name, self.levels, model))

    def readings(self) -> Readings:
        """The posterior of the calls."""
        from latprof.estimate.readings import evidence_of, read

        if self.found.parameters is None or self.found.grid is None:
            raise ValueError("a refused fit reads no calls")
        evidence = evidence_of(self.observed, self.found.calibration, self.levels)
        return read(evidence, self.found.parameters, self.found.grid)
