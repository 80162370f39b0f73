"""The command line: help, exit codes, outputs, options."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pyarrow.parquet as pq
import pytest

from claude_code_lines import Log, text
from cli_run import Run
from latprof.schema import AnalyzeResult, ApiCall, analyze_schema
from latprof.stats import BY_KEYS
from latprof.trace import EXPORT_COLUMNS

FIXTURES = str(Path(__file__).resolve().parents[2] / "fixtures" / "claude-code")
ONE = str(Path(FIXTURES) / "recorded-2.1.329-plain" / "input")
HEAVY = {"numpy", "pandas", "pydantic", "rich", "jinja2", "pyarrow", "orjson"}


def one_line(error: bytes) -> str:
    """The only line on standard error, and no trace-back."""
    (line,) = error.decode().strip().splitlines()
    assert line.startswith("latprof: ")
    return line


@pytest.mark.parametrize("command", [(), ("analyze",), ("export",), ("schema",)])
def test_help_is_shown_for_every_command(run: Run, command: tuple[str, ...]) -> None:
    """Help exits with 0 and says how to use the command."""
    done = run(*command, "--help")
    assert done.returncode == 0
    assert b"Usage:" in done.stdout


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_nothing_heavy(option: str) -> None:
    """Start-up is felt every time: neither numpy nor pandas, pydantic, rich or orjson."""
    code = (
        "import sys, atexit\n"
        f"sys.argv = ['latprof', {option!r}]\n"
        "atexit.register(lambda: print('\\nLOADED', *sorted({m.partition('.')[0] for m in sys.modules})))\n"
        "from latprof.cli import main\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.partition("LOADED ")[2].split()
    assert "typer" in loaded
    assert HEAVY.isdisjoint(loaded)


def test_analyze_does_not_load_pandas() -> None:
    """Tables need no frames; pandas costs more than reading."""
    code = (
        f"import sys; sys.argv = ['latprof', 'analyze', {ONE!r}]\n"
        "from latprof.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.partition("LOADED")[2].split()
    assert "numpy" in loaded
    # typer itself takes pydantic, where it is installed, to read options
    assert {"pandas", "pyarrow"}.isdisjoint(loaded)


def test_a_missing_path_is_a_usage_error(run: Run) -> None:
    """Exit code 2 and one sentence."""
    done = run("analyze", "nowhere")
    assert (done.returncode, done.stdout) == (2, b"")
    assert "nowhere" in one_line(done.stderr)


def test_no_logs_on_this_computer_is_nothing_readable(run: Run) -> None:
    """Exit code 3, and the sentence says where it looked and what to do."""
    done = run("analyze")
    assert done.returncode == 3
    assert "Claude Code" in one_line(done.stderr)


def test_without_a_command_the_help_is_shown(run: Run) -> None:
    """Exit code 0 and the list of commands."""
    done = run()
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"analyze" in done.stdout


def test_few_calls_are_named_not_hidden(run: Run) -> None:
    """One call has no percentile; the output says so instead of showing an empty table."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", text())
    shown = run("analyze", "-", stdin=log.data()).stdout.decode()
    assert "1 call, 1 session, 1 file" in shown
    assert "Too few calls for any percentile (p50 needs 6): user (1)." in shown
    one_each = [line for line in shown.splitlines() if "Too few calls" in line]
    assert len(one_each) == len(set(one_each)) == 2
    assert "How to read the tables" not in shown
    assert "bounds stand instead" not in shown


