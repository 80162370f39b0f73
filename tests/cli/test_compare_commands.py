"""`latprof compare`, as a user runs it: calls, percentiles of somebody else, and other routing."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from cli_run import Run

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
CALLS = str(FIXTURES / "examples" / "seven-sessions")
POST = str(FIXTURES / "measured" / "post.toml")
SCREEN = {"COLUMNS": "100"}
KINDS = {"measured", "claimed", "estimated", "simulated"}


def _data(run: Run, *arguments: str) -> dict[str, Any]:
    done = run("compare", *arguments, "--json")
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_one_screen_says_who_is_faster_and_what_it_rests_on(run: Run) -> None:
    """Today first, then alternatives with their sources; money; what cannot be felt; a verdict."""
    done = run("compare", CALLS, "--against", "hosted,self-hosted", "--engineers", "10", "--budget", "4500", **SCREEN)
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()
    assert text.startswith("latprof compare: 446 calls of 7 sessions, 10 engineers,")
    assert max(map(len, text.splitlines())) <= 100
    assert len(text.splitlines()) <= 85
    for words in (
        "aggregate: not what one engineer feels",
        "latprof simulate",
        "Verdict:",
        "Assumed:",
        "What would change it:",
        "Within the budget of 4,500 USD",
        "Sources contradict each other",
        "Quality stands beside",
        "m post:40",
        "overview:69",
    ):
        assert words in text


def test_every_figure_of_json_has_kind_source_and_n(run: Run) -> None:
    """No step, cost or quality without where it is from; what is refused has no step."""
    data = _data(run, CALLS, "--engineers", "10")
    assert data["today"]["kind"] == "bound"
    assert len(data["alternatives"]) > 80
    for item in data["alternatives"]:
        if item["refused"]:
            assert item["steps_s"] == {}
            continue
        assert item["kind"] in KINDS
        assert item["source"]
        assert item["steps_s"]["all"]["n"] == data["compared_calls"]
        quantiles = list(item["steps_s"]["all"]["quantiles"].values())
        assert quantiles == sorted(quantiles)
        assert item["change_hours_per_week"]["low"] < item["change_hours_per_week"]["high"]
        for cost in item["costs"]:
            assert cost["kind"] in KINDS
            assert cost["source"]
        assert item["quality"] is None or (item["quality"]["kind"] in KINDS and item["quality"]["source"])


def test_both_statements_about_sonnet_stay(run: Run) -> None:
    """176 tok/s in one document, 45 to 55 in another: two rows, one conflict."""
    data = _data(run, CALLS, "--against", "claude-sonnet-4.6")
    assert [item["decode_tps"] for item in data["alternatives"]] == [176, 50]
    assert "claude-decode" in {item["id"] for item in data["conflicts"]}


def test_csv_and_markdown_hold_the_same_rows(run: Run, tmp_path: Path) -> None:
    """One row per alternative, source and trigger; the same medians as in JSON."""
    data = _data(run, CALLS, "--against", "claude-sonnet-4.6")
    done = run("compare", CALLS, "--against", "claude-sonnet-4.6", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    whole = [row for row in rows if row["trigger"] == "all"]
    assert [row["alternative"] for row in whole] == ["today", "claude-sonnet-4.6", "claude-sonnet-4.6"]
    medians = [item["steps_s"]["all"]["quantiles"]["0.5"] for item in data["alternatives"]]
    assert [float(row["step_p50_s"]) for row in whole[1:]] == medians
    target = tmp_path / "compare.md"
    assert run("compare", CALLS, "--against", "claude-sonnet-4.6", "-o", str(target)).returncode == 0
    assert "| today |" in target.read_text(encoding="utf-8")


def test_settings_give_team_money_and_hours(run: Run, tmp_path: Path) -> None:
    """Options win over settings."""
    settings = tmp_path / "team.toml"
    settings.write_text(
        "[team]\nengineers = 10\nbudget_usd_per_month = 4500\n[subscriptions.max]\nusd_per_month = 150\n"
        '[working_hours]\ndays = ["Mon", "Tue", "Wed", "Thu"]\nstart = "09:00"\nend = "17:00"\n',
        encoding="utf-8",
    )
    data = _data(run, CALLS, "--against", "claude-sonnet-4.6", "--config", str(settings))
    assert data["team"]["engineers"] == 10
    assert (data["team"]["days_per_week"], data["team"]["hours_per_day"]) == (4, 8)
    assert (data["team"]["budget_usd_per_month"], data["today"]["usd_per_month"]) == (4500, 1500)
    changed = _data(
        run,
        CALLS,
        "--against",
        "claude-sonnet-4.6",
        "--config",
        str(settings),
        "--engineers",
        "5",
        "--subscription",
        "20",
    )
    assert changed["today"]["usd_per_month"] == 100


def test_what_ifs_name_their_assumptions(run: Run) -> None:
    """Time and money per week and month, each with what it takes for granted."""
    ideas = ("cascade=claude-haiku-4.5:200", "cache=0.99", "fast=2", "effort=0.6", "parallel")
    arguments = [part for idea in ideas for part in ("--what-if", idea)]
    data = _data(run, CALLS, "--against", "claude-opus-4.6", *arguments)
    assert len(data["what_if"]) == 7  # three documents know a speed of Haiku
    assert all(item["assumption"] and item["kind"] == "estimate" for item in data["what_if"])
    faster = next(item for item in data["what_if"] if item["name"] == "generation × 2")
    assert faster["change_hours_per_week"] < 0
    text = run("compare", CALLS, "--against", "claude-opus-4.6", *arguments, **SCREEN).stdout.decode()
    assert "Assumed: 1 and 2 and 3" in text.replace("\n", " ")


def test_the_post_is_reproduced_and_corrected(run: Run) -> None:
    """Its tables as it prints them, claimed; beside them whole months of rent and what one of ten engineers feels."""
    text = run("compare", "--measured", POST, **SCREEN).stdout.decode()
    for figure in ("2.80", "6.80", "28.1", "4.20", "14.5", "178", "567", "41.0", "287", "176", "130", "4,712", "2,580"):
        assert figure in text
    assert "claimed" in text
    assert max(map(len, text.splitlines())) <= 100
    data = _data(run, "--measured", POST)
    # 4.2 s x 41 / (1 - 41 / 178)
    assert data["typical_output_tokens"] == pytest.approx(223.7, abs=0.1)
    rents = {item["name"]: item["beside"] for item in data["beside"] if item["table"] == "hardware"}
    assert rents["5 × H100, Vast.ai"] == pytest.approx(5 * 1.87 * 730)
    felt = [
        item for item in data["beside"] if item["name"] == "MiniMax M2.5, 4 × H100" and item["metric"] == "decode_tps"
    ]
    assert {item["beside"] for item in felt} == {43, 101}
    assert {item["stated"] for item in felt} == {2000}
    assert {item["stated_kind"] for item in data["beside"]} == {"claimed"}


def test_logs_correct_the_formula(run: Run) -> None:
    """On real calls the formula's first token is longer than ours and its speed higher; the claims shrink alike."""
    data = _data(run, CALLS, "--measured", POST)
    waits = [item for item in data["beside"] if item["table"] == "ttft"]
    assert all(0 < item["beside"] < item["stated"] for item in waits)
    speeds = {item["name"]: item for item in data["beside"] if item["table"] == "speed"}
    assert speeds["decode_tps"]["beside"] < speeds["decode_tps"]["stated"]
    assert speeds["wall_tps"]["beside"] == speeds["wall_tps"]["stated"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--against", "nothing-like-it"), "The catalogue has no"),
        (("--what-if", "warp"), "No what-if is called warp"),
        (("--engineers", "0"), "--engineers"),
        (("--model", "none-like-this"), "No call was found, so there is nothing to compare: check the paths"),
        (("--measured", POST, "--against", "hosted"), "leave --against"),
        (("--measured", "missing.toml"), "Cannot read missing.toml"),
    ],
)
def test_mistakes_are_one_sentence(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2, what is wrong and what to do."""
    done = run("compare", CALLS, *arguments)
    assert done.returncode == 2
    assert words in done.stderr.decode()
    assert done.stderr.decode().count("\n") == 1


def test_a_team_of_nobody_is_refused_whatever_it_pays(run: Run, tmp_path: Path) -> None:
    """A subscription of the settings is shared by the engineers: by none of them it is a sentence, no trace-back."""
    settings = tmp_path / "team.toml"
    settings.write_text("[subscriptions.max]\nusd_per_month = 150\n", encoding="utf-8")
    done = run("compare", CALLS, "--engineers", "0", "--config", str(settings))
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == "latprof: --engineers 0 is out of range: give 1 to 100000.\n"


def test_a_file_of_percentiles_with_mistakes_names_them(run: Run, tmp_path: Path) -> None:
    """A misspelt name and a missing one."""
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('title = "x"\nsource = "x"\n[[waits]]\ntrigger = "user"\np50 = 3\n', encoding="utf-8")
    said = run("compare", "--measured", str(wrong)).stderr.decode()
    assert "p50_s" in said
    assert "waits.0.p50:" in said
