"""The 37 edge cases of Claude Code transcripts, and those of the newest versions.

All input is built by hand. Each test names the case's number in the format reference's list.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from claude_code_lines import Log, Record, iso, join, read, seconds, text, thinking, tool, usage
from latprof.ingest import read_inputs
from latprof.model import Call
from latprof.trace import Trace


def only(calls: list[Call]) -> Call:
    """The one call of a log."""
    assert len(calls) == 1
    return calls[0]


def by_message(calls: list[Call]) -> dict[str | None, Call]:
    found = {call.message_id: call for call in calls}
    assert len(found) == len(calls)
    return found


def read_folder(folder: Path) -> list[Call]:
    return read_inputs([str(folder)]).calls


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def one_turn(log: Log, message_id: str = "msg_one") -> Log:
    """A prompt at 0 s, answered by one text block at 4 s."""
    log.prompt(0)
    log.answer(4, message_id, text(), stop="end_turn")
    return log


def test_single_block_call_has_a_bound_and_no_first_token() -> None:
    """Case 1: the first block's end bounds the first token; it is the call's end too."""
    call = only(one_turn(Log()).calls())
    assert (call.trigger, seconds(call.sent_at), call.sent_source) == ("user", 0.0, "trigger_line")
    assert (call.first_output_at, call.first_output_source) == (None, None)
    assert (seconds(call.first_block_at), seconds(call.last_output_at)) == (4.0, 4.0)
    assert (call.output_tokens, call.output_tokens_source) == (50, "stop_reason")


def test_thinking_text_and_tool_are_one_call() -> None:
    """Case 2: three lines with one message id are one call with three blocks, its usage counted once."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", thinking(120))
    log.answer(4, "msg_a", text(80))
    log.answer(5, "msg_a", tool("t1"))
    call = only(log.calls())
    assert [(b.type, seconds(b.end_at)) for b in call.blocks] == [("thinking", 3.0), ("text", 4.0), ("tool_use", 5.0)]
    assert [b.characters for b in call.blocks] == [120, 80, len('{"command":"' + "x" * 20 + '"}')]
    assert (call.output_tokens, call.input_tokens) == (50, 1103)
    assert call.blocks[2].name == "Bash"


def test_results_inside_a_response_are_not_its_trigger() -> None:
    """Case 3: a tool that answers between two blocks does not split the response or start a new call."""
    log = Log()
    log.prompt(0)
    first = log.answer(3, "msg_a", tool("t1"))
    log.result(3.2, "t1", parent=first)
    log.answer(4, "msg_a", tool("t2"))
    log.result(4.5, "t2")
    log.answer(7, "msg_b", text(), stop="end_turn")
    calls = by_message(log.calls())
    assert calls["msg_a"].trigger == "user"
    assert seconds(calls["msg_a"].sent_at) == 0.0
    assert [seconds(b.result_at) for b in calls["msg_a"].blocks] == [3.2, 4.5]
    assert (calls["msg_b"].trigger, seconds(calls["msg_b"].sent_at)) == ("tool_result", 4.5)


