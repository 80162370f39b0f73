"""No text of a conversation reaches an output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from claude_code_lines import Log, Record, iso, join, text, thinking, tool, usage
from cli_run import Run
from latprof.store.history import History

MARK = "MARKERq7"

# Of each record only these keys may reach an output; each is an id, a name, a time or the project.
ALLOWED = {
    "type", "subtype", "uuid", "parentUuid", "sessionId", "session_id", "version", "cwd", "timestamp", "requestId",
    "requestRef", "agentId", "effort", "model", "requestedModel", "id", "name", "tool_use_id", "role", "stop_reason",
    "speed", "sourceToolUseID", "interruptedMessageId", "logicalParentUuid", "toolUseID", "hookEvent",
}  # fmt: skip

OUTPUTS = (
    ("analyze",), ("analyze", "--json"), ("analyze", "--format", "csv"), ("analyze", "--format", "md"),
    ("analyze", "--problems"), ("analyze", "--by", "project,session,version,effort,speed,agent,provider"),
    ("report", "--problems", "-o", "-", "--format", "html"), ("report", "-o", "-", "--format", "json"),
    ("export", "--format", "csv"), ("export", "--format", "jsonl"), ("export", "--format", "parquet"),
)  # fmt: skip


def full_log() -> Log:
    """A transcript with every kind of line that holds free text."""
    log = Log(version="2.1.329")
    log.bare("summary", summary="title", leafUuid="u")
    log.bare("ai-title", title="title")
    log.bare("custom-title", customTitle="title")
    log.bare("last-prompt", lastPrompt="prompt")
    log.bare("queue-operation", operation="enqueue", timestamp=iso(0), content="queued")
    log.bare("file-history-snapshot", messageId="m", snapshot={"trackedFileBackups": {"file": {"backupFileName": "b"}}})
    log.bare("api-request-blob", hash="h", message={"role": "user", "content": [{"type": "text", "text": "prompt"}]})
    log.bare("api-request-shape", shapeHash="h", shape={"system": "system prompt"})
    log.prompt(0, "prompt", gitBranch="branch", slug="slug", permissionMode="mode", promptId="p")
    log.add("attachment", 0.1, attachment={"type": "hook_success", "stdout": "out", "content": "c", "command": "run"})
    log.add("attachment", 0.1, attachment={"type": "queued_command", "prompt": "typed"})
    log.request(0.2, "ref1")
    log.lines[-1]["querySource"] = "source"
    more: Record = {"stop_details": {"note": "detail"}, "context_management": {"edits": ["edit"]}}
    log.answer(3, "msg_a", thinking(), extra=more, apiBlockIndex=0, requestRef="ref1", thinkingDurationMs=900)
    log.answer(4, "msg_a", text(), extra=more, apiBlockIndex=1, requestRef="ref1")
    log.answer(5, "msg_a", tool("t1"), extra=more, apiBlockIndex=2, requestRef="ref1", toolInputStreamMs=100)
    log.add("progress", 5.5, data={"type": "bash_progress", "output": "out", "fullOutput": "all"}, toolUseID="t1")
    log.result(6, "t1", toolUseResult={"stdout": "out", "file": {"content": "text", "filePath": "path"}})
    log.add("system", 6.5, subtype="api_error", retryInMs=100, error={"message": "error", "headers": {"h": "v"}})
    log.answer(9, "msg_b", text(), stop="end_turn", tokens=usage(9, speed="fast"), effort="high")
    log.add("system", 9.5, subtype="away_summary", content="recap")
    log.add("system", 9.6, subtype="stop_hook_summary", hookInfos=[{"command": "run", "durationMs": 3}])
    inner = {"type": "user", "uuid": "e", "timestamp": iso(5), "message": {"role": "user", "content": "order"}}
    log.add("progress", 10, data={"type": "agent_progress", "agentId": "ab", "prompt": "order", "message": inner})
    return log


def marked(value: Any, key: str = "") -> Any:
    """The value with the mark in every text that is not allowed out, and beside every key of a tool's input."""
    if isinstance(value, dict):
        changed = {name: marked(item, name) for name, item in value.items()}
        if key in {"input", "snapshot", "trackedFileBackups", "toolUseResult", "headers"}:
            changed[MARK] = MARK
        return changed
    if isinstance(value, list):
        return [marked(item, key) for item in value]
    if isinstance(value, str) and key not in ALLOWED:
        return f"{value} {MARK}"
    return value


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    lines = [marked(line) for line in full_log().lines]
    data = join(lines)
    assert data.count(MARK.encode()) > 40
    target = tmp_path / "logs" / "s.jsonl"
    target.parent.mkdir()
    target.write_bytes(data + f'{{"type": "user", "{MARK}": {MARK}\n'.encode() + f"{MARK}\n".encode())
    return target.parent


@pytest.mark.parametrize("arguments", OUTPUTS, ids=" ".join)
def test_planted_text_is_in_no_output(run: Run, planted: Path, arguments: tuple[str, ...]) -> None:
    """The mark stands in every free text, in keys of tool inputs and in damaged lines; no output holds it."""
    done = run(arguments[0], str(planted), *arguments[1:])
    assert done.returncode == 0
    assert len(done.stdout) > 500
    assert MARK.encode() not in done.stdout
    assert MARK.encode() not in done.stderr


def test_planted_text_is_not_in_the_history(run: Run, planted: Path, tmp_path: Path) -> None:
    """Nor in what the file's packed parts hold, nor in what is left beside the file."""
    place = tmp_path / "home" / ".claude" / "projects"
    place.parent.mkdir(parents=True)
    planted.rename(place)
    assert run("analyze").returncode == 0
    history = History(Path(run("history", "path").stdout.decode().strip()))
    entries = history.entries()
    assert [item.calls for item in entries.values()] == [2]
    parts = [data for _, each in history.parts(list(entries)) for data in (each.chunk, each.lost) if data]
    kept = [path.read_bytes() for path in history.path.parent.iterdir()]
    assert sum(map(len, parts)) > 500
    assert not any(MARK.encode() in data for data in [*parts, *kept])


def test_the_planted_log_is_really_read(run: Run, planted: Path) -> None:
    """Both calls are found, or the tests above prove nothing."""
    assert len(run("export", str(planted), "--format", "jsonl").stdout.splitlines()) == 2
