"""Where the time of calls goes: first token, decoding, tools."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.stats.quantiles import student_t_quantile
from latprof.trace import Trace
from latprof.trace.pool import numbered

__all__ = ["Waiting", "waiting"]

Floats = NDArray[np.float64]
_MIN_CALLS: Final = 6
_MIN_SESSIONS: Final = 2


@dataclass(frozen=True, slots=True)
class Waiting:
    """Sums over `n` calls whose first token is stated or estimated.

    `first_share` is the first token's part of the calls' whole time (0 to 1) with its 95 % interval;
    `as_logged_share` what the obvious formula puts in its place, over the calls where it can be
    computed. `tools_s` is the time of tools after these calls, an upper bound.
    """

    n: int
    estimated: int
    wall_s: float
    first_s: float
    tools_s: float
    first_share: float
    interval: tuple[float | None, float | None]
    as_logged_share: float | None

    @property
    def decode_s(self) -> float:
        """Time after the first token, s."""
        return self.wall_s - self.first_s


def waiting(trace: Trace) -> Waiting | None:
    """The sums; None where fewer than six calls can be told."""
    first, wall = trace.column("ttft_s"), trace.wall_s
    known = ~np.isnan(first) & ~np.isnan(wall) & (wall > 0)
    n = int(known.sum())
    if n < _MIN_CALLS:
        return None
    wall_s = wall.compress(known)
    first_s = np.minimum(first.compress(known), wall_s)
    share = float(first_s.sum() / wall_s.sum())
    logged = trace.as_logged_ttft_s.compress(known)
    both = ~np.isnan(logged)
    exact = int((known & ~np.isnan(trace.ttft_s)).sum())
    return Waiting(
        n=n,
        estimated=n - exact,
        wall_s=float(wall_s.sum()),
        first_s=float(first_s.sum()),
        tools_s=float(np.nansum(trace.tool_s.compress(known))),
        first_share=share,
        interval=_interval(trace, known, first_s, wall_s, share),
        as_logged_share=float(np.minimum(logged[both], wall_s[both]).sum() / wall_s[both].sum())
        if both.any()
        else None,
    )


def _interval(
    trace: Trace, known: NDArray[np.bool_], first_s: Floats, wall_s: Floats, share: float
) -> tuple[float | None, float | None]:
    """A ratio of sums over sessions: linearised variance (Cochran, Sampling Techniques, 1977, chapter 6).

    The model's own error of the median is added for the estimated part.
    """
    codes, names = trace.codes("session_id")
    labels, members = numbered(codes.compress(known), len(names))
    sessions = len(labels)
    if sessions < _MIN_SESSIONS:
        return None, None
    residual = np.bincount(members, first_s - share * wall_s)
    variance = sessions / (sessions - 1) * float(residual @ residual) / float(wall_s.sum()) ** 2
    if trace.estimates is not None:
        error = trace.estimates.error_of_log("ttft_s", 0.5, np.flatnonzero(known & np.isnan(trace.ttft_s)))
        variance += (share * error) ** 2
    reach = student_t_quantile(0.975, sessions - 1) * math.sqrt(variance)
    return max(share - reach, 0.0), min(share + reach, 1.0)
