"""OpenCode's database: pairing, tokens by version, retries, cuts, sub-agents, copies, send times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import opencode_rows as rows
from latprof.formats import Source
from latprof.formats.opencode import FORMAT
from latprof.formats.opencode.parts import id_at, version_of
from latprof.model import Call, Problem
from opencode_rows import T0, answer, finish, ms, part, reasoning, session, start, text, tool, user

Message = dict[str, Any]
NONE = rows.counts(0, 0, 0, 0, total=False)


def read(
    folder: Path, *messages: Message, sessions: list[Message] | None = None, log: str = ""
) -> list[Call | Problem]:
    path = rows.database(folder / "opencode.db", sessions or [session()], list(messages))
    if log:
        (folder / "log").mkdir()
        (folder / "log" / "opencode.log").write_text(log, encoding="utf-8")
    return list(FORMAT.read(Source.from_path(path)))


def calls(folder: Path, *messages: Message, **more: Any) -> list[Call]:
    return [item for item in read(folder, *messages, **more) if isinstance(item, Call)]


def since(at: float | None) -> float | None:
    return None if at is None else round(at - T0, 3)


def whole(at: float, *, shift: float = 1.0, name: str = "ses_one", **more: Any) -> Message:
    """A complete answer with one text block."""
    return answer(
        at, start(at + shift), text(at + shift, at + shift + 1), finish(at + shift + 1.1), done=at + shift + 1.2,
        name=name, **({"finish": "stop"} | more),
    )  # fmt: skip


def test_the_time_in_an_id_is_found_across_a_wrap() -> None:
    """The low 36 bits of the milliseconds start anew every 795 days."""
    assert since(id_at(rows.identity("prt", 12.345), T0)) == 12.345
    edge = (1 << 36) * 26 / 1000
    low = (5 << 12) | 1
    assert id_at(f"prt_{low:012x}abc", edge - 1) == pytest.approx(edge + 0.005)
    assert id_at("prt_nothing", T0) is None
    assert id_at(rows.identity("prt", 200_000.0), T0) is None
    assert id_at(rows.identity("prt", 1.0), None) is None


def test_versions() -> None:
    """Development builds have none."""
    assert version_of("1.3.16") == (1, 3, 16)
    assert version_of("v0.6.4-beta") == (0, 6, 4)
    assert [version_of(text) for text in ("0.0.0-dev-2026", "local", "", None)] == [None] * 4


def test_prompt_and_tool_result_lead_to_calls(tmp_path: Path) -> None:
    """The creation of a message is an early send time; the first block's id is the first output."""
    asks = answer(1, start(2), tool(2.5, 3, 5), finish(5.1, "tool-calls"), done=5.2, finish="tool-calls")
    first, second = calls(tmp_path, user(0), asks, whole(6))
    assert (first.trigger, since(first.trigger_at), since(first.sent_at)) == ("user", 0, 1)
    assert (first.sent_source, since(first.first_output_at), first.first_output_source) == (
        "record_created", 2.5, "first_shown",
    )  # fmt: skip
    assert (since(first.last_output_at), first.last_output_source) == (3, "last_block_end")
    assert (second.trigger, since(second.trigger_at), second.first_output_source) == ("tool_result", 5, "block_start")
    block = first.blocks[0]
    assert (block.type, block.name, since(block.start_at), since(block.end_at), since(block.result_at)) == (
        "tool_use", "bash", 2.5, 3, 5,
    )  # fmt: skip
    assert (second.model, second.provider, second.project) == ("big", "anthropic", "/home/dev/project")


def test_a_text_that_is_closed_with_the_stream_ends_where_the_next_block_starts(tmp_path: Path) -> None:
    """Chat completions give no end of a text; the end of the call is then late."""
    message = answer(
        1, start(2), text(2, 4.5), tool(3, 4, 6), finish(6.1), done=6.2, finish="stop", providerID="gateway"
    )
    (call,) = calls(tmp_path, user(0), message)
    assert [since(block.end_at) for block in call.blocks] == [3, 4]
    assert (since(call.last_output_at), call.last_output_source, call.provider) == (4, "record_written", None)


