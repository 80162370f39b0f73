"""How often do check and drift cry wolf, and how often do they see a slowdown?

Every repeat draws calls of one model in sessions: log-normal times with a level per session. The check
compares 500 calls with a baseline of 500 others, with the default settings (6 figures compared); drift
looks at 1,000 calls over 40 days. "Slower" multiplies every time by 1.2, for drift from the middle on.

    python bench/gates.py                  the table of docs/explanation/changes.md
    python bench/gates.py --calls FILE     sizes of spread from real calls beside it
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from latprof.api import load
from latprof.change import drift
from latprof.check import make_baseline, run_check
from latprof.config.schema import Settings
from latprof.model import Call
from latprof.trace import Trace

DAY_S = 86_400.0
START = 1_767_225_600.0
CALLS = 500
SLOWER = 1.2


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviations of log times: of a session's level, and of calls around it."""

    between: float
    within: float


def draw(rng: np.random.Generator, spread: Spread, calls: int, sessions: int, slower_from: float | None) -> Trace:
    """Calls over `sessions` days, one session a day; times are longer by `SLOWER` from that part (0 to 1) on."""
    owner = np.sort(rng.integers(0, sessions, calls))
    level = rng.normal(0, spread.between, sessions)[owner]
    ttft = 2.0 * np.exp(level + rng.normal(0, spread.within, calls))
    tokens = np.maximum(np.exp(rng.normal(5.5, 0.8, calls)), 40).round()
    decode = tokens / (60.0 * np.exp(-level + rng.normal(0, spread.within, calls)))
    factor = np.ones(calls) if slower_from is None else np.where(owner >= slower_from * sessions, SLOWER, 1.0)
    return Trace.from_calls(list(made(owner, ttft * factor, decode * factor, tokens)))


def made(owner: np.ndarray, ttft: np.ndarray, decode: np.ndarray, tokens: np.ndarray) -> Iterator[Call]:
    """The calls of one draw, one after the other within a session."""
    at, last = START, -1
    for number, day in enumerate(owner):
        at = START + int(day) * DAY_S if day != last else at + 5.0
        last = day
        first = at + float(ttft[number])
        end = first + float(decode[number])
        yield Call(
            agent="made", session_id=f"s{day}", message_id=f"m{number}", request_id=f"r{number}", model="model-a",
            trigger="tool_result", sent_at=at, sent_source="api_request_line", first_output_at=first,
            first_output_source="block_start", last_output_at=end, last_output_source="last_block_end",
            output_tokens=int(tokens[number]), output_tokens_source="usage", input_tokens=60_000,
        )  # fmt: skip
        at = end


def gate_fails(rng: np.random.Generator, spread: Spread, sessions: int, *, slower: bool) -> bool:
    """Whether one check against one baseline fails."""
    settings = Settings()
    baseline = make_baseline(draw(rng, spread, CALLS, sessions, None), settings)
    verdicts = run_check(draw(rng, spread, CALLS, sessions, 0.0 if slower else None), settings, baseline)
    if not slower:
        return bool(verdicts.failed)
    return any(item.figure.of == 0.5 for item in verdicts.failed)


def drift_shows(rng: np.random.Generator, spread: Spread, sessions: int, *, slower: bool) -> bool:
    """Whether one history shows any change."""
    return bool(drift(draw(rng, spread, 2 * CALLS, sessions, 0.5 if slower else None)).shifts)


def real_spreads(path: str) -> Iterator[str]:
    """Spread of log times of the largest models of a file, to compare with the scenarios."""
    trace = load([path])
    for key, values in (("ttft_s", trace.ttft_s), ("wall_s", trace.wall_s)):
        known = ~np.isnan(values) & (values > 0)
        models = trace.texts["model"][known].astype(str)
        for model in sorted(set(models), key=lambda name: -int((models == name).sum()))[:3]:
            logs = np.log(values[known][models == model])
            _, member = np.unique(trace.texts["session_id"][known][models == model].astype(str), return_inverse=True)
            means = np.bincount(member, logs) / np.bincount(member)
            within = (logs - means[member]).std()
            yield f"| {key} | {model} | {len(logs):,} | {len(means)} | {means.std():.2f} | {within:.2f} |"


def main() -> None:
    """Print how many of the repeats fail."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calls", help="real calls, to print their spread")
    arguments = parser.parse_args()
    if arguments.calls:
        print("| metric | model | calls | sessions | between | within |\n|---|---|---:|---:|---:|---:|")
        print("\n".join(real_spreads(arguments.calls)) + "\n")
    repeats = arguments.repeats
    print(f"Of {repeats} repeats\n")
    print("| sessions | between | within | check, same | check, slower | drift, same | drift, slower |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for sessions, spread in (
        (40, Spread(0.0, 0.3)), (40, Spread(0.0, 0.4)), (40, Spread(0.0, 0.5)),
        (40, Spread(0.1, 0.3)), (40, Spread(0.2, 0.3)), (12, Spread(0.1, 0.3)),
        (80, Spread(0.2, 0.3)),
    ):  # fmt: skip
        rng = np.random.default_rng(arguments.seed)
        cells = [
            sum(test(rng, spread, sessions, slower=slower) for _ in range(repeats))
            for test in (gate_fails, drift_shows)
            for slower in (False, True)
        ]
        print(f"| {sessions} | {spread.between} | {spread.within} | " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
