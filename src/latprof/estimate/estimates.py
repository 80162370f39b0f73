"""Trace -> estimates for every call of every model that can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import field
from functools import partial
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.facts import Facts
from latprof.estimate.group import Factor, Group, fit_group, read_group
from latprof.estimate.observe import AGENTS, Subject, spread_out, usable
from latprof.estimate.sample import settled
from latprof.estimate.shelf import Arrays, Noting, Shelf
from latprof.estimate.values import ATOMS, PROBABILITIES, Readings
from latprof.parallel import shared_room, together
from latprof.trace import MIN_DECODE_S, Codes, Estimates, Trace
from latprof.trace.pool import numbered
from latprof.trace.stored import Store, StoredArrays, StoredRows, give_back

__all__ = ["Estimation", "estimate"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A stretch of calls in time gets an effect of its own from so many calls on.
_PERIOD_CALLS: Final = 250
_MOST_PERIODS: Final = 8
_LEVEL_CALLS: Final = 8
_WIDTHS: Final = (ATOMS, 2, ATOMS, 2)
# An agent, a model, and the rows of its calls.
_Part = tuple[str, str, Ints]
# Estimates of more calls than this are held in single precision.
_DOUBLE_CALLS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Estimation:
    """Estimates per call, and how each model's came about."""

    estimates: Estimates
    groups: tuple[Group, ...]


@dataclass(slots=True)
class _Columns:
    """What is known of every call of the trace: values and ends of first tokens, then of speeds."""

    n: int
    single: bool
    made: tuple[Floats, ...] = ()
    left: NDArray[np.bool_] | None = None

    @classmethod
    def shared(cls, n: int, *, single: bool) -> _Columns:
        """Room for n calls into which copies of this process write, too. Raises OSError."""
        columns = cls(n, single)
        columns.made = tuple(columns.room(width) for width in _WIDTHS)
        return columns

    @property
    def kind(self) -> np.dtype[Any]:
        """The type of the numbers."""
        return np.dtype(np.float32 if self.single else np.float64)

    def room(self, width: int) -> Floats:
        """A column in memory that copies of this process share."""
        column = np.frombuffer(shared_room(self.n * width * self.kind.itemsize), self.kind, self.n * width)
        column.fill(np.nan)
        return column.reshape(self.n, width)

    def put(self, rows: Ints, tokens: Floats, readings: Readings) -> None:
        """The readings of some calls with so many tokens."""
        from latprof.estimate.backend import dealt  # where nothing is read, nothing is loaded for it

        if not self.made:
            # Nearly all rows will be filled: what is left of them gets NaN in the end.
            self.made = tuple(np.empty((self.n, width), dtype=self.kind) for width in _WIDTHS)
            self.left = np.ones(self.n, dtype=np.bool_)
        dealt(rows, tokens, readings.first_s, readings.speed_tps, MIN_DECODE_S, *self.made)
        if self.left is not None:
            self.left[rows] = False

    def columns(self) -> Iterator[Floats]:
        """Each of them; where nothing was put, without any memory."""
        nothing: Any = np.array(np.nan, dtype=self.kind)
        if self.left is not None:
            gaps, self.left = np.flatnonzero(self.left), None
            for column in self.made:
                column[gaps] = nothing
        yield from self.made or (np.broadcast_to(nothing, (self.n, width)) for width in _WIDTHS)


@dataclass(frozen=True, slots=True)
class _StoredColumns:
    """The same of very many calls, of which only one column at a time is in memory."""

    n: int
    single: bool
    store: Store = field(default_factory=Store)
    parts: list[tuple[Ints, StoredRows]] = field(default_factory=list)

    def put(self, rows: Ints, tokens: Floats, readings: Readings) -> None:
        """The readings of some calls with so many tokens."""
        part = _Columns(len(rows), self.single)
        part.put(np.arange(len(rows)), tokens, readings)
        self.parts.append((rows, StoredRows.of(self.store, part.columns())))

    def columns(self) -> Iterator[Floats]:
        """Values and ends of first tokens, then of speeds."""
        for place, width in enumerate(_WIDTHS):
            column: Any = np.full((self.n, width), np.nan, dtype=np.float32 if self.single else np.float64)
            for rows, part in self.parts:
                column[rows] = part[place]
            yield column


