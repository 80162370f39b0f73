"""What a check found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from latprof.check import Outcome, Verdicts
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.stats.difference import Change
from latprof.units import UNKNOWN, format_count, format_counted, format_value

__all__ = ["check_document", "outcome_label", "outcome_sentence"]

_DIGITS: Final = 6
_UNITS: Final = {"1": "", "share": ""}
_STATUS: Final = {"fail": "FAIL", "unknown": "unknown", "pass": "pass"}


def check_document(verdicts: Verdicts) -> Document:
    """Failures first, then what cannot be judged, then what holds."""
    sections = [
        Section("Failed", tuple(_tables("Failed", verdicts.of("fail")))),
        Section("Cannot be judged", tuple(_tables("Cannot be judged", verdicts.of("unknown")))),
        Section("Held", tuple(_tables("Held", verdicts.of("pass")))),
    ]
    notes = [*verdicts.notes, *_legend(verdicts)]
    sections.append(Section("In words", tuple(Note(text) for text in notes)))
    shown = tuple(section for section in sections if section.items)
    return Document(_title(verdicts), shown, _data(verdicts), _grid(verdicts))


def outcome_label(item: Outcome) -> str:
    """'p90 wall_s, model claude-opus-4-5'."""
    group = ", ".join(f"{key} {value or 'unknown'}" for key, value in item.group.items())
    return f"{item.name}, {group}" if group else item.name


def outcome_sentence(item: Outcome) -> str:
    """One outcome in words, with its unit, n and kind."""
    value, limit = _with_unit(item, item.figure.value), _with_unit(item, item.limit)
    against = "at most" if item.side == "max" else "at least"
    held = f"before {limit}" if item.rule == "baseline" else f"allowed {against} {limit}"
    kind = f", {item.kind.replace('_', '-')}" if item.kind else ""
    beyond = f", worse by {_worse(item)}" if item.status == "fail" else ""
    return f"{outcome_label(item)}: {value}, {held}{beyond} (n {item.figure.n}{kind}): {item.reason}"


def _title(verdicts: Verdicts) -> str:
    counts = (
        f"{len(verdicts.of('fail'))} failed, {len(verdicts.of('unknown'))} unknown, {len(verdicts.of('pass'))} held"
    )
    of = f"{format_counted(verdicts.calls, 'call')}, {format_counted(verdicts.sessions, 'session')}"
    return f"latprof check: {_verdict(verdicts)}: {counts} ({of})"


def _verdict(verdicts: Verdicts) -> str:
    """A check that judged nothing did not pass: its paths or filters may have missed the calls."""
    if verdicts.failed:
        return "FAIL"
    return "pass" if verdicts.judged else "NOTHING CHECKED"


def _tables(title: str, outcomes: Sequence[Outcome]) -> Iterable[Table]:
    """One table per rule, for their columns differ."""
    for rule, heads in (("budget", ("limit", "now", "beyond by")), ("baseline", ("before", "now", "worse by"))):
        chosen = [item for item in outcomes if item.rule == rule]
        if chosen:
            yield _table(f"{title}: {rule}", chosen, heads)


def _table(title: str, outcomes: Sequence[Outcome], heads: tuple[str, str, str]) -> Table:
    grouped = any(item.group for item in outcomes)
    columns = (
        Column("figure", "left"),
        *((Column("group", "left"),) if grouped else ()),
        Column("kind", "left"),
        Column("n"),
        *(Column(head) for head in heads),
        Column("why", "left", 0 if title.startswith("Cannot") else 3),
    )
    rows = []
    for item in outcomes:
        group = ", ".join(value or "unknown" for value in item.group.values())
        rows.append(
            (
                Cell(item.name),
                *((Cell(group),) if grouped else ()),
                Cell((item.kind or UNKNOWN).replace("_", "-")),
                Cell(format_count(item.figure.n)),
                Cell(_limit(item)),
                Cell(format_value(item.figure.value, item.metric.unit)),
                Cell(_worse(item)),
                Cell(item.reason, minor=True),
            )
        )
    return Table(title, columns, tuple(rows))


def _limit(item: Outcome) -> str:
    text = format_value(item.limit, item.metric.unit)
    if item.rule == "baseline":
        return text
    return f"{'≤' if item.side == 'max' else '≥'} {text}"


def _with_unit(item: Outcome, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    unit = _UNITS.get(item.metric.unit, f" {item.metric.unit}")
    return format_value(value, item.metric.unit) + unit


def _worse(item: Outcome) -> str:
    """How much worse as a share, with the 95 % interval where there is one."""
    if item.change is None:
        return UNKNOWN if item.excess is None else f"{item.excess * 100:.0f} %"
    low, high = _worse_ends(item.change, lower_is_better=item.side == "max")
    ratio = item.change.ratio
    if ratio is None:
        return UNKNOWN
    worse = (ratio if item.side == "max" else 1 / ratio) - 1
    return f"{_signed(worse)} %{_interval(low, high)}"


def _worse_ends(change: Change, *, lower_is_better: bool) -> tuple[float | None, float | None]:
    """The ends of how much worse; for speeds the slower end is the worse one."""
    if lower_is_better:
        return change.low, change.high
    return (1 / change.high if change.high else None), (1 / change.low if change.low else None)


def _interval(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    ends = ("?" if end is None else _signed(end - 1) for end in (low, high))
    return f" ({' … '.join(ends)})"


def _signed(share: float) -> str:
    """0.123 -> '+12', and 0 without a sign."""
    percent = round(share * 100)
    return f"{percent:+,}" if percent else "0"


def _legend(verdicts: Verdicts) -> Iterable[str]:
    if any(item.rule == "budget" for item in verdicts.outcomes):
        yield (
            "A budget fails when the whole 95 % interval of the figure is beyond it, so that noise fails nothing; with "
            'judge = "value" the figure itself decides.'
        )
    if any(item.rule == "baseline" for item in verdicts.outcomes):
        yield (
            "Against a baseline a figure fails when it is worse by the ratio, worse by the floor, and beyond chance, "
            "all compared figures together; the range is the 95 % interval of the change. Intervals respect that calls "
            "of one session are alike."
        )
    if verdicts.of("unknown") and not verdicts.strict:
        yield "What cannot be judged fails only with --strict."
    if not verdicts.judged and not verdicts.failed:
        found = "No call was found" if not verdicts.calls else "No figure could be judged"
        yield f"{found}, so nothing was checked: look at the paths and filters, or give --strict to fail on this."


def _data(verdicts: Verdicts) -> dict[str, Any]:
    return {
        "schema_version": 1,
        # None: nothing could be judged, which is neither.
        "passed": False if verdicts.failed else (True if verdicts.judged else None),
        "judged": verdicts.judged,
        "strict": verdicts.strict,
        "calls": verdicts.calls,
        "sessions": verdicts.sessions,
        "outcomes": [_outcome(item) for item in verdicts.outcomes],
        "notes": list(verdicts.notes),
    }


def _outcome(item: Outcome) -> dict[str, Any]:
    figure = item.figure
    return {
        "name": item.name,
        "rule": item.rule,
        "status": item.status,
        "reason": item.reason,
        "metric": item.metric.key,
        "unit": item.metric.unit,
        "kind": item.kind,
        "group": item.group,
        "percentile": round(figure.of * 100, _DIGITS),
        "n": figure.n,
        "sessions": figure.sessions,
        "value": _rounded(figure.value),
        "low": _rounded(figure.low),
        "high": _rounded(figure.high),
        "limit": _rounded(item.limit),
        "side": item.side,
        "change": None if item.change is None else _change(item),
    }


def _change(item: Outcome) -> dict[str, Any]:
    change = item.change
    if change is None:
        return {}
    before = change.before
    return {
        "before_n": before.n,
        "before_low": _rounded(before.low),
        "before_high": _rounded(before.high),
        "difference": _rounded(change.difference),
        "ratio": _rounded(change.ratio),
        "ratio_low": _rounded(change.low),
        "ratio_high": _rounded(change.high),
        "chance": None if item.chance is None else float(f"{item.chance:.3g}"),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _grid(verdicts: Verdicts) -> Grid:
    columns = (
        "status", "rule", "name", "group", "metric", "unit", "kind", "percentile", "n", "sessions", "value", "low",
        "high", "limit", "ratio", "ratio_low", "ratio_high", "reason",
    )  # fmt: skip
    return Grid(columns, tuple(_grid_row(item) for item in verdicts.outcomes))


def _grid_row(item: Outcome) -> tuple[str | int | float | None, ...]:
    figure, change = item.figure, item.change
    group = ", ".join(f"{key}={value or '(unknown)'}" for key, value in item.group.items())
    ratios = (None, None, None) if change is None else (change.ratio, change.low, change.high)
    return (
        item.status, item.rule, item.name, group,
        item.metric.key, item.metric.unit, item.kind, round(figure.of * 100, _DIGITS), figure.n, figure.sessions,
        _rounded(figure.value), _rounded(figure.low), _rounded(figure.high), _rounded(item.limit),
        *(_rounded(ratio) for ratio in ratios), item.reason,
    )  # fmt: skip
