"""What the calculators refuse: numbers for which a formula has no meaning."""

from __future__ import annotations

import math

__all__ = ["at_least_zero", "positive", "share"]


def positive(**values: float) -> None:
    """Raise ValueError naming the first value that is not a finite number above 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{_words(name)} must be above 0, not {value:g}")


def at_least_zero(**values: float) -> None:
    """Raise ValueError naming the first value that is not a finite number of 0 or more."""
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{_words(name)} must be 0 or more, not {value:g}")


def share(**values: float) -> None:
    """Raise ValueError naming the first value that is not above 0 and at most 1."""
    for name, value in values.items():
        if not 0 < value <= 1:
            raise ValueError(f"{_words(name)} must be above 0 and at most 1, not {value:g}")


def _words(name: str) -> str:
    return name.replace("_", " ")
