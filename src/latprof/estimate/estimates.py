"""Trace -> estimates for every call of every model that can be read."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.estimate.model import ATOMS, PROBABILITIES, Factor, Group, Readings, estimate_group
from latprof.estimate.observe import AGENTS, Observed, observe, usable
from latprof.trace import MIN_DECODE_S, Estimates, Trace

__all__ = ["Estimation", "estimate"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A stretch of calls in time gets an effect of its own from so many calls on.
_PERIOD_CALLS: Final = 250
_MOST_PERIODS: Final = 8
_LEVEL_CALLS: Final = 8


@dataclass(frozen=True, slots=True)
class Estimation:
    """Estimates per call, and how each model's came about."""

    estimates: Estimates
    groups: tuple[Group, ...]


def estimate(trace: Trace, *, seed: int = 0, over_time: bool = True) -> Estimation:
    """Fit each agent's models one by one. Deterministic for a seed.

    Without `over_time` the stretches of time get no effect of their own: then what a call is read as
    does not depend on when it was made, which a search for changes over time needs.
    """
    n = len(trace)
    first, speed = np.full((n, ATOMS), np.nan), np.full((n, ATOMS), np.nan)
    first_ends, speed_ends = np.full((n, 2), np.nan), np.full((n, 2), np.nan)
    number = np.full(n, -1, dtype=np.int64)
    groups: list[Group] = []
    ready = usable(trace)
    parts = _by_model(trace)
    seen = [observe(trace, rows[ready[rows]]) for _, _, rows in parts]

    def fitted(part: tuple[tuple[str, str, Ints], Observed]) -> tuple[Group, Readings | None]:
        (agent, model, rows), observed = part
        blank = Group(agent, model, len(rows), len(observed), len(set(observed.session.tolist())))
        factors = _factors(trace, observed.row, observed, over_time=over_time)
        return estimate_group(blank, observed, factors, seed)

    # numpy lets go of the interpreter in its loops, so that two models are fitted on two cores.
    with ThreadPoolExecutor(max_workers=min(max(len(parts), 1), os.cpu_count() or 1)) as pool:
        results = list(pool.map(fitted, zip(parts, seen, strict=True)))
    for (_, _, rows), observed, (group, readings) in zip(parts, seen, results, strict=True):
        chosen = observed.row
        number[rows] = len(groups)
        groups.append(group)
        if readings is None:
            continue
        first[chosen], first_ends[chosen] = readings.first_s, readings.first_ends_s
        # Decoding that takes less than this cannot be timed, and its speed means nothing.
        long = (observed.tokens - 1) / np.median(readings.speed_tps, axis=1) >= MIN_DECODE_S
        speed[chosen[long]], speed_ends[chosen[long]] = readings.speed_tps[long], readings.speed_ends_tps[long]
    values = Estimates(
        values={"ttft_s": first, "decode_tps": speed},
        ends={"ttft_s": first_ends, "decode_tps": speed_ends},
        group=number,
        errors={"ttft_s": _errors(groups, "first_error"), "decode_tps": _errors(groups, "speed_error")},
        probabilities=PROBABILITIES,
    )
    return Estimation(values, tuple(groups))


def _errors(groups: list[Group], name: str) -> Floats:
    unknown = np.full(len(PROBABILITIES), np.nan)
    rows = [getattr(group, name) for group in groups]
    return np.array([unknown if row is None else row for row in rows]).reshape(len(groups), len(PROBABILITIES))


def _by_model(trace: Trace) -> list[tuple[str, str, Ints]]:
    keys: dict[tuple[str, str], list[int]] = {}
    for row, (agent, model) in enumerate(zip(trace.texts["agent"], trace.texts["model"], strict=True)):
        if agent in AGENTS and model is not None:
            keys.setdefault((agent, model), []).append(row)
    return [(*key, np.array(keys[key], dtype=np.int64)) for key in sorted(keys)]


def _factors(trace: Trace, rows: Ints, observed: Observed, *, over_time: bool) -> tuple[Factor, ...]:
    """Trigger, effort with speed mode, and stretch of time, where there are calls enough of several levels."""
    mode = [
        f"{effort or 'usual'} {speed or ''}".strip()
        for effort, speed in zip(trace.texts["effort"][rows], trace.texts["speed_mode"][rows], strict=True)
    ]
    factors = [_factor("trigger", list(trace.texts["trigger"][rows])), _factor("effort", mode)]
    periods = min(len(rows) // _PERIOD_CALLS, _MOST_PERIODS) if over_time else 0
    if periods >= 2:
        place = np.argsort(np.argsort(observed.sent_at, kind="stable"), kind="stable")
        level = place * periods // len(rows)
        factors.append(Factor("time", level, tuple(f"part {k + 1} of {periods}" for k in range(periods))))
    return tuple(factor for factor in factors if len(factor.names) > 1)


def _factor(name: str, values: list[str]) -> Factor:
    """Levels with enough calls by their own name, the rest together."""
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    names = sorted(value for value, count in counts.items() if count >= _LEVEL_CALLS)
    index = {value: k for k, value in enumerate(names)}
    if len(names) < len(counts):
        names.append("others")
    return Factor(name, np.array([index.get(value, len(names) - 1) for value in values], dtype=np.int64), tuple(names))
