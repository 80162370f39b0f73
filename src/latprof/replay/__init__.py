"""A replay of measured calls, closed loop, on a model of a serving cluster."""

from __future__ import annotations

from latprof.replay.bands import Band, Outlook, Spread, Study
from latprof.replay.plan import Hardware, Impossible, Plan, Wish, plan_for
from latprof.replay.question import Answer, Conditions, Refusal, answers
from latprof.replay.workload import Workload, workload_of

__all__ = [
    "Answer",
    "Band",
    "Conditions",
    "Hardware",
    "Impossible",
    "Outlook",
    "Plan",
    "Refusal",
    "Spread",
    "Study",
    "Wish",
    "Workload",
    "answers",
    "plan_for",
    "workload_of",
]
