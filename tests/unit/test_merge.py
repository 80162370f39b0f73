"""Copies of one call from several files become one call, in any order."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from claude_code_lines import Log, Record, join, read, text, thinking, tool, usage
from latprof.ingest import merge
from latprof.ingest.merge import Merger
from latprof.model import Block, Call
from made_calls import NOON, made


def one(*copies: Call) -> Call:
    """The call that all orders of the copies give."""
    found = {repr(merge(list(order))) for order in permutations(copies)}
    assert len(found) == 1
    (call,) = merge(list(copies))
    return call


def test_calls_with_different_ids_stay_apart() -> None:
    """By message, by request, by agent."""
    calls = [made(1), made(2), made(1, request_id="other"), made(1, agent="codex")]
    assert sorted(call.call_id for call in merge(calls)) == sorted(call.call_id for call in calls)


def test_nothing_merges_to_nothing() -> None:
    """The smallest input."""
    assert merge([]) == []


def test_copies_are_counted() -> None:
    """For the report of what was read."""
    merger = Merger()
    for call in (made(1), made(1), made(2), made(1)):
        merger.add(call)
    assert (merger.copies, len(merger.records())) == (2, 2)


@pytest.mark.parametrize(
    ("more", "less"),
    [
        pytest.param({}, {"flags": ("embedded",)}, id="own file before an embed"),
        pytest.param({"flags": ()}, {"flags": ("embedded",), "blocks": (Block("text", NOON + 2),) * 9}, id="own file"),
        pytest.param({}, {"blocks": (Block("thinking", NOON + 2),)}, id="more blocks"),
        pytest.param({"flags": ("interrupted",)}, {}, id="the later state"),
        pytest.param({}, {"output_tokens": None}, id="known tokens"),
        pytest.param({}, {"trigger": "unknown"}, id="known trigger"),
        pytest.param({}, {"sent_source": "trigger_line"}, id="better send time"),
        pytest.param({"sent_source": "trigger_line"}, {"sent_source": None, "sent_at": None}, id="any send time"),
        pytest.param({"attempts": 3}, {"attempts": 1}, id="more attempts"),
        pytest.param({"attempts": 1}, {"attempts": None}, id="known attempts"),
        pytest.param({}, {"model": None}, id="known model"),
        pytest.param({}, {"stop_reason": None, "input_tokens": None}, id="known input"),
    ],
)
def test_the_copy_that_tells_more_is_kept(more: dict[str, Any], less: dict[str, Any]) -> None:
    """Whatever the order of the files."""
    assert one(made(1, **more), made(1, **less), made(1, **less)) == made(1, **more)


def test_what_two_sources_tell_of_a_call_is_no_copy() -> None:
    """Each source keeps its own record; joining makes one call of them."""
    merger = Merger()
    for reader, call in (
        ("log", made(1)),
        ("log", made(1)),
        ("capture", made(1)),
        ("capture", made(1, told_by="span")),
    ):
        merger.add(call, reader)
    assert merger.copies == 1
    assert [source for source, _ in merger.records()] == ["log/", "capture/", "capture/span"]


def test_a_copy_with_the_result_of_its_tool_is_kept() -> None:
    """It was taken later."""
    asked = Block("tool_use", end_at=NOON + 4, name="Bash")
    answered = replace(asked, result_at=NOON + 9)
    assert one(made(1, blocks=(asked,)), made(1, blocks=(answered,))).blocks == (answered,)


def test_a_resumed_copy_leaves_the_call_with_the_session_that_ended_first() -> None:
    """A later session that begins with a copy of an earlier one did not make its calls."""
    old = [made(1, session_id="z-old", at=NOON), made(2, session_id="z-old", at=NOON + 60)]
    new = [replace(call, session_id="a-new") for call in old] + [made(3, session_id="a-new", at=NOON + 9000)]
    for order in permutations(old + new):
        owners = {call.message_id: call.session_id for call in merge(list(order))}
        assert owners == {"m1": "z-old", "m2": "z-old", "m3": "a-new"}


def test_a_chain_of_resumed_sessions_gives_each_call_to_its_first() -> None:
    """Three generations, the middle one copied too."""
    first = [made(1, session_id="c")]
    second = [replace(first[0], session_id="b"), made(2, session_id="b", at=NOON + 100)]
    third = [replace(call, session_id="a") for call in second] + [made(3, session_id="a", at=NOON + 200)]
    for order in permutations(first + second + third):
        assert {call.message_id: call.session_id for call in merge(list(order))} == {"m1": "c", "m2": "b", "m3": "a"}


def test_a_better_copy_in_a_later_session_still_belongs_to_the_first() -> None:
    """What is known may come from one copy and the owner from another."""
    old = made(1, session_id="old", output_tokens=None)
    new = [made(1, session_id="new"), made(2, session_id="new", at=NOON + 100)]
    found = {call.message_id: call for call in merge([old, *new])}
    assert (found["m1"].session_id, found["m1"].output_tokens) == ("old", 91)


def test_ids_that_repeat_without_a_request_id_are_different_calls() -> None:
    """Servers of one's own count from one again: model and first block tell calls apart."""
    first = made(1, request_id=None)
    later = made(1, request_id=None, at=NOON + 50, blocks=(Block("text", end_at=NOON + 52),))
    other = made(1, request_id=None, model="model-b")
    assert len(merge([first, later, other, first])) == 3


