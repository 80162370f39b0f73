"""Whose waiting it is: budget, slowest, session, drivers, diff and report per engineer and host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from claude_code_lines import Log, text
from cli_run import Run
from team_logs import write_team

_DAY_S = 86_400.0


def _log(session: str, at: float, waits: tuple[float, ...]) -> bytes:
    """A call per wait, each after a prompt; minutes lie between them."""
    log = Log(session)
    for number, wait in enumerate(waits):
        log.prompt(at + 60 * number)
        log.answer(at + 60 * number + wait, f"msg_{session}_{number}", text(), stop="end_turn")
    return log.data()


@pytest.fixture
def two(tmp_path: Path) -> tuple[str, str]:
    """ana on mac1: two sessions side by side on Monday, one a week later; ben: one on Monday."""
    for name, session, at, waits in (
        ("ana", "a-1", 0.0, (4.0, 4.0)),
        ("ana", "a-2", 2.0, (4.0, 4.0)),
        ("ana", "a-3", 7 * _DAY_S, (5.0,)),
        ("ben", "b-1", 0.0, (1.0, 2.0)),
    ):
        path = tmp_path / name / f"{session}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(_log(session, at, waits))
    return f"ana@mac1={tmp_path / 'ana'}", f"ben={tmp_path / 'ben'}"


def told(run: Run, *arguments: str) -> Any:
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_waiting_per_engineer_and_week(run: Run, two: tuple[str, str]) -> None:
    """ana's sessions side by side wait 4 s, twice, from 0 s and from 2 s on: 16 s in all, 12 s at once."""
    found = {(item["engineer"], item["week"]): item for item in told(run, "budget", *two)["weeks"]}
    assert set(found) == {("ana", "2026-W10"), ("ana", "2026-W11"), ("ben", "2026-W10")}
    first = found["ana", "2026-W10"]
    assert (first["sessions"], first["model_s"], first["at_once_s"]) == (2, 16.0, 12.0)
    assert found["ana", "2026-W11"]["model_s"] == 5.0
    assert found["ben", "2026-W10"]["model_s"] == 3.0
    assert first["first_token_s"] is None
    assert sum(first["by_kind_s"].values()) == pytest.approx(first["model_s"])


def test_sums_by_engineer_host_and_week(run: Run, two: tuple[str, str]) -> None:
    """Unasked where the logs name any; each key divides the same whole; another key is a mistake."""
    unasked = told(run, "budget", *two)
    assert {item["by"] for item in unasked["groups"]} == {"project", "day", "model", "engineer", "host"}
    plain = told(run, "budget", two[0].partition("=")[2])
    assert {item["by"] for item in plain["groups"]} == {"project", "day", "model"}
    assert plain["weeks"] == []
    found = told(run, "budget", *two, "--by", "engineer,host,week")
    for key in ("engineer", "host", "week"):
        shares = [share for item in found["groups"] if item["by"] == key for share in item["shares"]]
        assert sum(share["seconds"] for share in shares) == pytest.approx(found["wall_s"], abs=0.01)
    assert {item["group"] for item in found["groups"] if item["by"] == "host"} == {"mac1", None}
    assert {item["group"] for item in found["groups"] if item["by"] == "week"} == {"2026-W10", "2026-W11"}
    assert run("budget", *two, "--by", "colour").returncode == 2


def test_calls_and_sessions_say_whose_they_are(run: Run, two: tuple[str, str]) -> None:
    """The longest call is ana's of 5 s; a filter leaves the other's."""
    found = told(run, "slowest", *two)["calls"]
    assert (found[0]["engineer"], found[0]["host"], found[0]["session_id"]) == ("ana", "mac1", "a-3")
    assert {call["engineer"] for call in told(run, "slowest", *two, "--engineer", "ben")["calls"]} == {"ben"}
    assert b"ana on mac1" in run("slowest", *two).stdout
    session = told(run, "session", "a-1", *two)
    assert (session["engineer"], session["host"]) == ("ana", "mac1")
    assert b"(claude-code, ana on mac1)" in run("session", "a-1", *two).stdout
    assert b"whose" not in run("slowest", two[0].partition("=")[2]).stdout


