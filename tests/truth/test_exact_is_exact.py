"""What is called exact lies within 50 ms or 2 % of what the servers wrote down, for every recorded agent."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from latprof.ingest import read_inputs
from latprof.metrics import metric
from latprof.model import Call
from latprof.trace import Trace

Truth = dict[str, Any]

LIMIT_S: Final = 0.05
LIMIT_SHARE: Final = 0.02
# Two answers of one agent with as many tokens are never nearer to each other.
NEAR_S: Final = 0.6
# A library repeats a refused request by itself after so long at most; where the log hides that, the wait is inside.
REPEATED_S: Final = 3.0
# The fifth and the ninety-fifth of a hundred say nothing of fewer.
FEWEST: Final = 20
EXPECTED: Final = {
    ("claude-code", "ttft_s"), ("claude-code", "decode_tps"), ("claude-code", "wall_s"),
    ("cline", "decode_tps"),
    ("codex", "decode_tps"),
    ("gemini-cli", "wall_s"),
    ("kimi-code", "ttft_s"), ("kimi-code", "decode_tps"), ("kimi-code", "wall_s"),
    ("pi", "wall_s"),
    ("qwen-code", "ttft_s"), ("qwen-code", "decode_tps"), ("qwen-code", "wall_s"),
}  # fmt: skip


@dataclass(frozen=True)
class Error:
    """A duration's error, s, with what is allowed."""

    agent: str
    metric: str
    trigger: str
    seconds: float
    allowed_s: float


@pytest.fixture(scope="module")
def errors(shared: Path) -> list[Error]:
    return [error for path in sorted((shared / "truth").rglob("truth.jsonl")) for error in _errors(path)]


def _errors(path: Path) -> Iterator[Error]:
    """Of every call with a known request."""
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    answered = [record for record in records if _is_good(record)]
    refused = [record["t_req"] for record in records if record.get("status", 200) != 200]
    by_id = {record[key]: record for record in answered for key in ("mid", "rid", "id") if record.get(key)}
    calls = read_inputs([str(path.parent)]).calls
    trace = Trace.from_calls(calls)
    known = {call.call_id: call for call in calls}
    exact = {key: metric(key).values(trace).get("exact") for key in ("ttft_s", "decode_tps", "wall_s")}
    for row, name in enumerate(trace.texts["call_id"]):
        call = known[name]
        record = by_id.get(call.request_id) or by_id.get(call.message_id) or _nearest(call, answered)
        if record is None or record.get("order") == "block" or _is_hidden_retry(call, record, refused):
            continue
        first = _first_of(call, record)
        for key, values in exact.items():
            if values is None or np.isnan(values[row]) or (first is None and key != "wall_s"):
                continue
            true_s = record["t_end"] - record["t_req"]
            said_s = float(values[row])
            if key == "ttft_s":
                true_s = first - record["t_req"]
            elif key == "decode_tps":
                said_s, true_s = ((call.output_tokens or 0) - 1) / said_s, record["t_end"] - first
            yield Error(call.agent, key, call.trigger, said_s - true_s, max(LIMIT_S, LIMIT_SHARE * true_s))


def _is_good(record: Truth) -> bool:
    spoilt = any(record.get(key) for key in ("fault", "cut", "aborted"))
    return not spoilt and record.get("status", 200) == 200 and bool(record.get("t_end")) and record.get("main", True)


def _is_hidden_retry(call: Call, record: Truth, refused: list[float]) -> bool:
    return call.attempts is None and any(0 < record["t_req"] - at < REPEATED_S for at in refused)


def _first_of(call: Call, record: Truth) -> Any:
    """The start of the first block or its first content, whichever the log's instant means."""
    if call.first_output_source == "block_start":
        return record.get("t_first")
    return record.get("t_first_delta") or record.get("t_first")


def _nearest(call: Call, answered: list[Truth]) -> Truth | None:
    """For logs that keep no id of the answer: the nearest in time with as many tokens."""
    at, key = (call.first_output_at, "t_first") if call.first_output_at else (call.last_output_at, "t_end")
    if at is None:
        return None
    near = [record for record in answered if record.get(key) and abs(record[key] - at) < NEAR_S]
    same = [record for record in near if record.get("usage", {}).get("output", record.get("out")) == call.output_tokens]
    return min(same, key=lambda record: abs(record[key] - at), default=None)


def test_exact_durations_are_within_the_limit(errors: list[Error]) -> None:
    """From the fifth to the ninety-fifth of a hundred; per agent, and per trigger where that holds enough calls."""
    groups: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for error in errors:
        share = error.seconds / error.allowed_s
        groups[error.agent, error.metric].append(share)
        groups[error.agent, error.metric, error.trigger].append(share)
    large = {key: values for key, values in groups.items() if len(values) >= FEWEST}
    assert {key for key in large if len(key) == 2} == EXPECTED
    outside = {key: np.percentile(values, [5, 95]) for key, values in large.items()}
    assert {key: ends for key, ends in outside.items() if ends[0] < -1 or ends[1] > 1} == {}


def test_no_trigger_is_wrong_altogether(errors: list[Error]) -> None:
    """A trigger's median, however few its calls: start-up of a process would lie inside all that follow a prompt."""
    groups: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for error in errors:
        groups[error.agent, error.metric, error.trigger].append(error.seconds / error.allowed_s)
    medians = {key: float(np.median(values)) for key, values in groups.items()}
    assert {key: median for key, median in medians.items() if abs(median) > 1} == {}
