"""Every command with --json has a schema, and what it prints of the fixtures obeys it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
from typer.testing import CliRunner

from latprof.cli import app
from latprof.outputs import OUTPUTS, output_schema

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
LOGS = str(FIXTURES / "claude-code")
TEAM = (f"ana@mac1={FIXTURES / 'claude-code/recorded-2.1.100'}", f"ben={FIXTURES / 'claude-code/real-2.1.4'}")
LOAD_TEST = str(FIXTURES / "vllm-bench")
SESSION = "4e836284"
STEPS = ("--model", "qwen3-coder", "--draws", "3")
CARDS = ("--price", "30000", "--watts", "1400", "--rate", "0.3", "--tps", "2000", "--life", "3")

# The schemas of each command's outputs; analyze's is one of `latprof.schema`, and its test is there.
SCHEMAS: dict[str, tuple[str, ...]] = {
    **{
        name: (name,)
        for name in (
            "budget", "check", "config", "diff", "doctor", "drift", "drivers", "formats", "merge", "predict", "scrub",
            "session", "simulate", "slowest", "sources", "sweep", "analyze",
        )
    },
    **{f"hardware {name}": ("calculation",) for name in ("sizes", "speed", "context", "fit")},
    **{
        f"cost {name}": ("calculation",)
        for name in ("electricity", "own", "rent", "break-even", "depreciation", "fine-tune")
    },
    "cache info": ("cache-info",),
    "history info": ("history-info",),
    "history prune": ("history-prune",),
    "catalogue list": ("catalogue-entries",),
    "catalogue show": ("catalogue-entries",),
    "catalogue sources": ("catalogue-sources",),
    "catalogue validate": ("catalogue-validate",),
    "compare": ("compare", "claims"),
    "explain": ("explain", "explain-call"),
    "watch": ("watch", "watch-event"),
}  # fmt: skip
# Tried in test_outputs_obey_schemas.py, and analyze in test_schema.py.
ELSEWHERE = {"budget", "check", "diff", "doctor", "drift", "watch", "watch-event", "analyze"}
RUNS: dict[str, list[tuple[str, ...]]] = {
    "budget": [("budget", *TEAM)],
    "cache-info": [("cache", "info")],
    "calculation": [
        ("hardware", "sizes", "--params", "8B"),
        ("hardware", "speed", "--params", "8B"),
        ("hardware", "context", "llama-3.1-8b"),
        ("hardware", "fit", "llama-3.1-8b"),
        ("cost", "electricity", "--rate", "0.3"),
        ("cost", "own", *CARDS),
        ("cost", "rent", "--per-hour", "3", "--tps", "1000"),
        ("cost", "break-even", *CARDS, "--api", "3"),
        ("cost", "depreciation", "--price", "5000"),
        (
            "cost", "fine-tune", "--runs", "4", "--training-tokens", "5M", "--training-price", "8", "--price", "5000",
            "--watts", "400", "--rate", "0.3", "--hours", "200", "--params", "7B",
        ),
    ],
    "catalogue-entries": [("catalogue", "list"), ("catalogue", "show", "h200-sxm")],
    "catalogue-sources": [("catalogue", "sources")],
    "catalogue-validate": [("catalogue", "validate")],
    "claims": [("compare", "--measured", str(FIXTURES / "measured/post.toml"))],
    "compare": [
        ("compare", *TEAM),
        ("compare", LOGS, "--what-if", "cascade=claude-haiku-4.5:300", "--what-if", "cache=0.9"),
    ],
    "config": [("config",)],
    "drivers": [("drivers", LOGS), ("drivers", LOAD_TEST), ("drivers", *TEAM)],
    "explain": [("explain", LOGS), ("explain", LOAD_TEST)],
    "explain-call": [("explain", LOGS, "--call", "msg_01af929a91f4873115cd425e")],
    "formats": [("formats",)],
    "history-info": [("history", "info")],
    "history-prune": [("history", "prune", "--before", "2020-01-01")],
    "merge": [("merge", *TEAM, "-o", "team.csv"), ("merge", LOAD_TEST, "-o", "load.csv")],
    "predict": [
        ("predict", "--model", "qwen3-coder", "--gpu", "8xH200", "--isl", "9000", "--osl", "300", "--concurrency", "4")
    ],
    "scrub": [("scrub", str(FIXTURES / "claude-code/real-2.1.4"), "-o", "scrubbed")],
    "session": [("session", SESSION, *TEAM), ("session", SESSION, LOGS)],
    "simulate": [("simulate", LOGS, *STEPS, "--gpu", "8xH200")],
    "slowest": [("slowest", *TEAM), ("slowest", str(FIXTURES / "codex"), "--rank", "ttft_s"), ("slowest", LOAD_TEST)],
    "sources": [("sources", LOGS, LOAD_TEST), ("sources", str(FIXTURES / "cursor"))],
    "sweep": [("sweep", LOGS, *STEPS, "--gpu", "8xH200,1xH100", "--engineers", "2")],
}  # fmt: skip


def leaves(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that runs something, by its whole name, and loaded."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
        return
    for part in below:
        yield from leaves(below[part], f"{name} {part}".strip())


def schemas_with_json() -> dict[str, Any]:
    return {
        name: command
        for name, command in leaves(typer.main.get_command(app))
        if any("--json" in item.opts for item in command.params)
    }


@pytest.fixture
def at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    for name in (
        "HOME",
        "USERPROFILE",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "LOCALAPPDATA",
        "LATPROF_CACHE_DIR",
        "LATPROF_DATA_DIR",
    ):
        monkeypatch.setenv(name, str(home))


def test_every_command_with_json_has_a_schema() -> None:
    """A new command fails here until it has one, and a new schema until it is tried."""
    assert set(schemas_with_json()) == set(SCHEMAS)
    named = {name for names in SCHEMAS.values() for name in names} - {"analyze"}
    assert named == set(OUTPUTS)
    assert named <= set(RUNS) | ELSEWHERE


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize("name", RUNS)
def test_the_output_obeys_the_schema(name: str) -> None:
    """And no other key may stand beside those of the schema."""
    wanted = output_schema(name)
    for arguments in RUNS[name]:
        done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        jsonschema.validate(found, wanted, format_checker=jsonschema.FormatChecker())
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(found | {"unheard_of": 1}, wanted)


def objects(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if part.get("type") == "object":
            yield part
        for value in part.values():
            yield from objects(value)
    elif isinstance(part, list):
        for value in part:
            yield from objects(value)


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_schema_accepts_just_anything(name: str) -> None:
    """Objects have fixed keys, or keys of one kind of value each; every key must be there."""
    whole = output_schema(name)
    assert whole["additionalProperties"] is False
    for item in objects(whole):
        if "properties" in item:
            assert item["additionalProperties"] is False
        else:
            assert item.get("additionalProperties") not in (None, True, {}) or item.get("patternProperties")
    assert "schema_version" in whole["required"]
