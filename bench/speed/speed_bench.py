"""How fast is latprof? `python bench/speed [--quick] [--write PAGE]`.

Makes a history, runs floors and latprof in turn, and says for each promise whether it holds. All is compared
within one run on one machine; every figure is the median of the runs. `--corpus DIR` takes logs that are there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

import speed_corpus
from speed_profile import profiled
from speed_runs import FLOORS, IMPORTS, Place, Run, interleaved

__all__ = ["main"]

_MB: Final = 1_000_000
_SETTLED_S: Final = 3.0
_BEGIN, _END = "<!-- speed: begin -->", "<!-- speed: end -->"
_ANALYZE: Final = ("-m", "latprof", "analyze")
# No log of that name is there, which would be a link to one of the user's.
_GROWN: Final = Path("-home-dev-latprof-bench", "grown.jsonl")
_FLOOR: Final = "orjson.loads on every line"


@dataclass(slots=True)
class Results:
    """All that was measured, as lines of Markdown tables."""

    rows: list[tuple[str, Run]] = field(default_factory=list)
    promises: list[tuple[str, str, str]] = field(default_factory=list)

    def promise(self, words: str, figure: float, limit: float, unit: str = "x") -> None:
        """Whether a figure is at most its limit."""
        self.promises.append((words, f"{figure:.2f} {unit}", "holds" if figure <= limit else "FAILS"))

    def lines(self, size: float) -> Iterator[str]:
        """The page's part."""
        now = datetime.now(UTC).date().isoformat()
        yield f"Measured on {now}: {_machine()}. History of {size / _MB:,.0f} MB.\n"
        yield "| must hold | figure | |\n|---|---|---|"
        yield from (f"| {words} | {figure} | {verdict} |" for words, figure, verdict in self.promises)
        yield "\n| run | CPU s | wall s | peak MB |\n|---|---|---|---|"
        for name, run in self.rows:
            yield f"| {name} | {run.cpu_s:.2f} | {run.wall_s:.2f} | {run.peak_bytes / _MB:,.0f} |"


