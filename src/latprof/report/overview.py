"""The report that people open: sentences, plots, tables, and the documents of other commands as sections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, count
from typing import Any, Final

from latprof.change import Drift
from latprof.classes import dataclass
from latprof.metrics import metric
from latprof.report.build import analysis_title, legend_of, problem_section, table_sections
from latprof.report.document import Analysis, Cell, Column, Document, Note, Plot, Section, Table
from latprof.report.machine import analysis_data, analysis_grid
from latprof.report.plots import by_model, context_plots, heat_plot, spread_plots, subjects, trend_plot
from latprof.report.plots.subject import interval_text, value_text
from latprof.stats import MetricRow, best_rows, summarize, traces_by
from latprof.stats.grouping import of_agents
from latprof.trace import Trace
from latprof.units import UNKNOWN, format_count, format_counted, format_share, format_value

__all__ = ["Chapter", "overview_document", "plots_of"]

_GLANCE: Final = ("ttft_s", "first_block_s", "decode_tps", "wall_s")
_AGENTS: Final = 8
_OBVIOUS: Final = {
    "ttft_s": "as_logged_ttft_s", "first_block_s": "as_logged_ttft_s", "decode_tps": "as_logged_decode_tps",
}  # fmt: skip
_KINDS: Final = (
    "Every figure has a kind. exact: both ends have a stated meaning in the log, good to 50 ms or 2 %. bound: the "
    "true value is at most (≤) or at least (≥) this. estimate: from a model of many calls, with an interval; latprof "
    "explain shows how it came about. as-logged: the obvious formula, wrong by structure, shown only for comparison. "
    "Kinds are never mixed in one figure; what is not known is left out, never counted as 0."
)
_INTERVALS: Final = (
    "Intervals are 95 % intervals that respect that calls of one session are alike. A percentile needs at least three "
    "calls expected on its thinner side; with fewer it is refused."
)
_PRIVACY: Final = (
    "No text of a conversation is in this report. It holds times, counts, sizes, and the names of models, tools, "
    "agents, versions and project folders."
)


@dataclass(frozen=True, slots=True)
class Chapter:
    """The document of another command as a section of the report: plots first, then all that it says.

    `early` chapters stand before the tables, others after them.
    """

    title: str
    document: Document
    plots: tuple[Plot, ...] = ()
    early: bool = False

    def section(self) -> Section:
        """The chapter's items under one heading; parts that are only words come before the tables."""
        parts = sorted(self.document.sections, key=lambda part: not all(isinstance(item, Note) for item in part.items))
        return Section(self.title, (*self.plots, *(item for part in parts for item in part.items)))


def overview_document(
    analysis: Analysis,
    trace: Trace,
    chapters: Sequence[Chapter] = (),
    *,
    list_problems: bool = False,
    team: str | None = None,
    drift: Drift | None = None,
) -> Document:
    """The report of an analysis of these calls, with the chapters that were asked for; headed by the team's name.

    New levels over the days are those of `drift`.
    """
    early = [chapter.section() for chapter in chapters if chapter.early]
    late = [chapter.section() for chapter in chapters if not chapter.early]
    sections = [
        _glance(analysis, trace),
        Section("First token and speed", spread_plots(trace)),
        *early,
        *_drivers(analysis, trace, drift),
        *_tables(analysis),
        *late,
        *([problem_section(analysis, list_problems=list_problems)] if analysis.problems else ()),
        _method(analysis),
    ]
    shown = _distinct(section for section in sections if section.items)
    return Document(analysis_title(analysis, team), shown, _data(analysis, chapters, shown), analysis_grid(analysis))


def _distinct(sections: Iterable[Section]) -> tuple[Section, ...]:
    """The sections with a key of its own for each plot: names that differ in signs only give the same key."""
    taken: set[str] = set()

    def own(item: Table | Note | Plot) -> Table | Note | Plot:
        if not isinstance(item, Plot):
            return item
        keys = chain([item.key], (f"{item.key}-{number}" for number in count(2)))
        key = next(key for key in keys if key not in taken)
        taken.add(key)
        return replace(item, key=key)

    return tuple(replace(section, items=tuple(own(item) for item in section.items)) for section in sections)


def plots_of(document: Document) -> tuple[Plot, ...]:
    """All plots of a document, in the order of reading."""
    return tuple(item for section in document.sections for item in section.items if isinstance(item, Plot))


def _drivers(analysis: Analysis, trace: Trace, drift: Drift | None) -> Iterator[Section]:
    """When it is slow, and what the size of the input does."""
    chosen = subjects(trace)
    clock = [heat_plot(subject, analysis.tz) for subject in chosen]
    clock += [trend_plot(part, analysis.tz, drift) for subject in chosen for part in by_model(subject)]
    yield Section("When it is slow", tuple(plot for plot in clock if plot is not None))
    yield Section("Size of the input", tuple(plot for subject in chosen for plot in context_plots(subject)))


def _tables(analysis: Analysis) -> Iterator[Section]:
    found = table_sections(analysis)
    if found:
        yield Section("All figures", (*legend_of(found), *(item for section in found for item in section.items)))


