"""`--quiet` and `--verbose`: on every command, before or after its name, on standard error alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from claude_code_lines import Log, text
from cli_run import Run
from latprof.cli import app

LOGS = str(Path(__file__).resolve().parents[2] / "fixtures" / "claude-code" / "recorded-2.1.329-plain")
GROUP: Any = typer.main.get_command(app)


def commands() -> Iterator[Any]:
    for command in GROUP.commands.values():
        yield from (command, *getattr(command, "commands", {}).values())


def test_every_command_has_both() -> None:
    """With the same letters and the same words; nothing else has these letters."""
    helps = set()
    for command in commands():
        letters = [option for item in command.params for option in item.opts if option in {"-q", "-v"}]
        assert sorted(letters) == ["-q", "-v"], command.name
        helps.add(tuple(item.help for item in command.params if {"-q", "-v"} & set(item.opts)))
    assert len(helps) == 1


@pytest.mark.parametrize("arguments", [("-v", "analyze", LOGS), ("analyze", LOGS, "--verbose")])
def test_verbose_says_what_was_read(run: Run, arguments: tuple[str, ...]) -> None:
    """Files per format, size, calls, stages; the result is the same."""
    done = run(*arguments)
    told = done.stderr.decode()
    assert done.stdout == run("analyze", LOGS).stdout
    for words in ("settings: none given", "reading", "read 1 logs", "claude-code: 1 logs", "calls kept", "drawing as"):
        assert words in told
    assert all(line.startswith("latprof: ") for line in told.splitlines())
    assert told.splitlines()[-1].endswith("done")


def test_verbose_says_which_settings_apply(run: Run, tmp_path: Path) -> None:
    """With the file that gives them, and the variable."""
    (tmp_path / "latprof.toml").write_text('by = ["model"]\n', encoding="utf-8")
    told = run("analyze", LOGS, "-v", LATPROF_TZ="Europe/Berlin").stderr.decode()
    assert "latprof.toml: by" in told
    assert "environment LATPROF_TZ: tz" in told


def test_verbose_shows_no_content(run: Run, tmp_path: Path) -> None:
    """Neither words nor names of what was worked on."""
    log = Log()
    log.prompt(0.0, "SECRETWORD")
    log.answer(2.0, "m1", text(), stop="end_turn")
    (tmp_path / "a.jsonl").write_bytes(log.data() + b'{"SECRETWORD": \n')
    told = run("analyze", "a.jsonl", "-v").stderr.decode()
    assert "problem bad_line: 1" in told
    assert "SECRETWORD" not in told
    assert "project" not in told


def test_quiet_says_nothing_but_errors(run: Run, tmp_path: Path) -> None:
    """A note on what was written is no error; a mistake is."""
    noted = run("export", LOGS, "-o", "a.csv")
    assert b"calls written to a.csv" in noted.stderr
    quiet = run("--quiet", "export", LOGS, "-o", "b.csv")
    assert (quiet.returncode, quiet.stderr) == (0, b"")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    wrong = run("export", "nowhere", "-q")
    assert (wrong.returncode, wrong.stderr) == (2, b"latprof: No such file or folder: nowhere.\n")


def test_both_at_once_is_a_mistake(run: Run) -> None:
    """In one place or in two."""
    for arguments in (("formats", "-q", "-v"), ("-q", "formats", "-v")):
        done = run(*arguments)
        assert (done.returncode, done.stderr) == (2, b"latprof: Give --quiet or --verbose, not both.\n")
