"""The command line at its edges: help of every option, errors, pipes, terminals, places to write."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from claude_code_lines import Log, text, tool
from cli_run import Run
from latprof.cli import app, main
from latprof.report import EXPORT_FORMATS, RENDERERS
from latprof.stats import BY_KEYS

FIXTURES = str(Path(__file__).resolve().parents[2] / "fixtures" / "claude-code")
ONE = str(Path(FIXTURES) / "recorded-2.1.329-plain" / "input")
GROUP: Any = typer.main.get_command(app)
COMMANDS = sorted(GROUP.commands)
DAY = 86_400.0


def log_of(*days: float, model: str = "claude-opus-4-7") -> bytes:
    """One call at noon of each day after Monday, 2 March 2026; the first morning is at ten."""
    log = Log()
    for number, day in enumerate(days):
        at = 7200 + day * DAY
        log.prompt(at)
        log.answer(at + 3, f"msg_{number}", text(), stop="end_turn", model=model)
    return log.data()


def counted(run: Run, data: bytes, *options: str) -> int:
    done = run("analyze", "-", "--json", *options, stdin=data)
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["calls"])


def check_one_sentence(done: subprocess.CompletedProcess[bytes], code: int) -> str:
    """The exit code, one line of error that ends as a sentence, no trace-back and no result."""
    (line,) = done.stderr.decode().splitlines()
    assert (done.returncode, line.startswith("latprof: "), line.endswith(".")) == (code, True, True), line
    assert "Traceback" not in line
    return line


@pytest.mark.parametrize("command", COMMANDS)
def test_help_tells_every_option_with_words(run: Run, command: str) -> None:
    """Each option's names stand in the help, and each has a sentence."""
    shown = run(command, "--help").stdout.decode()
    for option in GROUP.commands[command].params:
        if option.param_type_name == "option":
            assert option.help, option.name
            for name in option.opts:
                assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", shown), name


def test_help_of_the_program_tells_the_commands_and_exit_codes(run: Run) -> None:
    """And `-h` is the same."""
    shown = run("--help")
    assert (shown.returncode, shown.stderr) == (0, b"")
    for word in [*COMMANDS, "--version", "--debug", "Exit codes", "0", "2", "3"]:
        assert word in shown.stdout.decode()
    assert run("-h").stdout == shown.stdout


def test_the_list_of_commands_says_what_each_does_without_a_cut(run: Run) -> None:
    """On a terminal of 80 columns; of groups of commands too."""
    groups = [name for name in COMMANDS if hasattr(GROUP.commands[name], "commands")]
    for name in ("", *groups):
        shown = run(*name.split(), "--help", COLUMNS="80").stdout.decode()
        cut = [line for line in shown.split("Commands:")[1].splitlines() if line.endswith("...")]
        assert cut == []


def test_a_group_of_commands_alone_shows_its_help(run: Run) -> None:
    """As it stands, not as part of a sentence; nothing was done, so the exit code is that of wrong usage."""
    done = run("baseline")
    assert (done.returncode, done.stderr) == (2, b"")
    assert done.stdout == run("baseline", "--help").stdout


def test_two_outputs_do_not_share_standard_output(run: Run) -> None:
    """CSV and JSON in one stream are of use to nobody."""
    for more in (("--json",), ("-o", "-")):
        check_one_sentence(run("analyze", ONE, "--csv", "-", *more), 2)


def test_help_names_every_key_format_and_percentile_that_can_be_given(run: Run) -> None:
    """Words in help texts are written by hand."""
    analyze, export = (re.sub(r"\s+", " ", run(name, "-h").stdout.decode()) for name in ("analyze", "export"))
    assert [key for key in BY_KEYS if key not in analyze] == []
    assert [name for name in RENDERERS if name not in analyze] == []
    assert [name for name in EXPORT_FORMATS if name not in export] == []


def test_the_version_is_that_of_the_package(run: Run) -> None:
    """On standard output, alone."""
    import latprof

    done = run("--version")
    assert (done.returncode, done.stdout.decode().strip()) == (0, f"latprof {latprof.__version__}")


