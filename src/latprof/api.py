"""latprof as a library: read logs, get a trace, get percentiles.

import latprof
trace = latprof.load(["~/.claude/projects"])
trace.to_frame()
latprof.summarize(trace, by=["trigger", "model"])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field, replace
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from latprof.classes import dataclass
from latprof.errors import UsageError
from latprof.formats import Format, formats
from latprof.ingest import Reading, Survey, read_inputs
from latprof.ingest import survey as survey_sources
from latprof.metrics import Metric
from latprof.model import Kind
from latprof.stats import BY_KEYS, Filters, Method, Summary, keep, of_method, summaries, summarize, waiting
from latprof.stats.changes import FALSE_ALARMS
from latprof.stats.summary import DEFAULT_QUANTILES
from latprof.trace import Columns, Trace

# What only some of the functions need is loaded by them: a short command is not to pay for the others.
if TYPE_CHECKING:
    from latprof.change import Drift
    from latprof.estimate import Account, Group
    from latprof.estimate import Reading as CallReading
    from latprof.ingest import Found
    from latprof.ingest.tags import TagRules
    from latprof.report.document import Analysis, Document
    from latprof.report.overview import Chapter
    from latprof.store.cache import Cache
    from latprof.store.history import History

__all__ = [
    "DEFAULT_GROUPINGS",
    "Loaded",
    "accounts",
    "analyze",
    "drift",
    "estimated",
    "known_formats",
    "load",
    "read",
    "reading",
    "report",
    "rows_of",
    "survey",
    "with_estimates",
]

DEFAULT_GROUPINGS: Final[tuple[tuple[str, ...], ...]] = (("trigger",), ("model",), ("trigger", "model"))


@dataclass(frozen=True)
class Loaded:
    """A trace, how its files read, and how the estimates of its models came about; `cache` keeps what is costly."""

    trace: Trace
    reading: Reading = field(repr=False)
    groups: tuple[Group, ...] = field(default=(), repr=False)
    cache: Cache | None = field(default=None, repr=False)

    def held(self) -> Loaded:
        """The same with the calls in memory."""
        return replace(self, trace=self.trace.held())


def read(  # noqa: PLR0913 - one argument per thing that reading takes
    paths: Sequence[str],
    *,
    filters: Filters | None = None,
    progress: Callable[[int, int], None] | None = None,
    rename: Callable[[str], str] | None = None,
    rules: TagRules | None = None,
    jobs: int | None = 1,
    cache: Cache | None = None,
    found: Found | None = None,
    history: History | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Loaded:
    """Read files, folders, globs or `-`; without paths the agents' own folders.

    A path may say whose logs they are: `ana=DIR`, `ana@mac1=DIR`, `@mac1=DIR`; `rules` say it of folders.
    `rename` turns a project's folder into its name; filters see the name. `jobs` processes read, None: as many
    as pay; with another number than 1 a script on Windows and macOS needs its `if __name__ == "__main__"`.
    A `cache` keeps what was read for the next time. Files that were looked for before come as `found`.
    A `history` keeps the calls of the logs in the agents' own places, and has those of logs that are gone.
    `meanwhile` is called while other processes read, if any do: for what will be needed next.

    Columns of very many calls lie on disk, see `Trace.held`.

    Raises UsageError for a path that does not exist, NothingReadable when nothing could be read.
    """
    reading = read_inputs(
        paths, progress=progress, rules=rules, jobs=jobs, cache=cache, found=found, history=history, meanwhile=meanwhile
    )
    if cache is not None:
        cache.flush()
    trace = Trace.from_columns(reading.columns)
    reading.columns = Columns.none()
    if rename is not None:
        trace = trace.with_projects(rename)
    return Loaded(keep(trace, filters) if filters is not None else trace, reading, cache=cache)


def load(paths: Sequence[str]) -> Trace:
    """The calls of the given logs as a trace in memory. Raises as `read` does."""
    return read(paths).trace.held()


def estimated(trace: Trace) -> Trace:
    """The trace with `ttft_s` and `decode_tps` estimated where the logs hold only the ends of blocks."""
    from latprof.estimate import estimate

    return trace.with_estimates(estimate(trace).estimates)


def known_formats() -> tuple[Format, ...]:
    """All log formats, those of other packages included, by name."""
    return formats()


def survey(
    paths: Sequence[str] = (),
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Survey:
    """What logs lie in these paths, or in the agents' own places. Raises UsageError for a path that does not exist."""
    return survey_sources(paths, progress=progress)


