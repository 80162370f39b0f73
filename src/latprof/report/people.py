"""What a report says of each engineer, where the logs name several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from latprof.report.budget import week_table
from latprof.report.build import table_sections
from latprof.report.document import Analysis, Document, Grid, Note, Section
from latprof.report.overview import Chapter
from latprof.report.plots import people_plot
from latprof.stats import Summary
from latprof.timeline import Share, Week

__all__ = ["people_chapter"]

_WORDS: Final = (
    "People differ in their models and their work, so their figures differ without anyone's service being slower: "
    "latprof diff engineer=ana engineer=ben compares two of them at the same work."
)


def people_chapter(
    analysis: Analysis, figures: Summary, shares: Mapping[str | None, Sequence[Share]], weeks: Sequence[Week]
) -> Chapter:
    """Percentiles, time and waiting per engineer.

    `figures` are grouped by engineer, `shares` are the seconds of each one's sessions.
    """
    own = table_sections(replace(analysis, summaries=(figures,)))
    tables = [item for section in own for item in section.items]
    waiting = (week_table(weeks),) if weeks else ()
    section = Section("Per engineer", (*waiting, *tables))
    plot = people_plot(shares)
    named = [{"engineer": row.group["engineer"], "calls": row.calls} for row in figures.rows]
    data = {"engineers": [item for place, item in enumerate(named) if item not in named[:place]]}
    document = Document("Per engineer", (Section("In words", (Note(_WORDS),)), section), data, Grid((), ()))
    return Chapter("Per engineer", document, () if plot is None else (plot,), early=True)
