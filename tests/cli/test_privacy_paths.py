"""No text of a conversation reaches an output: every value that is not named here is planted with a mark.

The allow-list is by type of line and path of keys: only ids, names, places and words of the protocol.
A new kind of value in a line is private until it is named here.
"""

from __future__ import annotations

import copy
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from claude_code_lines import Log, Record, iso, text, thinking, tool, usage
from cli_run import Run
from latprof.formats import Source, formats
from latprof.model import Call, Problem

MARK = "PLANTEDqz7"
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "claude-code"

# (type of line or *, path of keys with [] for items of lists): what may be shown, or steers the reader.
_ANY = {
    "type", "subtype", "uuid", "parentUuid", "logicalParentUuid", "sessionId", "session_id", "agentId", "version",
    "cwd", "timestamp", "userType", "effort",
}  # fmt: skip
ALLOWED: dict[str, set[str]] = {
    "assistant": {
        "requestId", "requestRef", "requestedModel", "message.id", "message.model", "message.role", "message.type",
        "message.stop_reason", "message.content[].type", "message.content[].id", "message.content[].name",
        "message.usage.speed",
    },
    "user": {
        "message.role", "message.content[].type", "message.content[].tool_use_id", "sourceToolUseID",
        "interruptedMessageId", "origin.kind",
    },
    "system": set(),
    "attachment": {"attachment.type"},
    "progress": {
        "data.type", "data.agentId", "data.message.type", "data.message.uuid", "data.message.timestamp",
        "data.message.requestId", "data.message.message.id", "data.message.message.model",
        "data.message.message.role", "data.message.message.type", "data.message.message.stop_reason",
        "data.message.message.content[].type", "data.message.message.content[].id",
        "data.message.message.content[].name", "data.message.message.content[].tool_use_id",
        "data.message.message.usage.speed",
    },
    "api-request": {"id"},
}  # fmt: skip
# Below these keys even the names of keys come from the conversation.
FREE_KEYS = re.compile(r"(\.input|toolUseResult|snapshot|headers|trackedFileBackups|mcpMeta)$")

OUTPUTS = (
    ("analyze",),
    ("analyze", "--json", "--by", "project,session,version,model,effort,speed,agent,provider,trigger"),
    ("analyze", "--format", "csv", "--by", "session,version"),
    ("analyze", "--format", "md", "--problems"),
    ("analyze", "--problems", "--by", "context,part,day"),
    ("export", "--format", "csv"),
    ("export", "--format", "jsonl"),
)


def planted(value: Any, kind: str, path: str = "") -> Any:
    """The value with the mark in every text, and in every free key, that is not allowed out."""
    if isinstance(value, dict):
        marked = {key: planted(item, kind, f"{path}.{key}" if path else key) for key, item in value.items()}
        if FREE_KEYS.search(path):
            return {f"{key}{MARK}": item for key, item in marked.items()} | {MARK: MARK}
        return marked
    if isinstance(value, list):
        return [planted(item, kind, path + "[]") for item in value]
    if isinstance(value, str) and path not in _ANY and path not in ALLOWED.get(kind, ()):
        # The beginning stays, because the reader tells some kinds of line by it.
        return f"{value[:48]} {MARK} {value[48:]}"
    return value