@pytest.mark.parametrize(
    "arguments",
    [("analyse",), ("analyze", "--colour"), ("export", "--json"), ("analyze", "--tz"), ("schema", "a", "b")],
    ids=" ".join,
)
def test_words_that_are_not_known_are_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    """Exit code 2, the word is named, nothing on standard output."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert arguments[-1].encode() in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("analyze", "no/such/path"), 2),
        (("export", "no/*/pattern.jsonl"), 2),
        (("analyze", "~nobody-has-this-name/logs"), 2),
        (("export", ONE, "--format", "xlsx"), 2),
        (("schema", "colour"), 2),
        (("analyze", ONE, "-o", "no/such/folder/r.json"), 2),
        (("analyze", ONE, "-o", "."), 2),
        (("analyze", ONE, "--since", "2026-13-01"), 2),
        (("analyze", ONE, "--percentiles", ""), 2),
        (("analyze", ONE, "--percentiles", "50,,90"), 2),
        (("analyze", ONE, "--percentiles", "nan"), 2),
        (("export", ONE, "--tz", "../../etc/passwd"), 2),
        (("export",), 3),
    ],
    ids=lambda value: " ".join(value).replace("/", "_")[-60:] if isinstance(value, tuple) else None,
)
def test_a_users_mistake_is_one_sentence(run: Run, arguments: tuple[str, ...], code: int) -> None:
    """On standard error, with the documented exit code, and nothing on standard output."""
    done = run(*arguments)
    check_one_sentence(done, code)
    assert done.stdout == b""


@pytest.mark.parametrize("command", ["analyze", "export"])
def test_no_file_of_a_known_format_is_nothing_readable(run: Run, tmp_path: Path, command: str) -> None:
    """The same exit code 3 for every command: a script must not take an empty table for a result."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "other.jsonl").write_text('{"some": "thing"}\n')
    assert run(command, "logs").returncode == 3


def test_debug_shows_where_an_error_came_from(run: Run) -> None:
    """And still ends with the error's exit code."""
    done = run("--debug", "analyze", "nowhere")
    assert b"Traceback" in done.stderr
    assert b"UsageError" in done.stderr


