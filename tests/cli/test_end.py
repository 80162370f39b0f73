"""The end of the program: nothing is lost by ending at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FIXTURE = str(Path(__file__).resolve().parents[2] / "fixtures" / "claude-code" / "recorded-2.1.329-plain")
PROGRAM = "import runpy; runpy.run_module('latprof', run_name='__main__', alter_sys=True)"


def ended(
    *arguments: str, before: str | None = None, cwd: Path | None = None, **more: object
) -> subprocess.CompletedProcess[str]:
    """The program as a process, after some code of somebody else."""
    start = ("-m", "latprof") if before is None else ("-c", f"{before}\n{PROGRAM}")
    options: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.run([sys.executable, *start, *arguments], text=True, check=False, cwd=cwd, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--version",), 0),
        (("analyze", FIXTURE), 0),
        (("nope",), 2),
        (("analyze", "--percentiles", "x", FIXTURE), 2),
        (("analyze", "there-is-no-such-folder"), 2),
        (("analyze", "."), 3),
        (("check", "--strict", "--budget", "p50 wall_s < 0.000001", FIXTURE), 1),
    ],
)
def test_the_exit_code_is_that_of_the_command(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    """As the help says."""
    assert ended(*arguments, cwd=tmp_path).returncode == code


def test_what_is_to_be_called_at_the_end_is_called() -> None:
    """And what it prints comes last."""
    done = ended("--version", before="import atexit; atexit.register(print, 'the end')")
    first, last = done.stdout.splitlines()
    assert first.startswith("latprof ")
    assert last == "the end"


def test_temporary_folders_vanish(tmp_path: Path) -> None:
    """They are removed by what is called at the end."""
    before = f"import tempfile; kept = tempfile.TemporaryDirectory(dir={str(tmp_path)!r}); open(kept.name + '/a', 'w')"
    assert ended("--version", before=before).returncode == 0
    assert not list(tmp_path.iterdir())


# What stands for Ctrl-C: the moment is the test's.
STOP = "import atexit, sys, latprof.cli as cli\ndef stop(*_): raise KeyboardInterrupt\n"
WHILE_LOADING = (
    "import sys\n"
    "class Stop:\n"
    "    def find_spec(self, name, *_):\n"
    "        if name == 'latprof.cli': raise KeyboardInterrupt\n"
    "sys.meta_path.insert(0, Stop())"
)
WHILE_TOLD = f"{STOP}cli._run = cli._fail = stop"
AFTER_IT_WAS_TOLD = f"{STOP}cli._run = atexit._run_exitfuncs = stop\ncli.typer.echo = lambda *_, **__: None"


@pytest.mark.parametrize("before", [WHILE_LOADING, WHILE_TOLD, AFTER_IT_WAS_TOLD])
def test_ctrl_c_is_told_once_whenever_it_comes(before: str, tmp_path: Path) -> None:
    """And shows no trace-back, and what is to be called at the end is called."""
    kept = f"import tempfile; kept = tempfile.TemporaryDirectory(dir={str(tmp_path)!r})\n"
    done = ended("budget", FIXTURE, before=kept + before)
    assert done.stderr == "latprof: stopped.\n"
    assert done.returncode == 130
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
def test_ctrl_c_while_the_interpreter_ends() -> None:
    """Ends it at once, as if nobody listened to the signal."""
    before = (
        f"{STOP}cli._run = stop\n"
        "import os, signal, threading\n"
        "def last():\n"
        "    while signal.getsignal(signal.SIGINT) is not signal.SIG_DFL: pass\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    threading.Event().wait()\n"
        "threading.Thread(target=last).start()"
    )
    done = ended("--version", before=before, timeout=60)
    assert done.stderr == "latprof: stopped.\n"
    assert done.returncode == -signal.SIGINT


def test_another_thread_may_finish() -> None:
    """It is waited for, as ever."""
    before = (
        "import threading\n"
        "def last():\n    threading.main_thread().join()\n    print('the thread')\n"
        "threading.Thread(target=last).start()"
    )
    assert ended("--version", before=before).stdout.splitlines()[1:] == ["the thread"]


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("import sys; sys.settrace(lambda *_: None)", "after"),
        ("import sys; sys.setprofile(lambda *_: None)", "after"),
        ("", ""),
    ],
)
def test_who_looks_on_sees_the_end(before: str, words: str) -> None:
    """A profiler and a debugger get the exit of the program; else nothing is run after it."""
    code = f"{before}\ntry:\n    {PROGRAM}\nexcept SystemExit:\n    print('after')"
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.stdout.splitlines()[1:] == [words] * bool(words)


def test_a_profiler_tells_what_it_saw() -> None:
    """Its table is printed after the end of the program."""
    done = subprocess.run(
        [sys.executable, "-m", "cProfile", "-m", "latprof", "--version"], capture_output=True, text=True, check=False
    )
    assert "function calls" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_what_cannot_be_written_at_the_end_is_told(tmp_path: Path) -> None:
    """By the interpreter, with its own exit code."""
    with Path("/dev/full").open("wb") as full:
        before, kept = "import sys; sys.stdout.write('x')", {**os.environ, "PYTHONUNBUFFERED": ""}
        done = ended("analyze", FIXTURE, "-o", "a.json", before=before, stdout=full, cwd=tmp_path, env=kept)
    assert done.returncode == 120
    assert "No space left on device" in done.stderr
    assert (tmp_path / "a.json").stat().st_size > 1000


def test_an_output_that_was_closed_is_no_hindrance(tmp_path: Path) -> None:
    """Then there is nothing to be written."""
    before = "import os, sys; sys.stdout.close(); sys.stdout = None"
    assert ended("analyze", FIXTURE, "-o", str(tmp_path / "a.json"), before=before, cwd=tmp_path).returncode == 0
    assert (tmp_path / "a.json").stat().st_size > 1000


def test_no_file_of_a_database_stays_open(tmp_path: Path) -> None:
    """A database that was let go of has no file beside it."""
    environment = os.environ | {"LATPROF_CACHE_DIR": str(tmp_path / "c"), "LATPROF_DATA_DIR": str(tmp_path / "d")}
    for _ in range(2):
        assert ended("analyze", FIXTURE, cwd=tmp_path, env=environment).returncode == 0
    names = [path.name for folder in ("c", "d") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert names
    assert not [name for name in names if name.endswith(("-wal", "-shm", "-journal"))]
