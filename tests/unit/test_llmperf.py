"""Results of llmperf: durations of requests, some of which are none."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.llmperf import FORMAT
from latprof.model import Call, Problem

SUMMARY = {"model": "m/M", "num_concurrent_requests": 5, "mean_input_tokens": 550, "results_ttft_s_mean": 0.5}


def request(ttft: Any = 0.5, latency: Any = 2.0, tokens: Any = 151, code: Any = None) -> dict[str, Any]:
    return {
        "error_code": code, "error_msg": "text", "ttft_s": ttft, "end_to_end_latency_s": latency,
        "inter_token_latency_s": 9.0, "number_output_tokens": tokens, "number_input_tokens": 550,
    }  # fmt: skip


def read(
    *requests: Any, beside: dict[str, Any] | None = None, name: str = "m_individual_responses.json"
) -> tuple[list[Call], Counter[str]]:
    others = {key: json.dumps(value).encode() for key, value in (beside or {}).items()}
    source = Source.from_bytes(json.dumps(requests).encode(), f"/x/individual/{name}", others)
    items = list(FORMAT.read(source))
    problems = Counter(item.kind for item in items if isinstance(item, Problem))
    return [item for item in items if isinstance(item, Call)], problems


def test_a_record_is_a_call_without_a_date() -> None:
    """It counts from 0."""
    (call,), problems = read(request())
    assert not problems
    assert (call.sent_at, call.first_output_at, call.last_output_at) == (0.0, 0.5, 2.0)
    assert (call.input_tokens, call.output_tokens, call.output_tokens_source) == (550, 151, "counted")
    assert (call.trigger, call.flags, call.model, call.load) == ("synthetic", ("no_date",), None, None)


@pytest.mark.parametrize(
    ("name", "beside"),
    [("m_individual_responses.json", "m_summary.json"), ("groq_70b.json", "../summary/groq_70b.json")],
)
def test_model_and_load_come_from_the_summary(name: str, beside: str) -> None:
    """Beside the requests under the tool's names, or in a folder of its own."""
    (call,), _ = read(request(), beside={beside: SUMMARY}, name=name)
    assert (call.model, call.load) == ("m/M", "5 at once")


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (request(0, 0, 0, 429), "failed_attempt"), (request(code=-1), "failed_attempt"),
        (request(0.0), "no_measurement"), (request(3.0, 2.0), "no_measurement"), (request(tokens=0), "no_measurement"),
        (request(tokens=None), "no_measurement"), (request("x"), "no_measurement"), ([], "bad_record"),
    ],
)  # fmt: skip
def test_what_is_no_measurement_is_counted(broken: Any, kind: str) -> None:
    """Turned away, no first token, a first token after the end, no tokens, no record."""
    calls, problems = read(broken, request(0.25))
    assert [call.first_output_at for call in calls] == [0.25]
    assert problems == {kind: 1}


def test_an_answer_that_is_shorter_than_asked_for_is_an_answer() -> None:
    """The tool gives it an error of its own, even to most of a run."""
    calls, problems = read(*(request(0.5 + at, 3.0 + at, 20, -100) for at in range(3)), request())
    assert len(calls) == 4
    assert not problems


def test_a_run_that_mostly_failed_is_not_used() -> None:
    """Half is not most."""
    assert read(request(), request(code=429), request(code=429)) == ([], Counter({"failed_run": 1}))
    assert len(read(request(), request(code=429))[0]) == 1


def test_copies_of_a_request_count_once() -> None:
    """Two requests never take equally long to the last digit."""
    calls, _ = read(request(), request(), request(0.5000001))
    assert len(calls) == len({call.call_id for call in calls}) == 2


@pytest.mark.parametrize(
    ("name", "beside", "kinds"),
    [
        ("m_summary.json", {"m_individual_responses.json": []}, {}),
        ("m_summary.json", {}, {"summary_only": 1}),
        ("a.json", {"../individual/a.json": []}, {}),
        ("a.json", {"a_individual_responses.json": []}, {"summary_only": 1}),
    ],
)
def test_a_summary_is_worth_a_word_only_without_its_requests(
    name: str, beside: dict[str, Any], kinds: dict[str, int]
) -> None:
    """Beside them it adds nothing."""
    others = {key: json.dumps(value).encode() for key, value in beside.items()}
    source = Source.from_bytes(json.dumps(SUMMARY).encode(), f"/x/summary/{name}", others)
    assert FORMAT.sniff(source.path, source.head())
    assert Counter(item.kind for item in FORMAT.read(source) if isinstance(item, Problem)) == kinds


@pytest.mark.parametrize(
    "document",
    [request(), [{"ttft_s": 1.0}], {"model": "m", "num_concurrent_requests": 5}, [{"text": json.dumps(request())}]],
)
def test_what_looks_alike_is_not_claimed(document: object) -> None:
    """A record by itself, other lists, other settings, a result quoted in a text."""
    assert not FORMAT.sniff("x.json", json.dumps(document).encode())


@given(st.data())
def test_any_damage_reads(data: st.DataObject) -> None:
    """Bytes are changed at any place; nothing raises."""
    whole = json.dumps([request(), request(0.25)]).encode()
    at = data.draw(st.integers(0, len(whole)))
    broken = whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 9)) :]
    assert all(isinstance(item, Call | Problem) for item in FORMAT.read(Source.from_bytes(broken)))