def _glance(analysis: Analysis, trace: Trace) -> Section:
    """The figures that most people come for, and the sentences."""
    summary = summarize(
        trace, ("agent",), quantiles=(0.5, 0.9), tz=analysis.tz,
        metrics=[metric(key) for key in (*_GLANCE, *dict.fromkeys(_OBVIOUS.values()))],
    )  # fmt: skip
    obvious = {(row.group["agent"], row.metric): row for row in summary.rows if row.kind == "as_logged"}
    wanted = [row for row in best_rows(summary.rows) if row.metric in _GLANCE and row.quantiles[0.5] is not None]
    made_up = {agent for agent, part in traces_by(trace, "agent").items() if not len(of_agents(part))}
    wanted.sort(
        key=lambda row: (
            row.group["agent"] in made_up, -row.calls, row.group["agent"] or "", _GLANCE.index(row.metric),
        )
    )  # fmt: skip
    columns = (
        Column("agent", "left"), Column("figure", "left"), Column("median"), Column("95 %"), Column("p90"),
        Column("kind", "left"), Column("n"), Column("coverage"), Column("obvious formula"),
    )  # fmt: skip
    shown = list(dict.fromkeys(row.group["agent"] for row in wanted))
    rows = []
    before: str | None = None
    for row in wanted:
        if row.group["agent"] not in shown[:_AGENTS]:
            continue
        agent = row.group["agent"] or "unknown"
        logged = obvious.get((row.group["agent"], _OBVIOUS.get(row.metric, "")))
        rows.append(_glance_row("" if agent == before else agent, row, logged))
        before = agent
    note = (
        "obvious formula: the median of what is often computed from such logs, over all calls that allow it; wrong by "
        "the first block's time. The plots below set it against the truth of the same calls."
    )
    if len(shown) > _AGENTS:
        note = f"And {format_counted(len(shown) - _AGENTS, 'agent')} more, in the tables further down. {note}"
    table = (Table("Medians and slow tails", columns, tuple(rows), note),) if rows else ()
    return Section("At a glance", (*table, *(Note(text) for text in analysis.notes)))


def _glance_row(agent: str, row: MetricRow, logged: MetricRow | None) -> tuple[Cell, ...]:
    declared = metric(row.metric)
    tail = row.quantiles[0.9]
    said = None if logged is None or row.kind == "bound" else logged.quantiles[0.5]
    return (
        Cell(agent),
        Cell(f"{declared.label}, {declared.unit}"),
        Cell(value_text(row.quantiles[0.5], row.metric, row.kind)),
        Cell(interval_text(row.intervals[0.5], row.unit), minor=True),
        Cell("too few" if tail is None else value_text(tail, row.metric, row.kind)),
        Cell(row.kind.replace("_", "-")),
        Cell(format_count(row.n)),
        Cell(format_share(row.coverage)),
        Cell(UNKNOWN if said is None else format_value(said, row.unit), minor=True),
    )


def _method(analysis: Analysis) -> Section:
    """What the words and figures mean, and which models were fitted."""
    used = dict.fromkeys(row.metric for summary in analysis.summaries for row in summary.rows)
    columns = (Column("metric", "left"), Column("unit", "left"), Column("how it is made", "left"))
    rows = tuple((Cell(key), Cell(metric(key).unit), Cell(metric(key).formula)) for key in used)
    zone = datetime.fromtimestamp(analysis.since or 0.0, analysis.tz).tzname() or "local time"
    notes = (_KINDS, _INTERVALS, f"Days and hours are {zone}.", _PRIVACY)
    formulas = (Table("Metrics", columns, rows),) if rows else ()
    return Section("Method", (*(Note(text) for text in notes), *formulas, *_fits(analysis)))


def _fits(analysis: Analysis) -> Iterable[Table]:
    """Per model how many calls the estimates rest on, or why there are none."""
    if not analysis.groups:
        return
    columns = (
        Column("agent", "left"), Column("model", "left"), Column("calls"), Column("usable"), Column("sessions"),
        Column("estimate", "left"),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(group.agent), Cell(group.model), Cell(format_count(group.calls)), Cell(format_count(group.usable)),
            Cell(format_count(group.sessions)), Cell(f"none: {group.refused}" if group.refused else "fitted"),
        )
        for group in sorted(analysis.groups, key=lambda group: (-group.calls, group.agent, group.model))
    )  # fmt: skip
    yield Table("Models of first token and speed", columns, rows, "usable: calls that tell something of either.")


def _data(analysis: Analysis, chapters: Sequence[Chapter], sections: Sequence[Section]) -> dict[str, Any]:
    """What `analyze --json` has, the plots' tables, and each chapter's own data."""
    plots = [item for section in sections for item in section.items if isinstance(item, Plot)]
    return {
        **analysis_data(analysis),
        "plots": [
            {
                "key": plot.key,
                "title": plot.title,
                "summary": plot.summary,
                "columns": [column.title for column in plot.table.columns],
                "rows": [[cell.text for cell in row] for row in plot.table.rows],
            }
            for plot in plots
        ],
        "chapters": [{"title": chapter.title, "data": chapter.document.data} for chapter in chapters],
    }
