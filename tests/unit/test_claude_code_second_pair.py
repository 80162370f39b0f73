"""The 37 edge cases of section 14 of the format reference, and the newer versions of section 15.

All input is built by hand; every expected value follows from the reference, none from a run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from latprof.ingest import read_inputs
from latprof.model import Call
from second_pair_lines import (
    ROOT,
    Record,
    after,
    agent_progress,
    api_error,
    api_request,
    assistant,
    attachment,
    calls,
    chain,
    items,
    join,
    line,
    side,
    system,
    text,
    thinking,
    tool_result,
    tool_use,
    usage,
    user,
)

CUT = "Your response above was cut off mid-stream. Continue."
INTERRUPT = "[Request interrupted by user]"
WHOLE = {"stop_details": None}


def write(path: Path, records: list[Record]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(join(records))


def read_folder(folder: Path) -> dict[str, Call]:
    found = read_inputs([str(folder)]).calls
    named = {call.message_id or "": call for call in found}
    assert len(named) == len(found)
    return named


def agent_lines(agent: str = "a1") -> list[Record]:
    """A sub-agent of two calls: its prompt at 10 s, answers at 14 s and 20 s."""
    return side(
        *chain(
            user("u-a1", 10, "look around", parent=ROOT),
            assistant("a-a1", 14, "msg_side1", tool_use("t-a1"), stop="tool_use"),
            tool_result("r-a1", 15, "t-a1"),
            assistant("a-a2", 20, "msg_side2", text()),
        ),
        agent=agent,
    )


def parent_lines() -> list[Record]:
    """The parent of that sub-agent: it calls the agent at 9 s and has its result at 21 s."""
    return chain(
        user("u1", 0),
        assistant("a1", 9, "msg_main1", tool_use("tA", "Agent"), stop="tool_use"),
        tool_result("r1", 21, "tA"),
        assistant("a2", 25, "msg_main2", text()),
    )


def assert_agent(found: dict[str, Call]) -> None:
    """What every layout of the same sub-agent must give."""
    assert set(found) == {"msg_main1", "msg_main2", "msg_side1", "msg_side2"}
    first, later = found["msg_side1"], found["msg_side2"]
    assert (first.trigger, later.trigger) == ("subagent", "tool_result")
    assert (after(first.sent_at), after(later.sent_at)) == (10.0, 15.0)
    assert "sidechain" in first.flags
    assert "sidechain" in later.flags
    assert (found["msg_main1"].trigger, after(found["msg_main1"].sent_at)) == ("user", 0.0)
    assert (found["msg_main2"].trigger, after(found["msg_main2"].sent_at)) == ("tool_result", 21.0)
    assert "sidechain" not in found["msg_main1"].flags + found["msg_main2"].flags
    assert {call.session_id for call in found.values()} == {"s1"}


def test_single_block_call() -> None:
    """Case 1: the only line is the end of block and stream, and no first token."""
    call = calls(user("u", 0), assistant("a", 4, "m", text(40), output=12))["m"]
    assert (call.trigger, after(call.trigger_at)) == ("user", 0.0)
    assert (after(call.sent_at), call.sent_source) == (0.0, "trigger_line")
    assert (call.first_output_at, call.first_output_source) == (None, None)
    assert (after(call.last_output_at), call.last_output_source) == (4.0, "last_block_end")
    assert (call.output_tokens, call.output_tokens_source) == (12, "stop_reason")
    assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (993, 900, 90)
    assert [(b.type, after(b.end_at), b.start_at, b.characters) for b in call.blocks] == [("text", 4.0, None, 40)]
    assert (call.attempts, call.flags, call.request_id) == (1, (), "req_m")


def test_thinking_then_text_then_tool() -> None:
    """Case 2: three lines of one message are one call, its usage taken once."""
    call = calls(
        user("u", 0),
        assistant("a1", 3, "m", thinking(70), stop="tool_use"),
        assistant("a2", 4, "m", text(30), stop="tool_use"),
        assistant("a3", 5.5, "m", tool_use("t", "Read", file_path="x"), stop="tool_use"),
    )["m"]
    assert [b.type for b in call.blocks] == ["thinking", "text", "tool_use"]
    assert [after(b.end_at) for b in call.blocks] == [3.0, 4.0, 5.5]
    assert call.blocks[2].name == "Read"
    assert (call.output_tokens, call.input_tokens, call.stop_reason) == (60, 993, "tool_use")


def test_results_between_the_blocks_of_a_response() -> None:
    """Case 3: a result inside the response neither splits it nor triggers it."""
    found = calls(
        user("u", 0),
        assistant("a1", 3, "m1", tool_use("t1"), stop="tool_use"),
        tool_result("r1", 3.5, "t1"),
        assistant("a2", 5, "m1", tool_use("t2"), stop="tool_use"),
        tool_result("r2", 6, "t2"),
        assistant("a3", 8, "m2", text()),
    )
    assert (found["m1"].trigger, after(found["m1"].sent_at)) == ("user", 0.0)
    assert [after(b.result_at) for b in found["m1"].blocks] == [3.5, 6.0]
    assert (found["m2"].trigger, after(found["m2"].sent_at)) == ("tool_result", 6.0)
    assert found["m1"].flags == ()


@pytest.mark.parametrize("last", ["r1", "r2"])
def test_parallel_tools_with_a_late_first_result(last: str) -> None:
    """Case 4: whichever result the chain names, the latest one sent the call; no call is made twice."""
    found = calls(
        user("u", 0),
        assistant("a1", 3, "m1", tool_use("t1"), stop="tool_use"),
        assistant("a2", 4, "m1", tool_use("t2"), stop="tool_use"),
        tool_result("r2", 5, "t2", parent="a2"),
        tool_result("r1", 30, "t1", parent="a1"),
        assistant("a3", 33, "m2", text(), parent=last),
    )
    assert (found["m2"].trigger, after(found["m2"].sent_at)) == ("tool_result", 30.0)
    assert [after(b.result_at) for b in found["m1"].blocks] == [30.0, 5.0]


def test_placeholder_on_all_lines() -> None:
    """Case 5: no stop reason, no change, 3 tokens for 900 characters: unknown, not 3."""
    call = calls(
        user("u", 0, version="2.1.20"),
        assistant("a1", 3, "m", text(900), output=3, stop=None, version="2.1.20"),
        assistant("a2", 5, "m", tool_use("t"), output=3, stop=None, version="2.1.20"),
    )["m"]
    assert (call.output_tokens, call.output_tokens_source) == (None, None)
    assert call.output_tokens_kind == "unknown"
    assert after(call.last_output_at) == 5.0


def test_few_characters_prove_nothing() -> None:
    """Case 5: the ratio rule needs more than 400 characters, however well the count fits."""
    call = calls(user("u", 0), assistant("a", 3, "m", text(400), output=100, stop=None, version="2.1.20"))["m"]
    assert call.output_tokens is None


def test_placeholder_then_final() -> None:
    """Case 6: values differ, so the last and largest is final."""
    call = calls(
        user("u", 0),
        assistant("a1", 3, "m", thinking(), output=2, stop=None, version="2.1.5"),
        assistant("a2", 5, "m", text(), output=210, stop=None, version="2.1.5"),
    )["m"]
    assert (call.output_tokens, call.output_tokens_source) == (210, "changed")


def test_placeholder_then_final_with_a_stop_reason() -> None:
    """Case 6: 2.1.59 to 2.1.91 write the stop reason on the last line only; rule 1 comes first."""
    call = calls(
        user("u", 0),
        assistant("a1", 3, "m", thinking(), output=2, stop=None, version="2.1.81"),
        assistant("a2", 5, "m", text(), output=210, stop="end_turn", version="2.1.81"),
    )["m"]
    assert (call.output_tokens, call.output_tokens_source, call.stop_reason) == (
        210,
        "stop_reason",
        "end_turn",
    )


def test_final_on_all_lines() -> None:
    """Case 7: the same final count on each line counts once."""
    lines = [assistant(f"a{n}", 3 + n, "m", tool_use(f"t{n}"), output=333, stop="tool_use") for n in range(3)]
    call = calls(user("u", 0), *lines)["m"]
    assert (call.output_tokens, call.input_tokens) == (333, 993)


def test_final_by_its_ratio_to_the_visible_text() -> None:
    """Case 7, 1.0.98 to 1.0.108: null stop reason, 400 tokens for 1,600 characters."""
    call = calls(user("u", 0), assistant("a", 9, "m", text(1600), output=400, stop=None, version="1.0.108"))["m"]
    assert (call.output_tokens, call.output_tokens_source) == (400, "ratio")


def test_null_stop_reason_and_interrupt_in_a_new_version() -> None:
    """Case 8: the cut message is named; its tokens are unknown although the ratio would fit."""
    found = calls(
        user("u1", 0),
        assistant("a1", 8, "m1", text(1600), output=400, stop=None),
        user("u2", 9, INTERRUPT, interruptedMessageId="m1"),
        user("u3", 20),
        assistant("a2", 24, "m2", text()),
    )
    assert "interrupted" in found["m1"].flags
    assert found["m1"].output_tokens is None
    assert (found["m2"].trigger, after(found["m2"].sent_at), found["m2"].flags) == ("user", 20.0, ())


@pytest.mark.parametrize("version", ["2.1.98", "2.1.150", "2.1.226"])
@pytest.mark.parametrize("inner", [{}, WHOLE], ids=["no stop_details", "stop_details"])
def test_null_stop_reason_alone_is_not_final_in_a_new_version(version: str, inner: Record) -> None:
    """Case 8, section 4: from 2.1.98 a null stop reason means interrupted or truncated, never final."""
    call = calls(
        user("u0", 0, version=version),
        assistant("a0", 4, "m0", text(), inner=WHOLE, version=version),
        user("u", 10, version=version),
        assistant("a", 18, "m", text(1600), output=400, stop=None, inner=inner, version=version),
    )["m"]
    assert call.output_tokens is None


def test_synthetic_error_between_two_prompts() -> None:
    """Case 9: a local error message is no call, and the next call is sent by its own prompt."""
    found = calls(
        user("u1", 0),
        assistant("a1", 5, "f00d-uuid", text(), model="<synthetic>", request=None, stop="stop_sequence", output=0),
        user("u2", 30),
        assistant("a2", 34, "m", text()),
    )
    assert set(found) == {"m"}
    assert (after(found["m"].sent_at), found["m"].attempts) == (30.0, 1)


def test_seven_errors_then_success() -> None:
    """Case 10: send = last error + its wait; eight attempts; the trigger keeps its time."""
    errors = [api_error(f"e{n}", 10 * n, n, 500.25 * n) for n in range(1, 8)]
    call = calls(user("u", 0), *errors, assistant("a", 80, "m", text()))["m"]
    assert (call.attempts, call.sent_source, after(call.trigger_at)) == (8, "retry_adjusted", 0.0)
    assert after(call.sent_at) == pytest.approx(73.502, abs=0.0011)
    assert call.flags == ("retried",)


def test_errors_only_in_file_order() -> None:
    """Case 10: the response chains past the error to the prompt; the error counts all the same."""
    call = calls(user("u", 0), api_error("e", 4, 1, 2000), assistant("a", 9, "m", text(), parent="u"))["m"]
    assert (call.attempts, after(call.sent_at), call.sent_source) == (2, 6.0, "retry_adjusted")


def test_an_error_belongs_to_its_own_call_only() -> None:
    """Case 10: calls before and after the retried one have one attempt."""
    found = calls(
        user("u1", 0),
        assistant("a1", 3, "m1", tool_use("t1"), stop="tool_use"),
        tool_result("r1", 4, "t1"),
        api_error("e", 6, 1, 1000),
        assistant("a2", 9, "m2", tool_use("t2"), stop="tool_use"),
        tool_result("r2", 10, "t2"),
        assistant("a3", 13, "m3", text()),
    )
    assert [found[name].attempts for name in ("m1", "m2", "m3")] == [1, 2, 1]
    assert [after(found[name].sent_at) for name in ("m1", "m2", "m3")] == [0.0, 7.0, 10.0]


def test_multi_block_line() -> None:
    """Case 11: a whole response: final tokens even in old versions, no first token."""
    call = calls(
        user("u", 0),
        assistant("a", 100, "m", thinking(), text(), tool_use("t"), output=180, stop="tool_use", version="2.1.20"),
    )["m"]
    assert call.flags == ("non_streamed",)
    assert (call.output_tokens, call.first_output_at) == (180, None)
    assert [b.type for b in call.blocks] == ["thinking", "text", "tool_use"]
    assert after(call.last_output_at) == 100.0


def compacted(*rest: Record) -> dict[str, Call]:
    return calls(
        user("u1", 0),
        assistant("a1", 3, "m1", text()),
        system(
            "b",
            50,
            "compact_boundary",
            parent=ROOT,
            logicalParentUuid="a1",
            compactMetadata={"trigger": "auto"},
        ),
        user("c", 50.1, "This session is being continued from a previous one.", isCompactSummary=True),
        *rest,
    )


def test_compaction_resumes_the_work() -> None:
    """Case 12: the chain ends at the boundary; the summary sends the next call."""
    call = compacted(assistant("a2", 56, "m2", text()))["m2"]
    assert (call.trigger, after(call.sent_at), call.flags) == ("compaction", 50.1, ())


def test_a_prompt_after_compaction_is_a_prompt() -> None:
    """Case 12: the line that the response chains to decides."""
    call = compacted(user("u2", 90), assistant("a2", 95, "m2", text()))["m2"]
    assert (call.trigger, after(call.sent_at)) == ("user", 90.0)


def test_compaction_agent_file(tmp_path: Path) -> None:
    """Case 13: the side agent that compacts is compaction, and apart from the main thread."""
    lines = side(
        *chain(user("x1", 30, "Summarise", parent=ROOT), assistant("x2", 45, "m2", text())),
        agent="acompact-9f",
    )
    write(tmp_path / "s1.jsonl", chain(user("u", 0), assistant("a", 3, "m1", text())))
    write(tmp_path / "s1" / "subagents" / "agent-acompact-9f.jsonl", lines)
    found = read_folder(tmp_path)
    assert (found["m2"].trigger, after(found["m2"].sent_at)) == ("compaction", 30.0)
    assert "sidechain" in found["m2"].flags
    assert found["m1"].trigger == "user"


def test_sidechain_inline(tmp_path: Path) -> None:
    """Case 14, 1.0.x: the agent's lines stand in the main file, have no agentId, and interleave."""
    main, agent = parent_lines(), agent_lines()
    for record in agent:
        del record["agentId"]
    write(tmp_path / "s1.jsonl", [*main[:2], *agent, *main[2:]])
    assert_agent(read_folder(tmp_path))


