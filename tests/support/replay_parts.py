"""Sittings, lanes and step models made by hand, for tests of the replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from latprof.replay.cluster import Cluster
from latprof.replay.engine import EngineSettings
from latprof.replay.steps import StepTable
from latprof.replay.team import Lane
from latprof.replay.workload import Sitting, Turn


@dataclass(frozen=True)
class LinearSteps:
    """base + per_stream B + per_context sum of contexts + per_token P + per_pair pairs, seconds."""

    base: float = 0.01
    per_stream: float = 0.001
    per_context: float = 1e-7
    per_token: float = 1e-4
    per_pair: float = 1e-9

    def __call__(
        self, streams: Sequence[float], contexts: Sequence[float], prefills: Sequence[float], pairs: Sequence[float]
    ) -> list[float]:
        return [
            (self.base if b + p else 0.0)
            + self.per_stream * b
            + self.per_context * c
            + self.per_token * p
            + self.per_pair * q
            for b, c, p, q in zip(streams, contexts, prefills, pairs, strict=True)
        ]


NO_TIME = LinearSteps(0, 0, 0, 0, 0)


def turn(inputs: int, outputs: int, **fields: Any) -> Turn:
    """A call that nothing leads to and that shares nothing."""
    parts: dict[str, Any] = {
        "trigger": "user", "input_tokens": inputs, "output_tokens": outputs, "after": (), "gap_s": 0.0, "origin": -1,
        "reusable_tokens": 0, "family": "f", "is_subagent": False, "sent_s": 0.0,
    }  # fmt: skip
    return Turn(**(parts | fields))


def chain(sizes: Sequence[tuple[int, int]], gap_s: float = 1.0) -> Sitting:
    """Calls of (new input, output) tokens, each with the whole context of the one before."""
    turns: list[Turn] = []
    context = 0
    for number, (new, outputs) in enumerate(sizes):
        last = number - 1
        turns.append(
            turn(
                context + new,
                outputs,
                after=(last,) if number else (),
                gap_s=gap_s if number else 0.0,
                origin=last,
                reusable_tokens=context,
            )
        )
        context += new + outputs
    return Sitting("s", tuple(turns))


def lane(*sittings: Sitting, starts_at: float = 0.0, pause_s: float = 0.0) -> Lane:
    return Lane(iter(sittings), starts_at, pause_s)


def cluster(
    steps: LinearSteps | None = None, capacity_tokens: int = 1_000_000, *, replicas: int = 1, **settings: Any
) -> Cluster:
    made = EngineSettings(capacity_tokens, **settings)
    return Cluster(made, StepTable(steps or LinearSteps(), made.max_batched_tokens), replicas)
