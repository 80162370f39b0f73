"""Langfuse observations: edge cases of instants, tokens and double reports."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.langfuse import FORMAT
from latprof.model import Call, Problem
from sound import assert_sound


def generation(**changed: Any) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": "g1",
        "traceId": "t1",
        "type": "GENERATION",
        "parentObservationId": None,
        "startTime": "2026-02-10T08:00:00.000Z",
        "completionStartTime": "2026-02-10T08:00:01.000Z",
        "endTime": "2026-02-10T08:00:05.000Z",
        "model": "m",
        "usageDetails": {"input": 100, "output": 41, "total": 141},
    }
    return record | changed


def read(*records: dict[str, Any]) -> list[Call | Problem]:
    return list(FORMAT.read(Source.from_bytes(json.dumps(list(records)).encode())))


def call(**changed: Any) -> Call:
    (found,) = read(generation(**changed))
    assert isinstance(found, Call)
    return found


def spans(found: Call) -> tuple[float | None, float | None]:
    assert found.sent_at is not None
    first, last = found.first_output_at, found.last_output_at
    return (None if first is None else first - found.sent_at, None if last is None else last - found.sent_at)


def test_instants_are_those_of_the_record_and_latencies_are_not_read() -> None:
    """Their unit differs between exports."""
    assert spans(call(latency=4799, timeToFirstToken=7)) == (1.0, 5.0)


@pytest.mark.parametrize("first", ["2026-02-10T08:00:05.000Z", "2026-02-10T07:59:59.000Z", None])
def test_a_first_chunk_that_cannot_be_is_none(first: str | None) -> None:
    """At the end, before the start, or not there."""
    assert spans(call(completionStartTime=first)) == (None, 5.0)


def test_a_process_that_died_left_no_end() -> None:
    """The first chunk still counts."""
    assert spans(call(endTime=None)) == (1.0, None)


@pytest.mark.parametrize(
    ("usage", "more", "expected"),
    [
        # (input, cache read, cache write, output, reasoning)
        ({"input": 100, "output": 41}, {}, (100, None, None, 41, None)),
        ({"input": 90, "input_cached_tokens": 10, "output": 41, "total": 141}, {}, (100, 10, None, 41, None)),
        ({"input": 100, "input_cached_tokens": 10, "output": 41, "total": 141}, {}, (100, 10, None, 41, None)),
        ({"input": 100, "input_cached_tokens": 10, "output": 41}, {}, (None, 10, None, 41, None)),
        ({"input": 5, "output": 378, "output_reasoning_tokens": 1029}, {"inputUsage": 5, "outputUsage": 1407},
         (5, None, None, 1407, 1029)),
        ({"input": 5, "output": 378, "output_reasoning_tokens": 100, "total": 383}, {}, (5, None, None, 378, 100)),
        ({"input": 5, "output": 378, "output_reasoning_tokens": 100}, {}, (5, None, None, None, None)),
        ({"input": 100, "output": 9, "prompt_details.cache_read": 60, "completion_details.reasoning": 3, "total": 109},
         {}, (100, 60, None, 9, 3)),
        ({"input": 10, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 20, "output": 9, "total": 109},
         {}, (100, 70, 20, 9, None)),
        ({}, {}, (None, None, None, None, None)),
        ({"input": 0, "output": 0, "total": 0}, {}, (None, None, None, None, None)),
    ],
)  # fmt: skip
def test_totals_tell_whether_details_are_inside(
    usage: dict[str, int], more: dict[str, int], expected: tuple[int | None, ...]
) -> None:
    """Integrations differ; where no total tells, the count is unknown."""
    found = call(usageDetails=usage, **more)
    counts = (found.input_tokens, found.cache_read_tokens, found.cache_write_tokens)
    assert (*counts, found.output_tokens, found.reasoning_tokens) == expected


def test_older_records_and_texts_with_json_inside() -> None:
    """Three plain counts; details as the database holds them."""
    found = call(usageDetails=None, usage={"input": 7, "output": 3, "total": 10, "unit": "TOKENS"})
    assert (found.input_tokens, found.output_tokens) == (7, 3)
    found = call(usageDetails='{"input": 7, "output": 3}')
    assert (found.input_tokens, found.output_tokens) == (7, 3)


def test_traces_in_a_page() -> None:
    """Their observations are inside."""
    data = json.dumps({"data": [{"id": "t1", "observations": [generation()]}], "meta": {}}).encode()
    assert FORMAT.sniff("x", data)
    assert len(list(FORMAT.calls(Source.from_bytes(data)))) == 1


def test_a_first_chunk_behind_hidden_thinking_is_no_first_token() -> None:
    """The count of reasoning tokens shows it."""
    found = call(usageDetails={"input": 5, "output": 378, "output_reasoning_tokens": 1029, "total": 1412})
    assert found.first_output_source == "first_visible"


def test_only_generations_are_calls_and_errors_are_counted() -> None:
    """A span holds calls, it is none."""
    found = read(generation(type="SPAN"), generation(type="EMBEDDING"), generation(level="ERROR"))
    assert [item.kind for item in found if isinstance(item, Problem)] == ["failed_attempt"]
    assert len(found) == 1


def test_of_two_reports_of_one_call_the_inner_one_stays() -> None:
    """In either order; calls of other traces, sizes or times are others."""
    outer = generation()
    inner = generation(id="g2", startTime="2026-02-10T08:00:00.100Z", endTime="2026-02-10T08:00:04.900Z")
    for order in ((outer, inner), (inner, outer)):
        assert [item.message_id for item in read(*order) if isinstance(item, Call)] == ["g2"]
    for change in (
        {"traceId": "t2"},
        {"usageDetails": {"input": 100, "output": 42}},
        {"endTime": "2026-02-10T08:00:06Z"},
    ):
        assert len(read(outer, inner | change)) == 2


def test_the_same_observation_twice_is_one_call() -> None:
    """Below a trace and beside it."""
    document = {"trace": {"id": "t1"}, "observations": [generation(), generation()]}
    assert len(list(FORMAT.read(Source.from_bytes(json.dumps(document).encode())))) == 1


def test_what_is_no_observation_is_not_claimed() -> None:
    """A list of traces, of scores."""
    assert not FORMAT.sniff("x.json", json.dumps([{"id": "t1", "timestamp": "x", "traceId": "t"}]).encode())
    assert FORMAT.sniff("x.json", json.dumps([generation()]).encode())


@given(st.binary(max_size=40), st.integers(min_value=0, max_value=400))
def test_any_bytes_inside_never_raise(junk: bytes, at: int) -> None:
    """Damage anywhere."""
    line = json.dumps(generation())
    for whole in (f"{line}\n{line}\n".encode(), f"[{line},{line}]".encode()):
        damaged = whole[:at] + junk + whole[at:]
        FORMAT.sniff("x.json", damaged)
        assert_sound(FORMAT.read(Source.from_bytes(damaged)))