@pytest.mark.parametrize(
    "place",
    ["agent-a1.jsonl", "s1/subagents/agent-a1.jsonl", "s1/subagents/workflows/wf_1/agent-a1.jsonl"],
    ids=["flat", "nested", "workflow"],
)
def test_sidechain_files(tmp_path: Path, place: str) -> None:
    """Case 14: an agent's own file, in each of the three places."""
    write(tmp_path / "s1.jsonl", parent_lines())
    write(tmp_path / place, agent_lines())
    found = read_folder(tmp_path)
    assert_agent(found)
    assert found["msg_side1"].agent_id == found["msg_side2"].agent_id == "a1"


def test_two_agents_inline_at_once() -> None:
    """Case 14: two inline agents run together; each call follows its own chain."""
    found = calls(
        user("x1", 10, parent=ROOT, isSidechain=True),
        user("y1", 11, parent=ROOT, isSidechain=True),
        assistant("x2", 14, "mx1", tool_use("tx"), stop="tool_use", parent="x1", isSidechain=True),
        assistant("y2", 15, "my1", tool_use("ty"), stop="tool_use", parent="y1", isSidechain=True),
        tool_result("y3", 16, "ty", parent="y2", isSidechain=True),
        tool_result("x3", 18, "tx", parent="x2", isSidechain=True),
        assistant("y4", 20, "my2", text(), parent="y3", isSidechain=True),
        assistant("x4", 21, "mx2", text(), parent="x3", isSidechain=True),
    )
    assert {name: after(call.sent_at) for name, call in found.items()} == {
        "mx1": 10.0, "my1": 11.0, "mx2": 18.0, "my2": 16.0,
    }  # fmt: skip
    assert [found[name].trigger for name in ("mx1", "my1", "mx2", "my2")] == ["subagent"] * 2 + ["tool_result"] * 2


