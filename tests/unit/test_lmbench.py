"""Tables of LMBench: rows whose times add up."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.lmbench import FORMAT
from latprof.model import Call, Problem

HEADER = "prompt_tokens,generation_tokens,ttft,generation_time,launch_time,finish_time"
AT = 1_780_000_000.0


def row(number: int = 1, prompt: str = "500", tokens: str = "51", ttft: str = "0.25", rest: str = "1.0") -> str:
    return f"{prompt},{tokens},{ttft},{rest},{AT + number},{AT + number + 1.25}"


def read(*rows: str, header: str = HEADER, name: str = "LMBench_x_output_2.5.csv") -> tuple[list[Call], Counter[str]]:
    data = "\n".join([header, *rows, ""]).encode()
    items = list(FORMAT.read(Source.from_bytes(data, f"/x/{name}")))
    problems = Counter(item.kind for item in items if isinstance(item, Problem))
    return [item for item in items if isinstance(item, Call)], problems


def test_a_row_is_a_call() -> None:
    """With a date; the model is not known."""
    (call,), problems = read(row())
    assert not problems
    assert (call.sent_at, call.first_output_at, call.last_output_at) == (AT + 1, AT + 1.25, AT + 2.25)
    assert (call.input_tokens, call.output_tokens, call.output_tokens_source) == (500, 51, "counted")
    assert (call.trigger, call.model, call.load, call.flags) == ("synthetic", None, "2.5 per second", ())


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("LMBench_short_input_qps10.csv", "10 per second"), ("LMBench_sharegpt_output_0.67.csv", "0.67 per second"),
        ("LMBench_agentic_qps_3.csv", "3 per second"), ("results_2.csv", None), ("-", None),
    ],
)  # fmt: skip
def test_the_rate_stands_in_the_name(name: str, load: str | None) -> None:
    """Where it is written as LMBench does."""
    assert {call.load for call in read(row(), name=name)[0]} == {load}


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (row(ttft="0.0"), "no_measurement"), (row(ttft="-1"), "no_measurement"), (row(ttft="nan"), "no_measurement"),
        (row(tokens="0"), "no_measurement"), (row(tokens=""), "no_measurement"), (row(rest="x"), "no_measurement"),
        (row(rest="2.0"), "bad_record"), ("500,51,0.25,1.0,,1780000001.75", "no_time"),
        ("500,51,0.25,1.0,5,6.25", "no_time"), ("500,51", "bad_line"),
    ],
)  # fmt: skip
def test_what_is_no_measurement_is_counted(broken: str, kind: str) -> None:
    """No first token, no tokens, times that do not add up, no date, too few cells."""
    calls, problems = read(broken, row(2))
    assert [call.sent_at for call in calls] == [AT + 2]
    assert problems == {kind: 1}


def test_columns_are_found_by_name() -> None:
    """Other columns between them, counts with a point."""
    header = "user_id,launch_time,finish_time,ttft,generation_time,prompt_tokens,generation_tokens"
    (call,), _ = read(f"7,{AT},{AT + 1.25},0.25,1.0,75.0,20.0", header=header)
    assert (call.input_tokens, call.output_tokens, call.first_output_at) == (75, 20, AT + 0.25)


def test_rows_are_told_apart_and_copies_are_not() -> None:
    """Even when two requests end in one millisecond."""
    calls, _ = read(row(1), row(1), row(1, prompt="501"), row(1, ttft="0.2501", rest="0.9999"))
    assert len(calls) == len({call.call_id for call in calls}) == 3
    assert len({call.session_id for call in calls}) == 1


@pytest.mark.parametrize(
    ("head", "ours"),
    [
        (HEADER + "\n", True), ("\ufeff" + HEADER + "\r\n", True), (HEADER, False), ("a,b\n1,2\n", False),
        ("ttft,launch_time,finish_time\n", False), ('{"ttft": 1}\n', False),
    ],
)  # fmt: skip
def test_the_header_tells_the_table(head: str, ours: bool) -> None:  # noqa: FBT001
    """All six columns, on a line of their own."""
    assert FORMAT.sniff("x.csv", head.encode()) is ours


@given(st.data())
def test_any_damage_reads(data: st.DataObject) -> None:
    """Bytes are changed at any place; nothing raises."""
    whole = "\n".join([HEADER, row(1), row(2), ""]).encode()
    at = data.draw(st.integers(0, len(whole)))
    broken = whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 9)) :]
    assert all(isinstance(item, Call | Problem) for item in FORMAT.read(Source.from_bytes(broken)))
