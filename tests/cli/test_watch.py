"""`latprof watch`: one picture, lines for a pipe, and the loop with a clock of its own."""

from __future__ import annotations

import importlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from claude_code_lines import T0, Log, tool
from cli_run import Run
from latprof.live import Habits, Watcher, files_of
from latprof.trace import Trace

# The package's own attribute of this name is the command.
command = importlib.import_module("latprof.cli.watch")


@pytest.fixture
def running(tmp_path: Path) -> Path:
    """A folder with one session that runs a tool; the file is new, its stamps are old."""
    log = Log()
    log.prompt(0.0)
    log.answer(2.0, "m1", tool("t", "Bash"))
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(log.data())
    return folder


def test_one_picture_as_a_table(run: Run, running: Path) -> None:
    """It fits the screen and names state and tool."""
    done = run("watch", str(running), "--once", COLUMNS="80")
    assert done.returncode == 0
    shown = done.stdout.decode()
    assert "project session-" in shown
    assert "tool Bash" in shown
    assert "waits for permission" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_one_picture_as_json_and_as_lines(run: Run, running: Path) -> None:
    """The same session in both."""
    found = json.loads(run("watch", str(running), "--once", "--json").stdout)
    (session,) = found["sessions"]
    assert (session["state"], session["tools"], session["calls"]) == ("tools", ["Bash"], 1)
    assert session["last_call"]["wall_s"] == 2.0
    assert session["usual"] == {"low_s": None, "high_s": None, "n": 0, "of": "tool Bash"}
    (line,) = run("watch", str(running), "--once", "--plain").stdout.decode().splitlines()
    assert "project session-: seen, tool Bash without a result since" in line


def test_filters_are_those_of_other_commands(run: Run, running: Path) -> None:
    """Tags, models and projects; times and triggers are no question of what runs now."""
    found = json.loads(run("watch", f"ana@mac={running}", "--once", "--json", "--engineer", "ana,bob").stdout)
    assert [(item["engineer"], item["host"]) for item in found["sessions"]] == [("ana", "mac")]
    none = run("watch", str(running), "--once", "--model", "gpt-*").stdout.decode()
    assert "1 active thread does not pass the filters." in none
    assert "No log changed" not in none
    assert run("watch", str(running), "--once", "--project", "project", "--agent", "claude-code").returncode == 0
    assert run("watch", str(running), "--once", "--since", "2026-01-01").returncode == 2


def test_a_session_without_an_id_is_named_by_its_agent(run: Run, tmp_path: Path) -> None:
    """No blank stands where the id would be."""
    source = Path(__file__).parents[2] / "fixtures" / "openrouter" / "synthetic-generations" / "input"
    log = min(source.iterdir())
    (tmp_path / log.name).write_bytes(log.read_bytes())
    (line,) = run("watch", str(tmp_path), "--once", "--plain").stdout.decode().splitlines()
    assert line.split(" ", 1)[1].startswith("openrouter: ")


def test_nothing_runs(run: Run, running: Path) -> None:
    """Quiet logs are no error."""
    os.utime(running / "a.jsonl", (T0, T0))
    done = run("watch", str(running), "--once")
    assert done.returncode == 0
    assert "No log changed in the last 10.0 min. Logs here: 1." in done.stdout.decode()
    assert "last 365" not in done.stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (("nowhere",), "No such file or folder: nowhere.", 2),
        (("-",), "Standard input cannot be watched", 2),
        ((".", "--active", "soon"), "--active soon is no span of time", 2),
        ((".", "--interval", "0"), "--interval", 2),
        ((), "No agent logs found", 3),
    ],
)
def test_mistakes_are_one_sentence(run: Run, arguments: tuple[str, ...], words: str, code: int) -> None:
    """Before anything is read."""
    done = run("watch", *arguments, "--once")
    (line,) = done.stderr.decode().strip().splitlines()
    assert words in line
    assert done.returncode == code


def test_the_loop_shows_what_changed_and_ends_with_ctrl_c(
    running: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three looks with a clock and pauses made here; the third pause is the user's Ctrl-C: no exception leaves."""
    path = running / "a.jsonl"
    real = T0 + 6.0  # the result follows after 9 s
    os.utime(path, (real, real))

    def pauses() -> Iterator[float]:
        yield 2.0
        log = Log()
        log.prompt(0.0)
        log.answer(2.0, "m1", tool("t", "Bash"))
        log.result(9.0, "t")
        path.write_bytes(log.data())
        os.utime(path, (real + 3, real + 3))
        yield 4.0
        raise KeyboardInterrupt

    waited: list[float] = []
    ticks = pauses()

    def pause(seconds: float) -> None:
        waited.append(seconds)
        next(ticks)

    monkeypatch.setattr(time, "sleep", pause)
    monkeypatch.setattr(command, "now", lambda: real + 4)
    monkeypatch.chdir(running)
    _watch(running)
    lines = capsysbinary.readouterr().out.decode().splitlines()
    assert waited == [2.0, 2.0, 2.0]
    assert [json.loads(line)["event"] for line in lines] == ["session", "state"]
    assert json.loads(lines[1])["state"] == "waiting"
    assert json.loads(lines[1])["trigger"] == "tool_result"


def _watch(folder: Path) -> None:
    command.watch(paths=[str(folder)], interval=2.0, active="10m", history="14d", once=False, plain=False, as_json=True,
                  **dict.fromkeys(("model", "project", "agent", "session", "engineer", "host", "tz", "config", "jobs")),
                  no_cache=True)  # fmt: skip


def test_pictures_come_at_the_clocks_instants(running: Path) -> None:
    """One at once, one after each pause."""
    clock = iter([100.0, 107.0])
    watcher = Watcher(lambda: files_of([str(running)]), Habits(Trace.from_calls([])), active_s=1)
    paused: list[float] = []
    shown = command.pictures(watcher, 5.0, clock=lambda: next(clock), pause=paused.append)
    assert [next(shown).at, next(shown).at] == [100.0, 107.0]
    assert paused == [5.0]