def embedding_parent() -> list[Record]:
    """The parent with its agent's messages in progress lines, written half a second late."""
    main, agent = parent_lines(), agent_lines()
    embeds = [agent_progress(f"p{n}", 20.5 + n / 100, "a1", record) for n, record in enumerate(agent)]
    return chain(*main[:2], *embeds, {key: value for key, value in main[2].items() if key != "parentUuid"}, main[3])


def test_agent_progress_without_the_agent_file(tmp_path: Path) -> None:
    """Case 15: embedded messages are the only trace; their own time stamps count."""
    write(tmp_path / "s1.jsonl", embedding_parent())
    found = read_folder(tmp_path)
    assert_agent(found)
    assert after(found["msg_side1"].last_output_at) == 14.0
    assert "embedded" in found["msg_side1"].flags
    assert "embedded" in found["msg_side2"].flags
    assert "embedded" not in found["msg_main1"].flags


@pytest.mark.parametrize("place", ["s1/subagents/agent-a1.jsonl", "0-first/agent-a1.jsonl"])
def test_agent_progress_with_the_agent_file(tmp_path: Path, place: str) -> None:
    """Case 15: with the agent's file the embeds are copies, whichever is read first."""
    write(tmp_path / "s1.jsonl", embedding_parent())
    write(tmp_path / place, agent_lines())
    found = read_folder(tmp_path)
    assert_agent(found)
    assert not any("embedded" in call.flags for call in found.values())


