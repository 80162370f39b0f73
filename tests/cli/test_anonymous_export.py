"""`latprof export --anonymize` and `latprof doctor` as a user calls them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from cli_run import Run
from latprof import api

IDS = ("session_id", "agent_id", "call_id", "message_id", "request_id", "project")


def rows(output: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(output.decode("utf-8-sig"))))


def logs(fixtures: Path) -> str:
    return str(fixtures / "claude-code" / "recorded-2.1.300-subagent")


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet", "perfetto", "otlp"])
def test_no_id_and_no_path_is_in_the_file(name: str, run: Run, fixtures: Path) -> None:
    """As bytes, in every format that is written."""
    done = run("export", logs(fixtures), "--anonymize", "--format", name, "-o", "-")
    assert done.returncode == 0, done.stderr
    trace = api.load([logs(fixtures)])
    known = {text for column in IDS for text in trace.texts[column] if text is not None and len(text) > 5}
    assert known
    assert [text for text in known if text.encode() in done.stdout] == []


def test_the_same_salt_gives_files_that_belong_together(run: Run, fixtures: Path) -> None:
    """Given as an option or by the environment; without one, each file has its own."""
    command = ("export", logs(fixtures), "--anonymize")
    one = run(*command, "--salt", "of the team").stdout
    assert run(*command, LATPROF_SALT="of the team").stdout == one
    assert len({one, run(*command).stdout, run(*command).stdout}) == 3
    plain = rows(run("export", logs(fixtures)).stdout)
    for left, right in zip(plain, rows(one), strict=True):
        assert {key: left[key] for key in left if key not in IDS} == {
            key: right[key] for key in right if key not in IDS
        }


def test_coarse_times_keep_the_durations(run: Run, fixtures: Path) -> None:
    """Each call begins at a full hour; what it took is the same."""
    plain = rows(run("export", logs(fixtures)).stdout)
    coarse = rows(run("export", logs(fixtures), "--anonymize", "--coarse-times", "1h").stdout)
    assert all(row["sent_at"][14:] == "00:00.000+00:00" for row in coarse if row["sent_at"])
    assert sorted(row["wall_s"] for row in coarse) == sorted(row["wall_s"] for row in plain)


def test_coarse_times_need_anonymize(run: Run, fixtures: Path) -> None:
    """They would only look anonymous."""
    done = run("export", logs(fixtures), "--coarse-times", "1h")
    assert done.returncode == 2
    assert b"--anonymize" in done.stderr


def test_doctor_names_the_setting_of_each_agent(run: Run, fixtures: Path) -> None:
    """As words on the screen and for programs."""
    said = run("doctor", str(fixtures / "claude-code"), str(fixtures / "codex")).stdout.decode()
    assert "CLAUDE_CODE_ENABLE_TELEMETRY=1" in said.replace("\n", " ")
    assert "[otel.exporter" in said
    data = json.loads(run("doctor", str(fixtures / "codex"), "--json").stdout)
    assert [item["name"] for item in data["formats"]] == ["codex"]


def test_doctor_without_logs_says_what_to_do(run: Run) -> None:
    """Nothing is found in an empty home."""
    done = run("doctor")
    assert done.returncode == 0, done.stderr
    assert b"give the folder" in done.stdout + done.stderr