def test_the_latest_of_parallel_results_sends_the_next_call() -> None:
    """Case 4: the chain leads to one result, but the request left when the last of them was there."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", tool("t1"))
    second = log.answer(3.5, "msg_a", tool("t2"))
    log.result(9, "t1", parent=second)
    log.result(6, "t2", parent=second)
    log.answer(12, "msg_b", text())
    calls = by_message(log.calls())
    assert (calls["msg_b"].trigger, seconds(calls["msg_b"].sent_at)) == ("tool_result", 9.0)


def test_placeholders_are_refused() -> None:
    """Case 5: the same small count on all lines, no stop reason: the tokens are not known."""
    log = Log(version="2.1.20")
    log.prompt(0)
    log.answer(3, "msg_a", text(900), stop=None, tokens=usage(4))
    log.answer(5, "msg_a", tool("t1"), stop=None, tokens=usage(4))
    call = only(log.calls())
    assert (call.output_tokens, call.output_tokens_kind, call.output_tokens_source) == (None, "unknown", None)
    assert seconds(call.last_output_at) == 5.0


def test_a_count_that_changes_is_final_at_the_end() -> None:
    """Case 6: placeholder first, another count on the last line: that one is final."""
    log = Log(version="2.1.5")
    log.prompt(0)
    log.answer(3, "msg_a", text(), stop=None, tokens=usage(2))
    log.answer(5, "msg_a", tool("t1"), stop=None, tokens=usage(321))
    assert (only(log.calls()).output_tokens, only(log.calls()).output_tokens_source) == (321, "changed")


def test_a_count_that_fits_the_visible_text_is_final() -> None:
    """Case 7 and the ratio rule: 2,000 characters are about 500 tokens; 300 is no placeholder."""
    log = Log(version="1.0.98")
    log.prompt(0)
    log.answer(3, "msg_a", text(2000), stop=None, tokens=usage(300))
    assert (only(log.calls()).output_tokens, only(log.calls()).output_tokens_source) == (300, "ratio")


def test_final_counts_on_all_lines_are_counted_once() -> None:
    """Case 7: three lines that all say 90 are a call of 90 tokens."""
    log = Log()
    log.prompt(0)
    for at, block in ((2, thinking()), (3, text()), (4, tool("t"))):
        log.answer(at, "msg_a", block, tokens=usage(90))
    assert only(log.calls()).output_tokens == 90


def test_no_stop_reason_in_a_version_that_writes_it_means_interrupted() -> None:
    """Case 8: where whole responses have the reason on every line, a null one is a cut response."""
    log = Log(version="2.1.200")
    log.prompt(0)
    log.answer(3, "msg_whole", text(), extra={"stop_details": None})
    log.answer(4, "msg_whole", tool("t1"), extra={"stop_details": None})
    log.result(5, "t1")
    log.answer(8, "msg_a", text(2000), stop=None, tokens=usage(900), extra={"stop_details": None})
    calls = by_message(log.calls())
    assert (calls["msg_whole"].flags, calls["msg_whole"].output_tokens) == ((), 50)
    assert (calls["msg_a"].flags, calls["msg_a"].output_tokens) == (("interrupted",), None)


def test_a_version_that_stops_on_last_lines_only_does_not_make_placeholders_interrupted() -> None:
    """Case 5 in 2.1.59 to 2.1.91: no stop reason and a placeholder; the call is whole, its tokens unknown."""
    log = Log(version="2.1.91")
    log.prompt(0)
    log.answer(3, "msg_whole", text(), stop=None, tokens=usage(2), extra={"stop_details": None})
    log.answer(4, "msg_whole", tool("t1"), extra={"stop_details": None})
    log.result(5, "t1")
    log.answer(8, "msg_a", text(2000), stop=None, tokens=usage(900), extra={"stop_details": None})
    calls = by_message(log.calls())
    assert (calls["msg_a"].flags, calls["msg_a"].output_tokens) == ((), None)


def test_a_backend_without_stop_details_gives_whole_responses() -> None:
    """A key that this service never sends is not missed."""
    log = Log(version="2.1.329")
    log.prompt(0)
    log.answer(3, "msg_a", text(), apiBlockIndex=0, model="glm-5.1")
    assert (only(log.calls()).flags, only(log.calls()).output_tokens) == ((), 50)


def test_the_interrupt_line_marks_the_response_before_it() -> None:
    """Case 8, older: the user's interrupt follows the cut response directly."""
    log = Log(version="2.1.20")
    log.prompt(0)
    log.answer(3, "msg_a", text(), stop=None, tokens=usage(2))
    log.answer(4, "msg_a", text(), stop=None, tokens=usage(7))
    log.prompt(4.1, "[Request interrupted by user]")
    log.prompt(9, "go on")
    log.answer(12, "msg_b", text(), stop="end_turn")
    calls = by_message(log.calls())
    assert calls["msg_a"].flags == ("interrupted",)
    assert calls["msg_a"].output_tokens is None
    assert (calls["msg_b"].flags, seconds(calls["msg_b"].sent_at)) == ((), 9.0)


def test_interrupted_message_id_names_the_cut_response() -> None:
    """Case 8, newer: the interrupt names its message wherever it stands."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", thinking(), stop="end_turn")
    log.prompt(5, "[Request interrupted by user]", parent=None, interruptedMessageId="msg_a")
    assert only(log.calls()).flags == ("interrupted",)


def test_an_interrupted_tool_does_not_cut_the_response() -> None:
    """An interrupt while a tool ran: the response before it was complete."""
    log = Log(version="2.1.20")
    log.prompt(0)
    log.answer(3, "msg_a", tool("t1"), stop=None, tokens=usage(2))
    log.answer(4, "msg_a", tool("t2"), stop=None, tokens=usage(70))
    log.prompt(6, "[Request interrupted by user for tool use]")
    assert only(log.calls()).flags == ()


def test_synthetic_messages_are_no_calls() -> None:
    """Case 9: a local error message has a model of its own name and is left out."""
    log = Log()
    log.prompt(0)
    log.answer(2, "uuid-like", text(), model="<synthetic>", request=None, stop="stop_sequence", isApiErrorMessage=True)
    log.prompt(10)
    log.answer(14, "msg_a", text(), stop="end_turn")
    call = only(log.calls())
    assert (call.message_id, seconds(call.sent_at)) == ("msg_a", 10.0)


def test_a_synthetic_that_truncates_marks_the_response() -> None:
    """A synthetic message with `truncatedAfterOutput` says that the response before it was cut."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", text())
    log.answer(4, "local", text(), model="<synthetic>", request=None, truncatedAfterOutput=True)
    assert only(log.calls()).flags == ("interrupted",)


