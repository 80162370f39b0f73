"""The expected calls of OpenCode's recorded fixture against what the scripted server wrote down."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

FIXTURE = Path(__file__).resolve().parents[2] / "fixtures" / "opencode" / "recorded-1.18.33"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FIXTURE / name).read_text(encoding="utf-8").splitlines()]


def seconds(stamp: str | None) -> float:
    return datetime.fromisoformat(stamp).timestamp() if stamp else 0.0


def test_calls_are_the_servers() -> None:
    """Tokens, the last attempt's send time within 0.1 s, the first output within 0.2 s, the end never early."""
    truth = [record for record in lines("truth.ndjson") if record["main"] and record["status"] == 200]
    whole = [call for call in lines("expected.ndjson") if "interrupted" not in call["flags"]]
    for call in whole:
        record = min(truth, key=lambda known: abs(known["t_first"] - seconds(call["first_output_at"])))
        truth.remove(record)
        assert (call["output_tokens"], call["input_tokens"]) == (record["usage"]["output"], record["usage"]["input"])
        assert call["model"] == record["model"]
        assert -0.1 < seconds(call["sent_at"]) - record["t_req"] < 0.01
        assert 0 < seconds(call["first_output_at"]) - record["t_first"] < 0.2
        assert 0 < seconds(call["last_output_at"]) - record["t_end"] < 0.5
    assert len(whole) == 16
    assert sum(bool(record.get("cut")) for record in truth) == 1


def test_failed_attempts_are_in_the_attempts() -> None:
    """A refusal and a server error."""
    failed = sum(record["status"] != 200 for record in lines("truth.ndjson"))
    assert sum(call["attempts"] - 1 for call in lines("expected.ndjson")) == failed == 2
