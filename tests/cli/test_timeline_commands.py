"""`latprof budget`, `session`, `slowest`, `drivers`, and the exports for other tools."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from pathlib import Path

import pytest

from cli_run import Run

FIXTURES = str(Path(__file__).resolve().parents[2] / "fixtures" / "claude-code")
ONE = str(Path(FIXTURES) / "recorded-2.1.329-plain" / "input")
AGENTS = str(Path(FIXTURES) / "recorded-2.1.300-subagent" / "input")


def sentence(done: subprocess.CompletedProcess[bytes]) -> str:
    (line,) = done.stderr.decode().strip().splitlines()
    assert done.returncode == 2, line
    return line


def test_a_budget_says_where_the_time_went(run: Run) -> None:
    """In words, in JSON and in CSV the same seconds, which add up."""
    shown = run("budget", FIXTURES, COLUMNS="100").stdout.decode()
    for words in ("Where the time went", "waiting for the first token", "by project", "by day", "by model"):
        assert words in shown
    assert max(map(len, shown.splitlines())) <= 100
    found = json.loads(run("budget", FIXTURES, "--json").stdout)
    assert sum(share["seconds"] for share in found["total"]) == pytest.approx(found["wall_s"], abs=0.1)
    for item in found["sessions"]:
        assert sum(item["seconds"].values()) == pytest.approx(item["wall_s"], abs=0.01)
    assert {group["by"] for group in found["groups"]} == {"project", "day", "model"}
    rows = list(csv.DictReader(io.StringIO(run("budget", FIXTURES, "--format", "csv").stdout.decode())))
    whole = sum(float(row["seconds"]) for row in rows if row["by"] == "(all)")
    assert whole == pytest.approx(found["wall_s"], abs=0.1)


def test_a_budget_is_summed_by_what_is_asked_for(run: Run) -> None:
    """One key, and a sentence for a wrong one."""
    found = json.loads(run("budget", ONE, "--by", "model", "--json").stdout)
    assert {group["by"] for group in found["groups"]} == {"model"}
    assert "colour" in sentence(run("budget", ONE, "--by", "colour"))


def test_a_budget_names_the_calls_that_it_leaves_out(run: Run) -> None:
    """Load tests are no session: there is nothing to divide, and this is said."""
    load_test = str(Path(FIXTURES).parent / "vllm-bench")
    done = run("budget", load_test)
    assert done.returncode == 0
    shown = " ".join(done.stdout.decode().split())
    assert "No session here has a call with a date" in shown
    found = json.loads(run("budget", load_test, FIXTURES, "--json").stdout)
    assert f"{found['calls_left_out']} calls of load tests" in shown
    alone = json.loads(run("budget", FIXTURES, "--json").stdout)
    assert alone["calls_left_out"] == 0
    assert found["wall_s"] == alone["wall_s"]


def test_a_session_is_shown_from_its_file_with_its_sub_agents(run: Run) -> None:
    """The folder beside the file belongs to it."""
    file = next(path for path in Path(AGENTS).rglob("*.jsonl") if path.parent.name != "subagents")
    found = json.loads(run("session", str(file), "--json").stdout)
    assert found["session"] == file.stem
    assert len(found["agents"]) == 1
    assert found["segments"][0]["start_s"] == 0
    assert found["segments"][-1]["end_s"] == pytest.approx(found["wall_s"], abs=0.01)
    walls = [call["wall_s"] for call in found["calls"] if call["wall_s"] is not None]
    assert walls == sorted(walls, reverse=True)


def test_a_session_is_found_by_the_start_of_its_id(run: Run) -> None:
    """In the given paths; the terminal shows a waterfall and the worst calls."""
    name = json.loads(run("slowest", ONE, "--json").stdout)["calls"][0]["session_id"]
    done = run("session", name[:8], ONE, "--top", "3", COLUMNS="100")
    shown = done.stdout.decode()
    assert f"session {name}" in shown
    assert max(map(len, shown.splitlines())) <= 100
    for words in ("Timeline", "Worst calls first", "░", "█", "Where the time went"):
        assert words in shown


@pytest.mark.parametrize("what", ["nobody", FIXTURES])
def test_a_session_that_cannot_be_told_is_one_sentence(run: Run, what: str) -> None:
    """An unknown id; a path with several sessions, of which some are named."""
    line = sentence(run("session", what, FIXTURES))
    assert what in line


def test_the_account_of_estimates_names_the_model_that_it_is_about(run: Run) -> None:
    """In the terminal too, where sections have no headings."""
    shown = " ".join(run("explain", ONE, COLUMNS="100").stdout.decode().split())
    for group in json.loads(run("explain", ONE, "--json").stdout)["groups"]:
        assert f"Calls of {group['model']} ({group['agent']})" in shown


def test_a_session_without_dates_has_no_start(run: Run) -> None:
    """Its instants count from an arbitrary zero, which is no year 1970."""
    log = str(Path(FIXTURES).parent / "mistral-vibe")
    assert "1970" not in run("session", log).stdout.decode()
    assert json.loads(run("session", log, "--json").stdout)["start_at"] is None


def test_the_slowest_calls_have_a_date(run: Run) -> None:
    """They are of many days; without any call this is said."""
    shown = run("slowest", FIXTURES, "--top", "3", COLUMNS="100").stdout.decode()
    assert len(re.findall(r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\b", shown)) == 3
    assert "No call has a known time of the call" in run("slowest", FIXTURES, "--model", "nobody").stdout.decode()


def test_the_slowest_calls_come_first(run: Run) -> None:
    """By the chosen figure, as many as asked for."""
    for rank in ("wall_s", "ttft_s", "tool_s"):
        found = json.loads(run("slowest", FIXTURES, "--rank", rank, "--top", "5", "--json").stdout)
        values = [call[rank] for call in found["calls"]]
        assert len(values) == 5
        assert values == sorted(values, reverse=True)
    assert "colour" in sentence(run("slowest", ONE, "--rank", "colour"))
    shown = run("slowest", FIXTURES, "--top", "5", COLUMNS="100").stdout.decode()
    assert max(map(len, shown.splitlines())) <= 100


def test_drivers_say_how_sure_they_are(run: Run) -> None:
    """Every comparison has a figure with n and kind, or a reason."""
    found = json.loads(run("drivers", FIXTURES, "--json").stdout)
    assert {item["metric"] for item in found["effects"]} == {"ttft_s", "decode_tps"}
    for item in found["effects"]:
        assert (item["difference"] is None) == (item["refused"] is not None)
        assert item["kind"] in {"exact", "estimate"}
    shown = run("drivers", FIXTURES, COLUMNS="100").stdout.decode()
    assert max(map(len, shown.splitlines())) <= 100
    assert "does not prove the cause" in " ".join(shown.split())


@pytest.mark.parametrize("name", ["perfetto", "otlp"])
def test_the_name_of_the_file_chooses_the_export(run: Run, tmp_path: Path, name: str) -> None:
    """`x.otlp.json` needs no --format; both are JSON objects."""
    assert run("export", ONE, "-o", f"x.{name}.json").returncode == 0
    (key,) = set(json.loads((tmp_path / f"x.{name}.json").read_bytes())) & {"traceEvents", "resourceSpans"}
    assert key == {"perfetto": "traceEvents", "otlp": "resourceSpans"}[name]
    assert run("export", ONE, "--format", name).stdout == (tmp_path / f"x.{name}.json").read_bytes()


def test_exported_spans_are_read_as_a_log(run: Run, tmp_path: Path) -> None:
    """The same calls; beside their own log they are copies and count once."""
    run("export", ONE, "-o", "x.otlp.json")
    for paths in (("x.otlp.json",), ("x.otlp.json", ONE)):
        assert json.loads(run("analyze", *paths, "--json").stdout)["calls"] == 11


def test_an_export_says_how_many_calls_it_could_not_write(run: Run) -> None:
    """Calls of a load test have no date: a span needs one, a row of a table does not."""
    without_date = str(Path(FIXTURES).parent / "llmperf")
    total = json.loads(run("analyze", without_date, FIXTURES, "--json").stdout)["calls"]
    assert run("export", without_date, FIXTURES, "-o", "all.csv").stderr.decode().strip() == (
        f"latprof: {total} calls written to all.csv"
    )
    said = run("export", without_date, FIXTURES, "-o", "some.otlp.json").stderr.decode().strip()
    kept = json.loads(run("analyze", "some.otlp.json", "--json").stdout)["calls"]
    assert kept < total
    assert said == (
        f"latprof: {kept} of {total} calls written to some.otlp.json: the others lack a date, a send time or an end"
    )