def test_sets_of_random_copies_merge_to_the_same_in_any_order() -> None:
    """Many copies that differ in what they know."""
    rng = random.Random(4)  # noqa: S311 - must repeat
    copies = [
        made(
            rng.randint(1, 3),
            session_id=rng.choice("abc"),
            output_tokens=rng.choice([None, 91]),
            attempts=rng.choice([1, 2, None]),
            sent_source=rng.choice([None, "trigger_line", "api_request_line"]),
            flags=rng.choice([(), ("embedded",), ("interrupted",), ("burst",)]),
        )
        for _ in range(40)
    ]
    expected = sorted(map(repr, merge(copies)))
    for _ in range(50):
        rng.shuffle(copies)
        assert sorted(map(repr, merge(copies))) == expected


def _growing() -> Log:
    """Placeholder counts, tools, a retry and an interruption."""
    log = Log(version="2.1.80")
    log.prompt(0)
    log.answer(2, "msg_a", thinking(), stop=None, tokens=usage(2))
    log.answer(4, "msg_a", tool("t1"), stop="tool_use", tokens=usage(80))
    log.result(5, "t1")
    log.add("system", 6, subtype="api_error", retryInMs=500, error={"status": 529})
    log.answer(9, "msg_b", text(), stop=None, tokens=usage(3))
    log.answer(11, "msg_b", tool("t2"), stop="tool_use", tokens=usage(60))
    log.result(12, "t2")
    log.answer(15, "msg_c", text(), stop=None, tokens=usage(3))
    log.prompt(16, "[Request interrupted by user]", interruptedMessageId="msg_c")
    log.prompt(20, "go on")
    log.answer(23, "msg_d", text(), stop="end_turn", tokens=usage(40))
    return log


def _stamped_anew() -> Log:
    """Five lines of three responses share one stamp: re-stamped in bulk."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", text(), stop="end_turn")
    for name in ("b", "c", "d"):
        log.prompt(50, name)
        log.answer(50, f"msg_{name}", text(), stop="end_turn")
    log.prompt(60)
    log.answer(63, "msg_e", text(), stop="end_turn")
    return log


@pytest.mark.parametrize("log", [_growing(), _stamped_anew()], ids=["growing", "stamped-anew"])
def test_checkpoints_of_one_session_add_nothing(log: Log) -> None:
    """Backups taken after each line, merged in any order, are the whole session's calls."""
    prefixes = [join(log.lines[:count]) for count in range(1, len(log.lines) + 1)]
    whole = sorted(map(repr, read(prefixes[-1])[0]))
    rng = random.Random(1)  # noqa: S311 - must repeat
    for _ in range(5):
        rng.shuffle(prefixes)
        assert sorted(map(repr, merge([call for data in prefixes for call in read(data)[0]]))) == whole


def test_an_embedded_copy_loses_to_the_agents_own_file() -> None:
    """As the parent's progress lines show a sub-agent's messages, and the agent's file has them too."""
    agent = Log(side="abc123")
    agent.prompt(10)
    agent.answer(13, "msg_s", text(), stop="end_turn")
    parent = Log()
    parent.prompt(0)
    for line in agent.lines:
        inner: Record = {key: line[key] for key in ("type", "uuid", "timestamp", "message", "requestId") if key in line}
        parent.add("progress", 14, data={"type": "agent_progress", "agentId": "abc123", "message": inner})
    embedded = read(parent.data())[0]
    own = read(agent.data(), "agent-abc123.jsonl")[0]
    assert [call.flags for call in embedded] == [("sidechain", "embedded")]
    assert merge(embedded + own) == merge(own + embedded) == own
