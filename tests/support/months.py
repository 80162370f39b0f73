"""Months of logs below a home folder, and what analyze says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from claude_code_lines import Log, text, tool, usage
from cli_run import Run

__all__ = ["analysed", "history_file", "write_months"]

DAY = 86_400.0


def session(name: str, begin: float, wait: float, calls: int = 12) -> bytes:
    """A session with a prompt and tool results, each answered after `wait` s and a bit."""
    made = Log(session=name)
    made.prompt(begin)
    at = begin
    for number in range(calls):
        end = at + wait + 0.1 * (number % 5)
        made.answer(end, f"{name}-{number}", text(), tool(f"t{number}"), tokens=usage(100 + number))
        at = end + 1
        made.result(at, f"t{number}")
    return made.data()


def write_months(home: Path) -> Path:
    """Three months of logs where the agent keeps them, 72 calls in 6 logs each; slower from the second month on."""
    folder = home / ".claude" / "projects"
    for month in range(3):
        target = folder / f"-srv-{month}"
        target.mkdir(parents=True)
        for number in range(6):
            begin = (30 * month + 4 * number) * DAY
            data = session(f"s{month}{number}", begin, 3 if month == 0 else 9)
            (target / f"s{month}{number}.jsonl").write_bytes(data)
    return folder


def analysed(run: Run, *options: str, **environment: str) -> dict[str, Any]:
    done = run("analyze", "--json", *options, **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def history_file(run: Run) -> Path:
    return Path(run("history", "path").stdout.decode().strip())