def estimate(
    trace: Trace, *, seed: int = 0, over_time: bool = True, shelf: Shelf | None = None, processes: int = 1
) -> Estimation:
    """Fit each agent's models one by one. Deterministic for a seed.

    Without `over_time` the stretches of time get no effect of their own: then what a call is read as
    does not depend on when it was made, which a search for changes over time needs. A `shelf` keeps
    costly steps for the next run; the result is the same with any and with none. So it is with any number of
    `processes` that share the models.
    """
    single, parts = len(trace) > _DOUBLE_CALLS, _by_model(trace)
    columns, processes = _room(trace, min(processes, len(parts)), single=single)
    number = np.full(len(trace), -1, dtype=np.int64)
    ready, is_spread = usable(trace), spread_out(trace)
    for place, (_, _, rows) in enumerate(parts):
        number[rows] = place

    def read(part: _Part, shelf: Shelf | None = shelf) -> Group:
        agent, model, rows = part
        subject = Subject.of(trace, rows[ready[rows]], is_spread)
        factors = _factors(trace, subject, over_time=over_time)
        blank = Group(agent, model, len(rows), len(subject), subject.sessions())
        facts = None if shelf is None else Facts(shelf, subject, (agent, model))
        group, found = fit_group(blank, subject, factors, seed, facts)
        if found is not None and found.refused is None:
            for where, readings in read_group(group, subject, found, facts):
                read_rows = subject.rows[where]
                columns.put(read_rows, trace.numbers["output_tokens"].take(read_rows), readings)
        if facts is not None:
            facts.keep()
        return group

    groups = list(map(read, parts)) if processes < 2 else _shared(parts, read, shelf, processes)
    if trace.is_large:
        give_back()
    values, ends = _by_metric(columns)
    if trace.is_large:
        give_back()
    found = Estimates(
        values=values,
        ends=ends,
        group=number,
        errors={"ttft_s": _errors(groups, "first_error"), "decode_tps": _errors(groups, "speed_error")},
        probabilities=PROBABILITIES,
    )
    return Estimation(found, tuple(groups))


def _room(trace: Trace, processes: int, *, single: bool) -> tuple[_Columns | _StoredColumns, int]:
    """Room for the estimates, and how many processes can fill it.

    What lies on disk is read at the place where the last read ended, which forked processes would share.
    """
    if trace.is_large:
        return _StoredColumns(len(trace), single), 1
    if processes > 1:
        with suppress(OSError):  # no memory that several processes could share
            return _Columns.shared(len(trace), single=single), processes
    return _Columns(len(trace), single), 1


def _shared(
    parts: Sequence[_Part], read: Callable[[_Part, Shelf | None], Group], shelf: Shelf | None, processes: int
) -> list[Group]:
    """What `read` makes of each part, by several processes: threads wait for the interpreter between short loops.

    A copy of this process must not write where this one does: what it would put on the shelf comes back with the rest.
    """

    def task(part: _Part) -> tuple[Group, Mapping[str, Arrays]]:
        own = None if shelf is None else Noting(shelf)
        return read(part, own), {} if own is None else own.news

    biggest_first = sorted(range(len(parts)), key=lambda place: -len(parts[place][2]))
    found = together([partial(task, parts[place]) for place in biggest_first], processes)
    if shelf is not None:
        for name, arrays in chain.from_iterable(news.items() for _, news in found):
            shelf[name] = arrays
    groups = dict(zip(biggest_first, (group for group, _ in found), strict=True))
    return [groups[place] for place in range(len(parts))]


