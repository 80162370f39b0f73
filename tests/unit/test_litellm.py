"""LiteLLM records: edge cases of instants, tokens, agents and containers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.litellm import FORMAT
from latprof.model import Call, Problem
from sound import assert_sound

START = 1772528400.0


def payload(**changed: Any) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": "chatcmpl-1",
        "trace_id": "t-1",
        "call_type": "acompletion",
        "stream": True,
        "response_cost": 0.1,
        "status": "success",
        "custom_llm_provider": "anthropic",
        "prompt_tokens": 1000,
        "completion_tokens": 101,
        "startTime": START,
        "completionStartTime": START + 1,
        "endTime": START + 3,
        "model": "claude-sonnet-4-5",
        "model_map_information": {},
        "metadata": {},
    }
    return record | changed


def read(*records: dict[str, Any]) -> list[Call | Problem]:
    return list(FORMAT.read(Source.from_bytes("\n".join(map(json.dumps, records)).encode())))


def call(**changed: Any) -> Call:
    (found,) = read(payload(**changed))
    assert isinstance(found, Call)
    return found


def test_instants_are_those_of_the_gateway() -> None:
    """Arrival is early, the first chunk and the end are what the record says."""
    found = call()
    assert (found.sent_at, found.first_output_at, found.last_output_at) == (START, START + 1, START + 3)
    assert found.sent_source == "gateway_start"
    assert found.session_id == "t-1"


@pytest.mark.parametrize("first", [START + 3, START + 4, START - 0.5, None, "soon"])
def test_a_first_chunk_that_cannot_be_is_none(first: object) -> None:
    """At the end, after it, before the start, or not there."""
    found = call(completionStartTime=first)
    assert found.first_output_at is None
    assert found.first_output_source is None
    assert found.last_output_at == START + 3
    assert found.flags == ()


def test_an_answer_streamed_from_a_finished_body_has_no_first_token() -> None:
    """Under two per cent of the call for more than fifty tokens."""
    assert call(completionStartTime=START + 2.99).flags == ("non_streamed",)
    assert call(completionStartTime=START + 2.99, completion_tokens=20).flags == ()


def test_a_first_chunk_behind_hidden_thinking_is_no_first_token() -> None:
    """Only the count of tokens shows the thinking; the Messages route streams it."""
    thought = {"usage_object": {"completion_tokens_details": {"reasoning_tokens": 80}}}
    assert call(metadata=thought).first_output_source == "first_visible"
    assert call(metadata=thought, call_type="anthropic_messages").first_output_source == "first_chunk"
    assert call(call_type="aresponses").first_output_at is None


def test_a_failure_is_no_call_and_is_counted() -> None:
    """In either place where the status may stand."""
    for changed in ({"status": "failure"}, {"status": None, "metadata": {"status": "failure"}}):
        (found,) = read(payload(**changed))
        assert isinstance(found, Problem)
        assert found.kind == "failed_attempt"


def test_retries_and_fallbacks_are_attempts() -> None:
    """One more for each; None where the record does not count them."""
    assert call().attempts is None
    found = call(metadata={"attempted_retries": 2, "attempted_fallbacks": 1})
    assert found.attempts == 4
    assert found.flags == ("retried",)


def test_a_hit_of_the_cache_is_flagged() -> None:
    """As text in rows, as a boolean in payloads."""
    assert call(cache_hit=True).flags == ("cached_response",)
    assert call(cache_hit="True").flags == ("cached_response",)
    assert call(cache_hit="False").flags == ()


def test_a_prompt_smaller_than_its_parts_is_unknown() -> None:
    """A route that handed the request through counted only what was not cached."""
    found = call(prompt_tokens=10, metadata={"usage_object": {"cache_read_input_tokens": 900}})
    assert found.input_tokens is None
    assert found.cache_read_tokens == 900


def test_zero_output_is_unknown() -> None:
    """Never 0."""
    assert call(completion_tokens=0).output_tokens is None


@pytest.mark.parametrize(
    ("changed", "agent", "version"),
    [
        ({"user_agent": "claude-cli/2.1.20 (external, cli)"}, "claude-code", "2.1.20"),
        ({"request_tags": ["prod", "User-Agent: codex_cli_rs/0.98.0"]}, "codex", "0.98.0"),
        ({"metadata": {"user_agent": "GeminiCLI/0.20.0/gemini-3 (linux)"}}, "gemini-cli", "0.20.0"),
        ({"user_agent": "python-requests/2.32"}, "litellm", None),
    ],
)
def test_the_user_agent_names_the_agent(changed: dict[str, Any], agent: str, version: str | None) -> None:
    """Where it is one that is known."""
    found = call(**changed)
    assert (found.agent, found.agent_version) == (agent, version)


def test_metadata_as_a_text() -> None:
    """As a dump of the database holds it."""
    found = call(metadata=json.dumps({"attempted_retries": 1}), request_tags='["User-Agent: claude-cli/2.1.20"]')
    assert (found.attempts, found.agent) == (2, "claude-code")


def test_other_kinds_of_call_are_left_out() -> None:
    """An embedding is no call of a language model."""
    assert read(payload(call_type="aembedding")) == []


def test_the_same_record_twice_is_one_call() -> None:
    """Two sinks may write it."""
    assert len(read(payload(), payload())) == 1


@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_that_is_cut_keeps_its_complete_records(indent: int | None) -> None:
    """In a list alone and in a page."""
    records = [payload(), payload(id="chatcmpl-2"), payload(id="chatcmpl-3", request_tags=["a", "b"])]
    for wrapped in (records, {"data": records}):
        data = json.dumps(wrapped, indent=indent).encode()
        cut = data[: data.index(b'"b"')]
        found = list(FORMAT.read(Source.from_bytes(cut)))
        assert [item.message_id for item in found if isinstance(item, Call)] == ["chatcmpl-1", "chatcmpl-2"]
        assert [item.kind for item in found if isinstance(item, Problem)] == ["cut_document"]


def test_lines_longer_than_a_head() -> None:
    """Requests that are stored make long lines."""
    long = payload(messages=[{"role": "user", "content": "x" * 70_000}])
    data = f"{json.dumps(long)}\n{json.dumps(payload(id='chatcmpl-2'))}\n".encode()
    assert FORMAT.sniff("x", data[:65536])
    assert len(list(FORMAT.calls(Source.from_bytes(data)))) == 2


def test_a_list_with_one_record_a_line() -> None:
    """As some tools print it."""
    data = f"[\n{json.dumps(payload())},\n{json.dumps(payload(id='chatcmpl-2'))}\n]\n".encode()
    assert len(list(FORMAT.read(Source.from_bytes(data)))) == 2


def test_batches_one_a_line() -> None:
    """A sink that appends a list for each batch."""
    data = f"{json.dumps([payload()])}\n{json.dumps([payload(id='chatcmpl-2')])}\n".encode()
    assert len(list(FORMAT.calls(Source.from_bytes(data)))) == 2


def test_a_table_cut_inside_its_last_cell_leaves_the_row_out() -> None:
    """What is left of a cell must not look like another value."""
    columns = ["request_id", "call_type", "spend", "prompt_tokens", "completion_tokens", "startTime", "endTime", "tags"]
    row = 'chatcmpl-1,acompletion,0.1,10,20,2026-03-03 10:00:00,2026-03-03 10:00:04,"[""a"", ""b""]"'
    table = f"{','.join(columns)}\n{row}"
    assert FORMAT.sniff("x.csv", table.encode())
    assert len(list(FORMAT.calls(Source.from_bytes(table.encode())))) == 1
    for cut in range(1, 15):
        assert list(FORMAT.calls(Source.from_bytes(table[:-cut].encode()))) == []


def test_summaries_by_day_are_not_claimed() -> None:
    """They hold no calls."""
    assert not FORMAT.sniff("x.json", b'[{"startTime": "2026-03-02", "spend": 1.0, "models": {}, "users": {}}]')


@given(st.binary(max_size=40), st.integers(min_value=0, max_value=400))
def test_any_bytes_inside_never_raise(junk: bytes, at: int) -> None:
    """Damage anywhere."""
    data = (json.dumps(payload()) + "\n" + json.dumps(payload(id="chatcmpl-2")) + "\n").encode()
    for whole in (data, b"[" + data.replace(b"\n", b",") + b"null]"):
        damaged = whole[:at] + junk + whole[at:]
        FORMAT.sniff("x.json", damaged)
        assert_sound(FORMAT.read(Source.from_bytes(damaged)))
