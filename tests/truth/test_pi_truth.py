"""pi against a scripted server's record, and real sessions against a plain count."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from latprof.ingest import read_inputs
from latprof.model import Call

Record = dict[str, Any]


@pytest.fixture(scope="module")
def answered(shared: Path) -> dict[str, Record]:
    """Requests that were answered to the last byte, by the id that the server gave."""
    lines = (shared / "truth/pi/0.73.1/truth.jsonl").read_text(encoding="utf-8").splitlines()
    requests = [json.loads(line) for line in lines]
    good = [r for r in requests if r["status"] == 200 and not r.get("cut") and not r.get("aborted")]
    return {request["id"]: request for request in good}


@pytest.fixture(scope="module")
def calls(shared: Path) -> list[Call]:
    return read_inputs([str(shared / "truth/pi/0.73.1/sessions")]).calls


def test_each_answered_request_is_one_call_and_nothing_else_is(answered: dict[str, Record], calls: list[Call]) -> None:
    """With tokens, trigger and model of the server's record."""
    assert Counter(call.request_id for call in calls) == Counter(answered.keys())
    assert len(calls) == 76
    for call in calls:
        request = answered[call.request_id or ""]
        usage = request["usage"]
        assert (call.input_tokens, call.cache_read_tokens) == (usage["input"], usage["cached"])
        assert (call.output_tokens, call.model) == (usage["output"], request["model"])
        assert call.trigger == ("tool_result" if request["rounds"] else "user")
        assert call.rates_usable


def test_instants_are_as_good_as_their_names_say(answered: dict[str, Record], calls: list[Call]) -> None:
    """After a tool within 20 ms, but for two hidden retries; after a prompt up to 70 ms early; ends within 60 ms."""
    early: dict[str | None, list[float]] = {}
    ends: list[float] = []
    for call in calls:
        request = answered[call.request_id or ""]
        assert call.sent_at is not None
        assert call.last_output_at is not None
        early.setdefault(call.sent_source, []).append((request["t_req"] - call.sent_at) * 1000)
        ends.append((call.last_output_at - request["t_end"]) * 1000)
    exact = sorted(early["record_start"])
    assert exact[0] > 0
    assert exact[-3] < 20
    assert exact[-2] > 500
    assert median(exact) < 10
    assert all(25 < value < 70 for value in early["record_created"])
    assert min(ends) > 0
    assert max(ends) < 60
    assert median(ends) < 4


@pytest.mark.parametrize("name", ["before-compaction", "large-session"])
def test_real_sessions_agree_with_a_plain_count(shared: Path, name: str) -> None:
    """Calls, interrupted ones, requests without an answer, tokens, time."""
    (path,) = (shared / "corpus/pi").rglob(f"{name}.jsonl")
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    answers = [entry["message"] for entry in entries if entry.get("message", {}).get("role") == "assistant"]
    whole = [answer for answer in answers if answer["stopReason"] in {"stop", "toolUse"}]
    cut = [answer for answer in answers if answer not in whole]
    reading = read_inputs([str(path)])
    good = [call for call in reading.calls if "interrupted" not in call.flags]
    assert len(good) == len(whole)
    assert len(reading.calls) - len(good) == sum(bool(answer["content"]) for answer in cut)
    assert len(reading.problems) == sum(not answer["content"] for answer in cut)
    assert {call.session_id for call in reading.calls} == {entries[0]["id"]}
    assert sum(call.output_tokens or 0 for call in good) == sum(answer["usage"]["output"] for answer in whole)
    read = sum(answer["usage"][key] for answer in whole for key in ("input", "cacheRead", "cacheWrite"))
    assert sum(call.input_tokens or 0 for call in good) == read
    assert sum(call.sent_at or 0 for call in good) == pytest.approx(sum(a["timestamp"] for a in whole) / 1000, abs=0.1)
    assert sum(call.trigger == "unknown" for call in good) == 0
