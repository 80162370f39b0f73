"""check, baseline, config, diff and drift as a user runs them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from cli_run import Run

LOGS = str(Path(__file__).resolve().parents[2] / "fixtures" / "claude-code")
LOADS = str(Path(LOGS).parent / "vllm-bench")
NEW = "model=claude-opus-5-5"


def test_budgets_of_the_command_line_hold(run: Run) -> None:
    """Exit code 0."""
    done = run("check", LOGS, "--budget", "p50 wall_tps >= 1", "--budget", "p50 output_tokens >= 1", "--json")
    assert (done.returncode, json.loads(done.stdout)["passed"]) == (0, True)


def test_a_baseline_of_agents_and_load_tests_is_told_of(run: Run) -> None:
    """On the way to the file; the figures are written all the same."""
    mixed = run("baseline", "write", LOGS, LOADS, "-o", "b.json")
    assert mixed.returncode == 0
    assert b"are of load generators" in mixed.stderr
    assert b"load generators" not in run("baseline", "write", LOGS, "-o", "c.json").stderr
    assert b"are of load generators" in run("check", LOGS, LOADS, "--baseline", "b.json", COLUMNS="300").stdout


def test_a_check_of_nothing_does_not_pass(run: Run) -> None:
    """No call passes the filters: said in the title, in words and in JSON; fails only where that is asked for."""
    chosen = ("check", LOGS, "--budget", "p50 wall_s <= 20", "--model", "none-like-this")
    done = run(*chosen, COLUMNS="100")
    assert done.returncode == 0
    shown = " ".join(done.stdout.decode().split())
    assert "NOTHING CHECKED: 0 failed, 1 unknown, 0 held (0 calls, 0 sessions)" in shown
    assert "No call was found, so nothing was checked" in shown
    assert "check: pass" not in shown
    found = json.loads(run(*chosen, "--json").stdout)
    assert (found["passed"], found["judged"]) == (None, 0)
    strict = run(*chosen, "--strict", "--json")
    assert (strict.returncode, json.loads(strict.stdout)["passed"]) == (1, False)


def test_a_baseline_of_nothing_is_not_written(run: Run, tmp_path: Path) -> None:
    """A filter that no call passes, or too few calls for a median: what was kept before stays, --force or not."""
    kept = tmp_path / "kept.json"
    assert run("baseline", "write", LOGS, "-o", str(kept)).returncode == 0
    before = kept.read_bytes()
    for option, value, words in (
        ("--model", "none-like-this", "No call was found, so there is nothing to keep"),
        ("--session", "fffa1810-*", "Of 5 calls no figure can be told"),
    ):
        done = run("baseline", "write", LOGS, option, value, "-o", str(kept), "--force")
        (line,) = done.stderr.decode().strip().splitlines()
        assert done.returncode == 2
        assert words in line
        assert kept.read_bytes() == before


def settings(tmp_path: Path, text: str) -> str:
    path = tmp_path / "latprof.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


FAILS = '[[budgets]]\nname = "first token"\nmetric = "ttft_s"\nkind = "exact"\nmax = 0.1\njudge = "value"\n'


def test_settings_of_the_folder_are_used_and_a_failure_ends_with_1(run: Run, tmp_path: Path) -> None:
    """latprof.toml lies in the working folder; 0.31 s against 0.1 s is 209 % beyond."""
    settings(tmp_path, FAILS)
    done = run("check", LOGS, COLUMNS="100")
    text = done.stdout.decode()
    assert done.returncode == 1
    assert done.stderr.decode().strip() == "latprof: 1 of 1 figure failed the check."
    assert "first token" in text
    assert "209 %" in text


def test_junit_counts_failures(run: Run, tmp_path: Path) -> None:
    """One test case per figure."""
    settings(tmp_path, FAILS + '[[budgets]]\nmetric = "wall_s"\nmin_n = 9999\nmax = 1\n')
    done = run("check", LOGS, "--junit", "r.xml")
    root = ET.parse(tmp_path / "r.xml").getroot()  # noqa: S314 - latprof's own file
    assert done.returncode == 1
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("2", "1", "1")
    assert root.find(".//failure") is not None


def test_github_gets_annotations_and_a_summary(run: Run, tmp_path: Path) -> None:
    """As in a job: the environment says where."""
    settings(tmp_path, FAILS)
    page = tmp_path / "summary.md"
    done = run("check", LOGS, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(page))
    assert b"::error title=latprof first token::first token: 0.31 s" in done.stdout
    assert "first token" in page.read_text(encoding="utf-8")


def test_json_stays_json_in_github(run: Run, tmp_path: Path) -> None:
    """Annotations go to the other stream."""
    settings(tmp_path, FAILS)
    done = run("check", LOGS, "--json", GITHUB_ACTIONS="true")
    assert json.loads(done.stdout)["passed"] is False
    assert b"::error" in done.stderr


def test_a_baseline_of_the_same_logs_holds(run: Run, tmp_path: Path) -> None:
    """Written, read, compared: nothing is worse than itself."""
    written = run("baseline", "write", LOGS, "-o", "b.json")
    assert written.returncode == 0, written.stderr
    done = run("check", LOGS, "--baseline", "b.json", "--json")
    outcomes = json.loads(done.stdout)["outcomes"]
    assert done.returncode == 0
    assert outcomes
    assert {item["status"] for item in outcomes} == {"pass"}


@pytest.mark.parametrize("budget", ["wall_s < 3", "p50 nothing_s <= 3", "p0 wall_s <= 3", "p50 wall_s <= 3 by colour"])
def test_a_budget_that_cannot_be_read_is_a_usage_error(run: Run, budget: str) -> None:
    """Exit code 2, before any log is read."""
    assert run("check", LOGS, "--budget", budget).returncode == 2


def test_config_names_every_mistake_and_where_settings_come_from(run: Run, tmp_path: Path) -> None:
    """First wrong, then right."""
    settings(tmp_path, 'colour = 1\nmethod = "magic"\n')
    wrong = run("config")
    assert wrong.returncode == 2
    assert b"2 mistakes" in wrong.stderr
    settings(tmp_path, 'method = "bound"\n')
    right = json.loads(run("config", "--json", LATPROF_TZ="Asia/Tokyo").stdout)
    assert right["origins"]["tz"] == "environment LATPROF_TZ"
    assert right["settings"]["method"] == "bound"


def test_settings_reach_analyze_and_options_win(run: Run, tmp_path: Path) -> None:
    """Groups, percentiles and project names."""
    settings(tmp_path, 'by = ["project"]\npercentiles = [50]\n[[projects]]\npath = "*"\nname = "everything"\n')
    groups = [item["group"] for item in json.loads(run("analyze", LOGS, "--json").stdout)["metrics"]]
    assert {"project": "everything"} in groups
    asked = json.loads(run("analyze", LOGS, "--json", "--by", "trigger", "--percentiles", "90").stdout)["metrics"]
    assert {key for item in asked for key in item["group"]} == {"trigger"}
    assert {key for item in asked for key in item["quantiles"]} == {"0.9"}


def test_diff_of_two_models_says_what_it_cannot_tell(run: Run) -> None:
    """Few sessions of a scripted server: words for each row, and no model in the matching."""
    done = run("diff", "model=claude-opus-4-5*", NEW, "--in", LOGS, "--json")
    result = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert result["match"] == ["trigger", "context"]
    assert all(item["says"] for item in result["differences"])


def test_diff_of_a_folder_with_itself_has_no_change(run: Run) -> None:
    """Every ratio is 1, and the shared calls are told."""
    result = json.loads(run("diff", LOGS, LOGS, "--json").stdout)
    assert {item["plain"]["ratio"] for item in result["differences"]} <= {1.0, None}
    assert result["shared_calls"] == 241


def test_a_side_that_is_nothing_is_a_usage_error(run: Run) -> None:
    """Neither path, nor span, nor value."""
    done = run("diff", "yesterday", LOGS)
    assert done.returncode == 2
    assert b"yesterday is no path that exists" in done.stderr


def test_drift_refuses_few_days_with_their_number(run: Run) -> None:
    """The fixtures were recorded on few days."""
    done = run("drift", LOGS, "--json")
    result = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert result["changes"] == []
    assert result["refused"]
    assert result["false_alarms"] > 0
