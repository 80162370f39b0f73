"""Options of commands that replay calls on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from latprof.cli import options
from latprof.cli.catalogue import chosen_catalogue
from latprof.cli.team_settings import cluster_of, hours_of
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.cli.selection import Selection
    from latprof.config.load import Effective
    from latprof.replay.calibrate import LoadTest
    from latprof.replay.plan import Hardware, Plan
    from latprof.replay.question import Conditions
    from latprof.replay.workload import Workload

__all__ = [
    "Calibrate",
    "Draws",
    "Engine",
    "GapCap",
    "Hours",
    "HoursPerMonth",
    "Jobs",
    "KvPrecision",
    "Precision",
    "SessionsAtOnce",
    "calibrated_by",
    "check_counts",
    "conditions_of",
    "hardware_of",
    "is_rent",
    "load_tests",
    "numbers",
    "replay_bar",
    "workload_from",
]

_MOST_METRICS: Final = 20_000_000
_MOST: Final = 1e6
_MOST_USD: Final = 1e9
_LONGEST_MONTH: Final = 744.0
# 21 days of 8 hours.
_HOURS_PER_MONTH: Final = 168.0
Calibrate = Annotated[
    str | None,
    typer.Option(
        metavar="FILES",
        help="A load test of this very server, or its saved metrics (two scrapes with a comma): "
        "moves the model to it, narrows the bands.",
    ),
]
Engine = Annotated[
    str | None, typer.Option(metavar="NAME", help="vllm, sglang or trtllm. [the settings' cluster's, else vllm]")
]
Precision = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="bf16, fp8, fp4 or int4. [the model's own, or the widest that fits]"),
]
KvPrecision = Annotated[
    str | None, typer.Option("--kv-precision", metavar="NAME", help="Of the cache: bf16 or fp8. [bf16]")
]
GapCap = Annotated[
    float, typer.Option("--gap-cap", metavar="SECONDS", help="Longest gap between calls when everyone is busy.")
]
SessionsAtOnce = Annotated[
    int, typer.Option("--sessions-at-once", metavar="N", help="Sessions that one engineer runs beside each other.")
]
Draws = Annotated[
    int, typer.Option(metavar="N", help="Replays per band, each with other sessions and errors of the step model.")
]
Hours = Annotated[float, typer.Option(metavar="HOURS", help="Time that each replay measures.")]
HoursPerMonth = Annotated[
    float | None,
    typer.Option(
        "--hours-per-month",
        metavar="HOURS",
        help="Working time over which the rent is spread per token. [settings' working hours, else 168]",
    ),
]
Jobs = Annotated[int | None, typer.Option(metavar="N", help="Processes that share the work. [one per core]")]


def conditions_of(
    *,
    gap_cap: float,
    sessions_at_once: int,
    draws: int,
    hours: float,
    hours_per_month: float | None,
    jobs: int | None,
    in_force: Effective | None = None,
) -> Conditions:
    """The options' values, checked, and the settings' where none is given. Raises UsageError."""
    from latprof.replay.question import Conditions
    from latprof.serving import default_parameters

    month = hours_per_month if hours_per_month is not None else hours_of(in_force) or _HOURS_PER_MONTH
    for name, value, least, most in (
        ("--gap-cap", gap_cap, 0.0, _MOST),
        ("--sessions-at-once", sessions_at_once, 1, _MOST),
        ("--draws", draws, 1, _MOST),
        ("--hours", hours, 0.01, _MOST),
        ("--hours-per-month", month, 1, _LONGEST_MONTH),
        ("--jobs", 1 if jobs is None else jobs, 1, _MOST),
    ):
        if not least <= value <= most:
            raise UsageError(f"{name} {value:g} is out of range: give {least:g} to {most:,.0f}.")
    return replace(
        Conditions(default_parameters()),
        gap_cap_s=gap_cap,
        sessions_at_once=sessions_at_once,
        draws=draws,
        measured_s=hours * 3600,
        hours_per_month=month,
        jobs=jobs or os.cpu_count() or 1,
    )


def hardware_of(gpu: str | None, name: str | None, price: float | None, in_force: Effective | None = None) -> Hardware:
    """The GPUs by --gpu or --cluster. Raises UsageError for none, both, or one that is not known."""
    from latprof.replay.plan import cluster_named, parse_gpus

    if (gpu is None) == (name is None):
        raise UsageError("Give either --gpu (such as 4xH200) or --cluster (a name of the settings or the catalogue).")
    if price is not None and not is_rent(price):
        raise UsageError(f"--price {price:g} is no rent per month in USD: give a number above 0.")
    if gpu is not None:
        return parse_gpus(gpu, price)
    own = cluster_of(in_force, name or "", price)
    return own or cluster_named(name or "", price, chosen_catalogue(None, in_force))


def workload_from(selection: Selection) -> Workload:
    """The calls as work. Raises UsageError, NothingReadable."""
    from latprof.api import with_estimates
    from latprof.replay.workload import workload_of

    return workload_of(with_estimates(selection.read()).trace)


def load_tests(paths: str, model: str = "") -> list[LoadTest]:
    """The loads of a load generator's results, or of a server's saved metrics; several files with commas.

    Raises UsageError, NothingReadable.
    """
    from latprof.api import load
    from latprof.cli.selection import split
    from latprof.replay.calibrate import load_tests_of, metrics_test

    files = split([paths])
    texts = [text for path in files if (text := _metrics_text(path)) is not None]
    if not texts:
        return load_tests_of(load(files), model)
    if len(texts) < len(files):
        raise UsageError("--calibrate mixes results of load tests with metrics: give either.")
    return [metrics_test(texts, model)]


def calibrated_by(tests: list[LoadTest], conditions: Conditions, plan: Plan) -> Conditions:
    """The conditions with the model's errors as tests of this plan's deployment show them."""
    from latprof.replay.calibrate import calibrated

    deployment = plan.deployment
    return replace(conditions, residuals=calibrated(deployment, deployment.engine, tests, conditions.parameters))


def _metrics_text(path: str) -> str | None:
    """The text of a file with a server's metrics; None for anything else."""
    from latprof.replay.scrape import is_scrape

    try:
        with Path(path).expanduser().open(encoding="utf-8") as file:
            begins = file.read(_MOST_METRICS)
    except (OSError, UnicodeDecodeError):
        return None
    return begins if not begins.lstrip().startswith(("{", "[")) and is_scrape(begins) else None


def is_rent(usd: float) -> bool:
    """Whether a number can be a rent per month, USD."""
    return 0 < usd < _MOST_USD


def check_counts(*named: tuple[str, int | None]) -> None:
    """Raises UsageError for a number below 1 or without sense."""
    for name, value in named:
        if value is not None and not 1 <= value <= 10_000:
            raise UsageError(f"{name} {value} is out of range: give 1 to 10000.")


def numbers(text: str, option: str) -> tuple[int, ...]:
    """'10,20' -> (10, 20). Raises UsageError."""
    try:
        found = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        found = ()
    if not found or not all(1 <= number <= 10_000 for number in found):
        raise UsageError(f"{option} {text} is no list of whole numbers from 1 to 10000: write it as 10,20.")
    return found


@contextmanager
def replay_bar() -> Iterator[Callable[[int, int], None] | None]:
    """A bar on standard error while replaying, on a terminal only."""
    if not options.shows_progress():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("replaying", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