def test_seven_errors_then_success_is_one_call_of_eight_attempts() -> None:
    """Case 10: the send time is the last error plus the wait that it names."""
    log = Log()
    log.prompt(0)
    for attempt in range(1, 8):
        log.add("system", 10.0 * attempt, subtype="api_error", retryInMs=1500.5, retryAttempt=attempt)
    log.answer(80, "msg_a", text(), stop="end_turn")
    call = only(log.calls())
    assert (call.attempts, call.flags, call.sent_source) == (8, ("retried",), "retry_adjusted")
    assert seconds(call.sent_at) == pytest.approx(71.5, abs=0.002)
    assert seconds(call.trigger_at) == 0.0


def test_errors_outside_the_chain_count_too() -> None:
    """Case 10: an error line between trigger and response in file order, in no chain."""
    log = Log()
    prompt = log.prompt(0)
    log.add("system", 5, subtype="api_error", retryInMs=1000, parent=None)
    log.answer(9, "msg_a", text(), stop="end_turn", parent=prompt)
    assert (only(log.calls()).attempts, seconds(only(log.calls()).sent_at)) == (2, 6.0)


def test_a_line_with_several_blocks_was_not_streamed() -> None:
    """Case 11: no first token, no decode; the tokens are final in any version."""
    log = Log(version="2.1.5")
    log.prompt(0)
    log.answer(60, "msg_a", thinking(), text(), tool("t1"), stop="tool_use", tokens=usage(400))
    call = only(log.calls())
    assert call.flags == ("non_streamed",)
    assert call.output_tokens == 400
    assert Trace.from_calls([call]).first_block_s.tolist() != [60.0]


def test_the_call_after_a_compaction_is_triggered_by_the_summary() -> None:
    """Case 12: a boundary without parent, the summary as user line, then the next call."""
    log = one_turn(Log())
    log.add("system", 5, subtype="compact_boundary", parent=None, logicalParentUuid=log.last)
    log.prompt(6, "This session is being continued", isCompactSummary=True)
    log.answer(9, "msg_b", text())
    call = by_message(log.calls())["msg_b"]
    assert (call.trigger, seconds(call.sent_at)) == ("compaction", 6.0)


def test_the_compaction_agents_file_holds_compaction_calls(tmp_path: Path) -> None:
    """Case 13: `agent-acompact-*` is the call that writes the summary."""
    side = one_turn(Log(side="acompact-12ab"))
    write(tmp_path / "session-1/subagents/agent-acompact-12ab.jsonl", side.data())
    call = only(read_folder(tmp_path))
    assert (call.trigger, call.agent_id, call.flags) == ("compaction", "acompact-12ab", ("sidechain",))


@pytest.mark.parametrize(
    "place",
    [
        "agent-ab12.jsonl",
        "session-1/subagents/agent-ab12.jsonl",
        "session-1/subagents/workflows/wf_1/agent-ab12.jsonl",
    ],
)
def test_sub_agent_files_of_all_layouts(tmp_path: Path, place: str) -> None:
    """Case 14: the first call is `subagent`, later ones `tool_result`, all flagged, apart from the parent."""
    side = Log(side="ab12")
    side.prompt(1, "do this", parent=None)
    side.answer(3, "msg_s1", tool("s1"))
    side.result(4, "s1")
    side.answer(6, "msg_s2", text(), stop="end_turn")
    write(tmp_path / "session-1.jsonl", one_turn(Log()).data())
    write(tmp_path / place, side.data())
    calls = by_message(read_folder(tmp_path))
    assert (calls["msg_s1"].trigger, calls["msg_s2"].trigger) == ("subagent", "tool_result")
    assert all(calls[name].flags == ("sidechain",) for name in ("msg_s1", "msg_s2"))
    assert {call.session_id for call in calls.values()} == {"session-1"}
    assert (calls["msg_one"].flags, calls["msg_one"].agent_id) == ((), None)


def test_sidechains_inside_the_main_file() -> None:
    """Case 14: old versions keep the sub-agent's lines between the parent's, without an agent id."""
    log = Log(version="1.0.98")
    prompt = log.prompt(0)
    log.prompt(1, "do this", parent=None, isSidechain=True)
    log.answer(3, "msg_s", text(), isSidechain=True)
    log.answer(4, "msg_a", text(), parent=prompt)
    calls = by_message(log.calls())
    assert (calls["msg_s"].trigger, calls["msg_s"].flags) == ("subagent", ("sidechain",))
    assert (calls["msg_a"].trigger, calls["msg_a"].flags, seconds(calls["msg_a"].sent_at)) == ("user", (), 0.0)


