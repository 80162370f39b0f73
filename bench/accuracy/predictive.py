"""Posterior predictive check: calls drawn from the fitted model against the real ones they were fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latprof.estimate import estimate
from latprof.estimate.evidence import Evidence
from latprof.estimate.likelihood import shifts, sizes
from latprof.estimate.mixture import Mixture
from latprof.estimate.observe import observe, usable
from latprof.estimate.readings import evidence_of
from latprof.estimate.values import Parameters
from latprof.ingest import read_inputs
from latprof.trace import Trace

Floats = NDArray[np.float64]
MODELS = ("claude-opus-4-7", "claude-opus-4-8", "claude-fable-5")
TYPES = ("thinking", "text", "tool arguments")
DRAWS = 20
LEAST = 60


@dataclass(frozen=True)
class Compared:
    """One figure of the real calls and of calls drawn from the model."""

    model: str
    figure: str
    n: int
    real: float
    drawn: float

    @property
    def error(self) -> float:
        """Relative difference."""
        return self.drawn / self.real - 1


def compared(shared: Path) -> list[Compared]:
    """All figures of all models with final token counts."""
    trace = Trace.from_calls(read_inputs([str(shared / "corpus" / "claude-code")]).calls)
    groups = {group.model: group for group in estimate(trace).groups}
    rows: list[Compared] = []
    for model in MODELS:
        group = groups[model]
        if group.parameters is None or group.calibration is None:
            continue
        observed = observe(trace, np.flatnonzero(usable(trace) & (trace.texts["model"] == model)))
        evidence = evidence_of(observed, group.calibration, tuple(factor.level for factor in group.factors))
        rng = np.random.default_rng(7)
        drawn = [_draw(evidence, group.parameters, rng) for _ in range(DRAWS)]
        times = [evidence[name].astype(np.float64) for name in ("first_s", "span_s", "last_s")]
        real = _figures(evidence, *times)
        many = [_figures(evidence, *times) for times in drawn]
        for name, (n, value) in real.items():
            rows.append(Compared(model, name, n, value, float(np.mean([figures[name][1] for figures in many]))))
    return rows


def _sample(mixture: Mixture, n: int, rng: np.random.Generator) -> Floats:
    part = rng.choice(len(mixture.share), n, p=mixture.share / mixture.share.sum())
    return rng.normal(mixture.centre[part], mixture.width[part])


def _draw(evidence: Evidence, parameters: Parameters, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """End of first block, span and end of response for each call, from the model alone."""
    n = len(evidence)
    size, (first_shift, speed_shift) = sizes(evidence, parameters), shifts(evidence, parameters)
    speed = np.exp(_sample(parameters.speed, n, rng) + speed_shift)
    first = np.exp(_sample(parameters.first, n, rng) + first_shift) + parameters.beta_s * evidence["uncached"] / 1e5
    spread = evidence.has_span
    swap = np.where(spread, rng.normal(0, size.error), 0.0)
    head_s = np.maximum(size.first + swap, 0.5) / speed * (1 + rng.normal(0, parameters.wobble / 2, n))
    blur = parameters.wobble * size.rest / speed * rng.standard_t(4, n)
    span = np.maximum((size.rest - swap) / speed + blur, 0.0)
    ends = first + np.maximum(head_s, 0.0)
    return ends, np.where(spread, span, np.nan), ends + np.where(spread, span, 0.0)


def _figures(evidence: Evidence, first_s: Floats, span_s: Floats, last_s: Floats) -> dict[str, tuple[int, float]]:
    """The line of wall time over tokens, spans, and times of the first line by type of its block."""
    # In double precision, as what is fitted to it.
    hidden, tokens, uncached = (evidence[name].astype(np.float64) for name in ("thinking", "tokens", "uncached"))
    columns = np.column_stack([np.ones(len(hidden)), tokens - hidden, hidden, uncached / 1e5])
    line = _least_absolute(columns, last_s)
    found = {
        "wall: start (s)": (len(hidden), line[0]),
        "wall: visible tokens per s": (len(hidden), 1 / line[1]),
        "wall: thinking tokens per s": (len(hidden), 1 / line[2]),
    }
    spread = evidence.has_span
    for q in (0.1, 0.5, 0.9):
        found[f"time between blocks p{100 * q:.0f} (s)"] = (int(spread.sum()), float(np.quantile(span_s[spread], q)))
    for kind, name in enumerate(TYPES):
        own = spread & (evidence["first_type"] == kind)
        if own.sum() >= LEAST:
            for q in (0.1, 0.5, 0.9):
                found[f"first line, {name}, p{100 * q:.0f} (s)"] = (int(own.sum()), float(np.quantile(first_s[own], q)))
        alone = ~spread & (evidence["first_type"] == kind)
        if alone.sum() >= LEAST:
            for q in (0.1, 0.5, 0.9):
                found[f"only line, {name}, p{100 * q:.0f} (s)"] = (
                    int(alone.sum()),
                    float(np.quantile(last_s[alone], q)),
                )
    return found


def _least_absolute(columns: Floats, values: Floats) -> Floats:
    """Least absolute deviations by reweighted least squares."""
    theta = np.linalg.lstsq(columns, values, rcond=None)[0]
    for _ in range(60):
        weight = 1 / np.sqrt(np.maximum(np.abs(values - columns @ theta), 1e-3))
        theta = np.linalg.lstsq(columns * weight[:, None], values * weight, rcond=None)[0]
    return np.asarray(theta, dtype=np.float64)
