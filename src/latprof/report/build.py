"""Analysis -> document: which tables a reader sees first, and in which words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from latprof.metrics import Metric, metric
from latprof.model import PROBLEMS, Kind
from latprof.report.document import NO_DATA, Analysis, Cell, Column, Document, Grid, Note, Section, Table, heading
from latprof.report.machine import analysis_data, analysis_grid, rounded
from latprof.stats import Method, MetricRow, Summary, best_rows, is_of_method, min_calls
from latprof.units import UNKNOWN, format_count, format_counted, format_instant, format_share, format_value

__all__ = [
    "analysis_title",
    "bounded",
    "build_document",
    "is_shown",
    "legend_of",
    "problem_section",
    "shown_groupings",
    "table_sections",
]

_WAIT: Final = ("ttft_s", "first_block_s", "as_logged_ttft_s", "wall_s", "tool_s")
_SPEED: Final = ("decode_tps", "wall_tps", "as_logged_decode_tps")
_SIZE: Final = ("input_tokens", "cache_hit_share", "output_tokens", "reasoning_tokens")
_WAITING: Final = "Waiting by {}, in seconds"
_GENERATION: Final = "Generation speed by {}, in tokens per second"
_SIZES: Final = "Sizes by {}, in tokens"
_TABLES: Final = {_WAITING: _WAIT, _GENERATION: _SPEED, _SIZES: _SIZE}
_ALL_TABLES: Final = tuple(_TABLES)
# The two groupings that are shown unasked leave out what does not differ by them.
_TABLES_BY: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    ("trigger",): (_WAITING,),
    ("model",): (_WAITING, _GENERATION),
    ("trigger", "model"): (),
    ("agent", "trigger"): (_WAITING,),
    ("agent", "model"): (_WAITING, _GENERATION),
    ("agent", "trigger", "model"): (),
}
# Where one of these is the first of several keys, its rows stand together.
_OWNERS: Final = frozenset({"agent", "engineer", "host"})
_LEGEND: Final = (
    "How to read the tables: estimates come from a model of many calls (latprof explain shows it), pooled ones lean "
    "on other groups of their model; ≤ and ≥ mark bounds, the true value lies on that side; coverage is the share of "
    "the group's calls that have such a value; n<30 means refused, needs 30 calls; – means no interval, too few "
    "sessions; intervals respect that calls of one session are alike. The intervals of all percentiles are in "
    "--json and --csv."
)
_PROBLEM_LINES: Final = 200
# An estimate that takes more than this from other groups says so.
_LEANS: Final = 0.2
_SIGN: Final = {"upper": "≤ ", "lower": "≥ "}


def build_document(analysis: Analysis, *, list_problems: bool = False) -> Document:
    """Arrange an analysis: waiting and speed for each grouping, then what it means, then problems.

    Only a whole analysis has anything for programs.
    """
    sections = list(table_sections(analysis))
    legend = legend_of(sections)
    sections.append(Section("In words", (*(Note(text) for text in analysis.notes), *legend)))
    if analysis.problems:
        sections.append(problem_section(analysis, list_problems=list_problems))
    if not analysis.whole:
        return Document(analysis_title(analysis), tuple(sections), NO_DATA, Grid((), ()))
    rows = rounded(analysis)
    data, grid = analysis_data(analysis, rows), analysis_grid(analysis, rows)
    return Document(analysis_title(analysis), tuple(sections), data, grid)


def shown_groupings(groupings: Iterable[tuple[str, ...]], *, asked: bool) -> tuple[tuple[str, ...], ...]:
    """Those that a document for people says anything of: all calls, and groupings with tables."""
    return tuple(by for by in groupings if not by or _tables_by(by, asked=asked))


def is_shown(by: tuple[str, ...], metric: Metric, kind: Kind, method: Method, *, asked: bool) -> bool:
    """Whether a document for people needs a grouping's rows of a metric and a kind."""
    if not by:
        from latprof.report.words import is_told  # not for a start

        return is_told(metric, kind, method)
    chosen = _tables_by(by, asked=asked)
    return any(metric.key in _TABLES[title] for title in chosen) and is_of_method(metric, kind, method)


def bounded(quantiles: Sequence[float]) -> frozenset[float]:
    """The quantiles whose intervals a document for people shows."""
    return frozenset((0.5, *_shown_interval(quantiles)))


