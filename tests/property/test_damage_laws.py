"""Damage to a transcript changes only the calls that it touches.

A call is touched by the loss of a line when the line is one of these, found here from the raw JSON
alone, without the reader under test:

* a line of the response itself (same message id and request id);
* a line above it in the chain of parents, up to the first line of the response before it, and
  everything that response says of its tools: its lines and the results of its tools;
* a result of one of its own tools;
* a request or error line that stands between the response before it and its own last line;
* a line that ends it: what follows it in the chain up to the next response, or names it as
  interrupted.

Everything else may be lost without changing the call at all.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from claude_code_lines import Log, iso, read, text, thinking, tool, usage
from latprof.model import Call

pytestmark = pytest.mark.property

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "claude-code"
SMALL_BYTES = 150_000
Record = dict[str, Any]


def handmade() -> bytes:
    """Parallel tools, a retry, requests, a placeholder, an interruption, a queued message, a skill."""
    log = Log(version="2.1.329")
    log.prompt(0)
    log.request(0.1, "ref-a")
    log.answer(2, "msg_a", thinking(), apiBlockIndex=0, requestRef="ref-a", extra={"stop_details": None})
    log.answer(3, "msg_a", tool("t1"), apiBlockIndex=1, requestRef="ref-a", extra={"stop_details": None})
    log.answer(4, "msg_a", tool("t2"), apiBlockIndex=2, requestRef="ref-a", extra={"stop_details": None})
    log.result(6, "t1")
    log.result(5, "t2")
    log.add("attachment", 6.1, attachment={"type": "hook_success"})
    log.request(6.2, "ref-b1")
    log.add("system", 7, subtype="api_error", retryInMs=500)
    log.request(7.6, "ref-b2")
    log.answer(9, "msg_b", text(), apiBlockIndex=0, requestRef="ref-b2", extra={"stop_details": None})
    log.answer(11, "msg_b", tool("t3"), apiBlockIndex=1, requestRef="ref-b2", extra={"stop_details": None})
    log.result(12, "t3")
    log.prompt(12.1, "Base directory for this skill", isMeta=True, sourceToolUseID="t3")
    log.answer(15, "msg_c", text(), stop=None, tokens=usage(3))
    log.prompt(16, "[Request interrupted by user]")
    log.bare("queue-operation", operation="enqueue", timestamp=iso(17), content="later")
    log.prompt(20, "go on")
    log.answer(24, "msg_d", text(), stop="end_turn")
    log.prompt(30, "and on")
    log.answer(33, "msg_e", thinking(), stop="end_turn")
    log.answer(35, "msg_e", text(), stop="end_turn")
    return log.data()


LOGS = [handmade()] + [
    path.read_bytes()
    for path in sorted(FIXTURES.glob("*/input/**/*.jsonl"))
    if path.stat().st_size <= SMALL_BYTES and "subagents" not in path.parts
]


def records_of(lines: list[bytes]) -> list[Record]:
    return [json.loads(line) for line in lines]


def response_id(record: Record) -> tuple[str, str | None] | None:
    message = record.get("message")
    if record.get("type") != "assistant" or not isinstance(message, dict) or message.get("model") == "<synthetic>":
        return None
    return message["id"], record.get("requestId")


def _content(record: Record, kind: str) -> list[Record]:
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    return (
        [item for item in content if isinstance(item, dict) and item.get("type") == kind]
        if isinstance(content, list)
        else []
    )


class Ties:
    """Which lines each response depends on."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self.number_of = {r["uuid"]: n for n, r in reversed(list(enumerate(records))) if r.get("uuid")}
        self.lines_of: dict[tuple[str, str | None], set[int]] = {}
        self.result_of: dict[str, set[int]] = {}
        for number, record in enumerate(records):
            key = response_id(record)
            if key is not None:
                self.lines_of.setdefault(key, set()).add(number)
            for item in _content(record, "tool_result"):
                self.result_of.setdefault(str(item.get("tool_use_id")), set()).add(number)

    def _results(self, lines: set[int]) -> set[int]:
        tools = {str(item.get("id")) for n in lines for item in _content(self.records[n], "tool_use")}
        return {number for name in tools for number in self.result_of.get(name, ())}

    def _up(self, number: int) -> list[int]:
        """Lines above in the chain, nearest first."""
        found: list[int] = []
        parent = self.records[number].get("parentUuid")
        while parent in self.number_of and self.number_of[parent] not in found:
            found.append(self.number_of[parent])
            parent = self.records[found[-1]].get("parentUuid")
        return found

    def touching(self, key: tuple[str, str | None]) -> set[int]:
        own = self.lines_of[key]
        needed = own | self._results(own)
        since = 0
        for number in self._up(min(own)):
            needed.add(number)
            before = response_id(self.records[number])
            if before is not None and before != key:
                lines = self.lines_of[before]
                needed |= lines | self._results(lines)
                since = min(lines)
                break
        for number in range(since, max(own)):
            kind = self.records[number].get("type")
            if kind == "api-request" or self.records[number].get("subtype") == "api_error":
                needed.add(number)
        return needed | self._endings(key, own)

    def _endings(self, key: tuple[str, str | None], own: set[int]) -> set[int]:
        """Lines that follow the response in the chain before any other response, and those that name it."""
        found = {n for n, r in enumerate(self.records) if r.get("interruptedMessageId") == key[0]}
        for number in range(max(own), len(self.records)):
            above = self._up(number)
            responses = [n for n in above if response_id(self.records[n]) is not None]
            if response_id(self.records[number]) is None and responses and responses[0] in own:
                found |= {number, *above[: above.index(responses[0])]}
        return found


