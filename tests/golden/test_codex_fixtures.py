"""The expected calls of recorded Codex fixtures against what the scripted server wrote down."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

CASES = sorted(path.parent for path in (Path(__file__).resolve().parents[2] / "fixtures/codex").glob("*/truth.ndjson"))
EXACT_S = 0.05
# A prompt or a result is written before the client has made its request.
EARLY_S = 0.2
# Refused requests are repeated without a line: the wait is inside the next call.
WAIT_S = 1.3
KINDS = {"think": "thinking", "text": "text", "tool": "tool_use"}


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _seconds(stamp: str | None) -> float:
    assert stamp is not None
    return datetime.fromisoformat(stamp).timestamp()


def _pairs(case: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Whole calls with the request that the server answered at that time."""
    calls = [call for call in _lines(case / "expected.ndjson") if "interrupted" not in call["flags"]]
    truth = [r for r in _lines(case / "truth.ndjson") if r["status"] == 200 and not r.get("fault")]
    assert len(calls) == len(truth)
    return list(zip(sorted(calls, key=lambda call: call["last_output_at"]), truth, strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_tokens_model_and_items_are_the_servers(case: Path) -> None:
    """Requests that were refused, broken off or interrupted are no whole calls."""
    for call, truth in _pairs(case):
        usage = truth["usage"]
        assert (call["input_tokens"], call["cache_read_tokens"]) == (usage["input"], usage["cached"])
        assert (call["output_tokens"], call["reasoning_tokens"]) == (usage["output"], usage["reasoning"])
        assert call["model"] == truth["model"]
        assert call["request_id"] in {None, truth["id"]}
        assert (call["trigger"] == "user") == (truth["rounds"] == 0)
        assert [block["type"] for block in call["blocks"]] == [KINDS[item["kind"]] for item in truth["items"]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_instants_lie_where_the_server_put_them(case: Path) -> None:
    """Ends and first outputs to 50 ms; send times not after the request."""
    for call, truth in _pairs(case):
        assert abs(_seconds(call["last_output_at"]) - truth["t_end"]) < EXACT_S
        early = truth["t_req"] - _seconds(call["sent_at"])
        if call["sent_source"] == "turn_context":
            assert abs(early) < EXACT_S
        else:
            assert 0 < early < EARLY_S + WAIT_S
        if call["first_output_source"] in {"block_start", "first_token"}:
            name = "t_first" if call["first_output_source"] == "block_start" else "t_first_delta"
            assert abs(_seconds(call["first_output_at"]) - truth[name]) < EXACT_S
        for block, item in zip(call["blocks"], truth["items"], strict=True):
            assert abs(_seconds(block["end_at"]) - item["t_end"]) < EXACT_S


def test_recorded_cases_are_there() -> None:
    """The tests above run on each era that was recorded."""
    assert {case.name.split("-")[1] for case in CASES} == {"0.98.0", "0.125.0", "0.144.0", "0.169.0"}
