"""Recorded telemetry files of Gemini CLI and Qwen Code against what the server knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from latprof.ingest import read_inputs
from latprof.model import Call


def pairs(shared: Path, agent: str) -> list[tuple[Call, dict[str, Any]]]:
    """Calls and requests of the run with telemetry, each in its order."""
    folder = shared / "truth" / agent
    calls = read_inputs([str(folder / "telemetry" / "telemetry.log")]).calls
    lines = (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    sent = [request for request in map(json.loads, lines) if request["run"] == "telemetry"]
    return list(zip(sorted(calls, key=lambda call: call.sent_at or 0), sent, strict=True))


@pytest.mark.parametrize("agent", ["gemini-cli/0.61.0", "qwen-code/0.24.4"])
def test_every_request_is_one_call(shared: Path, agent: str) -> None:
    """Model, tokens, trigger."""
    for place, (call, sent) in enumerate(pairs(shared, agent)):
        usage = sent["usage"]
        assert (call.agent, call.model) == (agent.split("/", maxsplit=1)[0], sent["model"])
        assert (call.input_tokens, call.cache_read_tokens) == (usage["input"], usage["cached"])
        assert (call.output_tokens, call.reasoning_tokens or 0) == (usage["output"], usage["reasoning"])
        assert call.trigger == ("tool_result" if place else "user")
        assert call.attempts == 1


def test_gemini_cli_times(shared: Path) -> None:
    """Send 4 to 19 ms early, end 3 to 11 ms late; the first call's end later, and so a bound; no first token."""
    for place, (call, sent) in enumerate(pairs(shared, "gemini-cli/0.61.0")):
        assert -0.03 < (call.sent_at or 0) - sent["t_req"] < 0
        late = (call.last_output_at or 0) - sent["t_end"]
        assert 0 < late < (0.03 if place else 0.2)
        assert (call.last_output_source, call.flags) == (
            ("record_end", ()) if place else ("record_written", ("first_of_process",))
        )
        assert call.first_output_at is None


def test_qwen_code_times(shared: Path) -> None:
    """Send 4 to 23 ms early, first token within 5 ms, end 2 to 6 ms late; the first call as well."""
    for call, sent in pairs(shared, "qwen-code/0.24.4"):
        assert -0.03 < (call.sent_at or 0) - sent["t_req"] < 0
        assert abs((call.first_output_at or 0) - sent["t_first"]) < 0.01
        assert 0 < (call.last_output_at or 0) - sent["t_end"] < 0.02
        assert call.request_id is not None


@pytest.mark.parametrize(
    ("agent", "name"),
    [("gemini-cli/0.61.0", "gemini_cli.api_response"), ("qwen-code/0.24.4", "qwen-code.api_response")],
)
def test_an_independent_count_agrees(shared: Path, agent: str, name: str) -> None:
    """Lines of the text, without decoding any object."""
    path = shared / "truth" / agent / "telemetry" / "telemetry.log"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert sum(line.strip() == f'"event.name": "{name}",' for line in lines) == len(read_inputs([str(path)]).calls)


def test_qwen_codes_session_log_and_telemetry_are_one_call_each(shared: Path) -> None:
    """The calls of the run with telemetry take the better times from it; the other runs stay as they are."""
    folder = shared / "truth" / "qwen-code" / "0.24.4"
    alone, both = read_inputs([str(folder / "projects")]), read_inputs([str(folder)])
    assert len(both.calls) == len(alone.calls)
    better = {call.request_id for call in both.calls if call.sent_source == "otel_attempt"}
    assert better == {call.request_id for call, _ in pairs(shared, "qwen-code/0.24.4")}
    sent = {call.request_id: request for call, request in pairs(shared, "qwen-code/0.24.4")}
    for call in both.calls:
        if call.request_id in sent:
            assert -0.03 < (call.sent_at or 0) - sent[call.request_id]["t_req"] < 0
            assert abs((call.first_output_at or 0) - sent[call.request_id]["t_first"]) < 0.03
