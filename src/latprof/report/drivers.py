"""What drives waiting, as a document: differences in words, a heat map, days, other models served."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from latprof.change import Drift, Shift
from latprof.classes import dataclass
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.report.drifting import chance_text
from latprof.timeline import Day, Effect, HeatMap, Served, Trend
from latprof.units import UNKNOWN, format_count, format_counted, format_share, format_value

__all__ = ["drivers_document", "effect_in_words"]

_CHANGES: Final = (
    "Changes of level are those that latprof drift finds, among calls of the same trigger and size of context; medians "
    "of days differ by chance much more often. Where nothing changes, at most {} of such histories show any change, "
    "all figures of all models together. No change found does not mean that there is none."
)
_METRICS: Final = {"ttft_s": "time to first token", "decode_tps": "decode speed"}
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SUBJECTS: Final = {
    "cache": "a {}", "model": "model {}", "version": "version {}", "effort": "effort {}", "attempt": "being {}",
    "engineer": "working as {}", "host": "working on {}", "hour": "sending at {}", "weekday": "sending on the {}",
}  # fmt: skip
_DAYS: Final = 14
_BAR: Final = 24
_DIGITS: Final = 6
_LEGEND: Final = (
    "Differences of medians inside groups of calls that are alike in agent, model and size of input (where these are "
    "not what is compared), averaged over the groups. Intervals are 95 % and come from resampling sessions; none is "
    "given with fewer than five sessions on a side. The error of the estimates themselves is not in the intervals. A "
    "difference goes together with something; it does not prove the cause."
)
_CHANCE: Final = " Of {} comparisons about {} may look clear by chance."


def drivers_document(
    effects: Sequence[Effect],
    maps: Sequence[HeatMap],
    trends: Sequence[Trend],
    downgrades: Sequence[Served],
    drift: Drift | None = None,
) -> Document:
    """Clear differences first, in words; then all of them, when waiting is long, day by day, and what served.

    Changes of level are those of `drift`, of the same calls; without it none are looked for.
    """
    n = max((item.n for item in maps), default=0)
    levels = [_changes(trend, drift) for trend in trends]
    sections = [Section("In words", tuple(_words(effects)))]
    sections += [Section(f"Drivers of {name}", _effect_items(effects, metric)) for metric, name in _METRICS.items()]
    sections += [Section("By weekday and hour", tuple(_heat(item) for item in maps if _says_something(item)))]
    sections += [Section("Day by day", tuple(_day_by_day(trends, levels, drift)))]
    sections.append(Section("Requested and served", (_served(downgrades),)))
    data = _data(effects, maps, list(zip(trends, levels, strict=True)), downgrades, drift)
    shown = tuple(section for section in sections if section.items)
    return Document(f"latprof: what drives waiting, {format_counted(n, 'call')}", shown, data, _grid(effects))


def _words(effects: Sequence[Effect]) -> Iterable[Note]:
    clear = [item for item in effects if item.clear]
    if not clear:
        yield Note("No difference is clear: every interval includes 0, or there are too few calls or sessions for one.")
    for item in sorted(clear, key=lambda item: -_size(item)):
        yield Note(effect_in_words(item))
    tried = sum(1 for item in effects if item.interval is not None)
    yield Note(_LEGEND + (_CHANCE.format(format_count(tried), format_value(tried * 0.05, "1")) if tried else ""))


def _size(item: Effect) -> float:
    return abs(item.difference or 0.0) / item.base if item.base else 0.0


def effect_in_words(item: Effect) -> str:
    """'A cache miss costs +3.1 s of time to first token at the median (95 % interval +2.0 to +4.4 s) ...'."""
    if item.difference is None:
        return f"{item.level} against {item.against}: no figure, {item.refused}."
    unit, name = item.unit, _METRICS[item.metric]
    low, high = item.interval or (None, None)
    spread = "" if low is None else f" (95 % interval {_signed(low, unit)} to {_signed(high, unit)} {unit})"
    subject = _SUBJECTS.get(item.factor, "{}").format(item.level)
    subject = subject[:1].upper() + subject[1:]
    worse = (item.difference > 0) == (item.metric == "ttft_s")
    verb = "costs" if worse and item.metric == "ttft_s" else "goes with"
    return (
        f"{subject} {verb} {_signed(item.difference, unit)} {unit} {name} at the median{spread} against "
        f"{item.against}, where it is {format_value(item.base, unit)} {unit}: {format_count(item.n)} and "
        f"{format_count(item.n_against)} calls, {item.kind}."
    )


def _signed(value: float | None, unit: str) -> str:
    if value is None:
        return UNKNOWN
    return ("+" if value >= 0 else "−") + format_value(abs(value), unit)


def _effect_items(effects: Sequence[Effect], metric: str) -> tuple[Table | Note, ...]:
    mine = [item for item in effects if item.metric == metric]
    known = [item for item in mine if item.difference is not None]
    refused = [item for item in mine if item.difference is None]
    items: list[Table | Note] = []
    if known:
        unit = known[0].unit
        columns = (
            Column("factor", "left", 1), Column("calls", "left"), Column("against", "left", 2),
            Column("median there", "right", 3), Column("difference"), Column("95 % interval"), Column("n"),
            Column("n against", "right", 4),
        )  # fmt: skip
        title = f"Drivers of {_METRICS[metric]}, {unit}, {known[0].kind}"
        items.append(Table(title, columns, tuple(_effect_row(item) for item in known)))
    if refused and not any(item.n or item.n_against for item in mine):
        items.append(Note(f"No call has a stated or estimated {_METRICS[metric]}: nothing can be compared."))
    elif refused:
        texts = "; ".join(f"{item.level} against {item.against} ({item.refused})" for item in refused)
        items.append(Note(f"No figure: {texts}."))
    return tuple(items)


def _effect_row(item: Effect) -> tuple[Cell, ...]:
    faint = not item.clear
    interval = UNKNOWN if item.interval is None else " … ".join(_signed(end, item.unit) for end in item.interval)
    texts = (
        item.factor, item.level, item.against, format_value(item.base, item.unit),
        _signed(item.difference, item.unit), interval, format_count(item.n), format_count(item.n_against),
    )  # fmt: skip
    return tuple(Cell(text, faint) for text in texts)


def _says_something(item: HeatMap) -> bool:
    return any(value is not None for row in item.medians for value in row)


def _heat(item: HeatMap) -> Table:
    """Two hours to a column, so that a row fits on a screen."""
    columns = (Column("", "left"), *(Column(f"{hour:02d}") for hour in range(0, 24, 2)))
    rows = tuple(
        (Cell(_WEEKDAYS[day]), *(_heat_cell(item, day, hour) for hour in range(0, 24, 2)))
        for day in range(7)
        if sum(item.counts[day])
    )
    title = f"Median {_METRICS[item.metric]} by weekday and hour, {item.unit}, {item.kind}, n {format_count(item.n)}"
    return Table(title, columns, rows, "Each column is two hours; – : fewer than six calls in either hour.")


def _heat_cell(item: HeatMap, day: int, hour: int) -> Cell:
    pairs = [(item.medians[day][h], item.counts[day][h]) for h in (hour, hour + 1)]
    known = [(median, count) for median, count in pairs if median is not None]
    if not known:
        return Cell(UNKNOWN, minor=True)
    count = sum(count for _, count in known)
    return Cell(format_value(sum(median * n for median, n in known) / count, item.unit))


def _has_medians(trend: Trend) -> bool:
    return any(day.median is not None for day in trend.days)


@dataclass(frozen=True, slots=True)
class _Changes:
    """The changes of level of one trend by their days; `refused` says why none were looked for.

    `chance` is how often the strongest sign comes up where nothing changes.
    """

    by_day: dict[str, Shift]
    chance: float | None = None
    refused: str = ""


def _changes(trend: Trend, drift: Drift | None) -> _Changes:
    """What the search over time says of these days: a change is put on the first day from its moment on."""
    if drift is None:
        return _Changes({}, refused="changes of level were not looked for")
    seen = drift.seen_of(trend.agent, trend.model, trend.metric)
    if seen is None:
        return _Changes({}, refused="changes of level need 40 calls and 8 days of sessions with this figure, not loads")
    by_day: dict[str, Shift] = {}
    for shift in drift.shifts_of(trend.agent, trend.model, trend.metric):
        day = next((day.day for day in trend.days if day.last_at >= shift.at), None)
        if day is not None:
            by_day[day] = shift
    return _Changes(by_day, seen.chance)


def _day_by_day(trends: Sequence[Trend], levels: Sequence[_Changes], drift: Drift | None) -> Iterable[Table | Note]:
    shown = [pair for pair in zip(trends, levels, strict=True) if _has_medians(pair[0])]
    agents = {trend.agent for trend, _ in shown}
    for trend, changes in shown:
        yield _trend_table(trend, changes, several=len(agents) > 1)
    if drift is not None and any(changes.chance is not None for _, changes in shown):
        yield Note(_CHANGES.format(f"{drift.false_alarms * 100:g} %"))


def _trend_table(trend: Trend, changes: _Changes, *, several: bool) -> Table:
    days = trend.days[-_DAYS:]
    largest = max((day.median for day in days if day.median is not None), default=0.0)
    columns = (
        Column("day", "left"), Column("n"), Column("median"), Column("", "left", 1, whole=True),
        Column("marks", "left"),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(day.day), Cell(format_count(day.n)), Cell(format_value(day.median, trend.unit)),
            Cell("█" * round(_BAR * (day.median or 0.0) / largest) if largest else ""),
            Cell(_marks(day, changes.by_day.get(day.day))),
        )
        for day in days
    )  # fmt: skip
    older = len(trend.days) - len(days)
    caption = " ".join(
        [_found(changes, days), *([f"And {format_counted(older, 'earlier day')}."] if older > 0 else [])]
    )
    whose = f" ({trend.agent})" if several else ""
    name = f"{_METRICS[trend.metric].capitalize()} of {trend.model or 'unknown model'}{whose}"
    return Table(f"{name} by day, {trend.unit}, {trend.kind}", columns, rows, caption)


def _found(changes: _Changes, shown: Sequence[Day]) -> str:
    """What the search says in a sentence, also of days that are not shown."""
    if changes.chance is None:
        return changes.refused[:1].upper() + changes.refused[1:] + "."
    if not changes.by_day:
        return (
            f"No change of level found: a sign as strong as the strongest comes up in {chance_text(changes.chance)} of "
            "histories without a change."
        )
    earlier = [day for day in changes.by_day if day < shown[0].day]
    return f"Changes of level on earlier days: {', '.join(earlier)}." if earlier else ""


def _marks(day: Day, shift: Shift | None) -> str:
    change = [] if shift is None else [f"{shift.word} from here on (chance {chance_text(shift.chance)})"]
    return "; ".join([*change, *([f"version {day.version}"] if day.new_version else [])])


def _served(downgrades: Sequence[Served]) -> Table | Note:
    if not downgrades:
        return Note("No log names a served model other than the one that was asked for, or the logs do not name both.")
    columns = (Column("requested", "left"), Column("served", "left"), Column("calls"), Column("of"), Column("share"))
    rows = tuple(
        (
            Cell(item.requested), Cell(item.served), Cell(format_count(item.n)), Cell(format_count(item.calls)),
            Cell(format_share(item.n / item.calls)),
        )
        for item in downgrades
    )  # fmt: skip
    return Table("Calls that another model answered than was asked for", columns, rows)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _data(
    effects: Sequence[Effect], maps: Sequence[HeatMap], trends: Sequence[tuple[Trend, _Changes]],
    downgrades: Sequence[Served], drift: Drift | None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "schema_version": 1,
        "effects": [_effect_data(item) for item in effects],
        "heat_maps": [
            {
                "metric": item.metric, "unit": item.unit, "kind": item.kind, "n": item.n,
                "medians": [[_rounded(value) for value in row] for row in item.medians],
                "counts": [list(row) for row in item.counts],
            }
            for item in maps
        ],
        "trends": [_trend_data(*item) for item in trends],
        "false_alarms": None if drift is None else drift.false_alarms,
        "requested_and_served": [
            {"requested": item.requested, "served": item.served, "n": item.n, "calls": item.calls}
            for item in downgrades
        ],
    }  # fmt: skip


def _effect_data(item: Effect) -> dict[str, Any]:
    return {
        "metric": item.metric, "unit": item.unit, "kind": item.kind, "factor": item.factor, "level": item.level,
        "against": item.against, "difference": _rounded(item.difference),
        "interval": None if item.interval is None else [_rounded(end) for end in item.interval],
        "base": _rounded(item.base), "n": item.n, "n_against": item.n_against, "sessions": item.sessions,
        "strata": item.strata, "clear": item.clear, "refused": item.refused or None,
        "words": effect_in_words(item),
    }  # fmt: skip


def _trend_data(item: Trend, changes: _Changes) -> dict[str, Any]:
    days = [
        {
            "day": day.day, "n": day.n, "median": _rounded(day.median), "version": day.version,
            "new_version": day.new_version, "change": day.day in changes.by_day,
            **_shift_data(changes.by_day.get(day.day)),
        }
        for day in item.days
    ]  # fmt: skip
    return {
        "metric": item.metric, "unit": item.unit, "kind": item.kind, "agent": item.agent, "model": item.model,
        "refused": changes.refused or None, "chance": _rounded(changes.chance), "days": days,
    }  # fmt: skip


def _shift_data(shift: Shift | None) -> dict[str, Any]:
    if shift is None:
        return {"says": None, "chance": None}
    return {"says": shift.word, "chance": _rounded(shift.chance)}


def _grid(effects: Sequence[Effect]) -> Grid:
    columns = (
        "metric", "unit", "kind", "factor", "level", "against", "difference", "low", "high", "base", "n", "n_against",
        "sessions", "strata", "refused",
    )  # fmt: skip
    rows = tuple(
        (
            item.metric, item.unit, item.kind, item.factor, item.level, item.against, _rounded(item.difference),
            *((None, None) if item.interval is None else map(_rounded, item.interval)), _rounded(item.base), item.n,
            item.n_against, item.sessions, item.strata, item.refused or None,
        )
        for item in effects
    )  # fmt: skip
    return Grid(columns, rows)
