"""The draws of several studies, shared among processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Final

from latprof.replay.bands import Outlook, Study, outlook, run_draws
from latprof.replay.outcome import FIGURES

__all__ = ["run_studies"]

_SEEDS_AT_ONCE: Final = 4
_BETTER: Final = {figure.key: figure.lower_is_better for figure in FIGURES}
_studies: list[Study] = []


def run_studies(
    studies: Sequence[Study], draws: int, *, jobs: int = 1, progress: Callable[[int, int], None] | None = None
) -> list[Outlook]:
    """The outlook of each study over `draws` replays; draw i has the same sessions and errors in all of them."""
    tasks = [
        (number, range(first, min(first + _SEEDS_AT_ONCE, draws)))
        for first in range(0, draws, _SEEDS_AT_ONCE)
        for number in range(len(studies))
    ]
    found: dict[tuple[int, int], list[dict[str, float]]] = {}
    report = progress or (lambda _done, _total: None)
    report(0, len(studies) * draws)

    def note(task: tuple[int, range], result: list[dict[str, float]]) -> None:
        found[task[0], task[1].start] = result
        report(sum(len(part) for part in found.values()), len(studies) * draws)

    if jobs <= 1 or len(tasks) <= 1:
        for task in tasks:
            note(task, run_draws(studies[task[0]], task[1]))
    else:
        # Fresh processes: a fork of a program with threads may hang.
        with ProcessPoolExecutor(
            min(jobs, len(tasks)), get_context("spawn"), initializer=_receive, initargs=(list(studies),)
        ) as pool:
            waiting = {pool.submit(_work, *task): task for task in tasks}
            for future in as_completed(waiting):
                note(waiting[future], future.result())
    return [
        outlook(study, [draw for key in sorted(found) if key[0] == number for draw in found[key]], _BETTER)
        for number, study in enumerate(studies)
    ]


def _receive(studies: list[Study]) -> None:
    _studies[:] = studies


def _work(number: int, seeds: range) -> list[dict[str, float]]:
    return run_draws(_studies[number], seeds)
