"""What the end of a log says is going on, for agents other than Claude Code and Codex."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from latprof.formats import Format, Source, formats
from latprof.formats.standing import Standing
from latprof.model import Call

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
T0 = 1772445600.0  # 2026-03-02T10:00:00Z


def format_named(name: str) -> Format:
    return next(item for item in formats() if item.name == name)


def stamp(at: float) -> str:
    return f"2026-03-02T10:00:{at:06.3f}Z"


def tails(name: str, *records: object, path: str = "a.jsonl") -> tuple[Standing, ...]:
    """The standings of these lines, or of one document where `path` is no list of lines."""
    text = "".join(json.dumps(record) + "\n" for record in records)
    tail = format_named(name).tail
    assert tail is not None
    return tuple(tail(Source.from_bytes(text.encode(), path)))


def shown(standing: Standing) -> tuple[str, str, float | None, tuple[str, ...]]:
    since = None if standing.since is None else round(standing.since - T0, 3)
    return standing.state, standing.trigger, since, standing.tools


def states(name: str, head: list[Any], *steps: Any, path: str = "a.jsonl") -> list[tuple[str, str, float | None, Any]]:
    """What each line after the head makes of the main thread."""
    lines = list(head)
    found = []
    for step in steps:
        lines.append(step)
        found.append(shown(tails(name, *lines, path=path)[0]))
    return found


def pi_line(at: float, role: str, **message: Any) -> dict[str, Any]:
    inside = {"role": role, "timestamp": round((T0 + at) * 1000), **message}
    return {"type": "message", "id": f"e{at}", "timestamp": stamp(at), "message": inside}


def test_pi_writes_each_message_whole() -> None:
    """A stop without tools ends the turn; after an error only the next line tells."""
    head = [{"type": "session", "id": "s1", "cwd": "/p", "timestamp": stamp(0)}]
    calls = [{"type": "toolCall", "id": "a", "name": "bash"}, {"type": "toolCall", "id": "b", "name": "read"}]
    assert states(
        "pi",
        head,
        pi_line(1, "user"),
        pi_line(3, "assistant", content=calls, stopReason="toolUse", model="big"),
        pi_line(4, "toolResult", toolCallId="a"),
        pi_line(5, "toolResult", toolCallId="b"),
        pi_line(6, "assistant", content=[], stopReason="error"),
        pi_line(9, "assistant", content=[{"type": "text", "text": "x"}], stopReason="stop"),
    ) == [
        ("waiting", "user", 1, ()),
        ("tools", "user", 3, ("bash", "read")),
        ("tools", "user", 3, ("read",)),
        ("waiting", "tool_result", 5, ()),
        ("unknown", "tool_result", 6, ()),
        ("idle", "tool_result", 9, ()),
    ]
    (last,) = tails("pi", *head, pi_line(1, "user"), pi_line(3, "assistant", content=calls, model="big"))
    assert (last.session_id, last.project, last.model, last.first_line) == ("s1", "/p", "big", "wall_s")


def test_droid_writes_each_message_whole() -> None:
    """A line that stands twice counts once; a sub-agent's order is its first message."""

    def line(at: float, role: str, *parts: dict[str, Any]) -> dict[str, Any]:
        message = {"role": role, "content": list(parts)}
        return {"type": "message", "id": f"m{at}", "parentId": None, "timestamp": stamp(at), "message": message}

    start = {"type": "session_start", "id": "d1", "title": "x", "owner": "o", "cwd": "/p"}
    called = line(2, "assistant", {"type": "tool_use", "id": "t", "name": "Read"})
    done = line(3, "user", {"type": "tool_result", "tool_use_id": "t"})
    assert states("droid", [start], line(1, "user"), called, done, called, line(5, "assistant")) == [
        ("waiting", "user", 1, ()),
        ("tools", "user", 2, ("Read",)),
        ("waiting", "tool_result", 3, ()),
        ("waiting", "tool_result", 3, ()),
        ("idle", "tool_result", 5, ()),
    ]
    (helper,) = tails("droid", start | {"title": "# Task Tool Invocation"}, line(1, "user"))
    assert (helper.agent_id, helper.trigger) == ("d1", "subagent")


