"""Cline's agent kit against a scripted server's record, and a real session against a plain count."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from latprof.ingest import read_inputs
from latprof.model import Call

Record = dict[str, Any]


@pytest.fixture(scope="module")
def requests(shared: Path) -> list[Record]:
    lines = (shared / "truth/cline/3.0.65/truth.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def calls(shared: Path) -> list[Call]:
    return read_inputs([str(shared / "truth/cline/3.0.65/sessions")]).calls


def good(request: Record) -> bool:
    return request["status"] == 200 and not request.get("cut") and not request.get("aborted")


def call_of(request: Record, calls: list[Call]) -> Call:
    """The one call that ended within 0.2 s after the request's last byte."""
    (call,) = [call for call in calls if call.last_output_at and -0.02 < call.last_output_at - request["t_end"] < 0.2]
    return call


def test_each_answered_request_is_one_call(requests: list[Record], calls: list[Call]) -> None:
    """With the tokens, the trigger and the model that the server saw; the others are not good calls."""
    answered = [request for request in requests if good(request)]
    found = [call_of(request, calls) for request in answered]
    assert len({call.call_id for call in found}) == len(answered) == 44
    for request, call in zip(answered, found, strict=True):
        usage = request["usage"]
        assert (call.input_tokens, call.cache_read_tokens) == (usage["input"], usage["cached"])
        assert call.output_tokens == usage["output"]
        assert call.trigger == ("tool_result" if request["rounds"] else "user")
        assert call.model == request["model"]
        assert call.rates_usable
    (cut,) = [call for call in calls if call not in found]
    assert cut.flags == ("interrupted",)
    assert cut.output_tokens is None


def test_ends_are_good_to_50_ms_and_send_times_are_early(requests: list[Record], calls: list[Call]) -> None:
    """The first answer of a process is stamped late; the send time is early by up to 0.1 s, by hidden waits more."""
    hidden = {request["run"] for request in requests if request["status"] != 200}
    ends = {"record_end": [], "record_written": []}  # type: dict[str, list[float]]
    for request in filter(good, requests):
        call = call_of(request, calls)
        assert call.last_output_source is not None
        assert call.last_output_at is not None
        assert call.sent_at is not None
        ends[call.last_output_source].append((call.last_output_at - request["t_end"]) * 1000)
        early = (request["t_req"] - call.sent_at) * 1000
        assert early > 10
        assert early < 300 or request["run"] in hidden
    assert all(0 <= late <= 50 for late in ends["record_end"])
    assert median(ends["record_end"]) < 12
    assert all(0 <= late <= 110 for late in ends["record_written"])
    assert len(ends["record_written"]) == 6


def test_a_real_session_agrees_with_a_plain_count(shared: Path) -> None:
    """Calls, tokens, sum of times."""
    folder = shared / "corpus/cline-sdk"
    (path,) = folder.rglob("*.messages.json")
    messages = json.loads(path.read_bytes())["messages"]
    answers = [message for message in messages if message["role"] == "assistant"]
    calls = read_inputs([str(folder)]).calls
    assert len(calls) == len(answers) == 16
    assert {call.session_id for call in calls} == {json.loads(path.read_bytes())["sessionId"]}
    assert sum(call.output_tokens or 0 for call in calls) == sum(m["metrics"]["outputTokens"] for m in answers)
    assert sum(call.input_tokens or 0 for call in calls) == sum(m["metrics"]["inputTokens"] for m in answers)
    before = [messages[messages.index(answer) - 1]["ts"] for answer in answers]
    walls = sum(answer["ts"] - at for answer, at in zip(answers, before, strict=True))
    got = sum((call.last_output_at or 0) - (call.sent_at or 0) for call in calls)
    assert got == pytest.approx(walls / 1000, abs=0.001)