def rich_log() -> list[Record]:
    """Lines of every type that the format notes know, with all their fields of text."""
    log = Log(version="2.1.329")
    words: Record = {
        "gitBranch": "branch", "slug": "slug", "entrypoint": "cli", "permissionMode": "plan", "promptId": "p",
        "promptSource": "typed", "teamName": "team", "agentName": "name", "attributionSkill": "skill",
        "attributionMcpServer": "server", "attributionMcpTool": "tool", "thinkingMetadata": {"level": "high"},
    }  # fmt: skip
    details: Record = {
        "stop_sequence": "sequence", "stop_details": {"category": "c", "explanation": "e"},
        "container": {"id": "container"}, "diagnostics": {"cache_miss_reason": {"type": "reason"}},
        "context_management": {"applied_edits": [{"type": "clear"}]},
        "input_transformations": [{"type": "t", "text": "changed"}],
    }  # fmt: skip
    for kind in ("summary", "ai-title", "custom-title", "agent-name", "last-prompt", "pr-link", "bridge-session"):
        log.bare(kind, leafUuid="u", summary="s", aiTitle="t", customTitle="t", agentName="n", lastPrompt="p", url="u")
    for kind in ("mode", "permission-mode", "tools-used", "atis-latch", "cost-state", "brand-new-type"):
        log.bare(kind, mode="m", permissionMode="p", tools=["Bash"], state={"models": {"m": {"name": "n"}}})
    log.bare("file-history-snapshot", messageId="m", snapshot={"trackedFileBackups": {"a.py": {"backupFileName": "b"}}})
    log.bare("file-history-delta", messageId="m", delta={"path": "a.py", "patch": "+secret"})
    log.bare("queue-operation", operation="enqueue", timestamp=iso(0), content="queued words", reason="why")
    log.bare("api-request-shape", shapeHash="h", system=[{"type": "text", "text": "prompt"}], tools=[{"name": "n"}])
    log.bare("api-request-blob", hash="h", message={"role": "user", "content": [{"type": "text", "text": "prompt"}]})
    log.prompt(0, "a prompt", **words, origin={"kind": "human", "note": "n"})
    log.add("attachment", 0.1, attachment={
        "type": "hook_success", "hookName": "n", "hookEvent": "e", "stdout": "o", "stderr": "e", "content": "c",
        "command": "run", "toolUseID": "t", "durationMs": 3,
    })  # fmt: skip
    log.add("attachment", 0.2, attachment={"type": "file", "filename": "a.py", "content": {"file": {"content": "c"}}})
    log.add("attachment", 0.2, attachment={"type": "queued_command", "prompt": [{"type": "text", "text": "typed"}]})
    log.request(0.3, "ref-0")
    log.lines[-1] |= {"querySource": "q", "base": "b", "keep": 3, "tail": [{"hash": "h", "role": "user"}]}
    log.add("system", 0.6, subtype="api_error", content="c", level="error", retryInMs=200.5, source="request_retry",
            error={"message": "m", "requestId": "r", "status": 529, "headers": {"x": "y"},
                   "error": {"error": {"type": "overloaded", "message": "m"}}})  # fmt: skip
    log.request(0.9, "ref-1")
    common: Record = {"requestRef": "ref-1", "extra": details, "thinkingDisplay": "omitted", "effort": "high", **words}
    log.answer(3, "msg_a", thinking(), apiBlockIndex=0, thinkingDurationMs=1500, **common)
    log.answer(4, "msg_a", text(), apiBlockIndex=1, **common)
    log.answer(5, "msg_a", tool("t1"), apiBlockIndex=2, toolInputStreamMs=80, **common)
    log.lines[-1]["message"]["content"][0]["input"] = {
        "path": "p",
        "edits": [{"old": "o", "new": "n"}],
        "key": {"k": "v"},
    }
    for data in (
        {"type": "bash_progress", "output": "o", "fullOutput": "f"},
        {"type": "hook_progress", "hookName": "n", "command": "c", "statusMessage": "s"},
        {"type": "mcp_progress", "serverName": "s", "toolName": "t"},
        {"type": "query_update", "query": "q"},
    ):
        log.add("progress", 5.5, data=data, toolUseID="t1", parentToolUseID="t0")
    log.result(6, "t1", toolUseResult={"stdout": "o", "stderr": "e", "file": {"filePath": "p", "content": "c"}})
    log.prompt(6.1, "Base directory for this skill: /x", isMeta=True, sourceToolUseID="t1")
    log.answer(9, "msg_b", {"type": "redacted_thinking", "data": "d"}, stop=None, tokens=usage(5, speed="fast"))
    log.answer(10, "msg_b", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}})
    log.answer(
        11, "msg_b", {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"title": "t", "url": "u"}]}
    )
    log.prompt(12, "[Request interrupted by user]", interruptedMessageId="msg_b")
    log.answer(13, "local", text(), model="<synthetic>", isApiErrorMessage=True, error="server_error", request=None)
    for words_of_harness in (
        "<command-name>/x</command-name>",
        "<local-command-stdout>o",
        "<bash-input>ls",
        "Caveat: c",
    ):
        log.prompt(14, words_of_harness, isMeta=words_of_harness.startswith("Caveat"))
    log.prompt(15, "<task-notification>done</task-notification>", origin={"kind": "task-notification"})
    log.answer(18, "msg_c", text(), stop="end_turn", tokens=usage(20, service_tier="standard", inference_geo="eu"))
    for subtype in ("turn_duration", "stop_hook_summary", "away_summary", "local_command", "informational"):
        log.add("system", 19, subtype=subtype, content="recap", durationMs=3, hookInfos=[{"command": "c"}],
                hookErrors=["e"], stopReason="r", toolUseID="t")  # fmt: skip
    log.add("system", 20, parent=None, subtype="compact_boundary", content="c", logicalParentUuid=log.last,
            compactMetadata={"trigger": "auto", "userContext": "u"})  # fmt: skip
    log.prompt(21, "This session is being continued", isCompactSummary=True, isVisibleInTranscriptOnly=True)
    log.answer(25, "msg_d", text(), stop="end_turn")
    side = Log(side="abc")
    side.prompt(30, "an order")
    side.answer(33, "msg_s", thinking(), stop=None)
    side.answer(34, "msg_s", tool("ts"), stop="tool_use")
    side.result(35, "ts")
    for line in side.lines:
        inner: Record = {key: line[key] for key in ("type", "uuid", "timestamp", "message", "requestId") if key in line}
        inner["toolUseResult"] = {"content": "c"}
        log.add("progress", 36, data={"type": "agent_progress", "agentId": "abc", "prompt": "order", "message": inner,
                                      "normalizedMessages": [copy.deepcopy(inner)]})  # fmt: skip
    return log.lines


