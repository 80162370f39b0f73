"""`latprof doctor` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

from cli_run import Run

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def test_what_was_found_and_what_to_switch_on(run: Run) -> None:
    """The exact setting for Codex; the reason for Kimi Code; nothing is wider than the screen."""
    done = run("doctor", str(FIXTURES / "codex"), str(FIXTURES / "kimi-code"), COLUMNS="80")
    assert done.returncode == 0
    shown = " ".join(done.stdout.decode().split())
    assert '[otel.exporter."otlp-http"] with endpoint = "http://localhost:4318/v1/logs"' in shown
    assert "Nothing to switch on: its own log shows first tokens" in shown
    assert max(map(len, done.stdout.decode().splitlines())) <= 80


def test_as_json_with_the_same_words(run: Run) -> None:
    """Either a setting or why there is none."""
    found = json.loads(run("doctor", str(FIXTURES / "codex"), str(FIXTURES / "kimi-code"), "--json").stdout)
    assert [(item["name"], item["setting"] is None) for item in found["formats"]] == [
        ("codex", False),
        ("kimi-code", True),
    ]
    assert all((item["setting"] is None) != (item["nothing_to_switch_on"] is None) for item in found["formats"])


def test_nothing_found_is_no_error(run: Run) -> None:
    """One sentence with the next step."""
    done = run("doctor")
    assert done.returncode == 0
    assert "give the folder with the sessions" in done.stdout.decode()


def test_a_folder_that_is_not_there_is_one(run: Run) -> None:
    """One sentence on standard error."""
    done = run("doctor", "nowhere")
    assert (done.returncode, done.stderr) == (2, b"latprof: No such file or folder: nowhere.\n")