def test_ctrl_c_is_told_in_a_word(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """While logs are read, and before any command has begun."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for place in ("latprof.ingest.read.find_or_recall", "latprof.cli.app"):
        monkeypatch.setattr(place, interrupted)
        monkeypatch.setattr(sys, "argv", ["latprof", "budget", str(FIXTURES)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 130
        assert capsys.readouterr().err.splitlines()[-1] == "latprof: stopped."


def test_a_full_disk_is_one_sentence(run: Run) -> None:
    """Also when it is standard output that cannot be written."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    for command in ("analyze", "export"):
        with full.open("wb") as device:
            done = subprocess.run(
                [sys.executable, "-m", "latprof", command, ONE], stdout=device, stderr=subprocess.PIPE, check=False
            )
        assert b"Traceback" not in done.stderr
        assert done.returncode != 0
    check_one_sentence(run("analyze", ONE, "-o", "/dev/full", "--force"), 2)


@pytest.mark.parametrize(
    "arguments",
    [("export", ONE), ("analyze", ONE), ("schema",), ("--help",), ("--version",), ("cost", "--help")],
    ids=lambda a: a[0],
)
def test_a_reader_that_is_gone_before_the_first_byte_is_no_error(arguments: tuple[str, ...]) -> None:
    """`latprof ... | true`: exit code 0 and silence. Code 1 would say that a check failed."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "latprof", *arguments]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_closed_standard_output_is_no_trace_back() -> None:
    """As some schedulers start programs."""
    command = f"exec {sys.executable} -m latprof analyze {ONE} >&-"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)
    assert b"Traceback" not in done.stderr


def test_results_go_to_standard_output_and_all_else_to_standard_error(run: Run, tmp_path: Path) -> None:
    """With `-o` standard output stays empty."""
    done = run("export", ONE, "-o", "calls.csv")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"calls.csv" in done.stderr
    assert len((tmp_path / "calls.csv").read_text().splitlines()) == 12


@pytest.mark.parametrize(
    ("command", "name", "start"),
    [
        ("analyze", "r.txt", b"latprof: "),
        ("analyze", "report", b"latprof: "),
        ("export", "c.jsonl", b'{"'),
        ("export", "c.parquet", b"PAR1"),
        ("export", "c", b"agent,"),
    ],
)
def test_the_suffix_chooses_the_format(run: Run, tmp_path: Path, command: str, name: str, start: bytes) -> None:
    """Without a known suffix the default."""
    assert run(command, ONE, "-o", name).returncode == 0
    assert (tmp_path / name).read_bytes().startswith(start)


def test_format_wins_over_the_suffix(run: Run, tmp_path: Path) -> None:
    """What is said outright counts."""
    assert run("export", ONE, "-o", "c.parquet", "--format", "jsonl").returncode == 0
    assert (tmp_path / "c.parquet").read_bytes().startswith(b"{")


def test_nothing_is_written_when_one_output_is_there_already(run: Run, tmp_path: Path) -> None:
    """A refused run leaves no half of its results."""
    (tmp_path / "r.md").write_text("mine")
    assert run("analyze", ONE, "--csv", "new.csv", "-o", "r.md").returncode == 2
    assert (tmp_path / "r.md").read_text() == "mine"
    assert not (tmp_path / "new.csv").exists()


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_two_outputs_into_one_file_are_refused(run: Run, tmp_path: Path, force: tuple[str, ...]) -> None:
    """One would silently replace the other."""
    assert run("analyze", ONE, "--csv", "r.csv", "-o", "r.csv", *force).returncode == 2
    assert not (tmp_path / "r.csv").exists()


def test_force_never_writes_over_a_log_that_was_read(run: Run, tmp_path: Path) -> None:
    """Logs are the user's only copy."""
    log = tmp_path / "s.jsonl"
    log.write_bytes(log_of(0))
    done = run("export", "s.jsonl", "-o", "s.jsonl", "--force")
    assert log.read_bytes() == log_of(0)
    assert done.returncode == 2


@pytest.mark.parametrize("link", ["same", "hard", "symbolic"])
def test_force_never_writes_over_a_log_in_a_folder_that_was_read(run: Run, tmp_path: Path, link: str) -> None:
    """Nor over one in the agent's own place, by whatever link; an own export among logs may be replaced."""
    home = tmp_path / "home"
    for folder in (tmp_path / "logs", home / ".claude" / "projects" / "p"):
        folder.mkdir(parents=True)
        log = folder / "s.jsonl"
        log.write_bytes(log_of(0))
        target = log
        if link != "same":
            target = tmp_path / f"{folder.name}.jsonl"
            target.hardlink_to(log) if link == "hard" else target.symlink_to(log)
        inputs = () if home in folder.parents else ("logs",)
        for command in (("export", *inputs), ("analyze", *inputs, "--csv", "x.csv"), ("report", *inputs)):
            done = run(*command, "-o", str(target), "--force", HOME=str(home))
            assert "is one of the logs to read" in check_one_sentence(done, 2)
            assert log.read_bytes() == log_of(0)
    for _ in range(2):
        done = run("export", "logs", "-o", "logs/calls.csv", "--force")
        assert done.returncode == 0, done.stderr


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """A file that may not grow beyond some kilobytes stands for a disk that is full."""
    out = tmp_path / "r.html"
    out.write_bytes(b"precious")
    for target in (out, tmp_path / "new.html"):
        command = f"ulimit -f 8; exec {sys.executable} -m latprof report {ONE} --no-cache -o {target} --force"
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)
        check_one_sentence(done, 2)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"r.html": b"precious"}


def test_a_written_file_keeps_its_rights_and_links(run: Run, tmp_path: Path) -> None:
    """Who replaces a file through a link replaces what it leads to."""
    place = tmp_path / "place.csv"
    place.write_bytes(b"old")
    place.chmod(0o640)
    (tmp_path / "link.csv").symlink_to(place)
    assert run("export", ONE, "-o", "link.csv", "--force").returncode == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert place.read_bytes().startswith(b"agent,")
    assert place.stat().st_mode & 0o777 == 0o640