def test_gemini_does_not_tell_a_tool_from_the_end() -> None:
    """Its tools are recorded when all of them are done."""
    head = {"sessionId": "g", "projectHash": "x", "startTime": stamp(0), "directories": ["/p"]}
    prompt = {"id": "u1", "type": "user", "timestamp": stamp(1), "content": []}
    answer = {"id": "g1", "type": "gemini", "timestamp": stamp(4), "content": "", "model": "gemini-3"}
    tool = {"id": "t", "name": "shell", "status": "success", "timestamp": stamp(6)}
    results = {"id": "u2", "type": "user", "timestamp": stamp(6.01), "content": [{"functionResponse": {}}]}
    error = {"id": "e1", "type": "error", "timestamp": stamp(9), "content": "x"}
    assert states("gemini-cli", [head], prompt, answer, answer | {"toolCalls": [tool]}, results, error) == [
        ("waiting", "user", 1, ()),
        ("unknown", "user", 4, ()),
        ("waiting", "tool_result", 6, ()),
        ("waiting", "tool_result", 6.01, ()),
        ("idle", "tool_result", 9, ()),
    ]
    (stopped,) = tails("gemini-cli", head, prompt, answer | {"toolCalls": [tool | {"status": "cancelled"}]})
    assert shown(stopped)[0::2] == ("idle", 6)
    document = head | {"messages": [prompt, answer]}
    assert shown(tails("gemini-cli-json", document, path="a.json")[0]) == ("unknown", "user", 4, ())


