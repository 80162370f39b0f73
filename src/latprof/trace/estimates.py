"""What a model of many calls says of each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.trace.numbers import nothing, numbers_within
from latprof.trace.stored import StoredArrays

__all__ = ["Estimates"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Estimates:
    """What a model of many calls says of each: n rows, NaN where it says nothing.

    `values` holds per metric (n, k) values of equal weight that stand for a call's posterior,
    `ends` (n, 2) the ends of its 95 % interval. `group` is the call's row in `errors`, which holds
    per metric the standard errors of log percentiles at `probabilities` (groups, p) that come from
    the model alone; -1 for calls of no group.
    """

    values: Mapping[str, Floats]
    ends: Mapping[str, Floats]
    group: Ints
    errors: dict[str, Floats]
    probabilities: tuple[float, ...]
    _means: dict[str, Floats] = field(default_factory=dict, init=False, repr=False, compare=False)
    _gaps: dict[str, list[bool]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _between: dict[tuple[str, float], list[float]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _numbers: list[Ints] = field(default_factory=list, init=False, repr=False, compare=False)

    def select(self, rows: Ints) -> Estimates:
        """The estimates of some calls."""
        return replace(
            self,
            values={key: self.values_of(key, rows) for key in self.values},
            ends={key: column[rows] for key, column in self.ends.items()},
            group=self.group[rows],
        )

    def numbers(self) -> Ints:
        """Of each call its number among those of its group, in their order, (n,); not to be changed."""
        if not self._numbers:
            self._numbers.append(numbers_within(self.group))
        return self._numbers[0]

    def held(self) -> Estimates:
        """The same in memory."""
        if not isinstance(self.values, StoredArrays):
            return self
        values, ends = dict(self.values.items()), dict(self.ends.items())
        return replace(self, values=values, ends=ends)

    def says_nothing(self, metric: str) -> bool:
        """Whether it is known without a look at each call that no call has values of the metric."""
        values = self.values
        return not isinstance(values, StoredArrays) and values[metric].strides[0] == 0 and len(self.group) > 0

    def means(self, metric: str) -> Floats:
        """The mean of each call's values, (n,); not to be changed."""
        if self.says_nothing(metric):
            return nothing(len(self.group))
        if isinstance(self.values, StoredArrays):
            return _means(self.values[metric])
        if metric not in self._means:
            self._means[metric] = _means(self.values[metric])
        return self._means[metric]

    def values_of(self, metric: str, rows: Ints | None = None) -> Floats:
        """The values of all calls, or of some, as an array that may be changed."""
        values = self.values
        if isinstance(values, StoredArrays):
            return values.part(metric, np.arange(len(self.group)) if rows is None else rows)
        return values[metric].copy() if rows is None else values[metric][rows]

    def error_of_log(self, metric: str, probability: float, rows: Ints) -> float:
        """Standard error of a log percentile from the model alone, averaged over the calls' groups."""
        return self.errors_of_log(metric, (probability,), rows)[0]

    def errors_of_log(self, metric: str, probabilities: Sequence[float], rows: Ints) -> list[float]:
        """The same for several percentiles."""
        return self.errors_of_counts(metric, probabilities, np.bincount(self.group[rows] + 1)[1:])

    def errors_of_counts(self, metric: str, probabilities: Sequence[float], counts: Ints) -> list[float]:
        """The same for so many calls of each group."""
        known = [
            (number, int(counts[number]))
            for number in np.flatnonzero(counts).tolist()
            if not self._unknown(metric)[number]
        ]
        calls = sum(count for _, count in known)
        errors = [self._errors_at(metric, probability) for probability in probabilities]
        return [sum(own[number] * count for number, count in known) / calls if calls else 0.0 for own in errors]

    def _unknown(self, metric: str) -> list[bool]:
        """Of which groups some error is not known."""
        if metric not in self._gaps:
            self._gaps[metric] = [bool(np.isnan(row).any()) for row in self.errors[metric]]
        return self._gaps[metric]

    def _errors_at(self, metric: str, probability: float) -> list[float]:
        """The error of each group at a percentile."""
        if (metric, probability) not in self._between:
            rows = self.errors[metric]
            self._between[metric, probability] = [
                float(np.interp(probability, self.probabilities, row)) for row in rows
            ]
        return self._between[metric, probability]


def _means(values: Floats) -> Floats:
    """The mean of each row, in a quarter of the time of `values.mean(axis=1)`."""
    means: Floats = np.einsum("ij->i", values) / values.shape[1]
    return means