def analyze(
    loaded: Loaded,
    *,
    by: Sequence[str] = (),
    quantiles: Sequence[float] = DEFAULT_QUANTILES,
    tz: tzinfo = UTC,
    method: Method = "best",
    whole: bool = True,
) -> Analysis:
    """Percentiles over all calls and for each grouping, with the words that go with them.

    `method` 'best' and 'estimate' fit a model to the calls unless the trace has estimates already.
    `by` groups by all its keys together; without it there are tables per trigger, per model and
    per both, each with the agent before it where there are several. An analysis that is not `whole` has
    only what a document shows to people, which takes less time. Raises UsageError for an unknown key.
    """
    from latprof.report.build import bounded, is_shown, shown_groupings
    from latprof.report.document import Analysis
    from latprof.report.words import describe

    unknown = [key for key in by if key not in BY_KEYS]
    if unknown:
        raise UsageError(f"Cannot group by {', '.join(unknown)}: choose from {', '.join(BY_KEYS)}.")
    if method in {"best", "estimate"}:
        loaded = with_estimates(loaded)
    trace, reading = loaded.trace, loaded.reading
    asked = bool(by)
    groupings = ((), tuple(dict.fromkeys(by))) if asked else ((), *_unasked(trace))

    def is_wanted(by: tuple[str, ...], metric: Metric, kind: Kind) -> bool:
        return is_shown(by, metric, kind, method, asked=asked)

    found = (
        summaries(trace, groupings, quantiles=quantiles, tz=tz)
        if whole
        else summaries(
            trace,
            shown_groupings(groupings, asked=asked),
            quantiles=quantiles,
            tz=tz,
            wanted=is_wanted,
            bounded=bounded(quantiles),
        )
    )
    shown = tuple(of_method(item, method) for item in found)
    middle = shown[0] if 0.5 in quantiles else summarize(trace, quantiles=(0.5,), tz=tz, wanted=is_wanted)
    return Analysis(
        files=reading.files,
        sessions=shown[0].sessions,
        calls=len(trace),
        agents=tuple(sorted({str(agent) for agent in trace.counts("agent")})),
        problems=reading.problem_counts(),
        since=_extreme(trace, "sent_at", np.fmin.reduce),
        until=_extreme(trace, "last_output_at", np.fmax.reduce),
        quantiles=tuple(quantiles),
        summaries=shown,
        notes=(*describe(trace, middle, waiting(trace), loaded.groups, method), *_notes_on_reading(trace, reading, tz)),
        tz=tz,
        problem_list=tuple(reading.problems),
        method=method,
        groups=loaded.groups,
        whole=whole,
        asked=asked,
    )


def _notes_on_reading(trace: Trace, reading: Reading, tz: tzinfo) -> list[str]:
    """What is to be said of calls that several people handed in, and of the history; mostly nothing."""
    notes: list[str] = []
    if reading.of_several.calls or reading.likely_copies:
        from latprof.report.several import several_notes

        notes += several_notes(reading)
    if len(reading.remembered.keys) or reading.remembered.trouble:
        from latprof.report.history import history_notes

        notes += history_notes(trace, reading.remembered, tz)
    return notes


def with_estimates(loaded: Loaded) -> Loaded:
    """The same calls with estimates, and the account of how they came about."""
    from latprof.estimate import estimate

    if loaded.trace.estimates is not None:
        return loaded
    shelf = None
    if loaded.cache is not None:
        from latprof.store.shelf import CacheShelf

        if loaded.reading.processes > 1:
            loaded.cache.rest()
        shelf = CacheShelf(loaded.cache)
    found = estimate(loaded.trace, shelf=shelf, processes=loaded.reading.processes)
    return replace(loaded, trace=loaded.trace.with_estimates(found.estimates), groups=found.groups)


def accounts(loaded: Loaded) -> tuple[list[Account], Summary]:
    """How each model's estimate came about, and the percentiles by agent and model."""
    from latprof.estimate import account

    found = [account(loaded.trace, group) for group in loaded.groups]
    return found, summarize(loaded.trace, ("agent", "model"))


def rows_of(trace: Trace, call: str) -> list[int]:
    """Rows of the calls whose call, message or request id is, or starts with, the text; a whole id wins."""
    names = [
        [name for name in (trace.texts[key][row] for key in ("call_id", "message_id", "request_id")) if name]
        for row in range(len(trace))
    ]
    whole = [row for row, ids in enumerate(names) if call in ids]
    return whole or [row for row, ids in enumerate(names) if any(name.startswith(call) for name in ids)]