def _embed(log: Log, at: float, inner: Record) -> None:
    data = {"type": "agent_progress", "agentId": "ab12", "prompt": "do this", "message": inner}
    log.add("progress", at + 5, data=data)  # the outer stamp differs on purpose


def _embedding_parent() -> Log:
    log = Log(version="2.1.40")
    log.prompt(0)
    log.answer(2, "msg_a", tool("t1", "Task"))
    order: Record = {"type": "user", "uuid": "e1", "timestamp": iso(3), "message": {"role": "user", "content": "do"}}
    _embed(log, 3, order)
    message: Record = {"id": "msg_s", "model": "claude-haiku-4-5", "role": "assistant", "content": [tool("s1")]}
    message |= {"usage": usage(3), "stop_reason": None}
    reply: Record = {
        "type": "assistant",
        "uuid": "e2",
        "timestamp": iso(4),
        "requestId": "req_msg_s",
        "message": message,
    }
    _embed(log, 4, reply)
    return log


def test_embedded_sub_agent_calls_count_where_the_file_is_missing(tmp_path: Path) -> None:
    """Case 15: the embedded message's own time counts, not that of the line around it."""
    write(tmp_path / "session-1.jsonl", _embedding_parent().data())
    call = by_message(read_folder(tmp_path))["msg_s"]
    assert (call.trigger, call.agent_id, call.flags) == ("subagent", "ab12", ("sidechain", "embedded"))
    assert (seconds(call.sent_at), seconds(call.last_output_at)) == (3.0, 4.0)


def test_the_agents_own_file_wins_over_embeds(tmp_path: Path) -> None:
    """Case 15: with the agent's file there, the embedded copy is not used and not counted again."""
    side = Log(side="ab12", version="2.1.40")
    side.prompt(3, parent=None)
    side.answer(4, "msg_s", tool("s1"), model="claude-haiku-4-5", stop=None, tokens=usage(3))
    side.answer(4.5, "msg_s", tool("s2"), model="claude-haiku-4-5", stop="tool_use", tokens=usage(80))
    write(tmp_path / "session-1.jsonl", _embedding_parent().data())
    write(tmp_path / "session-1/subagents/agent-ab12.jsonl", side.data())
    calls = by_message(read_folder(tmp_path))
    assert set(calls) == {"msg_a", "msg_s"}
    assert (calls["msg_s"].flags, calls["msg_s"].output_tokens) == (("sidechain",), 80)


def _long_log() -> Log:
    log = one_turn(Log())
    log.prompt(10)
    log.answer(13, "msg_b", thinking(), tokens=usage(70))
    log.answer(14, "msg_b", tool("t1"), tokens=usage(70))
    log.result(16, "t1")
    log.answer(19, "msg_c", text(), stop="end_turn")
    return log


def test_a_resumed_copy_adds_only_its_own_calls(tmp_path: Path) -> None:
    """Case 16: a new file that starts with a copy under a new session id; copies keep their session."""
    log = _long_log()
    copied = [line | {"sessionId": "session-2"} for line in log.lines]
    more = Log(session="session-2", last=log.last, count=100)
    more.prompt(500)
    more.answer(504, "msg_d", text(), stop="end_turn")
    write(tmp_path / "session-1.jsonl", log.data())
    alone = {call.call_id: call for call in read_folder(tmp_path)}
    write(tmp_path / "session-2.jsonl", join(copied + more.lines))
    together = {call.call_id: call for call in read_folder(tmp_path)}
    assert {key: together[key] for key in alone} == alone
    (added,) = [call for key, call in together.items() if key not in alone]
    assert (added.message_id, added.session_id) == ("msg_d", "session-2")


@pytest.mark.parametrize("order", ["abc", "cab", "bca"])
def test_checkpoints_of_one_session_are_one_session(tmp_path: Path, order: str) -> None:
    """Case 17: prefixes of each other, in any order, give what the longest gives."""
    log = _long_log()
    for name, length in zip(order, (3, 5, len(log.lines)), strict=True):
        write(tmp_path / f"{name}.jsonl", join(log.lines[:length]))
    assert sorted(read_folder(tmp_path), key=lambda c: c.call_id) == sorted(log.calls(), key=lambda c: c.call_id)


def test_a_dequeued_prompt_is_a_user_call_from_its_own_line() -> None:
    """Case 18: waiting time in the queue is not waiting for the model."""
    log = one_turn(Log())
    log.bare("queue-operation", operation="enqueue", timestamp=iso(1), content="next")
    log.bare("queue-operation", operation="dequeue", timestamp=iso(5))
    log.prompt(5.1, promptSource="queued")
    log.answer(8, "msg_b", text())
    call = by_message(log.calls())["msg_b"]
    assert (call.trigger, seconds(call.sent_at)) == ("user", 5.1)


