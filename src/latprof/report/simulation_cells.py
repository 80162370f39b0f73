"""Bands and probabilities of replays as text."""

from __future__ import annotations

from typing import Final

from latprof.replay.bands import Band, Outlook, Pace
from latprof.replay.outcome import FIGURES, today_key
from latprof.replay.question import Answer
from latprof.replay.workload import TodayKind, Workload
from latprof.report.document import Cell
from latprof.units import UNKNOWN, format_share, format_value

__all__ = [
    "BUSY",
    "MEASURED",
    "UNITS",
    "band_cell",
    "band_text",
    "chance",
    "chance_words",
    "enough",
    "faster_cell",
    "middle",
    "today_cell",
    "today_kind",
    "value_text",
]

MEASURED: Final[Pace] = "as measured"
BUSY: Final[Pace] = "everyone busy"
UNITS: Final = {figure.key: figure.unit for figure in FIGURES}


def enough(outlook: Outlook, key: str) -> Band | None:
    """The band if most draws had calls enough for the figure."""
    band = outlook.bands.get(key)
    return band if band is not None and band.draws * 2 > outlook.draws else None


def chance_words(answer: Answer, pace: Pace) -> str:
    """The probability that a team's median step is shorter than today, in words."""
    share = answer.faster(pace)
    return "unknown probability" if share is None else f"probability {chance(share, answer.outlooks[pace].draws)}"


def band_cell(outlook: Outlook, key: str) -> Cell:
    """A band as a cell."""
    return Cell(band_text(enough(outlook, key), UNITS.get(key, "s")))


def today_kind(workload: Workload, key: str) -> TodayKind:
    """The kind of a figure as it was measured; `key` is that of the simulated one."""
    measure = "step_s" if key.startswith("step_") else key.rpartition("_p")[0]
    return workload.today_kinds.get(measure, "exact")


def today_cell(outlook: Outlook, key: str, workload: Workload) -> Cell:
    """The figure as it was measured on the same calls, with ≤ where it is an upper bound."""
    text = band_text(enough(outlook, today_key(key)), UNITS.get(key, "s"))
    return Cell(f"≤ {text}" if text != UNKNOWN and today_kind(workload, key) == "bound" else text)


def faster_cell(outlook: Outlook, key: str) -> Cell:
    """The probability that a figure is better than today, empty where nothing is compared."""
    share = outlook.faster.get(key) if enough(outlook, key) else None
    return Cell("" if share is None else chance(share, outlook.draws))


def chance(share: float, draws: int) -> str:
    """A share of draws as a probability: twenty of twenty is no certainty."""
    if draws > 1 and share in {0.0, 1.0}:
        return f"<{format_share(1 / draws)}" if share == 0 else f">{format_share(1 - 1 / draws)}"
    return format_share(share)


def middle(outlook: Outlook, key: str) -> str:
    """The middle of a band."""
    band = outlook.bands.get(key)
    return UNKNOWN if band is None else value_text(band.middle, UNITS[key])


def band_text(band: Band | None, unit: str) -> str:
    """'3.0 [2.4–3.5]', one number where both ends are the same, – where there is none."""
    if band is None:
        return UNKNOWN
    low, middle, high = (value_text(value, unit) for value in (band.low, band.middle, band.high))
    return middle if low == middle == high else f"{middle} [{low}–{high}]".replace(" %–", "–").replace(" %]", "]")


def value_text(value: float, unit: str) -> str:
    """Bands need no more than two or three digits."""
    if unit == "usd":
        return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
    if unit == "1":
        return f"{value:.1f}"
    if unit == "s":
        if value < 0.01:
            return "<0.01" if value > 0 else "0"
        return f"{value:.2f}" if value < 0.995 else (f"{value:.1f}" if value < 9.95 else f"{value:,.0f}")
    if unit == "share" and value > 0.995:
        return "100 %"
    return f"{value:,.0f}" if unit == "tok/s" else format_value(value, unit)
