"""Crush: whole seconds, triggers, tools, sub-agents, cuts, damage."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crush_rows import SCHEMA, T0, database, finish, part, result, row, text, thoughts, tool
from latprof.formats import Source
from latprof.formats.crush import FORMAT
from latprof.model import Call, Problem
from latprof.trace import Trace


def items(folder: Path, *rows: tuple[Any, ...], sessions: dict[str, str | None] | None = None) -> list[Call | Problem]:
    return list(FORMAT.read(Source.from_path(database(folder / "crush.db", rows, sessions))))


def calls(folder: Path, *rows: tuple[Any, ...], sessions: dict[str, str | None] | None = None) -> list[Call]:
    return [item for item in items(folder, *rows, sessions=sessions) if isinstance(item, Call)]


def since(at: float | None) -> float | None:
    return None if at is None else at - T0


def test_prompt_and_result_lead_to_calls(tmp_path: Path) -> None:
    """Rows of one second keep the order of writing; bounds have a second more."""
    first, second = calls(
        tmp_path,
        row("u", "user", 10, text()),
        row("a", "assistant", 10, thoughts(12, 13), tool(), finish(15, "tool_use")),
        row("t", "tool", 15, result()),
        row("b", "assistant", 15, text(), finish(19)),
    )
    assert (first.trigger, since(first.trigger_at), since(first.sent_at)) == ("user", 10, 10)
    assert (since(first.first_output_at), first.first_output_source) == (12, "first_shown")
    assert (since(first.last_output_at), first.last_output_source) == (15, "after_tools")
    assert (first.stop_reason, first.model, first.provider) == ("tool_use", "claude-sonnet-4", "anthropic")
    assert [(block.type, block.name, since(block.result_at)) for block in first.blocks] == [
        ("thinking", None, None), ("tool_use", "bash", 15),
    ]  # fmt: skip
    assert (second.trigger, since(second.trigger_at), second.flags) == ("tool_result", 15, ("whole_seconds",))
    assert (second.first_output_at, second.last_output_source) == (None, "record_written")
    trace = Trace.from_calls([first, second])
    assert list(trace.wall_s) == [6, 5]
    assert trace.first_block_s[0] == 3


def test_tokens_of_sessions_are_no_tokens_of_calls(tmp_path: Path) -> None:
    """They are those of the last step or an estimate."""
    (call,) = calls(tmp_path, row("a", "assistant", 1, text(), finish(2)))
    assert (call.input_tokens, call.output_tokens, call.output_tokens_source, call.attempts) == (None,) * 4


def test_cut_answers(tmp_path: Path) -> None:
    """Canceled, failed, crashed: with output a call that was interrupted, without it a problem."""
    found = items(
        tmp_path,
        row("a", "assistant", 1, text(), finish(2, "canceled")),
        row("b", "assistant", 3, text()),
        row("c", "assistant", 5, finish(6, "error")),
        row("d", "assistant", 7, finish(8, "canceled")),
        row("e", "assistant", 9),
        row("f", "assistant", 11, tool(), finish(12, "permission_denied")),
    )
    kept = [item for item in found if isinstance(item, Call)]
    assert [(call.message_id, call.flags[0]) for call in kept] == [
        ("a", "interrupted"), ("b", "interrupted"), ("f", "whole_seconds"),
    ]  # fmt: skip
    assert [item.kind for item in found if isinstance(item, Problem)] == [
        "failed_attempt", "request_without_response", "request_without_response",
    ]  # fmt: skip


def test_sub_agents_titles_and_summaries(tmp_path: Path) -> None:
    """Sub-agents belong to the session of the person; titles are calls of the agent for itself."""
    found = calls(
        tmp_path,
        row("u", "user", 1, text(), session="kid"),
        row("a", "assistant", 1, tool(), finish(2, "tool_use"), session="kid"),
        row("t", "tool", 2, result(), session="kid"),
        row("b", "assistant", 2, text(), finish(3), session="kid"),
        row("n", "assistant", 4, text(), finish(5), session="title-one"),
        row("s", "assistant", 6, text(), finish(9), summary=1),
        sessions={"one": None, "kid": "one", "title-one": "one"},
    )
    told = {call.message_id: (call.session_id, call.agent_id, call.trigger, call.flags) for call in found}
    assert told == {
        "a": ("one", "kid", "subagent", ("sidechain", "whole_seconds")),
        "b": ("one", "kid", "tool_result", ("sidechain", "whole_seconds")),
        "n": ("one", "title-one", "unknown", ("side_call", "whole_seconds")),
        "s": ("one", None, "compaction", ("whole_seconds",)),
    }


def test_sleep_and_clock_steps(tmp_path: Path) -> None:
    """Their durations are not used."""
    slept, back = calls(
        tmp_path, row("a", "assistant", 1, text(), finish(5000)), row("b", "assistant", 6000, text(), finish(5990))
    )
    assert slept.flags == ("suspended", "whole_seconds")
    assert back.flags == ("clock_step", "whole_seconds")


def test_rows_of_another_kind(tmp_path: Path) -> None:
    """Broken parts are counted, odd ones are left out."""
    path = database(tmp_path / "crush.db", [row("a", "assistant", 1, text(), part("image"), finish(2))])
    with closing(sqlite3.connect(path)) as connection:
        for name, parts in [("x", "not json"), ("y", '{"a": 1}'), ("z", "[1, null]"), ("", "[]")]:
            connection.execute("INSERT INTO messages (id, session_id, role, parts, created_at, updated_at)"
                               " VALUES (?, 'one', 'user', ?, 1, 1)", (name, parts))  # fmt: skip
        connection.commit()
    found = list(FORMAT.read(Source.from_path(path)))
    assert [item.kind for item in found if isinstance(item, Problem)] == ["bad_record"] * 3
    assert len(found) == 4


def test_a_circle_of_parents_ends(tmp_path: Path) -> None:
    """However damaged the table is."""
    (call,) = calls(tmp_path, row("a", "assistant", 1, text(), finish(2), session="x"), sessions={"x": "y", "y": "x"})
    assert call.session_id in {"x", "y"}


@pytest.mark.parametrize("lost", [b"parent_session_id", b"finished_at", b"message_count"])
def test_it_claims_its_own_tables(lost: bytes) -> None:
    """By columns that others lack."""
    head = b"SQLite format 3\x00" + SCHEMA.encode()
    assert FORMAT.sniff("/p/.crush/crush.db", head)
    assert not FORMAT.sniff("/p/.crush/crush.db", head.replace(lost, b"other"))
    assert not FORMAT.sniff("/p/.crush/crush.db", SCHEMA.encode())