def test_a_prompt_absorbed_in_mid_turn_leaves_a_tool_result_call() -> None:
    """Case 18: the attachment carries the time when it was typed, which is no send time."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", tool("t1"))
    log.result(9, "t1")
    log.add("attachment", 4, attachment={"type": "queued_command", "prompt": "and this"})
    log.answer(12, "msg_b", text())
    call = by_message(log.calls())["msg_b"]
    assert (call.trigger, seconds(call.sent_at)) == ("tool_result", 9.0)


def test_local_commands_before_a_prompt_are_not_the_trigger() -> None:
    """Case 19: only the line that the response chains to counts."""
    log = Log()
    log.prompt(0, "<local-command-caveat>", isMeta=True)
    log.prompt(0.1, "<command-name>/clear</command-name>")
    log.prompt(0.2, "<local-command-stdout></local-command-stdout>")
    log.prompt(30, "now do it")
    log.answer(34, "msg_a", text())
    assert (only(log.calls()).trigger, seconds(only(log.calls()).sent_at)) == ("user", 30.0)


def test_a_command_that_expands_is_a_user_call() -> None:
    """Case 19: a typed slash command calls through the meta line that follows it."""
    log = Log()
    log.prompt(0, "<command-name>/review</command-name>")
    log.prompt(0.1, "# Review the change", isMeta=True)
    log.answer(5, "msg_a", text())
    assert (only(log.calls()).trigger, seconds(only(log.calls()).sent_at)) == ("user", 0.1)


def test_a_skill_body_belongs_to_its_tool_result() -> None:
    """A meta line that names the tool use it comes from is part of the tool's result."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", tool("t1", "Skill"))
    log.result(3.1, "t1")
    log.prompt(3.2, "Base directory for this skill", isMeta=True, sourceToolUseID="t1")
    log.answer(6, "msg_b", text())
    call = by_message(log.calls())["msg_b"]
    assert (call.trigger, seconds(call.sent_at)) == ("tool_result", 3.2)


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("<task-notification>\n<task-id>", {}),
        ("<teammate-message from=", {}),
        ("done", {"origin": {"kind": "task-notification"}}),
        ("Stop hook feedback: go on", {"isMeta": True}),
    ],
)
def test_messages_that_no_person_wrote_are_notifications(words: str, more: Record) -> None:
    """Case 20: background tasks, teammates and stop hooks are told apart from people."""
    log = one_turn(Log())
    log.prompt(60, words, **more)
    log.answer(66, "msg_b", text())
    assert by_message(log.calls())["msg_b"].trigger == "notification"


def test_a_slow_prompt_hook_moves_the_send_time() -> None:
    """Case 21: a UserPromptSubmit hook that timed out after 31 s ran before the request."""
    log = Log()
    log.prompt(0)
    log.add("attachment", 31, attachment={"type": "hook_cancelled", "hookEvent": "UserPromptSubmit"})
    log.answer(35, "msg_a", text())
    call = only(log.calls())
    assert (seconds(call.sent_at), call.sent_source, seconds(call.trigger_at)) == (31.0, "hook_adjusted", 0.0)


def test_a_permission_wait_is_tool_time_not_waiting_for_the_model() -> None:
    """Case 22: the result comes after the person agreed; the next call is sent then."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", tool("t1"))
    log.result(303, "t1")
    log.answer(306, "msg_b", text())
    calls = by_message(log.calls())
    assert seconds(calls["msg_b"].sent_at) == 303.0
    assert Trace.from_calls([calls["msg_a"]]).column("tool_s").tolist() == pytest.approx([300.0])


def test_questions_to_a_person_are_no_tool_time() -> None:
    """Case 23: minutes in AskUserQuestion are the person's."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", tool("t1", "AskUserQuestion"))
    log.result(603, "t1")
    log.answer(606, "msg_b", text())
    calls = by_message(log.calls())
    assert seconds(calls["msg_b"].sent_at) == 603.0
    (tool_s,) = Trace.from_calls([calls["msg_a"]]).column("tool_s").tolist()
    assert math.isnan(tool_s)


def test_a_clock_that_steps_back_gives_no_duration() -> None:
    """Case 24: a trigger after its response, or blocks out of order, cannot be timed."""
    log = Log()
    log.prompt(100)
    log.answer(40, "msg_a", text())
    log.prompt(200)
    log.answer(210, "msg_b", thinking())
    log.answer(150, "msg_b", text())
    calls = by_message(log.calls())
    assert "clock_step" in calls["msg_a"].flags
    assert "clock_step" in calls["msg_b"].flags
    trace = Trace.from_calls(list(calls.values()))
    assert not any(value >= 0 for name in ("wall_s", "first_block_s") for value in trace.column(name))