@pytest.mark.parametrize("names", [("1.jsonl", "2.jsonl"), ("2.jsonl", "1.jsonl")])
def test_resumed_copy(tmp_path: Path, names: tuple[str, str]) -> None:
    """Case 16: the new file repeats the old one under a new session id; each call counts once."""
    old = chain(user("u1", 0), assistant("a1", 3, "m1", text()))
    copied = [record | {"sessionId": "s2"} for record in old]
    more = [
        record | {"sessionId": "s2"}
        for record in chain(user("u2", 500, parent="a1"), assistant("a2", 504, "m2", text()))
    ]
    write(tmp_path / names[0], old)
    write(tmp_path / names[1], copied + more)
    found = read_folder(tmp_path)
    assert {name: after(call.sent_at) for name, call in found.items()} == {"m1": 0.0, "m2": 500.0}
    assert found["m2"].session_id == "s2"


def test_checkpoint_prefixes(tmp_path: Path) -> None:
    """Case 17: prefixes of one session, one of them cut inside a response; the fullest copy stays."""
    whole = chain(
        user("u1", 0),
        assistant("a1", 3, "m1", thinking(), output=1, stop=None, version="2.1.81"),
        assistant("a2", 5, "m1", tool_use("t1"), output=88, stop="tool_use", version="2.1.81"),
        tool_result("r1", 6, "t1"),
        assistant("a3", 9, "m2", text()),
    )
    for name, count in (("0/full.jsonl", 2), ("1/full.jsonl", 5), ("2/full.jsonl", 4)):
        write(tmp_path / name, whole[:count])
    found = read_folder(tmp_path)
    assert set(found) == {"m1", "m2"}
    assert [after(b.end_at) for b in found["m1"].blocks] == [3.0, 5.0]
    assert (found["m1"].output_tokens, after(found["m1"].blocks[1].result_at)) == (88, 6.0)


def queue(at: float, operation: str, **more: object) -> Record:
    return {
        "type": "queue-operation",
        "operation": operation,
        "timestamp": _stamp(at),
        "sessionId": "s1",
        **more,
    }


def _stamp(at: float) -> str:
    return str(line("user", "x", at)["timestamp"])


def test_queued_prompt_dequeued() -> None:
    """Case 18: time starts when the prompt reaches the model, not when it was typed."""
    found = calls(
        user("u1", 0),
        queue(2, "enqueue", content="and this"),
        assistant("a1", 9, "m1", text()),
        queue(9.1, "dequeue"),
        user("u2", 9.2, "and this", promptSource="queued"),
        assistant("a2", 13, "m2", text()),
    )
    assert (found["m2"].trigger, after(found["m2"].sent_at)) == ("user", 9.2)
    assert (found["m1"].trigger, after(found["m1"].sent_at)) == ("user", 0.0)


def test_queued_prompt_injected_in_mid_turn() -> None:
    """Case 18: it rides with a tool result, stamped when it was typed; the result stays the trigger."""
    call = calls(
        user("u1", 0),
        assistant("a1", 3, "m1", tool_use("t1"), stop="tool_use"),
        queue(4, "enqueue", content="and this"),
        tool_result("r1", 9, "t1"),
        queue(9, "remove", reason="absorbed_mid_turn"),
        attachment("q", 4, "queued_command", prompt="and this"),
        assistant("a2", 13, "m2", text()),
    )["m2"]
    assert (call.trigger, after(call.sent_at), after(call.trigger_at)) == ("tool_result", 9.0, 9.0)
    assert call.sent_source == "trigger_line"


def test_local_commands_before_a_prompt() -> None:
    """Case 19: local commands make no call; only the line that the response chains to counts."""
    found = calls(
        user("u1", 0, "Caveat: the messages below were made by local commands", isMeta=True),
        user("u2", 1, "<command-name>/model</command-name>"),
        user("u3", 1.1, "<local-command-stdout>Set model</local-command-stdout>"),
        system("l", 1.2, "local_command", content="x"),
        user("u4", 60, "now work"),
        assistant("a", 64, "m", text()),
    )
    assert set(found) == {"m"}
    assert (found["m"].trigger, after(found["m"].sent_at)) == ("user", 60.0)


def test_a_command_that_expands_to_a_prompt() -> None:
    """Case 19: the meta line after a typed command is the prompt."""
    call = calls(
        user("u1", 0, "<command-message>review</command-message><command-name>/review</command-name>"),
        user("u2", 0.4, "Review the change", isMeta=True),
        assistant("a", 6, "m", text()),
    )["m"]
    assert (call.trigger, after(call.trigger_at)) == ("user", 0.4)


def test_a_skill_body_behind_a_tool_result() -> None:
    """Case 19 and section 7, meta: a skill's body follows the result of the Skill tool."""
    for more in ({"sourceToolUseID": "t1"}, {}):
        call = calls(
            user("u1", 0),
            assistant("a1", 3, "m1", tool_use("t1", "Skill"), stop="tool_use"),
            tool_result("r1", 3.2, "t1"),
            user("k", 3.3, "Base directory for this skill: /x", isMeta=True, **more),
            assistant("a2", 8, "m2", text()),
        )["m2"]
        assert (call.trigger, after(call.sent_at)) == ("tool_result", 3.3)


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("<task-notification><task-id>b1</task-id></task-notification>", {}),
        ("a task is done", {"origin": {"kind": "task-notification"}}),
        ('<teammate-message teammate_id="lead">hi</teammate-message>', {}),
        ("Stop hook feedback:\n- tests fail", {"isMeta": True}),
    ],
    ids=["task text", "task origin", "teammate", "stop hook"],
)
def test_notification_trigger(words: str, more: Record) -> None:
    """Case 20: no person started this call."""
    found = calls(
        user("u", 0),
        assistant("a1", 3, "m1", text()),
        user("n", 40, words, **more),
        assistant("a2", 52, "m2", text()),
    )
    assert (found["m2"].trigger, after(found["m2"].sent_at)) == ("notification", 40.0)


@pytest.mark.parametrize("kind", ["attachment", "progress"])
def test_prompt_hook_that_timed_out(kind: str) -> None:
    """Case 21: the hook's line in the chain moves the send time; the trigger keeps its own."""
    hook = (
        attachment("h", 31.5, "hook_cancelled", hookEvent="UserPromptSubmit", durationMs=31500)
        if kind == "attachment"
        else line("progress", "h", 31.5, data={"type": "hook_progress", "hookEvent": "UserPromptSubmit"})
    )
    call = calls(user("u", 0), hook, assistant("a", 35, "m", text()))["m"]
    assert (call.trigger, after(call.trigger_at)) == ("user", 0.0)
    assert (after(call.sent_at), call.sent_source) == (31.5, "hook_adjusted")


