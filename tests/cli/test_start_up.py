"""Starting: what is loaded for help, completion and small commands, and that lists of commands tell the truth."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

import latprof.cli
from claude_code_lines import Log, text, thinking
from cli_run import Run
from latprof.cli import app
from latprof.config.files import FOLDER_VARIABLES
from latprof.estimate import backend

GROUP: Any = typer.main.get_command(app)
FOLDER = Path(latprof.cli.__file__).parent
HEAVY = {"numpy", "pandas", "pydantic", "rich", "jinja2", "pyarrow", "orjson", "scipy"}
# Commands share parts with each other, these with none that is tried here.
UNRELATED = {"report", "simulate", "session", "drift", "formats"}
PROGRAM = (
    "import json, sys, atexit\n"
    "atexit.register(lambda: print('\\nLOADED', json.dumps([name for name in sys.modules if sys.modules[name]])))\n"
    "from latprof.cli import main\nmain()\n"
)


def loaded(*arguments: str, cwd: Path | None = None, **environment: str) -> tuple[str, set[str]]:
    """What the program prints, and the modules that it has loaded in the end."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**_plain_environment(), **environment},
    )
    printed, _, names = done.stdout.rpartition("\nLOADED ")
    return printed, set(json.loads(names))


def _plain_environment() -> dict[str, str]:
    """Without variables that may be settings, for these are checked by pydantic."""
    return {
        name: value for name, value in os.environ.items() if name in FOLDER_VARIABLES or not name.startswith("LATPROF_")
    }


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def commands(names: set[str]) -> set[str]:
    return {name.removeprefix("latprof.cli.") for name in names} & set(GROUP.commands)


@pytest.mark.parametrize("name", list(GROUP.commands))
def test_the_list_says_what_the_command_says(name: str) -> None:
    """The first paragraph of a command's own help stands in the list of commands."""
    command = GROUP.commands[name]
    assert command.name == name
    assert " ".join(command.help.partition("\n\n")[0].split()) == GROUP.helps[name]


def test_every_command_is_in_the_list() -> None:
    """A module of the command line that offers something of its own name is a command."""
    stems = [path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__"]
    modules = {stem: importlib.import_module(f"latprof.cli.{stem}") for stem in stems}
    assert {stem for stem, module in modules.items() if stem in module.__all__} == set(GROUP.helps)


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        (("--help",), set()),
        (("--version",), set()),
        (("nope",), set()),
        (("analyze", "--help"), {"analyze"}),
        (("cost", "own", "--help"), {"cost"}),
        (("baseline", "--help"), {"baseline"}),
    ],
)
def test_help_loads_the_chosen_command_alone(arguments: tuple[str, ...], chosen: set[str]) -> None:
    """No heavy package, and of the commands' modules only the one that was asked for."""
    _, names = loaded(*arguments)
    assert "typer" in packages(names)
    assert HEAVY.isdisjoint(packages(names))
    assert chosen <= commands(names)
    assert UNRELATED.isdisjoint(commands(names))
    assert chosen or not commands(names)