def test_attachments_that_step_back_a_little_change_nothing() -> None:
    """Case 24: lines a few milliseconds before their parent are usual."""
    log = Log()
    log.prompt(0.010)
    log.add("attachment", 0.007, attachment={"type": "skill_listing"})
    log.answer(3, "msg_a", text())
    assert (seconds(only(log.calls()).sent_at), only(log.calls()).flags) == (0.01, ())


def test_equal_stamps_of_two_blocks_are_fine() -> None:
    """Case 25: two small blocks at the same millisecond are no clock step."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", tool("t1"))
    log.answer(3, "msg_a", tool("t2"))
    assert only(log.calls()).flags == ()


def test_re_stamped_lines_are_unreliable() -> None:
    """Case 25: five lines of several responses with one stamp were written again after sleep."""
    log = Log()
    log.prompt(50)
    log.answer(50, "msg_a", tool("t1"))
    log.result(50, "t1")
    log.answer(50, "msg_b", tool("t2"))
    log.result(50, "t2")
    log.answer(60, "msg_c", text())
    calls = by_message(log.calls())
    assert "timestamp_unreliable" in calls["msg_a"].flags
    assert "timestamp_unreliable" in calls["msg_b"].flags
    assert "timestamp_unreliable" not in calls["msg_c"].flags


def test_a_cut_last_line_is_counted_and_the_rest_is_read() -> None:
    """Case 26: a file that is being written ends in half a line."""
    log = _long_log()
    calls, problems = read(log.data() + b'{"type":"assistant","mess', "s.jsonl")
    assert calls == log.calls("s.jsonl")
    assert [(p.kind, p.line) for p in problems] == [("cut_line", len(log.lines) + 1)]


def test_unknown_types_and_keys_are_ignored() -> None:
    """Case 27: new line types and keys change nothing and are no problem."""
    log = Log()
    log.bare("brand-new", timestamp=iso(0), nested={"type": "assistant"})
    log.prompt(0, brandNew={"uuid": "zzz"})
    log.answer(4, "msg_one", text(), stop="end_turn", anotherKey=[1, 2])
    calls, problems = read(log.data())
    assert (len(calls), problems) == (1, [])
    assert seconds(calls[0].sent_at) == 0.0


def test_keys_in_alphabetical_order_are_the_same_log() -> None:
    """Case 28: exported transcripts are written with sorted keys."""
    log = _long_log()
    ordered = b"".join(json.dumps(line, sort_keys=True).encode() + b"\n" for line in log.lines)
    assert read(ordered)[0] == log.calls()


def test_missing_request_ids_do_not_merge_calls() -> None:
    """Case 29: short ids that repeat in every turn stay different calls."""
    log = Log()
    for turn in range(3):
        log.prompt(100 * turn)
        log.answer(100 * turn + 5, "1", text(), request=None, model="glm-5.1")
    calls = log.calls()
    assert [seconds(call.sent_at) for call in calls] == [0.0, 100.0, 200.0]
    assert len({call.call_id for call in calls}) == 3


def test_a_short_id_in_a_tool_loop_starts_a_new_call_after_the_results() -> None:
    """Case 29: within one turn too, once all tools have answered."""
    log = Log()
    log.prompt(0)
    log.answer(3, "1", tool("t1"), request=None, model="glm-5.1")
    log.result(4, "t1")
    log.answer(8, "1", text(), request=None, model="glm-5.1")
    assert [(seconds(c.sent_at), seconds(c.last_output_at)) for c in log.calls()] == [(0.0, 3.0), (4.0, 8.0)]


def test_several_versions_in_one_file() -> None:
    """Case 30: each call has the version of its own lines."""
    log = one_turn(Log(version="2.1.5"))
    log.version = "2.1.150"
    log.prompt(10)
    log.answer(13, "msg_b", text())
    assert [call.agent_version for call in log.calls()] == ["2.1.5", "2.1.150"]


def test_a_model_switch_in_mid_session() -> None:
    """Case 31: each call has its own model; what was asked for stands beside it."""
    log = one_turn(Log())
    log.prompt(10)
    log.answer(13, "msg_b", text(), model="claude-haiku-4-5", requestedModel="claude-opus-4-7")
    calls = by_message(log.calls())
    assert (calls["msg_one"].model, calls["msg_b"].model) == ("claude-opus-4-7", "claude-haiku-4-5")
    assert calls["msg_b"].requested_model == "claude-opus-4-7"


def test_fast_mode_is_kept_apart() -> None:
    """Case 32: `speed: fast` is a column and a flag."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", text(), tokens=usage(50, speed="fast"))
    assert (only(log.calls()).speed_mode, only(log.calls()).flags) == ("fast", ("fast",))


def test_cache_writes_come_from_the_breakdown_where_the_flat_count_is_0() -> None:
    """Case 33: the larger of the flat count and the sum of its parts counts."""
    log = Log()
    log.prompt(0)
    parts = {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 400}
    log.answer(3, "msg_a", text(), tokens=usage(50, read=1000, write=0, fresh=3, cache_creation=parts))
    assert (only(log.calls()).cache_write_tokens, only(log.calls()).input_tokens) == (430, 1433)


