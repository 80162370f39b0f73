"""How far the estimates are from the truth, and how often their intervals hold it: `python bench/accuracy`.

Prints Markdown tables: recorded sessions, laws over wire-measured pairs, groups of 50 calls, the
posterior predictive check, one model against another team's wire, and the cost of 100,000 calls.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from judge import METRICS, QUANTILES, Floats, Judged, judge, true_of
from laws import LAWS, STRUCTURE_MODELS, draw, pairs
from predictive import compared
from recorded import recorded

from latprof.estimate import estimate
from latprof.ingest import read_inputs
from latprof.trace import Trace

SHARED = Path(os.environ.get("LATPROF_SHARED", Path(__file__).resolve().parents[3] / "shared"))
PAIRS = ("claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929")
# Seeds below were looked at while the method was made; these were not.
FIRST_SEED = 1000
MANY_CALLS = 9000
LARGE_CALLS = 5000
LARGE_SEEDS = range(5000, 5008)
LARGE_LAWS = ("plain", "speed by type", "two humps", "speed by context", "half with first token")
NAMES = {"ttft_s": "TTFT", "decode_tps": "decode"}


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=["recorded", "laws", "small", "large", "predictive", "wire", "speed"])
    chosen = parser.parse_args()
    parts: dict[str, Callable[[], Iterator[str]]] = {
        "recorded": recorded_part,
        "laws": partial(laws_part, repeats=chosen.repeats, calls=chosen.calls, processes=chosen.processes),
        "small": partial(small_part, repeats=chosen.repeats, processes=chosen.processes),
        "large": partial(large_part, processes=chosen.processes),
        "predictive": predictive_part,
        "wire": wire_part,
        "speed": speed_part,
    }
    for name, part in parts.items():
        if chosen.only in {None, name}:
            for line in part():
                sys.stdout.write(line + "\n")
            sys.stdout.flush()


def percent(value: float) -> str:
    """0.123 -> '+12.3 %'."""
    return f"{100 * value:+.1f} %"


def recorded_part() -> Iterator[str]:
    """Real agent, scripted server, all versions together, first tokens hidden."""
    drawn = recorded(SHARED)
    found = judge(drawn)
    yield f"### Recorded sessions ({len(drawn.calls)} calls)\n"
    yield "| figure | truth | estimate | error | as logged |"
    yield "|---|---:|---:|---:|---:|"
    for k, key in enumerate(METRICS):
        for j, q in enumerate(QUANTILES):
            true, value, logged = found.truth[k, j], found.estimate[k, j], found.as_logged[k, j]
            gap = f" ({1000 * (value - true):+.0f} ms)" if key == "ttft_s" else ""
            yield (
                f"| {NAMES[key]} p{100 * q:.0f} | {true:.3g} | {value:.3g} | {percent(value / true - 1)}{gap} "
                f"| {percent(logged / true - 1)} |"
            )
    yield ""


def _one(job: tuple[str, str, int, int]) -> Judged:
    model, law, calls, seed = job
    return judge(draw(SHARED, model, law, calls, seed))


def _population(job: tuple[str, str, int]) -> Floats:
    """True percentiles (2, 3) of a law under the block structures of one model."""
    model, law, structure = job
    drawn = draw(SHARED, model, law, MANY_CALLS, len(STRUCTURE_MODELS) * FIRST_SEED + structure)
    return true_of(Trace.from_calls(drawn.calls), drawn)


def _structure(seed: int) -> int:
    """Which model's block structures a seed draws from."""
    return seed % len(STRUCTURE_MODELS)


def laws_part(repeats: int, calls: int, processes: int) -> Iterator[str]:
    """Every law over both sets of pairs: errors against the same calls, intervals against the law."""
    yield f"### Laws over wire-measured pairs ({calls} calls a group, {repeats} repeats a row)\n"
    yield "Mean absolute error of the estimate, and the mean as-logged error beside it."
    yield "Intervals: share of the 95 % intervals that hold the law's own percentile, in the order of the columns.\n"
    heads = [f"{NAMES[key]} p{100 * q:.0f}" for key in METRICS for q in QUANTILES]
    yield "| pairs | law | refused | " + " | ".join(heads) + " | intervals hold |"
    yield "|---|---|---:|" + "---:|" * (len(heads) + 1)
    with ProcessPoolExecutor(processes) as pool:
        for model in PAIRS:
            for law in LAWS:
                structures = len(STRUCTURE_MODELS)
                truths = list(pool.map(_population, [(model, law, k) for k in range(structures)]))
                seeds = range(FIRST_SEED, FIRST_SEED + repeats)
                found = list(pool.map(_one, [(model, law, calls, seed) for seed in seeds], chunksize=4))
                yield _row(model, law, found, [truths[_structure(seed)] for seed in seeds])
    yield ""


