"""A server's own metrics as a load test: Prometheus text of vLLM or SGLang, one scrape or the window between two.

Names and units as the engines document them (vLLM: "Production metrics"; SGLang: "Production metrics"). Histograms and
counters only grow, so that the later scrape minus the earlier one is what happened between them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from latprof.classes import dataclass
from latprof.errors import UsageError

__all__ = ["Histogram", "Scrape", "Window", "is_scrape", "scraped", "window"]

_LINE: Final = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ENGINES: Final = ("vllm", "sglang")
# The first of these that is there; the second word says whether each observation is a whole request.
_TPOT: Final = (
    ("request_time_per_output_token_seconds", True),
    ("inter_token_latency_seconds", False),
    ("time_per_output_token_seconds", False),
)
_RUNNING: Final = ("num_requests_running", "num_running_reqs")
_CACHED: Final = ("prefix_cache_hits_total", "gpu_prefix_cache_hits_total", "cached_tokens_total")
# Quantiles one standard deviation from the middle of a normal distribution.
_LOW, _HIGH = 0.1587, 0.8413
# Standard deviation of what is spread evenly over a width of 1.
_EVEN: Final = 12**-0.5
# Standard error of a median by that of a mean, for a normal distribution: sqrt(pi / 2).
_MEDIAN: Final = 1.2533


@dataclass(frozen=True, slots=True)
class Scrape:
    """One exposition: sums over all label sets, by name without the engine's prefix; buckets by upper end."""

    engine: str
    model: str
    values: Mapping[str, float]
    buckets: Mapping[str, Mapping[float, float]]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Observations of a window: (upper end, how many up to there), their number and their sum."""

    ends: tuple[tuple[float, float], ...]
    count: float
    total: float

    def quantile(self, share: float) -> float:
        """By straight lines within buckets, as PromQL's histogram_quantile; the last finite end above all others."""
        wanted, low, below = share * self.count, 0.0, 0.0
        for end, up_to in self.ends:
            if up_to >= wanted and up_to > below:
                return low if math.isinf(end) else low + (end - low) * (wanted - below) / (up_to - below)
            low, below = (low if math.isinf(end) else end), up_to
        return low

    def median(self) -> float:
        """By buckets, and no more than the mean, which is exact: latencies have their long tail above the middle."""
        return min(self.quantile(0.5), self.total / self.count)

    def width_log(self, value: float) -> float:
        """Width of the bucket that holds a value, in log units."""
        low = max((end for end, _ in self.ends if end < value), default=value / 2)
        high = min((end for end, _ in self.ends if end >= value and not math.isinf(end)), default=value)
        return math.log(high / low) if 0 < low < high else math.log(2)

    def spread_log(self) -> float:
        """Standard deviation of the logarithms, from the quantiles one deviation below and above the middle."""
        low, high = self.quantile(_LOW), self.quantile(_HIGH)
        return math.log(high / low) / 2 if 0 < low < high else 0.5


@dataclass(frozen=True, slots=True)
class Window:
    """What a server did: means of tokens per request, streams at once, times in ms with errors of their logarithms."""

    model: str
    engine: str
    requests: int
    isl: float
    osl: float
    cached: float
    concurrency: float
    ttft_ms: float
    tpot_ms: float
    ttft_error: float
    tpot_error: float


def is_scrape(text: str) -> bool:
    """Whether a text is an exposition of one of these engines."""
    return any(re.search(rf"^(# (HELP|TYPE) )?{engine}[:_]\w+", text, re.MULTILINE) for engine in _ENGINES)


