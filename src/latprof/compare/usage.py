"""What a trace says of a team's work: its calls with tokens and times, and how many there are in a week."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.errors import UsageError
from latprof.stats.grouping import of_agents, traces_by
from latprof.trace import Trace

__all__ = ["Usage", "named_engineers", "usage_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Texts = NDArray[np.object_]

# Every zone's midnight is at a whole quarter of an hour.
_QUARTER_S: Final = 900.0
# Longer pauses between the calls of a session are no work with the agent.
_PAUSE_S: Final = 300.0


@dataclass(frozen=True)
class Usage:
    """The n calls that can be compared, as columns, and what of the trace they stand for.

    `total` calls were made on `active_days` different days by `people`, which are `person_days` when each one's days
    are counted; the logs name `people_named` of them. `calls_per_week` is one engineer's, None where the
    log holds no dates. `wall_exact_share` is the part of the calls whose time today is exact, the rest are
    upper bounds. `first_share` is the first token's part of all waiting, None where it is not known. `streams` is
    how many calls of one working engineer are under way on average.
    """

    rows: Ints
    trigger: Texts
    session: Ints
    model: Texts
    input_tokens: Floats
    cached_tokens: Floats
    written_tokens: Floats
    output_tokens: Floats
    today_s: Floats
    first_s: Floats
    total: int
    active_days: int
    people: int
    calls_per_week: float | None
    wall_exact_share: float
    first_exact_share: float
    cache_unknown: int
    streams: float
    person_days: int
    people_named: int = 0
    calls_given: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def uncached_tokens(self) -> Floats:
        """Input that the model has to read anew."""
        return np.maximum(self.input_tokens - self.cached_tokens, 0.0)

    @property
    def first_share(self) -> float | None:
        """First token's part of the waiting, 0 to 1, over the calls where it is stated or estimated."""
        known = ~np.isnan(self.first_s)
        whole = float(self.today_s[known].sum())
        return float(np.minimum(self.first_s[known], self.today_s[known]).sum()) / whole if whole > 0 else None

    @property
    def sessions(self) -> int:
        """How many sessions the compared calls come from."""
        return len(np.unique(self.session))


def usage_of(
    trace: Trace,
    *,
    people: int | None = None,
    days_per_week: float = 5.0,
    calls_per_week: float | None = None,
    zone: tzinfo = UTC,
) -> Usage:
    """The calls of a team; load tests are none. `calls_per_week` of one engineer is counted unless given.

    Without `people` they are as many as the calls name, else one. Calls that name nobody are then one more person's.
    Working days are days of `zone`.

    Raises UsageError when no call has a time and token counts.
    """
    if not len(trace):
        raise UsageError("No call was found, so there is nothing to compare: check the paths and the filters.")
    real = of_agents(trace)
    inputs, outputs = real.numbers["input_tokens"], real.numbers["output_tokens"]
    wall = real.wall_s
    rows = np.flatnonzero(~np.isnan(wall) & ~np.isnan(inputs) & ~np.isnan(outputs) & (outputs > 0))
    if not len(rows):
        raise UsageError(
            "No call has a whole time and both token counts, so there is nothing to compare: give logs that hold "
            "them; latprof formats shows which do."
        )
    cached, written = real.numbers["cache_read_tokens"][rows], real.numbers["cache_write_tokens"][rows]
    first = real.column("ttft_s")[rows]
    days = _active_days(real, zone)
    named = named_engineers(real) if people is None else 0
    owners = traces_by(real, "engineer").values() if named else ()
    worked = sum(_active_days(mine, zone) for mine in owners) if named else days * (people or 1)
    counted = len(real) / worked * days_per_week if worked else None
    _, session = np.unique(real.texts["session_id"][rows].astype(str), return_inverse=True)
    return Usage(
        rows=rows,
        trigger=real.texts["trigger"][rows],
        session=session.astype(np.int64),
        model=real.texts["model"][rows],
        input_tokens=inputs[rows],
        cached_tokens=np.nan_to_num(cached),
        written_tokens=np.nan_to_num(written),
        output_tokens=outputs[rows],
        today_s=wall[rows],
        first_s=first,
        total=len(real),
        active_days=days,
        people=len(owners) or people or 1,
        person_days=worked,
        people_named=named,
        calls_per_week=counted if calls_per_week is None else calls_per_week,
        calls_given=calls_per_week is not None,
        wall_exact_share=float(real.wall_exactly[rows].mean()),
        first_exact_share=_exact_share(real.ttft_s[rows], first),
        cache_unknown=int(np.isnan(cached).sum()),
        streams=_streams(real),
    )


def named_engineers(trace: Trace) -> int:
    """How many engineers the calls name; load tests are none of theirs."""
    return len(set(of_agents(trace).texts["engineer"]) - {None})


def _exact_share(exact: Floats, known: Floats) -> float:
    count = int((~np.isnan(known)).sum())
    return float((~np.isnan(exact)).sum()) / count if count else 0.0


def _active_days(trace: Trace, zone: tzinfo) -> int:
    """Days of this zone on which a call was sent; 0 where the log has no dates."""
    sent = trace.column("sent_at")
    hours = np.unique(np.floor(sent[~np.isnan(sent)] / _QUARTER_S)) * _QUARTER_S
    return len({datetime.fromtimestamp(float(at), zone).date() for at in hours})


def _streams(trace: Trace) -> float:
    """Calls under way while someone works: time of all calls / time of the sessions without their long pauses."""
    sent, last = trace.numbers["sent_at"], trace.numbers["last_output_at"]
    known = np.flatnonzero(~np.isnan(sent) & ~np.isnan(last) & ~np.isnan(trace.wall_s))
    if not len(known):
        return 1.0
    _, label = np.unique(trace.texts["session_id"][known].astype(str), return_inverse=True)
    order = np.lexsort((sent[known], label))
    borders = np.flatnonzero(np.diff(label[order])) + 1
    whole = sum(_worked_s(sent[rows], last[rows]) for rows in np.split(known[order], borders))
    return float(trace.wall_s[known].sum()) / whole if whole > 0 else 1.0


def _worked_s(sent: Floats, last: Floats) -> float:
    """Time of a session from its first call to its last end; of each pause only the first minutes count."""
    ends = np.maximum.accumulate(last)
    pauses = np.clip(sent[1:] - ends[:-1], 0, None)
    return float(ends[-1] - sent[0]) - float(np.clip(pauses - _PAUSE_S, 0, None).sum())
