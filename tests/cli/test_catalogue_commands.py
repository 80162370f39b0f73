"""`latprof catalogue list|show|validate|sources`, and the schema of a catalogue file."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from cli_run import Run
from latprof.catalogue import load_catalogue

ROOT = Path(__file__).resolve().parents[2]
MINE = (
    '[[source]]\nid = "mine"\ntitle = "Our proxy"\nwhere = "log of March"\nchecked = 2026-11-20\n\n'
    '[[hosted]]\nid = "our-gateway"\nname = "Our gateway"\n'
    'facts = [{ at = "mine:7", kind = "measured", values = { ttft_s = "0.8..0.9" }, scope = "single_stream" }]\n'
)


@pytest.mark.parametrize("command", [("list",), ("show", "h100"), ("validate",), ("sources",)])
@pytest.mark.parametrize("form", ["table", "json", "csv", "md"])
def test_every_command_draws_every_format(run: Run, command: tuple[str, ...], form: str) -> None:
    """Nothing on standard error; JSON parses, CSV has rows of one length."""
    done = run("catalogue", *command, "--format", form)
    assert (done.returncode, done.stderr) == (0, b"")
    if form == "json":
        assert json.loads(done.stdout)["schema_version"] == 1
    if form == "csv":
        assert len({len(row) for row in csv.reader(io.StringIO(done.stdout.decode()))}) == 1


def test_tables_fit_a_narrow_terminal(run: Run) -> None:
    """No line is longer than the screen is wide."""
    for command in (("list",), ("show", "minimax-m2.5-4x-h100", "post-team"), ("validate",), ("sources",)):
        done = run("catalogue", *command, COLUMNS="100")
        assert max(len(line) for line in done.stdout.decode().splitlines()) <= 100


def test_show_says_where_each_figure_comes_from(run: Run) -> None:
    """Both speeds, their places, kinds, whose they are, and that they contradict each other."""
    text = " ".join(run("catalogue", "show", "Sonnet 4.6", COLUMNS="140").stdout.decode().split())
    for words in (
        "176 tok/s *!",
        "post:40",
        "45–55 tok/s *!",
        "overview:69",
        "measured",
        "one stream",
        "Contradiction:",
    ):
        assert words in text


def test_an_aggregate_is_marked(run: Run) -> None:
    """The post's estimates are no engineer's speed."""
    assert "~3,400 eΣ*!" in run("catalogue", "list", "--type", "deployment").stdout.decode()
    assert "Σ of all" in run("catalogue", "show", "qwen3-coder-next-2x-h100-int4").stdout.decode()


def test_json_of_a_fact_is_complete(run: Run) -> None:
    """Ends, bound, kind, scope, conditions, place, day."""
    (entry,) = json.loads(run("catalogue", "show", "mixtral-groq", "--json").stdout)["entries"]
    fact = next(item for item in entry["facts"] if item["quantity"] == "throughput_tps")
    assert fact | {"note": None, "old": True} == {
        "quantity": "throughput_tps", "unit": "tok/s", "low": 3000, "high": 3000, "about": False, "bound": "at_least",
        "text": None, "kind": "claimed", "scope": "aggregate", "conditions": {}, "what": None, "note": None,
        "at": [{"source": "overview", "line": 39}], "as_of": "2026-03-01", "checked": "2026-11-21", "old": True,
        "origin": None,
    }  # fmt: skip


def test_the_csv_has_every_fact(run: Run) -> None:
    """One row each."""
    rows = list(csv.DictReader(io.StringIO(run("catalogue", "list", "--format", "csv").stdout.decode())))
    assert len(rows) == sum(1 for _ in load_catalogue().facts())


def test_list_is_narrowed_by_words_type_source_and_age(run: Run) -> None:
    """All must hold."""

    def ids(*options: str) -> set[str]:
        return {item["id"] for item in json.loads(run("catalogue", "list", "--json", *options).stdout)["entries"]}

    assert ids("rtx", "3090") == {"rtx-3090", "2x-rtx-3090"}
    assert ids("rtx", "3090", "--type", "gpu") == {"rtx-3090"}
    assert ids("--source", "post", "--type", "cluster") == {
        "5x-h100-vast", "3x-h100-lambda", "4x-h200-vast", "8x-a100-vast",
    }  # fmt: skip
    assert "raspberry-pi-5" in ids("--old")
    assert "rx-570" not in ids("--old")
    assert b"No entry matches." in run("catalogue", "list", "abacus").stdout


def test_a_users_file_joins(run: Run, tmp_path: Path) -> None:
    """In the list, with its source, and marked with its file."""
    path = tmp_path / "mine.toml"
    path.write_text(MINE, encoding="utf-8")
    (entry,) = json.loads(run("catalogue", "show", "our gateway", "--catalogue", str(path), "--json").stdout)["entries"]
    assert entry["facts"][0]["origin"] == str(path)
    assert entry["facts"][0]["at"] == [{"source": "mine", "line": 7}]
    assert b"Our proxy" in run("catalogue", "sources", "--catalogue", str(path)).stdout
    assert b"1 file fine" in run("catalogue", "validate", str(path)).stdout


def test_a_file_of_the_settings_that_an_option_names_too_counts_once(run: Run, tmp_path: Path) -> None:
    """Also by another way of writing its place: its facts would stand twice, as if two sources agreed."""
    (tmp_path / "mine.toml").write_text(MINE, encoding="utf-8")
    (tmp_path / "latprof.toml").write_text('catalogue = ["mine.toml"]\n', encoding="utf-8")
    shown = [
        json.loads(run("catalogue", "show", "our gateway", "--json", *more).stdout)["entries"][0]["facts"]
        for more in ((), ("--catalogue", "mine.toml"), ("--catalogue", f"../{tmp_path.name}/mine.toml"))
    ]
    assert shown[0]
    assert len(shown[0]) == len(shown[1]) == len(shown[2])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "h100-sxn"), "near are h100-sxm"),
        (("list", "--type", "card"), "choose from hosted"),
        (("list", "--source", "nobody"), "latprof catalogue sources"),
        (("list", "--catalogue", "nowhere.toml"), "Cannot read"),
        (("validate", "nowhere.toml"), "Cannot read"),
        (("list", "--json", "--format", "csv"), "not both"),
    ],
)
def test_mistakes_are_one_sentence(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2, what to do next."""
    done = run("catalogue", *arguments)
    (line,) = done.stderr.decode().strip().splitlines()
    assert done.returncode == 2
    assert line.startswith("latprof: ")
    assert words in line


