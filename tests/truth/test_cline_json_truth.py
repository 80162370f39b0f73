"""Cline's printed events against a scripted server's record."""

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
def pairs(shared: Path) -> list[tuple[Record, Call]]:
    """Each request that was answered to its last byte, with the one call that ended within 0.2 s after it."""
    folder = shared / "truth/cline/3.0.65"
    requests = [json.loads(line) for line in (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    good = [r for r in requests if r["status"] == 200 and not r.get("cut") and not r.get("aborted")]
    reading = read_inputs([str(folder / "stdout")])
    (cut,) = [call for call in reading.calls if not call.rates_usable]
    assert (cut.flags, cut.output_tokens) == (("interrupted",), None)
    assert len(reading.calls) == len(good) + 1 == 45
    assert [problem.kind for problem in reading.problems] == ["request_without_response"]
    found = []
    for request in good:
        (call,) = [c for c in reading.calls if c is not cut and 0 <= (c.last_output_at or 0) - request["t_end"] < 0.2]
        found.append((request, call))
    return found


def test_tokens_triggers_and_models_are_those_of_the_server(pairs: list[tuple[Record, Call]]) -> None:
    assert len({call.call_id for _, call in pairs}) == len(pairs)
    for request, call in pairs:
        usage = request["usage"]
        assert (call.input_tokens, call.cache_read_tokens) == (usage["input"], usage["cached"])
        assert call.output_tokens == usage["output"]
        assert call.trigger == ("tool_result" if request["rounds"] else "user")
        # A run that was stopped does not come to the line that names the model.
        assert call.model == (None if request["run"] == "abort" else request["model"])


def test_first_tokens_and_ends_are_good_to_50_ms(pairs: list[tuple[Record, Call]]) -> None:
    first = [(c.first_output_at - r["t_first_delta"]) * 1000 for r, c in pairs if c.first_output_at is not None]
    ends = [(c.last_output_at or 0) - r["t_end"] for r, c in pairs if c.last_output_source == "stream_end"]
    assert len(first) == 30
    assert all(0 < late < 50 for late in first)
    assert median(first) < 5
    assert all(0 < late < 0.05 for late in ends)
    assert median(ends) < 0.010
    assert all(("first_of_process" in c.flags) == (c.last_output_source == "record_written") for _, c in pairs)


def test_a_first_token_is_shown_unless_a_tool_came_first(pairs: list[tuple[Record, Call]]) -> None:
    for request, call in pairs:
        assert (call.first_output_at is None) == (request["items"][0]["kind"] == "tool")


def test_send_times_are_early_and_hold_hidden_waits(pairs: list[tuple[Record, Call]]) -> None:
    early = [((r["t_req"] - (c.sent_at or 0)) * 1000, c) for r, c in pairs]
    assert all(value > 10 for value, _ in early)
    later = sorted(value for value, call in early if "first_of_process" not in call.flags)
    assert later[-3] < 80
    assert later[-2] > 1000
    assert all(value < 250 for value, call in early if "first_of_process" in call.flags)


def test_decode_speed_is_near_the_servers(pairs: list[tuple[Record, Call]]) -> None:
    """(tokens - 1) / (end - first token), both ways; the log's ends are a few ms late."""
    ratios = []
    for request, call in pairs:
        if call.last_output_source != "stream_end" or call.first_output_at is None:
            continue
        true_s = request["t_end"] - request["t_first_delta"]
        if true_s > 0.25:
            ratios.append(((call.last_output_at or 0) - call.first_output_at) / true_s)
    assert len(ratios) > 15
    assert abs(median(ratios) - 1) < 0.02
    assert all(0.9 < ratio < 1.12 for ratio in ratios)
