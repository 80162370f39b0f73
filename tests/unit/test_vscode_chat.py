"""Chat sessions of VS Code: documents, logs of changes, rounds, cancelled requests, damage."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats import Source
from latprof.formats.vscode_chat import FORMAT
from latprof.model import Call, Problem
from latprof.trace import Trace

START_MS = 1_780_300_800_000
Row = dict[str, Any]


def request(name: str = "r1", first: float | None = 900, total: float | None = 3000, **fields: object) -> Row:
    timings = {"firstProgress": first, "totalElapsed": total}
    metadata: Row = {"promptTokens": 500, "outputTokens": 40, "toolCallRounds": [{"toolCalls": []}]}
    made: Row = {"requestId": name, "timestamp": START_MS, "modelId": "copilot/gpt-5.5", "response": []}
    return {**made, "result": {"timings": timings, "metadata": metadata}, **fields}


def session(*requests: object) -> Row:
    head: Row = {"version": 3, "responderUsername": "GitHub Copilot", "creationDate": START_MS}
    return {**head, "requests": list(requests), "sessionId": "s-1"}


def items(data: bytes, beside: dict[str, bytes] | None = None) -> tuple[list[Call], list[Problem]]:
    found = list(FORMAT.read(Source.from_bytes(data, "/x/chatSessions/a.json", beside)))
    return [i for i in found if isinstance(i, Call)], [i for i in found if isinstance(i, Problem)]


def read(*requests: object) -> tuple[list[Call], list[Problem]]:
    return items(json.dumps(session(*requests)).encode())


def log(*changes: Row) -> bytes:
    return "".join(json.dumps(change) + "\n" for change in ({"kind": 0, "v": session()}, *changes)).encode()


def test_a_request_of_one_round_is_one_call() -> None:
    """First output and end are bounds; tokens are those of the call."""
    (call,), problems = read(request())
    assert problems == []
    trace = Trace.from_calls([call])
    assert (trace.first_block_s[0], trace.wall_s[0]) == (pytest.approx(0.9), pytest.approx(3.0))
    assert not trace.sent_exactly[0]
    assert (call.first_output_source, call.last_output_source, call.trigger) == (
        "first_shown",
        "record_written",
        "user",
    )
    assert (call.input_tokens, call.output_tokens, call.attempts) == (500, 40, None)
    assert (call.session_id, call.model, call.requested_model, call.provider) == (
        "s-1", "gpt-5.5", "copilot/gpt-5.5", "github.copilot",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rounds", "parts"),
    [
        ([{"toolCalls": [{"name": "x"}]}, {"toolCalls": []}], []),
        ([{"toolCalls": [{"name": "x"}]}], []),
        ([], [{"kind": "toolInvocationSerialized"}]),
    ],
)
def test_several_calls_have_no_end_and_no_tokens(rounds: list[Row], parts: list[Row]) -> None:
    """The end is that of the whole request, the tokens those of its last call."""
    made = request(response=parts)
    made["result"]["metadata"]["toolCallRounds"] = rounds
    (call,), _ = read(made)
    assert (call.last_output_at, call.output_tokens, call.input_tokens) == (None, None, None)
    assert call.first_output_at is not None


@pytest.mark.parametrize(("first", "total"), [(0, 3000), (4000, 3000), (-1, 3000), (None, 3000), ("soon", 3000)])
def test_a_first_output_that_cannot_be(first: Any, total: Any) -> None:
    """It is unknown, the end is not."""
    (call,), _ = read(request(first=first, total=total))
    assert call.first_output_at is None
    assert call.last_output_at == START_MS / 1000 + 3


@pytest.mark.parametrize(
    "fields", [{"isCanceled": True}, {"modelState": {"value": 2}}, {"modelState": {"value": 3}}, {"modelState": 2}]
)
def test_broken_requests_are_flagged(fields: Row) -> None:
    """By the user or by an error."""
    assert read(request(**fields))[0][0].flags == ("interrupted",)
    assert read(request(modelState={"value": 1}))[0][0].flags == ()


def test_requests_without_an_answer() -> None:
    """Still waiting, or failed before anything was shown."""
    failed = request(result={"errorDetails": {"message": "secret"}, "timings": {"totalElapsed": 500}})
    calls, problems = read(request(result=None), request("r2", result={}), {**failed, "requestId": "r3"})
    assert calls == []
    assert [problem.kind for problem in problems] == ["request_without_response"] * 3


def test_auto_is_no_model() -> None:
    """What answered may stand in the result."""
    assert read(request(modelId="copilot/auto"))[0][0].model is None
    made = request(modelId="copilot/auto")
    made["result"]["metadata"]["resolvedModel"] = "gpt-5.5-mini"
    assert read(made)[0][0].model == "gpt-5.5-mini"
    assert read(request(modelId="anthropic/claude"))[0][0].provider == "anthropic"


def test_the_log_of_changes_is_replayed() -> None:
    """Added, cut, set, deleted."""
    done = request()
    data = log(
        {"kind": 2, "k": ["requests"], "v": [request("gone"), request("also gone")]},
        {"kind": 2, "k": ["requests"], "v": [{**done, "result": None}], "i": 0},
        {"kind": 1, "k": ["requests", 0, "result"], "v": done["result"]},
        {"kind": 1, "k": ["requests", 0, "modelId"], "v": "copilot/x"},
        {"kind": 3, "k": ["requests", 0, "timestamp"]},
        {"kind": 1, "k": ["requests", 0, "timestamp"], "v": START_MS},
    )
    (call,), problems = items(data)
    assert (call.message_id, call.model, problems) == ("r1", "x", [])
    assert read(done)[0][0].call_id == call.call_id


@pytest.mark.parametrize(
    "change",
    [
        {"kind": 1, "k": ["requests", 9, "result"], "v": 1},
        {"kind": 2, "k": ["sessionId"], "v": [1]},
        {"kind": 1, "k": [], "v": 1},
        {"kind": 9, "k": ["x"]},
        {"kind": [1], "k": ["x"]},
        {"kind": 1, "k": [["x"]], "v": 1},
        {"kind": 1, "k": ["requests", True], "v": 1},
        {"kind": 1, "k": "requests", "v": 1},
    ],
)
def test_changes_of_what_is_not_there_are_counted(change: Row) -> None:
    """And change nothing."""
    calls, problems = items(log({"kind": 2, "k": ["requests"], "v": [request()]}, change))
    assert len(calls) == 1
    assert [(problem.kind, problem.line) for problem in problems] == [("bad_record", 3)]


def test_the_project_is_beside_the_sessions() -> None:
    """Written by the editor for each workspace."""
    data = json.dumps(session(request())).encode()
    (call,), _ = items(data, {"../workspace.json": b'{"folder": "file:///repo/a%20b"}'})
    assert call.project == "/repo/a b"
    for broken in (b"{", b'{"workspace": 5}', b'{"folder": "file://[x"}'):
        assert items(data, {"../workspace.json": broken})[0][0].project is None


def test_records_of_wrong_types() -> None:
    """Counted, or without times."""
    calls, problems = read(5, {"timestamp": 1}, request(timestamp="x"), request())
    assert [call.sent_at for call in calls] == [None]
    assert [problem.kind for problem in problems] == ["bad_record", "bad_record"]
    assert items(b"[]") == ([], [])


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        (json.dumps(session()), True),
        (log().decode(), True),
        ('{"version": 3, "requests": []}', False),
        ('{"kind":0,"v":{"x":1}}', False),
        ('{"requests": [], "responderUsername": "x"}', False),
    ],
)
def test_what_is_claimed(*, text: str, claimed: bool) -> None:
    """The session's own names."""
    assert FORMAT.sniff("x.json", text.encode()) is claimed


@given(st.data())
def test_changed_bytes_never_raise(changes: st.DataObject) -> None:
    """Any byte may be wrong."""
    added = log({"kind": 2, "k": ["requests"], "v": [request()]})
    text = bytearray(added if changes.draw(st.booleans()) else json.dumps(session(request())).encode())
    for _ in range(changes.draw(st.integers(1, 8))):
        text[changes.draw(st.integers(0, len(text) - 1))] = changes.draw(st.integers(0, 255))
    for found in FORMAT.read(Source.from_bytes(bytes(text), "x.jsonl")):
        assert isinstance(found, Call | Problem)