def test_what_a_percentile_needs_is_that_of_the_easiest_asked_for(run: Run) -> None:
    """p99 takes 300 calls, p90 takes 30."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", text())
    shown = run("analyze", "-", "--percentiles", "99,90", stdin=log.data()).stdout.decode()
    assert "Too few calls for any percentile (p90 needs 30): user (1)." in shown


@pytest.mark.parametrize(
    ("arguments", "end"),
    [
        (("--nope",), "; see latprof --help."),
        (("nope",), "; see latprof --help."),
        (("analize",), "? See latprof --help."),
        (("analyze", "--nope"), "; see latprof analyze --help."),
        (("analyze", "--by"), "; see latprof --help."),
        (("hardware", "nope"), "; see latprof hardware --help."),
        (("simulate", "x"), "; see latprof simulate --help."),
    ],
)
def test_wrong_words_are_one_sentence_too(run: Run, arguments: tuple[str, ...], end: str) -> None:
    """Mistakes that the option parser finds end the same way, with the help of the command that was meant."""
    done = run(*arguments)
    assert done.returncode == 2
    assert one_line(done.stderr).endswith(end)


def test_the_help_names_every_key_of_a_grouping(run: Run) -> None:
    """What --by takes is what its help says."""
    shown = " ".join(run("analyze", "--help").stdout.decode().split())
    listed = shown.partition("Group by ")[2].partition("; several")[0]
    assert set(re.sub(r" \(.*?\)", "", listed).split(", ")) == set(BY_KEYS)


def test_a_folder_without_logs_is_nothing_readable(run: Run, tmp_path: Path) -> None:
    """Exit code 3 where no file of a known format is found."""
    (tmp_path / "empty").mkdir()
    for command in ("analyze", "export"):
        done = run(command, "empty")
        assert (done.returncode, done.stdout) == (3, b"")
        assert "No log of a known format" in one_line(done.stderr)


def test_default_roots_follow_the_agents_variable(run: Run, tmp_path: Path) -> None:
    """CLAUDE_CONFIG_DIR moves the folder that is read without paths."""
    target = tmp_path / "conf" / "projects" / "p" / "s.jsonl"
    target.parent.mkdir(parents=True)
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", text())
    target.write_bytes(log.data())
    done = run("analyze", "--json", CLAUDE_CONFIG_DIR=str(tmp_path / "conf"))
    assert json.loads(done.stdout)["calls"] == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--by", "colour"), "colour"),
        (("--percentiles", "0,50"), "--percentiles"),
        (("--percentiles", "p50"), "--percentiles"),
        (("--since", "yesterday"), "yesterday"),
        (("--last", "soon"), "--last"),
        (("--last", "1d", "--since", "2026-01-01"), "--since"),
        (("--tz", "Mars/Olympus"), "Mars/Olympus"),
        (("--trigger", "boredom"), "boredom"),
        (("--format", "xml"), "xml"),
        (("--json", "--format", "csv"), "--json"),
    ],
)
def test_wrong_options_are_named_in_one_sentence(run: Run, arguments: tuple[str, ...], word: str) -> None:
    """Exit code 2; the sentence names what is wrong."""
    done = run("analyze", ONE, *arguments)
    assert done.returncode == 2
    assert word in one_line(done.stderr)


def test_json_obeys_its_schema(run: Run) -> None:
    """The printed JSON validates; rows for all calls, per trigger, per model and for both."""
    result = json.loads(run("analyze", FIXTURES, "--json").stdout)
    jsonschema.validate(result, analyze_schema())
    AnalyzeResult.model_validate(result)
    assert (result["files"], result["calls"], result["sessions"]) == (18, 241, 16)
    assert {tuple(row["group"]) for row in result["metrics"]} == {(), ("trigger",), ("model",), ("model", "trigger")}


def test_every_figure_says_how_good_it_is(run: Run) -> None:
    """n, kind, coverage; a refused percentile is null with its reason, never 0."""
    for row in json.loads(run("analyze", FIXTURES, "--json").stdout)["metrics"]:
        assert row["n"] > 0
        assert 0 < row["coverage"] <= 1
        assert row["kind"] in {"exact", "bound", "as_logged"}
        assert (row["side"] is not None) == (row["kind"] == "bound")
        assert row["kind"] == "as_logged" if row["metric"].startswith("as_logged") else row["kind"] != "as_logged"
        for q, value in row["quantiles"].items():
            assert (value is None) == (q in row["refused"])
        assert ("0.99" in row["refused"]) == (row["n"] < 300)


def test_csv_has_the_same_figures_as_json(run: Run) -> None:
    """One line per row of the JSON, percentiles equal."""
    rows = list(csv.DictReader(io.StringIO(run("analyze", FIXTURES, "--format", "csv").stdout.decode())))
    metrics = json.loads(run("analyze", FIXTURES, "--json").stdout)["metrics"]
    assert len(rows) == len(metrics)
    for row, item in zip(rows, metrics, strict=True):
        assert (row["metric"], row["kind"], int(row["n"])) == (item["metric"], item["kind"], item["n"])
        assert (float(row["p50"]) if row["p50"] else None) == item["quantiles"]["0.5"]


def test_csv_option_writes_the_same_beside_the_table(run: Run, tmp_path: Path) -> None:
    """`--csv FILE` is `--format csv`, and the table still comes."""
    done = run("analyze", FIXTURES, "--csv", "rows.csv")
    assert b"Waiting by trigger" in done.stdout
    assert (tmp_path / "rows.csv").read_bytes() == run("analyze", FIXTURES, "--format", "csv").stdout


@pytest.mark.parametrize(("name", "start"), [("r.json", b"{"), ("r.csv", b"metric,"), ("r.md", b"# latprof")])
def test_the_output_files_name_chooses_the_format(run: Run, tmp_path: Path, name: str, start: bytes) -> None:
    """`-o report.md` needs no `--format`."""
    assert run("analyze", ONE, "-o", name).returncode == 0
    assert (tmp_path / name).read_bytes().startswith(start)


def test_an_output_file_is_replaced_only_by_force(run: Run, tmp_path: Path) -> None:
    """Exit code 2 and the file untouched; with --force it is replaced."""
    (tmp_path / "r.json").write_text("mine")
    done = run("analyze", ONE, "-o", "r.json")
    assert (done.returncode, (tmp_path / "r.json").read_text()) == (2, "mine")
    assert "--force" in one_line(done.stderr)
    assert run("analyze", ONE, "-o", "r.json", "--force").returncode == 0
    assert (tmp_path / "r.json").read_text() != "mine"


def test_standard_input_is_read(run: Run) -> None:
    """`-` reads a transcript from a pipe, packed or not."""
    import gzip

    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", text())
    for data in (log.data(), gzip.compress(log.data())):
        assert json.loads(run("analyze", "-", "--json", stdin=data).stdout)["calls"] == 1


@pytest.mark.parametrize("key", list(BY_KEYS))
def test_every_grouping_works(run: Run, key: str) -> None:
    """The rows of a grouping carry its key."""
    metrics = json.loads(run("analyze", ONE, "--by", key, "--json").stdout)["metrics"]
    assert {tuple(row["group"]) for row in metrics} == {(), (key,)}


def test_filters_choose_calls(run: Run) -> None:
    """Model, trigger, project, session and time each keep what they name."""

    def calls(*arguments: str) -> int:
        return int(json.loads(run("analyze", FIXTURES, "--json", *arguments).stdout)["calls"])

    assert calls("--model", "claude-haiku-4-5*") == 13
    assert calls("--trigger", "subagent,retry") == 4
    assert calls("--agent", "codex") == 0
    assert calls("--since", "2026-11-01") + calls("--until", "2026-10-31") == 241
    assert calls("--last", "1w") <= calls()


def test_the_time_zone_moves_days(run: Run) -> None:
    """22:30 UTC is the next day in Berlin."""
    log = Log()
    log.prompt(12.5 * 3600)
    log.answer(12.5 * 3600 + 3, "msg_a", text())

    def day(zone: str) -> set[str | None]:
        result = run("analyze", "-", "--json", "--by", "day", "--tz", zone, stdin=log.data())
        return {row["group"].get("day") for row in json.loads(result.stdout)["metrics"]} - {None}

    assert day("UTC") == {"2026-03-02"}
    assert day("Asia/Tokyo") == {"2026-03-03"}


def test_pipes_get_no_escape_codes(run: Run) -> None:
    """Colour is for terminals only."""
    assert b"\x1b" not in run("analyze", ONE).stdout
    assert run("analyze", ONE).stderr == b""


@pytest.mark.parametrize("columns", ["40", "60", "80", "200"])
def test_narrow_terminals_keep_names_and_medians(run: Run, columns: str) -> None:
    """Columns go one by one, each named; the metric, its kind and its median stay."""
    shown = run("analyze", FIXTURES, COLUMNS=columns).stdout.decode()
    assert max(map(len, shown.splitlines())) <= int(columns)
    # Below 60 characters names are folded, never cut.
    for word in ("wall_s", "p50", "exact") if columns == "40" else ("tool_result", "wall_s", "p50", "exact"):
        assert word in shown


def test_problems_are_counted_and_listed(run: Run, tmp_path: Path) -> None:
    """One line by default, a table with file and line with --problems."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", text())
    (tmp_path / "s.jsonl").write_bytes(log.data() + b"{not json\n" + log.data()[:30])
    short = run("analyze", "s.jsonl").stdout.decode()
    assert "2 problems" in short
    long = run("analyze", "s.jsonl", "--problems").stdout.decode()
    assert "bad_line" in long
    assert "cut_line" in long
    assert "not json" not in long


