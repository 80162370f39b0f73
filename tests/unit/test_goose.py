"""Goose: grouping of messages into responses, whole seconds, tokens of the last call, rewritten sessions."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goose_rows import SCHEMA, T0, Message, asks, database, lines, message, result, session, text
from latprof.formats import Source, goose, goose_jsonl
from latprof.ingest import read_inputs
from latprof.model import Call, Problem
from latprof.trace import Trace
from sound import assert_sound

TALK = [
    message("user", 0, text(), stored=0),
    message("assistant", 3, text(), stored=9),
    message("assistant", 5, asks("a"), stored=9),
    message("user", 5, result("a"), stored=9),
    message("assistant", 5, asks("b"), stored=9),
    message("user", 5, result("b"), stored=9),
    message("assistant", 12, text(), stored=15),
]


def calls(folder: Path, messages: list[Message], kind: str = "user") -> list[Call]:
    path = database(folder / "sessions.db", [(session(kind=kind), messages)])
    return [item for item in goose.FORMAT.read(Source.from_path(path)) if isinstance(item, Call)]


def of_lines(data: bytes, name: str = "20260301_1.jsonl") -> list[Call]:
    return [item for item in goose_jsonl.FORMAT.read(Source.from_bytes(data, name)) if isinstance(item, Call)]


def since(at: float | None) -> float | None:
    return None if at is None else at - T0


def test_a_response_is_spread_over_messages(tmp_path: Path) -> None:
    """A text, two tool calls and their results, stamped together, are one call."""
    first, second = calls(tmp_path, TALK)
    assert (first.trigger, since(first.trigger_at), since(first.sent_at), first.sent_source) == (
        "user", 0, 0, "trigger_line",
    )  # fmt: skip
    assert (since(first.first_output_at), first.first_output_source) == (3, "first_shown")
    assert (since(first.last_output_at), first.last_output_source) == (5, "record_written")
    assert [(block.type, block.name, since(block.result_at)) for block in first.blocks] == [
        ("text", None, None), ("tool_use", "developer__shell", 9), ("tool_use", "developer__shell", 9),
    ]  # fmt: skip
    assert (first.model, first.provider, first.project) == ("claude-sonnet-4", "anthropic", "/home/dev/project")
    assert (second.trigger, since(second.sent_at), since(second.first_output_at)) == ("tool_result", 9, 12)
    assert (since(second.last_output_at), second.flags) == (15, ("whole_seconds",))
    trace = Trace.from_calls([first, second])
    assert list(trace.wall_s) == [6, 7]
    assert list(trace.first_block_s) == [4, 4]


def test_tokens_are_those_of_the_last_call(tmp_path: Path) -> None:
    """The session's counts say nothing of the others."""
    first, second = calls(tmp_path, TALK)
    assert (first.input_tokens, first.output_tokens) == (None, None)
    assert (second.input_tokens, second.output_tokens, second.output_tokens_source) == (900, 40, "usage")


def test_results_of_another_second_begin_a_new_call(tmp_path: Path) -> None:
    """A tool call after a result, with a later stamp of its own result, is the next response."""
    found = calls(
        tmp_path,
        [
            message("user", 0, text(), stored=0),
            message("assistant", 3, asks("a"), stored=4), message("user", 3, result("a"), stored=4),
            message("assistant", 6, asks("b"), stored=8), message("user", 6, result("b"), stored=8),
        ],
    )  # fmt: skip
    assert [(call.trigger, since(call.sent_at), since(call.last_output_at)) for call in found] == [
        ("user", 0, 3), ("tool_result", 4, 6),
    ]  # fmt: skip


def test_a_tool_call_that_is_stamped_after_its_tool(tmp_path: Path) -> None:
    """Some versions do so; the result's stamp is the earlier and better one."""
    found = calls(
        tmp_path,
        [
            message("user", 0, text(), stored=0),
            message("assistant", 9, asks("a"), stored=9), message("user", 4, result("a"), stored=9),
        ],
    )  # fmt: skip
    assert [(since(call.first_output_at), since(call.last_output_at), call.flags) for call in found] == [
        (4, 4, ("whole_seconds",)),
    ]  # fmt: skip


def test_a_session_that_was_stored_anew_has_no_stored_times(tmp_path: Path) -> None:
    """After a compaction or an import all rows have one second: it is neither an end nor a send time."""
    first, second = calls(tmp_path, [entry | {"stored": 5000} for entry in TALK])
    assert (since(first.last_output_at), first.blocks[1].result_at) == (5, None)
    assert (second.sent_at, second.last_output_at, since(second.first_output_at)) == (None, None, 12)


