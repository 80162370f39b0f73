"""Results of AIPerf: records of requests and what stands beside them."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.aiperf import FORMAT
from latprof.model import Call, Problem

START_S = 1_780_000_000
SUMMARY = {
    "request_throughput": {"unit": "requests/sec", "avg": 1.0},
    "request_latency": {"unit": "ms", "avg": 600.0},
    "input_config": {"endpoint": {"model_names": ["m/M"]}, "loadgen": {"concurrency": 4}},
}


def record(number: int = 1, *, metrics: dict[str, Any] | None = None, error: object = None, **more: Any) -> Any:
    """Sent at a whole second; 100 ms to the first token, 600 ms in all, 26 tokens out of 500."""
    start = (START_S + number) * 1_000_000_000
    metadata = {
        "session_num": number, "x_request_id": f"r-{number}", "x_correlation_id": "c-1", "turn_index": 0,
        "request_start_ns": start, "request_ack_ns": start + 20_000_000, "request_end_ns": start + 600_000_000,
        "benchmark_phase": "profiling", "was_cancelled": False,
    }  # fmt: skip
    values = {"input_sequence_length": 500, "output_sequence_length": 26} | (metrics or {})
    units = {"time_to_first_token": "ms", "request_latency": "ms"}
    stated = {"time_to_first_token": 100.0, "request_latency": 600.0} | values
    shown = {k: {"value": v, "unit": units.get(k, "tokens")} for k, v in stated.items() if v is not None}
    return {"metadata": metadata | more, "metrics": shown, "error": error}


def read(*records: Any, summary: object = None) -> tuple[list[Call], Counter[str]]:
    data = b"".join(json.dumps(item).encode() + b"\n" for item in records)
    beside = {} if summary is None else {"profile_export_aiperf.json": json.dumps(summary).encode()}
    items = list(FORMAT.read(Source.from_bytes(data, "/x/profile_export.jsonl", beside)))
    problems = Counter(item.kind for item in items if isinstance(item, Problem))
    return [item for item in items if isinstance(item, Call)], problems


def test_a_record_is_a_call() -> None:
    """Dates, durations, tokens, ids; model and load from the summary."""
    (call,), problems = read(record(), summary=SUMMARY)
    assert not problems
    assert call.sent_at == START_S + 1
    assert call.headers_at == pytest.approx(START_S + 1.02)
    assert call.first_output_at == pytest.approx(START_S + 1.1)
    assert call.last_output_at == pytest.approx(START_S + 1.6)
    assert (call.sent_source, call.first_output_source, call.last_output_source) == (
        "load_generator", "first_token", "load_generator",
    )  # fmt: skip
    assert (call.input_tokens, call.output_tokens, call.output_tokens_source) == (500, 26, "counted")
    assert (call.session_id, call.request_id, call.message_id) == ("c-1", "r-1", None)
    assert (call.model, call.load, call.flags, call.trigger) == ("m/M", "4 at once", (), "synthetic")


def test_without_a_summary_model_and_load_are_not_known() -> None:
    """The records do not name them."""
    (call,), _ = read(record())
    assert (call.model, call.load, call.agent_version) == (None, None, None)


@pytest.mark.parametrize(
    ("config", "model", "load"),
    [
        ({"endpoint": {"model_names": ["a", "b"]}}, None, None),
        ({"endpoint": {"model_names": [5]}, "loadgen": {"request_rate": 2.5}}, None, "2.5 per second"),
        ({"cli_command": "aiperf profile --concurrency 16"}, None, "16 at once"),
        ({"cli_command": "aiperf profile --request-rate=8 --model m"}, None, "8 per second"),
        ([], None, None),
    ],
)
def test_what_the_summary_says_of_the_run(config: object, model: str | None, load: str | None) -> None:
    """Several models: it is not known which one a request went to."""
    (call,), _ = read(record(), summary={"input_config": config})
    assert (call.model, call.load) == (model, load)


@pytest.mark.parametrize("phase", ["warmup", "cooldown"])
def test_only_the_measured_phase_counts(phase: str) -> None:
    """The others are no part of the measurement; records of early versions have no phase."""
    calls, problems = read(record(1, benchmark_phase=phase), record(2, benchmark_phase=None))
    assert [call.request_id for call in calls] == ["r-2"]
    assert not problems


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (record(error={"code": 500, "type": "HTTPError", "message": "no"}), "failed_attempt"),
        (record(error={"code": 499, "type": "X", "message": ""}, was_cancelled=True), "no_measurement"),
        (record(metrics={"time_to_first_token": None}), "no_measurement"),
        (record(metrics={"time_to_first_token": 0.0}), "no_measurement"),
        (record(metrics={"request_latency": None}), "no_measurement"),
        (record(metrics={"request_latency": -1.0}), "no_measurement"),
        (record(request_start_ns=None), "no_time"),
        (record(request_start_ns=5), "no_time"),
        ({"metadata": None}, "bad_record"),
    ],
)
def test_what_is_no_measurement_is_counted(broken: Any, kind: str) -> None:
    """Failed, cancelled, without a first token, without an end, without a date."""
    calls, problems = read(broken, record(2))
    assert [call.request_id for call in calls] == ["r-2"]
    assert problems == {kind: 1}


def test_an_answer_that_arrived_whole_has_no_first_token() -> None:
    """No acknowledgement and no first token: the endpoint did not stream."""
    (call,), _ = read(record(metrics={"time_to_first_token": None}, request_ack_ns=None))
    assert call.flags == ("non_streamed",)
    assert (call.first_output_at, call.headers_at) == (None, None)
    assert call.last_output_at == pytest.approx(START_S + 1.6)


def test_the_servers_counts_go_before_the_tools() -> None:
    """Where it stated them."""
    stated = {
        "usage_prompt_tokens": 510, "usage_completion_tokens": 30, "usage_prompt_cache_read_tokens": 480,
        "usage_reasoning_tokens": 7, "reasoning_token_count": 6,
    }  # fmt: skip
    (call,), _ = read(record(metrics=stated))
    assert (call.input_tokens, call.output_tokens, call.output_tokens_source) == (510, 30, "usage")
    assert (call.cache_read_tokens, call.reasoning_tokens) == (480, 7)


def test_parts_that_are_larger_than_the_whole_are_not_taken() -> None:
    """Counted by two tokenizers."""
    (call,), _ = read(record(metrics={"usage_prompt_cache_read_tokens": 501, "reasoning_token_count": 27}))
    assert (call.cache_read_tokens, call.reasoning_tokens) == (None, None)


def test_units_are_read_and_not_assumed() -> None:
    """Seconds, and a unit that is none of time."""
    seconds, unknown = record(1), record(2)
    seconds["metrics"]["time_to_first_token"] = {"value": 0.1, "unit": "sec"}
    unknown["metrics"]["time_to_first_token"]["unit"] = "tokens"
    calls, problems = read(seconds, unknown)
    assert [call.first_output_at for call in calls] == [pytest.approx(START_S + 1.1)]
    assert problems == {"no_measurement": 1}


def test_requests_of_simulated_agents_below_the_first_are_marked() -> None:
    """A replay says how deep the agent is."""
    calls, _ = read(record(1, agent_depth=0), record(2, agent_depth=2))
    assert [call.flags for call in calls] == [(), ("sidechain",)]


def test_a_record_without_ids_is_named_by_its_values() -> None:
    """And written twice it counts once."""
    bare = record(x_request_id=None, x_correlation_id=None)
    calls, _ = read(bare, bare)
    assert len(calls) == 1
    assert calls[0].message_id
    assert calls[0].session_id


@pytest.mark.parametrize(("beside", "kinds"), [({"run_7.jsonl": b"{}"}, {}), ({}, {"summary_only": 1})])
def test_a_summary_is_worth_a_word_only_without_its_requests(beside: dict[str, bytes], kinds: dict[str, int]) -> None:
    """Beside the records it was read with them."""
    source = Source.from_bytes(json.dumps(SUMMARY).encode(), "/x/run_7_aiperf.json", beside)
    assert FORMAT.sniff(source.path, source.head())
    assert Counter(item.kind for item in FORMAT.read(source) if isinstance(item, Problem)) == kinds


def test_telemetry_holds_no_calls() -> None:
    """It ends in .jsonl like the records."""
    data = b'{"timestamp_ns": 1762551530946074466, "dcgm_url": "http://h/metrics", "gpu_index": 0}\n'
    assert FORMAT.sniff("gpu_telemetry_export.jsonl", data)
    (problem,) = FORMAT.read(Source.from_bytes(data, "gpu_telemetry_export.jsonl"))
    assert isinstance(problem, Problem)
    assert problem.kind == "no_call_times"


@pytest.mark.parametrize(
    "head",
    [
        b'{"metadata": {"session_id": "x"}, "metrics": {}}', b'{"timestamp_ns": 5, "message": "x"}',
        b'{"request_throughput": {}, "request_latency": {}, "input_config": {"perf_analyzer": {}}}',
        b'{"request_throughput": 5.0, "ttfts": []}', b'[{"metadata": {"request_start_ns": 5}}]',
    ],
)  # fmt: skip
def test_what_looks_alike_is_not_claimed(head: bytes) -> None:
    """Metadata of others, other telemetry, the summary of the program's predecessor."""
    assert not FORMAT.sniff("x.jsonl", head)


@given(st.data())
def test_any_damage_reads(data: st.DataObject) -> None:
    """Bytes are changed at any place; nothing raises."""
    whole = (json.dumps(record(1)) + "\n" + json.dumps(record(2)) + "\n").encode()
    at = data.draw(st.integers(0, len(whole)))
    broken = whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 9)) :]
    assert all(isinstance(item, Call | Problem) for item in FORMAT.read(Source.from_bytes(broken)))
