"""Calls enough for every plot of a report."""

from __future__ import annotations

from latprof import api
from latprof.ingest import Reading
from latprof.model import Problem
from made_calls import NOON, made, trace_of

DAY_S = 86400.0


def loaded(model: str = "model-a", project: str = "/home/dev/shop", version: str = "2.1.330") -> api.Loaded:
    """120 exact calls of 12 sessions on 10 days, at 2 hours, of growing input."""
    calls = [
        made(
            number,
            at=NOON + number % 10 * DAY_S + number // 10 % 2 * 3600 + number,
            wall=4.0 + number % 7,
            session_id=f"s{number % 12}",
            model=model,
            project=project,
            agent_version=version,
            input_tokens=1000 * (1 + number),
        )
        for number in range(120)
    ]
    problems = [Problem("bad_line", "a/b.jsonl", 3, "no JSON")]
    return api.Loaded(trace_of(*calls), Reading(problems=problems, files=12))
