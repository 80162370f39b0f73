"""How an estimate came about: what was observed, calibrated, fitted, checked and left out; for a model or one call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from latprof.classes import dataclass
from latprof.estimate import POOLING_CALLS, Account, Group, Reading
from latprof.estimate.mixture import Mixture
from latprof.estimate.values import Calibration, Parameters
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.stats import MetricRow, Summary
from latprof.units import UNKNOWN, format_count, format_counted, format_instant, format_share, format_value

__all__ = ["call_document", "groups_document"]

_TYPES: Final = {"thinking": "thinking", "text": "text", "tool_use": "tool call"}
_FIGURES: Final = (
    "ttft_s", "first_block_s", "as_logged_ttft_s", "decode_tps", "as_logged_decode_tps",
)  # fmt: skip
_METHOD: Final = (
    "The log stamps the end of each block. With L the time to the first token and d the speed of one call, the first "
    "block ends at L + tokens / d and the last one later by the rest of the tokens / d. Tokens of blocks are "
    "calibrated on their sizes; the shapes of L and d over all calls are fitted together; each call then gets what is "
    "possible for it. docs/explanation/measurement.md has the formulas and the measured errors."
)


@dataclass(frozen=True, slots=True)
class _Line:
    """One fact: its name, its value for people, its value for programs."""

    name: str
    text: str
    value: str | float | None


def groups_document(accounts: Sequence[Account], summary: Summary) -> Document:
    """One section per model; `summary` has the percentiles by agent and model."""
    sections = [Section("Method", (Note(_METHOD),))] if accounts else []
    lines: list[tuple[str, str, _Line]] = []
    for account in accounts:
        group = account.group
        tables, facts = _group(account, _figures_of(summary, group))
        sections.append(Section(f"{group.model} ({group.agent})", tables))
        lines += [(group.agent, group.model, fact) for fact in facts]
    if not accounts:
        sections.append(Section("Nothing", (Note("No calls of an agent whose block ends are estimated from."),)))
    data = {
        "schema_version": 1,
        "groups": [_group_data(account, _figures_of(summary, account.group)) for account in accounts],
    }
    grid = Grid(
        ("agent", "model", "fact", "value"),
        tuple((agent, model, line.name, line.value) for agent, model, line in lines),
    )
    title = f"latprof: how the estimates of {format_counted(len(accounts), 'model')} came about"
    return Document(title, tuple(sections), data, grid)


def _figures_of(summary: Summary, group: Group) -> list[MetricRow]:
    own = [row for row in summary.rows if row.group == {"agent": group.agent, "model": group.model}]
    return sorted((row for row in own if row.metric in _FIGURES), key=lambda row: _FIGURES.index(row.metric))


def _group(account: Account, figures: Sequence[MetricRow]) -> tuple[tuple[Table | Note, ...], list[_Line]]:
    group = account.group
    name = f"{group.model} ({group.agent})"
    observed = _observed(account)
    items: list[Table | Note] = []
    if group.refused:
        items.append(Note(f"No estimates of {name}: {group.refused}. Bounds stand instead."))
    items.append(_facts(f"Calls of {name}", observed))
    facts = list(observed)
    if group.calibration is not None:
        items.append(_calibration(group.calibration))
    if group.parameters is not None:
        fitted = _fitted(group.parameters)
        facts += fitted
        items.append(_facts("Fitted over all calls of the model", fitted))
        if group.factors:
            items.append(_effects(group, group.parameters))
    if group.checks:
        items.append(_checks(group))
    if figures:
        items.append(_result(figures))
    return tuple(items), facts


def _facts(title: str, lines: Iterable[_Line]) -> Table:
    columns = (Column("what", "left"), Column("value", "left"))
    return Table(title, columns, tuple((Cell(line.name), Cell(line.text)) for line in lines))


def _count(name: str, value: int) -> _Line:
    return _Line(name, format_count(value), value)


def _observed(account: Account) -> list[_Line]:
    group = account.group
    lines = [_count("all calls", group.calls), *(_count(f"left out: {why}", n) for why, n in account.left_out)]
    lines += [
        _count("used", group.usable),
        _count("sessions of these", group.sessions),
        _count("show the time between blocks", group.spans),
        _count("state the first token", group.known),
    ]
    return [*lines, _count("calls that the shapes were fitted on", group.fitted_on)] if group.fitted_on else lines


def _calibration(fit: Calibration) -> Table:
    columns = (Column("block", "left"), Column("tokens per block"), Column("characters per token"))
    rows = tuple(
        (
            Cell(name),
            Cell(format_value(fit.tokens_per_block(kind), "tokens")),
            Cell(UNKNOWN if (ratio := fit.characters_per_token(kind)) is None else f"{ratio:.2f}"),
        )
        for kind, name in _TYPES.items()
    )
    note = f"{_how(fit)}; a block's count is good to {format_share(fit.error)} (standard error)."
    by_signature = " Thinking by its signature." if fit.size_of("thinking") == "signature" else ""
    return Table("Tokens of blocks (estimate)", columns, rows, note + by_signature)


def _how(fit: Calibration) -> str:
    if not fit.fitted:
        return "usual values, too few calls to fit"
    unsized = [name for kind, name in _TYPES.items() if fit.size_of(kind) is None]
    usual = f"; usual characters per token of {', '.join(unsized)}: too few calls show their sizes" if unsized else ""
    return f"fitted on {format_counted(fit.n, 'call')}{usual}"


def _fitted(parameters: Parameters) -> list[_Line]:
    speed = _mixture_quantiles(parameters.speed)
    first = _mixture_quantiles(parameters.first)
    factors = [*(float(value) for value in np.exp(parameters.type_log)), 1.0]
    lines = [
        _Line("first token without prefill, p10 / p50 / p90", " / ".join(f"{v:.3g}" for v in first) + " s", first[1]),
        _Line("speed of tool arguments, p10 / p50 / p90", " / ".join(f"{v:.3g}" for v in speed) + " tok/s", speed[1]),
    ]
    for (_, name), factor in list(zip(_TYPES.items(), factors, strict=True))[:2]:
        lines.append(_Line(f"speed of {name} against tool arguments", f"× {factor:.2f}", factor))
    return [
        *lines,
        _Line("first token per 100,000 uncached input tokens", f"+{parameters.beta_s:.2f} s", parameters.beta_s),
        _Line(
            "speed per 100,000 input tokens", f"{100 * float(np.expm1(-parameters.gamma)):+.1f} %", -parameters.gamma
        ),
        _Line(
            "tokens of a tool call that take no time", f"{parameters.free_tokens:.0f} tokens", parameters.free_tokens
        ),
        _Line("variation of speed inside a call", format_share(parameters.wobble), parameters.wobble),
    ]


def _mixture_quantiles(mixture: Mixture) -> list[float]:
    """p10, p50 and p90 of a mixture on a log scale, read off a fine grid."""
    reach = 5 * mixture.width
    grid = np.linspace(float((mixture.centre - reach).min()), float((mixture.centre + reach).max()), 2000)
    below = mixture.cumulative(grid)
    return [float(np.exp(np.interp(q, below, grid))) for q in (0.1, 0.5, 0.9)]


def _effects(group: Group, parameters: Parameters) -> Table:
    columns = (
        Column("grouping", "left"), Column("group", "left"), Column("n"), Column("of its own"),
        Column("first token"), Column("speed"),
    )  # fmt: skip
    rows = []
    for factor, first, speed in zip(group.factors, parameters.first_effects, parameters.speed_effects, strict=True):
        counts = np.bincount(factor.level, minlength=len(factor.names))
        for k, name in enumerate(factor.names):
            own = counts[k] / (counts[k] + POOLING_CALLS)
            rows.append(
                (
                    Cell(factor.name if k == 0 else ""), Cell(name), Cell(format_count(int(counts[k]))),
                    Cell(format_share(float(own))), Cell(f"× {np.exp(first[k]):.2f}"),
                    Cell(f"× {np.exp(speed[k]):.2f}"),
                )
            )  # fmt: skip
    note = "A small group takes the rest from the model's other calls (partial pooling)."
    return Table("Groups inside the model (estimate)", columns, tuple(rows), note)


def _checks(group: Group) -> Table:
    columns = (Column("observation", "left"), Column("n"), Column("distance"), Column("allowed"), Column("", "left"))
    rows = tuple(
        (
            Cell(item.name), Cell(format_count(item.n)), Cell(f"{item.distance:.3f}"), Cell(f"{item.allowed:.3f}"),
            Cell("fits" if item.fits else "does not fit"),
        )
        for item in group.checks
    )  # fmt: skip
    note = (
        "Largest distance between where held-out calls fall in their predicted distributions and a uniform spread; "
        "allowed is 0.10 plus what chance does to so many calls."
    )
    return Table("Check on held-out calls", columns, rows, note)


def _result(figures: Sequence[MetricRow]) -> Table:
    quantiles = list(figures[0].quantiles)
    columns = (
        Column("metric", "left"), Column("kind", "left"), Column("n", "right", 1),
        *(Column(f"p{100 * q:g}") for q in quantiles), Column("p50 95 %", "right", 2),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(row.metric), Cell(row.kind.replace("_", "-")), Cell(format_count(row.n)),
            *(Cell(format_value(row.quantiles[q], row.unit)) for q in quantiles), Cell(_interval(row)),
        )
        for row in figures
    )  # fmt: skip
    return Table("Result beside bound and obvious formula, in s and tok/s", columns, rows)


def _interval(row: MetricRow) -> str:
    low, high = row.intervals.get(0.5, (None, None))
    if low is None or high is None:
        return UNKNOWN
    return f"{format_value(low, row.unit)} … {format_value(high, row.unit)}"


def _group_data(account: Account, figures: Sequence[MetricRow]) -> dict[str, Any]:
    group, fit, fitted = account.group, account.group.calibration, account.group.parameters
    return {
        "agent": group.agent,
        "model": group.model,
        "refused": group.refused,
        "calls": group.calls,
        "usable": group.usable,
        "left_out": dict(account.left_out),
        "sessions": group.sessions,
        "spans": group.spans,
        "known": group.known,
        "calibration": None
        if fit is None
        else {
            "fitted": fit.fitted,
            "n": fit.n,
            "error": round(fit.error, 4),
            "tokens_per_block": {kind: round(fit.tokens_per_block(kind), 2) for kind in _TYPES},
            "characters_per_token": {kind: fit.characters_per_token(kind) for kind in _TYPES},
            "size_of": {kind: fit.size_of(kind) for kind in _TYPES},
        },
        "fitted": None if fitted is None else {line.name: line.value for line in _fitted(fitted)},
        "checks": [
            {"name": item.name, "n": item.n, "distance": round(item.distance, 4), "allowed": round(item.allowed, 4)}
            for item in group.checks
        ],
        "figures": [
            {
                "metric": row.metric, "unit": row.unit, "kind": row.kind, "n": row.n,
                "quantiles": {f"{q:g}": value for q, value in row.quantiles.items()},
                "intervals": {f"{q:g}": list(ends) for q, ends in row.intervals.items()},
            }
            for row in figures
        ],
    }  # fmt: skip


def call_document(reading: Reading) -> Document:
    """One call: its instants, the sizes of its blocks, and what follows for its first token and speed."""
    lines = [_Line(name, text, text) for name, text in _about(reading)]
    columns = (
        Column("block", "left"), Column("ends after"), Column("characters"), Column("signature"),
        Column("tokens"), Column("of kind", "left"),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(_TYPES.get(block.type, "other")),
            Cell(_seconds(block.ends_s)),
            Cell(UNKNOWN if block.characters is None else format_count(block.characters)),
            Cell(UNKNOWN if block.signature is None else format_count(block.signature)),
            Cell(UNKNOWN if block.tokens is None else format_value(block.tokens, "tokens")),
            Cell(block.tokens_kind or UNKNOWN),
        )
        for block in reading.blocks
    )
    figures = tuple(
        (
            Cell(item.metric),
            Cell(item.kind.replace("_", "-")),
            Cell(_with_unit(item.value, item.unit)),
            Cell(_ends(item.low, item.high, item.unit)),
        )
        for item in reading.figures
    )
    heads = (Column("metric", "left"), Column("kind", "left"), Column("value"), Column("95 % interval"))
    items: tuple[Table | Note, ...] = (
        _facts("What the log says", lines),
        Table("Blocks, in seconds after sending", columns, rows),
        Table("What follows", heads, figures),
        *((Note(reading.refused),) if reading.refused else ()),
    )
    data = {"schema_version": 1, "call": reading.data()}
    grid = Grid(
        ("metric", "kind", "value", "low", "high", "unit"),
        tuple((item.metric, item.kind, item.value, item.low, item.high, item.unit) for item in reading.figures),
    )
    return Document(f"latprof: call {reading.call_id}", (Section("Call", items),), data, grid)


def _about(reading: Reading) -> Iterable[tuple[str, str]]:
    yield "model", reading.model or UNKNOWN
    yield "trigger", reading.trigger
    yield "sent", f"{format_instant(reading.sent_at) or UNKNOWN} ({reading.sent_source or 'not known'})"
    yield "end of response", f"{_seconds(reading.last_s)} after sending ({reading.last_source or 'not known'})"
    if reading.known_s is not None:
        yield "first token stated", f"{_seconds(reading.known_s)} after sending ({reading.first_source})"
    yield "output tokens", UNKNOWN if reading.output_tokens is None else format_count(reading.output_tokens)
    yield "input tokens", UNKNOWN if reading.input_tokens is None else format_count(reading.input_tokens)
    if reading.flags:
        yield "flags", " ".join(reading.flags)


def _seconds(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f} s"


def _with_unit(value: float | None, unit: str) -> str:
    return UNKNOWN if value is None else f"{format_value(value, unit)} {unit}"


def _ends(low: float | None, high: float | None, unit: str) -> str:
    return UNKNOWN if low is None or high is None else f"{format_value(low, unit)} … {format_value(high, unit)}"
