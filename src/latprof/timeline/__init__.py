"""Where the time of sessions goes: budgets, slowest calls, and what drives the waiting."""

from __future__ import annotations

from latprof.timeline.budget import BUDGET_KEYS, Budget, Share, budgets, total, total_by
from latprof.timeline.segments import ACTIVITIES, WAITING_FOR_MODEL, Activity, Segment
from latprof.timeline.slow import RANKINGS, CallFacts, Ranking, SlowShare, facts, slow_share, slowest
from latprof.timeline.threads import Instants, instants_of

__all__ = [
    "ACTIVITIES",
    "BUDGET_KEYS",
    "RANKINGS",
    "WAITING_FOR_MODEL",
    "Activity",
    "Budget",
    "CallFacts",
    "Instants",
    "Ranking",
    "Segment",
    "Share",
    "SlowShare",
    "budgets",
    "facts",
    "instants_of",
    "slow_share",
    "slowest",
    "total",
    "total_by",
]