def test_redacted_tool_ids_do_not_mix_up_results() -> None:
    """Case 34: where all tools share one id, the chain alone tells, and no result is guessed."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", tool("REDACTED"))
    log.result(5, "REDACTED")
    log.answer(8, "msg_b", tool("REDACTED"))
    log.result(20, "REDACTED")
    log.answer(24, "msg_c", text())
    calls = by_message(log.calls())
    assert [seconds(calls[name].sent_at) for name in ("msg_a", "msg_b", "msg_c")] == [0.0, 5.0, 20.0]
    assert calls["msg_b"].blocks[0].result_at is None


def test_a_response_of_24_lines() -> None:
    """Case 35: very many blocks are one call."""
    log = Log()
    log.prompt(0)
    for number in range(24):
        log.answer(3 + number * 0.5, "msg_a", tool(f"t{number}"))
    call = only(log.calls())
    assert (len(call.blocks), seconds(call.last_output_at)) == (24, 14.5)


def test_a_sleep_gap_gives_no_duration() -> None:
    """Case 36: twenty minutes inside a streamed call without an error are sleep, not latency."""
    log = Log()
    log.prompt(0)
    log.answer(1200, "msg_a", text())
    log.prompt(2000)
    log.answer(2500, "msg_b", text())
    calls = by_message(log.calls())
    assert (calls["msg_a"].flags, calls["msg_b"].flags) == (("suspended",), ())
    (slept,) = Trace.from_calls([calls["msg_a"]]).wall_s.tolist()
    assert math.isnan(slept)


def test_lines_of_megabytes() -> None:
    """Case 37: size is no obstacle and no text stays in memory."""
    log = Log()
    log.prompt(0, "y" * 3_000_000)
    log.answer(3, "msg_a", text(2_000_000), stop="end_turn")
    assert only(log.calls()).blocks[0].characters == 2_000_000


def _new(log: Log, at: float, message_id: str, index: int, block: Record, **more: object) -> None:
    extra: Record = {"stop_details": None}
    log.answer(at, message_id, block, apiBlockIndex=index, extra=extra, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("block", "key"), [(thinking(0), "thinkingDurationMs"), (tool("t1"), "toolInputStreamMs")])
def test_the_first_blocks_duration_gives_the_first_token(block: Record, key: str) -> None:
    """Newest versions: stamp minus duration of block 0 is the first token, the request line the send time."""
    log = Log(version="2.1.329")
    log.prompt(0)
    log.request(0.2, "r1")
    _new(log, 5.2, "msg_a", 0, block, requestRef="r1", **{key: 3000})
    _new(log, 6.2, "msg_a", 1, text(), requestRef="r1")
    call = only(log.calls())
    assert (seconds(call.sent_at), call.sent_source) == (0.2, "api_request_line")
    assert (seconds(call.first_output_at), call.first_output_source) == (2.2, "block_start")
    trace = Trace.from_calls([call])
    assert trace.ttft_s.tolist() == pytest.approx([2.0])
    assert trace.decode_tps.tolist() == pytest.approx([49 / 4.0])
    assert trace.column("wall_kind").tolist() == ["exact"]


def test_a_text_first_response_has_no_first_token() -> None:
    """Text blocks have no duration; a later block's start is not the first token."""
    log = Log(version="2.1.329")
    log.prompt(0)
    log.request(0.2, "r1")
    _new(log, 3, "msg_a", 0, text(), requestRef="r1")
    _new(log, 5, "msg_a", 1, tool("t1"), requestRef="r1", toolInputStreamMs=1500)
    call = only(log.calls())
    assert call.first_output_at is None
    assert [seconds(block.start_at) for block in call.blocks] == [None, 3.5]


def test_a_first_token_without_a_request_line_makes_decode_exact_but_not_ttft() -> None:
    """Versions 2.1.287 to 2.1.299: the send time is still taken from the trigger line."""
    log = Log(version="2.1.290")
    log.prompt(0)
    _new(log, 5, "msg_a", 0, thinking(0), thinkingDurationMs=3000)
    _new(log, 6, "msg_a", 1, text())
    call = only(log.calls())
    assert (call.sent_source, call.first_output_source) == ("trigger_line", "block_start")
    trace = Trace.from_calls([call])
    assert trace.column("ttft_kind").tolist() == [None]
    assert trace.column("decode_kind").tolist() == ["exact"]


