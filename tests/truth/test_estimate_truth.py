"""Estimates against recorded sessions, whose stated first tokens are hidden, and on real logs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latprof.estimate import estimate
from latprof.ingest import read_inputs
from latprof.model import Call
from latprof.trace import Trace


def _only_block_ends(call: Call) -> Call:
    return replace(
        call, model="recorded", headers_at=None, first_output_at=None, first_output_source=None,
        last_output_at=call.blocks[-1].end_at, last_output_source="last_block_end",
        blocks=tuple(replace(block, start_at=None, tokens=None) for block in call.blocks),
    )  # fmt: skip


def test_recorded_sessions(shared: Path) -> None:
    """All versions pooled: p50 within 5 % or 60 ms, p10 and p90 within 10 % or 120 ms; decode within 5 and 10 %."""
    calls, truth = [], {}
    for path in sorted((shared / "truth" / "claude-code").glob("*/*/truth.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            request = json.loads(line)
            if request.get("out") and request.get("t_first"):
                truth[request["mid"]] = request
        calls += [call for call in read_inputs([str(path.parent / "projects")]).calls if call.blocks]
    calls = [_only_block_ends(call) for call in calls if call.message_id in truth]
    assert len(calls) > 350
    trace = Trace.from_calls(calls)
    found = estimate(trace)
    assert found.groups[0].refused is None
    requests = [truth[name] for name in trace.texts["message_id"]]
    ttft = np.array([request["t_first"] - request["t_req"] for request in requests])
    decode_s = np.array([request["t_end"] - request["t_first"] for request in requests])
    decode = (np.array([request["out"] for request in requests]) - 1) / decode_s
    values = found.estimates.values
    known = ~np.isnan(values["ttft_s"][:, 0])
    timed = ~np.isnan(values["decode_tps"][:, 0])
    for q, share, seconds in ((0.1, 0.10, 0.12), (0.5, 0.05, 0.06), (0.9, 0.10, 0.12)):
        true = np.quantile(ttft[known], q)
        assert abs(np.quantile(values["ttft_s"][known], q) - true) <= max(share * true, seconds), q
        assert np.quantile(values["decode_tps"][timed], q) == pytest.approx(np.quantile(decode[timed], q), rel=share), q
    # What the obvious formula says of the same calls is twice the truth.
    assert np.nanmedian(trace.as_logged_ttft_s[known]) > 1.8 * np.median(ttft[known])


def test_models_of_the_corpus_are_given_back(shared: Path) -> None:
    """Every model with calls enough passes the check on held-out calls, with speeds that differ by type."""
    trace = Trace.from_calls(read_inputs([str(shared / "corpus" / "claude-code")]).calls)
    groups = {group.model: group for group in estimate(trace).groups}
    for model in ("claude-opus-4-5-20251101", "claude-opus-4-6", "claude-opus-4-7", "claude-opus-4-8"):
        assert groups[model].refused is None, model
    fitted = groups["claude-opus-4-8"].parameters
    assert fitted is not None
    # Thinking and prose stream at 62 to 77 tok/s, tool arguments at 100 to 116, by regressions on the same calls.
    assert 0.55 < np.exp(fitted.type_log[0]) < 0.8
    for model in ("claude-haiku-4-5-20251001", "claude-sonnet-4-5-20250929"):
        assert "needs 40" in (groups[model].refused or "")


def test_ends_of_single_calls_lie_around_their_value(shared: Path) -> None:
    """Also where a short first block lets the first token lie anywhere at any speed; and none is above its bound."""
    trace = Trace.from_calls(read_inputs([str(shared / "corpus" / "claude-code")]).calls)
    trace = trace.with_estimates(estimate(trace).estimates)
    for low, mean, high in (
        ("ttft_low_s", "ttft_s", "ttft_high_s"),
        ("decode_low_tps", "decode_tps", "decode_high_tps"),
    ):
        ends = np.array([trace.column(name) for name in (low, mean, high)], dtype=np.float64)
        known = ends[:, ~np.isnan(ends).any(axis=0)]
        assert known.shape[1] > 6000
        assert (np.diff(known, axis=0) >= -1e-6).all()
    first = np.array([trace.column("ttft_s"), trace.first_block_s])
    assert (np.diff(first[:, ~np.isnan(first).any(axis=0)], axis=0) >= -1e-4).all()
