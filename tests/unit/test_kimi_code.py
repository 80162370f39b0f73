"""Kimi Code: steps, attempts, durations and what is left when some of them are missing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.formats.base import Source
from latprof.formats.kimi_code import FORMAT
from latprof.model import Call, Problem

T0 = 1_785_000_000_000
S = T0 / 1000
PATH = "wd_x_1/session_1/agents/main/wire.jsonl"
Record = dict[str, Any]
TIMES: Record = {"llmFirstTokenLatencyMs": 1000, "llmStreamDurationMs": 2000}


def line(type_: str, at: int, /, **more: object) -> Record:
    return {"type": type_, **more, "time": T0 + at}


def prompt(at: int, kind: str = "user", /, *, steer: bool = False, **origin: str) -> Record:
    return line("turn.steer" if steer else "turn.prompt", at, input=[], origin={"kind": kind, **origin})


def event(at: int, kind: str, uuid: str, /, **more: object) -> Record:
    owner = {"uuid": uuid} if kind.startswith("step") else {"uuid": f"{uuid}-{at}", "stepUuid": uuid}
    return line("context.append_loop_event", at, event={"type": kind, **owner, "turnId": "0", "step": 1, **more})


def begin(at: int, uuid: str = "u1") -> Record:
    return event(at, "step.begin", uuid)


def request(at: int, **more: object) -> Record:
    return line("llm.request", at, **{"kind": "loop", "provider": "kimi", "model": "m", "turnStep": "0.1", **more})


def text(at: int, uuid: str = "u1") -> Record:
    return event(at, "content.part", uuid, part={"type": "text", "text": "abc"})


def end(at: int, uuid: str = "u1", /, **more: object) -> Record:
    usage = {"inputOther": 10, "output": 100, "inputCacheRead": 80, "inputCacheCreation": 5}
    return event(at, "step.end", uuid, **{"finishReason": "end_turn", "usage": usage, "messageId": f"r-{uuid}", **more})


def items(*records: Record, path: str = PATH, beside: dict[str, bytes] | None = None) -> list[Call | Problem]:
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    return list(FORMAT.read(Source.from_bytes(data, path, beside)))


def calls(*records: Record, **more: Any) -> list[Call]:
    return [item for item in items(*records, **more) if isinstance(item, Call)]


def kinds(*records: Record) -> list[str]:
    return [item.kind for item in items(*records) if isinstance(item, Problem)]


def test_the_request_and_the_stated_durations_give_all_three_instants() -> None:
    steps = [prompt(0), begin(5), request(10), text(3016), end(60000, llmRequestBuildMs=4, **TIMES)]
    (call,) = calls(*steps)
    assert call.sent_at == pytest.approx(S + 0.014)
    assert call.first_output_at == pytest.approx(S + 1.010)
    assert call.last_output_at == pytest.approx(S + 3.010)
    assert (call.sent_source, call.first_output_source) == ("api_request_line", "first_token")
    assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens, call.output_tokens) == (95, 80, 5, 100)
    assert (call.trigger, call.trigger_at, call.provider, call.attempts) == ("user", S, "moonshot_ai", 1)


def test_a_request_line_that_the_parts_contradict_is_not_used() -> None:
    (call,) = calls(prompt(0), begin(5), request(10), text(9000), end(9001, **TIMES))
    assert (call.sent_source, call.sent_at, call.last_output_at) == ("duration", S + 6.0, S + 9.0)


def test_without_a_request_line_a_bare_tool_call_counts_from_the_beginning_of_its_step() -> None:
    """The tool's line waited two minutes for a permission."""
    tool = event(120_000, "tool.call", "u1", toolCallId="c", name="Bash")
    (call,) = calls(prompt(0), begin(5), tool, end(121_000, **TIMES))
    assert call.last_output_at == pytest.approx(S + 3.005)
    assert [block.name for block in call.blocks] == ["Bash"]


def test_without_durations_only_the_whole_call_is_bounded() -> None:
    (call,) = calls(prompt(0), begin(5), text(4000), end(4001))
    assert (call.sent_source, call.last_output_source) == ("record_created", "record_written")
    assert call.first_output_at is None
    assert call.attempts is None


def test_converted_records_that_are_stamped_at_once_have_no_times() -> None:
    (call,) = calls(prompt(0), begin(1), text(2), end(3))
    assert (call.sent_at, call.last_output_at, call.output_tokens) == (None, None, 100)


def test_attempts_in_one_step_and_in_steps_of_their_own_both_count() -> None:
    old = [prompt(0), begin(5), request(10), request(2010, attempt="2/3"), text(5015), end(5016, **TIMES)]
    new = [
        prompt(0), begin(5), request(10), event(500, "step.end", "u1", finishReason="error"),
        begin(1500, "u2"), request(1510), text(4515, "u2"), end(4516, "u2", **TIMES),
    ]  # fmt: skip
    for steps in (old, new):
        (call,) = calls(*steps)
        assert (call.attempts, call.flags, call.trigger) == (2, ("retried",), "user")
        assert call.sent_at == pytest.approx(S + (2.010 if steps is old else 1.510))
        assert kinds(*steps) == []