def test_request_lines_count_the_attempts() -> None:
    """Three failures, four request lines: the last one is the send time of the answer."""
    log = Log(version="2.1.329")
    log.prompt(0)
    for attempt in range(1, 4):
        log.request(attempt, f"r{attempt}")
        log.add("system", attempt + 0.1, subtype="api_error", retryInMs=500, retryAttempt=attempt)
    log.request(4, "r4")
    _new(log, 7, "msg_a", 0, thinking(0), requestRef="r4", thinkingDurationMs=1000)
    call = only(log.calls())
    assert (call.attempts, seconds(call.sent_at), call.sent_source) == (4, 4.0, "api_request_line")
    assert call.flags == ("retried",)
    assert read(log.data())[1] == []


def test_a_fallback_of_one_block_is_known_by_its_smaller_limit() -> None:
    """Two request lines without an error between, the second with half the limit: not streamed."""
    log = Log(version="2.1.329")
    log.prompt(0)
    log.request(0.1, "r1", 128000)
    log.request(2.0, "r2", 64000)
    log.answer(5, "msg_a", text(), stop="end_turn", apiBlockIndex=0, requestRef="r2")
    call = only(log.calls())
    assert set(call.flags) == {"retried", "non_streamed"}
    assert (call.output_tokens, call.attempts, call.first_output_at) == (50, 2, None)


def test_a_cut_stream_that_says_end_turn_is_interrupted() -> None:
    """New versions write a stop reason and the start count; the harness line after it tells."""
    log = Log(version="2.1.329")
    log.prompt(0)
    log.request(0.1, "r1")
    log.answer(3, "msg_a", text(), stop="end_turn", tokens=usage(1), apiBlockIndex=0, requestRef="r1")
    note = "Your response above was cut off mid-stream. Go on."
    log.prompt(3.4, note, isMeta=True, turnCompanion=True)
    log.request(3.5, "r2")
    _new(log, 6, "msg_b", 0, text(), requestRef="r2")
    calls = by_message(log.calls())
    assert (calls["msg_a"].flags, calls["msg_a"].output_tokens) == (("interrupted",), None)
    assert (calls["msg_b"].trigger, calls["msg_b"].flags) == ("retry", ())


def test_a_request_line_without_a_response_is_counted() -> None:
    """An aborted request leaves a trace; a request still running at the end of the file does not count."""
    log = Log(version="2.1.329")
    log.prompt(0)
    log.request(0.1, "r1")
    log.prompt(2, "[Request interrupted by user]")
    log.prompt(5)
    log.request(5.1, "r2")
    _new(log, 8, "msg_a", 0, text(), requestRef="r2")
    log.result(9, "t")
    log.request(9.1, "r3")
    calls, problems = read(log.data())
    assert [call.attempts for call in calls] == [1]
    assert [(problem.kind, problem.line) for problem in problems] == [("request_without_response", 2)]


def test_a_block_start_before_the_request_is_a_clock_step() -> None:
    """Durations are monotonic, stamps are not: a start before sending is dropped."""
    log = Log(version="2.1.329")
    log.prompt(0)
    log.request(4, "r1")
    _new(log, 5, "msg_a", 0, thinking(0), requestRef="r1", thinkingDurationMs=3000)
    call = only(log.calls())
    assert call.first_output_at is None
    assert "clock_step" in call.flags


def test_server_tools_and_several_passes_are_flagged() -> None:
    """Time of server tools sits inside the call; such calls stay out of rates."""
    log = Log()
    log.prompt(0)
    more: Record = {"server_tool_use": {"web_search_requests": 1}, "iterations": [{}, {}]}
    log.answer(9, "msg_a", text(), tokens=usage(50, **more))
    call = only(log.calls())
    assert call.flags == ("server_tools", "multi_iteration")
    assert Trace.from_calls([call]).column("wall_tps").tolist() != [50 / 9]


def test_blocks_that_arrive_together_are_a_burst() -> None:
    """A block of 400 characters 10 ms after the one before it was not generated in that time."""
    log = Log()
    log.prompt(0)
    log.answer(9, "msg_a", thinking())
    log.answer(9.01, "msg_a", text(400))
    assert only(log.calls()).flags == ("burst",)


def test_a_copied_line_counts_once() -> None:
    """The same uuid twice in a file is a copy."""
    log = _long_log()
    assert read(join(log.lines + log.lines))[0] == log.calls()


def test_thinking_tokens_size_the_hidden_block() -> None:
    """Where the usage states thinking tokens, the one thinking block has them; its text stays unknown."""
    log = Log(version="2.1.250")
    log.prompt(0)
    details: Record = {"output_tokens_details": {"thinking_tokens": 33}}
    log.answer(4, "msg_a", thinking(0), tokens=usage(50, **details))
    log.answer(5, "msg_a", text(), tokens=usage(50, **details))
    call = only(log.calls())
    assert call.reasoning_tokens == 33
    assert [(block.tokens, block.characters) for block in call.blocks] == [(33, None), (None, 40)]