def test_a_reader_that_goes_away_is_no_error() -> None:
    """`latprof ... | head -1` ends quietly."""
    command = f"{sys.executable} -m latprof export {FIXTURES} --format jsonl | head -c 10; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["/bin/bash", "-c", command], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_exports_have_the_same_names_and_calls(run: Run, tmp_path: Path) -> None:
    """CSV, JSON Lines, Parquet and the pydantic schema agree in names, rows and values."""
    for suffix in ("csv", "jsonl", "parquet"):
        assert run("export", ONE, "-o", f"calls.{suffix}").returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    table = list(csv.DictReader((tmp_path / "calls.csv").read_text().splitlines()))
    frame = pq.read_table(tmp_path / "calls.parquet")
    assert list(table[0]) == list(EXPORT_COLUMNS)
    assert frame.column_names == [*EXPORT_COLUMNS, "blocks"] == list(ApiCall.model_fields)
    assert [ApiCall.model_validate(line).call_id for line in lines] == [row["call_id"] for row in table]
    parquet = frame.to_pylist()
    for line, row, record in zip(lines, table, parquet, strict=True):
        assert (line["wall_s"], line["flags"]) == (record["wall_s"], record["flags"])
        assert len(line["blocks"]) == len(record["blocks"])
        assert float(row["wall_s"]) == line["wall_s"]
        assert row["sent_at"] == line["sent_at"]
        assert row["sent_at"].endswith("+00:00")


