"""Every setting changes what some command answers: each is changed alone, and the same command is asked again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from compared import OWN_HOSTED
from latprof.cli import app
from latprof.config.schema import Settings
from latprof.errors import LatprofError
from latprof.model import Call
from latprof.report.export import export_calls
from latprof.trace import Trace

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
ANALYZE = ("analyze", "logs", "--json", "--percentiles", "50")
OWNED = ("analyze", "@mac=logs", "--json", "--by")
COMPARE = ("compare", "logs", "--against", "hosted", "--json")
SIMULATE = (
    "simulate", "logs", "--cluster", "cellar", "--model", "qwen3-coder-30b-a3b", "--draws", "2", "--hours", "0.1",
    "--engineers", "2", "--json",
)  # fmt: skip
CHECK = ("check", "logs", "--json")
LATER = ("check", "after.jsonl", "--json")
PAYS = '[engineers.ana]\nsubscription = "max"\n[subscriptions.max]\nusd_per_month = 100\n'
CELLAR = '[clusters.cellar]\ngpu = "H200"\ngpus = 4\n'
LIMIT = '[[budgets]]\nmetric = "wall_s"\nmax = 0.01\n'
BASE = '[baseline]\nfile = "base.json"\n'
WEB = '[[projects]]\npath = "*"\nname = "web"'
HOURS = '[working_hours]\nstart = "08:00"\nend = "17:00"\n'
# Setting: settings without it, settings with another value, and the command whose answer differs.
CASES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "paths": ('paths = ["logs"]', 'paths = ["other"]', ("analyze", "--json")),
    "tz": ("", 'tz = "Asia/Tokyo"', (*ANALYZE, "--by", "hour")),
    "by": ("", 'by = ["project"]', ANALYZE),
    "percentiles": ("", "percentiles = [25]", ANALYZE[:3]),
    "method": ("", 'method = "as-logged"', ANALYZE),
    "catalogue": ("", 'catalogue = ["own.toml"]', ("catalogue", "list", "--json")),
    "team.name": ("", '[team]\nname = "Blue"', ("budget", "logs")),
    "team.engineers": ("", "[team]\nengineers = 7", COMPARE),
    "team.budget_usd_per_month": ("", "[team]\nbudget_usd_per_month = 7", COMPARE),
    "engineers.hosts": ("[engineers.ana]", '[engineers.ana]\nhosts = ["mac"]', (*OWNED, "engineer")),
    "engineers.paths": ("[engineers.ana]", '[engineers.ana]\npaths = ["logs"]', (*ANALYZE, "--by", "engineer")),
    "engineers.subscription": (
        PAYS.replace('subscription = "max"', "[engineers.ben]"), PAYS + "[engineers.ben]", COMPARE
    ),
    "hosts.engineer": (
        "[engineers.ana]\n[hosts.mac]", '[engineers.ana]\n[hosts.mac]\nengineer = "ana"', (*OWNED, "engineer")
    ),
    "hosts.paths": ("[hosts.mac]", '[hosts.mac]\npaths = ["logs"]', (*ANALYZE, "--by", "host")),
    "subscriptions.provider": (PAYS, PAYS + 'provider = "Anthropic"', ("compare", "logs")),
    "subscriptions.usd_per_month": (PAYS, PAYS.replace("100", "200"), COMPARE),
    "subscriptions.seats": (PAYS, PAYS + "seats = 9", COMPARE),
    "working_hours.days": ("", '[working_hours]\ndays = ["Mon"]', COMPARE),
    "working_hours.start": (HOURS, HOURS.replace("08:00", "10:00"), COMPARE),
    "working_hours.end": (HOURS, HOURS.replace("17:00", "15:00"), COMPARE),
    "working_hours.tz": (HOURS, HOURS + 'tz = "Asia/Tokyo"', ("compare", "before.jsonl", "--json")),
    "clusters.gpu": (CELLAR, CELLAR.replace("H200", "B200"), SIMULATE),
    "clusters.gpus": (CELLAR, CELLAR.replace("4", "2"), SIMULATE),
    "clusters.usd_per_gpu_hour": (CELLAR, CELLAR + "usd_per_gpu_hour = 9", SIMULATE),
    "clusters.engine": (CELLAR, CELLAR + 'engine = "sglang"', SIMULATE),
    "projects.path": (
        WEB.replace("*", "/nowhere"), WEB, (*ANALYZE, "--by", "project"),
    ),
    "projects.name": (
        WEB.replace("web", "app"), WEB, (*ANALYZE, "--by", "project"),
    ),
    "budgets.name": (LIMIT, LIMIT + 'name = "limit"', CHECK),
    "budgets.metric": (LIMIT, LIMIT.replace("wall_s", "tool_s"), CHECK),
    "budgets.percentile": (LIMIT, LIMIT + "percentile = 60", CHECK),
    "budgets.max": (LIMIT, LIMIT.replace("0.01", "100"), CHECK),
    "budgets.min": (LIMIT.replace("max", "min"), LIMIT.replace("max = 0.01", "min = 100"), CHECK),
    "budgets.kind": (LIMIT, LIMIT + 'kind = "exact"', CHECK),
    "budgets.by": (LIMIT, LIMIT + 'by = ["trigger"]', CHECK),
    "budgets.where": (LIMIT, LIMIT + 'where = { trigger = "user" }', CHECK),
    "budgets.min_n": (LIMIT, LIMIT + "min_n = 500", CHECK),
    "budgets.judge": (LIMIT, LIMIT + 'judge = "value"', CHECK),
    "baseline.file": ("", BASE, LATER),
    "baseline.metrics": ("", '[baseline]\nmetrics = ["wall_s"]', ("baseline", "write", "before.jsonl", "-o", "-")),
    "baseline.percentiles": ("", "[baseline]\npercentiles = [60]", ("baseline", "write", "before.jsonl", "-o", "-")),
    "baseline.by": ("", "[baseline]\nby = []", ("baseline", "write", "before.jsonl", "-o", "-")),
    "baseline.ratio": (BASE, BASE + "ratio = 5", LATER),
    "baseline.floor_s": (BASE, BASE + "floor_s = 100", LATER),
    "baseline.floor_tps": (BASE, BASE + "floor_tps = 1000", LATER),
    "baseline.false_alarms": (BASE, BASE + "false_alarms = 1e-9", LATER),
    "baseline.min_n": (BASE, BASE + "min_n = 500", LATER),
    "check.strict": (LIMIT + "min_n = 500", LIMIT + "min_n = 500\n[check]\nstrict = true", CHECK),
    "check.alike": (BASE, BASE + '[check]\nalike = "call"', LATER),
}  # fmt: skip
# How fast an answer comes, never which: each has a test of its own.
ONLY_SPEED = {"jobs", "cache"}
# What is kept of logs that go away later; its own tests let logs go away.
LATER_RUNS = {"history"}


def leaves(of: type[BaseModel], above: str = "") -> Iterator[str]:
    """The names of all settings; entries of tables and lists have no names here."""
    for name, field in of.model_fields.items():
        parts = [field.annotation, *get_args(field.annotation)]
        below = next((part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)), None)
        if below is None:
            yield above + name
        else:
            yield from leaves(below, f"{above}{name}.")


def calls(slower: float) -> Trace:
    """Twelve sessions of thirty calls with exact times, all over midnight of UTC; `slower` multiplies the times."""
    random = np.random.default_rng(3)
    made = []
    for session in range(12):
        at = 1_767_225_420.0 + session * 86_400.0
        for number in range(30):
            first = at + slower * 2.0 * float(np.exp(random.normal(0, 0.3)))
            end = first + slower * 4.0 * float(np.exp(random.normal(0, 0.3)))
            made.append(
                Call(
                    agent="made", session_id=f"s{session}", message_id=f"m{session}-{number}", model="model-a",
                    request_id=f"r{session}-{number}", trigger="tool_result", sent_at=at,
                    sent_source="api_request_line", first_output_at=first, first_output_source="block_start",
                    last_output_at=end,
                    last_output_source="last_block_end", output_tokens=300, input_tokens=9000,
                    output_tokens_source="usage",
                )
            )  # fmt: skip
            at = end + 5
    return Trace.from_calls(made)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with logs, two exports, a baseline of the first and a file of facts."""
    folder = tmp_path_factory.mktemp("desk")
    for name, fixture in (("logs", "recorded-2.1.100"), ("other", "recorded-2.1.329-plain")):
        shutil.copytree(FIXTURES / "claude-code" / fixture, folder / name)
    (folder / "before.jsonl").write_bytes(export_calls(calls(1.0), "jsonl"))
    (folder / "after.jsonl").write_bytes(export_calls(calls(1.5), "jsonl"))
    (folder / "own.toml").write_text(OWN_HOSTED, encoding="utf-8")
    (folder / "home").mkdir()
    return folder


