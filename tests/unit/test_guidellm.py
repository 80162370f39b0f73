"""Reports of GuideLLM: requests by status, times of three generations."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.guidellm import FORMAT
from latprof.model import Call, Problem

AT = 1_780_000_000.0


def request(number: int = 1, *, times: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Sent at a whole second; first token after a quarter, last after five quarters; 51 tokens out of 1,000."""
    start = AT + number
    timings = {
        "queued": start - 1, "resolve_start": start - 0.01, "request_start": start, "request_end": start + 1.5,
        "first_token_iteration": start + 0.25, "last_token_iteration": start + 1.25,
    }  # fmt: skip
    return {
        "request_id": f"r-{number}", "response_id": f"chatcmpl-{number}",
        "info": {"timings": timings | (times or {})}, "input_metrics": {"total_tokens": 1000},
        "output_metrics": {"total_tokens": 51}, "time_to_first_token_ms": 0.0,
    } | more  # fmt: skip


def benchmark(*good: Any, failed: int = 0, unfinished: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "type_": "generative_benchmark",
        "config": {"id_": "b", "strategy": {"type_": "concurrent", "streams": 8}, "backend": {"model": "m/M"}},
        "requests": {"successful": list(good), "errored": [{}] * failed, "incomplete": [{}] * unfinished},
    } | more  # fmt: skip


def read(*benchmarks: Any, **report: Any) -> tuple[list[Call], Counter[str]]:
    data = json.dumps({"metadata": {"guidellm_version": "0.8.1"}, **report, "benchmarks": list(benchmarks)}).encode()
    assert FORMAT.sniff("-", data)
    items = list(FORMAT.read(Source.from_bytes(data)))
    problems = Counter(item.kind for item in items if isinstance(item, Problem))
    return [item for item in items if isinstance(item, Call)], problems


def test_a_request_that_succeeded_is_a_call() -> None:
    """Its times are dates; what waited in the tool's queue is before them."""
    (call,), problems = read(benchmark(request()))
    assert not problems
    assert (call.sent_at, call.first_output_at, call.last_output_at) == (AT + 1, AT + 1.25, AT + 2.25)
    assert (call.input_tokens, call.output_tokens, call.output_tokens_source) == (1000, 51, "usage")
    assert (call.message_id, call.request_id, call.session_id) == ("r-1", "chatcmpl-1", "b")
    assert (call.model, call.load, call.agent_version, call.flags) == ("m/M", "8 at once", "0.8.1", ())


@pytest.mark.parametrize(
    "old",
    [
        {"start_time": AT + 1, "first_token_time": AT + 1.25, "last_token_time": AT + 2.25, "end_time": AT + 3},
        {
            "scheduler_info": {
                "request_timings": {
                    "request_start": AT + 1, "first_iteration": AT + 1.25, "last_iteration": AT + 2.25,
                }
            }
        },
    ],
)  # fmt: skip
def test_times_of_earlier_versions(old: dict[str, Any]) -> None:
    """Flat, and below scheduler_info."""
    (call,), _ = read(benchmark({"request_id": "r", "prompt_tokens": 7, "output_tokens": 9} | old))
    assert (call.sent_at, call.first_output_at, call.last_output_at) == (AT + 1, AT + 1.25, AT + 2.25)
    assert (call.input_tokens, call.output_tokens, call.output_tokens_source) == (7, 9, "counted")


def test_an_answer_that_arrived_whole_ends_with_its_request() -> None:
    """No first token and no last one."""
    (call,), _ = read(benchmark(request(times={"first_token_iteration": None, "last_token_iteration": None})))
    assert (call.first_output_at, call.last_output_at, call.flags) == (None, AT + 2.5, ("non_streamed",))


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (request(times={"first_token_iteration": AT + 1}), "no_measurement"),
        (request(times={"first_token_iteration": AT + 9}), "no_measurement"),
        (request(times={"last_token_iteration": None, "request_end": None}), "no_measurement"),
        (request(output_metrics={"total_tokens": 0}), "no_measurement"),
        (request(times={"request_start": None}), "no_time"),
        (request(times={"request_start": -1}), "no_time"),
        ("text", "bad_record"),
    ],
)
def test_what_is_no_measurement_is_counted(broken: Any, kind: str) -> None:
    """A first token after no time or after the end, no end, no tokens, no date, no record."""
    calls, problems = read(benchmark(broken, request(2)))
    assert [call.message_id for call in calls] == ["r-2"]
    assert problems == {kind: 1}


