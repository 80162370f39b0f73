"""Ten engineers' logs, exports and merges of them as a reviewer handles them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from cli_run import Run
from latprof.api import analyze, read, with_estimates
from latprof.report.export import export_calls
from latprof.report.machine import analysis_data
from team_logs import ENGINEERS, write_team

Rows = dict[str, Any]
Figures = dict[tuple[str, str, str], Rows]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with ten folders of logs and ten exports in each format, and the tagged paths of the logs."""
    folder = tmp_path_factory.mktemp("team")
    paths = write_team(folder / "logs")
    for name, path in zip(ENGINEERS, paths, strict=True):
        trace = with_estimates(read([path])).trace
        for kind in ("csv", "jsonl", "parquet"):
            (folder / f"{name}.{kind}").write_bytes(export_calls(trace, kind))
    return folder, paths


def _figures(paths: list[str], *by: str) -> tuple[Rows, Figures]:
    """What `analyze --json` says, the figures by metric, kind and group."""
    found = analysis_data(analyze(read(paths), by=by))
    # Of copies the merged file has none, so what is said of them is said by `merge`.
    found["notes"] = [note for note in found["notes"] if "in the logs of more than one engineer" not in note]
    rows = {(row["metric"], row["kind"], json.dumps(row["group"])): row for row in found.pop("metrics")}
    return found, rows


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_merged_exports_give_the_numbers_of_one_run_over_all_logs(
    run: Run, team: tuple[Path, list[str]], tmp_path: Path, kind: str
) -> None:
    """All numbers from JSON Lines and Parquet, all but estimates from CSV."""
    folder, paths = team
    merged = tmp_path / f"team.{kind}"
    assert run("merge", *(str(folder / f"{name}.{kind}") for name in ENGINEERS), "-o", str(merged)).returncode == 0
    told = ("calls", "sessions", "since", "until", *(() if kind == "csv" else ("notes",)))
    for by in ((), ("engineer", "host")):
        once, expected = _figures(paths, *by)
        again, found = _figures([str(merged)], *by)
        estimates = {key for key in expected if key[1] == "estimate"}
        assert len(estimates) > 1
        assert len(expected) > 2 * len(estimates)
        if kind == "csv":
            expected = {key: row for key, row in expected.items() if key not in estimates}
            found = {key: row for key, row in found.items() if key[1] != "estimate"}
        assert found == expected
        assert [again[key] for key in told] == [once[key] for key in told]


def test_exports_of_all_kinds_and_logs_can_be_mixed(run: Run, team: tuple[Path, list[str]], tmp_path: Path) -> None:
    """Whoever handed in CSV, JSON Lines, Parquet or the folder itself: the same calls and the same owners."""
    folder, paths = team
    kinds = ("parquet", "jsonl")
    inputs = [
        path if place % 3 == 2 else str(folder / f"{name}.{kinds[place % 3]}")
        for place, (name, path) in enumerate(zip(ENGINEERS, paths, strict=True))
    ]
    merged = tmp_path / "team.parquet"
    done = run("merge", *inputs, "-o", str(merged), "--json")
    assert done.returncode == 0, done.stderr
    once, expected = _figures(paths, "engineer")
    again, found = _figures([str(merged)], "engineer")
    assert (again["calls"], again["sessions"]) == (once["calls"], once["sessions"])
    assert found == expected


