"""Each recorded Claude Code session against the scripted server's own record of it.

Limits are those of section 15.2 of the format reference, in milliseconds: the largest and smallest difference
of a single call, the 1st and 99th percentile and the median of all calls together.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from latprof.ingest import read_inputs
from latprof.model import Call

Record = dict[str, Any]
SHARED = Path(os.environ.get("LATPROF_SHARED", Path(__file__).resolve().parents[3] / "shared"))
RECORDINGS = SHARED / "truth" / "claude-code"
NEWEST = "2.1.329"


@dataclass(frozen=True)
class Limits:
    """How far apart log and truth may be, in ms: each call, all but the outer 1 % on either side, and the median."""

    lowest: float
    p1: float
    p50: float
    p99: float
    highest: float


# Section 15.2, 2.1.329. Its medians are whole milliseconds: half of one and the log's own rounding are allowed.
MEDIAN_SLACK_MS = 1.0
# It gives no minimum for some rows: then the lowest is the row's 1st percentile less the worst overshoot, 65 ms.
UNSTATED_MS = 65.0
SEND = Limits(-72, -13, 3, 42, 65)
FIRST_TOKEN = Limits(-2 - UNSTATED_MS, -2, 1, 56, 157)
LATER_TOOL_START = Limits(-1 - UNSTATED_MS, -1, 3, 78, 265)
BLOCK_END = {
    "text": Limits(-4 - UNSTATED_MS, -4, 0, 42, 255),
    "thinking": Limits(-3 - UNSTATED_MS, -3, 1, 38, 62),
    "tool_use": Limits(-7 - UNSTATED_MS, -7, 1, 33, 64),
}
STREAM_END = Limits(-33, -7, 1, 35, 64)
TRIGGER_LOWEST_MS = {"tool_result": -440.0, "user": -319.0}
# Section 15.2, 2.1.300: the request line stands 4 to 47 ms before the arrival, 6 ms in the median.
SEND_300 = Limits(-47, -47, -6, -4, -4)
# Section 15.2: line against block end in 2.1.100, 2.1.200 and 2.1.250: median 0 to 1 ms, at most 103 ms.
OLD_BLOCK_END_P50_MS = (0.0, 1.0)
OLD_BLOCK_END_MAX_MS = 103.0
# Section 15.3 rule 1, older versions: medians by which the trigger chain is early.
OLD_SEND_EARLY_P50_MS = {"tool_result": (14.0, 24.0), "user": (116.0, 206.0)}
OLD_VERSIONS = ("2.1.100", "2.1.200", "2.1.250")


@dataclass(frozen=True)
class Recording:
    """One folder: requests in the order of arrival, calls as latprof reads them."""

    name: str
    requests: list[Record]
    calls: list[Call]

    @property
    def version(self) -> str:
        return self.name.split("/", maxsplit=1)[0]

    def pairs(self) -> list[tuple[Call, Record]]:
        """Calls that were answered whole, each with its request."""
        answered = {request["mid"]: request for request in self.requests if is_answered(request)}
        return [(call, answered[call.message_id]) for call in self.calls if call.message_id in answered]

    def streamed(self) -> list[tuple[Call, Record]]:
        return [(call, request) for call, request in self.pairs() if request["stream"]]


def is_answered(request: Record) -> bool:
    """Answered to its last byte, and no side request (those have no tools and stand in no log)."""
    return request.get("out") is not None and request.get("main") is not False and request["tools"] > 0


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    if not RECORDINGS.is_dir():
        pytest.skip(reason=f"shared data absent: {RECORDINGS}")
    found: list[Recording] = []
    for path in sorted(RECORDINGS.glob("*/*/truth.jsonl")):
        requests = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        name = "/".join(path.parts[-3:-1])
        found.append(Recording(name, requests, read_inputs([str(path.parent / "projects")]).calls))
    assert found
    return found


def ms(logged: float | None, true: float) -> float:
    assert logged is not None
    return (logged - true) * 1000


def assert_within(differences: list[float], limits: Limits, *, least: int) -> None:
    """Hold each difference, and the pooled percentiles, to the stated limits."""
    ordered = sorted(differences)
    count = len(ordered)
    assert count >= least, count
    assert limits.lowest - MEDIAN_SLACK_MS <= ordered[0], ordered[:3]
    assert ordered[-1] <= limits.highest + MEDIAN_SLACK_MS, ordered[-3:]
    assert ordered[min(ceil(count * 0.01), count - 1)] >= limits.p1 - MEDIAN_SLACK_MS, ordered[: 2 + count // 100]
    assert ordered[max(count - 1 - ceil(count * 0.01), 0)] <= limits.p99 + MEDIAN_SLACK_MS, ordered[-5:]
    assert abs(median(ordered) - limits.p50) <= MEDIAN_SLACK_MS, median(ordered)


def test_each_answered_request_is_one_call(recordings: list[Recording]) -> None:
    """Exactly once; a call beyond these was broken off behind a complete block, and says so."""
    for recording in recordings:
        counted = Counter(call.message_id for call in recording.calls)
        answered = {request["mid"] for request in recording.requests if is_answered(request)}
        assert answered <= set(counted), recording.name
        assert set(counted.values()) <= {1}, recording.name
        broken = {request["mid"] for request in recording.requests if request["fault"] in {"cut", "error_mid"}}
        for call in recording.calls:
            if call.message_id not in answered:
                assert call.message_id in broken, (recording.name, call.message_id)
                assert "interrupted" in call.flags, (recording.name, call.message_id)
                assert (call.output_tokens, call.reasoning_tokens) == (None, None), recording.name


def test_whole_calls_are_not_flagged_as_interrupted(recordings: list[Recording]) -> None:
    """The signs of a broken stream (15.4) stand on no whole response, a stall of 20 s included."""
    for recording in recordings:
        assert not [c.message_id for c, _ in recording.pairs() if {"interrupted", "suspended"} & set(c.flags)]


def test_ids_model_and_tokens(recordings: list[Recording]) -> None:
    """Input is 3 fresh tokens, the prompt read from cache and a tenth of it written: the server's fixed rule."""
    for recording in recordings:
        for call, request in recording.pairs():
            prompt = request["prompt_tokens"]
            assert (call.request_id, call.model) == (request["rid"], request["model"]), recording.name
            assert call.output_tokens == request["out"], (recording.name, call.message_id)
            assert call.stop_reason == request["stop"], (recording.name, call.message_id)
            assert (call.cache_read_tokens, call.cache_write_tokens) == (prompt, prompt // 10), recording.name
            assert call.input_tokens == 3 + prompt + prompt // 10, (recording.name, call.message_id)
            assert call.agent_version == recording.version


def test_triggers(recordings: list[Recording]) -> None:
    """By what the server saw, and by the log where a cut or an interrupt came before."""
    seen: Counter[str] = Counter()
    for recording in recordings:
        logged = {call.message_id for call in recording.calls}
        answered = {call.message_id: call for call, _ in recording.pairs()}
        before: Record | None = None
        sessions: set[str] = set()
        for request in recording.requests:
            previous, before = before, request
            call = answered.get(request["mid"])
            if call is None:
                continue
            aborted = previous is not None and str(previous["fault"]).startswith("client_closed")
            expected = {"tool_result"} if request["kind"] == "tool_result" else {"user", "notification"}
            if call.agent_id is not None:
                expected = {"tool_result"} if request["kind"] == "tool_result" else {"subagent"}
            elif call.session_id not in sessions or aborted:
                expected = {"user"}
            elif previous is not None and previous["fault"] in {"cut", "error_mid"} and previous["mid"] in logged:
                expected = {"retry"}
            sessions.add(call.session_id)
            assert call.trigger in expected, (recording.name, call.message_id)
            assert ("sidechain" in call.flags) == (call.agent_id is not None), recording.name
            seen[call.trigger] += 1
    assert seen["subagent"] == 14  # one agent each in 2.1.200, 2.1.250 and 2.1.300, eleven in 2.1.329
    assert seen["retry"] == 2


def test_send_times(recordings: list[Recording]) -> None:
    """The request line against the arrival, in both versions that write it."""
    for version, limits, least in ((NEWEST, SEND, 200), ("2.1.300", SEND_300, 35)):
        pairs = [pair for recording in recordings if recording.version == version for pair in recording.pairs()]
        assert {call.sent_source for call, _ in pairs} == {"api_request_line"}
        assert_within([ms(call.sent_at, request["t_req"]) for call, request in pairs], limits, least=least)


def test_trigger_lines_are_early(recordings: list[Recording]) -> None:
    """A trigger line is never later than the request, in any version."""
    for recording in recordings:
        for call, request in recording.pairs():
            assert ms(call.trigger_at, request["t_req"]) < 0, (recording.name, call.message_id)


def test_send_times_of_older_versions_are_early_as_stated(recordings: list[Recording]) -> None:
    """Without request lines the trigger chain stands in, early by the stated medians and never late.

    Prompts are pooled over the versions: there are only two to four of the main thread in each.
    """
    early: dict[tuple[str, str], list[float]] = {}
    for recording in recordings:
        if recording.version not in OLD_VERSIONS:
            continue
        for call, request in recording.pairs():
            kind = request["kind"]
            assert call.sent_source in {"trigger_line", "hook_adjusted"}, (recording.name, call.message_id)
            difference = ms(call.sent_at, request["t_req"])
            assert TRIGGER_LOWEST_MS[kind] <= difference < 0, (recording.name, call.message_id)
            if call.agent_id is None:
                version = recording.version if kind == "tool_result" else "all"
                early.setdefault((kind, version), []).append(-difference)
    assert len(early) == len(OLD_VERSIONS) + 1
    for (kind, version), values in early.items():
        low, high = OLD_SEND_EARLY_P50_MS[kind]
        assert low - MEDIAN_SLACK_MS <= median(values) <= high + MEDIAN_SLACK_MS, (
            version,
            kind,
            median(values),
        )


def test_first_tokens(recordings: list[Recording]) -> None:
    """Start of the first block for thinking- and tool-first streams of the newest version; None for text-first."""
    differences: list[float] = []
    for recording in recordings:
        if recording.version != NEWEST:
            continue
        for call, request in recording.streamed():
            first = request["blocks"][0]
            timed = first["type"] in {"thinking", "tool_use"}
            assert (call.first_output_at is not None) == timed, (recording.name, call.message_id)
            assert call.first_output_source == ("block_start" if timed else None)
            if timed:
                differences.append(ms(call.first_output_at, first["t_start"]))
    assert_within(differences, FIRST_TOKEN, least=150)


def test_first_tokens_of_older_versions(recordings: list[Recording]) -> None:
    """2.1.300 has thinking starts only (15.3 rule 6), versions before 2.1.287 none."""
    for recording in recordings:
        if recording.version == NEWEST:
            continue
        for call, request in recording.streamed():
            first = request["blocks"][0]
            timed = recording.version == "2.1.300" and first["type"] == "thinking"
            assert (call.first_output_at is not None) == timed, (recording.name, call.message_id)
            if timed:
                assert abs(ms(call.first_output_at, first["t_start"])) <= FIRST_TOKEN.highest, recording.name


def test_block_types_and_ends(recordings: list[Recording]) -> None:
    """Each assistant line is the end of its block, by type."""
    newest: dict[str, list[float]] = {kind: [] for kind in BLOCK_END}
    old: dict[str, list[float]] = {version: [] for version in OLD_VERSIONS}
    for recording in recordings:
        for call, request in recording.streamed():
            assert [b.type for b in call.blocks] == [b["type"] for b in request["blocks"]], recording.name
            for block, true in zip(call.blocks, request["blocks"], strict=True):
                difference = ms(block.end_at, true["t_end"])
                if recording.version == NEWEST:
                    newest[block.type].append(difference)
                elif recording.version in old:
                    old[recording.version].append(difference)
    for kind, differences in newest.items():
        assert_within(differences, BLOCK_END[kind], least=50)
    for version, differences in old.items():
        assert max(map(abs, differences)) <= OLD_BLOCK_END_MAX_MS + MEDIAN_SLACK_MS, version
        low, high = OLD_BLOCK_END_P50_MS
        assert low - MEDIAN_SLACK_MS <= median(differences) <= high + MEDIAN_SLACK_MS, version


def test_later_tool_starts(recordings: list[Recording]) -> None:
    """Starts of tool blocks behind the first one (15.3 rule 4)."""
    differences: list[float] = []
    for recording in recordings:
        if recording.version != NEWEST:
            continue
        for call, request in recording.streamed():
            for block, true in list(zip(call.blocks, request["blocks"], strict=True))[1:]:
                if block.type == "tool_use":
                    differences.append(ms(block.start_at, true["t_start"]))
                elif block.type == "text":
                    assert block.start_at is None
    assert_within(differences, LATER_TOOL_START, least=100)


def test_stream_ends(recordings: list[Recording]) -> None:
    """The last line is the end of the stream, or of the body of a whole answer."""
    pairs = [pair for recording in recordings if recording.version == NEWEST for pair in recording.pairs()]
    assert {call.last_output_source for call, _ in pairs} == {"last_block_end"}
    assert_within([ms(call.last_output_at, request["t_end"]) for call, request in pairs], STREAM_END, least=200)


def test_attempts_and_fallbacks(recordings: list[Recording]) -> None:
    """Failed requests directly before an answer are its attempts; whole answers are fallbacks (15.5)."""
    for recording in recordings:
        logged = {call.message_id: call for call in recording.calls}
        failed = 0
        for request in recording.requests:
            call = logged.get(request["mid"])
            if call is None:
                failed += request["fault"] is not None and not str(request["fault"]).startswith("client_closed")
                continue
            assert call.attempts == failed + 1, (recording.name, call.message_id)
            assert ("retried" in call.flags) == (failed > 0), (recording.name, call.message_id)
            assert ("non_streamed" in call.flags) == (not request["stream"]), (
                recording.name,
                call.message_id,
            )
            failed = 0


def test_tool_results_are_attached(recordings: list[Recording]) -> None:
    """Each tool of the recordings answered, after its block's end; no tool of another call did."""
    compared = 0
    for recording in recordings:
        for call, _ in recording.pairs():
            for block in call.blocks:
                if block.type == "tool_use":
                    assert block.end_at is not None
                    assert ms(block.result_at, block.end_at) >= -MEDIAN_SLACK_MS, (
                        recording.name,
                        call.message_id,
                    )
                    compared += 1
                else:
                    assert block.result_at is None
    assert compared > 300