def reading(loaded: Loaded, row: int) -> CallReading:
    """All that is known of one call."""
    from latprof.estimate import call_reading

    return call_reading(loaded.trace, row, loaded.groups)


def report(
    loaded: Loaded,
    *,
    chapters: Sequence[Chapter] = (),
    tz: tzinfo = UTC,
    list_problems: bool = False,
    team: str | None = None,
) -> Document:
    """The report with plots: what `latprof report` writes, for any renderer.

    `chapters` are documents of other commands (a comparison, a simulation) that become sections of it. The heading
    names the `team`.
    """
    from latprof.report.overview import overview_document

    loaded = with_estimates(loaded)
    analysis = analyze(loaded, tz=tz)
    own = (
        _budget_chapter(loaded.trace, tz), _people_chapter(analysis, loaded.trace, tz),
        _drivers_chapter(loaded.trace, tz),
    )  # fmt: skip
    every = (*(chapter for chapter in own if chapter is not None), *chapters)
    found = drift(loaded.trace, tz=tz)
    return overview_document(analysis, loaded.trace, every, list_problems=list_problems, team=team, drift=found)


def _budget_chapter(trace: Trace, tz: tzinfo) -> Chapter | None:
    """Where the time of sessions went; load tests and calls without a date are no part of any."""
    from latprof.report.budget import budget_document
    from latprof.report.overview import Chapter
    from latprof.report.plots import budget_plot
    from latprof.timeline import budgets, dated_sessions, shown_keys, slow_share, total, total_by

    real = dated_sessions(trace)
    items = budgets(real)
    if not items:
        return None
    groups = {key: total_by(items, real, key, tz) for key in shown_keys(items)}
    whole = total(items)
    slow = [found for name in ("ttft_s", "wall_s") if (found := slow_share(real, name)) is not None]
    plot = budget_plot(whole, groups["project"])
    document = budget_document(items, whole, groups, slow, tz=tz, left_out=len(trace) - len(real))
    return Chapter("Time budget", document, () if plot is None else (plot,), early=True)


def _people_chapter(analysis: Analysis, trace: Trace, tz: tzinfo) -> Chapter | None:
    """Each engineer's figures, where the logs name several."""
    if len({name for name in trace.texts["engineer"] if name}) < 2:
        return None
    from latprof.report.people import people_chapter
    from latprof.timeline import budgets, dated_sessions, total_by, weeks

    real = dated_sessions(trace)
    items = budgets(real)
    figures = of_method(summarize(trace, ("engineer",), quantiles=analysis.quantiles, tz=tz), analysis.method)
    return people_chapter(analysis, figures, total_by(items, real, "engineer", tz), weeks(items, tz))


def drift(trace: Trace, *, level: float = FALSE_ALARMS, tz: tzinfo = UTC) -> Drift:
    """Changes over time per model; `level` is the chance of any false alarm in the whole result.

    Estimates are made anew without effects of time: they would show a change where none is.
    """
    from latprof.change import drift as find_drift
    from latprof.estimate import estimate

    return find_drift(trace.with_estimates(estimate(trace, over_time=False).estimates), level=level, tz=tz)


def _drivers_chapter(trace: Trace, tz: tzinfo) -> Chapter | None:
    """What goes with long waits, for the agent with the most calls; load tests are made to differ."""
    from latprof.report.drivers import drivers_document
    from latprof.report.overview import Chapter
    from latprof.report.plots import effects_plot, subjects
    from latprof.timeline import DRIVEN, effects, served

    subject = next(iter(subjects(trace)), None)
    if subject is None or not (found := effects(subject.trace, tz)):
        return None
    plots = (effects_plot(found, metric, subject.agent) for metric in DRIVEN)
    document = drivers_document(found, (), (), served(subject.trace))
    shown = tuple(plot for plot in plots if plot is not None)
    return Chapter(f"What goes with long waits: {subject.agent}", document, shown, early=True)


def _unasked(trace: Trace) -> tuple[tuple[str, ...], ...]:
    """The default groupings; several agents are kept apart, for their logs show different things."""
    if len(trace.counts("agent")) < 2:
        return DEFAULT_GROUPINGS
    return tuple(("agent", *keys) for keys in DEFAULT_GROUPINGS)


def _extreme(trace: Trace, column: str, choose: Callable[..., Any]) -> float | None:
    found = float(choose(trace.column(column), initial=np.nan))
    return None if np.isnan(found) else found