def _machine() -> str:
    """The class of the machine, without its name."""
    info = Path("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in _lines(info) if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    return f"{os.cpu_count()} × {model}, {platform.system()}, Python {platform.python_version()}"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def start_up(place: Place, results: Results, times: int) -> None:
    """Imports, help, and an empty folder, which is what start-up means."""
    empty = place.folder / "empty"
    empty.mkdir(exist_ok=True)
    commands: dict[str, Sequence[str]] = {name: ("-c", code) for name, code in IMPORTS.items()}
    commands["latprof --help"] = ("-m", "latprof", "--help")
    commands["latprof analyze --help"] = (*_ANALYZE, "--help")
    commands["latprof analyze, empty folder"] = (*_ANALYZE, str(empty))
    for command in commands.values():
        place.run(*command)  # byte-code is written before anything is measured
    runs = interleaved(place, commands, max(times, 9))
    results.rows += runs.items()
    ratio = runs["latprof --help"].cpu_s / runs["import typer"].cpu_s
    results.promise("`latprof --help`: CPU at most 1.3 x `import typer`", ratio, 1.3)


def first_run(place: Place, results: Results, logs: Path, calls: int | None, times: int) -> Run:
    """Floors and the default analysis on the same files."""
    commands: dict[str, Sequence[str]] = {name: ("-c", code, str(logs)) for name, code in FLOORS.items()}
    commands["latprof analyze, first run"] = (*_ANALYZE, str(logs))
    runs = interleaved(place, commands, times)
    results.rows += runs.items()
    own, floor = runs["latprof analyze, first run"], runs[_FLOOR].cpu_s
    results.promise(f"first run: CPU at most 0.9 x {_FLOOR}", own.cpu_s / floor, 0.9)
    aim = "reached" if own.cpu_s <= 0.35 * floor else "not yet"
    results.promises.append(("aim for the first run: 0.35 x", f"{own.cpu_s / floor:.2f} x", aim))
    results.promise("first run: wall at most 0.6 x its CPU", own.wall_s / own.cpu_s, 0.6)
    bare = interleaved(place, {"": ("-c", IMPORTS["import typer, numpy, orjson"])}, 3)[""].peak_bytes
    results.promise(
        "peak memory above the imported libraries: at most 150 MB", (own.peak_bytes - bare) / _MB, 150, "MB"
    )
    if calls is not None:
        found = json.loads(_fresh(place, logs, "--json").output)["calls"]
        results.promise("calls found differ from those made by", abs(found - calls), 0, "calls")
    return own


def second_run(place: Place, results: Results, logs: Path, times: int, *, is_made: bool) -> None:
    """With the cache that the first run left, unchanged and after 1 MB more; the latter for programs, too.

    A made history grows by sessions made like it, another one by sessions like its own. Each run has a start of its own
    right before it: how fast a machine is changes within minutes.
    """
    like = [] if is_made else sorted(logs.rglob("*.jsonl"))

    def grown_by(seed: int, *arguments: str) -> tuple[Run, Run]:
        if is_made:
            speed_corpus.append(logs / _GROWN, _MB, seed=seed)
        else:
            speed_corpus.again(like, logs / _GROWN, _MB, seed=seed)
        return _after_a_start(place, *arguments)

    _fresh(place, logs)
    second = [_after_a_start(place, str(logs)) for _ in range(times)]
    grown = [grown_by(1000 + number, str(logs)) for number in range(times)]
    for name, pairs in (("second run", second), ("after 1 MB more", grown)):
        beyond = _rows(results, name, pairs)
        results.promise(f"{name}: CPU above start-up at most 0.15 s", beyond, 0.15, "s")
    _rows(results, "after 1 MB more, --json", [grown_by(2000 + number, str(logs), "--json") for number in range(times)])
    for options in ((), ("--json",)):
        kept = place.run(*_ANALYZE, str(logs), *options).output
        plain = place.run(*_ANALYZE, str(logs), *options, "--no-cache").output
        words = f"different results with and without cache{', --json' if options else ''}"
        results.promise(words, float(plain != kept), 0, "")
    with place.as_own(logs):
        place.forget()
        place.run(*_ANALYZE)
        own = [grown_by(3000 + number) for number in range(times)]
    beyond = _rows(results, "after 1 MB more in the agent's own place", own)
    results.promise("the same in the agent's own place, with history", beyond, 0.15, "s")


def _after_a_start(place: Place, *arguments: str) -> tuple[Run, Run]:
    """A start and, right after it, a run."""
    return place.run(*_ANALYZE, str(place.folder / "empty")), place.run(*_ANALYZE, *arguments)


def _rows(results: Results, name: str, pairs: Sequence[tuple[Run, Run]]) -> float:
    """Adds both rows; the median of the CPU seconds that the runs took beyond their starts."""
    results.rows.append((f"start-up before: {name}", Run.middle([pair[0] for pair in pairs])))
    results.rows.append((f"latprof analyze, {name}", Run.middle([pair[1] for pair in pairs])))
    return median(run.cpu_s - start.cpu_s for start, run in pairs)


def growth(place: Place, results: Results, source: Path, size: int, own: Run, *, most: int, times: int) -> None:
    """Time and memory for a quarter to twice the size, in turn, and memory for the most."""
    folders = {part: place.folder / f"part-{part:g}" for part in (0.25, 0.5, 1.0, 2.0)}
    for part, folder in folders.items():
        speed_corpus.link(source, folder, round(part * size))
    # A new link is a change of the file, and of one that changed a moment ago the content counts, too.
    time.sleep(_SETTLED_S)
    runs: dict[Path, list[Run]] = {folder: [] for folder in folders.values()}
    for _ in range(times):
        for folder, found in runs.items():
            found.append(_fresh(place, folder))
    middle = {_size(folder): Run.middle(found) for folder, found in runs.items()}
    results.rows += [(f"latprof analyze, {linked / _MB:,.0f} MB", run) for linked, run in middle.items()]
    off = _off_line([(linked, run.cpu_s) for linked, run in middle.items()])
    results.promise("CPU off a straight line over sizes: at most 10 %", off * 100, 10, "%")
    if most > 2 * size:
        run = _fresh(place, source)
        results.rows.append((f"latprof analyze, {most / _MB:,.0f} MB", run))
        results.promise(f"peak memory at {most / size:g} times the size", run.peak_bytes / own.peak_bytes, 1.3)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.jsonl"))


def _fresh(place: Place, folder: Path, *options: str) -> Run:
    place.forget()
    return place.run(*_ANALYZE, str(folder), *options)


def _off_line(points: Sequence[tuple[float, float]]) -> float:
    """The largest share by which a point is off the least-squares line through all of them."""
    count = len(points)
    middle_x, middle_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    slope = sum((x - middle_x) * (y - middle_y) for x, y in points) / spread
    fitted = [(y, middle_y + slope * (x - middle_x)) for x, y in points]
    return max(abs(y - line) / abs(line) for y, line in fitted)


def written(page: Path, text: str) -> None:
    """Put the text between the marks of a page. Raises SystemExit where there are none."""
    old = page.read_text(encoding="utf-8")
    before, begin, rest = old.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        sys.exit(f"{page} has no lines {_BEGIN} and {_END}: put them where the table belongs.")
    page.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python bench/speed", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50 MB instead of 1,000")
    parser.add_argument("--mb", type=int, help="size of the history in MB")
    parser.add_argument(
        "--corpus",
        type=Path,
        help="logs that are there instead of made ones; linked, never changed",
    )
    parser.add_argument("--times", type=int, default=5, help="runs of each command [5]")
    parser.add_argument("--no-growth", action="store_true", help="leave out the other sizes")
    parser.add_argument("--profile", action="store_true", help="only where the time goes, by stage")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables between the marks of this page")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    chosen = _arguments()
    size = (chosen.mb or (50 if chosen.quick else 1000)) * _MB
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        place.forget()
        whole = place.folder / "whole"
        grows = chosen.corpus is None and not chosen.no_growth and not chosen.profile
        logs, calls = place.folder / "logs", None
        if chosen.corpus is not None:
            speed_corpus.link(chosen.corpus, logs, sys.maxsize)
            time.sleep(_SETTLED_S)
        else:
            made = speed_corpus.make(whole, size * (4 if grows else 1))
            calls = sum(made[name] for name in speed_corpus.link(whole, logs, size))
        if chosen.profile:
            print("\n".join(profiled(place, logs)))
            return
        results = Results()
        start_up(place, results, chosen.times)
        own = first_run(place, results, logs, calls, chosen.times)
        second_run(place, results, logs, chosen.times, is_made=chosen.corpus is None)
        if grows:
            growth(place, results, whole, size, own, most=4 * size, times=chosen.times)
        text = "\n".join((*results.lines(_size(logs)), "", *profiled(place, logs)))
    print(text)
    if chosen.write is not None:
        written(chosen.write, text)
