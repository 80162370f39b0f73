"""Folders of logs that change at random, as agents, people, clocks and bad disks change them."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

__all__ = ["CHANGES", "append_turn", "change", "damage", "fill"]

_START_NS = 1_700_000_000_000_000_000
_STEP_NS = 1_000_000_000


def fill(folder: Path, rng: random.Random) -> None:
    """Some logs: lines of one agent, tasks of another with a file beside, an empty one and one of nobody."""
    for number in range(rng.randint(4, 7)):
        _write(folder / f"project-{number % 3}" / f"{_uuid(rng)}.jsonl", b"".join(_turn(rng) for _ in range(3)))
    _write(folder / "empty.jsonl", b"")
    _write(folder / "odd.jsonl", b'{"neither": "of ours"}\n')
    for number in range(2):
        _task(folder / "tasks" / str(1_700_000_000_000 + number), rng)


def change(folder: Path, rng: random.Random) -> str:
    """Do one thing to one log; its name."""
    name = rng.choice(sorted(CHANGES))
    CHANGES[name](folder, rng)
    return name


def damage(cache: Path, rng: random.Random) -> str:
    """Do one thing to the files of the cache; its name."""
    files = sorted(path for path in cache.rglob("*") if path.is_file() and path.stat().st_size)
    if not files:
        return "none"
    path, kind = rng.choice(files), rng.choice(["flip", "cut", "zero", "replace", "delete"])
    data = bytearray(path.read_bytes())
    if kind == "flip":
        for _ in range(rng.choice([1, 30, 3000])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del data[rng.randrange(len(data)) :]
    elif kind == "zero":
        start = rng.randrange(len(data))
        data[start : start + 4096] = bytes(len(data[start : start + 4096]))
    elif kind == "replace":
        data = bytearray(b"this is no database")
    if path.parent != cache:  # somebody may look at it where it lies
        path.unlink()
    path.write_bytes(bytes(data))
    if kind == "delete":
        path.unlink()
    return kind


def append_turn(path: Path, rng: random.Random) -> None:
    """A prompt and its answer more."""
    _write(path, path.read_bytes() + _turn(rng))


def _append_lines(folder: Path, rng: random.Random) -> None:
    path = _some(folder, rng)
    _write(path, path.read_bytes() + b"".join(_turn(rng) for _ in range(rng.randint(1, 3))))


def _append_half_a_line(folder: Path, rng: random.Random) -> None:
    path, line = _some(folder, rng), _turn(rng)
    _write(path, path.read_bytes() + line[: rng.randrange(1, len(line))])


def _end_the_line(folder: Path, rng: random.Random) -> None:
    path = _some(folder, rng)
    _write(path, path.read_bytes() + b"\n")


def _truncate(folder: Path, rng: random.Random) -> None:
    path = _some(folder, rng)
    data = path.read_bytes()
    _write(path, data[: rng.randrange(len(data) + 1)])


def _same_size(folder: Path, rng: random.Random) -> None:
    """Other content of the same length, and the time of the last change as it was."""
    path = _some(folder, rng)
    data, times = path.read_bytes(), path.stat()
    digits = [place for place, byte in enumerate(data) if chr(byte) in "123456789"]
    if digits:
        place = rng.choice(digits)
        path.write_bytes(data[:place] + rng.choice(b"123456789").to_bytes(1, "big") + data[place + 1 :])
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _touch(folder: Path, rng: random.Random) -> None:
    path = _some(folder, rng)
    os.utime(path, ns=(_START_NS, path.stat().st_mtime_ns + _STEP_NS * rng.choice([-1, 1, 86_400])))


def _grow_and_set_back(folder: Path, rng: random.Random) -> None:
    path = _some(folder, rng)
    before = path.stat().st_mtime_ns
    _append_lines(folder, rng)
    os.utime(path, ns=(_START_NS, before - _STEP_NS))


def _rewrite_and_grow(folder: Path, rng: random.Random) -> None:
    """Longer than before, but another beginning."""
    path = _some(folder, rng)
    _write(path, _turn(rng) + path.read_bytes() + _turn(rng))


def _delete(folder: Path, rng: random.Random) -> None:
    if len(_logs(folder)) > 3:
        _some(folder, rng).unlink()


def _new(folder: Path, rng: random.Random) -> None:
    _write(folder / f"project-{rng.randrange(3)}" / f"{_uuid(rng)}.jsonl", b"".join(_turn(rng) for _ in range(2)))


def _copy(folder: Path, rng: random.Random) -> None:
    path = _some(folder, rng)
    shutil.copy2(path, path.with_name(f"{_uuid(rng)}.jsonl"))


def _rename(folder: Path, rng: random.Random) -> None:
    path = _some(folder, rng)
    path.rename(path.with_name(f"{_uuid(rng)}.jsonl"))


def _swap(folder: Path, rng: random.Random) -> None:
    one, two = _some(folder, rng), _some(folder, rng)
    if one != two:
        between = one.with_name("between")
        one.rename(between)
        two.rename(one)
        between.rename(two)


def _move_over(folder: Path, rng: random.Random) -> None:
    """As programs write that never leave half a file: another one is put in its place."""
    path = _some(folder, rng)
    fresh = path.with_name("fresh")
    fresh.write_bytes(path.read_bytes() + _turn(rng))
    fresh.replace(path)


def _beside(folder: Path, rng: random.Random) -> None:
    """A file that a reader looks at from another one comes, changes or goes."""
    tasks = sorted((folder / "tasks").glob("*"))
    if not tasks:
        return
    task = rng.choice(tasks)
    match rng.randrange(3):
        case 0:
            _metadata(task, rng)
        case 1:
            (task / "task_metadata.json").unlink(missing_ok=True)
        case _:
            _task(task, rng)


CHANGES: dict[str, Callable[[Path, random.Random], None]] = {
    "append lines": _append_lines,
    "append half a line": _append_half_a_line,
    "change a file beside": _beside,
    "copy": _copy,
    "delete": _delete,
    "end the line": _end_the_line,
    "grow and set the clock back": _grow_and_set_back,
    "move another over it": _move_over,
    "new": _new,
    "rename": _rename,
    "rewrite and grow": _rewrite_and_grow,
    "same size": _same_size,
    "swap": _swap,
    "touch": _touch,
    "truncate": _truncate,
}


def _logs(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.jsonl"))


def _some(folder: Path, rng: random.Random) -> Path:
    return rng.choice(_logs(folder))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _uuid(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _turn(rng: random.Random) -> bytes:
    """A prompt and its answer."""
    at = _START_NS // 1_000_000_000 % 86_400 + rng.randrange(3600)
    session = _uuid(rng)
    asked, answered = (
        f"2026-03-0{rng.randint(1, 9)}T{10 + at // 7200:02d}:{second:02d}:00.000Z" for second in (10, 40)
    )
    first, second = _uuid(rng), _uuid(rng)
    shared = {"sessionId": session, "isSidechain": False, "userType": "external", "cwd": "/w", "version": "2.1.9"}
    lines = [
        {**shared, "type": "user", "uuid": first, "parentUuid": None, "timestamp": asked,
         "message": {"role": "user", "content": "x" * rng.randrange(9)}},
        {**shared, "type": "assistant", "uuid": second, "parentUuid": first, "timestamp": answered,
         "requestId": f"req_{_uuid(rng)}",
         "message": {"id": f"msg_{_uuid(rng)}", "role": "assistant", "model": "claude-opus-4-5", "type": "message",
                     "content": [{"type": "text", "text": "y"}], "stop_reason": "end_turn",
                     "usage": {"input_tokens": rng.randrange(999), "output_tokens": rng.randrange(1, 999)}}},
    ]  # fmt: skip
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _task(task: Path, rng: random.Random) -> None:
    """A task of Cline: its messages, and what its reader looks up beside them."""
    at = 1_700_000_000_000 + rng.randrange(10**6)
    cost = {"tokensIn": rng.randrange(999), "tokensOut": rng.randrange(999), "cacheWrites": 0, "cacheReads": 0}
    messages = [
        {"ts": at, "type": "say", "say": "task", "text": "t"},
        {"ts": at + 9, "type": "say", "say": "api_req_started", "text": json.dumps({"request": "r", **cost})},
        {"ts": at + 5000, "type": "say", "say": "text", "text": "a"},
        {"ts": at + 9000, "type": "say", "say": "completion_result", "text": "d"},
    ]
    _write(task / "ui_messages.json", json.dumps(messages).encode())
    _metadata(task, rng)


def _metadata(task: Path, rng: random.Random) -> None:
    usage = [
        {"ts": 1_700_000_000_000, "model_id": f"model-{rng.randrange(5)}", "model_provider_id": "p", "mode": "act"}
    ]
    _write(task / "task_metadata.json", json.dumps({"model_usage": usage, "files_in_context": []}).encode())