def _tables_by(by: tuple[str, ...], *, asked: bool) -> tuple[str, ...]:
    """The titles of a grouping's tables: all of one that was asked for."""
    if not by:
        return ()
    return _ALL_TABLES if asked else _TABLES_BY.get(by, _ALL_TABLES)


def table_sections(analysis: Analysis) -> tuple[Section, ...]:
    """The tables of each grouping."""
    return tuple(section for summary in analysis.summaries for section in _grouping(summary, analysis))


def legend_of(sections: Iterable[Section]) -> tuple[Note, ...]:
    """How tables are read, where there is one."""
    found = any(isinstance(item, Table) for section in sections for item in section.items)
    return (Note(_LEGEND),) if found else ()


def analysis_title(analysis: Analysis, team: str | None = None) -> str:
    """How much was read, of which agents, from when to when; with the team's name before it."""
    span = ""
    first, last = format_instant(analysis.since, analysis.tz), format_instant(analysis.until, analysis.tz)
    if first and last:
        span = f", {first[:10]} to {last[:10]}"
    agents = f" ({', '.join(analysis.agents)})" if analysis.agents else ""
    return (
        f"{heading(team)}: {format_counted(analysis.calls, 'call')}, {format_counted(analysis.sessions, 'session')}, "
        f"{format_counted(analysis.files, 'file')}{agents}{span}"
    )


def _grouping(summary: Summary, analysis: Analysis) -> Iterable[Section]:
    """The tables of one grouping; groupings that are only for machines have none."""
    name, quantiles = " and ".join(summary.by), analysis.quantiles
    chosen = _tables_by(summary.by, asked=analysis.asked)
    if analysis.method == "best":
        summary = replace(summary, rows=tuple(best_rows(summary.rows)))
    tables = [
        _table(title.format(name), summary, keys, quantiles) for title, keys in _TABLES.items() if title in chosen
    ]
    full = tuple(table for table in tables if table.rows)
    # Tables of one grouping that are empty are so for the same groups.
    empty = dict.fromkeys(table.caption for table in tables if table.caption and not table.rows)
    if full or empty:
        yield Section(f"By {name}", (*full, *map(Note, empty)))


def _table(title: str, summary: Summary, keys: Sequence[str], quantiles: Sequence[float]) -> Table:
    by = summary.by
    columns = (
        *(Column(key, "left") for key in by),
        Column("metric", "left"),
        Column("kind", "left"),
        Column("n", "right", 1),
        Column("coverage", "right", 2),
        *(Column(_percentile(q), "right", _percentile_priority(q)) for q in quantiles),
        *(Column(f"{_percentile(q)} 95 %", "right", 2) for q in _shown_interval(quantiles)),
    )
    sums = _owner_sums(summary)
    wanted = sorted(
        (row for row in summary.rows if row.metric in keys and _says_something(row)),
        key=lambda row: (_owner_order(summary, row, sums), _group_order(summary, row), keys.index(row.metric)),
    )
    rows = tuple(_cells(row, by, quantiles, previous) for row, previous in zip(wanted, [None, *wanted], strict=False))
    return Table(title, columns, rows, _too_few(summary, keys, quantiles))


def _says_something(row: MetricRow) -> bool:
    """Whether there are calls enough for at least one percentile."""
    return any(value is not None for value in row.quantiles.values())


def _too_few(summary: Summary, keys: Sequence[str], quantiles: Sequence[float]) -> str:
    """Names of the groups that have calls, but too few for any percentile of these metrics, and how many it takes."""
    calls = {tuple(row.group.values()): row.calls for row in summary.rows if row.metric in keys}
    shown = {tuple(row.group.values()) for row in summary.rows if row.metric in keys and _says_something(row)}
    names = [
        f"{', '.join(name or 'unknown' for name in group)} ({format_count(count)})"
        for group, count in calls.items()
        if group not in shown
    ]
    if not names:
        return ""
    easiest = min(quantiles, key=min_calls)
    need = f"{_percentile(easiest)} needs {format_count(min_calls(easiest))}"
    return f"Too few calls for any percentile ({need}): {'; '.join(names)}."


def _percentile(probability: float) -> str:
    return f"p{probability * 100:g}"