def test_messages_of_the_agent_are_no_calls(tmp_path: Path) -> None:
    """Notices, and what a compaction leaves for the model only."""
    found = calls(
        tmp_path,
        [
            message("user", 0, text(), stored=0, userVisible=False),
            message("assistant", 1, text(), stored=1, userVisible=False),
            message("assistant", 2, {"type": "systemNotification", "msg": "m"}, stored=2),
            message("assistant", 5, text(), stored=8),
        ],
    )
    assert [(call.trigger, since(call.sent_at), since(call.first_output_at)) for call in found] == [
        ("notification", 0, 5)
    ]


@pytest.mark.parametrize(
    ("kind", "flags", "trigger"),
    [("sub_agent", ("sidechain", "whole_seconds"), "subagent"), ("hidden", ("side_call", "whole_seconds"), "user"),
     ("scheduled", ("whole_seconds",), "user")],
)  # fmt: skip
def test_kinds_of_sessions(tmp_path: Path, kind: str, flags: tuple[str, ...], trigger: str) -> None:
    """Sub-agents have sessions of their own, which name no parent."""
    first, second = calls(tmp_path, TALK, kind=kind)
    assert (first.flags, first.trigger, second.trigger) == (flags, trigger, "tool_result")
    assert first.agent_id == ("20260301_1" if kind == "sub_agent" else None)


def test_the_model_that_a_message_names(tmp_path: Path) -> None:
    """Newer versions keep it with the message."""
    inference = {"provider": "openai", "requestedModel": "gpt-5"}
    (call,) = calls(tmp_path, [message("assistant", 5, text(), stored=8, inference=inference)])
    assert (call.provider, call.requested_model, call.trigger) == ("openai", "gpt-5", "unknown")


def test_the_older_file_tells_less_of_the_same_calls(tmp_path: Path) -> None:
    """It has no times of storing; a session that was taken over gives each call once."""
    first, second = of_lines(lines(TALK))
    assert (since(first.sent_at), since(first.first_output_at), since(first.last_output_at)) == (0, 3, 5)
    assert (second.sent_at, since(second.first_output_at), second.last_output_at) == (None, 12, None)
    assert (second.output_tokens, second.model, second.trigger) == (40, None, "tool_result")
    database(tmp_path / "sessions.db", [(session(), [entry | {"stored": 5000} for entry in TALK])])
    (tmp_path / "20260301_1.jsonl").write_bytes(lines(TALK))
    assert len(read_inputs([str(tmp_path)]).calls) == 2


def test_a_file_with_lost_messages_has_no_tokens() -> None:
    """Its last call may be another one; what is twice in it counts once."""
    assert [call.output_tokens for call in of_lines(lines(TALK, count=9))] == [None, None]
    data = lines(TALK)
    assert [call.call_id for call in of_lines(data + data)] == [call.call_id for call in of_lines(data)]


def test_newer_counts_stand_under_usage() -> None:
    """As in exports of newer versions."""
    data = lines(TALK).replace(b'"input_tokens": 900, "output_tokens": 40', b'"usage": {"output_tokens": 7}')
    assert [call.output_tokens for call in of_lines(data)] == [None, 7]


def test_rows_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    """And then the last call is not known for sure."""
    path = database(tmp_path / "sessions.db", [(session(), TALK)])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO messages (session_id, role, content_json, created_timestamp)"
                           " VALUES ('20260301_1', 'assistant', 'not json', 1)")  # fmt: skip
        connection.commit()
    found = list(goose.FORMAT.read(Source.from_path(path)))
    assert [item.kind for item in found if isinstance(item, Problem)] == ["bad_record"]
    assert [item.output_tokens for item in found if isinstance(item, Call)] == [None, None]


def test_sleep_is_flagged(tmp_path: Path) -> None:
    """Such a call has no durations."""
    (call,) = calls(tmp_path, [message("user", 0, text(), stored=0), message("assistant", 900, text(), stored=950)])
    assert call.flags == ("suspended", "whole_seconds")


def test_each_claims_its_own() -> None:
    """Tables by their columns, files by their first line."""
    head = b"SQLite format 3\x00" + SCHEMA.encode()
    assert goose.FORMAT.sniff("/x/sessions.db", head)
    assert not goose.FORMAT.sniff("/x/sessions.db", head.replace(b"content_json", b"content"))
    assert not goose.FORMAT.sniff("/x/sessions.db", SCHEMA.encode())
    data = lines(TALK)
    assert goose_jsonl.FORMAT.sniff("x.jsonl", data)
    assert not goose_jsonl.FORMAT.sniff("x.jsonl", data.split(b"\n", 1)[1])
    assert not goose_jsonl.FORMAT.sniff("x.jsonl", b'{"working_dir": "/x", "message_count": 1, "role": "user"}\n')


@given(st.integers(0, 2000), st.binary(max_size=8), st.integers(0, 60))
def test_no_bytes_raise(at: int, new: bytes, lost: int) -> None:
    """Bytes put, lost and replaced anywhere."""
    data = lines(TALK)
    other = data[:at] + new + data[at + lost :]
    goose_jsonl.FORMAT.sniff("x.jsonl", other)
    assert_sound(of_lines(other))
