"""Where the time of sessions goes: budgets, slowest calls, and what drives the waiting."""

from __future__ import annotations

from latprof.timeline.budget import (
    BUDGET_KEYS,
    Budget,
    Share,
    budgets,
    dated_sessions,
    of_sessions,
    shown_keys,
    total,
    total_by,
)
from latprof.timeline.drivers import Effect, effects
from latprof.timeline.measures import DRIVEN, Driven
from latprof.timeline.segments import ACTIVITIES, WAITING_FOR_MODEL, Activity, Segment
from latprof.timeline.slow import RANKINGS, CallFacts, Ranking, SlowShare, facts, slow_share, slowest
from latprof.timeline.threads import Instants, instants_of
from latprof.timeline.trend import Day, HeatMap, Served, Trend, heat_map, served, trends
from latprof.timeline.weeks import Week, weeks

__all__ = [
    "ACTIVITIES",
    "BUDGET_KEYS",
    "DRIVEN",
    "RANKINGS",
    "WAITING_FOR_MODEL",
    "Activity",
    "Budget",
    "CallFacts",
    "Day",
    "Driven",
    "Effect",
    "HeatMap",
    "Instants",
    "Ranking",
    "Segment",
    "Served",
    "Share",
    "SlowShare",
    "Trend",
    "Week",
    "budgets",
    "dated_sessions",
    "effects",
    "facts",
    "heat_map",
    "instants_of",
    "of_sessions",
    "served",
    "shown_keys",
    "slow_share",
    "slowest",
    "total",
    "total_by",
    "trends",
    "weeks",
]
