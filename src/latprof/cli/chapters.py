"""A comparison and a simulation as chapters of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprof.cli import cluster
from latprof.cli.selection import Selection
from latprof.cli.sides import read_sides

if TYPE_CHECKING:
    from latprof.report.overview import Chapter
    from latprof.trace import Trace

__all__ = ["comparison_chapter", "simulation_chapter"]

_DRAWS = 40


def comparison_chapter(selection: Selection, before: str, after: str) -> Chapter:
    """What `latprof diff A B` says. Raises UsageError."""
    from latprof.api import with_estimates
    from latprof.change import MATCH_KEYS, compare_traces
    from latprof.report.differing import diff_document
    from latprof.report.overview import Chapter

    first, second = (with_estimates(side).trace for side in read_sides((before, after), selection))
    match = [key for key in MATCH_KEYS if f"{key}=" not in before + after]
    comparison = compare_traces(first, second, names=(before, after), match=match, tz=selection.zone)
    return Chapter(f"Comparison: {before} and {after}", diff_document(comparison))


def simulation_chapter(trace: Trace, model: str, gpus: str, engineers: int) -> Chapter:
    """What `latprof simulate --model MODEL --gpu GPUS --engineers N` says of these calls. Raises UsageError."""
    from latprof.replay.plan import Impossible, wish_of
    from latprof.replay.question import answers
    from latprof.replay.workload import workload_of
    from latprof.report.overview import Chapter
    from latprof.report.simulation import simulation_document

    conditions = cluster.conditions_of(
        gap_cap=60.0, sessions_at_once=1, draws=_DRAWS, hours=1.0, hours_per_month=168.0, jobs=None
    )
    hardware = cluster.hardware_of(gpus, None, None)
    workload = workload_of(trace)
    with cluster.replay_bar() as progress:
        found, refused = answers(workload, [(hardware, wish_of(model), engineers)], conditions, progress)
    if refused:
        raise Impossible(refused[0].reason, refused[0].nearest)
    document = simulation_document(found[0], workload, conditions)
    return Chapter(f"Simulation: {model} on {gpus}, {engineers} engineers", document)
