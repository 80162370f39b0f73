"""How long each engineer waited in each week."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, tzinfo

from latprof.classes import dataclass
from latprof.model import Kind
from latprof.timeline.budget import Budget, by_days
from latprof.timeline.segments import WAITING_FOR_MODEL, Segment

__all__ = ["Week", "weeks"]


@dataclass(frozen=True, slots=True)
class Week:
    """One engineer's week (ISO 8601, 2026-W09), seconds summed over sessions.

    `model_s` is all waiting for the model, `first_token_s` the part until the first token is there as far as it is
    told apart, None where it never is; `at_once_s` counts an instant once in which several sessions wait. `by_kind`
    divides `model_s`.
    """

    engineer: str | None
    week: str
    sessions: int
    wall_s: float
    model_s: float
    first_token_s: float | None
    at_once_s: float
    tool_s: float
    by_kind: dict[Kind, float]


def weeks(items: Sequence[Budget], tz: tzinfo = UTC) -> list[Week]:
    """Every engineer's weeks in the order of names and time; none where no session says whose it is."""
    if not any(item.engineer for item in items):
        return []
    groups: defaultdict[tuple[str | None, str], list[tuple[int, Segment]]] = defaultdict(list)
    for number, item in enumerate(items):
        for segment in item.segments:
            for day, piece in by_days(segment, tz):
                groups[item.engineer, f"{day:%G-W%V}"].append((number, piece))
    ordered = sorted(groups, key=lambda key: (key[0] is None, key[0] or "", key[1]))
    return [_week(*key, groups[key]) for key in ordered]


def _week(engineer: str | None, week: str, pieces: Sequence[tuple[int, Segment]]) -> Week:
    waiting = [piece for _, piece in pieces if piece.activity in WAITING_FOR_MODEL]
    kinds: defaultdict[Kind, float] = defaultdict(float)
    for piece in waiting:
        kinds[piece.kind] += piece.duration_s
    first = [piece.duration_s for piece in waiting if piece.activity == "first_token"]
    return Week(
        engineer,
        week,
        len({number for number, _ in pieces}),
        sum(piece.duration_s for _, piece in pieces),
        sum(kinds.values()),
        sum(first) if first else None,
        _covered(waiting),
        sum(piece.duration_s for _, piece in pieces if piece.activity == "tool"),
        dict(kinds),
    )


def _covered(pieces: Sequence[Segment]) -> float:
    """Length of the union of the pieces, s."""
    covered, reached = 0.0, float("-inf")
    for piece in sorted(pieces, key=lambda piece: piece.start_at):
        covered += max(piece.end_at - max(piece.start_at, reached), 0.0)
        reached = max(reached, piece.end_at)
    return covered
