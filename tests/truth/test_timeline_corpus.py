"""The budget of every real session adds up."""

from __future__ import annotations

import os
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from latprof.ingest import read_inputs
from latprof.model import Call
from latprof.timeline import budgets, total
from latprof.trace import Trace

SHARED = Path(os.environ.get("LATPROF_SHARED", Path(__file__).resolve().parents[3] / "shared"))
CORPUS = SHARED / "corpus"
MILLISECOND = 1e-3


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    if not CORPUS.is_dir():
        pytest.skip(reason=f"shared data absent: {CORPUS}")
    found = read_inputs([str(CORPUS)]).calls
    assert len(found) > 40_000
    return found


def test_every_session_of_the_corpus_adds_up_to_its_wall_time(calls: list[Call]) -> None:
    """Wall time from the calls themselves: first instant that one shows to the last of a call or tool."""
    instants: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for call in calls:
        results = [block.result_at for block in call.blocks]
        shown = [call.trigger_at, call.sent_at, call.last_output_at, *results]
        instants[call.agent, call.session_id] += [at for at in shown if at is not None]
    # A tool whose seconds are stated without its instants may end after the last stamp.
    longest = max((call.tool_s or 0.0 for call in calls), default=0.0)
    items = budgets(Trace.from_calls(calls))
    assert len(items) > 300
    for item in items:
        stamps = instants[item.agent, item.session_id]
        assert sum(s.duration_s for s in item.segments) == pytest.approx(item.wall_s, abs=MILLISECOND)
        assert sum(share.seconds for share in total([item])) == pytest.approx(item.wall_s, abs=MILLISECOND)
        assert all(before.end_at == after.start_at for before, after in pairwise(item.segments))
        assert item.end_at <= max(stamps) + MILLISECOND + longest, item.session_id
        assert item.start_at >= min(stamps) - MILLISECOND


def test_the_ends_of_a_session_are_those_of_its_log(calls: list[Call]) -> None:
    """Claude Code: nothing is lost at either end, also where the clock stepped or tools outlived the last call."""
    mine = [call for call in calls if call.agent == "claude-code"]
    ends: defaultdict[str, list[float]] = defaultdict(list)
    for call in mine:
        if call.sent_at is not None and call.last_output_at is not None and call.last_output_at > call.sent_at:
            ends[call.session_id] += [call.sent_at, call.last_output_at]
    for item in budgets(Trace.from_calls(mine)):
        if stamps := ends[item.session_id]:
            assert item.start_at <= min(stamps) + MILLISECOND, item.session_id
            assert item.end_at >= max(stamps) - MILLISECOND, item.session_id