def log_with_marks(lines: list[Record]) -> bytes:
    """The planted lines, and damaged ones: half a line, bad escapes, wrong shapes, all with the mark."""
    good = [planted(line, str(line.get("type"))) for line in lines]
    whole = [json.dumps(line, ensure_ascii=False).encode() for line in good]
    broken = [
        f'{{"type": "user", "{MARK}": {MARK}'.encode(),
        f"{MARK}".encode(),
        f'["{MARK}"]'.encode(),
        f'"{MARK}"'.encode(),
        f'{{"type": "assistant", "message": "{MARK}"}}'.encode(),
        f'{{"type": "assistant", "message": {{"content": "{MARK}"}}}}'.encode(),
        f'{{"type": "{MARK}", "x": "\\ud800 {MARK}"}}'.encode(),
        b'{"type": "user", "x": "' + MARK.encode() + b'\xff\xfe"',
        f'{{"type": "user", "timestamp": "{MARK}", "message": {{"content": "{MARK}"}}, "uuid": "u-x"}}'.encode(),
        f'{{"a": {"[" * 3000} "{MARK}"'.encode(),
    ]
    cut = next(line for line in whole if MARK.encode() in line)
    return b"\n".join([*whole, *broken, cut[: cut.index(MARK.encode()) + len(MARK) + 1]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session, its sub-agent's file, a packed copy of real lines, all planted."""
    root = tmp_path_factory.mktemp("logs")
    (root / "s.jsonl").write_bytes(log_with_marks(rich_log()))
    for number, path in enumerate(sorted(FIXTURES.glob("*/input/**/*.jsonl"))):
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        target = root / str(number) / path.name
        target.parent.mkdir()
        target.write_bytes(log_with_marks(lines))
    (root / "packed.jsonl").write_bytes(gzip.compress(log_with_marks(rich_log()))[:-200])
    return root


def test_planting_reaches_everything_that_is_not_allowed(folder: Path) -> None:
    """Thousands of marks, in values and in keys; the log still reads, or nothing would be shown."""
    data = b"".join(path.read_bytes() for path in folder.rglob("*.jsonl") if path.name != "packed.jsonl")
    assert data.count(MARK.encode()) > 3000
    assert f'"path{MARK}"'.encode() in data
    rich = (folder / "s.jsonl").read_bytes()
    items = list(
        next(item for item in formats() if item.name == "claude-code").read(Source.from_bytes(rich, "s.jsonl"))
    )
    calls = [item for item in items if isinstance(item, Call)]
    assert {call.message_id for call in calls} == {"msg_a", "msg_b", "msg_c", "msg_d", "msg_s"}
    assert len([item for item in items if isinstance(item, Problem)]) >= 6
    assert any("interrupted" in call.flags for call in calls)
    assert any(call.trigger == "notification" for call in calls)


def test_what_the_reader_gives_holds_no_planted_text(folder: Path) -> None:
    """Every field of every call and of every problem, its detail too."""
    for path in folder.rglob("*.jsonl"):
        for item in next(item for item in formats() if item.name == "claude-code").read(Source.from_path(path)):
            assert MARK not in repr(item), path


@pytest.mark.parametrize("arguments", OUTPUTS, ids=" ".join)
def test_no_output_holds_planted_text(run: Run, folder: Path, arguments: tuple[str, ...]) -> None:
    """Standard output and standard error of every command in every format."""
    done = run(arguments[0], str(folder), *arguments[1:])
    assert done.returncode == 0
    assert len(done.stdout) > 1000
    assert MARK.encode() not in done.stdout + done.stderr


def test_no_parquet_file_holds_planted_text(run: Run, folder: Path, tmp_path: Path) -> None:
    """Columns are packed, so the values are looked at."""
    import pyarrow.parquet as pq

    assert run("export", str(folder), "-o", "calls.parquet").returncode == 0
    table = pq.read_table(tmp_path / "calls.parquet")
    assert table.num_rows > 100
    assert MARK not in str(table.to_pylist())
    assert MARK.encode() not in (tmp_path / "calls.parquet").read_bytes()


@pytest.mark.parametrize("arguments", [("--debug", "analyze"), ("--debug", "export")], ids=" ".join)
def test_no_trace_back_holds_planted_text(run: Run, folder: Path, arguments: tuple[str, ...]) -> None:
    """With --debug too, on an error after reading."""
    (folder.parent / "taken.csv").write_text("mine")
    done = run(*arguments, str(folder), "-o", str(folder.parent / "taken.csv"))
    assert done.returncode != 0
    assert b"Traceback" in done.stderr
    assert MARK.encode() not in done.stdout + done.stderr


def test_the_order_of_planting_is_right() -> None:
    """The allow-list lets out what it names and nothing beside it."""
    line: Record = {
        "type": "assistant", "cwd": "/home", "gitBranch": "main",
        "message": {"id": "m", "model": "x", "content": [{"type": "tool_use", "name": "Bash", "input": {"a": "b"}}]},
    }  # fmt: skip
    assert planted(line, "assistant") == {
        "type": "assistant", "cwd": "/home", "gitBranch": f"main {MARK} ",
        "message": {
            "id": "m", "model": "x",
            "content": [{"type": "tool_use", "name": "Bash", "input": {f"a{MARK}": f"b {MARK} ", MARK: MARK}}],
        },
    }  # fmt: skip