def _row(model: str, law: str, found: list[Judged], truths: list[Floats]) -> str:
    good = [(item, truth) for item, truth in zip(found, truths, strict=True) if item.refused is None]
    error = np.mean([np.abs(item.error) for item, _ in good], axis=0).ravel()
    logged = np.mean([item.as_logged / item.truth - 1 for item, _ in good], axis=0).ravel()
    held = np.mean([(item.low <= truth) & (truth <= item.high) for item, truth in good], axis=0).ravel()
    cells = [f"{100 * e:.1f} % ({percent(g)})" for e, g in zip(error, logged, strict=True)]
    shares = " / ".join(f"{100 * share:.0f}" for share in held)
    return (
        f"| {model.partition('-2')[0]} | {law} | {len(found) - len(good)} | " + " | ".join(cells) + f" | {shares} % |"
    )


def small_part(repeats: int, processes: int) -> Iterator[str]:
    """Groups of 50 calls: within 15 % at the median, or refused."""
    yield f"### Groups of 50 calls ({repeats} repeats a row)\n"
    yield "| law | refused | TTFT p50 within 15 % | decode p50 within 15 % | 95th percentile of the errors |"
    yield "|---|---:|---:|---:|---:|"
    with ProcessPoolExecutor(processes) as pool:
        for law in LAWS:
            jobs = [(PAIRS[0], law, 50, seed) for seed in range(FIRST_SEED, FIRST_SEED + repeats)]
            good = [item for item in pool.map(_one, jobs, chunksize=4) if item.refused is None]
            error = np.array([np.abs(item.error[:, 1]) for item in good]).reshape(-1, 2)
            within = np.mean(error <= 0.15, axis=0) if good else [np.nan, np.nan]
            worst = np.quantile(error, 0.95, axis=0) if good else [np.nan, np.nan]
            yield (
                f"| {law} | {repeats - len(good)} | {100 * within[0]:.0f} % | {100 * within[1]:.0f} % "
                f"| {100 * worst[0]:.0f} % / {100 * worst[1]:.0f} % |"
            )
    yield ""


def large_part(processes: int) -> Iterator[str]:
    """Groups of more calls than a model is fitted on; intervals against the percentile of the very calls."""
    yield f"### Groups of {LARGE_CALLS} calls ({len(LARGE_SEEDS)} repeats a row)\n"
    heads = [f"{NAMES[key]} p{100 * q:.0f}" for key in METRICS for q in QUANTILES]
    yield "| pairs | law | refused | " + " | ".join(heads) + " | intervals hold |"
    yield "|---|---|---:|" + "---:|" * (len(heads) + 1)
    with ProcessPoolExecutor(processes) as pool:
        for law in LARGE_LAWS:
            for model in PAIRS:
                found = list(pool.map(_one, [(model, law, LARGE_CALLS, seed) for seed in LARGE_SEEDS]))
                yield _row(model, law, found, [item.truth for item in found])
    yield ""


def predictive_part() -> Iterator[str]:
    """Does the fitted model give back the real calls?"""
    yield "### Real calls against calls drawn from the fitted model\n"
    yield "| model | figure | n | real | model | difference |"
    yield "|---|---|---:|---:|---:|---:|"
    for row in compared(SHARED):
        yield f"| {row.model} | {row.figure} | {row.n} | {row.real:.3g} | {row.drawn:.3g} | {percent(row.error)} |"
    yield ""


def wire_part() -> Iterator[str]:
    """Opus 4.5: our estimate of one team's calls, another team's wire. Only the order of size must agree."""
    model = PAIRS[0]
    trace = Trace.from_calls(
        [call for call in read_inputs([str(SHARED / "corpus" / "claude-code")]).calls if call.model == model]
    )
    trace = trace.with_estimates(estimate(trace).estimates)
    wire = pairs(SHARED, model)
    yield f"### {model}: estimate from one team's logs, another team's wire\n"
    yield "| figure | wire | estimate | as logged |"
    yield "|---|---:|---:|---:|"
    logged = (trace.as_logged_ttft_s, trace.as_logged_decode_tps)
    for k, key in enumerate(METRICS):
        values = trace.estimates.values[key] if trace.estimates is not None else np.full((1, 1), np.nan)
        for q in QUANTILES:
            yield (
                f"| {NAMES[key]} p{100 * q:.0f} | {np.quantile(wire[:, k], q):.3g} | {np.nanquantile(values, q):.3g} "
                f"| {np.nanquantile(logged[k], q):.3g} |"
            )
    yield f"\nn: wire {len(wire)}, estimate {int((~np.isnan(trace.estimated('ttft_s'))).sum())}.\n"


def speed_part() -> Iterator[str]:
    """100,000 calls: time and memory of the estimator alone."""
    calls = draw(SHARED, PAIRS[0], "plain", 100_000, FIRST_SEED).calls
    trace = Trace.from_calls(calls)
    before, started, wall = _peak_mb(), time.process_time(), time.perf_counter()
    estimate(trace)
    yield "### 100,000 calls of one model\n"
    yield (
        f"{time.process_time() - started:.1f} s of CPU, {time.perf_counter() - wall:.1f} s of wall, "
        f"{_peak_mb() - before:.0f} MB on top of the calls.\n"
    )


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
