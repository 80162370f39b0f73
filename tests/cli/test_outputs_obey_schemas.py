"""What commands print as JSON obeys the schema that `latprof schema` prints for it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cli_run import Run

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
LOGS = str(FIXTURES / "claude-code")
COMMANDS: dict[str, list[tuple[str, ...]]] = {
    "budget": [("budget", LOGS), ("budget", str(FIXTURES / "vllm-bench"))],
    "check": [
        ("check", LOGS, "--budget", "p50 wall_s <= 20 by model", "--budget", "p90 ttft_s <= 0.1"),
        ("check", LOGS, "--budget", "p50 wall_s <= 20", "--model", "none"),
    ],
    "diff": [("diff", LOGS, str(FIXTURES / "codex")), ("diff", LOGS, LOGS)],
    "doctor": [("doctor", LOGS, str(FIXTURES / "kimi-code")), ("doctor", str(FIXTURES))],
    "drift": [("drift", LOGS), ("drift", str(FIXTURES / "kimi-code"))],
}


def schema(run: Run, name: str) -> dict[str, Any]:
    done = run("schema", name)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def obeys(document: Any, wanted: dict[str, Any]) -> None:
    jsonschema.validate(document, wanted, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_output_obeys_its_schema(run: Run, name: str) -> None:
    """On logs with much in them and with little; a key too many breaks it."""
    wanted = schema(run, name)
    for arguments in COMMANDS[name]:
        done = run(*arguments, "--json")
        assert done.returncode in {0, 1}, done.stderr
        found = json.loads(done.stdout)
        obeys(found, wanted)
        with pytest.raises(jsonschema.ValidationError):
            obeys(found | {"unheard_of": 1}, wanted)


def test_a_baselines_outcomes_obey_it_too(run: Run) -> None:
    """They hold a change."""
    assert run("baseline", "write", LOGS, "-o", "b.json").returncode == 0
    found = json.loads(run("check", LOGS, "--baseline", "b.json", "--json").stdout)
    assert any(item["change"] is not None for item in found["outcomes"])
    obeys(found, schema(run, "check"))


def test_pictures_and_events_of_watch(run: Run, tmp_path: Path) -> None:
    """The picture of logs that were just written; an event is a row of it with three more keys."""
    folder = tmp_path / "logs"
    for name in ("claude-code", "codex", "pi"):
        shutil.copytree(FIXTURES / name, folder / name)
    for path in folder.rglob("*.jsonl"):
        os.utime(path)
    picture = json.loads(run("watch", str(folder), "--once", "--json", "--active", "5000d").stdout)
    assert {item["agent"] for item in picture["sessions"]} == {"claude-code", "codex", "pi"}
    obeys(picture, schema(run, "watch"))
    head = {"schema_version": 1, "event": "state", "at": picture["at"]}
    event = schema(run, "watch-event")
    for item in picture["sessions"]:
        obeys(head | item, event)