@pytest.mark.parametrize(
    ("version", "tokens", "expected"),
    [
        ("1.18.33", rows.counts(100, 40, 10), 50),
        ("1.3.16", rows.counts(100, 40, 10, total=False), 50),
        ("1.3.15", rows.counts(100, 40, 10, total=False), 40),
        ("0.0.0-dev", rows.counts(100, 40, 10, total=False), None),
        ("1.2.0", rows.counts(100, 10, 40, total=False), 50),
        ("1.2.0", rows.counts(100, 40, 10) | {"total": 190}, 40),
        ("local", rows.counts(100, 40, 0, total=False), 40),
    ],
)
def test_output_holds_the_reasoning_once(tmp_path: Path, version: str, tokens: Any, expected: int | None) -> None:
    """By the total where there is one, else by the version that created the session."""
    (call,) = calls(tmp_path, user(0), whole(1, tokens=tokens), sessions=[session(version=version)])
    assert call.output_tokens == expected
    assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (150, 50, 0)


def test_no_usage_is_not_zero(tmp_path: Path) -> None:
    """A gateway without usage leaves zeros; thoughts with no count are thoughts of unknown length."""
    (call,) = calls(tmp_path, user(0), whole(1, tokens=NONE))
    assert (call.output_tokens, call.input_tokens, call.reasoning_tokens) == (None, None, None)
    assert call.flags == ()
    thinks = answer(
        1, start(2), reasoning(2, 3), text(3, 4), finish(4.1), done=5, finish="stop", tokens=rows.counts(9, 9, 0)
    )
    (tmp_path / "b").mkdir()
    (call,) = calls(tmp_path / "b", user(0), thinks)
    assert (call.output_tokens, call.reasoning_tokens) == (9, None)


def test_the_text_log_gives_the_send_time_of_the_last_attempt(tmp_path: Path) -> None:
    """The database hides failed attempts; the first message of a process has start-up inside."""
    one, two = whole(1), whole(10, shift=4)
    log = rows.log_lines("aa", "anthropic", one, 1.7) + rows.log_lines("aa", "anthropic", two, 10.5, 13.2)
    first, second = calls(tmp_path, user(0), one, user(9), two, log=log)
    assert (since(first.sent_at), first.sent_source, first.flags) == (1.7, "process_start", ("first_of_process",))
    assert (since(second.sent_at), second.sent_source, second.attempts) == (13.2, "request_sent_wall", 2)
    assert (second.flags, second.first_output_source) == (("retried",), "block_start")


def test_parallel_streams_of_one_process_are_told_apart(tmp_path: Path) -> None:
    """The line of the sending names only the model: the oldest stream that waits has it; titles are left out."""
    one, two = whole(1), whole(1.1, name="ses_two", modelID="other")
    lines = rows.log_lines("aa", "anthropic", one, 1.5).splitlines(keepends=True)
    others = rows.log_lines("aa", "anthropic", two, 1.6).splitlines(keepends=True)
    title = lines[1].replace("small=false", "small=true").replace("modelID=big", "modelID=small")
    log = "".join([lines[0], others[0], title, lines[1], others[1], others[2], lines[2]]) + "garbage \x00\n"
    found = calls(tmp_path, user(0), one, two, sessions=[session(), session("ses_two")], log=log)
    assert {call.model: since(call.sent_at) for call in found} == {"big": 1.5, "other": 1.6}


def test_a_stream_that_was_never_sent_takes_no_other_sending(tmp_path: Path) -> None:
    """Nor does a sending count that lies outside its message's times."""
    one, two = whole(1), whole(10)
    never = rows.log_lines("aa", "anthropic", one, 1.5).splitlines(keepends=True)[:2]
    log = "".join(never) + rows.log_lines("aa", "anthropic", two, 10.5)
    first, second = calls(tmp_path, user(0), one, user(9), two, log=log)
    assert (since(first.sent_at), first.sent_source) == (1, "record_created")
    assert (since(second.sent_at), second.sent_source, second.attempts) == (10.5, "request_sent_wall", 1)
    (tmp_path / "b").mkdir()
    (call,) = calls(tmp_path / "b", user(0), one, log=rows.log_lines("aa", "anthropic", one, 0.5, 2.5))
    assert (since(call.sent_at), call.sent_source) == (1, "record_created")


