"""Results of SGLang's bench_serving: one run a line."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.sglang_bench import FORMAT
from latprof.formats.vllm_bench import FORMAT as VLLM
from latprof.model import Call, Problem


def run(**parts: Any) -> dict[str, Any]:
    """Two requests: 200 and 300 ms to the first chunk, then ten tokens in half a second."""
    return {
        "tag": None, "backend": "sglang-oai", "dataset_name": "random", "request_rate": 4.0, "max_concurrency": None,
        "sharegpt_output_len": None, "random_input_len": 100, "server_info": {"model_path": "/m/M"}, "duration": 2.5,
        "completed": 2, "mean_e2e_latency_ms": 750.0, "input_lens": [100, 100], "output_lens": [11, 11],
        "ttfts": [0.2, 0.3], "itls": [[0.05] * 10] * 2, "generated_texts": ["", ""], "errors": ["", ""],
    } | parts  # fmt: skip


def read(*runs: Any) -> tuple[list[Call], Counter[str]]:
    data = b"".join(json.dumps(item).encode() + b"\n" for item in runs)
    items = list(FORMAT.read(Source.from_bytes(data)))
    problems = Counter(item.kind for item in items if isinstance(item, Problem))
    return [item for item in items if isinstance(item, Call)], problems


def test_requests_of_a_line() -> None:
    """Times, tokens, model and load."""
    calls, problems = read(run())
    assert not problems
    assert [call.first_output_at for call in calls] == [0.2, 0.3]
    assert [call.last_output_at for call in calls] == [pytest.approx(0.7), pytest.approx(0.8)]
    assert {(call.model, call.load, call.trigger) for call in calls} == {("/m/M", "4 per second", "synthetic")}
    assert all(call.flags == ("no_date",) for call in calls)


@pytest.mark.parametrize(
    ("info", "model"),
    [
        ({"model_path": "/m/M", "served_model_name": "M"}, "M"), ({"model_path": "/m/M"}, "/m/M"),
        (None, None), ("down", None), ({"model_path": 5}, None),
    ],
)  # fmt: skip
def test_the_model_is_what_the_server_says(info: object, model: str | None) -> None:
    """Its served name first; unknown when it said nothing."""
    assert {call.model for call in read(run(server_info=info))[0]} == {model}


@pytest.mark.parametrize(
    ("rate", "at_once", "load"),
    [(float("inf"), None, "all at once"), (float("inf"), 64, "64 at once"), ("trace", None, None)],
)
def test_a_rate_without_end_reads(rate: object, at_once: object, load: str | None) -> None:
    """Python writes Infinity, which is no JSON."""
    calls, problems = read(run(request_rate=rate, max_concurrency=at_once))
    assert {call.load for call in calls} == {load}
    assert not problems


def test_each_line_is_a_run() -> None:
    """A good one, percentiles only, a failed one, one with a request without an answer."""
    bare = {key: value for key, value in run(duration=3.0).items() if not isinstance(value, list)}
    failed = run(duration=4.0, completed=0)
    holey = run(duration=5.0, ttfts=[0.0, 0.4], output_lens=[0, 11])
    calls, problems = read(run(), bare, failed, holey)
    assert [call.first_output_at for call in calls] == [0.2, 0.3, 0.4]
    assert problems == {"summary_only": 1, "failed_run": 1, "no_measurement": 1}
    assert len({call.session_id for call in calls}) == 2


def test_a_line_that_is_written_twice_counts_once() -> None:
    """By the values of its requests."""
    assert len(read(run(), run())[0]) == 2


def test_its_results_and_those_of_vllm_are_told_apart() -> None:
    """The other has a model and a number of prompts."""
    ours = json.dumps(run()).encode()
    theirs = json.dumps(run() | {"model_id": "m", "tokenizer_id": "m", "num_prompts": 2}).encode()
    assert (FORMAT.sniff("-", ours), VLLM.sniff("-", ours)) == (True, False)
    assert (FORMAT.sniff("-", theirs), VLLM.sniff("-", theirs)) == (False, True)


def test_an_early_result_is_claimed_by_its_figures() -> None:
    """Before the arguments were written first."""
    early = {"backend": "sglang", "request_rate": 1.0, "total_output_tokens_retokenized": 5}
    assert FORMAT.sniff("-", json.dumps(early).encode())
    assert not FORMAT.sniff("-", json.dumps({"text": json.dumps(early)}).encode())


@given(st.data())
def test_any_damage_reads(data: st.DataObject) -> None:
    """Bytes are changed at any place; nothing raises."""
    whole = (json.dumps(run()) + "\n").encode() * 2
    at = data.draw(st.integers(0, len(whole)))
    broken = whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 9)) :]
    assert all(isinstance(item, Call | Problem) for item in FORMAT.read(Source.from_bytes(broken)))