def test_permission_wait_is_inside_tool_time() -> None:
    """Case 22: five minutes until the result touch neither call."""
    found = calls(
        user("u", 0),
        assistant("a1", 3, "m1", tool_use("t"), stop="tool_use"),
        tool_result("r", 303, "t"),
        assistant("a2", 306, "m2", text()),
    )
    assert (after(found["m1"].last_output_at), after(found["m1"].blocks[0].result_at)) == (3.0, 303.0)
    assert after(found["m2"].sent_at) == 303.0
    assert found["m1"].flags == found["m2"].flags == ()


def test_a_question_to_the_user_for_minutes() -> None:
    """Case 23: twenty minutes of thinking by a person are not sleep inside a call."""
    found = calls(
        user("u", 0),
        assistant("a1", 3, "m1", tool_use("t", "AskUserQuestion"), stop="tool_use"),
        tool_result("r", 1203, "t"),
        assistant("a2", 1207, "m2", text()),
    )
    assert found["m1"].blocks[0].name == "AskUserQuestion"
    assert (found["m2"].trigger, after(found["m2"].sent_at)) == ("tool_result", 1203.0)
    assert found["m1"].flags == found["m2"].flags == ()


def test_small_steps_back_between_lines() -> None:
    """Case 24: file order is not time order; an earlier attachment changes nothing."""
    call = calls(
        user("u", 5.005),
        attachment("x", 5.002, "skill_listing"),
        attachment("y", 4.1, "deferred_tools_delta"),
        assistant("a", 9, "m", text()),
    )["m"]
    assert (after(call.sent_at), call.sent_source, call.flags) == (5.005, "trigger_line", ())


def test_lines_after_the_response_do_not_send_it() -> None:
    """Case 24: a walked line that is later than the first assistant line is left out."""
    call = calls(
        user("u", 0),
        attachment("x", 9, "hook_success", hookEvent="UserPromptSubmit"),
        assistant("a", 4, "m", text()),
    )["m"]
    assert (after(call.sent_at), call.flags) == (0.0, ())


def test_response_before_its_trigger_is_a_clock_step() -> None:
    """Case 24: a negative difference is counted, not measured."""
    call = calls(user("u", 100), assistant("a", 60, "m", text()))["m"]
    assert "clock_step" in call.flags
    assert not call.durations_usable


def test_blocks_that_go_back_in_time_are_a_clock_step() -> None:
    """Case 24: the same within one response."""
    call = calls(
        user("u", 0),
        assistant("a1", 40, "m", thinking(), stop="tool_use"),
        assistant("a2", 10, "m", tool_use("t"), stop="tool_use"),
    )["m"]
    assert "clock_step" in call.flags


def test_equal_timestamps_of_two_blocks() -> None:
    """Case 25: two blocks in one millisecond are a fact, not a fault."""
    call = calls(
        user("u", 0),
        assistant("a1", 4, "m", tool_use("t1"), stop="tool_use"),
        assistant("a2", 4, "m", tool_use("t2"), stop="tool_use"),
    )["m"]
    assert (len(call.blocks), "clock_step" in call.flags, "timestamp_unreliable" in call.flags) == (
        2,
        False,
        False,
    )


def stamped(count: int) -> dict[str, Call]:
    """Lines of responses m0, m1, … that all carry one stamp, then a call that does not."""
    lines: list[Record] = []
    for n in range(count):
        lines += [
            assistant(f"a{n}", 70, f"m{n}", tool_use(f"t{n}"), stop="tool_use"),
            tool_result(f"r{n}", 70, f"t{n}"),
        ]
    return calls(user("u", 0), *lines, user("v", 90), assistant("z", 95, "last", text()))


def test_bulk_stamps_are_unreliable() -> None:
    """Case 25, section 10.4: five or more lines of two or more responses in a row share a stamp."""
    found = stamped(3)
    assert ["timestamp_unreliable" in found[name].flags for name in ("m0", "m1", "m2", "last")] == [True] * 3 + [False]


def test_four_equal_stamps_are_few() -> None:
    """Case 25: four lines are below the rule's five."""
    assert not any("timestamp_unreliable" in call.flags for call in stamped(2).values())


def test_partial_last_line() -> None:
    """Case 26: half a line at the end costs nothing but itself."""
    whole = chain(user("u", 0), assistant("a", 4, "m", text()))
    found, problems = items(join(whole) + join(chain(assistant("b", 5, "m", text())))[:80])
    assert [(call.message_id, len(call.blocks)) for call in found] == [("m", 1)]
    assert [problem.line for problem in problems] == [3]
    assert problems[0].kind in {"bad_line", "cut_line"}


def test_bad_lines_are_problems_with_their_number() -> None:
    """Case 26: damage in the middle is skipped and counted."""
    first, second = (join([record]) for record in chain(user("u", 0), assistant("a", 4, "m", text())))
    found, problems = items(first + b'{"type": "user", \n' + b"\x00\xff\xfe\n" + second, "folder/s1.jsonl")
    assert [after(call.sent_at) for call in found] == [0.0]
    assert [(p.kind, p.path, p.line) for p in problems] == [("bad_line", "folder/s1.jsonl", n) for n in (2, 3)]


def test_unknown_types_and_keys() -> None:
    """Case 27: they are ignored silently, also when they stand in the chain."""
    records = chain(
        {"type": "never-seen", "payload": {"message": {"id": "m9", "usage": {"output_tokens": 5}}}},
        user("u", 0, novel=[1, {"a": None}]),
        line("later-kind", "x", 1),
        assistant("a", 4, "m", text(), {"type": "novel_block", "data": 1}, novel=True),
        {"type": "ai-title", "title": "t"},
    )
    found, problems = items(join(records))
    assert [(call.message_id, call.trigger) for call in found] == [("m", "user")]
    assert problems == []


