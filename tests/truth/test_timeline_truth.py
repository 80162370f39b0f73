"""Budgets and exported timelines of recorded sessions against the scripted server's own record.

Each of first token, decoding and tools is within 5 % or 0.2 s of the truth, unknown is at most 2 %.
Left out: calls whose first token the log does not state (and so has no exact seconds), and those that
open a block long before its first token, which the log cannot tell (order "block").
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from latprof.ingest import read_inputs
from latprof.report.perfetto import perfetto
from latprof.timeline import Budget, Segment, budgets
from latprof.trace import Trace

Record = dict[str, Any]
SHARED = Path(os.environ.get("LATPROF_SHARED", Path(__file__).resolve().parents[3] / "shared"))
RECORDINGS = SHARED / "truth" / "claude-code"
WITH_EXACT_FIELDS = ("2.1.300", "2.1.329")


@dataclass(frozen=True)
class Recording:
    name: str
    requests: dict[str, Record]
    trace: Trace

    def answered(self, row: int) -> Record | None:
        """The request of a call that was answered whole, with its first token where the log puts it."""
        request = self.requests.get(self.trace.texts["message_id"][row])
        return None if request is None or request["order"] == "block" or request.get("fault") else request


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    if not RECORDINGS.is_dir():
        pytest.skip(reason=f"shared data absent: {RECORDINGS}")
    found = []
    for path in sorted(RECORDINGS.glob("*/*/truth.jsonl")):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        requests = {line["mid"]: line for line in lines if line.get("out") is not None and line.get("t_first")}
        trace = Trace.from_calls(read_inputs([str(path.parent / "projects")]).calls)
        found.append(Recording("/".join(path.parts[-3:-1]), requests, trace))
    assert len(found) >= 25
    return found


def close(seconds: float, true: float) -> bool:
    return abs(seconds - true) <= max(0.2, 0.05 * true)


def by_call(item: Budget) -> dict[int, dict[str, Segment]]:
    """The exact first-token and decoding segments of each call."""
    found: defaultdict[int, dict[str, Segment]] = defaultdict(dict)
    for segment in item.segments:
        if segment.kind == "exact" and segment.row is not None:
            found[segment.row][segment.activity] = segment
    return found


def test_first_token_and_decoding_of_each_session_are_the_servers(recordings: list[Recording]) -> None:
    """Summed over the calls of a session whose first token the log states."""
    compared = 0
    for recording in recordings:
        for item in budgets(recording.trace):
            sums = {"first_token": [0.0, 0.0], "decode": [0.0, 0.0]}
            for row, segments in by_call(item).items():
                request = recording.answered(row)
                if request is None or segments.keys() != sums.keys():
                    continue
                compared += 1
                true = {"first_token": request["t_first"] - request["t_req"],
                        "decode": request["t_end"] - request["t_first"]}  # fmt: skip
                for activity, pair in sums.items():
                    pair[0] += segments[activity].duration_s
                    pair[1] += true[activity]
            for activity, (seconds, true_s) in sums.items():
                assert close(seconds, true_s), (recording.name, item.session_id, activity, seconds, true_s)
    assert compared >= 150


def test_time_between_an_answer_and_the_request_after_its_tools_is_the_servers(recordings: list[Recording]) -> None:
    """Tools and the agent's own work after them, which the server sees as one silence."""
    compared = 0
    for recording in recordings:
        if not recording.name.startswith(WITH_EXACT_FIELDS):
            continue  # the send time is that of the line before it, which is early
        for item in budgets(recording.trace):
            seconds = true = 0.0
            for before, after in _pairs(recording, item.session_id):
                first, second = (
                    recording.requests[recording.trace.texts["message_id"][row]] for row in (before, after)
                )
                start, end = (
                    recording.trace.numbers["last_output_at"][before],
                    recording.trace.numbers["sent_at"][after],
                )
                seconds += sum(
                    max(0.0, min(s.end_at, end) - max(s.start_at, start))
                    for s in item.segments
                    if s.activity in {"tool", "agent", "hook"}
                )
                true += second["t_req"] - first["t_end"]
                compared += 1
            assert close(seconds, true), (recording.name, item.session_id, seconds, true)
    assert compared >= 150


def _pairs(recording: Recording, session_id: str) -> list[tuple[int, int]]:
    """Neighbouring calls of the main agent, the second for the first one's tools and at its first attempt.

    Where the agent waited for a sub-agent the model worked in between.
    """
    trace = recording.trace
    rows = [row for row in range(len(trace)) if trace.texts["session_id"][row] == session_id]
    rows = [row for row in rows if trace.texts["agent_id"][row] is None]
    return [
        (before, after)
        for before, after in pairwise(rows)
        if trace.texts["trigger"][after] == "tool_result"
        and trace.numbers["attempts"][after] == 1
        and all(trace.texts["message_id"][row] in recording.requests for row in (before, after))
        and not {block.name for block in trace.blocks[before]} & {"Agent", "Task"}
        and recording.requests[trace.texts["message_id"][before]].get("fault") is None
    ]


def test_hardly_anything_of_a_recorded_session_is_unknown(recordings: list[Recording]) -> None:
    """At most 2 % of its wall time."""
    for recording in recordings:
        for item in budgets(recording.trace):
            unknown = sum(segment.duration_s for segment in item.segments if segment.activity == "unknown")
            assert unknown <= 0.02 * item.wall_s, (recording.name, item.session_id, unknown, item.wall_s)


def test_failed_attempts_before_an_answer_are_retries(recordings: list[Recording]) -> None:
    """From the arrival of the first failed request to that of the one that was answered."""
    seen = 0
    for recording in recordings:
        if not recording.name.startswith(tuple(f"{v}/err-529" for v in WITH_EXACT_FIELDS)):
            continue
        (item,) = budgets(recording.trace)
        seen += 1
        assert sum(s.duration_s for s in item.segments if s.activity == "retry") > 0.3, recording.name
    assert seen >= 2


def test_slices_of_the_exported_timeline_lie_where_the_server_saw_them(recordings: list[Recording]) -> None:
    """First-token and decoding slices of exact calls: both ends within the recorded precision of 160 ms."""
    compared = 0
    for recording in recordings:
        events = json.loads(perfetto(recording.trace, UTC))["traceEvents"]
        zero = min((item.start_at for item in budgets(recording.trace)), default=0.0)
        calls = {e["args"]["call_id"]: e for e in events if e.get("cat") == "call"}
        for row, call_id in enumerate(recording.trace.texts["call_id"]):
            request, whole = recording.answered(row), calls.get(call_id)
            if request is None or whole is None or not recording.name.startswith(WITH_EXACT_FIELDS):
                continue
            inside = [e for e in events if e["ph"] == "X" and (e["pid"], e["tid"]) == (whole["pid"], whole["tid"])
                      and e["args"].get("kind") == "exact"]  # fmt: skip
            first = [e for e in inside if e["cat"] == "ttft" and e["ts"] == whole["ts"]]
            for event in first:
                start, end = zero + event["ts"] / 1e6, zero + (event["ts"] + event["dur"]) / 1e6
                (decode,) = [e for e in inside if e["cat"] == "decode" and e["ts"] == event["ts"] + event["dur"]]
                assert start == pytest.approx(request["t_req"], abs=0.16)
                assert end == pytest.approx(request["t_first"], abs=0.16)
                assert zero + (decode["ts"] + decode["dur"]) / 1e6 == pytest.approx(request["t_end"], abs=0.16)
                compared += 1
    assert compared >= 150
