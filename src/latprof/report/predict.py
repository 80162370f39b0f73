"""Predictions of operating points -> document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from latprof.replay.calibrate import LoadTest
from latprof.report.calibration_words import calibration_words
from latprof.report.cells import spreadsheet_safe
from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table
from latprof.serving.oracle import Opinion
from latprof.serving.parameters import Parameters
from latprof.serving.predict import Point, Prediction
from latprof.units import UNKNOWN, format_count, format_value

__all__ = ["FIELDS", "predict_document", "row_grid"]

FIELDS: Final = (
    "ttft_ms", "ttft_low_ms", "ttft_high_ms", "tpot_ms", "tpot_low_ms", "tpot_high_ms",
)  # fmt: skip
_SECOND: Final = (
    "The last column is an estimate of another program from measured kernels: means, without queueing, engine overhead "
    "before the first token, or a band."
)
_READ: Final = (
    "TTFT is the wait for the first token, TPOT the time per further token, both the median of one stream. The band "
    "holds the measured value in 80 % of cases. All streams together: concurrency x OSL over TTFT + (OSL - 1) TPOT."
)

# Said, because where prompts go first the difference is large.
_LENGTHS: Final = {
    True: "The lengths of the calls differ, as in usual work: those given are their means.",
    False: "All calls have these lengths, as in most load tests; --lengths varied is for usual work.",
}


def predict_document(
    point: Point,
    found: Prediction,
    parameters: Parameters,
    tests: Sequence[LoadTest] = (),
    second: Opinion | None = None,
) -> Document:
    """One operating point: the figures of a stream beside those of all streams. `tests` calibrated it.

    `second` is another program's opinion, shown beside.
    """
    used, load = point.deployment, point.load
    cached = f" ({format_count(round(load.cached))} cached)" if load.cached else ""
    title = (
        f"latprof: {point.name or used.model.name} in {used.precision} on {used.n_gpu}x{used.gpu.name}, {used.engine}, "
        f"{format_count(round(load.isl))} tokens in{cached}, {format_count(round(load.osl))} out, "
        f"concurrency {format_count(round(load.concurrency))}{', varied' if load.varied else ''}"
    )
    rows = _with_second(_rows(point, found), point, second)
    columns = (
        Column("metric", "left"), Column("unit", "left"), Column("kind", "left"), Column("value"),
        Column("80 % band"), *([Column(second.source)] if second else []),
    )  # fmt: skip
    table = Table("A steady state of this load", columns, tuple(tuple(Cell(text) for text in row) for row in rows))
    basis = f"Estimates of a step-time model fitted on {parameters.date} to {parameters.source}."
    notes = [Note(_READ), Note(_LENGTHS[load.varied]), *(Note(text + ".") for text in found.remarks), Note(basis)]
    notes += [Note(calibration_words(tests))] if tests else []
    notes += [Note(_SECOND)] if second else []
    data: dict[str, Any] = {
        "schema_version": 1, "model": used.model.name, "precision": used.precision, "gpu": used.gpu.name,
        "n_gpu": used.n_gpu, "engine": used.engine, "isl": load.isl, "osl": load.osl, "concurrency": load.concurrency,
        "cached": load.cached, "lengths": "varied" if load.varied else "equal", "kind": "estimate", **_values(found),
        "remarks": list(found.remarks), "parameters_date": parameters.date,
        "calibrated_by_calls": sum(test.calls for test in tests), **_second_data(second),
    }  # fmt: skip
    keys = tuple(key for key in data if key not in {"remarks", "schema_version"})
    return Document(title, (Section("Prediction", (table, *notes)),), data, Grid(keys, (tuple(data[k] for k in keys),)))


def _with_second(rows: Sequence[tuple[str, ...]], point: Point, second: Opinion | None) -> list[tuple[str, ...]]:
    """The rows with the other program's figure of each."""
    if second is None:
        return list(rows)
    t, p, load = second.ttft_ms, second.tpot_ms, point.load
    figures = (t / 1e3, p, 1e3 / p, 1e3 * load.concurrency * load.osl / (t + (load.osl - 1) * p))
    return [(*row, format_value(figure, "s")) for row, figure in zip(rows, figures, strict=True)]


def _second_data(second: Opinion | None) -> dict[str, Any]:
    if second is None:
        return {}
    return {
        "oracle": second.source,
        "oracle_ttft_ms": float(f"{second.ttft_ms:.5g}"),
        "oracle_tpot_ms": float(f"{second.tpot_ms:.5g}"),
    }


def _values(found: Prediction) -> dict[str, float | None]:
    read = {name: getattr(found, name) for name in FIELDS}
    return {name: None if value is None else float(f"{value:.5g}") for name, value in read.items()}


def _rows(point: Point, found: Prediction) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    speed: list[float | None] = [1e3 / t if t else None for t in (found.tpot_ms, found.tpot_high_ms, found.tpot_low_ms)]
    rows.append(("TTFT", "s", "estimate", *_shown([_thousandth(v) for v in _three(found, "ttft")])))
    rows.append(("TPOT", "ms", "estimate", *_shown(list(_three(found, "tpot")))))
    rows.append(("decode, one stream", "tok/s", "estimate", *_shown(speed)))
    rows.append(("decode, all streams", "tok/s", "estimate", *_shown(_aggregate(point, found))))
    return rows


def _three(found: Prediction, name: str) -> tuple[float | None, float | None, float | None]:
    middle, low, high = (getattr(found, f"{name}{end}_ms") for end in ("", "_low", "_high"))
    return middle, low, high


def _thousandth(value: float | None) -> float | None:
    return None if value is None else value / 1e3


def _aggregate(point: Point, found: Prediction) -> list[float | None]:
    """Tokens of all streams; the band takes both times at the same end, which makes it wide rather than narrow."""
    load = point.load
    pairs = zip(_three(found, "ttft"), _three(found, "tpot"), strict=True)
    sums = [
        None if t is None or p is None else 1e3 * load.concurrency * load.osl / (t + (load.osl - 1) * p)
        for t, p in pairs
    ]
    return [sums[0], sums[2], sums[1]]


def _shown(values: Sequence[float | None]) -> tuple[str, str]:
    middle, low, high = (UNKNOWN if value is None else format_value(value, "s") for value in values)
    return middle, f"{low} … {high}"


def row_grid(rows: Sequence[Mapping[str, Any]], found: Sequence[Prediction]) -> Grid:
    """The input rows, in order, with what is predicted for each; empty values and a reason where it is refused."""
    given = [name for name in (list(rows[0]) if rows else []) if name not in {*FIELDS, "reason"}]
    lines = []
    for row, item in zip(rows, found, strict=True):
        kept = [spreadsheet_safe(str(row.get(name) or "")) for name in given]
        lines.append((*kept, *_values(item).values(), item.reason))
    return Grid((*given, *FIELDS, "reason"), tuple(lines))
