"""Two JSON outputs that must be the same but for ids and paths, which may only be renamed."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from latprof.cli import app

COMMANDS = (("analyze",), ("budget",), ("drivers",), ("session", "1"))
# Where ids and paths may stand in an output, by the last name on the way.
IDS = frozenset(
    {
        "agent_id", "agents", "call", "call_id", "file", "group", "message_id", "path", "paths", "project",
        "request_id", "session", "session_id", "sessions",
    }
)  # fmt: skip


def output_of(folder: Path, *command: str) -> Any:
    """The JSON that a command prints; a refusal is its sentence."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(out):
        app([command[0], *command[1:], str(folder), "--json"], prog_name="latprof", standalone_mode=False)
        sys.stdout.flush()
    return json.loads(out.buffer.getvalue())


def differences(one: Any, other: Any) -> list[str]:
    """The places where two outputs differ in more than a renaming of ids and paths."""
    names: dict[tuple[str, str], str] = {}
    return [*_compared(one, other, "", names), *_not_one_to_one(names)]


def _compared(one: Any, other: Any, place: str, names: dict[tuple[str, str], str]) -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        if list(one) != list(other):
            return [f"{place}: fields {sorted(one.keys() ^ other.keys())}"]
        return [found for key in one for found in _compared(one[key], other[key], f"{place}.{key}", names)]
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return [f"{place}: {len(one)} and {len(other)} items"]
        return [
            found
            for number, (left, right) in enumerate(zip(one, other, strict=True))
            for found in _compared(left, right, f"{place}[{number}]", names)
        ]
    if isinstance(one, str) and isinstance(other, str) and place.rpartition(".")[2].partition("[")[0] in IDS:
        kind = place.rpartition(".")[2].partition("[")[0]
        known = names.setdefault((kind, one), other)
        return [] if known == other else [f"{place}: {one} is {known} and {other}"]
    return [] if repr(one) == repr(other) else [f"{place}: {one!r} and {other!r}"]


def _not_one_to_one(names: dict[tuple[str, str], str]) -> list[str]:
    found: dict[tuple[str, str], str] = {}
    twice = []
    for (kind, one), other in names.items():
        if found.setdefault((kind, other), one) != one:
            twice.append(f"{other} stands for {one} and {found[kind, other]}")
    return twice
