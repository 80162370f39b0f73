"""A printed number of the three documents beside ours, and the constants that the documents share.

A cell names its document, its table in short, the line it stands in, and its text there. `own` is recomputed from
other cells by the functions of `latprof.sizing`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from latprof.sizing import KvCache, ceiling_tps, largest_context_tokens, model_bytes

__all__ = [
    "API",
    "ARTICLE",
    "CONTEXT_SIZES",
    "CONTRADICTIONS",
    "DEEPSEEK",
    "EUR_PER_USD",
    "GB",
    "HOURS",
    "MATCHES",
    "NOMINAL",
    "OVERVIEW",
    "POST",
    "Q8_BYTES",
    "RATE",
    "Cell",
    "ceiling",
    "context",
    "figure",
    "gb",
    "golden",
    "kilo_tokens",
    "last_digit",
    "near",
    "number",
    "off",
]

ARTICLE = "self-hosting-vs-api.txt"
OVERVIEW = "inference-speed-providers.txt"
POST = "claude-feels-slow.txt"

GB = 1e9
HOURS = 720  # 40 tok/s print as 103.7M tokens a month
RATE = 0.15  # EUR per kWh, line 353
EUR_PER_USD = 0.92  # fits all three conversions of the article but one
API = 0.037  # EUR per million tokens, line 363
DEEPSEEK = 0.39  # EUR per million tokens, line 249
NOMINAL = {
    "FP16": 16, "Q8_0": 8, "Q6_K": 6.5, "Q5_K_M": 5.5, "Q4_K_M": 4.8, "Q3_K_M": 3.4, "Q3_K_S": 3, "Q2_K": 2.7,
    "AQLM": 2, "BitNet": 1.58,
}  # fmt: skip
# Sizes in GB that the table of contexts works with, solved from it; 1 GB of headroom is stated.
CONTEXT_SIZES = {"8B": 4.67, "14B": 7.55, "32B": 18.5, "70B": 39.65}
Q8_BYTES = {"8B": 64e3, "14B": 80e3, "32B": 128e3, "70B": 160e3}  # per token, line 173


@dataclass(frozen=True)
class Cell:
    """A printed number and ours; `low` and `high` where the inputs are ranges."""

    table: str
    line: int
    what: str
    text: str
    own: float
    high: float | None = None
    tolerance: float | None = None
    document: str = ARTICLE

    @property
    def printed(self) -> tuple[float, float]:
        """The printed number twice, or both ends of a printed range."""
        low = number(self.text)[0]
        ends = re.search(r"\d-(\d[\d.]*)", self.text)
        return low, float(ends[1]) if ends else low

    @property
    def allowed(self) -> float:
        """Half a unit of the last printed digit, unless said otherwise."""
        half = number(self.text)[1] / 2
        return (half if self.tolerance is None else self.tolerance) * (1 + 1e-9)

    @property
    def distance(self) -> float:
        """How far the printed number or range lies from ours; 0 where ranges overlap."""
        ours = sorted((self.own, self.own if self.high is None else self.high))
        return max(ours[0] - self.printed[1], self.printed[0] - ours[1], 0.0)

    @property
    def shown(self) -> str:
        """Our number for people: three digits."""
        low = figure(self.own)
        return low if self.high is None else f"{low} to {figure(self.high)}"


def number(text: str) -> tuple[float, float]:
    """The first number of a text and the unit of its last digit."""
    found = re.search(r"\d[\d,]*(\.\d+)?", text)
    assert found is not None, text
    return float(found[0].replace(",", "")), 10.0 ** -len((found[1] or ".")[1:])


def figure(value: float) -> str:
    """Three digits, and none after the point for large numbers: 0.0184, 45, 8,000."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def gb(billions: float, bits: float) -> float:
    return model_bytes(billions * 1e9, bits) / GB


def near(text: str, share: float = 0.05) -> float:
    """A tolerance in proportion, for cells with a ~ or inputs that were rounded before."""
    return number(text)[0] * share


def last_digit(text: str) -> float:
    """A whole unit of the last digit, for cells that were cut, not rounded."""
    return number(text)[1]


def kilo_tokens(
    vram_gb: float, size_gb: float, bytes_per_token: float, headroom_gb: float = 1.0, limit: int = 128_000
) -> float:
    """Largest context in K tokens, capped at the trained 128K; negative where the model does not fit."""
    found = largest_context_tokens(
        vram_gb * GB, size_gb * GB, KvCache(bytes_per_token), headroom_bytes=headroom_gb * GB, limit_tokens=limit
    )
    return -1.0 if found is None else found / 1000


def context(vram_gb: float, model: str, q4: bool = False) -> float:  # noqa: FBT001, FBT002
    return kilo_tokens(vram_gb, CONTEXT_SIZES[model], Q8_BYTES[model] / (2 if q4 else 1))


def ceiling(bandwidth_gb_per_s: float, size_gb: float) -> float:
    return ceiling_tps(bandwidth_gb_per_s * 1e9, size_gb * GB)


MATCHES: list[Cell] = []
CONTRADICTIONS: list[tuple[Cell, str]] = []


def golden(
    table: str, line: int, what: str, text: str, own: float, tolerance: float | None = None, document: str = ARTICLE
) -> None:
    MATCHES.append(Cell(table, line, what, text, own, tolerance=tolerance, document=document))


def off(
    table: str, line: int, what: str, text: str, own: float, why: str, high: float | None = None,
    document: str = ARTICLE,
) -> None:  # fmt: skip
    CONTRADICTIONS.append((Cell(table, line, what, text, own, high, document=document), why))
