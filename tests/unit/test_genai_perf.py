"""Results of genai-perf: stamps of chunks."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.genai_perf import FORMAT
from latprof.model import Call, Problem

START_NS = 1_745_526_100_000_000_000
MS = 1_000_000


def request(*after_ms: int, outputs: list[str] | None = None, inputs: Any = None, start: Any = START_NS) -> Any:
    """Chunks so many ms after the request."""
    return {
        "timestamp": start,
        "request_inputs": {"payload": '{"model": "m/M", "messages": []}'} if inputs is None else inputs,
        "response_timestamps": [START_NS + after * MS for after in after_ms],
        "response_outputs": [{"response": text} for text in outputs or [""] * len(after_ms)],
    }


def document(*requests: Any, mode: str = "concurrency", value: float = 4) -> bytes:
    experiment = {"experiment": {"mode": mode, "value": value}, "requests": list(requests)}
    return json.dumps({"service_kind": "openai", "experiments": [experiment]}).encode()


def read(data: bytes, beside: dict[str, bytes] | None = None, name: str = "x.json") -> tuple[list[Call], Counter[str]]:
    items = list(FORMAT.read(Source.from_bytes(data, f"/x/{name}", beside)))
    problems = Counter(item.kind for item in items if isinstance(item, Problem))
    return [item for item in items if isinstance(item, Call)], problems


def usage(tokens: int) -> str:
    return f"data: {json.dumps({'usage': {'prompt_tokens': 500, 'completion_tokens': tokens}})}\n\n"


def test_a_stream_is_a_call() -> None:
    """The mark at its end is no output; the chunk before it has the counts."""
    data = document(request(100, 350, 600, 601, outputs=["", "", usage(26), "data: [DONE]\n\n"]))
    assert FORMAT.sniff("-", data)
    (call,), problems = read(data)
    assert not problems
    assert call.sent_at == START_NS / 1e9
    assert call.first_output_at == pytest.approx(START_NS / 1e9 + 0.1, abs=1e-6)
    assert call.last_output_at == pytest.approx(START_NS / 1e9 + 0.6, abs=1e-6)
    assert (call.input_tokens, call.output_tokens, call.output_tokens_source) == (500, 26, "usage")
    assert (call.model, call.load, call.flags, call.first_output_source) == ("m/M", "4 at once", (), "first_chunk")


def test_without_the_servers_counts_tokens_are_not_known() -> None:
    """They are not counted from chunks."""
    (call,), _ = read(document(request(100, 200, 300)))
    assert (call.input_tokens, call.output_tokens, call.output_tokens_source) == (None, None, None)


def test_an_answer_in_one_piece_has_no_first_token() -> None:
    """Only its end is known."""
    (call,), _ = read(document(request(700, outputs=['{"usage": {"prompt_tokens": 5, "completion_tokens": 9}}'])))
    assert (call.first_output_at, call.flags, call.output_tokens) == (None, ("non_streamed",), 9)
    assert call.last_output_at == pytest.approx(START_NS / 1e9 + 0.7, abs=1e-6)


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (request(), "no_measurement"), (request(-5, 100), "no_measurement"), (request(200, 100), "no_measurement"),
        (request(100, start=None), "no_time"), (request(100, start=7), "no_time"), ("text", "bad_record"),
    ],
)  # fmt: skip
def test_what_is_no_measurement_is_counted(broken: Any, kind: str) -> None:
    """No answer, an answer before the request, stamps out of order, no date, no record."""
    calls, problems = read(document(broken, request(150, 250)))
    assert len(calls) == 1
    assert problems == {kind: 1}


@pytest.mark.parametrize(
    ("mode", "value", "load"), [("request_rate", 2.5, "2.5 per second"), ("concurrency", 8, "8 at once")]
)
def test_the_load_of_an_experiment(mode: str, value: float, load: str) -> None:
    """Its mode says what the number counts."""
    assert {call.load for call in read(document(request(100, 200), mode=mode, value=value))[0]} == {load}


@pytest.mark.parametrize(
    ("inputs", "model"),
    [({"model": "a"}, "a"), ({"payload": "no JSON"}, None), ({"text_input": "x"}, None), ([], None)],
)
def test_the_model_is_the_one_asked_for(inputs: object, model: str | None) -> None:
    """Where the input names it."""
    assert {call.model for call in read(document(request(100, 200, inputs=inputs)))[0]} == {model}


def test_a_request_that_stands_there_twice_counts_once() -> None:
    """By its stamps."""
    assert len(read(document(request(100, 200), request(100, 200), request(100, 201)))[0]) == 2


def test_a_document_that_is_cut_off_keeps_its_whole_requests() -> None:
    """And says so."""
    data = document(request(100, 200), request(110, 210))
    calls, problems = read(data[:-60])
    assert len(calls) == 1
    assert problems == {"cut_document": 1}


@pytest.mark.parametrize(("beside", "kinds"), [({"a.json": b"{}"}, {}), ({}, {"summary_only": 1})])
def test_a_summary_is_worth_a_word_only_without_its_requests(beside: dict[str, bytes], kinds: dict[str, int]) -> None:
    """Beside them it adds nothing."""
    data = b'{"request_throughput": {}, "request_latency": {}, "input_config": {"perf_analyzer": {}}}'
    assert FORMAT.sniff("-", data)
    assert read(data, beside, "a_genai_perf.json") == ([], Counter(kinds))


@pytest.mark.parametrize(
    "head",
    [
        b'{"experiments": [{"name": "x"}], "requests": 5}', b'[{"experiments": 1, "requests": 1, "request_inputs": 1}]',
        b'{"request_throughput": {}, "request_latency": {}, "input_config": {"loadgen": {}}}',
    ],
)  # fmt: skip
def test_what_looks_alike_is_not_claimed(head: bytes) -> None:
    """Other experiments, a list, the summary of the program's successor."""
    assert not FORMAT.sniff("x.json", head)


@given(st.data())
def test_any_damage_reads(data: st.DataObject) -> None:
    """Bytes are changed at any place; nothing raises."""
    whole = document(request(100, 200, outputs=["", usage(5)]), request(110, 210))
    at = data.draw(st.integers(0, len(whole)))
    broken = whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 9)) :]
    assert all(isinstance(item, Call | Problem) for item in FORMAT.read(Source.from_bytes(broken)))
