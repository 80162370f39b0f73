"""Builds OpenCode's records, databases and text logs for tests."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE `project` (`id` text PRIMARY KEY, `worktree` text NOT NULL);
CREATE TABLE `credential` (`id` text PRIMARY KEY, `value` text NOT NULL);
CREATE TABLE `session` (`id` text PRIMARY KEY, `project_id` text NOT NULL, `parent_id` text, `slug` text NOT NULL,
  `directory` text NOT NULL, `title` text NOT NULL, `version` text NOT NULL, `time_created` integer NOT NULL,
  `time_updated` integer NOT NULL);
CREATE TABLE `message` (`id` text PRIMARY KEY, `session_id` text NOT NULL, `time_created` integer NOT NULL,
  `time_updated` integer NOT NULL, `data` text NOT NULL);
CREATE TABLE `part` (`id` text PRIMARY KEY, `message_id` text NOT NULL, `session_id` text NOT NULL,
  `time_created` integer NOT NULL, `time_updated` integer NOT NULL, `data` text NOT NULL);
"""
# 2026-03-01T00:00:00Z
T0 = 1_772_323_200.0


def ms(seconds: float) -> int:
    """Seconds after `T0` -> the milliseconds that the agent writes."""
    return round((T0 + seconds) * 1000)


def identity(kind: str, seconds: float, counter: int = 1) -> str:
    """An id as the agent makes it: its time in the low 48 bits of milliseconds times 4096."""
    low = (ms(seconds) * 4096 + counter) & ((1 << 48) - 1)
    return f"{kind}_{low:012x}AbCdEfGhIjKlMn"


def session(name: str = "ses_one", parent: str | None = None, version: str = "1.18.33") -> dict[str, Any]:
    """What an export's `info` or a session file holds."""
    found: dict[str, Any] = {
        "id": name,
        "slug": "a-slug",
        "projectID": "global",
        "directory": "/home/dev/project",
        "title": "t",
    }
    found |= {"version": version, "time": {"created": ms(0), "updated": ms(0)}}
    return found | ({"parentID": parent} if parent else {})


def user(at: float, *parts: dict[str, Any], name: str = "ses_one", counter: int = 1) -> dict[str, Any]:
    """A prompt."""
    info: dict[str, Any] = {
        "id": identity("msg", at, counter),
        "sessionID": name,
        "role": "user",
        "time": {"created": ms(at)},
    }
    info |= {"agent": "build", "model": {"providerID": "anthropic", "modelID": "big"}}
    return _message(info, parts or (part("text", at, text="go"),))


def answer(
    at: float,
    *parts: dict[str, Any],
    done: float | None = None,
    tokens: dict[str, Any] | None = None,
    name: str = "ses_one",
    counter: int = 1,
    **more: Any,
) -> dict[str, Any]:
    """A response; `done` is when it was complete."""
    times = {"created": ms(at)} | ({} if done is None else {"completed": ms(done)})
    info: dict[str, Any] = {"id": identity("msg", at, counter), "sessionID": name, "role": "assistant", "time": times}
    info |= {"modelID": "big", "providerID": "anthropic", "mode": "build", "path": {"cwd": "/home/dev/project"}}
    info |= {"tokens": tokens if tokens is not None else counts(), "cost": 0} | more
    return _message(info, parts)