def _by_metric(columns: _Columns | _StoredColumns) -> tuple[MutableMapping[str, Floats], MutableMapping[str, Floats]]:
    """Values and ends of the two metrics."""
    values: MutableMapping[str, Floats] = {}
    ends: MutableMapping[str, Floats] = {}
    if isinstance(columns, _StoredColumns):
        store = Store()
        values, ends = StoredArrays(store), StoredArrays(store)
    targets = ((values, "ttft_s"), (ends, "ttft_s"), (values, "decode_tps"), (ends, "decode_tps"))
    for (target, name), column in zip(targets, columns.columns(), strict=True):
        target[name] = column
    return values, ends


def _errors(groups: list[Group], name: str) -> Floats:
    unknown = np.full(len(PROBABILITIES), np.nan)
    rows = [getattr(group, name) for group in groups]
    return np.array([unknown if row is None else row for row in rows]).reshape(len(groups), len(PROBABILITIES))


def _by_model(trace: Trace) -> list[_Part]:
    """Rows of each model of agents that can be read, in the order of their names."""
    agents, models = trace.codes("agent"), trace.codes("model")
    found: dict[tuple[str, str], Ints] = {}
    for agent in sorted(AGENTS & set(agents.categories)):
        own = None if agents.is_one else agents.codes == agents.categories.index(agent)
        codes = models.codes if own is None else models.codes[own]
        for code in np.flatnonzero(np.bincount(codes + 1)[1:]).tolist():
            here = models.codes == code
            found[agent, models.categories[code]] = np.flatnonzero(here if own is None else own & here)
    return [(*key, rows) for key, rows in found.items()]


def _factors(trace: Trace, subject: Subject, *, over_time: bool) -> tuple[Factor, ...]:
    """Trigger, effort with speed mode, and stretch of time, where there are calls enough of several levels."""
    rows, trigger = subject.rows, trace.codes("trigger")
    factors = [_factor("trigger", trigger.codes.take(rows), trigger.categories), *_effort(trace, rows)]
    old = settled(len(rows))
    periods = min(old // _PERIOD_CALLS, _MOST_PERIODS) if over_time else 0
    if periods >= 2:
        # Of calls in time, the one of place k is of part k * periods // old: here that begins.
        begins = [-(-part * old // periods) for part in range(periods)]
        level = np.repeat(np.arange(periods), np.diff([*begins, len(rows)]))
        if not subject.is_in_time:
            ordered, level = level, np.empty(len(rows), dtype=np.int64)
            level[subject.in_time()] = ordered
        factors.append(Factor("time", level, tuple(f"part {k + 1} of {periods}" for k in range(periods))))
    return tuple(factor for factor in factors if len(factor.names) > 1)


def _effort(trace: Trace, rows: Ints) -> Iterator[Factor]:
    """Effort with speed mode; nothing where it is known that all calls have the same."""
    efforts, speeds = trace.codes("effort"), trace.codes("speed_mode")
    if efforts.is_one and speeds.is_one:
        return
    # From 0 on: None has the code -1 in both.
    width = len(speeds.categories) + 1
    mode = (efforts.codes.take(rows) + 1) * width + speeds.codes.take(rows) + 1
    numbers, codes = numbered(mode, (len(efforts.categories) + 1) * width)
    names = []
    for item in numbers.tolist():
        effort, speed = divmod(item - width, width)
        names.append(f"{_name(efforts, effort) or 'usual'} {_name(speeds, speed - 1) or ''}".strip())
    yield _factor("effort", codes.astype(np.int64), tuple(names))


def _name(column: Codes, code: int) -> str | None:
    return column.categories[code] if code >= 0 else None


def _factor(name: str, codes: Ints, names: tuple[str, ...]) -> Factor:
    """Levels with enough calls by their own name, the rest together."""
    merged = sorted(set(names))
    codes = np.array([merged.index(item) for item in names], dtype=np.int64).take(codes) if names else codes
    counts = np.bincount(codes, minlength=len(merged))
    large = [code for code in range(len(merged)) if counts[code] >= _LEVEL_CALLS]
    level = np.full(len(merged), len(large), dtype=np.int64)
    level[large] = np.arange(len(large))
    others = ("others",) if len(large) < np.count_nonzero(counts) else ()
    return Factor(name, level.take(codes), (*(merged[code] for code in large), *others))
