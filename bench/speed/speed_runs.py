"""Runs of commands with what they took, interleaved, and the floors to compare with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

__all__ = ["FLOORS", "IMPORTS", "Place", "Run", "interleaved"]

_FLOOR: Final = """
import sys, pathlib
{setup}
for path in pathlib.Path(sys.argv[1]).rglob('*.jsonl'):
    with path.open('rb') as lines:
        for line in lines:
            {body}
"""
_DECODE: Final = """try:
                orjson.loads(line)
            except orjson.JSONDecodeError:
                pass"""
_CUTS: Final = """if line.rfind(b'"type":"assistant"') >= 0:
                for key in keys:
                    at = line.rfind(key)
                    found = line[at : at + 40]
            else:
                at = line.rfind(b'"timestamp":"')
                found = line[at : at + 40]"""
_KEYS: Final = 'keys = [b\'"timestamp":"\', b\'"requestId":"\', b\'"output_tokens":\', b\'"id":"\']'
FLOORS: Final = {
    "orjson.loads on every line": _FLOOR.format(setup="import orjson", body=_DECODE),
    "lines, nothing decoded": _FLOOR.format(setup="", body="pass"),
    "byte cuts": _FLOOR.format(setup=_KEYS, body=_CUTS),
}
_AGENT: Final = "agent"
IMPORTS: Final = {
    "python -c pass": "pass",
    "import typer": "import typer",
    "import numpy": "import numpy",
    "import typer, numpy, orjson": "import typer, numpy, orjson",
}


@dataclass(frozen=True, slots=True)
class Run:
    """What one or the middle of several runs took; `peak_bytes` is of the largest of its processes."""

    cpu_s: float
    wall_s: float
    peak_bytes: int
    output: bytes = b""

    @classmethod
    def middle(cls, runs: Sequence[Run]) -> Run:
        """The median of each figure."""
        return cls(
            median(run.cpu_s for run in runs),
            median(run.wall_s for run in runs),
            int(median(run.peak_bytes for run in runs)),
            runs[-1].output,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in which the program runs: its own home, its own byte-code, nothing of the user's."""

    folder: Path

    def environment(self) -> Mapping[str, str]:
        """As a user's with an installed package: byte-code is kept."""
        home = str(self.folder / "home")
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "SYSTEMROOT", "TMPDIR"}}
        source = str(Path(__file__).resolve().parents[2] / "src")
        own = {"HOME": home, "USERPROFILE": home, "LOCALAPPDATA": home, "XDG_CACHE_HOME": f"{home}/.cache"}
        own["CLAUDE_CONFIG_DIR"] = str(self.folder / _AGENT)
        return kept | own | {"PYTHONPYCACHEPREFIX": str(self.folder / "byte-code"), "PYTHONPATH": source}

    @contextmanager
    def as_own(self, logs: Path) -> Iterator[None]:
        """These logs as those in the agent's own place, which have a history, too."""
        place = self.folder / _AGENT / "projects"
        place.parent.mkdir()
        place.symlink_to(logs)
        try:
            yield
        finally:
            shutil.rmtree(place.parent)

    def forget(self) -> None:
        """Leave nothing of earlier runs but the byte-code."""
        shutil.rmtree(self.folder / "home", ignore_errors=True)
        (self.folder / "home").mkdir(parents=True)

    def run(self, *arguments: str) -> Run:
        """Run Python with these arguments. Raises SystemExit with its error when it fails."""
        started = time.perf_counter()
        with (self.folder / "output").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                stdout=output,
                stderr=subprocess.PIPE,
                cwd=self.folder,
                env=dict(self.environment()),
            )
            error = b"" if process.stderr is None else process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in {0, 3}:
            sys.exit(f"{' '.join(arguments)[:200]} failed: {error.decode()[-2000:]}")
        scale = 1 if sys.platform == "darwin" else 1024
        took = time.perf_counter() - started
        shown = (self.folder / "output").read_bytes()
        return Run(usage.ru_utime + usage.ru_stime, took, usage.ru_maxrss * scale, shown)

    def latprof(self, *arguments: str) -> Run:
        """Run the program."""
        return self.run("-m", "latprof", *arguments)


def interleaved(place: Place, commands: Mapping[str, Sequence[str]], times: int) -> dict[str, Run]:
    """The middle run of each command, one after the other in turn, so that a busy machine is fair to all."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            if "latprof" in command:
                place.forget()
            runs[name].append(place.run(*command))
    return {name: Run.middle(found) for name, found in runs.items()}