def test_alphabetical_keys() -> None:
    """Case 28: exported lines have sorted keys and the same meaning."""
    lines = embedding_parent()
    assert items(join(lines, sort_keys=True)) == items(join(lines))


def test_missing_request_id() -> None:
    """Case 29: lines group by message id alone; times and tokens are as ever."""
    call = calls(
        user("u", 0),
        assistant("a1", 3, "m", thinking(), request=None),
        assistant("a2", 5, "m", text(), request=None),
    )["m"]
    assert (call.request_id, len(call.blocks), call.output_tokens) == (None, 2, 60)


def test_zero_tokens_of_other_backends_are_unknown() -> None:
    """Case 29, section 12: a backend that counts nothing is not one of zero speed."""
    counts = usage(0, fresh=0, read=0, write=0)
    call = calls(user("u", 0), assistant("a", 3, "m", text(), request=None, model="glm-4.7", counts=counts))["m"]
    assert call.output_tokens is None


def test_mixed_versions_in_one_file() -> None:
    """Case 30: ten versions in one file; each call keeps its own, and placeholders are judged per call."""
    lines: list[Record] = []
    for n in range(10):
        lines.append(user(f"u{n}", 100 * n, version=f"2.1.{60 + n}"))
        lines.append(assistant(f"a{n}", 100 * n + 4, f"m{n}", text(), version=f"2.1.{60 + n}"))
    found = calls(*lines)
    assert [found[f"m{n}"].agent_version for n in range(10)] == [f"2.1.{60 + n}" for n in range(10)]
    assert {call.session_id for call in found.values()} == {"s1"}


def test_model_switch() -> None:
    """Case 31: each call has the model that answered it."""
    found = calls(
        user("u1", 0),
        assistant("a1", 3, "m1", text(), model="claude-opus-4-7"),
        user("u2", 10),
        assistant("a2", 13, "m2", text(), model="claude-haiku-4-5-20251001"),
    )
    assert [found[name].model for name in ("m1", "m2")] == ["claude-opus-4-7", "claude-haiku-4-5-20251001"]


@pytest.mark.parametrize(("speed", "flags"), [("fast", ("fast",)), ("standard", ())])
def test_fast_speed(speed: str, flags: tuple[str, ...]) -> None:
    """Case 32: fast mode is a stratum of its own."""
    call = calls(user("u", 0), assistant("a", 3, "m", text(), counts=usage(60, speed=speed)))["m"]
    assert (call.speed_mode, call.flags) == (speed, flags)


def test_cache_creation_flat_zero() -> None:
    """Case 33: the larger of flat count and nested sum is what was written."""
    nested = {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 50}
    call = calls(user("u", 0), assistant("a", 3, "m", text(), counts=usage(write=0, cache_creation=nested)))["m"]
    assert (call.cache_write_tokens, call.input_tokens) == (250, 3 + 900 + 250)


def test_cache_creation_nested_zero() -> None:
    """Case 33, the other way: the flat count is not added to the nested one."""
    nested = {"ephemeral_5m_input_tokens": 90, "ephemeral_1h_input_tokens": 0}
    call = calls(user("u", 0), assistant("a", 3, "m", text(), counts=usage(write=90, cache_creation=nested)))["m"]
    assert (call.cache_write_tokens, call.input_tokens) == (90, 993)


def test_redacted_tool_ids() -> None:
    """Case 34: with one id for all tools the chain alone pairs; no later result moves a send time."""
    found = calls(
        user("u", 0),
        assistant("a1", 3, "m1", tool_use("REDACTED"), stop="tool_use"),
        tool_result("r1", 5, "REDACTED"),
        assistant("a2", 9, "m2", tool_use("REDACTED"), stop="tool_use"),
        tool_result("r2", 30, "REDACTED"),
        assistant("a3", 34, "m3", text()),
    )
    assert [after(found[name].sent_at) for name in ("m1", "m2", "m3")] == [0.0, 5.0, 30.0]
    assert not any("clock_step" in call.flags for call in found.values())


def test_twenty_four_lines_in_one_response() -> None:
    """Case 35: twenty-four tools with their results between are one call."""
    lines: list[Record] = []
    for n in range(24):
        lines.append(assistant(f"a{n}", 3 + n, "m", tool_use(f"t{n}"), stop="tool_use"))
        lines.append(tool_result(f"r{n}", 3.4 + n, f"t{n}"))
    found = calls(user("u", 0), *lines, assistant("z", 40, "m2", text()))
    assert (len(found), len(found["m"].blocks), after(found["m"].sent_at)) == (2, 24, 0.0)
    assert (after(found["m2"].sent_at), found["m2"].trigger) == (26.4, "tool_result")


def test_sleep_before_the_first_block() -> None:
    """Case 36: more than ten minutes inside an error-free call are sleep; ten minutes are not."""
    found = calls(
        user("u1", 0),
        assistant("a1", 601, "m1", text()),
        user("u2", 1000),
        assistant("a2", 1599, "m2", text()),
    )
    assert (found["m1"].flags, found["m2"].flags) == (("suspended",), ())


def test_sleep_between_two_blocks() -> None:
    """Case 36: the gap may lie inside the response."""
    call = calls(
        user("u", 0),
        assistant("a1", 3, "m", thinking(), stop="tool_use"),
        assistant("a2", 903, "m", tool_use("t"), stop="tool_use"),
    )["m"]
    assert "suspended" in call.flags


def test_long_gaps_with_a_reason_are_not_sleep() -> None:
    """Case 36, sections 8 and 11: errors or a whole response explain the gap."""
    found = calls(
        user("u1", 0),
        api_error("e", 300, 1, 1000),
        assistant("a1", 1000, "m1", text()),
        user("u2", 2000),
        assistant("a2", 2950, "m2", text(), tool_use("t"), stop="tool_use"),
    )
    assert found["m1"].flags == ("retried",)
    assert found["m2"].flags == ("non_streamed",)


def test_huge_lines() -> None:
    """Case 37: lines of megabytes are lines."""
    found, problems = items(join(chain(user("u", 0, "y" * 4_000_000), assistant("a", 3, "m", text(3_000_000)))))
    assert ([call.blocks[0].characters for call in found], problems) == ([3_000_000], [])