def completed(shell: str, line: str) -> tuple[str, set[str]]:
    """What a shell's own script gets to hear when Tab is pressed at the end of the line."""
    words = line.split(" ")
    return loaded(
        _LATPROF_COMPLETE=f"complete_{shell}",
        COMP_WORDS="\n".join(words),
        COMP_CWORD=str(len(words) - 1),
        _TYPER_COMPLETE_ARGS=line,
        _TYPER_COMPLETE_FISH_ACTION="get-args",
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_of_commands_loads_nothing(shell: str) -> None:
    """Names by their beginnings; groups go down a level."""
    printed, names = completed(shell, "latprof an")
    assert "analyze" in printed
    assert "report" not in printed
    assert HEAVY.isdisjoint(packages(names))
    assert not commands(names)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "found"), [("latprof analyze --per", "--percentiles"), ("latprof cost el", "electricity")]
)
def test_completion_goes_into_a_command(shell: str, line: str, found: str) -> None:
    """Options of the command, commands of the group, and no heavy package for them."""
    printed, names = completed(shell, line)
    assert found in printed
    assert HEAVY.isdisjoint(packages(names))
    assert UNRELATED.isdisjoint(commands(names))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shells_script_can_be_had(run: Run, shell: str) -> None:
    """It names the variable by which the program is asked."""
    done = run(_LATPROF_COMPLETE=f"source_{shell}")
    assert done.returncode == 0
    assert f"_LATPROF_COMPLETE=complete_{shell}".encode() in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("slowest", "--top", "0"), "--top"),
        (("slowest", "--top", "two"), "--top"),
        (("hardware", "fit", "--headroom", "-1"), "--headroom"),
    ],
)
def test_numbers_are_still_checked(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """Only texts pass as they are."""
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr.decode()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("analyze", "--help"), ("schema",)])
def test_a_full_output_is_one_sentence(arguments: tuple[str, ...]) -> None:
    """No trace-back, neither from the program nor from the interpreter when it ends."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "latprof", *arguments], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("latprof: Cannot write to standard output (")


FIXTURE = str(Path(__file__).resolve().parents[2] / "fixtures" / "claude-code" / "recorded-2.1.329-plain")
NEVER = {"pandas", "pyarrow", "scipy", "jinja2", "pydantic", "resvg_py"}


def below(names: set[str], *parents: str) -> set[str]:
    return {name for name in names if name.startswith(tuple(f"latprof.{parent}" for parent in parents))}


@pytest.mark.parametrize("command", ["analyze", "session", "slowest", "budget", "explain"])
def test_a_command_loads_what_it_needs(command: str, tmp_path: Path) -> None:
    """No package that only exports, pages or settings need."""
    _, names = loaded(command, FIXTURE, cwd=tmp_path)
    assert "numpy" in names
    assert NEVER.isdisjoint(packages(names))
    assert not below(names, "report.plots", "report.otlp", "report.perfetto", "replay", "compare", "serving")


def test_analyze_leaves_the_other_chapters_alone(tmp_path: Path) -> None:
    """Neither budgets nor changes over time nor the catalogue, and of the readers few."""
    printed, names = loaded("analyze", FIXTURE, cwd=tmp_path)
    assert "call" in printed
    assert not below(names, "timeline", "change", "check", "catalogue", "report.catalogue", "report.export")
    assert "latprof.formats.claude_code" in names
    assert not below(names, "formats.otlp", "formats.codex", "formats.langfuse")


@pytest.mark.skipif(not backend.is_compiled(), reason="the estimator is not compiled here")
def test_compiled_sums_need_no_python_sums(tmp_path: Path) -> None:
    """A model is fitted, and calls are read by it."""
    log = Log()
    for number in range(60):
        log.prompt(60 * number)
        log.answer(60 * number + 2 + number % 7, f"msg_{number}", thinking(200 + 50 * (number % 9)))
        log.answer(60 * number + 4 + number % 11, f"msg_{number}", text(40 + 20 * (number % 5)), stop="end_turn")
    (tmp_path / "s.jsonl").write_bytes(log.data())
    printed, names = loaded("analyze", ".", cwd=tmp_path)
    assert printed.startswith("latprof: 60 calls")
    assert {"latprof.estimate.model", "latprof.estimate.readings", "latprof.estimate._native_sums"} <= names
    assert not below(names, "estimate.sums", "estimate.plain")


def test_copies_of_calls_need_no_masked_arrays(tmp_path: Path) -> None:
    """numpy loads them with some of its functions on sets, which takes longer than to drop the copies."""
    for name, step in (("whole", 1), ("copied", 20)):
        log = Log()
        for number in range(0, 1000, step):
            log.prompt(60 * number)
            log.answer(60 * number + 3, f"msg_{number}", text(), stop="end_turn")
        (tmp_path / f"{name}.jsonl").write_bytes(log.data())
    printed, names = loaded("analyze", ".", cwd=tmp_path)
    assert printed.startswith("latprof: 1,000 calls")
    assert "numpy.ma" not in names


def test_the_history_needs_no_masked_arrays(tmp_path: Path) -> None:
    """Neither to learn of a log that has grown nor to tell of one that is gone."""
    folder = tmp_path / ".claude" / "projects" / "-srv-a"
    folder.mkdir(parents=True)
    own = {name: str(tmp_path) for name in ("HOME", "USERPROFILE", *FOLDER_VARIABLES)}
    own |= {"CLAUDE_CONFIG_DIR": str(tmp_path / ".claude")}
    for name, calls in (("one", 300), ("two", 400)):
        log = Log(session=name)
        for number in range(calls):
            log.prompt(60 * number)
            log.answer(60 * number + 3, f"msg_{name}_{number}", text(), stop="end_turn")
        (folder / f"{name}.jsonl").write_bytes(log.data())
    assert loaded("analyze", cwd=tmp_path, **own)[0].startswith("latprof: 700 calls")
    log.answer(60 * calls + 3, "msg_two_more", text(), stop="end_turn")
    (folder / "two.jsonl").write_bytes(log.data())
    printed, names = loaded("analyze", cwd=tmp_path, **own)
    assert printed.startswith("latprof: 701 calls")
    assert "numpy.ma" not in names
    (folder / "one.jsonl").unlink()
    printed, names = loaded("analyze", cwd=tmp_path, **own)
    assert printed.startswith("latprof: 701 calls")
    assert "numpy.ma" not in names


def test_a_folder_without_logs_loads_no_reader_and_no_renderer(tmp_path: Path) -> None:
    """There is nothing to read or to draw."""
    _, names = loaded("analyze", str(tmp_path), cwd=tmp_path)
    assert NEVER.isdisjoint(packages(names))
    assert not below(names, "report.renderers.table", "formats.claude_code")


def test_names_of_the_report_are_loaded_when_they_are_used() -> None:
    """All of them open, and one does not open the others."""
    code = "import sys; from latprof.report import formats_document; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "latprof.report.export" not in done.stdout.split()
    import latprof.report

    assert all(getattr(latprof.report, name) is not None for name in latprof.report.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = latprof.report.nothing


THREADS = Path("/proc/self/task")
COUNT_WHEN_NUMPY_IS_THERE = (
    "import atexit, os, sys\n"
    "atexit.register(lambda: print('\\nTHREADS', len(os.listdir('/proc/self/task'))))\n"
    "from latprof.cli import main\nmain()\n"
)


@pytest.mark.skipif(not THREADS.exists(), reason="threads are counted where /proc lists them")
@pytest.mark.skipif(len(getattr(os, "sched_getaffinity", lambda _: ())(0)) < 2, reason="one core gets one thread")
@pytest.mark.parametrize(("wanted", "count"), [(None, 1), ("2", 2)])
def test_numpy_starts_no_threads_of_its_own(tmp_path: Path, wanted: str | None, count: int) -> None:
    """They would only wait, and busily; who asks for them has them."""
    environment = {name: value for name, value in _plain_environment().items() if name != "OPENBLAS_NUM_THREADS"}
    if wanted is not None:
        environment["OPENBLAS_NUM_THREADS"] = wanted
    done = subprocess.run(
        [sys.executable, "-c", COUNT_WHEN_NUMPY_IS_THERE, "analyze", str(tmp_path)],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert done.stdout.rpartition("\nTHREADS ")[2].strip() == str(count)
