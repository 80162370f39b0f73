"""What the differences of waiting are differences between is said in full."""

from __future__ import annotations

from dataclasses import replace

import pytest

from latprof.report import renderer
from latprof.report.drivers import drivers_document
from latprof.report.plots.effects import effects_plot
from latprof.report.renderers.base import Screen
from latprof.report.svg import NARROW, WIDE, svg
from latprof.timeline import Effect

LEVEL, AGAINST = "uncached input over 1,255 tokens", "anthropic/claude-opus-4-5-20251101-preview"
EFFECT = Effect(
    "ttft_s", "s", "estimate", "uncached input", LEVEL, AGAINST, 0.15, (0.093, 0.2), 2.51, 2105, 2108, 20, 9
)


@pytest.mark.parametrize("name", ["table", "html", "md"])
def test_the_table_cuts_neither_side(name: str) -> None:
    """A factor that ends in a number says nothing without it."""
    shown = renderer(name).render(drivers_document((EFFECT,), (), (), ()), Screen(width=160)).replace("\\", "")
    assert {"1,255 t…", "…20251101"}.isdisjoint(shown.split())
    assert sum(LEVEL in line for line in shown.splitlines()) >= 1
    # In words and in the table.
    assert shown.count(AGAINST) >= 2


@pytest.mark.parametrize(("intervals", "said"), [(0, None), (1, "Of 1 comparisons"), (3, "Of 3 comparisons")])
def test_chance_is_spoken_of_where_something_was_compared(intervals: int, said: str | None) -> None:
    """Without an interval nothing can look clear."""
    effects = [EFFECT] * intervals + [replace(EFFECT, interval=None)]
    shown = " ".join(renderer("table").render(drivers_document(effects, (), (), ()), Screen(width=160)).split())
    assert "does not prove the cause." in shown
    assert ("look clear by chance" in shown) == (said is not None)
    assert said is None or said in shown


def test_a_narrow_table_breaks_them() -> None:
    """Each side in lines of its column."""
    shown = renderer("table").render(drivers_document((EFFECT,), (), (), ()), Screen(width=110)).splitlines()
    row = next(place for place, line in enumerate(shown) if line.startswith(" uncached input"))
    first, second = (line.split() for line in shown[row : row + 2])
    assert first[2:6] == ["uncached", "input", "over", "anthropic/claude-opus-4-5-"]
    assert second == ["1,255", "tokens", "20251101-preview"]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_plot_cuts_neither_side(width: int) -> None:
    """The labels of its rows, in one line or two."""
    plot = effects_plot((EFFECT,), "ttft_s", "claude-code")
    assert plot is not None
    drawing = svg(plot, width)
    assert "1,255 tokens" in drawing
    assert "20251101-preview</text>" in drawing
    assert "…" not in drawing
