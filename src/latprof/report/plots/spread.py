"""How first tokens and speeds spread: what is to be believed against what the obvious formula says."""

from __future__ import annotations

from typing import Final

from latprof.metrics import metric
from latprof.report.document import Cell, Column, Plot, Table
from latprof.report.figures import Axis, Curve, Curves, Panel
from latprof.report.plots.subject import groups, kind_words
from latprof.stats import MetricRow, summarize
from latprof.stats.distributions import MIN_SPREAD_CALLS, Choice, Spread, spreads
from latprof.trace import Trace
from latprof.units import format_count, format_share, format_value

__all__ = ["spread_plots"]

_QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
_TITLES: Final = {
    "ttft_s": ("first-token", "How long the first token takes", "Seconds from sending to the first token"),
    "decode_tps": ("decode-speed", "How fast responses are generated", "Tokens per second after the first token"),
}
_ROLES: Final = {"as_logged": "logged", "bound": "bound"}
_TRAP: Final = {
    "ttft_s": "it counts the generation of the first block as waiting",
    "decode_tps": "it counts all tokens but leaves out the time of the first block",
}


def spread_plots(trace: Trace) -> tuple[Plot, ...]:
    """A plot each for first tokens and decode speed, where there are calls enough."""
    parts = groups(trace)
    return tuple(plot for key in _TITLES if (plot := _plot(key, parts)) is not None)


def _plot(key: str, parts: dict[str, Trace]) -> Plot | None:
    found = spreads(parts, key)
    if not found:
        return None
    name, title, label = _TITLES[key]
    panels = tuple(Panel(group, tuple(_curve(item) for item in items)) for group, items in found.items())
    unit = metric(key).unit
    figure = Curves(Axis(f"{label}, logarithmic scale ({unit})", unit, log=True), panels)
    return Plot(name, title, _summary(key, found), figure, _table(title, unit, parts, found))


def _curve(item: Spread) -> Curve:
    words = (
        "obvious formula (as-logged)"
        if item.kind == "as_logged"
        else kind_words(Choice(item.metric, item.kind, item.n))
    )
    return Curve(words, _ROLES.get(item.kind, "true"), item.n, item.x, item.heights, item.median)


def _summary(key: str, found: dict[str, tuple[Spread, ...]]) -> str:
    """What the eye should find, in words: the largest group's medians, and how to read the hills."""
    parts = ["The higher the hill, the more calls; every hill has the same area, uprights stand at medians."]
    pair = next(((group, items) for group, items in found.items() if len(items) == 2), None)
    if pair is not None:
        group, (true, logged) = pair
        parts.insert(0, _against(key, group, true, logged))
    if any(item.kind == "bound" for items in found.values() for item in items):
        parts.append("Where only bounds are known, the true hill lies to the left of the one that is drawn.")
    beyond = max(item.beyond for items in found.values() for item in items)
    if beyond > 0:
        parts.append(f"At most {format_share(beyond)} of a hill's calls lie outside the picture.")
    parts.append(
        f"Groups with fewer than {MIN_SPREAD_CALLS} such calls are left out, and load generators beside agents."
    )
    return " ".join(parts)


def _against(key: str, group: str, true: Spread, logged: Spread) -> str:
    """The two medians; of the same calls also where the obvious formula has no figure for some."""
    unit = metric(key).unit
    word = "exact" if true.kind == "exact" else "estimated"
    said = f"{group}: the median is {format_value(true.median, unit)} {unit} ({word})"
    obvious = f"the obvious formula says {format_value(logged.median, unit)} {unit}"
    if logged.n == true.n:
        return f"{said}, where {obvious} of the same calls, because {_TRAP[key]}."
    return (
        f"{said}. Of the {format_count(logged.n)} calls for which it has a figure {obvious} instead of "
        f"{format_value(logged.best_median, unit)} {unit}, because {_TRAP[key]}."
    )


def _table(title: str, unit: str, parts: dict[str, Trace], found: dict[str, tuple[Spread, ...]]) -> Table:
    columns = (
        Column("calls of", "left"), Column("metric", "left"), Column("kind", "left"), Column("n"),
        *(Column(f"p{q * 100:g}") for q in _QUANTILES),
    )  # fmt: skip
    rows = []
    for group, items in found.items():
        for place, item in enumerate(items):
            row = _row_of(parts[group], item)
            rows.append(
                (
                    Cell("" if place else group), Cell(item.metric), Cell(item.kind.replace("_", "-")),
                    Cell(format_count(row.n)), *(Cell(_value(row, q)) for q in _QUANTILES),
                )
            )  # fmt: skip
    note = "As-logged rows of this table stand for all calls that have such a figure."
    return Table(f"{title}, {unit}", columns, tuple(rows), note if any(r[2].text == "as-logged" for r in rows) else "")


def _row_of(trace: Trace, item: Spread) -> MetricRow:
    summary = summarize(trace, quantiles=_QUANTILES, metrics=(metric(item.metric),))
    return next(row for row in summary.rows if row.kind == item.kind)


def _value(row: MetricRow, probability: float) -> str:
    value = row.quantiles[probability]
    return "too few" if value is None else format_value(value, row.unit)