# Section 15: newer versions.


def new(uuid: str, at: float, message_id: str, index: int, block: Record, **more: object) -> Record:
    """An assistant line as 2.1.329 writes it."""
    fields: Record = {"version": "2.1.329", "apiBlockIndex": index, "inner": WHOLE, "stop": "tool_use"}
    return assistant(uuid, at, message_id, block, **(fields | more))


def test_first_token_of_a_thinking_first_response() -> None:
    """15.3 rule 2: stamp minus duration of block 0; hidden thinking too."""
    call = calls(
        user("u", 0),
        api_request("q", 0.2),
        new("a1", 4.2, "m", 0, thinking(0), requestRef="q", thinkingDurationMs=2500),
        new("a2", 6.2, "m", 1, text(), requestRef="q"),
        new("a3", 7.2, "m", 2, tool_use("t"), requestRef="q", toolInputStreamMs=700),
    )["m"]
    assert (after(call.sent_at), call.sent_source, after(call.trigger_at)) == (0.2, "api_request_line", 0.0)
    assert (after(call.first_output_at), call.first_output_source) == (1.7, "block_start")
    assert [after(b.start_at) for b in call.blocks] == [1.7, None, 6.5]
    assert (after(call.last_output_at), call.attempts, call.flags) == (7.2, 1, ())


def test_first_token_of_a_tool_first_response() -> None:
    """15.3 rule 2: the same with a tool's input."""
    call = calls(
        user("u", 0),
        api_request("q", 0.1),
        new("a", 3, "m", 0, tool_use("t"), requestRef="q", toolInputStreamMs=1250),
    )["m"]
    assert (after(call.first_output_at), call.first_output_source) == (1.75, "block_start")


def test_text_first_response_has_no_first_token() -> None:
    """15.3 rules 2 and 3: a later block's start is not the first token."""
    call = calls(
        user("u", 0),
        api_request("q", 0.1),
        new("a1", 3, "m", 0, text(), requestRef="q"),
        new("a2", 5, "m", 1, tool_use("t"), requestRef="q", toolInputStreamMs=1500),
    )["m"]
    assert (call.first_output_at, call.first_output_source) == (None, None)
    assert [after(b.start_at) for b in call.blocks] == [None, 3.5]


def test_block_zero_missing() -> None:
    """15.1, 15.3 rule 2: when the first line is block 1, the first block is not known."""
    call = calls(
        user("u", 0),
        api_request("q", 0.1),
        new("a", 5, "m", 1, thinking(0), requestRef="q", thinkingDurationMs=900),
    )["m"]
    assert call.first_output_at is None


def test_thinking_duration_without_request_lines() -> None:
    """15.3 rule 6, 2.1.287 to 2.1.299: the first token is known, the send time is a proxy."""
    call = calls(user("u", 0), new("a", 5, "m", 0, thinking(), thinkingDurationMs=3000, version="2.1.290"))["m"]
    assert (after(call.first_output_at), call.first_output_source) == (2.0, "block_start")
    assert (after(call.sent_at), call.sent_source) == (0.0, "trigger_line")


def test_three_failures_then_success_with_request_lines() -> None:
    """15.5: four request lines, three errors; the one that the response names is the send time."""
    attempts: list[Record] = []
    for n in range(1, 4):
        attempts += [api_request(f"q{n}", n), api_error(f"e{n}", n + 0.2, n, 780)]
    found, problems = items(
        join(chain(user("u", 0), *attempts, api_request("q4", 4.03), new("a", 8, "m", 0, text(), requestRef="q4")))
    )
    (call,) = found
    assert (call.attempts, after(call.sent_at), call.sent_source) == (4, 4.03, "api_request_line")
    assert (call.flags, problems) == (("retried",), [])


@pytest.mark.parametrize("block", [text(), thinking(), tool_use("t")], ids=["text", "thinking", "tool"])
def test_single_block_fallback(block: Record) -> None:
    """15.5: two request lines, no error between, the second with less room: the answer was not streamed."""
    found, problems = items(
        join(
            chain(
                user("u", 0),
                api_request("q1", 0.1),
                api_request("q2", 0.15, limit=64_000),
                new("a", 6, "m", 0, block, requestRef="q2", output=70),
            )
        )
    )
    (call,) = found
    assert "non_streamed" in call.flags
    assert (call.attempts, after(call.sent_at), call.first_output_at) == (2, 0.15, None)
    assert (call.output_tokens, problems) == (70, [])


def test_a_long_wait_in_a_fallback_is_not_sleep() -> None:
    """15.5 with section 11: a fallback of one block is not streamed, so its gap is no sign of sleep."""
    call = calls(
        user("u", 0),
        api_request("q1", 0.1),
        api_request("q2", 0.2, limit=64_000),
        new("a", 700, "m", 0, text(), requestRef="q2"),
    )["m"]
    assert "suspended" not in call.flags


def cut_call(*, output: int = 1, counts: Record | None = None, **more: object) -> list[Record]:
    """A whole call at 0 s, then one at 10 s whose stream was cut behind one block."""
    return [
        user("u0", 0),
        api_request("q0", 0.1),
        new("a0", 4, "m0", 0, text(), requestRef="q0", stop="end_turn"),
        user("u1", 10),
        api_request("q1", 10.1),
        new("a1", 14, "m1", 0, text(), requestRef="q1", stop="end_turn", output=output, counts=counts, **more),
    ]


def assert_cut(found: dict[str, Call]) -> None:
    assert "interrupted" in found["m1"].flags
    assert found["m1"].output_tokens is None
    assert (found["m0"].flags, found["m0"].output_tokens) == ((), 60)


def test_cut_stream_told_by_the_meta_line() -> None:
    """15.4: `end_turn` with a placeholder; the harness line behind it tells, and retries."""
    found = calls(
        *cut_call(),
        user("n", 14.2, CUT, isMeta=True, turnCompanion=True),
        api_request("q2", 14.3),
        new("a2", 19, "m2", 0, text(), requestRef="q2", stop="end_turn"),
    )
    assert_cut(found)
    assert (found["m2"].trigger, after(found["m2"].sent_at)) == ("retry", 14.3)
    assert (found["m2"].output_tokens, "interrupted" in found["m2"].flags) == (60, False)