def test_a_pipe_in_a_folder_of_logs_is_left_out(run: Run, tmp_path: Path) -> None:
    """To open it would be to wait for ever."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "s.jsonl").write_bytes(log_of(0))
    os.mkfifo(tmp_path / "logs" / "p.jsonl")
    done = run("analyze", "logs", "--json")
    found = json.loads(done.stdout)
    assert (found["calls"], found["problems"]) == (1, {"unreadable": 1})
    assert run("sources", "logs").returncode == run("doctor", "logs").returncode == 0


def test_names_in_messages_do_not_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    """C1 controls and marks of direction pass where colour is stripped."""
    for name in ("no\x9b31mpe", "no\u202epe", "no\npe"):
        message = check_one_sentence(run("analyze", name), 2)
        assert message.isprintable()
        assert "\ufffd" in message


def test_a_current_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    """Not standard output, which has nothing to do with it."""
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m latprof analyze {ONE}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)
    assert "current folder" in check_one_sentence(done, 2)


@pytest.mark.parametrize("arguments", [("config",), ("sources", ONE), ("watch", "--once", ONE)], ids=lambda a: a[0])
def test_a_short_result_on_a_full_output_is_one_sentence(arguments: tuple[str, ...]) -> None:
    """What waits in the interpreter's buffer must not fail again as it ends, with a code of its own."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "latprof", *arguments]
    with full.open("wb") as device:
        done = subprocess.run(command, stdout=device, stderr=subprocess.PIPE, check=False, env=environment)
    check_one_sentence(done, 2)


def test_standard_input_in_a_pipe_and_beside_files(run: Run, tmp_path: Path) -> None:
    """`-` is one of the paths; the same log from both is one log."""
    (tmp_path / "s.jsonl").write_bytes(log_of(0, 1))
    done = run("analyze", "-", "s.jsonl", "--json", stdin=log_of(0, 1))
    assert json.loads(done.stdout)["calls"] == 2
    assert json.loads(done.stdout)["files"] == 2


def test_nothing_on_standard_input_is_nothing_readable(run: Run) -> None:
    """Not a crash and not an empty success."""
    for command in ("analyze", "export"):
        done = run(command, "-")
        assert (done.returncode, b"Traceback" in done.stderr) == (3, False)