def test_a_lost_connection_leaves_a_finish_without_reason_and_usage(tmp_path: Path) -> None:
    """The next message is its repetition."""
    lost = answer(1, start(2), text(2, 3), finish(3.1, "unknown", NONE), done=3.2, finish="unknown", tokens=NONE)
    cut, again = calls(tmp_path, user(0), lost, whole(4))
    assert (cut.flags, cut.output_tokens) == (("interrupted",), None)
    assert (again.trigger, again.trigger_at, again.flags) == ("retry", None, ())


def test_requests_without_output_are_problems(tmp_path: Path) -> None:
    """A refused request, and one that the user stopped or a crash ended."""
    refused = answer(1, done=2, error={"name": "APIError"}, tokens=NONE)
    stopped = answer(3, start(4), done=5, error={"name": "MessageAbortedError"}, tokens=NONE)
    crashed = answer(6, tokens=NONE)
    found = read(tmp_path, user(0), refused, user(2), stopped, user(5), crashed)
    assert [item.kind for item in found if isinstance(item, Problem)] == [
        "failed_attempt", "request_without_response", "request_without_response",
    ]  # fmt: skip
    assert not [item for item in found if isinstance(item, Call)]


def test_an_interrupted_answer_keeps_what_came(tmp_path: Path) -> None:
    """With its first output, without a count."""
    stopped = answer(1, start(2), text(2.5, None), done=4, error={"name": "MessageAbortedError"}, tokens=NONE)
    (call,) = calls(tmp_path, user(0), stopped)
    assert (call.flags, since(call.first_output_at), call.output_tokens) == (("interrupted",), 2.5, None)


def test_an_answer_without_marks_is_whole_when_it_has_tokens(tmp_path: Path) -> None:
    """Old versions had neither start nor finish; without usage it broke off."""
    whole_one, lost = calls(
        tmp_path, user(0), answer(1, text(2, 3), done=4), user(5), answer(6, text(7, 8), done=9, tokens=NONE)
    )
    assert (whole_one.flags, whole_one.output_tokens) == ((), 50)
    assert (lost.flags, lost.output_tokens) == (("interrupted",), None)


def test_sub_agents_belong_to_the_session_of_the_person(tmp_path: Path) -> None:
    """Their first call is triggered by the parent, later ones by results."""
    sessions = [session(), session("ses_kid", "ses_one"), session("ses_kid2", "ses_kid")]
    asks = answer(1, start(2), tool(2, 3, 4), finish(4.1, "tool-calls"), done=4.2, finish="tool-calls", name="ses_kid2")
    first, second = calls(tmp_path, user(0, name="ses_kid2"), asks, whole(5, name="ses_kid2"), sessions=sessions)
    assert (first.session_id, first.agent_id, first.trigger) == ("ses_one", "ses_kid2", "subagent")
    assert (second.trigger, second.flags) == ("tool_result", ("sidechain",))


def test_compaction_and_the_message_after_it(tmp_path: Path) -> None:
    """The agent itself writes the prompt that follows."""
    found = calls(
        tmp_path,
        user(0, part("compaction", 0, auto=True)),
        whole(1, summary=True),
        user(4, part("text", 4, text="go on", synthetic=True)),
        whole(5),
    )
    assert [call.trigger for call in found] == ["compaction", "notification"]


def test_a_command_that_asks_no_model_is_no_call(tmp_path: Path) -> None:
    """Its tool's end leads to the next call."""
    command = answer(1, tool(1, 1, 8, "task"), done=8.1, finish="tool-calls", tokens=NONE)
    (call,) = calls(tmp_path, user(0, part("subtask", 0)), command, whole(9))
    assert (call.trigger, since(call.trigger_at)) == ("tool_result", 8)


def test_all_requests_of_a_turn_in_one_message(tmp_path: Path) -> None:
    """As before 0.8: each with its own finish and tokens."""
    asks = finish(5.1, "tool-calls", rows.counts(100, 7, 0))
    message = answer(1, start(2), tool(2.5, 3, 5), asks, start(6), text(6.5, 8, id=rows.identity("prt", 6.5)),
                     finish(8.1, "stop", rows.counts(200, 9, 0)), done=8.2, tokens=rows.counts(200, 9, 0))  # fmt: skip
    first, second = calls(tmp_path, user(0), message, sessions=[session(version="0.6.4")])
    assert (first.output_tokens, second.output_tokens) == (7, 9)
    assert (second.trigger, since(second.sent_at), second.sent_source) == ("tool_result", 5, "trigger_line")
    assert second.message_id == f"{first.message_id}#2"
    assert {first.first_output_source, second.first_output_source} == {"first_shown"}


