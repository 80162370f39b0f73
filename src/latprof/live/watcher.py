"""Looks again and again at log files; reads those that changed; says what runs.

Nothing here waits or asks for the time: each look is given its instant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field, replace
from typing import Final

import numpy as np

from latprof.classes import dataclass
from latprof.formats import Format, formats
from latprof.formats.standing import Standing
from latprof.ingest.one_file import claimed_by
from latprof.ingest.tags import NO_TAGS, TagRules, Tags
from latprof.live.files import LogFile
from latprof.live.habits import Habits, Usual
from latprof.model import Call
from latprof.stats import Filters, passes
from latprof.trace import Trace

__all__ = ["LastCall", "Picture", "Row", "Scope", "Watcher"]

# A response without a logged end counts as complete when nothing was written for so long, s.
_SILENCE_S: Final = 60.0
# No answer takes a day, s; a tool may wait for a permission.
_LONGEST_S: Final = 86_400.0
# Two stamps of one line agree within this, s.
_SAME_S: Final = 0.5

_Key = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True)
class LastCall:
    """Figures of the last complete call of a thread; None is what its log does not show. Times in s."""

    call_id: str
    model: str | None
    ttft_s: float | None
    first_block_s: float | None
    wall_s: float | None
    wall_kind: str | None
    output_tokens: int | None

    @classmethod
    def of(cls, call: Call) -> LastCall:
        """The figures of a call, by the same definitions as everywhere."""
        trace = Trace.from_calls([call])
        tokens = _number(trace, "output_tokens")
        return cls(
            call_id=call.call_id,
            model=call.model,
            ttft_s=_number(trace, "ttft_s"),
            first_block_s=_number(trace, "first_block_s"),
            wall_s=_number(trace, "wall_s"),
            wall_kind=trace.column("wall_kind")[0],
            output_tokens=None if tokens is None else int(tokens),
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """Which threads are shown, and under which names: `rules` tell whose they are, `rename` names projects.

    Filters of time and of triggers are for calls, and not asked here.
    """

    filters: Filters = field(default_factory=Filters)
    rules: TagRules = field(default_factory=TagRules)
    rename: Callable[[str], str] | None = None

    def holds(self, row: Row) -> bool:
        """Whether a thread passes the filters; one whose model is not known yet passes none of models."""
        standing = row.standing
        texts = {
            "agent": row.agent,
            "session_id": standing.session_id,
            "model": standing.model,
            "project": standing.project,
            "engineer": row.tags.engineer,
            "host": row.tags.host,
        }
        return passes(texts, replace(self.filters, triggers=()))


@dataclass(frozen=True, slots=True)
class Row:
    """One thread of a session that is active: its state, what is usual, its last call.

    `seconds` is how long the state holds at the time of the picture; `changed_at` when its file last grew.
    """

    agent: str
    standing: Standing
    seconds: float | None
    changed_at: float
    path: str
    usual: Usual | None = None
    last: LastCall | None = None
    calls: int = 0
    tags: Tags = NO_TAGS

    @property
    def key(self) -> _Key:
        """What stays the same from picture to picture."""
        return self.agent, self.standing.session_id, self.standing.agent_id

    @property
    def is_long(self) -> bool:
        """Whether it lasts longer than nine of ten did before."""
        high = self.usual.high_s if self.usual is not None else None
        return high is not None and self.seconds is not None and self.seconds > high


@dataclass(frozen=True, slots=True)
class Picture:
    """The active threads at one instant (epoch s) that pass the filters, those that wait first.

    `files` is how many logs are there, `left_out` how many active threads do not pass the filters.
    """

    at: float
    rows: tuple[Row, ...]
    files: int
    read_again: int
    left_out: int = 0


@dataclass(slots=True)
class _Log:
    """What was read of a file when it last changed."""

    stamp: tuple[int, float, tuple[int, int]]
    agent: str = ""
    standings: tuple[Standing, ...] = ()
    calls: dict[_Key, list[Call]] = field(default_factory=dict)


class Watcher:
    """Keeps for each file what it said last; `look` lists the files that are there now."""

    def __init__(
        self,
        look: Callable[[], Sequence[LogFile]],
        habits: Habits,
        *,
        active_s: float,
        known: Sequence[Format] | None = None,
        scope: Scope | None = None,
    ) -> None:
        """`active_s`: a session counts as active until so long after its log last changed."""
        self._look = look
        self._habits = habits
        self._active_s = active_s
        self._known = formats() if known is None else known
        self._scope = scope or Scope()
        self._logs: dict[str, _Log] = {}

    def picture(self, now: float) -> Picture:
        """What is going on at that instant; only files that changed since the last look are read."""
        files = self._look()
        active = [item for item in files if item.modified_at >= now - self._active_s]
        read_again = 0
        for item in active:
            kept = self._logs.get(item.source.path)
            if kept is None or kept.stamp != item.stamp:
                self._logs[item.source.path] = self._read(item)
                read_again += 1
        here = {item.source.path for item in active}
        self._logs = {path: log for path, log in self._logs.items() if path in here}
        every = self._rows(active, now)
        rows = tuple(row for row in every if self._scope.holds(row))
        return Picture(now, rows, len(files), read_again, len(every) - len(rows))

    def _rows(self, active: Sequence[LogFile], now: float) -> tuple[Row, ...]:
        """One row per thread; of copies of a session the one that was written last counts."""
        rows: dict[_Key, Row] = {}
        for item in sorted(active, key=lambda item: item.modified_at):
            log = self._logs[item.source.path]
            for standing in log.standings:
                row = self._row(item, log, standing, now)
                if row.changed_at >= now - self._active_s and self._goes_on(row):
                    rows[row.key] = row
        return tuple(sorted(rows.values(), key=_order))

    def _goes_on(self, row: Row) -> bool:
        """Not so of a copied or checked-out log, which is new as a file only, nor of a sub-agent that is done."""
        seconds = row.seconds or 0.0
        if row.standing.state == "idle":
            return row.standing.agent_id is None and seconds <= self._active_s
        return row.standing.state not in {"waiting", "answering"} or seconds <= max(self._active_s, _LONGEST_S)

    def _row(self, item: LogFile, log: _Log, standing: Standing, now: float) -> Row:
        calls = log.calls.get((log.agent, standing.session_id, standing.agent_id), [])
        since = standing.since if standing.since is not None else item.modified_at
        complete = _complete(calls, standing, now)
        standing = self._named(standing, calls)
        return Row(
            agent=log.agent,
            standing=standing,
            seconds=max(now - since, 0.0),
            changed_at=item.modified_at if standing.changed_at is None else standing.changed_at,
            path=item.source.path,
            usual=self._habits.usual(log.agent, standing),
            last=LastCall.of(complete[-1]) if complete else None,
            calls=len(complete),
            tags=self._tags(item, calls),
        )

    def _named(self, standing: Standing, calls: Sequence[Call]) -> Standing:
        """With the model and the project of its last call where its log names them only there."""
        model, project = standing.model, standing.project
        if calls:
            model, project = model or calls[-1].model, project or calls[-1].project
        if project is not None and self._scope.rename is not None:
            project = self._scope.rename(project)
        return replace(standing, model=model, project=project)

    def _tags(self, item: LogFile, calls: Sequence[Call]) -> Tags:
        own = Tags(calls[-1].engineer, calls[-1].host) if calls else NO_TAGS
        rules = self._scope.rules
        return rules.tags_of(own, rules.of_file(item.source.path, item.tags))

    def _read(self, item: LogFile) -> _Log:
        """Read a file whole with its format; a file of no format is kept as such until it changes."""
        log = _Log(item.stamp)
        try:
            head = item.source.head()
        except Exception:  # noqa: BLE001 - a file may vanish, or be packed badly, between two looks
            return log
        claimed = claimed_by(item.source, head, self._known) if head.strip() else None
        if claimed is None or claimed.refusal:
            return log
        calls = [call for call in claimed.read(item.source) if isinstance(call, Call)]
        log.agent = claimed.agent or next((call.agent for call in calls), claimed.name)
        log.calls = _by_thread(log.agent, calls)
        log.standings = tuple(claimed.tail(item.source)) if claimed.tail is not None else _untold(calls)
        return log


def _by_thread(agent: str, calls: Sequence[Call]) -> dict[_Key, list[Call]]:
    """The calls of each thread in the order of their ends."""
    threads: dict[_Key, list[Call]] = {}
    for call in sorted(calls, key=lambda item: item.last_output_at or 0.0):
        threads.setdefault((agent, call.session_id, call.agent_id), []).append(call)
    return threads


def _complete(calls: list[Call], standing: Standing, now: float) -> list[Call]:
    """Without the call whose blocks are still coming; where the log shows no end, silence is the end."""
    if standing.state != "answering" or standing.since is None or not calls:
        return calls
    last_at = calls[-1].last_output_at
    going_on = last_at is not None and last_at >= standing.since - _SAME_S and now - standing.since < _SILENCE_S
    return calls[:-1] if going_on else calls


def _untold(calls: Sequence[Call]) -> tuple[Standing, ...]:
    """The session of the newest call, for formats whose lines do not show what is going on."""
    dated = [call for call in calls if call.last_output_at is not None and "no_date" not in call.flags]
    if not dated:
        return ()
    call = max(dated, key=lambda item: item.last_output_at or 0.0)
    return (Standing(call.session_id, "unknown", call.last_output_at, None, call.project, call.model),)


def _order(row: Row) -> tuple[int, float, str]:
    states = ("waiting", "answering", "tools", "unknown", "idle")
    return states.index(row.standing.state), -row.changed_at, row.standing.session_id


def _number(trace: Trace, name: str) -> float | None:
    value = float(trace.column(name)[0])
    return None if np.isnan(value) else value