@pytest.fixture
def answer(desk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(desk)
    for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(desk / "home"))
    if not (desk / "base.json").exists():
        assert asked("", ("baseline", "write", "before.jsonl", "-o", "base.json"))[0] == 0
    yield
    (desk / "latprof.toml").unlink(missing_ok=True)


@cache
def asked(settings: str, arguments: tuple[str, ...]) -> tuple[int, str]:
    """Many settings are held against the same answer, which is asked for once; nothing else on the desk changes."""
    Path("latprof.toml").write_text(settings + "\n", encoding="utf-8")
    done = CliRunner().invoke(app, list(arguments))
    if isinstance(done.exception, LatprofError):
        return done.exception.exit_code, done.stdout + str(done.exception)
    assert done.exit_code in {0, 1}, done.exception
    return done.exit_code, done.stdout


def test_every_setting_is_tried() -> None:
    """A setting without a case fails here."""
    assert set(leaves(Settings)) == set(CASES) | ONLY_SPEED | LATER_RUNS


@pytest.mark.usefixtures("answer")
@pytest.mark.parametrize("name", CASES)
def test_a_setting_changes_an_answer(name: str) -> None:
    """What is told, or the exit code."""
    before, after, arguments = CASES[name]
    assert asked(before, arguments) != asked(after, arguments)
