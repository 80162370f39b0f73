"""OpenRouter's generation records: readings of the two durations, tokens, containers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.openrouter import FORMAT
from latprof.model import Call, Problem
from sound import assert_sound


def generation(**changed: Any) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": "gen-1768003200-Aa",
        "model": "m",
        "streamed": True,
        "cancelled": False,
        "latency": 1000,
        "generation_time": 4000,
        "native_tokens_prompt": 100,
        "native_tokens_completion": 40,
        "native_tokens_reasoning": 10,
        "native_tokens_cached": 60,
        "created_at": "2026-01-10T00:00:09+00:00",
    }
    return record | changed


def call(**changed: Any) -> Call:
    (found,) = FORMAT.read(Source.from_bytes(json.dumps(generation(**changed)).encode()))
    assert isinstance(found, Call)
    return found


def test_durations_count_from_the_second_in_the_id() -> None:
    """The end is the later one of the two readings."""
    found = call()
    assert found.sent_at == 1768003200.0
    assert found.first_output_at == 1768003201.0
    assert found.last_output_at == 1768003205.0
    assert found.last_output_source == "record_written"


def test_an_id_without_a_second_leaves_the_time_of_the_record() -> None:
    """Only the date is less good."""
    found = call(id="gen-3bhGkxlo4XFrqiabUM7N")
    assert found.sent_at == 1768003209.0


@pytest.mark.parametrize("changed", [{"streamed": False}, {"streamed": None}, {"latency": 4001}])
def test_a_first_byte_needs_a_stream_and_a_wait_inside_the_whole(changed: dict[str, Any]) -> None:
    """Else the number means something else."""
    assert call(**changed).first_output_at is None


@pytest.mark.parametrize("changed", [{"latency": None}, {"generation_time": None}, {"generation_time": 0}])
def test_without_both_durations_there_is_no_end(changed: dict[str, Any]) -> None:
    """Never 0."""
    found = call(**changed)
    assert found.last_output_at is None
    assert found.last_output_source is None


def test_refusals_at_other_providers_are_attempts() -> None:
    """The list holds each of them."""
    assert call().attempts is None
    found = call(provider_responses=[{"status": 429}, {"status": 200}])
    assert found.attempts == 2
    assert "retried" in found.flags


def test_parts_that_are_more_than_the_whole_are_unknown() -> None:
    """Counts of a provider may be wrong."""
    found = call(native_tokens_reasoning=41, native_tokens_cached=101)
    assert (found.reasoning_tokens, found.cache_read_tokens) == (None, None)


def test_answers_of_the_interface_and_lists_are_the_same() -> None:
    """However they were saved; twice is once."""
    for document in ({"data": generation()}, [generation(), generation()], {"data": [generation()]}):
        data = json.dumps(document, indent=1).encode()
        assert FORMAT.sniff("x", data)
        assert list(FORMAT.read(Source.from_bytes(data))) == [call()]


def test_other_answers_are_not_calls() -> None:
    """An error of the interface."""
    found = list(FORMAT.read(Source.from_bytes(b'{"error": {"code": 404}}')))
    assert [item.kind for item in found if isinstance(item, Problem)] == ["bad_record"]
    assert not FORMAT.sniff("x.json", b'{"error": {"code": 404}}')


@given(st.binary(max_size=40), st.integers(min_value=0, max_value=300))
def test_any_bytes_inside_never_raise(junk: bytes, at: int) -> None:
    """Damage anywhere."""
    data = json.dumps([generation()]).encode()
    assert_sound(FORMAT.read(Source.from_bytes(data[:at] + junk + data[at:])))
