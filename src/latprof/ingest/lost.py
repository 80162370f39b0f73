"""Which calls of an older reading of a log its newer reading has no more.

A call that was read while it was being written may have got another id by the time it was done, and a database or a
document is written anew all the time: a call counts as lost only where no call of the newer reading can be the same.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from latprof.trace import Columns
from latprof.trace.columns import CODED

__all__ = ["dated_at", "lost_calls", "span_of"]

_Thread = tuple[str | None, str | None, str | None]
_Span = tuple[float, float]
_THREAD = ("agent", "session_id", "agent_id")
_IDS = ("message_id", "request_id", "stated_id")


def lost_calls(old: Columns, new: Columns, *, same_reader: bool) -> Columns:
    """The old calls that are not among the new ones.

    Gone is a call whose id and message are not there. One without any id in the log, and any call that another
    version of the reader told, must also not overlap in time with a new call of its thread.
    """
    ids, known = old.call_ids(), set(new.call_ids())
    rows = [row for row, name in enumerate(ids) if name not in known]
    if not rows:
        return Columns.none()
    messages = {(agent, text) for agent, text in zip(new.texts("agent"), new.texts("message_id"), strict=True) if text}
    new_spans: dict[_Thread, list[_Span]] = defaultdict(list)
    for thread, span in _spans(new):
        new_spans[thread].append(span)
    agents, names, spans = old.texts("agent"), {name: old.texts(name) for name in _IDS}, _spans(old)
    lost: list[int] = []
    for row in rows:
        thread, span = spans[row]
        has_id = any(names[name][row] for name in _IDS)
        is_told = (agents[row], names["message_id"][row]) in messages and not (same_reader and names["request_id"][row])
        doubtful = not (has_id and same_reader)
        if not is_told and not (doubtful and any(_overlap(span, other) for other in new_spans[thread])):
            lost.append(row)
    return old.take(np.array(lost, dtype=np.int64))


def dated_at(columns: Columns) -> NDArray[np.float64]:
    """When each call was sent, or first known of, epoch s; NaN where that is no date."""
    at = np.array(columns.number("sent_at"))
    for other in (columns.number("trigger_at"), columns.blocks.first_end_at(), columns.number("last_output_at")):
        at = np.where(np.isnan(at), other, at)
    # The last entry is that of calls without flags; `np.isin` loads modules that take longer than all else here.
    is_undated = np.array([*("no_date" in text.split() for text in columns.pool), False])
    if is_undated.any():
        at[is_undated[columns.codes[CODED.index("flags")]]] = np.nan
    return at


def span_of(columns: Columns) -> tuple[float | None, float | None]:
    """The dates of the first and the last call, epoch s; None where no call has one."""
    at = dated_at(columns)
    known = at[~np.isnan(at)]
    return (float(known.min()), float(known.max())) if len(known) else (None, None)


def _spans(columns: Columns) -> list[tuple[_Thread, _Span]]:
    """The thread of each call, and from when to when it lasted; NaN where that is not known."""
    first = columns.number("sent_at")
    last = columns.number("last_output_at")
    block = columns.blocks.first_end_at()
    start = np.where(np.isnan(first), np.where(np.isnan(block), last, block), first)
    end = np.where(np.isnan(last), np.where(np.isnan(block), first, block), last)
    threads = zip(*(columns.texts(name) for name in _THREAD), strict=True)
    spans = zip(start.tolist(), end.tolist(), strict=True)
    return [((agent, session, part), span) for (agent, session, part), span in zip(threads, spans, strict=True)]


def _overlap(one: _Span, other: _Span) -> bool:
    """Whether two calls share a moment; those that only touch do not, unless they are alike."""
    return (one[0] < other[1] and other[0] < one[1]) or one == other or one[0] == other[0]
