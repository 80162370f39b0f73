"""What else could serve the calls of a team: how long each would have taken, what a month would cost."""

from __future__ import annotations

from latprof.compare.alternatives import alternatives
from latprof.compare.claims import Claims, read_claims
from latprof.compare.costs import Cost
from latprof.compare.result import Comparison, Row, Today, compare
from latprof.compare.speeds import Profile, profiles_of
from latprof.compare.team import Team
from latprof.compare.usage import Usage, named_engineers, usage_of
from latprof.compare.whatif import WhatIf, what_ifs

__all__ = [
    "Claims",
    "Comparison",
    "Cost",
    "Profile",
    "Row",
    "Team",
    "Today",
    "Usage",
    "WhatIf",
    "alternatives",
    "compare",
    "named_engineers",
    "profiles_of",
    "read_claims",
    "usage_of",
    "what_ifs",
]
