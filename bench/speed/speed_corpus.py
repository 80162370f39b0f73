"""A history of Claude Code sessions of any size: the same arguments give the same bytes.

What costs time in real logs is there: one line per block with the whole usage on each, long results of
tools, thinking with signatures, sub-agents, progress, snapshots, a torn last line. Figures are invented.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

__all__ = ["again", "append", "link", "make"]

_MODELS: Final = {"claude-opus-4-7": (1.9, 58.0), "claude-sonnet-4-6": (1.1, 76.0), "claude-haiku-4-5": (0.6, 148.0)}
_TOOLS: Final = {"Bash": (1.6, 2600), "Read": (0.04, 7000), "Edit": (0.05, 1500), "Grep": (0.15, 1800)}
_WORDS: Final = (
    "session", "latency", "percentile", "request", "response", "token", "stream", "buffer", "parse", "record",
    "trigger", "window", "cache", "decode", "first", "byte", '"queue"', "retry", "timeout", "worker\\t", "thread\n",
    "index", "column", "row", "—", "value", "type",
)  # fmt: skip
_START: Final = 1_772_000_000.0
# Sessions from this number on are of today.
_NOW: Final = 100_000
# What tells one call of a log from another, and when it was.
_OWN: Final = re.compile(
    rb"\b(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?:msg|req|toolu)_[0-9A-Za-z]+"
    rb"|(?P<stamp>20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z))\b"
)
_LATER: Final = datetime(2043, 1, 1, tzinfo=UTC)
Record = dict[str, Any]


def _iso(at: float) -> str:
    return datetime.fromtimestamp(round(at, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Session:
    """One thread of calls, written line by line."""

    def __init__(self, chance: random.Random, pool: str, number: int) -> None:
        self.chance, self.pool = chance, pool
        self.id = self._uuid()
        self.folder = f"/home/dev/src/project-{number % 12}"
        self.at = _START + number * 5400 + chance.uniform(0, 3000)
        self.model = chance.choice(list(_MODELS))
        self.parent: str | None = None
        self.context = chance.randrange(11_000, 24_000)
        self.cached = 0
        self.calls = 0

    def _uuid(self) -> str:
        digits = f"{self.chance.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def _text(self, length: float) -> str:
        start = self.chance.randrange(len(self.pool) - 60_000)
        return self.pool[start : start + max(1, min(int(length), 50_000))]

    def _size(self, median: float, spread: float = 0.9) -> float:
        return median * self.chance.lognormvariate(0, spread)

    def _line(self, kind: str, at: float, **more: Any) -> Record:
        before, self.parent = self.parent, self._uuid()
        known = {"parentUuid": before, "isSidechain": False, "userType": "external", "cwd": self.folder}
        known |= {"sessionId": self.id, "version": "2.1.118", "gitBranch": "main"}
        return known | more | {"type": kind, "uuid": self.parent, "timestamp": _iso(at)}

    def lines(self) -> Iterator[Record]:
        """All lines of the session."""
        for _ in range(max(1, min(30, int(self._size(5, 0.8))))):
            prompt = self._text(self._size(500))
            yield self._line("user", self.at, message={"role": "user", "content": prompt})
            if self.chance.random() < 0.4:
                yield self._snapshot()
            steps = max(1, min(60, int(self._size(9, 0.8))))
            for step in range(steps):
                yield from self._call(last=step == steps - 1)
            self.at += self._size(60)

    def _snapshot(self) -> Record:
        files = {f"src/{number}/file.py": {"version": 1, "backupTime": _iso(self.at)} for number in range(90)}
        return {"type": "file-history-snapshot", "messageId": self._uuid(), "snapshot": {"trackedFileBackups": files}}

    def _call(self, *, last: bool) -> Iterator[Record]:
        wait, rate = _MODELS[self.model]
        blocks = [("thinking", self._size(160))] * (self.chance.random() < 0.55)
        blocks += [("text", self._size(300 if last else 40))] * (last or self.chance.random() < 0.45)
        blocks += [("tool_use", self._size(90))] * (not last)
        total = int(sum(tokens for _, tokens in blocks))
        usage = self._usage(total)
        identity = f"msg_01{self.chance.getrandbits(128):022x}"[:28]
        at = self.at + self.chance.uniform(0.005, 0.06) + self._size(wait, 0.4)
        tools: list[tuple[str, str]] = []
        for kind, tokens in blocks:
            at += tokens / rate
            content = self._content(kind, tokens, tools)
            message = {
                "model": self.model,
                "id": identity,
                "type": "message",
                "role": "assistant",
                "content": [content],
            }
            end: Record = {"stop_reason": "end_turn" if last else "tool_use", "stop_sequence": None, "usage": usage}
            yield self._line("assistant", at, message=message | end, requestId="req_" + identity[4:])
        self.calls += 1
        self.at = at
        self.cached, self.context = self.context, min(160_000, self.context + total)
        for tool, use in tools:
            yield from self._result(tool, use)

    def _usage(self, output: int) -> Record:
        create = self.context - self.cached
        return {
            "input_tokens": 4,
            "cache_creation_input_tokens": create,
            "cache_read_input_tokens": self.cached,
            "cache_creation": {"ephemeral_5m_input_tokens": create, "ephemeral_1h_input_tokens": 0},
            "output_tokens": output,
            "service_tier": "standard",
        }

    def _content(self, kind: str, tokens: float, tools: list[tuple[str, str]]) -> Record:
        if kind == "thinking":
            return {"type": kind, "thinking": self._text(tokens * 3.2), "signature": "A1b2" * 85}
        if kind == "text":
            return {"type": kind, "text": self._text(tokens * 3.8)}
        tool = self.chance.choice(list(_TOOLS))
        tools.append((tool, f"toolu_01{self.chance.getrandbits(128):022x}"))
        return {"type": kind, "id": tools[-1][1], "name": tool, "input": {"command": self._text(tokens * 2.6)}}

    def _result(self, tool: str, use: str) -> Iterator[Record]:
        seconds, size = _TOOLS[tool]
        if tool == "Bash" and self.chance.random() < 0.35:
            data = {"type": "bash_progress", "output": self._text(120), "fullOutput": self._text(500)}
            yield self._line("progress", self.at + 0.1, data=data, toolUseID=use)
        self.at += min(600.0, self._size(seconds, 1.0)) + 0.002
        body = self._text(self._size(size, 1.1))
        content = [{"tool_use_id": use, "type": "tool_result", "content": body, "is_error": False}]
        result = {"stdout": body, "stderr": "", "interrupted": False} if tool == "Bash" else {"content": body}
        self.context = min(160_000, self.context + len(body) // 4)
        yield self._line("user", self.at, message={"role": "user", "content": content}, toolUseResult=result)


def _written(session: _Session, folder: Path, *, torn: bool) -> tuple[str, int]:
    """Write a session's file and give its place in the folder and its size in bytes."""
    lines = [json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in session.lines()]
    data = ("\n".join(lines) + "\n" + (lines[-1][: len(lines[-1]) // 2] if torn else "")).encode()
    path = folder / session.folder.replace("/", "-") / f"{session.id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (session.at, session.at))
    return path.relative_to(folder).as_posix(), len(data)


def _pool(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=220_000))


def make(folder: Path, size_bytes: int, seed: int = 42) -> dict[str, int]:
    """Write sessions until the size is reached; the number of calls in each file, by its place in the folder.

    Another process does it: what a child's peak memory is counted from is its parent's.
    """
    command = [sys.executable, __file__, str(folder), str(size_bytes), str(seed)]
    made: dict[str, int] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return made


def _make(folder: Path, size_bytes: int, seed: int) -> dict[str, int]:
    chance = random.Random(seed)  # noqa: S311 - made-up logs
    pool = _pool(chance)
    made: dict[str, int] = {}
    size = 0
    while size < size_bytes:
        session = _Session(chance, pool, len(made))
        name, grown = _written(session, folder, torn=len(made) % 97 == 96)
        made[name] = session.calls
        size += grown
    return made


def append(path: Path, size_bytes: int, seed: int) -> int:
    """Add whole sessions to the end of one file until it has grown by that much; gives the calls added.

    They are later than all that `make` made, as what is added to a log is.
    """
    chance = random.Random(seed)  # noqa: S311 - made-up logs
    pool, grown, calls = _pool(chance), 0, 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as log:
        while grown < size_bytes:
            session = _Session(chance, pool, _NOW + seed)
            for line in session.lines():
                grown += log.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            calls += session.calls
    return calls


def again(logs: Sequence[Path], path: Path, size_bytes: int, seed: int) -> int:
    """Add lines of these logs to the end of one file until it has grown by that much; gives the bytes added.

    Sessions one after the other, the last one cut. They have ids of their own and begin years later, on a day for each
    seed: to all readers they are new calls, of the same kind as those that are there.
    """
    chance = random.Random(seed)  # noqa: S311 - made-up logs
    path.parent.mkdir(parents=True, exist_ok=True)
    grown = 0
    drawn = [log for log in logs if log.stat().st_size]
    with path.open("ab") as log:
        while drawn and grown < size_bytes:
            for line in _made_new(chance.choice(drawn).read_bytes(), seed, chance.randbytes(8)):
                grown += log.write(line) if grown < size_bytes else 0
    return grown


def _made_new(lines: bytes, seed: int, salt: bytes) -> Iterator[bytes]:
    """The whole lines of a log with later stamps, and with other ids for each salt: a log may be drawn twice."""
    later: timedelta | None = None

    def own(found: re.Match[bytes]) -> bytes:
        nonlocal later
        text = found[0]
        if found["stamp"] is not None:
            at = datetime.fromisoformat(found["stamp"].decode())
            later = later or _LATER + timedelta(days=seed) - at
            return _iso((at + later).timestamp()).encode()
        name = hashlib.sha256(salt + text)
        kind, mark, rest = text.rpartition(b"_")
        return (
            (kind + mark + name.hexdigest()[: len(rest)].encode())
            if mark
            else str(UUID(bytes=name.digest()[:16])).encode()
        )

    return (_OWN.sub(own, line) for line in lines.splitlines(keepends=True) if line.endswith(b"\n"))


def link(source: Path, target: Path, size_bytes: int) -> list[str]:
    """Link files of a folder into another one until these have the size; gives their places in the folder.

    On another file system they are copied.
    """
    size, linked = 0, []
    for path in sorted(source.rglob("*.jsonl"), key=lambda path: path.name):
        if size >= size_bytes:
            break
        linked.append(path.relative_to(source).as_posix())
        place = target / linked[-1]
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, place)
        except OSError:
            shutil.copy2(path, place)
        size += path.stat().st_size
    return linked


if __name__ == "__main__":
    print(json.dumps(_make(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
