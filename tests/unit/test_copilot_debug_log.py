"""Debug logs of Copilot Chat: order, triggers, headers, failures, damage."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.copilot_debug_log import FORMAT
from latprof.model import Call, Problem

START_MS = 1_780_300_800_000
Row = dict[str, Any]


def row(at: float, duration: float, kind: str, span: str, **attrs: object) -> Row:
    made: Row = {"ts": START_MS + at, "dur": duration, "sid": "s-1", "type": kind, "name": "n", "status": "ok"}
    return {**made, "spanId": span, "parentSpanId": None, "attrs": attrs}


def data(rows: list[Row]) -> bytes:
    return "".join(json.dumps(item) + "\n" for item in rows).encode()


def read(rows: list[Row], name: str = "main") -> tuple[list[Call], list[Problem]]:
    found = list(FORMAT.read(Source.from_bytes(data(rows), f"/logs/{name}.jsonl")))
    return [i for i in found if isinstance(i, Call)], [i for i in found if isinstance(i, Problem)]


CALL = row(1000, 5000, "llm_request", "a", model="m", inputTokens=100, outputTokens=50, ttft=800, cachedTokens=80)


def test_a_span_is_a_call() -> None:
    """Its first token is not known: what is called so is the arrival of the headers."""
    (call,), problems = read([row(900, 0, "user_message", "u"), CALL])
    start = START_MS / 1000
    assert problems == []
    assert (call.trigger, call.trigger_at, call.sent_at, call.sent_source) == (
        "user",
        start + 0.9,
        start + 1,
        "span_start",
    )
    assert (call.headers_at, call.first_output_at) == (start + 1.8, None)
    assert (call.last_output_at, call.last_output_source) == (start + 6, "span_end")
    assert (call.input_tokens, call.output_tokens, call.cache_read_tokens, call.model) == (100, 50, 80, "m")


def test_lines_are_written_as_spans_end() -> None:
    """So they are put in the order of their starts first."""
    rows = [
        CALL,
        row(6100, 400, "tool_call", "t"),
        row(6600, 900, "llm_request", "b"),
        row(900, 0, "user_message", "u"),
    ]
    calls, _ = read(rows)
    assert [c.trigger for c in calls] == ["user", "tool_result"]
    assert calls[1].trigger_at == pytest.approx(START_MS / 1000 + 6.5, abs=1e-4)


def test_a_call_after_a_failed_one_has_its_cause() -> None:
    """It is tried again for the same reason."""
    failed = {**row(6600, 100, "llm_request", "f"), "status": "error"}
    calls, _ = read([CALL, row(6100, 400, "tool_call", "t"), failed, row(7000, 900, "llm_request", "b")])
    assert [c.trigger for c in calls] == ["unknown", "tool_result"]


@pytest.mark.parametrize("change", [{"status": "error"}, {"attrs": {"error": "secret"}}])
def test_failed_calls_are_counted(change: Row) -> None:
    """They are no calls."""
    calls, problems = read([{**CALL, **change}])
    assert (calls, [problem.kind for problem in problems]) == ([], ["failed_attempt"])


@pytest.mark.parametrize(
    ("name", "flags"), [("main", ()), ("title-x", ("side_call",)), ("runSubagent-x", ("sidechain",)), ("other-x", ())]
)
def test_files_of_helpers(name: str, flags: tuple[str, ...]) -> None:
    """Told by the label in the file's name."""
    assert read([CALL], name)[0][0].flags == flags


def test_values_that_do_not_add_up() -> None:
    """No duration, headers after the end, more from the cache than there was."""
    (call,), _ = read([row(0, 0, "llm_request", "a", ttft=5, cachedTokens=9, inputTokens=3, outputTokens=0)])
    assert (call.last_output_at, call.headers_at, call.cache_read_tokens, call.output_tokens) == (
        None,
        None,
        None,
        None,
    )
    assert read([row(0, 700_000, "llm_request", "a")])[0][0].flags == ("suspended",)


def test_lines_twice_and_without_a_time() -> None:
    """A span is one call; a line without a time is counted."""
    calls, problems = read([CALL, CALL, {**CALL, "ts": "soon", "spanId": "z"}])
    assert len(calls) == 1
    assert [(problem.kind, problem.line) for problem in problems] == [("no_time", 3)]


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        (json.dumps(CALL), True),
        (json.dumps({key: value for key, value in CALL.items() if key != "sid"}), False),
        (json.dumps({**CALL, "attrs": []}), False),
        (json.dumps({**CALL, "ts": 5}), False),
    ],
)
def test_what_is_claimed(*, text: str, claimed: bool) -> None:
    """All keys of the log, with a plausible time."""
    assert FORMAT.sniff("x", text.encode()) is claimed


@given(st.data())
def test_changed_bytes_never_raise(changes: st.DataObject) -> None:
    """Any byte may be wrong."""
    text = bytearray(data([CALL, row(900, 0, "user_message", "u")]))
    for _ in range(changes.draw(st.integers(1, 8))):
        text[changes.draw(st.integers(0, len(text) - 1))] = changes.draw(st.integers(0, 255))
    for found in FORMAT.read(Source.from_bytes(bytes(text), "main.jsonl")):
        assert isinstance(found, Call | Problem)
