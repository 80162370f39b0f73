"""Two sets of calls side by side: the matched change first, then the work that they did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from latprof.change import Comparison, Difference
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.stats.difference import CANNOT_TELL, Change
from latprof.stats.samples import Figure
from latprof.units import UNKNOWN, format_count, format_counted, format_share, format_value

__all__ = ["diff_document", "signed_percent"]

_DIGITS: Final = 6
_SHOWN_CELLS: Final = 8


def signed_percent(ratio: float | None) -> str:
    """1.123 -> '+12 %'; a change that rounds to nothing has no sign."""
    if ratio is None:
        return UNKNOWN
    percent = round((ratio - 1) * 100)
    return f"{percent:+,} %" if percent else "0 %"


def diff_document(comparison: Comparison) -> Document:
    """Arrange a comparison."""
    times = [item for item in comparison.differences if item.matched is not None]
    work = [item for item in comparison.differences if item.matched is None]
    matched = ", ".join(comparison.mix.keys) or "nothing"
    sections = []
    if times:
        table = _table(f"Change from A to B, calls matched for {matched}", times, plain=True)
        sections.append(Section("Change", (table,)))
    if work:
        sections.append(Section("Work", (_table("The work itself, as it was", work, plain=False),)))
    if comparison.mix.keys and comparison.mix.cells:
        sections.append(Section("Mix", (_mix(comparison),)))
    sections.append(Section("In words", tuple(Note(text) for text in _words(comparison, times))))
    return Document(_title(comparison), tuple(sections), _data(comparison), _grid(comparison))


def _title(comparison: Comparison) -> str:
    sides = (
        f"{letter} = {name} ({format_counted(calls, 'call')}, {format_counted(sessions, 'session')})"
        for letter, name, calls, sessions in zip(
            "AB", comparison.names, comparison.calls, comparison.sessions, strict=True
        )
    )
    return f"latprof diff: {'; '.join(sides)}"


def _table(title: str, rows: Sequence[Difference], *, plain: bool) -> Table:
    columns = (
        Column("figure", "left"),
        Column("kind", "left"),
        Column("n A", priority=1),
        Column("n B", priority=1),
        Column("A"),
        Column("B"),
        Column("change"),
        Column("95 %"),
        Column("says", "left"),
        *((Column("unmatched", priority=2),) if plain else ()),
    )
    return Table(title, columns, tuple(_row(item, plain=plain) for item in rows), _caption(rows))


def _caption(rows: Sequence[Difference]) -> str:
    """What a reader must know who misses a figure or an interval."""
    return " ".join([*_unequal(rows), *_unbounded(rows)])


def _unbounded(rows: Sequence[Difference]) -> Iterator[str]:
    ends = [(item.judged.low, item.judged.high) for item in rows if item.judged.ratio is not None]
    if any(None in pair for pair in ends):
        yield (
            "– and ? under 95 %: an end is not known, for too few sessions of A or B count, or too few of their calls "
            "lie beyond the percentile."
        )


def _unequal(rows: Sequence[Difference]) -> Iterator[str]:
    """Why as many calls as are needed may stand beside a refusal."""
    figures = [figure for item in rows for figure in (item.judged.before, item.judged.after) if figure.refused]
    if any(figure.n >= _needed(figure) for figure in figures):
        yield (
            "Matched calls of unequal weight count like fewer: n<30 beside 30 calls or more means that they count like "
            "fewer than 30; --json says like how many."
        )


def _needed(figure: Figure) -> int:
    """How many calls a refused figure asks for."""
    return int(figure.refused.split(" ")[1]) if figure.refused else 0


def _row(item: Difference, *, plain: bool) -> tuple[Cell, ...]:
    change, unit = item.judged, item.metric.unit
    unsure = item.word == CANNOT_TELL
    return (
        Cell(f"p{item.probability * 100:g} {item.metric.key}"),
        Cell(item.kind.replace("_", "-")),
        Cell(format_count(change.before.n)),
        Cell(format_count(change.after.n)),
        Cell(_value(change.before, unit)),
        Cell(_value(change.after, unit)),
        Cell(signed_percent(change.ratio)),
        Cell(_ends(change)),
        Cell(item.word, minor=unsure),
        *((Cell(signed_percent(item.plain.ratio), minor=True),) if plain else ()),
    )


def _value(figure: Figure, unit: str) -> str:
    if figure.value is None:
        return f"n<{_needed(figure)}" if figure.refused else UNKNOWN
    return format_value(figure.value, unit)


def _ends(change: Change) -> str:
    if change.low is None and change.high is None:
        return UNKNOWN
    low, high = ("?" if end is None else signed_percent(end).removesuffix(" %") for end in (change.low, change.high))
    return f"{low} … {high} %"


def _mix(comparison: Comparison) -> Table:
    mix = comparison.mix
    cells = [cell for cell in mix.cells if cell.share > 0][:_SHOWN_CELLS]
    columns = (
        *(Column(key, "left") for key in mix.keys),
        Column("calls A"),
        Column("calls B"),
        Column("matched share"),
    )
    rows = tuple(
        (
            *(Cell(part or "unknown") for part in cell.key),
            Cell(format_count(cell.before)),
            Cell(format_count(cell.after)),
            Cell(format_share(cell.share)),
        )
        for cell in cells
    )
    more = sum(cell.share > 0 for cell in mix.cells) - len(cells)
    return Table("The matched mix", columns, rows, f"and {more} smaller" if more > 0 else "")


def _words(comparison: Comparison, times: Sequence[Difference]) -> Iterator[str]:
    yield from _verdicts(times)
    left, mix = comparison.mix.left_out, comparison.mix
    if mix.keys:
        yield (
            f"Matching: calls are sorted by {', '.join(mix.keys)}. In a cell with a calls in A and b in B each call "
            "of A counts b / (a + b) and each of B a / (a + b), so both sides have the same mix; what only one side "
            f"has counts nothing: {format_share(left[0])} of A and {format_share(left[1])} of B. The column unmatched "
            "is the change without this: as far as it differs, the work changed, not the speed."
        )
    yield (
        "The interval is that of the ratio B / A and respects that calls of one session are alike; about one row in "
        "20 says faster or slower where nothing changed. bound: the logs hold only a limit of the value, and that "
        "limit changed."
    )
    if comparison.missing:
        yield f"Not compared, for the two sides have no kind in common: {'; '.join(comparison.missing)}."
    if comparison.shared_calls:
        yield f"{format_counted(comparison.shared_calls, 'call')} are in both A and B, so the change is understated."


def _verdicts(times: Sequence[Difference]) -> Iterator[str]:
    sure = [item for item in times if item.word != CANNOT_TELL]
    if not sure:
        if any(None not in (item.judged.low, item.judged.high) for item in times):
            yield "Cannot tell: no interval of a change leaves out zero."
        elif times:
            yield "Cannot tell: no change has an interval, for too few sessions count on one side."
        return
    parts = [
        f"p{item.probability * 100:g} {item.metric.key} {signed_percent(item.judged.ratio)} "
        f"({_ends(item.judged)}): {item.word}"
        for item in sure
    ]
    yield f"B against A: {'; '.join(parts)}. The other {len(times) - len(sure)} of {len(times)} rows: cannot tell."


def _data(comparison: Comparison) -> dict[str, Any]:
    mix = comparison.mix
    return {
        "schema_version": 1,
        "sides": [
            {"name": name, "calls": calls, "sessions": sessions}
            for name, calls, sessions in zip(comparison.names, comparison.calls, comparison.sessions, strict=True)
        ],
        "match": list(mix.keys),
        "left_out": [round(share, _DIGITS) for share in mix.left_out],
        "mix": [
            {
                "cell": dict(zip(mix.keys, cell.key, strict=True)),
                "calls": [cell.before, cell.after],
                "share": _rounded(cell.share),
            }
            for cell in mix.cells
        ],
        "shared_calls": comparison.shared_calls,
        "not_compared": list(comparison.missing),
        "differences": [_difference(item) for item in comparison.differences],
    }


def _difference(item: Difference) -> dict[str, Any]:
    return {
        "metric": item.metric.key,
        "unit": item.metric.unit,
        "kind": item.kind,
        "percentile": round(item.probability * 100, _DIGITS),
        "says": item.word,
        "plain": _change(item.plain),
        "matched": None if item.matched is None else _change(item.matched),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "before": _figure(change.before),
        "after": _figure(change.after),
        "difference": _rounded(change.difference),
        "ratio": _rounded(change.ratio),
        "ratio_low": _rounded(change.low),
        "ratio_high": _rounded(change.high),
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "value": _rounded(figure.value),
        "low": _rounded(figure.low),
        "high": _rounded(figure.high),
        "n": figure.n,
        "sessions": figure.sessions,
        "refused": figure.refused or None,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _grid(comparison: Comparison) -> Grid:
    heads = ("before", "after", "n_before", "n_after", "difference", "ratio", "ratio_low", "ratio_high")
    columns = ("metric", "unit", "kind", "percentile", "says", *heads, "unmatched_ratio")
    return Grid(columns, tuple(_grid_row(item) for item in comparison.differences))


def _grid_row(item: Difference) -> tuple[str | int | float | None, ...]:
    change = item.judged
    return (
        item.metric.key, item.metric.unit, item.kind, round(item.probability * 100, _DIGITS), item.word,
        _rounded(change.before.value), _rounded(change.after.value), change.before.n, change.after.n,
        _rounded(change.difference), _rounded(change.ratio), _rounded(change.low), _rounded(change.high),
        _rounded(item.plain.ratio),
    )  # fmt: skip
