"""Documents of `latprof compare --measured`: claimed percentiles as stated, and corrected beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.catalogue import Catalogue, Entry
from latprof.classes import dataclass
from latprof.compare import Claims
from latprof.compare.claims import typical_output_tokens
from latprof.compare.speeds import AGGREGATE, Profile, felt_profiles
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.stats.quantiles import min_calls
from latprof.trace import Trace
from latprof.units import UNKNOWN, format_count, format_value

__all__ = ["claims_document"]

Floats = NDArray[np.float64]
_PAID_HOURS: Final = 730.0
_COLUMNS: Final = ("table", "name", "metric", "unit", "stated", "stated_kind", "beside", "beside_kind", "beside_source")


@dataclass(frozen=True, slots=True)
class _Beside:
    """A figure that stands beside a claim: the value, its kind and where it is from."""

    table: str
    name: str
    metric: str
    unit: str
    stated: float | None
    value: float | None
    kind: str
    source: str


@dataclass
class _Sheet:
    """The tables and their figures while they are made."""

    sections: list[Section] = field(default_factory=list)
    figures: list[_Beside] = field(default_factory=list)

    def add(self, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> None:
        if not rows:
            return
        columns = (
            Column(heads[0], "left"),
            *(Column(head, "left" if head == "source" else "right") for head in heads[1:]),
        )
        cells = tuple(tuple(Cell(text) for text in row) for row in rows)
        below = (Note(caption),) if caption else ()
        self.sections.append(Section(title, (Table(title, columns, cells), *below)))


def claims_document(claims: Claims, catalogue: Catalogue, trace: Trace | None = None) -> Document:
    """The claims' own tables, each with what is known better beside it.

    `trace` are logs on which both formulas are applied; without them the catalogue alone stands beside.
    """
    sheet = _Sheet()
    ratio = _ratios(trace) if trace is not None else {}
    _waits(claims, sheet, trace, ratio)
    _speeds(claims, sheet, ratio)
    _models(claims, catalogue, sheet)
    _hopes(claims, sheet)
    _hardware(claims, catalogue, sheet)
    _deployments(claims, catalogue, sheet)
    words = tuple(Note(text) for text in _words(claims, sheet, trace))
    title = f"latprof compare: {claims.title} (claimed, {claims.source})"
    return Document(title, (*sheet.sections, Section("In words", words)), _data(claims, sheet), _grid(sheet))


def _ratios(trace: Trace) -> dict[str, float]:
    """Median of our method over that of the obvious formula, on the same calls."""
    found = {}
    for name in ("ttft_s", "decode_tps"):
        ours, logged = trace.column(name), getattr(trace, f"as_logged_{name}")
        both = ~np.isnan(ours) & ~np.isnan(logged)
        if both.sum() >= min_calls(0.5):
            found[name] = float(np.median(ours[both]) / np.median(logged[both]))
    return found


def _waits(claims: Claims, sheet: _Sheet, trace: Trace | None, ratio: dict[str, float]) -> None:
    heads = ["trigger", "stated p10", "p50", "p90"]
    beside = trace is not None and claims.formula == "first block" and "ttft_s" in ratio
    if trace is not None:
        heads += ["formula, logs p50", "our method p50", "n"]
    if beside:
        heads += ["corrected p50"]
    rows = []
    for item in claims.waits:
        row = [item.trigger.replace("_", " "), *(_seconds(value) for value in (item.p10_s, item.p50_s, item.p90_s))]
        factor = ratio.get("ttft_s")
        if trace is not None:
            logged, ours, n = _both(trace, item.trigger)
            row += [_seconds(logged), _seconds(ours), format_count(n)]
            factor = ours / logged if logged and ours else factor
        if beside:
            corrected = item.p50_s * factor if factor else None
            row.append(_seconds(corrected))
            sheet.figures.append(
                _Beside("ttft", item.trigger, "ttft_s_p50", "s", item.p50_s, corrected, "estimated", "these logs")
            )
        else:
            sheet.figures.append(_Beside("ttft", item.trigger, "ttft_s_p50", "s", item.p50_s, None, "", ""))
        rows.append(row)
    caption = "Claimed."
    if claims.formula == "first block":
        caption = (
            "Claimed; the formula takes the end of the first block for the first token, so each is at most (≤) that."
        )
    if beside:
        caption += (
            " Formula and our method on the same calls of the logs; corrected: stated × our method / formula "
            "(estimated)."
        )
    sheet.add("Time to first token, s", heads, rows, caption)


def _both(trace: Trace, trigger: str) -> tuple[float | None, float | None, int]:
    """Medians of the obvious formula and of our method over the same calls of a trigger."""
    ours, logged = trace.column("ttft_s"), trace.as_logged_ttft_s
    mine = (trace.texts["trigger"] == trigger) & ~np.isnan(ours) & ~np.isnan(logged)
    n = int(mine.sum())
    if n < min_calls(0.5):
        return None, None, n
    return float(np.median(logged[mine])), float(np.median(ours[mine])), n


def _speeds(claims: Claims, sheet: _Sheet, ratio: dict[str, float]) -> None:
    heads = ["metric", "stated p10", "p50", "p90"]
    beside = "decode_tps" in ratio and claims.formula == "first block"
    heads += ["corrected p50"] if beside else []
    rows = []
    for item in claims.speeds:
        row = [item.metric, *(_speed(value) for value in (item.p10, item.p50, item.p90))]
        corrected = None
        if beside:
            # A speed over the whole call needs no first token: it stands as it is.
            corrected = item.p50 * (ratio["decode_tps"] if item.metric == "decode_tps" else 1.0)
            row.append(_speed(corrected))
        kind = "" if corrected is None else "estimated"
        sheet.figures.append(
            _Beside("speed", item.metric, f"{item.metric}_p50", "tok/s", item.p50, corrected, kind, "these logs")
        )
        rows.append(row)
    caption = "Claimed. wall_tps holds as it is: it needs no first token."
    if claims.formula == "first block":
        caption += " decode_tps leaves out the first block's time and is too high."
    sheet.add("Generation speed, tok/s", heads, rows, caption)


def _models(claims: Claims, catalogue: Catalogue, sheet: _Sheet) -> None:
    rows: list[list[str]] = []
    for item in claims.models:
        rows.append([item.name, _seconds(item.ttft_p50_s), _speed(item.decode_p50_tps), f"claimed {claims.source}"])
        for name in item.beside:
            for profile in felt_profiles(catalogue.find(name, "hosted"), catalogue):
                if profile.document == claims.source:
                    continue
                # A first token that is borrowed from the claims themselves says nothing beside them.
                borrowed = claims.source in {place.source for place in profile.at}
                first = None if borrowed else profile.ttft_s
                said = f"{profile.kind} {profile.at[0] if borrowed else profile.source}"
                rows.append([f"  {profile.entry.name}", _seconds(first), _speed(profile.decode_tps), said])
                sheet.figures += [
                    _Beside("model", item.name, "ttft_s_p50", "s", item.ttft_p50_s, first, str(profile.kind), said),
                    _Beside(
                        "model", item.name, "decode_tps_p50", "tok/s", item.decode_p50_tps, profile.decode_tps,
                        str(profile.kind), said,
                    ),
                ]  # fmt: skip
    heads = ("model", "TTFT p50, s", "decode p50, tok/s", "source")
    sheet.add("Each model, and beside it what other sources say", heads, rows)


def _hopes(claims: Claims, sheet: _Sheet) -> None:
    rows = []
    for item in claims.waits:
        if item.hoped_s is not None:
            p90 = UNKNOWN if item.p90_s is None else _seconds(item.p90_s)
            rows.append([item.trigger.replace("_", " "), _seconds(item.p50_s), p90, _seconds(item.hoped_s)])
    heads = ("trigger", "hosted p50", "hosted p90", "hoped of own")
    sheet.add("First token now and as hoped of own cards, s", heads, rows, "Claimed.")


def _hardware(claims: Claims, catalogue: Catalogue, sheet: _Sheet) -> None:
    rows = []
    for item in claims.hardware:
        row = [item.name, f"{item.usd_per_month:,.0f}"]
        hours = whole = None
        if item.cluster is not None:
            entry = catalogue.find(item.cluster, "cluster")
            rate, count = entry.number("rent_usd_per_hour"), entry.count
            if rate and count:
                hours, whole = item.usd_per_month / (rate * count), rate * count * _PAID_HOURS
        row += [UNKNOWN if hours is None else f"{hours:,.0f}", UNKNOWN if whole is None else f"{whole:,.0f}"]
        row.append(_within(claims.team.budget_usd, item.usd_per_month, whole))
        rows.append(row)
        sheet.figures.append(
            _Beside(
                "hardware",
                item.name,
                "usd_per_month",
                "USD",
                item.usd_per_month,
                whole,
                "estimated",
                item.cluster or "",
            )
        )
    heads = ("hardware", "stated USD/month", "hours in that", f"USD at {_PAID_HOURS:.0f} h", "within budget")
    sheet.add(
        "Rent: the stated month, and a whole one",
        heads,
        rows,
        "Claimed rents; whole month estimated from the rent of an hour.",
    )


def _within(budget: float | None, stated: float, whole: float | None) -> str:
    if budget is None:
        return UNKNOWN
    said = "yes" if stated <= budget else "no"
    return said if whole is None else f"{said} → {'yes' if whole <= budget else 'no'}"


def _deployments(claims: Claims, catalogue: Catalogue, sheet: _Sheet) -> None:
    tokens = typical_output_tokens(claims)
    rows: list[list[str]] = []
    if tokens is not None:
        today = tokens / next(item.p50 for item in claims.speeds if item.metric == "wall_tps")
        rows.append(["hosted, as measured", UNKNOWN, UNKNOWN, _seconds(today), f"claimed {claims.source}"])
        sheet.figures.append(_Beside("step", "hosted", "step_s", "s", today, None, "", ""))
    hoped = min((item.hoped_s for item in claims.waits if item.hoped_s is not None), default=None)
    for item in claims.deployments:
        rows.append([item.name, UNKNOWN, _speed(item.decode_tps), _step(hoped, item.decode_tps, tokens), AGGREGATE])
        for profile in _of_engineers(item.beside, claims.team.engineers, catalogue):
            step = None if tokens is None else _seconds_of(profile, tokens)
            kind = str(profile.kind)
            said = f"{kind} {profile.source} @{profile.streams or 1}"
            rows.append(
                [f"  {profile.entry.name}", _seconds(profile.ttft_s), _speed(profile.decode_tps), _seconds(step), said]
            )
            stated = None if tokens is None or hoped is None else hoped + tokens / item.decode_tps
            sheet.figures += [
                _Beside("step", item.name, "decode_tps", "tok/s", item.decode_tps, profile.decode_tps, kind, said),
                _Beside("step", item.name, "step_s", "s", stated, step, kind, said),
            ]  # fmt: skip
    heads = ("system", "TTFT, s", "tok/s", "step, s", "source")
    title = "What one engineer feels"
    caption = ""
    if tokens is not None:
        title += f": a call with {tokens:,.0f} output tokens"
        caption = "Output tokens follow from the claimed medians: wall = output / (first token + output / decode)."
    sheet.add(title, heads, rows, caption)


def _of_engineers(names: Sequence[str], engineers: int, catalogue: Catalogue) -> Iterator[Profile]:
    """Profiles for as many streams as there are engineers (the next larger number), of each kind the first."""
    for name in names:
        entry: Entry = catalogue.find(name, "deployment")
        enough = [item for item in felt_profiles(entry, catalogue) if (item.streams or 1) >= engineers]
        kinds: dict[str, Profile] = {}
        for item in sorted(enough, key=lambda item: (item.streams or 1, len(item.at))):
            kinds.setdefault(str(item.kind), item)
        yield from kinds.values()


def _seconds_of(profile: Profile, tokens: float) -> float | None:
    if profile.ttft_s is None or not profile.decode_tps:
        return None
    return profile.ttft_s + tokens / profile.decode_tps


def _step(first: float | None, tps: float, tokens: float | None) -> str:
    return UNKNOWN if first is None or tokens is None else _seconds(first + tokens / tps)


def _seconds(value: float | None) -> str:
    return UNKNOWN if value is None else format_value(value, "s")


def _speed(value: float | None) -> str:
    return UNKNOWN if value is None else format_value(value, "tok/s")


def _words(claims: Claims, sheet: _Sheet, trace: Trace | None) -> Iterator[str]:
    team = claims.team
    if team.subscription_usd is not None:
        text = f"{team.engineers} engineers pay {team.subscription_usd * team.engineers:,.0f} USD a month (claimed)"
        yield f"{text}{'' if team.budget_usd is None else f'; they would pay {team.budget_usd:,.0f}'}."
    steps = [
        item for item in sheet.figures if item.table == "step" and item.metric == "step_s" and item.value is not None
    ]
    hosted = next((item.stated for item in sheet.figures if item.table == "step" and item.name == "hosted"), None)
    if steps and hosted is not None:
        low, high = min(item.value or 0.0 for item in steps), max(item.value or 0.0 for item in steps)
        yield (
            f"Verdict: the claimed step of a hosted call is {_seconds(hosted)} s. Own cards shared by "
            f"{team.engineers} would make it {_seconds(low)} to {_seconds(high)} s by the sources beside, not what "
            "their sum over all streams suggests. Assumed: the same output, and everyone at work. What would change "
            "it: fewer people at once, longer contexts, a colder cache; `latprof simulate` replays your own calls."
        )
    if claims.formula == "first block" and trace is None:
        yield (
            "Give logs as well (`latprof compare PATH --measured FILE`): they show how far the formula is off, and "
            "correct it."
        )
    yield "All stated figures are claimed: they were measured by somebody else, in a way that latprof has not seen."


def _data(claims: Claims, sheet: _Sheet) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "kind": "claimed",
        "claims": claims.model_dump(),
        "typical_output_tokens": typical_output_tokens(claims),
        "beside": [
            {
                "table": item.table,
                "name": item.name,
                "metric": item.metric,
                "unit": item.unit,
                "stated": item.stated,
                "stated_kind": "claimed",
                "beside": item.value,
                "beside_kind": item.kind or None,
                "beside_source": item.source or None,
            }
            for item in sheet.figures
        ],
    }


def _grid(sheet: _Sheet) -> Grid:
    return Grid(
        _COLUMNS,
        tuple(
            (
                item.table, item.name, item.metric, item.unit, item.stated, "claimed", item.value, item.kind or None,
                item.source or None,
            )
            for item in sheet.figures
        ),
    )  # fmt: skip
