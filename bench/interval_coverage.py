"""How often do the 95 % intervals hold the true percentile?

Each repeat draws sessions with a random level each, and calls around that level (log-normal both,
as waiting times are); the true percentile is that of the mixture. Beside the method stands the
usual order-statistic interval that takes all calls as independent.
"""

from __future__ import annotations

import argparse
import math
from statistics import NormalDist

import numpy as np

from latprof.stats.quantiles import min_calls, quantile_interval

MEAN_CALLS = 40


def naive(ordered: np.ndarray, p: float) -> tuple[float, float]:
    """Interval by the normal approximation of the binomial, sessions ignored."""
    n = len(ordered)
    half = NormalDist().inv_cdf(0.975) * math.sqrt(p * (1 - p) / n)
    low, high = max(0, math.floor((p - half) * n) - 1), min(n - 1, math.ceil((p + half) * n))
    return float(ordered[low]), float(ordered[high])


def holds(truth: float, ends: tuple[float | None, float | None]) -> bool:
    """A side without a limit holds everything."""
    low, high = ends
    return (low is None or low <= truth) and (high is None or truth <= high)


def coverage(
    rng: np.random.Generator, sessions: int, p: float, spread: tuple[float, float], repeats: int
) -> tuple[float, float, float]:
    """Share of repeats in which the interval holds the truth, in which the naive one does, with an open end."""
    between, within = spread
    truth = math.exp(NormalDist().inv_cdf(p) * math.hypot(between, within))
    good = plain = open_ended = calls = 0
    for _ in range(repeats):
        sizes = 1 + rng.geometric(1 / MEAN_CALLS, size=sessions)
        owners = np.repeat(np.arange(sessions), sizes)
        levels = rng.normal(0, between, size=sessions)
        values = np.exp(levels[owners] + rng.normal(0, within, size=len(owners)))
        order = np.argsort(values)
        if len(values) < min_calls(p):
            continue
        ends = quantile_interval(values[order], owners[order].astype(np.int64), p)
        good += holds(truth, ends)
        plain += holds(truth, naive(values[order], p))
        open_ended += None in ends
        calls += 1
    return good / calls, plain / calls, open_ended / calls


def main() -> None:
    """Print coverage per number of sessions and percentile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    print("| between, within | sessions | percentile | covered | covered, sessions ignored | without an end |")
    print("|---|---:|---:|---:|---:|---:|")
    for between, within in ((0.4, 0.6), (1.0, 0.5)):
        for sessions in (8, 15, 40, 100):
            for p in (0.1, 0.5, 0.9):
                shares = coverage(rng, sessions, p, (between, within), arguments.repeats)
                cells = " | ".join(f"{share:.1%}" for share in shares)
                print(f"| {between}, {within} | {sessions} | p{p * 100:g} | {cells} |")


if __name__ == "__main__":
    main()
