"""The expected calls of recorded fixtures against what the scripted server wrote down.

`expected.ndjson` is what the reader must give (see the contract tests); here it is held against the
server's own record, so that it cannot simply repeat a reader's mistake.
"""

from __future__ import annotations

import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
CASES = sorted(path.parent for path in FIXTURES.glob("claude-code/recorded-*/truth.ndjson"))

# How far a stamp may lie from the server's, s: the client's event loop on a busy machine.
BLOCK_END_S = 0.3
SENT_BY_REQUEST_LINE_S = 0.08
SENT_BY_TRIGGER_S = 0.45
FIRST_TOKEN_S = 0.2


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _seconds(stamp: str | None) -> float | None:
    return None if stamp is None else datetime.fromisoformat(stamp).timestamp()


def _pairs(case: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Expected calls with the server's record of the same message."""
    truth = {record["mid"]: record for record in _lines(case / "truth.ndjson")}
    return [(call, truth[call["message_id"]]) for call in _lines(case / "expected.ndjson")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_answered_request_is_expected_exactly_once(case: Path) -> None:
    """All requests that were answered whole are there once; others only as interrupted calls."""
    calls = _lines(case / "expected.ndjson")
    whole = sorted(r["mid"] for r in _lines(case / "truth.ndjson") if r.get("out") is not None and not r["fault"])
    assert sorted(c["message_id"] for c in calls if "interrupted" not in c["flags"]) == whole


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ids_model_and_tokens_are_the_servers(case: Path) -> None:
    """Request id, model and output tokens are those that the server sent; a cut call has no tokens."""
    for call, truth in _pairs(case):
        assert (call["request_id"], call["model"]) == (truth["rid"], truth["model"])
        assert call["output_tokens"] == (None if truth["fault"] else truth["out"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_triggers_fit_what_the_server_saw(case: Path) -> None:
    """A request that ended with a tool result is a tool_result call; others are something else.

    After an abort the server still sees the old tool result at the end, but a person has typed.
    """
    records = _lines(case / "truth.ndjson")
    after_abort = {new["mid"] for old, new in pairwise(records) if "client_closed" in str(old["fault"])}
    for call, truth in _pairs(case):
        if call["message_id"] in after_abort:
            assert call["trigger"] == "user"
            continue
        assert (call["trigger"] == "tool_result") == (truth["kind"] == "tool_result"), call["message_id"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_instants_lie_where_the_server_put_them(case: Path) -> None:
    """Send time, block ends and first token agree within the precision of their sources."""
    for call, truth in _pairs(case):
        sent = _seconds(call["sent_at"])
        assert sent is not None
        if call["sent_source"] == "api_request_line":
            assert abs(sent - truth["t_req"]) < SENT_BY_REQUEST_LINE_S
        else:
            assert -0.02 < truth["t_req"] - sent < SENT_BY_TRIGGER_S
        if "non_streamed" in call["flags"]:
            continue
        # The block in which a stream was cut has no end.
        ends = [block["t_end"] for block in truth["blocks"] if "t_end" in block]
        assert len(call["blocks"]) == len(ends)
        for block, end in zip(call["blocks"], ends, strict=True):
            assert abs((_seconds(block["end_at"]) or 0) - end) < BLOCK_END_S
        if call["first_output_at"] is not None:
            # What is timed is the start of the first block (see docs/explanation/measurement.md).
            assert abs((_seconds(call["first_output_at"]) or 0) - truth["blocks"][0]["t_start"]) < FIRST_TOKEN_S


def test_recorded_fixtures_are_there() -> None:
    """The tests above run on at least eight recorded cases."""
    assert len(CASES) >= 8