def test_qwen_counts_failed_attempts_of_the_conversation_only() -> None:
    """Errors of sub-agents and of questions of the agent's own are not of the wait."""

    def line(at: float, kind: str, *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
        known = {"uuid": f"u{at}", "parentUuid": None, "sessionId": "q", "timestamp": stamp(at), "cwd": "/p"}
        return known | {"type": kind, "message": {"parts": list(parts)}, **more}

    def failed(at: float, prompt: str) -> dict[str, Any]:
        event = {"event.name": "qwen-code.api_error", "prompt_id": prompt}
        return line(at, "system", systemPayload={"uiEvent": event})

    lines = [line(1, "user"), failed(2, "q########0"), failed(3, "q#explore-abc#0")]
    (waits,) = tails("qwen-code", *lines)
    assert (shown(waits), waits.failed) == (("waiting", "user", 2, ()), 1)
    called = line(5, "assistant", {"functionCall": {"id": "f", "name": "ls"}}, model="qwen3")
    done = line(7, "tool_result", {"functionResponse": {"id": "f"}})
    assert states("qwen-code", lines, called, done, line(9, "assistant", {"text": "x"})) == [
        ("tools", "user", 5, ("ls",)),
        ("waiting", "tool_result", 7, ()),
        ("idle", "tool_result", 9, ()),
    ]


def test_copilot_tells_requests_answers_and_helpers_apart() -> None:
    """A turn begins as its request is about to go out; a helper's thread ends with it."""

    def event(at: float, kind: str, agent: str | None = None, **data: Any) -> dict[str, Any]:
        known = {"id": f"{kind}{at}", "timestamp": stamp(at), "type": kind, "data": data}
        return known if agent is None else known | {"agentId": agent}

    head = [event(0, "session.start", sessionId="c", context={"cwd": "/p"}, selectedModel="auto")]
    requests = [{"toolCallId": "t", "name": "task"}]
    lines = [
        event(1, "user.message"),
        event(1.5, "assistant.turn_start", turnId="0"),
        event(4, "assistant.message", messageId="m1", content="", toolRequests=requests, model="big"),
        event(4.1, "subagent.started", toolCallId="t"),
        event(4.5, "assistant.turn_start", "t", turnId="0"),
    ]
    assert states("copilot-cli", head, *lines) == [
        ("waiting", "user", 1, ()),
        ("waiting", "user", 1.5, ()),
        *[("tools", "user", 4, ("task",))] * 3,
    ]
    main, helper = tails("copilot-cli", *head, *lines)
    assert (main.session_id, main.project, main.model, helper.agent_id) == ("c", "/p", "big", "t")
    assert shown(helper) == ("waiting", "subagent", 4.5, ())
    later = [
        event(6, "subagent.completed", toolCallId="t"),
        event(6.1, "tool.execution_complete", toolCallId="t"),
        event(6.2, "assistant.turn_end", turnId="0"),
        event(9, "assistant.message", messageId="m2", content="x", toolRequests=[]),
        event(9.1, "assistant.turn_end", turnId="1"),
    ]
    assert states("copilot-cli", [*head, *lines], *later) == [
        ("tools", "user", 4, ("task",)),
        *[("waiting", "tool_result", 6.1, ())] * 2,
        ("answering", "tool_result", 9, ()),
        ("idle", "tool_result", 9.1, ()),
    ]
    assert tails("copilot-cli", *head, *lines, later[0])[1].state == "idle"


def kimi_line(at: float, kind: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": T0 + at, "message": {"type": kind, "payload": payload}}


def test_kimi_cli_steps() -> None:
    """What a person says while tools run goes out with their results; a retry keeps what led to the call."""
    call = {"id": "k", "function": {"name": "Shell"}}
    assert states(
        "kimi-cli",
        [],
        kimi_line(1, "TurnBegin"),
        kimi_line(1.1, "StepBegin", n=1),
        kimi_line(3, "ContentPart", type="think"),
        kimi_line(3.5, "StepRetry", wait_s=2.0),
        kimi_line(7, "ToolCall", **call),
        kimi_line(8, "SteerInput"),
        kimi_line(9, "ToolResult", tool_call_id="k"),
        kimi_line(9.2, "StepBegin", n=2),
        kimi_line(11, "ContentPart", type="text"),
        kimi_line(11.5, "StatusUpdate", token_usage={"output": 3}),
        path="s1/wire.jsonl",
    ) == [
        ("waiting", "user", 1, ()),
        ("waiting", "user", 1.1, ()),
        ("answering", "user", 3, ()),
        ("waiting", "user", 5.5, ()),
        *[("tools", "user", 7, ("Shell",))] * 2,
        ("waiting", "user", 9, ()),
        ("waiting", "user", 9.2, ()),
        ("answering", "user", 11, ()),
        ("idle", "user", 11.5, ()),
    ]


def test_kimi_code_steps() -> None:
    """A step that failed is made again; the stop of a step that called tools is no end."""

    def line(at: float, name: str, **more: Any) -> dict[str, Any]:
        return {"type": name, "time": round((T0 + at) * 1000), **more}

    def event(at: float, kind: str, **more: Any) -> dict[str, Any]:
        return line(at, "context.append_loop_event", event={"type": kind, **more})

    assert states(
        "kimi-code",
        [],
        line(1, "turn.prompt", origin={"kind": "user"}),
        event(1.1, "step.begin"),
        line(1.2, "llm.request", kind="loop", model="k2"),
        event(2, "step.end", finishReason="error"),
        line(2, "turn.step.retrying", delayMs=1500),
        event(6, "tool.call", toolCallId="t", name="Bash"),
        event(7, "tool.result", toolCallId="t"),
        event(7.1, "step.end", finishReason="tool_use"),
        event(7.2, "step.begin"),
        event(9, "content.part"),
        event(9.1, "step.end", finishReason="end_turn"),
        path="s1/agents/main/wire.jsonl",
    ) == [
        ("waiting", "user", 1, ()),
        ("waiting", "user", 1.1, ()),
        ("waiting", "user", 1.2, ()),
        ("waiting", "user", 2, ()),
        ("waiting", "user", 3.5, ()),
        ("tools", "user", 6, ("Bash",)),
        *[("waiting", "tool_result", 7, ())] * 2,
        ("waiting", "tool_result", 7.2, ()),
        ("answering", "tool_result", 9, ()),
        ("idle", "tool_result", 9.1, ()),
    ]


def cline_row(at: float, kind: str, text: str = "", *, ask: bool = False) -> dict[str, Any]:
    word = "ask" if ask else "say"
    return {"ts": round((T0 + at) * 1000), "type": word, word: kind, "text": text}


@pytest.mark.parametrize("name", ["cline", "roo-code", "kilo-tasks"])
def test_rows_of_a_chat_window(name: str) -> None:
    """A request's row is there before its answer; a tool lasts until the row of the next request."""
    rows = [cline_row(0, "text", "x")]
    tail = format_named(name).tail
    assert tail is not None
    found = []
    for row in (
        cline_row(0.1, "api_req_started", "{}"),
        cline_row(3, "reasoning", "x"),
        cline_row(4, "tool", '{"tool": "readFile"}'),
        cline_row(6, "api_req_started", "{}"),
        cline_row(7, "api_req_retry_delayed"),
        cline_row(9, "command", "x", ask=True),
        cline_row(10, "command_output", "x"),
        cline_row(12, "api_req_started", "{}"),
        cline_row(14, "completion_result", "x"),
        cline_row(14.1, "completion_result", ask=True),
        cline_row(60, "user_feedback", "x"),
    ):
        rows.append(row)
        (standing,) = tail(Source.from_bytes(json.dumps(rows).encode(), "tasks/7/ui_messages.json"))
        found.append((*shown(standing), standing.failed))
    assert found == [
        ("waiting", "user", 0.1, (), 0),
        ("answering", "user", 3, (), 0),
        ("tools", "user", 4, ("readFile",), 0),
        ("waiting", "tool_result", 6, (), 0),
        ("waiting", "tool_result", 7, (), 1),
        ("tools", "tool_result", 9, ("command",), 0),
        ("tools", "tool_result", 9, ("command",), 0),
        ("waiting", "tool_result", 12, (), 0),
        ("idle", "tool_result", 14, (), 0),
        ("idle", "tool_result", 14.1, (), 0),
        ("waiting", "user", 60, (), 0),
    ]


def opencode_database(path: Path, messages: list[dict[str, Any]], parts: list[tuple[int, dict[str, Any]]]) -> Source:
    """Messages and (number of the message, part); a part's row is made at its key `row`."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE session (id, project_id, parent_id, directory, version)")
        connection.execute("CREATE TABLE message (id, session_id, time_created, time_updated, data)")
        connection.execute("CREATE TABLE part (id, message_id, session_id, time_created, time_updated, data)")
        connection.execute("INSERT INTO session VALUES ('s1', 'p', NULL, '/p', '1.18.0')")
        connection.executemany(
            "INSERT INTO message VALUES (?, 's1', 0, 0, ?)",
            [(f"m{number}", json.dumps(message)) for number, message in enumerate(messages)],
        )
        connection.executemany(
            "INSERT INTO part VALUES (?, ?, 's1', ?, 0, ?)",
            [
                (f"p{place}", f"m{number}", part.pop("row"), json.dumps(part))
                for place, (number, part) in enumerate(parts)
            ],
        )
        connection.commit()
    return Source.from_path(path)


def ms(at: float) -> int:
    return round((T0 + at) * 1000)


def test_parts_of_an_answer_in_a_database(tmp_path: Path) -> None:
    """A part's row is made as it begins; a tool whose arguments still come is a part of the answer."""
    tail = format_named("opencode").tail
    assert tail is not None
    prompt = {"role": "user", "time": {"created": ms(0)}}
    answer = {"role": "assistant", "modelID": "big", "time": {"created": ms(0.2)}}
    running = {"status": "running", "time": {"start": ms(4)}}
    done = {"status": "completed", "time": {"start": ms(4), "end": ms(6)}}
    ended = answer | {"time": {"created": ms(0.2), "completed": ms(6.1)}, "finish": "tool-calls"}
    cases: list[tuple[list[Any], list[tuple[int, dict[str, Any]]], tuple[Any, ...]]] = [
        ([prompt], [], ("waiting", "user", 0, ())),
        ([prompt, answer], [], ("waiting", "user", 0.2, ())),
        ([prompt, answer], [(1, {"type": "text", "row": ms(3)})], ("answering", "user", 3, ())),
        (
            [prompt, answer],
            [(1, {"type": "tool", "tool": "bash", "state": {"status": "pending"}, "row": ms(3.5)})],
            ("answering", "user", 3.5, ()),
        ),
        (
            [prompt, answer],
            [(1, {"type": "tool", "tool": "bash", "state": running, "row": ms(3.5)})],
            ("tools", "user", 4, ("bash",)),
        ),
        (
            [prompt, answer],
            [(1, {"type": "tool", "tool": "bash", "state": done, "row": ms(3.5)})],
            ("waiting", "tool_result", 6, ()),
        ),
        ([prompt, ended], [], ("waiting", "tool_result", 6.1, ())),
        ([prompt, ended | {"finish": "stop"}], [], ("idle", "user", 6.1, ())),
    ]
    for number, (messages, parts, expected) in enumerate(cases):
        (standing,) = tail(opencode_database(tmp_path / f"{number}.db", messages, parts))
        assert shown(standing) == expected
        assert (standing.session_id, standing.project, standing.first_line) == ("s1", "/p", "ttft_s")
        assert standing.changed_at is not None


def test_aider_notes_a_request_before_its_answer() -> None:
    """Its clock has no zone, so since when is left to the file's own time; an answer may end the turn or not."""
    tail = format_named("aider").tail
    assert tail is not None
    asked = b"TO LLM 2026-03-02T11:00:01\nUSER x\n"
    answered = asked + b"LLM RESPONSE 2026-03-02T11:00:09\nASSISTANT x\n"
    for data, state in ((asked, "waiting"), (answered, "unknown"), (answered + asked, "waiting")):
        (found,) = tail(Source.from_bytes(data, ".aider.llm.history"))
        assert (found.state, found.since) == (state, None)


LINES = ["copilot-cli", "droid", "gemini-cli", "kimi-cli", "kimi-code", "pi", "qwen-code"]
# Known by what was logged after them only.
UNTOLD_TRIGGERS = {"compaction", "notification", "retry", "unknown"}


@pytest.mark.parametrize("name", LINES)
def test_the_end_of_a_log_says_what_the_reader_says_later(name: str) -> None:
    """Some beginning of a log waits for each of its calls: with its trigger, since its send time."""
    item = format_named(name)
    assert item.tail is not None
    found: Counter[bool] = Counter()
    for path in sorted((FIXTURES / name).glob("*/input/**/*.jsonl")):
        source = Source.from_path(path)
        if not item.sniff(source.path, source.head()):
            continue
        lines = path.read_bytes().splitlines(keepends=True)
        cuts = [Source.from_bytes(b"".join(lines[:number]), str(path)) for number in range(1, len(lines) + 1)]
        seen = [standing for cut in cuts for standing in item.tail(cut) if standing.state == "waiting"]
        for call in item.calls(source):
            # Of Qwen Code's sub-agents there is no line before the answer, of a repetition none as it is sent.
            own = name == "qwen-code" and (call.agent_id is not None or "retried" in call.flags)
            if call.sent_at is not None and call.trigger not in UNTOLD_TRIGGERS and not own:
                found[any(_waits_for(standing, call) for standing in seen)] += 1
    assert found[True] >= 5
    assert found[False] <= 0.05 * found[True], found


def _waits_for(found: Standing, call: Call) -> bool:
    """A first request's send time may have the start of the program inside."""
    near = found.since is not None and call.sent_at is not None and abs(found.since - call.sent_at) < 0.7
    return near and found.agent_id == call.agent_id and found.trigger == call.trigger


@pytest.mark.parametrize("name", sorted(item.name for item in formats() if item.tail is not None))
def test_any_beginning_of_a_log_is_no_accident(name: str) -> None:
    """Cut anywhere, as while an agent writes, and empty; sessions are those of the reader."""
    item = format_named(name)
    assert item.tail is not None
    assert tuple(item.tail(Source.from_bytes(b"", "a"))) == ()
    for path in sorted((FIXTURES / name).glob("*/input/**/*")):
        if not path.is_file() or not path.name.endswith(item.suffixes):
            continue
        source = Source.from_path(path)
        if not item.sniff(source.path, source.head()):
            continue
        data = path.read_bytes()
        for share in (0.2, 0.5, 0.9):
            item.tail(Source.from_bytes(data[: int(len(data) * share)], str(path)))
        sessions = {call.session_id for call in item.calls(source)}
        assert sessions <= {standing.session_id for standing in item.tail(source)}
