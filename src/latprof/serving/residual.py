"""What the step model misses in measured deployments, and how far that carries to others.

A Gaussian process over the logarithm of measured / modelled: deployments share more of their error the more they
have in common (family, model, engine version, GPU, precision, parallelism, load). Far from all measurements it
returns 0 with the full spread, near them the measured deviation with a small one (Rasmussen and Williams 2006, ch. 2).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["TRAITS", "Features", "Residuals", "default_residuals", "features_of", "spread_of"]

Floats = NDArray[np.float64]
TRAITS: Final = ("family", "model", "engine", "version", "precision", "gpu", "layout")
# Standard deviations of what deployments share, in log units, for tpot and ttft.
_SPREAD: Final[Mapping[str, Mapping[str, float]]] = {
    "tpot": {"family": 0.15, "model": 0.10, "cell": 0.15, "layout": 0.10, "load": 0.12, "family_load": 0.10,
             "engine_load": 0.08, "version": 0.10, "noise": 0.06, "untuned": 0.30},
    "ttft": {"family": 0.25, "model": 0.10, "cell": 0.30, "layout": 0.15, "load": 0.20, "family_load": 0.20,
             "engine_load": 0.15, "version": 0.20, "noise": 0.12, "untuned": 0.60},
}  # fmt: skip
# Half a spread of the logarithms of concurrency, input and output tokens over which loads are alike.
_SCALE: Final = np.array([1.2, 1.2, 1.5])


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
    sd = {name: value**2 for name, value in _SPREAD[target].items()}
    same = {name: a.traits[name][:, None] == b.traits[name][None, :] for name in TRAITS}
    near = np.exp(-((a.load[:, None, :] - b.load[None, :, :]) ** 2).sum(axis=2) / 2)
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


def _own(features: Features, target: str) -> Floats:
    """Variance of each deployment's deviation before anything is measured: the sum of all shared parts."""
    parts = [value**2 for name, value in _SPREAD[target].items() if name not in {"noise", "untuned"}]
    return np.full(len(features.load), sum(parts))


class Residuals:
    """Measured deviations, ready to be asked. Outliers weigh less (Student-like weights, three passes)."""

    def __init__(
        self, features: Features, deviation: Floats, tuned: NDArray[np.bool_], target: str, extra: Floats | None = None
    ) -> None:
        """`extra`: standard errors of the deviations themselves (log units), where they are known; 0 for none."""
        known = np.isfinite(deviation)
        self._features, self._target = features.of(known), target
        self._extra = np.zeros(int(known.sum())) if extra is None else extra[known]
        values, tuned = deviation[known], tuned[known]
        self._values, self._tuned = values, tuned
        sd = _SPREAD[target]
        noise = np.hypot(np.where(tuned, sd["noise"], sd["untuned"]), self._extra)
        shared, weight = spread_of(self._features, self._features, target), np.ones(len(values))
        for _ in range(3):
            self._factor = np.linalg.inv(shared + np.diag(noise**2 / weight))
            self._solved = self._factor @ values
            weight = 1 / (1 + ((values - shared @ self._solved) / (3 * noise)) ** 2)
        self._noise = sd["noise"]

    def with_measured(self, features: Features, deviation: Floats, error: Floats) -> Residuals:
        """The same with further measured deviations (log units, shape (n,)) and their standard errors."""
        return Residuals(
            self._features.and_of(features), np.concatenate([self._values, deviation]),
            np.concatenate([self._tuned, np.ones(len(deviation), dtype=bool)]), self._target,
            np.concatenate([self._extra, error]),
        )  # fmt: skip

    def at(self, features: Features) -> tuple[Floats, Floats]:
        """Mean and standard deviation (both log units, shape (n,)) of the deviation of these deployments."""
        own = _own(features, self._target)
        if not len(self._solved):
            return np.zeros(len(own)), np.sqrt(own)
        across = spread_of(features, self._features, self._target)
        explained = np.einsum("ij,jk,ik->i", across, self._factor, across, optimize=True)
        return across @ self._solved, np.sqrt(np.maximum(own - explained, 0.0) + self._noise**2)


@cache
def default_residuals(target: str) -> Residuals:
    """The measured deviations that come with the package; `target` is 'tpot' or 'ttft'."""
    place = resources.files("latprof.serving") / "data" / "residuals.csv"
    rows = list(csv.DictReader(io.StringIO(place.read_text(encoding="utf-8")))) if place.is_file() else []
    deviation = np.array([float(row[f"log_{target}"] or "nan") for row in rows])
    return Residuals(features_of(rows), deviation, np.array([row["tuned"] == "1" for row in rows]), target)