def test_a_second_start_is_another_attempt(tmp_path: Path) -> None:
    """Only what the last attempt sent is the response."""
    message = answer(1, start(2), text(2.5, None), start(4), text(4.5, 6), finish(6.1), done=6.2, finish="stop")
    (call,) = calls(tmp_path, user(0), message)
    assert (call.attempts, call.flags, since(call.first_output_at), len(call.blocks)) == (2, ("retried",), 4.5, 1)


def test_a_fork_copies_messages_under_new_ids(tmp_path: Path) -> None:
    """A copy whose original is here is left out; alone it keeps the times that are inside."""
    original = whole(1)
    copy = whole(1, name="ses_fork")
    new_id = rows.identity("msg", 500)
    copy["info"] |= {"id": new_id}
    copy["parts"] = [
        entry | {"id": rows.identity("prt", 500, number)} for number, entry in enumerate(copy["parts"], start=1)
    ]
    (call,) = calls(tmp_path, user(0), original, copy, sessions=[session(), session("ses_fork")])
    assert call.session_id == "ses_one"
    (tmp_path / "b").mkdir()
    (call,) = calls(tmp_path / "b", copy, sessions=[session("ses_fork")])
    assert (call.session_id, since(call.first_output_at), since(call.last_output_at)) == ("ses_fork", 2, 3)


def test_clock_steps_and_sleep_are_flagged(tmp_path: Path) -> None:
    """Durations that they spoil are not used."""
    back = answer(50, start(49), text(49, 52), finish(52.1), done=53, finish="stop")
    slept = answer(100, start(101), text(101, 2000), finish(2000.1), done=2000.2, finish="stop")
    first, second = calls(tmp_path, user(40), back, user(90, counter=2), slept)
    assert first.flags == ("clock_step",)
    assert second.flags == ("suspended",)


def test_rows_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    """The rest is still read."""
    import sqlite3
    from contextlib import closing

    path = rows.database(tmp_path / "opencode.db", [session()], [user(0), whole(1)])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO message VALUES ('msg_x', 'ses_one', 1, 1, 'not json')")
        connection.execute("INSERT INTO message VALUES ('msg_y', 'ses_one', 1, 1, '[1]')")
        connection.execute("INSERT INTO part VALUES ('prt_x', 'msg_gone', 'ses_one', 1, 1, '{}')")
        connection.commit()
    found = list(FORMAT.read(Source.from_path(path)))
    assert [item.kind for item in found if isinstance(item, Problem)] == ["bad_record", "bad_record"]
    assert len(found) == 3


def test_it_claims_its_tables_and_not_kilos() -> None:
    """By columns; the place tells the forks apart."""
    head = b"SQLite format 3\x00" + rows.SCHEMA.encode()
    assert FORMAT.sniff("/x/opencode-dev.db", head)
    assert not FORMAT.sniff("/x/kilo.db", head)
    assert not FORMAT.sniff("/home/me/.local/share/kilo/data.db", head)
    assert not FORMAT.sniff("/x/opencode.db", head.replace(b"`message_id`", b"`m`"))
    assert not FORMAT.sniff("/x/opencode.db", rows.SCHEMA.encode())


def test_stamps_of_the_wrong_kind_are_none(tmp_path: Path) -> None:
    """Texts, lists and absurd numbers in the place of times, tokens and names."""
    message = answer(1, start(2), text(2, 3), finish(3.1), done=4, tokens={"input": "many", "output": -1, "cache": []})
    message["info"] |= {"time": {"created": [1], "completed": "x"}, "modelID": 5, "path": None, "error": "?"}
    message["parts"][1]["time"] = {"start": "x", "end": 10**30}
    path = tmp_path / "opencode.db"
    message["info"]["time"]["created"] = ms(1)
    rows.database(path, [session()], [user(0), message])
    found = [item for item in FORMAT.read(Source.from_path(path)) if isinstance(item, Call)]
    assert [(call.model, call.output_tokens, call.input_tokens) for call in found] == [(None, None, None)]
