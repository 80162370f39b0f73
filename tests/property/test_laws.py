"""Laws that hold for any input, checked on generated ones."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_lines import read
from latprof.ingest import merge
from latprof.model import Block, Call
from latprof.stats.quantiles import quantile_interval
from latprof.trace import Trace

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "claude-code"
LOGS = [
    next((FIXTURES / name / "input").rglob("*.jsonl")).read_bytes()
    for name in ("real-1.0.17", "recorded-2.1.329-three-retries", "recorded-2.1.329-cut-stream")
]
pytestmark = pytest.mark.property

instants = st.floats(1.7e9, 1.8e9)
gaps = st.floats(0.001, 500)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """A call with instants in order and some of them unknown."""
    sent = draw(instants)
    first, last = sent + draw(gaps), sent + 600 + draw(gaps)
    return Call(
        agent="claude-code",
        session_id=draw(st.sampled_from(["s1", "s2", "s3"])),
        message_id=draw(st.sampled_from(["m1", "m2", "m3", "m4"])),
        request_id="r",
        model=draw(st.sampled_from(["a", "b", None])),
        trigger=draw(st.sampled_from(["user", "tool_result", "unknown"])),
        trigger_at=sent,
        sent_at=draw(st.sampled_from([sent, None])),
        sent_source="api_request_line",
        first_output_at=draw(st.sampled_from([first, None])),
        first_output_source="block_start",
        last_output_at=last,
        output_tokens=draw(st.one_of(st.none(), st.integers(1, 5000))),
        blocks=tuple(Block("text", end_at=first) for _ in range(draw(st.integers(1, 3)))),
    )


@given(st.lists(calls(), max_size=8), st.randoms())
def test_the_order_of_files_does_not_matter(found: list[Call], shuffler: random.Random) -> None:
    """Merging gives the same calls in any order."""
    mixed = list(found)
    shuffler.shuffle(mixed)
    assert sorted(map(repr, merge(mixed))) == sorted(map(repr, merge(found)))


@given(st.lists(calls(), max_size=8))
def test_merging_twice_changes_nothing(found: list[Call]) -> None:
    """Copies of merged calls are those calls."""
    once = merge(found)
    assert sorted(map(repr, merge(once + once))) == sorted(map(repr, once))


def _stretched(call: Call, factor: float, origin: float) -> Call:
    def move(at: float | None) -> float | None:
        return None if at is None else origin + (at - origin) * factor

    return replace(
        call,
        trigger_at=move(call.trigger_at),
        sent_at=move(call.sent_at),
        first_output_at=move(call.first_output_at),
        last_output_at=move(call.last_output_at),
        blocks=tuple(replace(block, end_at=move(block.end_at)) for block in call.blocks),
    )


@given(calls())
def test_doubling_all_times_doubles_every_duration(call: Call) -> None:
    """Durations are differences; rates fall to half."""
    one = Trace.from_calls([call])
    two = Trace.from_calls([_stretched(call, 2, 1.75e9)])
    for name in ("ttft_s", "first_block_s", "wall_s", "as_logged_ttft_s"):
        np.testing.assert_allclose(two.column(name), 2 * one.column(name), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(two.column("wall_tps"), one.column("wall_tps") / 2, rtol=1e-5)
    assert len(two) == len(one) == 1


@given(
    st.lists(st.tuples(st.floats(0, 1e4), st.integers(0, 6)), min_size=2, max_size=80),
    st.sampled_from([0.1, 0.25, 0.5, 0.9]),
)
def test_an_interval_holds_the_sample_quantile(pairs: list[tuple[float, int]], probability: float) -> None:
    """Both ends lie on their side of the sample quantile, and inside the sample."""
    pairs.sort()
    values = np.array([value for value, _ in pairs])
    low, high = quantile_interval(values, np.array([s for _, s in pairs]), probability)
    centre = float(np.quantile(values, probability))
    assert low is None or values[0] <= low <= centre + 1e-9
    assert high is None or centre - 1e-9 <= high <= values[-1]


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_raising(data: bytes) -> None:
    """Noise gives problems, never an exception and never a call."""
    found, problems = read(data)
    assert found == []
    assert all(problem.kind in {"bad_line", "cut_line", "unreadable"} for problem in problems)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "type",
                        "message",
                        "content",
                        "usage",
                        "id",
                        "timestamp",
                        "uuid",
                        "parentUuid",
                        "data",
                        "model",
                        "params",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from(["assistant", "user", "system", "progress", "attachment", "api-request"]),
)
def test_any_json_of_a_known_type_is_read_without_raising(value: object, kind: str) -> None:
    """Wrong types in known places are problems or unknowns."""
    record = value if isinstance(value, dict) else {"message": value}
    found, problems = read(json.dumps(record | {"type": kind}).encode() + b"\n")
    assert len(found) + len(problems) <= 2


@given(st.sampled_from(LOGS), st.data())
def test_a_cut_at_any_byte_changes_no_earlier_call(log: bytes, data: st.DataObject) -> None:
    """Calls whose next call has begun before the cut are the same as in the whole log."""
    cut = data.draw(st.integers(0, len(log)))
    whole, part = read(log)[0], read(log[:cut])[0]
    finished = part[:-1]
    by_id = {call.call_id: call for call in whole}
    for call in finished:
        expected = by_id[call.call_id]
        assert _without_later(call) == _without_later(expected)


def _without_later(call: Call) -> Call:
    """A call without what is written after its response: results of its tools, interruptions."""
    blocks = tuple(replace(block, result_at=None) for block in call.blocks)
    return replace(call, blocks=blocks, flags=tuple(flag for flag in call.flags if flag != "interrupted"))


@given(st.sampled_from(LOGS), st.data())
def test_a_lost_line_changes_only_calls_that_touch_it(log: bytes, data: st.DataObject) -> None:
    """Calls whose own lines, and whose lines up to the call before them, are all there stay as they were."""
    lines = log.splitlines(keepends=True)
    lost = data.draw(st.integers(0, len(lines) - 1))
    left = {call.call_id: call for call in read(b"".join(lines[:lost] + lines[lost + 1 :]))[0]}
    touched = _touched(lines, lost)
    for call in read(log)[0]:
        if call.message_id not in touched:
            assert left[call.call_id] == call


def _touched(lines: list[bytes], lost: int) -> set[str | None]:
    """Messages before and after a line: the response it belongs to or follows, and the next two."""
    names = [json.loads(line).get("message") for line in lines]
    order = [n.get("id") if isinstance(n, dict) else None for n in names]
    before = [name for name in order[: lost + 1] if name]
    after = list(dict.fromkeys(name for name in order[lost:] if name))
    return set(before[-1:] + after[:2])


@given(st.sampled_from(LOGS), st.randoms())
def test_shuffled_keys_and_new_keys_change_nothing(log: bytes, shuffler: random.Random) -> None:
    """The order of keys means nothing, unknown ones neither."""
    changed = []
    for raw in log.splitlines():
        items = [*json.loads(raw).items(), ("brandNewKey", {"type": "assistant", "uuid": "x"})]
        shuffler.shuffle(items)
        changed.append(json.dumps(dict(items), ensure_ascii=False).encode())
    assert read(b"\n".join(changed) + b"\n")[0] == read(log)[0]