def test_requests_that_failed_or_did_not_end_are_counted() -> None:
    """They are no calls."""
    calls, problems = read(benchmark(request(1), request(2), failed=1, unfinished=2))
    assert len(calls) == 2
    assert problems == {"failed_attempt": 1, "no_measurement": 2}


@pytest.mark.parametrize(
    "failing",
    [
        benchmark(request(), failed=2),
        benchmark(request(), metrics={"request_totals": {"errored": 60, "total": 100}}),
    ],
)
def test_a_benchmark_that_mostly_failed_is_not_used(failing: Any) -> None:
    """By its lists or, where they are samples, by its totals."""
    assert read(failing) == ([], Counter({"failed_run": 1}))


@pytest.mark.parametrize("requests", [None, {}, {"successful": None, "errored": [], "incomplete": None}])
def test_a_benchmark_without_requests_holds_percentiles_only(requests: object) -> None:
    """As the report is kept when requests are left out."""
    assert read(benchmark(requests=requests)) == ([], Counter({"summary_only": 1}))


@pytest.mark.parametrize(
    ("strategy", "load"),
    [
        ({"type_": "synchronous"}, "1 at once"), ({"kind": "concurrent", "streams": 32}, "32 at once"),
        ({"type_": "throughput"}, "all at once"), ({"type_": "throughput", "max_concurrency": 512}, "512 at once"),
        ({"type_": "constant", "rate": 1.5}, "1.5 per second"), ({}, None),
        ({"type_": "poisson", "rate": 4, "max_concurrency": 64}, "4 per second, 64 at once"),
    ],
)  # fmt: skip
def test_the_load_of_a_strategy(strategy: dict[str, Any], load: str | None) -> None:
    """In words."""
    (call,), _ = read(benchmark(request(), config={"strategy": strategy}))
    assert call.load == load


def test_the_model_is_looked_for_in_the_settings_then_in_a_request() -> None:
    """Of the benchmark, of the report, of the first request."""
    asked = json.dumps({"body": {"model": "c"}})
    bare = benchmark(request(request_args=asked), config={})
    assert [call.model for call in read(bare, args={"model": "b"})[0]] == ["b"]
    assert [call.model for call in read(bare)[0]] == ["c"]
    assert [call.model for call in read(benchmark(request(request_args="{"), config={}))[0]] == [None]


def test_conversations_are_sessions() -> None:
    """With the share of the input that the server had in its cache."""
    timings = request()["info"]["timings"]
    talk = request(
        info={"timings": timings, "conversation_id": "talk"},
        input_metrics={"total_tokens": 1000, "cached_tokens": 600},
    )
    (call,), _ = read(benchmark(talk))
    assert (call.session_id, call.cache_read_tokens) == ("talk", 600)


def test_a_request_that_stands_there_twice_counts_once() -> None:
    """By its ids."""
    assert len(read(benchmark(request(1), request(2)), benchmark(request(1)))[0]) == 2


def test_a_report_in_yaml_is_known_and_not_read() -> None:
    """With one problem that says why."""
    data = b"args: {}\nbenchmarks:\n- type_: generative_benchmark\n"
    assert FORMAT.sniff("-", data)
    (problem,) = FORMAT.read(Source.from_bytes(data))
    assert isinstance(problem, Problem)
    assert (problem.kind, problem.detail) == ("unsupported_encoding", "YAML")


@pytest.mark.parametrize(
    "head",
    [b'{"benchmarks": [{"name": "pytest"}]}', b"benchmarks:\n- name: x\n", b'{"guidellm_version": "0.8.1"}', b"{}"],
)
def test_other_benchmarks_are_not_claimed(head: bytes) -> None:
    """Many programs write a list of that name."""
    assert not FORMAT.sniff("benchmarks.json", head)


@given(st.data())
def test_any_damage_reads(data: st.DataObject) -> None:
    """Bytes are changed at any place; nothing raises."""
    whole = json.dumps({"benchmarks": [benchmark(request(1), request(2))]}).encode()
    at = data.draw(st.integers(0, len(whole)))
    broken = whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 9)) :]
    assert all(isinstance(item, Call | Problem) for item in FORMAT.read(Source.from_bytes(broken)))
