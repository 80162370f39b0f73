"""The time budget of many sessions as a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any, Final

from latprof.report.document import Cell, Column, Document, Grid, Note, Section, Table, heading
from latprof.timeline import ACTIVITIES, WAITING_FOR_MODEL, Activity, Budget, Share, SlowShare, Week
from latprof.units import UNKNOWN, format_count, format_counted, format_duration, format_instant, format_share

__all__ = ["activity_table", "budget_document", "kind_of", "share_data", "week_table"]

_NAMELESS: Final = "(name not in the log)"
_TOOLS: Final = 15
_GROUPS: Final = 12
_WEEKS: Final = 40
_DIGITS: Final = 3
_WEEK_SUMS: Final = ("wall_s", "model_s", "first_token_s", "at_once_s", "tool_s")
_AT_ONCE: Final = (
    "model: waiting for the model, summed over sessions; first token: the part before it, as far as it is told apart; "
    "at once: the same waiting with each instant counted once, also where several sessions wait."
)
# Heads of a narrow table, in this order.
_OF_MODEL: Final[dict[Activity, str]] = {
    "first_token": "waiting for the first token", "decode": "decoding", "model": "not told apart",
}  # fmt: skip
_BESIDE_MODEL: Final[dict[str, Activity]] = {"tools": "tool", "unknown": "unknown"}
_HEADS: Final[dict[str, tuple[Activity, ...]]] = {
    "first token": ("first_token",),
    "decoding": ("decode",),
    "model, not split": ("model",),
    "tools": ("tool",),
    "asking": ("asking",),
    "away": ("away",),
    "other": ("hook", "retry", "compaction", "agent"),
    "unknown": ("unknown",),
}
_LEGEND: Final = (
    "Every instant of a session counts once. While a response is streaming the time is the model's, also when a tool "
    "runs already; of tools and sub-agents that run side by side the chain that held up the next call is followed. The "
    "time of tools goes from the end of the tool call to its result: a permission that a person gave inside it counts "
    "as the tool's. Only tools that read or write a file and took over a minute are taken for a person's answer (kind "
    "estimate). First tokens of kind estimate come from the model behind latprof analyze; a bound of them is too long "
    "by the agent's own work before sending."
)


def budget_document(
    items: Sequence[Budget],
    whole: Sequence[Share],
    groups: Mapping[str, Mapping[str | None, Sequence[Share]]],
    slow: Sequence[SlowShare],
    *,
    tz: tzinfo = UTC,
    left_out: int = 0,
    weeks: Sequence[Week] = (),
    team: str | None = None,
) -> Document:
    """Where the time went over all sessions, per key of `groups`, and how uneven the waiting is.

    `left_out` calls have no date or no session, and are in none of the figures. `weeks` are those of the engineers
    that the logs name; the heading names the `team`.
    """
    wall_s = sum(item.wall_s for item in items)
    title = f"{heading(team)}: {format_duration(wall_s)} in {format_counted(len(items), 'session')}"
    empty = Note("No session here has a call with a date, so there is no time to divide.")
    sections = [Section("Budget", (activity_table("Where the time went", whole, wall_s) if items else empty,))]
    for key, shares in groups.items():
        if shares:
            sections.append(Section(f"By {key}", (_group_table(key, shares),)))
    if weeks:
        sections.append(Section("By engineer and week", (week_table(weeks),)))
    texts = (
        _working(whole, wall_s), *(_slow(item) for item in slow), _filtered(items), _missing(left_out),
        _LEGEND if items else "",
    )  # fmt: skip
    notes = [Note(text) for text in texts if text]
    sections.append(Section("In words", tuple(notes)))
    return Document(
        title, tuple(sections), _data(items, whole, groups, slow, tz, left_out, weeks), _grid(whole, groups)
    )


def kind_of(share: Share) -> str:
    """The kinds of a sum, best first; each stands for at least a tenth of a percent of it."""
    kinds = [kind for kind in ("exact", "estimate", "bound") if share.by_kind.get(kind, 0.0) > share.seconds / 1000]
    return ", ".join(kinds) or UNKNOWN


def activity_table(title: str, shares: Sequence[Share], wall_s: float) -> Table:
    """Seconds per activity, the longest tools below theirs."""
    columns = (
        Column("activity", "left"), Column("time"), Column("share"), Column("kind", "left"),
        Column("pieces", "right", 2), Column("sessions", "right", 3),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for activity, meaning in ACTIVITIES.items():
        mine = [share for share in shares if share.activity == activity]
        if not mine:
            continue
        rows.append(_activity_row(meaning, _sum(mine), wall_s))
        if activity in {"tool", "asking"}:
            rows += [
                _activity_row(f"  {share.name or _NAMELESS}", share, wall_s, minor=True) for share in mine[:_TOOLS]
            ]
            if len(mine) > _TOOLS:
                rest = _sum(mine[_TOOLS:])
                rows.append(_activity_row(f"  {len(mine) - _TOOLS} other tools", rest, wall_s, minor=True))
    rows.append((Cell("wall time"), Cell(format_duration(wall_s)), Cell("100 %"), Cell(""), Cell(""), Cell("")))
    return Table(title, columns, tuple(rows))


def _sum(shares: Sequence[Share]) -> Share:
    kinds: dict[Any, float] = {}
    for share in shares:
        for kind, seconds in share.by_kind.items():
            kinds[kind] = kinds.get(kind, 0.0) + seconds
    return Share(
        shares[0].activity, None, sum(s.seconds for s in shares), kinds, sum(s.segments for s in shares),
        max(s.sessions for s in shares),
    )  # fmt: skip


def _activity_row(name: str, share: Share, wall_s: float, *, minor: bool = False) -> tuple[Cell, ...]:
    part = share.seconds / wall_s if wall_s else None
    texts = (
        name, format_duration(share.seconds), format_share(part), kind_of(share), format_count(share.segments),
        "" if not minor and share.activity in {"tool", "asking"} else format_count(share.sessions),
    )  # fmt: skip
    return tuple(Cell(text, minor) for text in texts)


def _group_table(key: str, groups: Mapping[str | None, Sequence[Share]]) -> Table:
    columns = (Column(key, "left"), Column("wall time"), *(Column(head, "right", _priority(head)) for head in _HEADS))
    sums = {name: sum(share.seconds for share in shares) for name, shares in groups.items()}
    timed = key in {"day", "week"}
    order = sorted(groups, key=lambda name: (name or "\uffff") if timed else -sums[name])
    shown = order[-_GROUPS:] if timed else order[:_GROUPS]
    rows = tuple(_group_row(key, name, groups[name], sums[name]) for name in shown)
    word = "earlier" if timed else "more"
    more = f"And {format_count(len(order) - _GROUPS)} {word}, all in --json and --csv." if len(order) > _GROUPS else ""
    return Table(f"Where the time went by {key}, shares of each {key}'s time", columns, rows, more)


def week_table(weeks: Sequence[Week]) -> Table:
    """Each engineer's weeks, those with least waiting left out where they are many."""
    longest = sorted(weeks, key=lambda item: -item.model_s)[:_WEEKS]
    columns = (
        Column("engineer", "left"), Column("week", "left"), Column("sessions", "right", 2), Column("wall time"),
        Column("model"), Column("first token", "right", 1), Column("at once"), Column("tools", "right", 1),
        Column("kind", "left"),
    )  # fmt: skip
    shown = [item for item in weeks if item in longest]
    rows = tuple(_week_row(item, before) for item, before in zip(shown, [None, *shown], strict=False))
    left = len(weeks) - len(shown)
    more = f"And {format_counted(left, 'week')} with less waiting, all in --json. " if left else ""
    return Table("Waiting for the model per engineer and week", columns, rows, more + _AT_ONCE)


