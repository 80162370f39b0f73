"""Results of vLLM's bench serve: what is a measurement in them and what is not."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.load_tests import offered
from latprof.formats.vllm_bench import FORMAT
from latprof.model import Call, Problem


def run(**parts: Any) -> dict[str, Any]:
    """A run of three requests, 100 ms to the first chunk and ten tokens more in half a second."""
    return {
        "date": "20260301-101500", "backend": "vllm", "model_id": "m/M", "tokenizer_id": "m/M", "num_prompts": 3,
        "request_rate": "inf", "max_concurrency": 8, "completed": 3, "input_lens": [100, 200, 300],
        "output_lens": [11, 11, 11], "ttfts": [0.1, 0.2, 0.3], "itls": [[0.05] * 10] * 3, "errors": ["", "", ""],
        "mean_ttft_ms": 200.0,
    } | parts  # fmt: skip


def read(*runs: Any) -> tuple[list[Call], list[Problem]]:
    data = b"\n".join(json.dumps(item).encode() for item in runs)
    items = list(FORMAT.read(Source.from_bytes(data)))
    return [item for item in items if isinstance(item, Call)], [item for item in items if isinstance(item, Problem)]


def kinds(problems: list[Problem]) -> Counter[str]:
    return Counter(problem.kind for problem in problems)


def test_one_request_of_a_run() -> None:
    """Sent at 0 without start times; the end is the first chunk and all gaps after it."""
    calls, problems = read(run())
    assert problems == []
    call = calls[1]
    assert (call.sent_at, call.first_output_at) == (0.0, 0.2)
    assert call.last_output_at == pytest.approx(0.7)
    assert (call.sent_source, call.first_output_source) == ("load_generator", "first_chunk")
    assert (call.input_tokens, call.output_tokens, call.output_tokens_source) == (200, 11, "counted")
    assert (call.agent, call.trigger, call.model, call.load) == ("load-test", "synthetic", "m/M", "8 at once")
    assert call.flags == ("no_date",)
    assert call.attempts is None
    assert len({call.session_id for call in calls}) == 1


def test_start_times_count_from_the_first_request() -> None:
    """They are of a clock without a date."""
    calls, _ = read(run(start_times=[70_000.5, 70_000.0, 70_002.0]))
    assert [call.sent_at for call in calls] == [0.5, 0.0, 2.0]
    assert calls[2].first_output_at == 2.3


@pytest.mark.parametrize("starts", [[1.0, 2.0], [1.0, None, 2.0], [0.0, 1e9, 2.0], "soon"])
def test_start_times_that_cannot_be_used_are_not(starts: Any) -> None:
    """Too few, holes, years between requests."""
    calls, _ = read(run(start_times=starts))
    assert [call.sent_at for call in calls] == [0.0, 0.0, 0.0]


def test_a_first_token_after_no_time_is_no_measurement() -> None:
    """0.0 s stands for requests without an answer, and so do no tokens."""
    calls, problems = read(run(ttfts=[0.0, 0.2, 0.3], output_lens=[0, 11, 0], itls=[[], [0.05], [0.05]]))
    assert [call.first_output_at for call in calls] == [0.2]
    assert kinds(problems) == {"no_measurement": 2}


def test_an_error_is_a_failed_attempt_even_with_a_first_token() -> None:
    """It broke in the stream."""
    calls, problems = read(run(errors=["", "reset", ""], completed=2))
    assert len(calls) == 2
    assert kinds(problems) == {"failed_attempt": 1}
    assert all("reset" not in problem.detail for problem in problems)


@pytest.mark.parametrize("parts", [{"errors": ["a", "b", ""]}, {"completed": 1}])
def test_a_run_that_mostly_failed_is_not_used(parts: dict[str, Any]) -> None:
    """The survivors met another load than the one that was offered."""
    calls, problems = read(run(**parts))
    assert calls == []
    assert kinds(problems) == {"failed_run": 1}


def test_a_result_without_lists_holds_percentiles_only() -> None:
    """As without --save-detailed."""
    bare = {key: value for key, value in run().items() if not isinstance(value, list)}
    assert read(bare)[0] == []
    assert kinds(read(bare)[1]) == {"summary_only": 1}


@pytest.mark.parametrize(
    "parts",
    [
        {"itls": [[0.05, "x"]] * 3}, {"itls": [[float("nan")]] * 3}, {"itls": [None] * 3}, {"ttfts": [-1.0] * 3},
        {"itls": [[1e308, 1e308]] * 3}, {"ttfts": ["x"] * 3}, {"output_lens": [1.5] * 3}, {"itls": [[-5.0]] * 3},
    ],
)  # fmt: skip
def test_values_that_are_no_times_are_no_measurement(parts: dict[str, Any]) -> None:
    """Of the wrong type, below zero, not finite."""
    calls, problems = read(run(**parts))
    assert calls == []
    assert kinds(problems) == {"no_measurement": 3}


def test_lists_of_unequal_length_are_not_guessed_at() -> None:
    """It is not known which request a value belongs to."""
    assert kinds(read(run(itls=[[0.05]]))[1]) == {"bad_record": 1}


def test_input_sizes_are_none_when_they_do_not_fit() -> None:
    """The requests stay."""
    calls, _ = read(run(input_lens=[5]))
    assert [call.input_tokens for call in calls] == [None, None, None]


def test_appended_runs_are_sessions_of_their_own() -> None:
    """A run that was appended twice counts once."""
    first, second = run(), run(date="20260301-111500", ttfts=[0.4, 0.5, 0.6])
    calls, _ = read(first, second, first)
    assert [call.first_output_at for call in calls] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert len({call.session_id for call in calls}) == 2


def test_a_result_over_many_lines_reads_alike() -> None:
    """Pretty-printed by another tool."""
    pretty = json.dumps(run(), indent=2).encode()
    calls = [item for item in FORMAT.read(Source.from_bytes(pretty)) if isinstance(item, Call)]
    assert calls == read(run())[0]
    assert FORMAT.sniff("-", pretty)


def test_a_result_cut_in_the_texts_keeps_its_requests() -> None:
    """The texts come last and are two thirds of the file."""
    data = json.dumps(run(generated_texts=["x" * 100, "y" * 100])).encode()
    items = list(FORMAT.read(Source.from_bytes(data[:-40])))
    assert [item for item in items if isinstance(item, Call)] == read(run())[0]
    assert kinds([item for item in items if isinstance(item, Problem)]) == {"cut_document": 1}


@pytest.mark.parametrize(
    ("rate", "at_once", "words"),
    [
        ("inf", None, "all at once"), ("inf", 16, "16 at once"), (32.0, None, "32 per second"), (None, None, None),
        (0.5, 4, "0.5 per second, 4 at once"), ("trace", None, None), (float("inf"), None, "all at once"),
        ("2.5", None, "2.5 per second"), (0, 0, None),
    ],
)  # fmt: skip
def test_the_offered_load_in_words(rate: object, at_once: object, words: str | None) -> None:
    """A rate without end leaves the number at once."""
    assert offered(rate, at_once) == words


def test_a_result_that_was_reshaped_is_known_as_percentiles() -> None:
    """InferenceX divides the figures by 1,000 and leaves the requests out."""
    data = json.dumps({"hw": "h200", "framework": "vllm", "conc": 64, "tput_per_gpu": 1.0}).encode()
    assert FORMAT.sniff("-", data)
    assert kinds([item for item in FORMAT.read(Source.from_bytes(data)) if isinstance(item, Problem)]) == {
        "summary_only": 1
    }


@pytest.mark.parametrize(
    "record",
    [
        {"backend": "sglang", "request_rate": 4.0, "mean_ttft_ms": 1.0},
        {"text": '{"model_id": "m", "num_prompts": 1, "request_rate": 1, "tokenizer_id": "m"}'},
        [{"model_id": "m", "num_prompts": 1, "request_rate": 1, "tokenizer_id": "m"}],
    ],
)
def test_other_results_are_not_claimed(record: object) -> None:
    """Another generator, a result quoted in a text, a list."""
    assert not FORMAT.sniff("-", json.dumps(record).encode())


@given(st.data())
def test_any_damage_reads(data: st.DataObject) -> None:
    """Bytes are changed at any place; nothing raises."""
    whole = json.dumps(run()).encode()
    at = data.draw(st.integers(0, len(whole)))
    broken = whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 9)) :]
    assert all(isinstance(item, Call | Problem) for item in FORMAT.read(Source.from_bytes(broken)))