def test_a_session_belongs_to_whom_settings_name(run: Run, two: tuple[str, str], tmp_path: Path) -> None:
    """As in commands that read many."""
    (tmp_path / "latprof.toml").write_text('[engineers.dora]\npaths = ["ana"]\n', encoding="utf-8")
    assert told(run, "session", "a-1", two[0].partition("=")[2])["engineer"] == "dora"


def test_drivers_compare_engineers_and_hosts(run: Run, two: tuple[str, str]) -> None:
    """Too few calls for a difference, which is said of both."""
    made = [item for item in told(run, "drivers", *two)["effects"] if item["factor"] in {"engineer", "host"}]
    assert all(item["refused"] for item in made)


@pytest.mark.parametrize("tagged", [False, True])
def test_two_engineers_as_sides_of_diff(run: Run, two: tuple[str, str], *, tagged: bool) -> None:
    """By value or by paths with their tags; a folder of the name changes nothing."""
    sides = two if tagged else ("engineer=ana", "engineer=ben")
    where = () if tagged else ("--in", two[0], "--in", two[1])
    found = told(run, "diff", *sides, *where, "--match", "none")
    assert [(side["calls"], side["sessions"]) for side in found["sides"]] == [(5, 3), (2, 1)]
    assert [side["name"] for side in found["sides"]] == list(sides)


def test_a_tagged_path_that_is_not_there_is_named(run: Run, two: tuple[str, str]) -> None:
    """As a side it is neither path nor value."""
    done = run("diff", two[0], "ben=/nowhere/at/all")
    assert done.returncode == 2
    assert b"/nowhere/at/all" in done.stderr


def test_the_report_has_a_chapter_per_engineer(run: Run, tmp_path: Path) -> None:
    """With a bar per engineer, their weeks and their figures; with one name or none there is no such chapter."""
    paths = write_team(tmp_path / "team")
    assert run("report", *paths, "-o", "team.json").returncode == 0
    found = json.loads((tmp_path / "team.json").read_text(encoding="utf-8"))
    assert "Per engineer" in {chapter["title"] for chapter in found["chapters"]}
    bars = next(plot for plot in found["plots"] if plot["key"] == "engineers")
    assert {row[0] for row in bars["rows"]} == {path.partition("@")[0] for path in paths}
    assert run("report", paths[0], "-o", "one.json").returncode == 0
    alone = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert "Per engineer" not in {chapter["title"] for chapter in alone["chapters"]}


def test_headings_name_the_team(run: Run, two: tuple[str, str], tmp_path: Path) -> None:
    """Of a budget and of a report, where settings have a name."""
    assert run("budget", *two).stdout.startswith(b"latprof: ")
    (tmp_path / "latprof.toml").write_text('[team]\nname = "Team Blue"\n', encoding="utf-8")
    assert run("budget", *two).stdout.startswith(b"latprof, Team Blue: ")
    assert run("report", *two, "-o", "-", "--format", "table").stdout.startswith(b"latprof, Team Blue: ")


def test_rows_of_an_agent_stand_together(run: Run) -> None:
    """The agent with most calls first; no agent comes back after another."""
    fixtures = str(Path(__file__).resolve().parents[2] / "fixtures")
    lines = run("analyze", fixtures, COLUMNS="100").stdout.decode().splitlines()
    begin = next(k for k, line in enumerate(lines) if line.startswith("Waiting by agent and trigger"))
    rows = lines[begin + 4 : lines.index("", begin + 4)]
    agents = [line[1:].split(" ")[0] for line in rows]
    named = [name for name in agents if name]
    kept = [name for place, name in enumerate(named) if place == 0 or named[place - 1] != name]
    assert len(kept) > 10
    assert len(kept) == len(set(kept))
    assert kept[0] == "claude-code"