def _percentile_priority(probability: float) -> int:
    """Where there is no room the fast end goes first, then the far tail; median and p90 stay."""
    if probability in {0.5, 0.9}:
        return 0
    return 4 if probability < 0.5 else 3


def _shown_interval(quantiles: Sequence[float]) -> tuple[float, ...]:
    """The interval column is the median's, or the first percentile's where there is no median."""
    return (0.5,) if 0.5 in quantiles else tuple(quantiles[:1])


def _owner_sums(summary: Summary) -> dict[str | None, int]:
    """Calls per value of a first key that owns what follows; nothing for other groupings."""
    if len(summary.by) < 2 or summary.by[0] not in _OWNERS:
        return {}
    found: dict[str | None, int] = {}
    for (owner, *_), calls in summary.groups.items():
        found[owner] = found.get(owner, 0) + calls
    return found


def _owner_order(summary: Summary, row: MetricRow, sums: Mapping[str | None, int]) -> tuple[int, str]:
    """Rows of one owner stand together, the owner with most calls first."""
    owner = row.group[summary.by[0]] if sums else None
    return (-sums.get(owner, 0), owner or "\uffff")


def _group_order(summary: Summary, row: MetricRow) -> tuple[int, str]:
    """Largest groups first, unless the grouping has an order of its own (time, size)."""
    key = "\x00".join(row.group[part] or "\uffff" for part in summary.by)
    ordered = {"day", "hour", "weekday", "context", "version"} & set(summary.by)
    return (0 if ordered else -row.calls, key)


def _cells(
    row: MetricRow, by: Sequence[str], quantiles: Sequence[float], previous: MetricRow | None
) -> tuple[Cell, ...]:
    repeated = previous is not None and previous.group == row.group
    declared = metric(row.metric)
    sign = _SIGN[declared.side] if declared.side and row.kind == "bound" else ""
    minor = row.kind == "as_logged"
    return (
        *(Cell("" if repeated else row.group[key] or "unknown") for key in by),
        Cell(row.metric, minor),
        Cell(_kind(row), minor),
        Cell(format_count(row.n), minor),
        Cell(format_share(row.coverage), minor),
        *(Cell(_value(row, q, sign), minor) for q in quantiles),
        *(Cell(_interval(row, q), minor=True) for q in _shown_interval(quantiles)),
    )


def _kind(row: MetricRow) -> str:
    """The kind in words; a small group's estimate says that it leans on others."""
    if row.borrowed is not None and row.borrowed > _LEANS:
        return "estimate, pooled"
    return row.kind.replace("_", "-")


def _value(row: MetricRow, probability: float, sign: str) -> str:
    value = row.quantiles[probability]
    if value is None:
        needed = row.refused.get(probability, "").split(" ")[1:2]
        return f"n<{needed[0]}" if needed else UNKNOWN
    return sign + format_value(value, row.unit)


def _interval(row: MetricRow, probability: float) -> str:
    low, high = row.intervals[probability]
    if low is None and high is None:
        return UNKNOWN
    return f"{_end(low, row.unit)} … {_end(high, row.unit)}"


def _end(value: float | None, unit: str) -> str:
    return "?" if value is None else format_value(value, unit)


def problem_section(analysis: Analysis, *, list_problems: bool) -> Section:
    """How many problems of each kind there were; with `list_problems` where."""
    total = sum(analysis.problems.values())
    words = "; ".join(f"{PROBLEMS.get(kind, kind)}: {format_count(count)}" for kind, count in analysis.problems.items())
    hint = "" if list_problems else " List them with --problems."
    line = Note(f"{format_counted(total, 'problem')}: {words}.{hint}")
    if not list_problems:
        return Section("Problems", (line,))
    shown = analysis.problem_list[:_PROBLEM_LINES]
    rows = tuple(
        (
            Cell(problem.kind),
            Cell(problem.path),
            Cell("" if problem.line is None else str(problem.line)),
            Cell(problem.detail, minor=True),
        )
        for problem in shown
    )
    rest = len(analysis.problem_list) - len(shown)
    columns = (Column("kind", "left"), Column("file", "left"), Column("line"), Column("reason", "left"))
    more = f"and {format_count(rest)} more" if rest > 0 else ""
    return Section("Problems", (line, Table("Problems", columns, rows, more)))
