"""Documents of `latprof compare`: today and alternatives on one screen, all of it for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from latprof.catalogue import Fact
from latprof.compare import Comparison, Cost, Row, WhatIf
from latprof.compare.result import Hours
from latprof.compare.speeds import AGGREGATE
from latprof.compare.steps import Difference, Percentile
from latprof.report.catalogue_cells import amount_text
from latprof.report.comparing_data import comparison_data, comparison_grid
from latprof.report.comparing_words import change_text, conflict_words, hours_text, legend_words, verdict_words
from latprof.report.document import Cell, Column, Document, Note, Section, Table
from latprof.units import UNKNOWN, format_count, format_counted, format_share

__all__ = ["comparison_document"]

_SHOWN: Final = 4
_SHOWN_SUMS: Final = 6
_SHOWN_TRIGGERS: Final = (("user", "user"), ("tool_result", "tool"))
_MOST_UNFIT: Final = 0.5


def comparison_document(found: Comparison, what_ifs: Sequence[WhatIf] = (), *, everything: bool = False) -> Document:
    """A comparison as tables, words and rows. `everything` shows each row; else the best few of each family."""
    shown = found.felt if everything else _best(found)
    sections = [
        Section("Waiting", (_waiting(found, shown),)),
        Section("Money", (_money(found, shown),)),
    ]
    refused = [row for row in found.rows if row.profile.refused == AGGREGATE]
    if refused:
        few = refused if everything else refused[:_SHOWN_SUMS]
        sections.append(Section("Not comparable", (_refused(few, len(refused) - len(few)),)))
    if what_ifs:
        sections.append(Section("What if", _what_ifs(found, what_ifs)))
    words = (*verdict_words(found, shown), *conflict_words(shown), legend_words(found, shown))
    sections.append(Section("In words", tuple(Note(text) for text in words)))
    usage = found.usage
    team = "" if found.team.name is None else f", {found.team.name}"
    title = (
        f"latprof compare{team}: {format_counted(len(usage), 'call')} of {format_counted(usage.sessions, 'session')}, "
        f"{format_counted(found.team.engineers, 'engineer')}, {format_counted(len(found.felt), 'row')} that can be felt"
    )
    return Document(title, tuple(sections), comparison_data(found, what_ifs), comparison_grid(found))


def _best(found: Comparison) -> tuple[Row, ...]:
    """The least waiting of each family; what is known to hold the calls goes before what is not."""
    best: list[Row] = []
    for name in ("hosted", "self-hosted"):
        mine = [row for row in found.felt if row.family == name]
        mine.sort(key=lambda row: row.unfit_share is None or row.unfit_share > _MOST_UNFIT)
        best += mine[:_SHOWN]
    # What other sources say of the same systems stays beside.
    names = {row.entry.id for row in best}
    return tuple(row for name in ("hosted", "self-hosted") for row in found.felt if row.family == name
                 and (row in best or (row.entry.id in names and row.family == "hosted")))  # fmt: skip


def _waiting(found: Comparison, rows: Sequence[Row]) -> Table:
    keys = [key for key, _ in _SHOWN_TRIGGERS if key in found.today.steps]
    columns = (
        Column("alternative", "left"),
        Column("source", "left"),
        *(Column(f"after {dict(_SHOWN_TRIGGERS)[key]}") for key in keys),
        Column("h/week"),
        Column("change"),
    )
    sign = "≤ " if found.today.kind == "bound" else ""
    today = (
        Cell("today"),
        Cell(f"{found.today.kind}, these logs"),
        *(Cell(sign + _percentiles(found.today.steps[key])) for key in keys),
        Cell(_at_most(sign, _hours(found.today.waiting.value))),
        Cell(UNKNOWN, minor=True),
    )
    return Table(
        "p50/p90/p99 of a call in seconds; waiting in hours per engineer and week, ± 95 %",
        columns,
        (today, *(_waiting_cells(row, keys) for row in rows)),
        _left_out(found, rows),
    )


def _waiting_cells(row: Row, triggers: Sequence[str]) -> tuple[Cell, ...]:
    return (
        Cell(row.entry.id),
        Cell(_source(row)),
        *(Cell(_percentiles(row.steps[key])) for key in triggers),
        Cell(_hours(row.waiting.value)),
        Cell(_change(row.change)),
    )


def _source(row: Row) -> str:
    """M serving:62 @4 *!: kind, places, streams at once, age, contradicted."""
    profile = row.profile
    streams = f" @{profile.streams}" if profile.streams and profile.scope == "per_user_at_n" else ""
    marks = ("*" if profile.old else "") + ("!" if profile.conflicts else "")
    return f"{(profile.kind or '?')[0]} {profile.source}{streams} {marks}".rstrip()


def _percentiles(found: Sequence[Percentile]) -> str:
    return "/".join(_seconds(item.value) for item in found)


def _seconds(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.95 else f"{value:.2f}"


def _hours(value: float | None) -> str:
    return UNKNOWN if value is None else hours_text(value)


def _at_most(sign: str, text: str) -> str:
    """With the sign of a bound, but where the text is one already, or nothing is known."""
    return text if text == UNKNOWN or text.startswith("<") else sign + text


def _change(change: Hours) -> str:
    """The intervals are symmetric: they come from a variance over sessions."""
    if change.value is None:
        return UNKNOWN
    if change.high is None:
        return change_text(change.value)
    return f"{change_text(change.value)} ± {hours_text(change.high - change.value)}"


def _left_out(found: Comparison, rows: Sequence[Row]) -> str:
    more = len(found.felt) - len(rows)
    unknown = len({row.entry.id for row in found.rows if not row.steps and row.profile.refused != AGGREGATE})
    parts = []
    if more > 0:
        parts.append(f"{format_count(more)} more with --all")
    if unknown:
        parts.append(
            f"{format_counted(unknown, 'entry').replace('entrys', 'entries')} without a known speed (costs in --json)"
        )
    return f"Not shown: {'; '.join(parts)}." if parts else ""


def _money(found: Comparison, rows: Sequence[Row]) -> Table:
    columns = (
        Column("alternative", "left"),
        Column("USD/month"),
        Column("each", "right", 1),
        Column("how, source", "left"),
        Column("busy", "right", 2),
        Column("too long"),
        Column("quality, source", "left"),
    )
    cost = found.today.cost_usd
    today = (
        Cell("today"),
        Cell(_usd(cost)),
        Cell(_usd(None if cost is None else cost / found.team.engineers)),
        Cell(_how_today(found)),
        Cell(UNKNOWN, minor=True),
        Cell(UNKNOWN, minor=True),
        Cell(UNKNOWN, minor=True),
    )
    unique = list({row.entry.id: row for row in rows}.values())
    return Table(
        f"A month of {format_counted(found.team.engineers, 'engineer')} in USD; share of calls too long; quality",
        columns,
        (today, *(_money_cells(found, row) for row in unique)),
        _use(unique),
    )


def _use(rows: Sequence[Row]) -> str:
    shares = [cost.utilisation for row in rows if (cost := row.cost) and cost.utilisation is not None]
    if not shares:
        return ""
    low, high = format_share(min(shares)), format_share(max(shares))
    share = low if low == high else f"{low} to {high}"
    return (
        f"The output of these calls is {share} of what own cards, full of streams, would make in the time that is paid."
    )


def _no_price(found: Comparison) -> str:
    return "logs hold no dates" if found.usage.calls_per_week is None else "no price known"


def _how_today(found: Comparison) -> str:
    if found.today.cost_usd is None:
        return found.today.cost_how
    return "subscriptions, as given" if found.today.cost_how == "subscriptions" else "list price, c prices"


def _money_cells(found: Comparison, row: Row) -> tuple[Cell, ...]:
    cost = row.cost
    usd = None if cost is None else cost.usd_per_month
    return (
        Cell(row.entry.id),
        Cell(_usd(usd)),
        Cell(_usd(None if usd is None else usd / found.team.engineers)),
        Cell(_no_price(found) if cost is None else _how(cost)),
        Cell(UNKNOWN if cost is None or cost.utilisation is None else format_share(cost.utilisation)),
        Cell("?" if row.unfit_share is None else format_share(row.unfit_share)),
        Cell("not known" if row.quality is None else _quality(row.quality), minor=True),
    )


def _how(cost: Cost) -> str:
    places = cost.source.split(" ")
    return f"{cost.way}, {cost.kind[0]} {places[0]}{'*' if cost.old else ''}"


def _quality(fact: Fact) -> str:
    value = f"grade {fact.text}" if fact.text else f"{amount_text(fact.amount)} {fact.unit}"
    return f"{value} {fact.kind[0]} {fact.at[0]}{'*' if fact.old else ''}"


def _usd(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"


def _refused(rows: Sequence[Row], more: int) -> Table:
    columns = (Column("alternative", "left"), Column("stated"), Column("source", "left"), Column("", "left"))
    cells = tuple(
        (Cell(row.entry.id), Cell(row.profile.figure), Cell(_source(row)), Cell(row.profile.refused)) for row in rows
    )
    return Table(
        "Sums over all streams; what one of several engineers feels needs `latprof simulate`",
        columns,
        cells,
        f"Not shown: {more} more with --all." if more else "",
    )


def _what_ifs(found: Comparison, items: Sequence[WhatIf]) -> tuple[Table, Note]:
    columns = (
        Column("what if", "left"),
        Column("calls"),
        Column("h/week each"),
        Column("USD/month all"),
        Column("rests on", "left", 1),
    )
    rows = []
    for number, item in enumerate(items, 1):
        cells = (
            f"{number} {item.name}",
            format_count(item.touched),
            _saved_hours(found, item),
            _saved_usd(found, item),
        )
        rows.append((*(Cell(text) for text in cells), Cell(item.refused or item.source, minor=True)))
    notes = "; ".join(
        f"{text}: {assumption}"
        for assumption, text in {
            item.assumption: " and ".join(
                str(n) for n, other in enumerate(items, 1) if other.assumption == item.assumption
            )
            for item in items
        }.items()
    )
    table = Table("What other routing would change (estimates; below 0 is saved)", columns, tuple(rows))
    return table, Note(f"Assumed: {notes}.")


def _saved_hours(found: Comparison, item: WhatIf) -> str:
    weekly = found.usage.calls_per_week
    return UNKNOWN if item.time is None or weekly is None else _ends(item.time, weekly / 3600, 2)


def _saved_usd(found: Comparison, item: WhatIf) -> str:
    from latprof.compare.costs import calls_per_month

    monthly = calls_per_month(found.usage, found.team)
    return UNKNOWN if item.money is None or monthly is None else _ends(item.money, monthly, 0)


def _ends(item: Difference, factor: float, digits: int) -> str:
    middle = f"{item.mean_s * factor:+,.{digits}f}"
    if item.low_s is None or item.high_s is None:
        return middle
    return f"{middle} [{item.low_s * factor:+,.{digits}f}, {item.high_s * factor:+,.{digits}f}]"