def test_cut_stream_told_by_missing_stop_details() -> None:
    """15.4: other lines of the version have `stop_details`, this one has not."""
    assert_cut(calls(*cut_call(inner={})))


def test_cut_stream_told_by_thinking_without_tokens() -> None:
    """15.4: a thinking line whose usage says that no token was thought."""
    records = cut_call(counts=usage(1, output_tokens_details={"thinking_tokens": 0}), thinkingDurationMs=2000)
    records[-1]["message"]["content"] = [thinking(300)]
    assert_cut(calls(*records))


def test_no_stop_details_anywhere_is_an_old_version() -> None:
    """15.4: the missing key tells nothing where no line has it."""
    call = calls(user("u", 0), assistant("a", 3, "m", text(), version="2.1.80"))["m"]
    assert (call.flags, call.output_tokens) == ((), 60)


def test_no_stop_details_anywhere_in_a_new_version() -> None:
    """15.4: the sign holds only beside lines of the same version that have the key (other backends, section 12)."""
    found = calls(
        user("u1", 0),
        new("a1", 3, "m1", 0, text(), stop="end_turn", inner={}, model="glm-4.7"),
        user("u2", 10),
        new("a2", 14, "m2", 0, text(), stop="end_turn", inner={}, model="glm-4.7"),
    )
    assert [(call.flags, call.output_tokens) for call in found.values()] == [((), 60)] * 2


def test_stall_inside_a_tool_block() -> None:
    """15.5: a stall of 20 s shows in the block's duration only."""
    call = calls(
        user("u", 0),
        api_request("q", 0.1),
        new("a", 22.5, "m", 0, tool_use("t"), requestRef="q", toolInputStreamMs=20256),
    )["m"]
    assert (after(call.first_output_at), call.flags) == (2.244, ())


def test_an_aborted_request_leaves_its_line() -> None:
    """15.5: request line, synthetic, interrupt: no call, one problem; the next call has one attempt."""
    found, problems = items(
        join(
            chain(
                user("u0", 0),
                api_request("q0", 0.2),
                assistant("s", 2, "local", thinking(), model="<synthetic>", request=None, stop="stop_sequence"),
                user("i", 2.1, INTERRUPT, interruptedMessageId="msg_never_seen"),
                user("u1", 6),
                api_request("q1", 6.1),
                new("a", 9, "m", 0, text(), requestRef="q1"),
            )
        ),
        "x/s1.jsonl",
    )
    (call,) = found
    assert (call.trigger, call.attempts, after(call.sent_at), call.flags) == ("user", 1, 6.1, ())
    assert [(p.kind, p.path, p.line) for p in problems] == [("request_without_response", "x/s1.jsonl", 2)]


@pytest.mark.parametrize("first", ["send", "previous line"])
def test_computed_start_in_the_impossible_past(first: str) -> None:
    """15.3 rule 7: a start before send or before the previous line is a clock step and dropped."""
    if first == "send":
        lines = [new("a1", 5, "m", 0, thinking(), requestRef="q", thinkingDurationMs=3000)]
        request = api_request("q", 4)
    else:
        lines = [
            new("a1", 5, "m", 0, text(), requestRef="q"),
            new("a2", 6, "m", 1, tool_use("t"), requestRef="q", toolInputStreamMs=3000),
        ]
        request = api_request("q", 0.1)
    call = calls(user("u", 0), request, *lines)["m"]
    assert "clock_step" in call.flags
    assert call.blocks[-1].start_at is None
    assert call.first_output_at is None


def test_agents_have_request_lines_of_their_own(tmp_path: Path) -> None:
    """15.6: the agent's request lines stand in its file; the parent's attempts stay one."""
    main = parent_lines()
    main = [
        main[0],
        api_request("qm1", 0.2),
        main[1] | {"requestRef": "qm1"},
        main[2],
        api_request("qm2", 21.2),
        main[3] | {"requestRef": "qm2"},
    ]
    agent = agent_lines()
    agent[1]["requestRef"], agent[3]["requestRef"] = "qa1", "qa2"
    requests = [api_request("qa1", 10.2, agentId="a1"), api_request("qa2", 15.2, agentId="a1")]
    write(tmp_path / "s1.jsonl", main)
    write(
        tmp_path / "s1/subagents/agent-a1.jsonl",
        [agent[0], requests[0], agent[1], agent[2], requests[1], agent[3]],
    )
    reading = read_inputs([str(tmp_path)])
    assert {call.message_id: (after(call.sent_at), call.attempts) for call in reading.calls} == {
        "msg_main1": (0.2, 1), "msg_main2": (21.2, 1), "msg_side1": (10.2, 1), "msg_side2": (15.2, 1),
    }  # fmt: skip
    assert {call.sent_source for call in reading.calls} == {"api_request_line"}
    assert reading.problems == []


def test_agent_files_final_on_the_last_line() -> None:
    """15.4: agent files up to 2.1.306 have stop reason and final count on the last line only."""
    lines = side(
        *chain(
            user("u", 0, parent=ROOT),
            assistant("a1", 3, "m", thinking(), stop=None, output=1, version="2.1.300"),
            assistant("a2", 5, "m", text(), stop="end_turn", output=77, version="2.1.300"),
        )
    )
    (call,) = items(join(lines))[0]
    assert (call.output_tokens, call.output_tokens_source, "interrupted" in call.flags) == (
        77,
        "stop_reason",
        False,
    )


def test_thinking_tokens_are_part_of_the_output() -> None:
    """15.1: exact thinking tokens, as the service reports them."""
    counts = usage(90, output_tokens_details={"thinking_tokens": 55})
    call = calls(
        user("u", 0),
        api_request("q", 0.1),
        new("a1", 3, "m", 0, thinking(0), requestRef="q", thinkingDurationMs=1000, counts=counts),
        new("a2", 4, "m", 1, text(), requestRef="q", counts=counts),
    )["m"]
    assert (call.output_tokens, call.reasoning_tokens, call.blocks[0].tokens) == (90, 55, 55)
