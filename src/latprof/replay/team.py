"""Engineers made from measured sessions: whose sitting comes next, and when."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from latprof.classes import dataclass
from latprof.replay.workload import Sitting, Turn, Workload

__all__ = ["Lane", "Team", "capped", "clipped"]

_GAP_JITTER_S = 60.0


@dataclass(frozen=True, slots=True)
class Lane:
    """One engineer: the first sitting starts at `starts_at`, the next one `pause_s` after the end of the one before."""

    sittings: Iterator[Sitting]
    starts_at: float
    pause_s: float


@dataclass(frozen=True, slots=True)
class Team:
    """Engineers drawn from a workload.

    `engineers` lanes draw sessions with replacement from the sessions of the workload, or with `bootstrap` from a
    sample of them as large as the workload. A lane begins in the middle of its first sitting and
    at a time of its own, so that not all start at once. `sessions_at_once` lanes stand for one engineer.
    """

    workload: Workload
    engineers: int
    sessions_at_once: int = 1
    bootstrap: bool = True

    def lanes(self, seed: int) -> list[Lane]:
        """The lanes of one draw. Lane i of a seed is the same whatever the size of the team."""
        pool: Sequence[tuple[Sitting, ...]] = self.workload.sessions
        if self.bootstrap:
            pool = random.Random(f"pool {seed}").choices(pool, k=len(pool))  # noqa: S311 - a simulation, no secret
        pause = self.workload.gap_s
        return [self._lane(pool, seed, number, pause) for number in range(self.engineers * self.sessions_at_once)]

    def _lane(self, pool: Sequence[tuple[Sitting, ...]], seed: int, number: int, pause_s: float) -> Lane:
        dice = random.Random(f"lane {seed} {number}")  # noqa: S311 - a simulation, no secret
        return Lane(_sittings(pool, dice), dice.uniform(0, _GAP_JITTER_S), pause_s)


def _sittings(pool: Sequence[tuple[Sitting, ...]], dice: random.Random) -> Iterator[Sitting]:
    """Sitting after sitting: sessions are drawn by their number of calls, the first from a random call on."""
    sittings = [sitting for group in pool for sitting in group]
    first = dice.choices(sittings, weights=[len(sitting.turns) for sitting in sittings])[0]
    yield _from(first, dice.randrange(len(first.turns)))
    while True:
        yield from dice.choice(pool)


def _from(sitting: Sitting, first: int) -> Sitting:
    """The sitting from one of its calls on; what came before is over."""
    start = sitting.turns[first].sent_s
    turns = []
    for turn in sitting.turns[first:]:
        after = tuple(other - first for other in turn.after if other >= first)
        origin = turn.origin - first if turn.origin >= first else -1
        turns.append(
            replace(
                turn,
                after=after,
                gap_s=turn.gap_s if after else turn.sent_s - start,
                origin=origin,
                reusable_tokens=turn.reusable_tokens if origin >= 0 or turn.origin < 0 else 0,
                sent_s=turn.sent_s - start,
            )
        )
    return replace(sitting, turns=tuple(turns))


def capped(workload: Workload, gap_cap_s: float) -> Workload:
    """The same work with nobody waiting longer than `gap_cap_s` between calls: everyone is busy."""
    return replace(
        workload, sessions=tuple(tuple(_capped(one, gap_cap_s) for one in group) for group in workload.sessions)
    )


def _capped(sitting: Sitting, gap_cap_s: float) -> Sitting:
    turns, roots = [], 0.0
    for turn in sitting.turns:
        gap = min(turn.gap_s, gap_cap_s)
        if not turn.after:
            # Calls that nothing leads to keep their order, but none waits longer than that for the one before.
            gap = roots = min(turn.gap_s, roots + gap_cap_s)
        turns.append(replace(turn, gap_s=gap))
    return replace(sitting, turns=tuple(turns))


def clipped(workload: Workload, context_tokens: int) -> tuple[Workload, float]:
    """The work for a model with a shorter window, and the share of calls that had to be cut to it."""
    count, cut = 0, 0
    sessions = []
    for group in workload.sessions:
        sittings = []
        for sitting in group:
            turns = tuple(_clipped(turn, context_tokens) for turn in sitting.turns)
            cut += sum(new is not old for new, old in zip(turns, sitting.turns, strict=True))
            count += len(turns)
            sittings.append(replace(sitting, turns=turns))
        sessions.append(tuple(sittings))
    return replace(workload, sessions=tuple(sessions)), cut / max(count, 1)


def _clipped(turn: Turn, context_tokens: int) -> Turn:
    if turn.input_tokens + turn.output_tokens <= context_tokens:
        return turn
    outputs = min(turn.output_tokens, max(context_tokens // 2, 1))
    inputs = max(context_tokens - outputs, 1)
    return replace(turn, input_tokens=inputs, output_tokens=outputs, reusable_tokens=min(turn.reusable_tokens, inputs))