TIES = [Ties(records_of(log.splitlines())) for log in LOGS]


def calls_by_id(data: bytes) -> dict[tuple[str | None, str | None], Call]:
    return {(call.message_id, call.request_id): call for call in read(data)[0]}


WHOLE = [calls_by_id(log) for log in LOGS]


def test_there_are_logs_to_damage() -> None:
    """Several real ones beside the one made by hand, all with calls."""
    assert len(LOGS) > 4
    assert all(len(calls) > 1 for calls in WHOLE)


def test_a_call_depends_on_few_lines() -> None:
    """Or the law below would be empty: on average a line touches less than a fifth of a log's calls."""
    touches = sum(len(ties.touching(key)) for ties in TIES for key in ties.lines_of)
    possible = sum(len(ties.records) * len(ties.lines_of) for ties in TIES)
    assert touches < 0.2 * possible


@pytest.mark.parametrize("index", range(len(LOGS)))
def test_a_lost_line_changes_only_the_calls_it_touches(index: int) -> None:
    """Every line of every small log, one at a time."""
    lines = LOGS[index].splitlines(keepends=True)
    needed = {key: TIES[index].touching(key) for key in TIES[index].lines_of}
    rng = random.Random(index)  # noqa: S311 - must repeat
    for lost in sorted(rng.sample(range(len(lines)), min(len(lines), 60))):
        left = calls_by_id(b"".join(lines[:lost] + lines[lost + 1 :]))
        for key, call in WHOLE[index].items():
            if lost not in needed[key]:  # type: ignore[index]
                assert left.get(key) == call, (lost, key)


@settings(max_examples=60)
@given(st.integers(0, len(LOGS) - 1), st.data())
def test_several_lost_lines_change_only_the_calls_they_touch(index: int, data: st.DataObject) -> None:
    """Damage adds up, no more."""
    lines = LOGS[index].splitlines(keepends=True)
    lost = data.draw(st.sets(st.integers(0, len(lines) - 1), min_size=1, max_size=6))
    left = calls_by_id(b"".join(line for number, line in enumerate(lines) if number not in lost))
    for key, call in WHOLE[index].items():
        if not lost & TIES[index].touching(key):  # type: ignore[arg-type]
            assert left.get(key) == call


@settings(max_examples=60)
@given(st.integers(0, len(LOGS) - 1), st.data())
def test_a_cut_at_any_byte_keeps_the_calls_before_it(index: int, data: st.DataObject) -> None:
    """All lines of the call lie before the cut: the call is as in the whole log, or not yet there at all."""
    log = LOGS[index]
    cut = data.draw(st.integers(0, len(log)))
    kept = log[:cut].count(b"\n")
    calls, problems = read(log[:cut])
    left = {(call.message_id, call.request_id): call for call in calls}
    for key, call in WHOLE[index].items():
        if max(TIES[index].touching(key)) < kept:  # type: ignore[arg-type]
            assert left[key] == call
    assert sum(problem.kind in {"bad_line", "cut_line"} for problem in problems) <= 1