def _week_row(item: Week, before: Week | None) -> tuple[Cell, ...]:
    again = before is not None and before.engineer == item.engineer
    sums = Share("model", None, item.model_s, item.by_kind, 0, item.sessions)
    texts = (
        "" if again else item.engineer or "unknown", item.week, format_count(item.sessions),
        format_duration(item.wall_s), format_duration(item.model_s),
        UNKNOWN if item.first_token_s is None else format_duration(item.first_token_s),
        format_duration(item.at_once_s), format_duration(item.tool_s), kind_of(sums),
    )  # fmt: skip
    return tuple(Cell(text) for text in texts)


def _priority(head: str) -> int:
    return {"asking": 2, "other": 3, "model, not split": 1}.get(head, 0)


def _group_row(key: str, name: str | None, shares: Sequence[Share], wall_s: float) -> tuple[Cell, ...]:
    none = "(no call)" if key == "model" else "unknown"
    cells = [Cell(_short(name) if name else none), Cell(format_duration(wall_s))]
    for activities in _HEADS.values():
        seconds = sum(share.seconds for share in shares if share.activity in activities)
        cells.append(Cell(format_share(seconds / wall_s) if seconds and wall_s else UNKNOWN, minor=not seconds))
    return tuple(cells)


def _short(name: str) -> str:
    """A project by its last two folders."""
    parts = name.replace("\\", "/").rstrip("/").split("/")
    return name if len(parts) <= 3 else "…/" + "/".join(parts[-2:])


def _working(shares: Sequence[Share], wall_s: float) -> str:
    """What remains when the person's time is taken out."""
    away = sum(share.seconds for share in shares if share.activity in {"away", "asking"})
    busy = wall_s - away
    if busy <= 0:
        return ""

    def part(*names: Activity) -> str:
        return format_share(sum(share.seconds for share in shares if share.activity in names) / busy)

    # What has no time is not told of: of some logs it is not known.
    found = {share.activity for share in shares if share.seconds}
    inner = ", ".join(f"{part(name)} {words}" for name, words in _OF_MODEL.items() if name in found)
    said = [f"the model takes {part(*WAITING_FOR_MODEL)} of them ({inner})"] if inner else []
    said += [f"{name} {part(activity)}" for name, activity in _BESIDE_MODEL.items() if activity in found]
    if not said:
        return ""
    return f"Without the time in which a person was away or asked, {format_duration(busy)} remain: {', '.join(said)}."