def test_export_writes_to_standard_output(run: Run) -> None:
    """Without -o, and with `-o -`, rows go to standard output and nothing else does."""
    plain = run("export", ONE, "--format", "jsonl")
    assert plain.stdout == run("export", ONE, "--format", "jsonl", "-o", "-").stdout
    assert plain.stderr == b""
    assert len(plain.stdout.splitlines()) == 11


HOSTILE = "=cmd|'/c calc'!A1 [red]x[/red] <script>alert(1)</script> | `a` \x1b[31m\u202e**b**"


def test_hostile_names_are_harmless_everywhere(run: Run, tmp_path: Path) -> None:
    """No formula in a cell, no escape code on a terminal, no markup in Markdown."""
    log = Log(version=HOSTILE)
    for turn in range(8):
        log.prompt(100 * turn)
        log.answer(100 * turn + 3, f"msg_{turn}", text(), model=HOSTILE)
    (tmp_path / "s.jsonl").write_bytes(log.data())
    table = run("analyze", "s.jsonl", "--by", "model").stdout.decode()
    assert "\x1b" not in table
    assert "\u202e" not in table
    assert "[red]x[/red]" in table
    markdown = run("analyze", "s.jsonl", "--by", "model", "--format", "md").stdout.decode()
    assert "<script>" not in markdown
    assert "**b**" not in markdown
    for cells in (run("analyze", "s.jsonl", "--by", "model", "--format", "csv"), run("export", "s.jsonl")):
        for row in csv.reader(io.StringIO(cells.stdout.decode())):
            assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in row)