def test_a_copied_call_belongs_to_whom_the_session_belonged_first(
    run: Run, team: tuple[Path, list[str]], tmp_path: Path
) -> None:
    """dora, gus and jun went on with a session of the colleague before: three sessions and nine rounds more."""
    _, paths = team
    done = run("merge", *paths, "-o", "team.csv", "--json")
    told = json.loads(done.stdout)
    with (tmp_path / "team.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    calls = {name: sum(row["engineer"] == name for row in rows) for name in ENGINEERS}
    assert calls == {name: 27 + 9 * (name in {"dora", "gus", "jun"}) for name in ENGINEERS}
    assert all(row["session_id"].partition("-")[0] == row["engineer"] for row in rows)
    assert {row["host"] for row in rows} == {f"mac-{name}" for name in ENGINEERS}
    assert [(item["engineer"], item["calls"]) for item in told["written"]] == list(calls.items())
    # Three resumed sessions hold a session's nine calls again; ben, finn and jun hold a whole file of a colleague.
    assert (told["calls_in"], told["copies"], told["calls_out"]) == (297 + 6 * 9, 6 * 9, 297)
    assert (told["joined"], told["left_out"], told["problems"]) == (0, 0, {})


def test_filters_choose_engineers_and_hosts(run: Run, team: tuple[Path, list[str]]) -> None:
    """By name and by pattern; both have to match."""
    _, paths = team
    for filters, calls in (
        (("--engineer", "ana,ben"), 54),
        (("--host", "MAC-C*"), 27),
        (("--host", "mac-ana", "--engineer", "ben"), 0),
    ):
        assert json.loads(run("analyze", *paths[:3], *filters, "--json").stdout)["calls"] == calls


def test_settings_say_whose_the_folders_are(run: Run, team: tuple[Path, list[str]], tmp_path: Path) -> None:
    """A folder's host and that host's engineer; a folder's engineer; a prefix is stronger."""
    folder, _ = team
    (tmp_path / "latprof.toml").write_text(
        f"""
        [engineers.Anna]
        hosts = ["laptop"]
        [engineers.Benno]
        paths = ['{folder / "logs" / "ben"}']
        [hosts.laptop]
        paths = ['{folder / "logs"}/a*']
        """,
        encoding="utf-8",
    )
    logs = [str(folder / "logs" / name) for name in ("ana", "ben", "cleo")]
    done = run("analyze", *logs[:2], f"C={logs[2]}", "--by", "engineer,host", "--json")
    groups = {tuple(row["group"].values()) for row in json.loads(done.stdout)["metrics"] if row["group"]}
    assert groups == {("Anna", "laptop"), ("Benno", None), ("C", None)}


def test_calls_without_an_owner_get_the_one_of_the_options(run: Run, team: tuple[Path, list[str]]) -> None:
    """Calls that say whose they are keep it."""
    folder, _ = team
    own, nameless = str(folder / "ana.csv"), str(folder / "logs" / "ben")
    done = run("merge", own, nameless, "--engineer", "Ben", "--host", "b1", "-o", "both.jsonl", "--json")
    assert [(row["engineer"], row["host"], row["calls"]) for row in json.loads(done.stdout)["written"]] == [
        ("Ben", "b1", 27),
        ("ana", "mac-ana", 27),
    ]
    bare = run("merge", nameless, "-o", "bare.csv", COLUMNS="100")
    assert b"Nobody said whose" in bare.stdout


def test_the_name_of_the_file_can_name_the_engineer(run: Run, team: tuple[Path, list[str]]) -> None:
    """A folder too; a prefix is stronger."""
    folder, _ = team
    logs = folder / "logs"
    command = ("merge", f"{logs / 'ana'}", f"B@x={logs / 'ben'}", f"@y={logs / 'cleo'}")
    done = run(*command, "--engineer-from-name", "-o", "t.csv", "--json")
    assert [(row["engineer"], row["host"]) for row in json.loads(done.stdout)["written"]] == [
        ("B", "x"),
        ("ana", None),
        ("cleo", "y"),
    ]


def test_names_can_be_hashed(run: Run, team: tuple[Path, list[str]], tmp_path: Path) -> None:
    """No engineer, host, session or folder is left; with one salt the same ones are one."""
    folder, paths = team
    for name, path in zip(ENGINEERS[:2], paths, strict=False):
        assert run("export", path, "--anonymize", "--salt", "pepper", "-o", f"{name}.parquet").returncode == 0
    done = run("merge", "ana.parquet", "ben.parquet", str(folder / "ana.csv"), "-o", "t.csv", "--anonymize", "--json")
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "t.csv").read_text(encoding="utf-8")
    assert not [word for word in ("ana", "ben", "mac-", "/home/dev", "msg_") if word in written.partition("\n")[2]]
    assert run("merge", "ana.parquet", "ben.parquet", "-o", "u.csv").returncode == 0
    with (tmp_path / "u.csv").open(encoding="utf-8", newline="") as file:
        assert len({row["engineer"] for row in csv.DictReader(file)}) == 2


def test_an_output_that_is_there_or_an_input_is_never_replaced(
    run: Run, team: tuple[Path, list[str]], tmp_path: Path
) -> None:
    """Exit code 2; with --force a file may go, an input never."""
    folder, _ = team
    export = (folder / "ana.csv").read_bytes()
    (tmp_path / "a.csv").write_bytes(export)
    (tmp_path / "out.csv").write_bytes(b"mine")
    assert run("merge", "a.csv", "-o", "out.csv").returncode == 2
    assert (tmp_path / "out.csv").read_bytes() == b"mine"
    done = run("merge", "ana=a.csv", "-o", "a.csv", "--force")
    assert (done.returncode, b"one of the logs to read" in done.stderr) == (2, True)
    assert (tmp_path / "a.csv").read_bytes() == export
    assert run("merge", "a.csv", "-o", "out.csv", "--force").returncode == 0
    assert run("merge", "a.csv", "-o", "t.otlp", "--format", "otlp").returncode == 2


def test_the_calls_may_go_to_standard_output(run: Run, team: tuple[Path, list[str]]) -> None:
    """What was done is then told on standard error."""
    folder, _ = team
    done = run("merge", str(folder / "ana.jsonl"), "-o", "-", "--format", "jsonl")
    assert [json.loads(line)["engineer"] for line in done.stdout.splitlines()] == ["ana"] * 27
    assert b"27 calls written" in done.stderr


def test_compare_takes_the_team_that_the_logs_name(run: Run, team: tuple[Path, list[str]]) -> None:
    """27 calls of each on three days, five such days a week: 45 calls of an engineer in a week."""
    _, paths = team
    done = run("compare", *paths[:3], "--against", "hosted", "--json")
    found = json.loads(done.stdout)
    assert (found["team"]["engineers"], found["team"]["logs_of"], found["person_days"]) == (3, 3, 9)
    assert found["calls_per_engineer_week"] == 45
    words = run("compare", *paths[:3], "--against", "hosted", "--engineers", "7").stdout.decode()
    assert "each of the 3 engineers that the logs name" in " ".join(words.split())
    assert "7 engineers" in words