def _filtered(items: Sequence[Budget]) -> str:
    between = sum(item.gaps for item in items)
    if not between:
        return ""
    return (
        f"Filters left out calls in the middle of sessions, before {format_counted(between, 'call')}: what was done in "
        "their place counts as unknown."
    )


def _missing(left_out: int) -> str:
    if not left_out:
        return ""
    return (
        f"Not in these figures: {format_counted(left_out, 'call')} of load tests, or of logs without dates or sessions."
        " They have no part in a session's time."
    )


def _slow(item: SlowShare) -> str:
    what = {"ttft_s": "waiting for first tokens", "wall_s": "the time of all calls"}.get(item.metric, item.metric)
    spread = "" if item.interval is None else " (95 % interval {} to {})".format(*map(format_share, item.interval))
    known = "" if not item.estimated else f", first token estimated for {format_count(item.estimated)}"
    return (
        f"The slowest {format_share(item.calls_share)} of calls hold {format_share(item.waiting_share)}{spread} "
        f"of {what}: {format_duration(item.seconds)} in {format_count(item.n)} calls{known}."
    )


def share_data(share: Share) -> dict[str, Any]:
    """One sum for programs; seconds."""
    return {
        "activity": share.activity,
        "name": share.name,
        "seconds": round(share.seconds, _DIGITS),
        "by_kind_s": {kind: round(seconds, _DIGITS) for kind, seconds in sorted(share.by_kind.items())},
        "segments": share.segments,
        "sessions": share.sessions,
    }


def _data(
    items: Sequence[Budget],
    whole: Sequence[Share],
    groups: Mapping[str, Mapping[str | None, Sequence[Share]]],
    slow: Sequence[SlowShare],
    tz: tzinfo,
    left_out: int,
    weeks: Sequence[Week],
) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "calls_left_out": left_out,
        "sessions": [_session(item, tz) for item in items],
        "wall_s": round(sum(item.wall_s for item in items), _DIGITS),
        "total": [share_data(share) for share in whole],
        "groups": [
            {"by": key, "group": name, "shares": [share_data(share) for share in shares]}
            for key, named in groups.items()
            for name, shares in named.items()
        ],
        "slowest": [
            {
                "metric": item.metric, "calls_share": item.calls_share, "n": item.n, "estimated": item.estimated,
                "sessions": item.sessions, "seconds": round(item.seconds, _DIGITS),
                "waiting_share": round(item.waiting_share, 6),
                "interval": None if item.interval is None else [round(end, 6) for end in item.interval],
            }
            for item in slow
        ],
        "weeks": [_week_data(item) for item in weeks],
    }  # fmt: skip


def _week_data(item: Week) -> dict[str, Any]:
    return {
        "engineer": item.engineer, "week": item.week, "sessions": item.sessions,
        **{key: None if (sum_s := getattr(item, key)) is None else round(sum_s, _DIGITS) for key in _WEEK_SUMS},
        "by_kind_s": {kind: round(seconds, _DIGITS) for kind, seconds in sorted(item.by_kind.items())},
    }  # fmt: skip


def _session(item: Budget, tz: tzinfo) -> dict[str, Any]:
    seconds: dict[str, float] = {}
    for segment in item.segments:
        seconds[segment.activity] = seconds.get(segment.activity, 0.0) + segment.duration_s
    return {
        "agent": item.agent,
        "session": item.session_id,
        "project": item.project,
        "engineer": item.engineer,
        "host": item.host,
        "calls": item.calls,
        "start_at": format_instant(item.start_at, tz),
        "wall_s": round(item.wall_s, _DIGITS),
        "seconds": {name: round(value, _DIGITS) for name, value in sorted(seconds.items())},
    }


def _grid(whole: Sequence[Share], groups: Mapping[str, Mapping[str | None, Sequence[Share]]]) -> Grid:
    columns = ("by", "group", "activity", "name", "seconds", "exact_s", "estimate_s", "bound_s", "segments", "sessions")
    named: list[tuple[str, str | None, Share]] = [("(all)", None, share) for share in whole]
    named += [(key, name, s) for key, found in groups.items() for name, shares in found.items() for s in shares]
    rows = (
        (
            key, name, share.activity, share.name, round(share.seconds, _DIGITS),
            *(round(share.by_kind.get(kind, 0.0), _DIGITS) for kind in ("exact", "estimate", "bound")),
            share.segments, share.sessions,
        )
        for key, name, share in named
    )  # fmt: skip
    return Grid(columns, tuple(rows))