def test_a_named_pipe_is_read_or_refused_in_one_sentence(tmp_path: Path) -> None:
    """`latprof analyze <(zcat old.gz)` and /dev/stdin: what cannot be read is not for want of permissions."""
    command = f"{sys.executable} -m latprof analyze /dev/stdin --json"
    done = subprocess.run(["/bin/sh", "-c", f"cat | {command}"], input=log_of(0), capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    if done.returncode == 0:
        assert json.loads(done.stdout)["calls"] == 1
    else:
        assert b"permissions" not in done.stderr


@pytest.mark.parametrize(
    ("options", "calls"),
    [
        (("--since", "2026-03-03"), 2),
        (("--until", "2026-03-03"), 2),
        (("--since", "2026-03-03", "--until", "2026-03-03"), 1),
        (("--since", "2026-03-02T12:00:01Z"), 2),
        (("--since", "2026-03-02T13:00:00+01:00"), 3),
        (("--until", "2026-03-02T12:00"), 0),
        (("--until", "20260303"), 2),
        (("--since", "2026-03-02T12:00:00", "--tz", "Asia/Tokyo"), 3),
        (("--until", "2026-03-02T12:00:00", "--tz", "America/New_York"), 1),
        (("--model", "claude-opus*,other"), 3),
        (("--model", "other"), 0),
        (("--model", "other", "--model", "CLAUDE-OPUS-4-7"), 3),
        (("--project", "project"), 3),
        (("--project", "/home/dev"), 0),
        (("--session", "session-?"), 3),
        (("--trigger", "user", "--agent", "claude-code"), 3),
        (("--trigger", "*_result"), 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_filters_keep_what_they_say(run: Run, options: tuple[str, ...], calls: int) -> None:
    """Three calls at noon UTC of 2, 3 and 4 March; a day given as end is included whole, in any ISO spelling."""
    assert counted(run, log_of(0, 1, 2), *options) == calls


def test_the_last_while_ends_now() -> None:
    """With an injected clock: noon of the third day; two days back is the first noon, which is included."""
    from latprof.cli import selection

    try:
        before, selection.now = selection.now, lambda: 1_772_625_600.0  # 2026-03-04T12:00Z
        defaults = inspect.signature(selection._selection).parameters.values()
        chosen: dict[str, Any] = {option.name: option.default for option in defaults} | {"last": "2d"}
        assert selection._selection(**chosen).filters.since == 1_772_452_800.0
    finally:
        selection.now = before


def test_several_keys_group_together(run: Run) -> None:
    """In the order given, repeats dropped, with commas or as several options."""
    data = log_of(0, 1)
    for options in (("--by", "day,model,day"), ("--by", "day", "--by", "model")):
        result = json.loads(run("analyze", "-", "--json", *options, stdin=data).stdout)
        groups = {tuple(sorted(row["group"].items())) for row in result["metrics"]} - {()}
        assert groups == {
            (("day", "2026-03-02"), ("model", "claude-opus-4-7")),
            (("day", "2026-03-03"), ("model", "claude-opus-4-7")),
        }


def test_percentiles_are_sorted_and_named(run: Run) -> None:
    """In tables, CSV and JSON."""
    done = run("analyze", ONE, "--percentiles", "99.9,50,5", "--format", "csv")
    assert b",p5,p50,p99.9,p5_low,p5_high,p50_low,p50_high,p99.9_low,p99.9_high" in done.stdout.splitlines()[0]
    rows = json.loads(run("analyze", ONE, "--percentiles", "99.9,50,5", "--json").stdout)["metrics"]
    assert all(list(row["quantiles"]) == ["0.05", "0.5", "0.999"] for row in rows)


def test_a_percentile_is_never_rounded_to_the_largest_value(run: Run) -> None:
    """99.9999999999 is not 100: it is refused for want of calls, or as wrong usage."""
    done = run("analyze", ONE, "--percentiles", "99.9999999999", "--json")
    assert done.returncode == 2 or all(
        value is None for row in json.loads(done.stdout)["metrics"] for value in row["quantiles"].values()
    )


LONG = "claude-" + "x" * 50 + "-model"


@pytest.mark.parametrize("columns", ["1", "40", "60", "0", "wide"])
def test_group_names_are_whole_at_any_width(run: Run, columns: str) -> None:
    """Folded over lines where need be, never cut."""
    log = Log()
    for number in range(8):
        log.prompt(number * 10)
        log.answer(number * 10 + 3, f"msg_{number}", tool(f"t{number}"), model=LONG)
    done = run("analyze", "-", "--by", "model", stdin=log.data(), COLUMNS=columns)
    assert (done.returncode, done.stderr) == (0, b"")
    shown = done.stdout.decode()
    assert "…" not in re.sub(r" … ", "", shown)
    # The first word of every line of the table is a piece of the folded name.
    rows = shown.partition("Waiting by model")[2].partition("─\n")[2]
    assert "".join(re.findall(r"^ ?([a-z0-9-]+)", rows, re.MULTILINE)).startswith(LONG)


def _on_terminal(*arguments: str, **environment: str) -> bytes:
    """What a terminal of 100 columns gets on standard output and standard error."""
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "TERM"}}
    done = subprocess.Popen(
        [sys.executable, "-m", "latprof", *arguments], stdout=slave, stderr=slave, stdin=slave,
        env=kept | {"TERM": "xterm", "COLUMNS": "100"} | environment, close_fds=True,
    )  # fmt: skip
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    assert done.wait() == 0
    return shown


COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


def test_a_terminal_gets_colour_and_a_bar() -> None:
    """Bold headings, and progress while reading."""
    shown = _on_terminal("analyze", ONE)
    assert COLOUR.search(shown)
    assert b"reading" in shown
    assert b"wall_s" in shown


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_colour_can_be_turned_off(environment: dict[str, str]) -> None:
    """By the usual variable, and on terminals without it; the table itself stays."""
    shown = _on_terminal("analyze", ONE, **environment)
    assert b"\x1b[1m" not in shown.partition(b"latprof: ")[2]
    assert not re.search(rb"\x1b\[[0-9;]*3[0-7]m", shown)
    assert b"wall_s" in shown


@pytest.mark.parametrize("name", ["json", "csv", "md"])
def test_machine_formats_have_no_colour_on_a_terminal(name: str) -> None:
    """They are copied from there."""
    shown = _on_terminal("analyze", ONE, "--format", name, TERM="dumb")
    assert b"\x1b" not in shown


def test_reports_do_not_depend_on_the_terminals_language(run: Run) -> None:
    """Signs beyond ASCII come as UTF-8 in any locale."""
    plain = run("analyze", ONE)
    other = run("analyze", ONE, LC_ALL="C", LANG="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (other.returncode, other.stdout) == (0, plain.stdout)


def test_two_runs_give_the_same_bytes(run: Run) -> None:
    """Whatever the order of paths and the seed of hashes."""
    for arguments in (("analyze", "--json"), ("export", "--format", "jsonl"), ("export", "--format", "parquet")):
        folders = sorted(str(path) for path in Path(FIXTURES).iterdir())
        first = run(arguments[0], *folders, *arguments[1:], PYTHONHASHSEED="1").stdout
        second = run(arguments[0], *reversed(folders), *arguments[1:], PYTHONHASHSEED="2").stdout
        assert first == second
        assert first


NAMES = {
    "escape": "\x1b]0;title\x07\x1b[2J\x1b[31mred",
    "markup": "[bold red]x[/] [link=http://x]y[/link]",
    "html": "<img src=x onerror=alert(1)>",
    "markdown": "a|b `c` **d** [e](http://f) ![g](h) # i",
    "formula": "=HYPERLINK(1)",
    "lines": "one\r\ntwo\u2028three",
    "order": "\u202egnp.exe",
    "marks": "a\u200b\ufeffb",
    "surrogate": "\ud800",
}


def test_hostile_names_do_no_harm_in_any_format(run: Run, tmp_path: Path) -> None:
    """As model, version, project, session and tool name; in file names too, where problems are listed."""
    log = Log()
    for number, name in enumerate(NAMES.values()):
        log.session = log.version = name
        log.prompt(number * 10, cwd=name)
        log.answer(number * 10 + 3, f"msg_{number}", tool(f"t{number}", name), model=name, cwd=name)
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "s.jsonl").write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in log.lines))
    (folder / "\x1b[31m<b>=1+1|.jsonl").write_bytes(b"{}\n")
    (folder / os.fsdecode(b"\xff\xfe.jsonl")).write_bytes(b"")
    groups = ("--by", "model,project,version,session", "--problems")
    table = run("analyze", "logs", *groups)
    markdown = run("analyze", "logs", *groups, "--format", "md")
    figures = run("analyze", "logs", *groups, "--format", "csv")
    calls = run("export", "logs", "--format", "csv")
    for done in (table, markdown, figures, calls):
        assert (done.returncode, done.stderr) == (0, b"")
        shown = done.stdout.decode()
        assert not set(shown) & set("\x1b\x07\r\u202e\u2028\u200b\ufeff")
    assert "[bold" in table.stdout.decode()
    assert not re.search(r"(?<!\\)(<img|\*\*d|\]\(http|!\[)", markdown.stdout.decode())
    for table_text in re.findall(r"(?:^\|.*\n)+", markdown.stdout.decode(), re.MULTILINE):
        bars = [len(re.findall(r"(?<!\\)\|", row)) for row in table_text.splitlines()]
        assert bars == bars[:1] * len(bars)
    assert json.loads(run("analyze", "logs", *groups, "--json").stdout)["calls"] == len(NAMES)
    lines = run("export", "logs", "--format", "jsonl")
    assert [json.loads(line)["model"] for line in lines.stdout.splitlines()][:3] == list(NAMES.values())[:3]


@pytest.mark.parametrize("keys", ["trigger", "model", "trigger,model", "agent,trigger,model", "version"])
def test_what_is_asked_for_is_shown_whole(run: Run, keys: str) -> None:
    """Unasked, tables leave out what does not differ by them; of a grouping that was asked for there is all."""
    text = run("analyze", FIXTURES, "--by", keys).stdout.decode()
    name = " and ".join(keys.split(","))
    for title in (
        "Waiting by {}, in seconds",
        "Generation speed by {}, in tokens per second",
        "Sizes by {}, in tokens",
    ):
        assert title.format(name) in text
    assert "Sizes by" not in run("analyze", FIXTURES).stdout.decode()
