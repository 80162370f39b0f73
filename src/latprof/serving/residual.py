"""What the step model misses in measured deployments, and how far that carries to others.

A Gaussian process over the logarithm of measured / modelled: deployments share more of their error the more they
have in common (family, model, engine version, GPU, precision, parallelism, load). Far from all measurements it
returns 0 with the full spread, near them the measured deviation with a small one (Rasmussen and Williams 2006, ch. 2).
Each question is answered from the measurements that have most in common with it (ibid., section 8.3.1): that takes
milliseconds instead of seconds, and leaves the spread a little too wide rather than too small.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass

__all__ = ["TRAITS", "Features", "Residuals", "default_residuals", "features_of", "robust_weights", "spread_of"]

Floats = NDArray[np.float64]
TRAITS: Final = ("family", "model", "engine", "version", "precision", "gpu", "layout")
# Standard deviations of what deployments share, in log units, for tpot and ttft.
_SPREAD: Final[Mapping[str, Mapping[str, float]]] = {
    "tpot": {"family": 0.15, "model": 0.10, "cell": 0.15, "layout": 0.10, "load": 0.12, "family_load": 0.10,
             "engine_load": 0.04, "version": 0.05, "noise": 0.06, "untuned": 0.30},
    "ttft": {"family": 0.25, "model": 0.10, "cell": 0.30, "layout": 0.15, "load": 0.20, "family_load": 0.20,
             "engine_load": 0.15, "version": 0.20, "noise": 0.12, "untuned": 0.60},
}  # fmt: skip
# Half a spread of the logarithms of concurrency, input and output tokens over which loads are alike.
_SCALE: Final = np.array([1.2, 1.2, 1.5])
# Measurements that an answer is made of, and answers made at once.
_NEAREST: Final = 64
_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class Features:
    """Traits of n deployments as arrays of text, and their loads, shape (n, 3)."""

    traits: Mapping[str, NDArray[np.str_]]
    load: Floats

    def of(self, rows: NDArray[np.bool_]) -> Features:
        """Only these rows."""
        return Features({name: values[rows] for name, values in self.traits.items()}, self.load[rows])

    def and_of(self, other: Features) -> Features:
        """These rows, then those of `other`."""
        traits = {name: np.concatenate([values, other.traits[name]]) for name, values in self.traits.items()}
        return Features(traits, np.concatenate([self.load, other.load]))


def features_of(rows: Sequence[Mapping[str, object]]) -> Features:
    """Features from rows with the names of `TRAITS` and concurrency, isl, osl."""
    traits = {name: np.array([str(row[name]) for row in rows], dtype=np.str_) for name in TRAITS}
    load = np.array([[float(str(row[name])) for name in ("concurrency", "isl", "osl")] for row in rows])
    return Features(traits, np.log(np.maximum(load.reshape(len(rows), 3), 1.0)) / _SCALE)


def spread_of(a: Features, b: Features, target: str) -> Floats:
    """Covariance of the deviations of two sets of deployments, shape (n, m)."""
    left, right = _coded(a, b)
    return _spread(left.rows, right.columns, target)


@dataclass(frozen=True, slots=True)
class _Coded:
    """Traits as numbers, shape (7, ...), and loads, shape (..., 3)."""

    traits: NDArray[np.int32]
    load: Floats

    @property
    def rows(self) -> _Coded:
        """As the rows of a table of pairs."""
        return _Coded(self.traits[..., :, None], self.load[..., :, None, :])

    @property
    def columns(self) -> _Coded:
        """As the columns of a table of pairs."""
        return _Coded(self.traits[..., None, :], self.load[..., None, :, :])

    def at(self, rows: NDArray[np.intp]) -> _Coded:
        """The deployments of these numbers, in the shape of the numbers."""
        return _Coded(self.traits[:, rows], self.load[rows])


def _coded(*sets: Features) -> list[_Coded]:
    """The same numbers for the same texts in all sets."""
    sizes = np.cumsum([len(item.load) for item in sets])[:-1]
    codes = [np.unique(np.concatenate([item.traits[name] for item in sets]), return_inverse=True)[1] for name in TRAITS]
    parts = np.split(np.stack(codes).astype(np.int32), sizes, axis=1)
    return [_Coded(traits, item.load) for traits, item in zip(parts, sets, strict=True)]


def _spread(a: _Coded, b: _Coded, target: str) -> Floats:
    """Covariance by broadcasting the two sets."""
    sd = {name: value**2 for name, value in _SPREAD[target].items()}
    same = dict(zip(TRAITS, a.traits == b.traits, strict=True))
    near = np.ones(same["family"].shape)
    for at in range(a.load.shape[-1]):
        near *= np.exp((a.load[..., at] - b.load[..., at]) ** 2 / -2)
    family = same["family"]
    cell = family & same["version"] & same["precision"] & same["gpu"]
    layout = cell & same["layout"] & same["model"]
    return np.asarray(
        sd["family"] * family + sd["model"] * same["model"] + sd["cell"] * cell
        + layout * (sd["layout"] + sd["load"] * near)
        + (sd["family_load"] * (family & same["engine"]) + sd["engine_load"] * same["engine"]) * near
        + sd["version"] * same["version"],
        float,
    )  # fmt: skip


def _own(target: str) -> float:
    """Variance of a deployment's deviation before anything is measured: the sum of all shared parts."""
    return sum(value**2 for name, value in _SPREAD[target].items() if name not in {"noise", "untuned"})


