"""Settings of clusters, team, working hours and catalogue files change what commands answer."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import latprof
from claude_code_lines import Log, text
from cli_run import Run
from compared import OWN_HOSTED
from latprof.config.schema import Settings

SOURCE = Path(latprof.__file__).parent
LOGS = str(Path(__file__).resolve().parents[2] / "fixtures" / "claude-code")
QUICK = ("--model", "qwen3-coder-30b-a3b", "--draws", "2", "--hours", "0.1", "--json")
TEAM = """
[team]
engineers = 3
[working_hours]
days = ["Mon", "Tue", "Wed", "Thu"]
start = "08:00"
end = "16:30"
[clusters.cellar]
gpu = "H200"
gpus = 4
usd_per_gpu_hour = 2.0
engine = "sglang"
[clusters.empty]
gpus = 2
"""


def written(folder: Path, text: str) -> None:
    (folder / "latprof.toml").write_text(text, encoding="utf-8")


def models(of: type[BaseModel]) -> dict[str, set[str]]:
    """Every table of the settings, also those inside others, with the names of its settings."""
    found = {of.__name__: set(of.model_fields)}
    for field in of.model_fields.values():
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                found |= models(part)
    return found


def test_no_setting_is_only_stored() -> None:
    """Somewhere outside its own definition an attribute of each setting's name is read."""
    read: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if path.parent.name == "config" and path.name == "reference.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        read |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
        asked = (node for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr == "setting")
        read |= {
            arg.value
            for node in asked
            for arg in node.args
            if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        }
    unused = {f"{table}.{name}" for table, names in models(Settings).items() for name in names if name not in read}
    assert unused == set()


def test_a_cluster_of_the_settings_is_simulated(run: Run, tmp_path: Path) -> None:
    """Its GPUs, its engine, its rent: 4 x 2 USD an hour around the clock; the team's size; options win."""
    written(tmp_path, TEAM)
    found = json.loads(run("simulate", LOGS, "--cluster", "cellar", *QUICK).stdout)
    assert answer(found)["cluster"] == "cellar"
    assert (answer(found)["gpu"], answer(found)["gpus"]) == ("H200", 4)
    assert (answer(found)["engine"], answer(found)["engineers"]) == ("sglang", 3)
    assert answer(found)["usd_per_month"] == pytest.approx(4 * 2.0 * 730, rel=0.001)
    other = run("simulate", LOGS, "--cluster", "cellar", "--engine", "vllm", "--engineers", "2", *QUICK)
    assert (answer(json.loads(other.stdout))["engine"], answer(json.loads(other.stdout))["engineers"]) == ("vllm", 2)


def answer(found: dict[str, Any]) -> dict[str, Any]:
    """The one answer of simulate or sweep."""
    answers = found.get("answers") or [found["answer"]]
    assert len(answers) == 1
    item: dict[str, Any] = answers[0]
    return item


def test_sweep_knows_the_same_names(run: Run, tmp_path: Path) -> None:
    """Without an option for the team's size it is the settings'."""
    written(tmp_path, TEAM)
    found = json.loads(run("sweep", LOGS, "--cluster", "cellar", *QUICK).stdout)
    assert (answer(found)["cluster"], answer(found)["engine"], answer(found)["engineers"]) == ("cellar", "sglang", 3)


def test_a_cluster_without_gpus_is_a_mistake(run: Run, tmp_path: Path) -> None:
    """Named with the settings that are missing."""
    written(tmp_path, TEAM)
    done = run("simulate", LOGS, "--cluster", "empty", *QUICK)
    assert done.returncode == 2
    assert b"give clusters.empty.gpu and gpus" in done.stderr


def test_catalogue_files_of_the_settings_are_laid_over_the_catalogue(run: Run, tmp_path: Path) -> None:
    """Found beside the settings; an option adds to them; a file that is not there is named."""
    (tmp_path / "own.toml").write_text(OWN_HOSTED, encoding="utf-8")
    assert run("catalogue", "show", "our-gateway").returncode == 2
    written(tmp_path, 'catalogue = ["own.toml"]\n')
    done = run("catalogue", "show", "our-gateway", "--json")
    assert done.returncode == 0, done.stderr
    assert b"input_usd_per_mtok" in done.stdout
    written(tmp_path, 'catalogue = ["gone.toml"]\n')
    done = run("catalogue", "list")
    assert done.returncode == 2
    assert b"gone.toml" in done.stderr


PEOPLE = """
[team]
name = "platform"
[working_hours]
days = ["Mon", "Tue", "Wed", "Thu"]
start = "08:00"
end = "16:30"
[subscriptions.max]
provider = "anthropic"
usd_per_month = 200
[subscriptions.spare]
provider = "nobody"
[engineers.ada]
subscription = "max"
[engineers.bob]
[engineers.cem]
subscription = "max"
"""


def test_compare_names_the_team_its_hours_and_who_is_paid(run: Run, tmp_path: Path) -> None:
    """Two of three work with the subscription: 400 USD; 4 days of 8.5 hours are 34 hours a week."""
    written(tmp_path, PEOPLE)
    done = run("compare", LOGS, COLUMNS="100")
    shown = " ".join(done.stdout.decode().split())
    assert shown.startswith("latprof compare, platform: ")
    assert "of 34 working hours" in shown
    assert "It costs 400 USD a month (subscriptions of anthropic)." in shown
    found = json.loads(run("compare", LOGS, "--json").stdout)
    assert found["today"]["usd_per_month"] == 400
    team = found["team"]
    assert (team["name"], team["days_per_week"], team["hours_per_day"]) == ("platform", 4, 8.5)


def test_days_are_those_of_the_working_hours_zone(run: Run, tmp_path: Path) -> None:
    """Two calls around midnight in Tokyo, 15:00 UTC, are of two days there and of one in UTC."""
    log = Log()
    for number, at in enumerate((4.9 * 3600, 5.1 * 3600)):  # T0 is 10:00 UTC
        log.prompt(at)
        log.answer(at + 3, f"m{number}", text(), stop="end_turn")
    (tmp_path / "a.jsonl").write_bytes(log.data())
    assert json.loads(run("compare", "a.jsonl", "--json").stdout)["active_days"] == 1
    written(tmp_path, '[working_hours]\ntz = "Asia/Tokyo"\n')
    assert json.loads(run("compare", "a.jsonl", "--json").stdout)["active_days"] == 2
