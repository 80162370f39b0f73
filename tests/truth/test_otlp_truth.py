"""Telemetry of recorded runs against what the server knows, alone and together with the session lines.

Tolerances are those of the notes on the format: p5 to p95 of 47 requests, and some room for single ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from latprof.formats import formats
from latprof.ingest import read_inputs
from latprof.model import Call

CASES = ("2.1.200/otel", "2.1.250/otel", "2.1.300/otel", "2.1.329/otel", "2.1.329/otel-529x3", "2.1.329/otel-error-mid")
OTLP = next(item for item in formats() if item.name == "otlp")


def truth_of(case: Path) -> dict[str, dict[str, Any]]:
    """What the server sent, by request id, without what it refused or broke off."""
    requests = [json.loads(line) for line in (case / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    return {request["rid"]: request for request in requests if request["fault"] is None}


@pytest.fixture(params=CASES)
def case(shared: Path, request: pytest.FixtureRequest) -> Path:
    return shared / "truth" / "claude-code" / str(request.param)


def good(calls: list[Call]) -> dict[str, Call]:
    found = {call.request_id or "": call for call in calls if "interrupted" not in call.flags}
    assert len(found) == sum("interrupted" not in call.flags for call in calls)
    return found


def test_every_good_request_is_one_call_with_its_times_and_tokens(case: Path) -> None:
    """Telemetry alone; the response that was broken off is not among them."""
    truth, calls = truth_of(case), good(read_inputs([str(case / "otlp")], known=[OTLP]).calls)
    assert calls.keys() == truth.keys()
    for rid, sent in truth.items():
        call, usage = calls[rid], sent["out"]
        assert (call.agent, call.model, call.output_tokens) == ("claude-code", sent["model"], usage)
        assert call.trigger in {"unknown", "retry", sent["kind"]}
        assert call.sent_source == "otel_attempt"
        assert -0.05 < (call.sent_at or 0) - sent["t_req"] < 0
        assert 0 < (call.last_output_at or 0) - sent["t_end"] < 0.25
        if call.first_output_at is not None:
            assert call.first_output_source == "otel_first_content"
            assert -0.01 < call.first_output_at - sent["blocks"][0]["t_start"] < 0.1


def test_first_content_is_there_from_2_1_300_on(case: Path) -> None:
    """Earlier ones have the time to the first message only, which is no token."""
    calls = good(read_inputs([str(case / "otlp")], known=[OTLP]).calls)
    known = {call.first_output_at is not None for call in calls.values()}
    assert known == {case.parts[-2] >= "2.1.300"}


def test_attempts_of_the_call_that_was_refused_three_times(shared: Path) -> None:
    """One call of four attempts; its first token counts from the last one."""
    case = shared / "truth/claude-code/2.1.329/otel-529x3"
    retried = [call for call in read_inputs([str(case / "otlp")], known=[OTLP]).calls if call.attempts != 1]
    (call,) = retried
    assert (call.attempts, call.flags) == (4, ("retried",))
    sent = truth_of(case)[call.request_id or ""]
    assert abs((call.first_output_at or 0) - sent["blocks"][0]["t_start"]) < 0.02


def test_session_lines_and_telemetry_are_one_call_each_with_the_better_times(case: Path) -> None:
    """Send time and first token from the span, the end and the trigger from the lines, each under its name."""
    truth = truth_of(case)
    lines = good(read_inputs([str(case / "projects")]).calls)
    reading = read_inputs([str(case / "projects"), str(case / "otlp")])
    calls = good(reading.calls)
    assert calls.keys() == truth.keys() == lines.keys()
    assert reading.joined >= 2 * len(truth)  # a span and an event for each
    for rid, call in calls.items():
        line, sent = lines[rid], truth[rid]
        assert (call.session_id, call.message_id, len(call.blocks)) == (line.session_id, sent["mid"], len(line.blocks))
        assert (call.last_output_at, call.last_output_source) == (line.last_output_at, "last_block_end")
        assert (call.trigger, call.output_tokens) == (line.trigger, sent["out"])
        assert call.sent_source == "otel_attempt"
        if case.parts[-2] >= "2.1.300":
            assert call.first_output_source == "otel_first_content"
            assert abs((call.first_output_at or 0) - sent["blocks"][0]["t_start"]) < 0.1


def test_a_response_that_was_broken_off_stays_so(shared: Path) -> None:
    """Its span and its event say success; line and telemetry both know better."""
    case = shared / "truth/claude-code/2.1.329/otel-error-mid"
    for paths in ([case / "otlp"], [case / "projects", case / "otlp"]):
        cut = [call for call in read_inputs([str(path) for path in paths]).calls if "interrupted" in call.flags]
        assert [(call.output_tokens, call.request_id in truth_of(case)) for call in cut] == [(None, False)]


def test_metrics_and_bodies_hold_what_an_independent_count_finds(case: Path) -> None:
    """Spans of requests counted in plain JSON; tokens summed."""
    spans: dict[str, int] = {}
    for path in sorted((case / "otlp").glob("*-traces.json")):
        for group in json.loads(path.read_text(encoding="utf-8"))["resourceSpans"]:
            for span in (span for scope in group["scopeSpans"] for span in scope["spans"]):
                if span["name"] == "claude_code.llm_request":
                    flat = {item["key"]: next(iter(item["value"].values())) for item in span["attributes"]}
                    spans[flat["request_id"]] = int(flat["output_tokens"])
    calls = read_inputs([str(case / "otlp")], known=[OTLP]).calls
    assert {call.request_id for call in calls} == spans.keys()
    cut = {call.request_id or "" for call in calls if "interrupted" in call.flags}
    assert sum(call.output_tokens or 0 for call in calls) == sum(spans[rid] for rid in spans.keys() - cut)