def robust_weights(features: Features, deviation: Floats, noise: Floats, target: str) -> Floats:
    """How much each measured deviation counts, shape (n,): Student-like weights, three passes."""
    shared, weight = spread_of(features, features, target), np.ones(len(deviation))
    for _ in range(3):
        solved = np.linalg.solve(shared + np.diag(noise**2 / weight), deviation)
        weight = 1 / (1 + ((deviation - shared @ solved) / (3 * noise)) ** 2)
    return np.asarray(weight, float)


class Residuals:
    """Measured deviations, ready to be asked. Outliers weigh less."""

    def __init__(
        self,
        features: Features,
        deviation: Floats,
        tuned: NDArray[np.bool_],
        target: str,
        extra: Floats | None = None,
        weight: Floats | None = None,
    ) -> None:
        """`extra`: standard errors of the deviations themselves (log units), where they are known; 0 for none.

        `weight`: how much each counts, from `robust_weights`; found here when it is not given.
        """
        known = np.isfinite(deviation)
        self._features, self._target = features.of(known), target
        self._extra = np.zeros(int(known.sum())) if extra is None else extra[known]
        self._values, self._tuned = deviation[known], tuned[known]
        sd = _SPREAD[target]
        noise = np.hypot(np.where(self._tuned, sd["noise"], sd["untuned"]), self._extra)
        if weight is None:
            self._weight = robust_weights(self._features, self._values, noise, target)
        else:
            self._weight = weight[known]
        self._variance = noise**2 / self._weight

    @property
    def weights(self) -> Floats:
        """How much each measured deviation counts, shape (n,)."""
        return self._weight

    def with_measured(self, features: Features, deviation: Floats, error: Floats) -> Residuals:
        """The same with further measured deviations (log units, shape (n,)) and their standard errors."""
        ones = np.ones(len(deviation))
        return Residuals(
            self._features.and_of(features), np.concatenate([self._values, deviation]),
            np.concatenate([self._tuned, ones > 0]), self._target, np.concatenate([self._extra, error]),
            np.concatenate([self._weight, ones]),
        )  # fmt: skip

    def at(self, features: Features) -> tuple[Floats, Floats]:
        """Mean and standard deviation (both log units, shape (n,)) of the deviation of these deployments."""
        count = len(features.load)
        mean, explained = np.zeros(count), np.zeros(count)
        if len(self._values):
            asked, measured = _coded(features, self._features)
            for start in range(0, count, _AT_ONCE):
                rows = slice(start, start + _AT_ONCE)
                mean[rows], explained[rows] = self._near(_Coded(asked.traits[:, rows], asked.load[rows]), measured)
        noise = _SPREAD[self._target]["noise"]
        return mean, np.sqrt(np.maximum(_own(self._target) - explained, 0.0) + noise**2)

    def _near(self, asked: _Coded, measured: _Coded) -> tuple[Floats, Floats]:
        """Mean and explained variance from the measurements nearest to each of a few deployments."""
        across = _spread(asked.rows, measured.columns, self._target)
        most = min(_NEAREST, across.shape[1])
        # Sorted, so that equally near ones are taken in the same order everywhere.
        rows = np.argsort(-across, axis=1, kind="stable")[:, :most]
        near = measured.at(rows)
        shared = _spread(near.rows, near.columns, self._target)
        shared[:, np.arange(most), np.arange(most)] += self._variance[rows]
        across = np.take_along_axis(across, rows, axis=1)
        given = np.stack([self._values[rows], across], axis=2)
        solved = np.linalg.solve(shared, given)
        return np.asarray((across * solved[:, :, 0]).sum(axis=1)), np.asarray((across * solved[:, :, 1]).sum(axis=1))


@cache
def default_residuals(target: str) -> Residuals:
    """The measured deviations that come with the package; `target` is 'tpot' or 'ttft'."""
    place = resources.files("latprof.serving") / "data" / "residuals.csv"
    rows = list(csv.DictReader(io.StringIO(place.read_text(encoding="utf-8")))) if place.is_file() else []
    deviation = np.array([float(row[f"log_{target}"] or "nan") for row in rows])
    weight = np.array([float(row[f"weight_{target}"] or "nan") for row in rows])
    tuned = np.array([row["tuned"] == "1" for row in rows], dtype=bool)
    return Residuals(features_of(rows), deviation, tuned, target, weight=weight)
