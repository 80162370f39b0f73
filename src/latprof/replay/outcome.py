"""What engineers feel and what the cluster does in one replay, as figures by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from latprof.classes import dataclass
from latprof.replay.cluster import Counts, Done, Replay

__all__ = ["FIGURES", "TRIGGERS", "Figure", "figures_of", "today_key"]

# Fewer calls than this say nothing about a 99th percentile.
_LEAST_TAIL: Final = 100
_LEAST: Final = 5
_PERCENTILES: Final = (50, 90, 99)
TRIGGERS: Final = ("user", "tool_result", "subagent")


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a replay: its key, unit and meaning; `lower_is_better` None where neither is."""

    key: str
    unit: str
    meaning: str
    lower_is_better: bool | None = None


def _percentile_figures(key: str, unit: str, meaning: str, *, lower: bool) -> list[Figure]:
    return [Figure(f"{key}_p{q}", unit, f"{meaning}, p{q} over calls", lower) for q in _PERCENTILES]


FIGURES: Final[tuple[Figure, ...]] = (
    *_percentile_figures("step_s", "s", "sent to last token", lower=True),
    *(
        figure
        for trigger in TRIGGERS
        for figure in _percentile_figures(f"step_{trigger}_s", "s", f"sent to last token after {trigger}", lower=True)
    ),
    *_percentile_figures("ttft_s", "s", "sent to first token, queueing included", lower=True),
    *_percentile_figures("queue_s", "s", "sent until the cluster begins with the call", lower=True),
    *_percentile_figures("decode_tps", "tok/s", "decode speed of a call", lower=False),
    Figure("decode_tps_p10", "tok/s", "decode speed of a call, p10 over calls", lower_is_better=False),
    Figure("aggregate_tps", "tok/s", "output tokens of all engineers together, mean over time"),
    Figure("aggregate_busy_tps", "tok/s", "output tokens of all together per second in which a replica computes"),
    Figure("reuse_share", "share", "prompt tokens found in the prefix cache", lower_is_better=False),
    Figure("kv_used_share", "share", "KV memory held by running calls, mean over time", lower_is_better=True),
    Figure("kv_filled_share", "share", "KV memory with anything in it, mean over time"),
    Figure("busy_share", "share", "time in which a replica computes", lower_is_better=True),
    Figure("in_flight", "1", "calls under way, mean over time"),
    Figure("preempted_share", "share", "calls that lost their memory on the way", lower_is_better=True),
    Figure("calls_per_hour", "1", "calls of the whole team"),
    Figure("input_tokens_per_hour", "tokens", "input of the whole team"),
    Figure("output_tokens_per_hour", "tokens", "output of the whole team"),
)


def today_key(key: str) -> str:
    """The name of the same figure as it was measured on the same calls."""
    return f"today_{key}"


def figures_of(replay: Replay) -> dict[str, float]:
    """All figures that the calls of the replay suffice for; calls sent before measuring began do not count."""
    calls = [done for done in replay.done if done.sent_at >= replay.from_s]
    found: dict[str, float] = {}
    _times(found, calls)
    _today(found, calls)
    _cluster(found, calls, replay)
    return found


def _times(found: dict[str, float], calls: Sequence[Done]) -> None:
    _put(found, "step_s", (call.step_s for call in calls))
    _put(found, "ttft_s", (call.ttft_s for call in calls))
    _put(found, "queue_s", (call.queue_s for call in calls))
    _put(found, "decode_tps", (call.decode_tps for call in calls), (10, *_PERCENTILES))
    for trigger in TRIGGERS:
        _put(found, f"step_{trigger}_s", (call.step_s for call in calls if call.turn.trigger == trigger))


def _today(found: dict[str, float], calls: Sequence[Done]) -> None:
    """The same figures as measured, over those of the same calls whose times the log tells."""
    _put(found, today_key("step_s"), (call.turn.today_s for call in calls))
    _put(found, today_key("ttft_s"), (call.turn.today_ttft_s for call in calls))
    _put(found, today_key("decode_tps"), (call.turn.today_tps for call in calls), (10, *_PERCENTILES))
    for trigger in TRIGGERS:
        key = today_key(f"step_{trigger}_s")
        _put(found, key, (call.turn.today_s for call in calls if call.turn.trigger == trigger))


def _put(
    found: dict[str, float], key: str, values: Iterable[float | None], percentiles: Sequence[int] = _PERCENTILES
) -> None:
    known = [value for value in values if value is not None]
    if len(known) < _LEAST:
        return
    wanted = [q for q in percentiles if q < 99 or len(known) >= _LEAST_TAIL]
    for q, value in zip(wanted, np.percentile(known, wanted), strict=True):
        found[f"{key}_p{q}"] = float(value)


def _cluster(found: dict[str, float], calls: Sequence[Done], replay: Replay) -> None:
    span = replay.until_s - replay.from_s
    if span <= 0 or len(replay.marks) < 2:
        return
    begun, ended = replay.marks
    made = _counted(begun, ended, lambda counts: counts.made_tokens)
    busy = _counted(begun, ended, lambda counts: counts.busy_s)
    lasted = _counted(begun, ended, lambda counts: counts.at)
    found["aggregate_tps"] = made / span
    if busy > 0:
        found["aggregate_busy_tps"] = made / (busy / len(replay.engines))
    if lasted > 0:
        pages = np.mean([engine.cache.capacity for engine in replay.engines])
        found["busy_share"] = min(busy / lasted, 1.0)
        found["kv_used_share"] = float(_counted(begun, ended, lambda counts: counts.held_page_s) / lasted / pages)
        found["kv_filled_share"] = float(_counted(begun, ended, lambda counts: counts.cached_page_s) / lasted / pages)
    if calls:
        inputs = sum(call.turn.input_tokens for call in calls)
        outputs = sum(call.turn.output_tokens for call in calls)
        found["reuse_share"] = sum(call.cached_tokens for call in calls) / inputs
        found["in_flight"] = sum(min(call.ended_at, replay.until_s) - call.sent_at for call in calls) / span
        found["preempted_share"] = sum(call.preemptions > 0 for call in calls) / len(calls)
        found["calls_per_hour"] = len(calls) / span * 3600
        found["input_tokens_per_hour"] = inputs / span * 3600
        found["output_tokens_per_hour"] = outputs / span * 3600


def _counted(begun: Sequence[Counts], ended: Sequence[Counts], what: Callable[[Counts], float]) -> float:
    return sum(what(last) - what(first) for first, last in zip(begun, ended, strict=True))
