"""Amounts as sources print them: a number, a range, about, at least, at most."""

from __future__ import annotations

import re
from typing import Literal

from latprof.classes import dataclass

__all__ = ["Amount", "parse_amount"]

_SHAPE = re.compile(
    r"(?P<bound>>=|<=)?(?P<about>~)?(?P<low>-?\d+(?:\.\d+)?(?:e\d+)?)(?:\.\.(?P<high>-?\d+(?:\.\d+)?(?:e\d+)?))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with what the source says of its precision.

    `low` and `high` are equal but for a range. `bound` says that the truth is at least `low` or at most `high`.
    """

    low: float
    high: float
    about: bool = False
    bound: Literal["at_least", "at_most"] | None = None

    @property
    def middle(self) -> float:
        """The number, or the middle of a range."""
        return (self.low + self.high) / 2

    @property
    def is_range(self) -> bool:
        """Whether the source gives two ends."""
        return self.low != self.high


def parse_amount(value: str | float) -> Amount:
    """Read 176, '45..55', '~160', '>=3000', '<=0.4'. Raises ValueError for anything else."""
    if isinstance(value, int | float):
        return Amount(float(value), float(value))
    found = _SHAPE.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is no amount: write 176, '45..55', '~160', '>=3000' or '<=0.4'")
    low, high = float(found["low"]), float(found["high"] or found["low"])
    if high < low:
        raise ValueError(f"{value!r} has its ends the wrong way round")
    sign = (found["bound"] or "")[:1]
    bound: Literal["at_least", "at_most"] | None = {">": "at_least", "<": "at_most"}.get(sign)  # type: ignore[assignment]
    return Amount(low, high, about=bool(found["about"]), bound=bound)