def test_the_schema_accepts_a_good_file_and_refuses_a_bad_one(run: Run) -> None:
    """As `latprof schema catalogue` prints it, and as it stands in the docs."""
    schema = json.loads(run("schema", "catalogue").stdout)
    entry = {"id": "x", "facts": [{"at": "mine:7", "kind": "measured", "values": {"memory_gb": "~24"}}]}
    jsonschema.validate({"gpu": [entry]}, schema)
    entry["facts"] = [{"at": "mine:7", "kind": "measured", "values": {"memory": 24}}]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"gpu": [entry]}, schema)
    assert schema == json.loads((ROOT / "docs" / "reference" / "catalogue.schema.json").read_text(encoding="utf-8"))


TABLE_ROW = {
    "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05, "cache_read_input_token_cost": 3e-07,
    "input_cost_per_token_above_200k_tokens": 6e-06, "max_input_tokens": 1000000, "deprecation_date": "2027-01-01",
}  # fmt: skip


def test_prices_are_refreshed_from_a_downloaded_table(tmp_path: Path) -> None:
    """USD per token become USD per million; tiers keep their length; a row that is gone is named."""
    code = (
        "import json, runpy, sys; from datetime import date\n"
        f"tool = runpy.run_path({str(ROOT / 'tools' / 'refresh_prices.py')!r})\n"
        f"row = json.loads({json.dumps(TABLE_ROW)!r})\n"
        "table = {key: row for key, *_ in tool['ROWS'].values()}\n"
        "if len(sys.argv) > 1: table.pop('claude-sonnet-4-6')\n"
        "print(tool['snapshot'](table, date(2026, 12, 24)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    path = tmp_path / "prices.toml"
    path.write_text(done.stdout, encoding="utf-8")
    sonnet = load_catalogue([path]).find("claude-sonnet-4.6")
    assert sonnet.number("cache_read_usd_per_mtok") == 0.3
    assert sonnet.of("input_usd_per_mtok")[0].as_of == date(2026, 12, 24)
    assert sonnet.number("input_usd_per_mtok", input_tokens=">200000") == 6
    gone = subprocess.run([sys.executable, "-c", code, "gone"], capture_output=True, text=True, check=False)
    assert gone.returncode == 1
    assert "claude-sonnet-4-6" in gone.stderr