def _message(info: dict[str, Any], parts: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    owner = {"messageID": info["id"], "sessionID": info["sessionID"]}
    return {"info": info, "parts": [entry | owner for entry in parts]}


def counts(fresh: int = 100, output: int = 40, reasoning: int = 10, read: int = 50, *, total: bool = True) -> Any:
    """Tokens of a call; with a total the output is known to leave the reasoning out."""
    found: dict[str, Any] = {"input": fresh, "output": output, "reasoning": reasoning}
    found["cache"] = {"read": read, "write": 0}
    return found | ({"total": fresh + output + reasoning + read} if total else {})


def part(kind: str, at: float, counter: int = 1, **data: Any) -> dict[str, Any]:
    """Any part, made at a time."""
    return {"id": identity("prt", at, counter), "type": kind} | data


def start(at: float) -> dict[str, Any]:
    """The mark of a stream's start."""
    return part("step-start", at)


def finish(at: float, reason: str = "stop", tokens: Any = None) -> dict[str, Any]:
    """The mark of a stream's end."""
    return part("step-finish", at, 9, reason=reason, tokens=tokens if tokens is not None else counts(), cost=0)


def text(at: float, end: float | None, **more: Any) -> dict[str, Any]:
    """A text block."""
    times = {"start": ms(at)} | ({} if end is None else {"end": ms(end)})
    return part("text", at, 2, text="answer", time=times, **more)


def reasoning(at: float, end: float) -> dict[str, Any]:
    """A block of thoughts."""
    return part("reasoning", at, 2, text="thoughts", time={"start": ms(at), "end": ms(end)})


def tool(at: float, ready: float, end: float, tool_name: str = "bash", counter: int = 3) -> dict[str, Any]:
    """A tool call: begun, arguments complete, tool ended."""
    state = {"status": "completed", "input": {"a": 1}, "output": "r", "time": {"start": ms(ready), "end": ms(end)}}
    return part("tool", at, counter, tool=tool_name, callID="call_1", state=state)


def database(path: Path, sessions: list[dict[str, Any]], messages: list[dict[str, Any]]) -> Path:
    """A database with these rows and a credential that nobody may read."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        insert(connection, sessions, messages)
        connection.execute("INSERT INTO credential VALUES ('key', 'secret')")
        connection.commit()
    return path


def insert(connection: sqlite3.Connection, sessions: list[dict[str, Any]], messages: list[dict[str, Any]]) -> None:
    """Write rows as the agent does: the record without its ids in `data`."""
    for info in sessions:
        row = (info["id"], "global", info.get("parentID"), "slug", info["directory"], "t", info["version"])
        connection.execute("INSERT INTO session VALUES (?,?,?,?,?,?,?,?,?)", (*row, ms(0), ms(0)))
    for message in messages:
        info = message["info"]
        data = {key: value for key, value in info.items() if key not in {"id", "sessionID"}}
        at = info["time"]["created"]
        connection.execute(
            "INSERT INTO message VALUES (?,?,?,?,?)", (info["id"], info["sessionID"], at, at, json.dumps(data))
        )
        for entry in message["parts"]:
            data = {key: value for key, value in entry.items() if key not in {"id", "sessionID", "messageID"}}
            whole = (entry["id"], info["id"], info["sessionID"], at, at, json.dumps(data))
            connection.execute("INSERT INTO part VALUES (?,?,?,?,?,?)", whole)


def log_lines(run: str, name: str, message: dict[str, Any], *sent: float, failed: bool = True) -> str:
    """Lines of the text log for one message: each attempt, with an error after all but the last."""
    info = message["info"]
    session_id, model = info["sessionID"], info["modelID"]
    lines = [_line(run, sent[0] - 0.03, f"message=process session.id={session_id} messageID={info['id']}")]
    for number, at in enumerate(sent, start=1):
        keys = f"providerID={name} modelID={model} session.id={session_id} small=false agent=build mode=primary"
        lines.append(_line(run, at - 0.02, f"message=stream {keys}"))
        lines.append(_line(run, at, f'message="llm runtime selected" llm.provider={name} llm.model={model}'))
        if failed and number < len(sent):
            lines.append(_line(run, at + 0.1, f'message="stream error" {keys} error.error="AI_APICallError: busy"'))
    return "".join(lines)


def _line(run: str, at: float, rest: str) -> str:
    from datetime import UTC, datetime

    stamp = datetime.fromtimestamp(T0 + at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"timestamp={stamp} level=INFO run={run} {rest}\n"