@settings(max_examples=60)
@given(st.integers(0, len(LOGS) - 1), st.data())
def test_a_garbled_line_is_as_good_as_a_lost_one(index: int, data: st.DataObject) -> None:
    """Bytes that are no JSON in place of a line: one problem with the line's number, the other calls stay."""
    lines = LOGS[index].splitlines(keepends=True)
    spoilt = data.draw(st.integers(0, len(lines) - 1))
    noise = data.draw(st.binary(max_size=30)).replace(b"\n", b"") + b"\xff{"
    # A file that starts like an archive is one.
    assume(spoilt > 0 or not noise.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")))
    found, problems = read(b"".join([*lines[:spoilt], noise + b"\n", *lines[spoilt + 1 :]]))
    without, _ = read(b"".join([*lines[:spoilt], b"\n", *lines[spoilt + 1 :]]))
    assert found == without
    assert [problem.line for problem in problems if problem.kind == "bad_line"] == [spoilt + 1]


def _shuffled(value: Any, rng: random.Random) -> Any:
    """The value with the keys of all its objects in another order."""
    if isinstance(value, dict):
        items = [(key, _shuffled(item, rng)) for key, item in value.items()]
        rng.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [_shuffled(item, rng) for item in value]
    return value


@settings(max_examples=30)
@given(st.integers(0, len(LOGS) - 1), st.randoms(use_true_random=False))
def test_keys_in_any_order_at_any_depth_give_the_same_calls(index: int, rng: random.Random) -> None:
    """Exports of remote sessions sort the keys."""
    records = [_shuffled(record, rng) for record in records_of(LOGS[index].splitlines())]
    mixed = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    assert read(mixed)[0] == read(LOGS[index])[0]


def test_alphabetical_keys_give_the_same_calls() -> None:
    """The one order that is known to occur."""
    for log in LOGS:
        records = records_of(log.splitlines())
        assert read(b"".join(json.dumps(r, sort_keys=True).encode() + b"\n" for r in records))[0] == read(log)[0]


STRANGE: list[Any] = [None, True, -1, 0, 2**40, 1.5, -1e9, "", "x", [], [[]], {}, {"type": "text"}]
NEW_LINES: list[Record] = [
    {"type": "brand-new", "uuid": "new-1", "parentUuid": None, "timestamp": "2026-03-02T10:00:00.000Z"},
    {"type": "brand-new", "message": {"id": "msg_a", "usage": {"output_tokens": 9}}, "requestId": "req_msg_a"},
    {"type": None},
    {"type": ["assistant"]},
    {},
    {"type": "system", "subtype": "brand_new", "timestamp": "2026-03-02T10:00:01.000Z", "uuid": "new-2"},
    {"type": "attachment", "attachment": {"type": "brand_new"}, "uuid": "new-3"},
    {"type": "progress", "data": {"type": "brand_new"}, "uuid": "new-4"},
]


@settings(max_examples=40)
@given(st.integers(0, len(LOGS) - 1), st.data())
def test_unknown_lines_and_unknown_keys_change_nothing(index: int, data: st.DataObject) -> None:
    """New types and subtypes outside the chain, new keys at every level that has a name."""
    records = records_of(LOGS[index].splitlines())
    for record in records:
        record["brandNew"] = {"type": "assistant", "message": {"id": "x"}}
        for part in (record.get("message"), record.get("data"), record.get("attachment")):
            if isinstance(part, dict):
                part["brandNew"] = [1, {"usage": {"output_tokens": 10**6}}]
                if isinstance(part.get("usage"), dict):
                    part["usage"]["brand_new_tokens"] = 10**6
    lines = [json.dumps(record, ensure_ascii=False).encode() for record in records]
    for extra in data.draw(st.lists(st.sampled_from(NEW_LINES), max_size=6)):
        lines.insert(data.draw(st.integers(0, len(lines))), json.dumps(extra).encode())
    found, problems = read(b"\n".join(lines) + b"\n")
    assert found == read(LOGS[index])[0]
    assert "bad_line" not in {problem.kind for problem in problems}


@settings(max_examples=40)
@given(st.integers(0, len(LOGS) - 1), st.sampled_from([b"\n", b"\r\n", b"\n\n", b" \n\t\n"]))
def test_line_ends_and_blank_lines_change_nothing(index: int, end: bytes) -> None:
    """Windows, and files that were edited; a byte order mark too."""
    lines = LOGS[index].splitlines()
    calls, problems = read(b"\xef\xbb\xbf" + end.join(lines) + end)
    assert calls == read(LOGS[index])[0]
    assert "bad_line" not in {problem.kind for problem in problems}


@settings(max_examples=40)
@given(st.integers(0, len(LOGS) - 1), st.data())
def test_values_of_wrong_types_never_raise(index: int, data: st.DataObject) -> None:
    """Any value of any line may become any JSON."""
    from latprof.report.export import EXPORT_FORMATS, export_calls
    from latprof.trace import Trace

    records = records_of(LOGS[index].splitlines())
    strange: st.SearchStrategy[Any] = st.sampled_from(
        [None, True, -1, 0, 2**40, 1.5, -1e9, "", "x", [], [[]], {}, {"type": "text"}]
    )
    for _ in range(8):
        record: Any = records[data.draw(st.integers(0, len(records) - 1))]
        while True:
            key = data.draw(st.sampled_from(sorted(record)))
            if not isinstance(record[key], dict) or not record[key] or data.draw(st.booleans()):
                break
            record = record[key]
        record[key] = data.draw(strange)
    calls, _ = read(b"".join(json.dumps(record).encode() + b"\n" for record in records))
    trace = Trace.from_calls(calls)
    assert all(export_calls(trace, name) for name in EXPORT_FORMATS if name != "jsonl" or calls)
