"""The step model's scale for one cluster, from a load test of that cluster or from its server's metrics."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.errors import UsageError
from latprof.replay.scrape import scraped, window
from latprof.serving import Deployment, Parameters
from latprof.serving.predict import Point, modelled
from latprof.serving.residual import Residuals, default_residuals, features_of
from latprof.serving.steady import Load
from latprof.serving.tables import model_named
from latprof.trace import Trace

__all__ = ["LEAST_CALLS", "LoadTest", "calibrated", "load_tests_of", "metrics_test", "tested_model"]

LEAST_CALLS: Final = 5
# Standard error of a median by that of a mean, for a normal distribution: sqrt(pi / 2).
_MEDIAN: Final = 1.2533
# Answers whose lengths spread by less than this part of their mean end together.
_ALIKE: Final = 0.02


@dataclass(frozen=True, slots=True)
class LoadTest:
    """Medians of one load (ms, tokens), and the standard errors of their logarithms.

    `metrics`: from a server's metrics, whose tokens are means. `model` as it was named there.
    """

    load: Load
    ttft_ms: float
    tpot_ms: float
    ttft_error: float
    tpot_error: float
    calls: int
    model: str = ""
    metrics: bool = False


def metrics_test(texts: Sequence[str], model: str = "") -> LoadTest:
    """The load of a server of `model` from one or two expositions of its metrics. Raises UsageError."""
    if len(texts) > 2:
        raise UsageError("--calibrate takes one scrape of a server's metrics, or the first and last of a window.")
    seen = window([scraped(text) for text in texts])
    _check_names([seen.model], model)
    if seen.requests < LEAST_CALLS:
        raise UsageError(f"The metrics hold {seen.requests} finished requests: {LEAST_CALLS} are needed.")
    load = Load(seen.isl, seen.osl, seen.concurrency, seen.cached, varied=True)
    return LoadTest(
        load, seen.ttft_ms, seen.tpot_ms, seen.ttft_error, seen.tpot_error, seen.requests, seen.model, metrics=True
    )


def load_tests_of(trace: Trace, model: str = "") -> list[LoadTest]:
    """The loads of a load generator's results. Raises UsageError where they cannot calibrate a server of `model`."""
    _check_model(trace, model)
    usable = _usable(trace)
    rows = trace.select(usable)
    loads = rows.texts["load"]
    if (rows.texts["agent"] != "load-test").any():
        raise UsageError("--calibrate wants the result of a load generator: these are calls of an agent.")
    groups = [np.array([load == name for load in loads], dtype=bool) for name in dict.fromkeys(loads)]
    found = [_load_test(rows.select(mask)) for mask in groups if mask.sum() >= LEAST_CALLS]
    if not found:
        raise UsageError(
            f"--calibrate needs {LEAST_CALLS} calls of one load with TTFT, duration, input and output tokens: "
            f"{int(usable.sum())} of {len(trace)} calls have them; let the generator save each request's times."
        )
    return found


def _check_model(trace: Trace, model: str) -> None:
    _check_names([name or "" for name in dict.fromkeys(trace.texts["model"])], model)


def _check_names(names: Sequence[str], model: str) -> None:
    """Raises UsageError when the load test is known to be of another model than `model`."""
    wanted = model_named(model) if model else None
    for name in names:
        tested = model_named(name) if name else None
        if wanted is not None and tested is not None and tested.name != wanted.name:
            raise UsageError(f"The load test is of {tested.name}, not of {wanted.name}: test the server in question.")


def _usable(trace: Trace) -> NDArray[np.bool_]:
    numbers = trace.numbers
    known = np.isfinite(trace.ttft_s) & np.isfinite(trace.wall_s) & (numbers["input_tokens"] >= 1)
    with np.errstate(invalid="ignore"):
        return np.asarray(known & (numbers["output_tokens"] >= 2) & (trace.wall_s > trace.ttft_s) & (trace.ttft_s > 0))


def _load_test(trace: Trace) -> LoadTest:
    outputs = trace.numbers["output_tokens"]
    ttft = trace.ttft_s * 1e3
    tpot = (trace.wall_s - trace.ttft_s) * 1e3 / (outputs - 1)
    inputs = trace.numbers["input_tokens"]
    varied = bool(np.std(outputs) > _ALIKE * np.mean(outputs))
    load = Load(float(np.median(inputs)), float(np.median(outputs)), _at_once(trace), varied=varied)
    model = str(trace.texts["model"][0] or "")
    return LoadTest(load, float(np.median(ttft)), float(np.median(tpot)), _error(ttft), _error(tpot), len(trace), model)


def _error(values: NDArray[np.float64]) -> float:
    return _MEDIAN * float(np.std(np.log(values), ddof=1)) / math.sqrt(len(values))


def _at_once(trace: Trace) -> float:
    """Calls in flight: as stated, else by Little's law (time in calls over elapsed time). Raises UsageError."""
    stated = re.search(r"(\d+) at once", str(trace.texts["load"][0] or ""))
    if stated:
        return float(stated[1])
    sent = trace.numbers["sent_at"]
    if len(np.unique(sent)) < len(trace) / 2:
        raise UsageError("The load test tells neither how many calls were in flight nor when each was sent.")
    span = float((sent + trace.wall_s).max() - sent.min())
    return max(float(trace.wall_s.sum()) / span, 1.0)


def calibrated(
    deployment: Deployment, version: str, tests: Sequence[LoadTest], parameters: Parameters
) -> dict[str, Residuals]:
    """The deviations of the package and those of these tests of this deployment, by 'ttft' and 'tpot'.

    Conditioning on them moves the model's scale for this deployment and narrows its bands, most at loads like the
    tested ones (Rasmussen and Williams 2006, eq. 2.25 and 2.26).
    """
    points = [Point(deployment, test.load, version) for test in tests]
    steady = modelled(points, parameters)
    features = features_of([point.traits() for point in points])
    values: Mapping[str, tuple[list[float], list[float], NDArray[np.float64]]] = {
        "ttft": ([test.ttft_ms for test in tests], [test.ttft_error for test in tests], np.asarray(steady.ttft_s)),
        "tpot": ([test.tpot_ms for test in tests], [test.tpot_error for test in tests], np.asarray(steady.tpot_s)),
    }
    return {
        target: default_residuals(target).with_measured(
            features, np.log(np.array(measured) / 1e3 / model), np.array(error)
        )
        for target, (measured, error, model) in values.items()
    }


def tested_model(tests: Sequence[LoadTest]) -> str:
    """The table's name of the model that was tested; '' when it is not said or not known."""
    cards = [model_named(test.model) for test in tests if test.model]
    return next((card.name for card in cards if card is not None), "")
