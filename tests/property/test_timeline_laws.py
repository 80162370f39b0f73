"""Laws of time budgets on made-up sessions: overlaps, steps back, sub-agents, interrupts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.model import TRIGGERS, Block, Call
from latprof.timeline import budgets, total
from made_calls import NOON, made, trace_of

pytestmark = pytest.mark.property

FLAGS = st.sampled_from(
    [(), ("interrupted",), ("clock_step",), ("suspended",), ("non_streamed",), ("side_call",), ("retried",)]
)
SECONDS = st.integers(0, 300_000).map(lambda ms: ms / 1000)
MAYBE = st.none() | SECONDS


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Instants in any order, some missing."""
    at = NOON + draw(SECONDS)

    def instant(offset: float | None) -> float | None:
        return None if offset is None else NOON + offset

    names = st.sampled_from(["Bash", "Edit", "Agent", "AskUserQuestion", None])
    tools = [
        Block("tool_use", end_at=instant(draw(MAYBE)), name=draw(names), result_at=instant(draw(MAYBE)))
        for _ in range(draw(st.integers(0, 3)))
    ]
    agent_id = draw(st.sampled_from([None, None, "a1", "a2", "acompact-1"]))
    return made(
        draw(st.integers(0, 10_000)), at=at, trigger=draw(st.sampled_from(TRIGGERS)),
        trigger_at=instant(draw(MAYBE)), sent_at=draw(st.sampled_from([at, None])),
        first_output_at=instant(draw(MAYBE)), last_output_at=instant(draw(MAYBE)), agent_id=agent_id,
        flags=(*draw(FLAGS), *(("sidechain",) if agent_id else ())), blocks=tuple(tools),
    )  # fmt: skip


@given(st.lists(calls(), max_size=8))
def test_every_instant_of_a_session_counts_once(made_up: list[Call]) -> None:
    """Segments touch, never overlap, and add up to the wall time within a millisecond."""
    for item in budgets(trace_of(*made_up)):
        assert all(before.end_at == after.start_at for before, after in pairwise(item.segments))
        assert all(segment.duration_s > 0 for segment in item.segments)
        assert sum(segment.duration_s for segment in item.segments) == pytest.approx(item.wall_s, abs=1e-3)
        assert sum(share.seconds for share in total([item])) == pytest.approx(item.wall_s, abs=1e-3)


@given(st.lists(calls(), min_size=1, max_size=6), st.integers(-1000, 1000))
def test_a_session_at_another_time_is_the_same_session(made_up: list[Call], seconds: int) -> None:
    """All instants moved by the same time: the same activities in the same order."""

    def moved(call: Call) -> Call:
        def shift(at: float | None) -> float | None:
            return None if at is None else at + seconds

        blocks = (
            replace(b, end_at=shift(b.end_at), start_at=shift(b.start_at), result_at=shift(b.result_at))
            for b in call.blocks
        )
        found = replace(call, blocks=tuple(blocks), trigger_at=shift(call.trigger_at), sent_at=shift(call.sent_at))
        found.first_output_at, found.last_output_at = shift(call.first_output_at), shift(call.last_output_at)
        return found

    one, other = (budgets(trace_of(*found)) for found in (made_up, [moved(call) for call in made_up]))
    assert [[(s.activity, s.name) for s in item.segments] for item in one] == [
        [(s.activity, s.name) for s in item.segments] for item in other
    ]