def test_attempts_that_led_nowhere_are_counted() -> None:
    refused = event(500, "step.end", "u1", finishReason="error")
    assert kinds(prompt(0), begin(5), request(10), refused, line("turn.ended", 600)) == ["failed_attempt"]
    cancelled = [prompt(0), begin(5), request(10), request(900), line("turn.cancel", 1000)]
    assert kinds(*cancelled) == ["failed_attempt", "request_without_response"]
    stopped = event(1000, "step.end", "u1", finishReason="interrupted")
    assert kinds(prompt(0), begin(5), request(10), stopped) == ["request_without_response"]


def test_a_broken_stream_is_told_from_a_service_that_counts_no_tokens() -> None:
    empty = {"inputOther": 0, "output": 0, "inputCacheRead": 0, "inputCacheCreation": 0}
    steps = [prompt(0), begin(5), request(10), text(3015)]
    (broken,) = calls(*steps, end(3016, usage=empty, **TIMES))
    (uncounted,) = calls(*steps, end(3016, usage=empty, rawFinishReason="stop", **TIMES))
    assert (broken.flags, broken.output_tokens, broken.input_tokens) == (("interrupted",), None, None)
    assert (uncounted.flags, uncounted.output_tokens) == ((), None)


@pytest.mark.parametrize(
    ("kind", "name", "trigger"),
    [("user", "", "user"), ("cron_job", "", "notification"), ("news", "", "unknown"),
     ("system_trigger", "subagent", "subagent")],
)  # fmt: skip
def test_the_origin_of_a_prompt_is_the_trigger(kind: str, name: str, trigger: str) -> None:
    (call,) = calls(prompt(0, kind, name=name), begin(5), request(10), text(3015), end(3016, **TIMES))
    assert call.trigger == trigger
    assert ("sidechain" in call.flags) == (trigger == "subagent")


def test_a_prompt_between_two_steps_makes_the_second_the_users() -> None:
    tools = [
        event(3020, "tool.call", "u1", toolCallId="c", name="Read"), prompt(3100, steer=True),
        event(3200, "tool.result", "u1", toolCallId="c", result={}),
    ]  # fmt: skip
    head = [prompt(0), begin(5), request(10), text(3015)]
    tail = [end(3300, **TIMES), begin(3310, "u2"), request(3320), text(6325, "u2"), end(6326, "u2", **TIMES)]
    first, steered = calls(*head, *tools, *tail)
    _, plain = calls(*head, tools[0], tools[2], *tail)
    assert first.blocks[1].result_at == pytest.approx(S + 3.2)
    assert steered.trigger == "user"
    assert steered.trigger_at == pytest.approx(S + 3.2)
    assert plain.trigger == "tool_result"


def test_a_compaction_has_a_request_and_tokens_but_no_first_token() -> None:
    usage = {"inputOther": 10, "output": 900, "inputCacheRead": 0, "inputCacheCreation": 0}
    record = line("usage.record", 50_000, model="m", usage=usage, usageScope="session")
    (call,) = calls(prompt(0), request(10, kind="compaction"), record, record)
    assert (call.trigger, call.sent_at, call.last_output_at) == ("compaction", S + 0.010, S + 50)
    assert (call.last_output_source, call.first_output_at) == ("record_written", None)


def test_an_answer_that_came_whole_has_no_speed() -> None:
    times: Record = {"llmFirstTokenLatencyMs": 3000, "llmStreamDurationMs": 1}
    (call,) = calls(prompt(0), begin(5), request(10), text(3015), end(3016, **times))
    assert call.flags == ("non_streamed",)


def test_the_state_file_names_session_project_and_sub_agents() -> None:
    state = {"id": "session_9", "cwd": "/repo/x", "agents": {"agent-0": {"type": "sub"}}}
    steps = [prompt(0, "system_trigger"), begin(5), request(10), text(3015), end(3016, **TIMES)]
    beside = {"../../state.json": json.dumps(state).encode()}
    (call,) = calls(*steps, path="wd/session_1/agents/agent-0/wire.jsonl", beside=beside)
    assert (call.session_id, call.project, call.agent_id) == ("session_9", "/repo/x", "agent-0")
    assert (call.trigger, call.flags) == ("subagent", ("sidechain",))
    (alone,) = calls(*steps)
    assert (alone.session_id, alone.agent_id, alone.trigger) == ("session_1", None, "notification")


def test_values_of_wrong_types_are_left_out() -> None:
    odd: list[Record] = [
        {"type": ["x"]},
        {"type": {}},
        line("context.append_loop_event", 1, event=[]),
        line("llm.request", 2, kind=3),
    ]
    broken = end(3016, usage={"output": "x", "inputOther": -1}, llmFirstTokenLatencyMs="?", llmStreamDurationMs=True)
    (call,) = calls(*odd, prompt(0), begin(5), request(10, model=7, provider=[]), text(3015), broken)
    assert (call.output_tokens, call.input_tokens, call.model, call.provider) == (None, None, None, None)


GOOD = b"".join(
    json.dumps(record).encode() + b"\n" for record in (prompt(0), begin(5), request(10), text(3015), end(3016, **TIMES))
)


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=8))
def test_no_damage_raises(at: int, noise: bytes) -> None:
    data = GOOD[:at] + noise + GOOD[at + len(noise) :]
    assert FORMAT.sniff(PATH, data) in {True, False}
    assert all(isinstance(item, Call | Problem) for item in FORMAT.read(Source.from_bytes(data, PATH)))