def scraped(text: str) -> Scrape:
    """Raises UsageError when it is not an exposition of vLLM or SGLang, or one of several models."""
    values: dict[str, float] = {}
    buckets: dict[str, dict[float, float]] = {}
    engines: set[str] = set()
    models: set[str] = set()
    for line in text.splitlines():
        found = _LINE.match(line)
        engine, _, name = re.sub("^(vllm|sglang)_", r"\1:", found[1]).partition(":") if found else ("", "", "")
        if found is None or engine not in _ENGINES or not name:
            continue
        labels = dict(_LABEL.findall(found[2] or ""))
        engines.add(engine)
        models |= {labels["model_name"]} if labels.get("model_name") else set()
        value = _number(found[3])
        if name.endswith("_bucket") and "le" in labels:
            ends = buckets.setdefault(name.removesuffix("_bucket"), {})
            ends[_number(labels["le"])] = ends.get(_number(labels["le"]), 0.0) + value
        else:
            values[name] = values.get(name, 0.0) + value
    if len(engines) != 1 or len(models) > 1:
        raise UsageError(
            "--calibrate reads the metrics of one vLLM or SGLang server with one model: save those of one."
        )
    return Scrape(engines.pop(), models.pop() if models else "", values, buckets)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def window(scrapes: Sequence[Scrape]) -> Window:
    """What happened between the first and the last scrape, or from the server's start to the only one.

    Raises UsageError for what is missing, for a server that started again, and for idle windows.
    """
    first, last = (scrapes[0] if len(scrapes) > 1 else None), scrapes[-1]
    if first is not None and (first.engine, first.model) != (last.engine, last.model):
        raise UsageError("The scrapes are of different servers: give the earlier and the later one of the same server.")
    ttft = _histogram(first, last, "time_to_first_token_seconds")
    tpot, of_requests = next(
        ((_histogram(first, last, name), whole) for name, whole in _TPOT if name in last.buckets), (None, False)
    )
    if ttft is None or tpot is None or ttft.count < 1 or tpot.count < 1:
        raise UsageError("The metrics hold no finished request: scrape before and after some minutes of usual work.")
    requests, outputs = ttft.count, _grown(first, last, "generation_tokens_total")
    isl, osl = _grown(first, last, "prompt_tokens_total") / requests, outputs / requests
    if not (isl >= 1 and osl >= 2):
        raise UsageError("The metrics lack prompt_tokens_total or generation_tokens_total: save the whole exposition.")
    first_token, middle = ttft.median(), tpot.median() if of_requests else tpot.total / tpot.count
    cached = next((_grown(first, last, name) for name in _CACHED if name in last.values), 0.0)
    return Window(
        last.model, last.engine, round(requests), isl, osl, min(max(cached / requests, 0.0), isl - 1),
        _at_once(scrapes, first, last, outputs), first_token * 1e3, middle * 1e3,
        _error(ttft, first_token, requests), _error(tpot, middle, requests, exact=not of_requests),
    )  # fmt: skip


def _error(histogram: Histogram, middle: float, requests: float, *, exact: bool = False) -> float:
    """Standard error of the logarithm: of the sample, and of where in its bucket a quantile lies."""
    sample = _MEDIAN * histogram.spread_log() / math.sqrt(requests)
    return math.hypot(sample, 0.0 if exact else _EVEN * histogram.width_log(middle))


def _grown(first: Scrape | None, last: Scrape, name: str) -> float:
    """Raises UsageError for a counter that fell: the server started again."""
    grown = last.values.get(name, math.nan) - (first.values.get(name, 0.0) if first else 0.0)
    if grown < 0:
        raise UsageError("A counter is smaller in the later scrape: the order is wrong, or the server started again.")
    return grown


def _histogram(first: Scrape | None, last: Scrape, name: str) -> Histogram | None:
    if name not in last.buckets:
        return None
    before = first.buckets.get(name, {}) if first else {}
    ends = tuple((end, count - before.get(end, 0.0)) for end, count in sorted(last.buckets[name].items()))
    return Histogram(ends, _grown(first, last, f"{name}_count"), _grown(first, last, f"{name}_sum"))


def _at_once(scrapes: Sequence[Scrape], first: Scrape | None, last: Scrape, outputs: float) -> float:
    """Streams per iteration: tokens generated per iteration, else the mean of the running requests at the scrapes."""
    steps = _grown(first, last, "iteration_tokens_total_count") if "iteration_tokens_total_count" in last.values else 0
    if steps > 0 and outputs > 0:
        return max(outputs / steps, 1.0)
    running = [one.values[name] for one in scrapes for name in _RUNNING if name in one.values]
    if not running or max(running) <= 0:
        raise UsageError("The metrics do not tell how many requests ran at once: scrape while the server is at work.")
    return max(sum(running) / len(running), 1.0)
