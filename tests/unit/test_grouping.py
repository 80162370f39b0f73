"""Filters, and the groups that calls are put into."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from latprof.model import Call
from latprof.stats import BY_KEYS, Filters, group_rows, keep
from latprof.stats.grouping import joint_groups
from made_calls import NOON, made, trace_of

BERLIN = ZoneInfo("Europe/Berlin")


def moment(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


FULL = made(
    at=moment(2026, 3, 1, 23, 30),
    trigger="tool_result",
    model="glm-4.7",
    provider="aws.bedrock",
    project="/home/dev/shop",
    engineer="ana",
    host="mac1",
    session_id="session-9",
    agent="claude-code",
    agent_version="2.1.329",
    effort="high",
    speed_mode="fast",
    load="8 at once",
    input_tokens=60_000,
    flags=("sidechain", "fast"),
)
EXPECTED = {
    "trigger": "tool_result",
    "model": "glm-4.7",
    "provider": "aws.bedrock",
    "project": "/home/dev/shop",
    "session": "session-9",
    "engineer": "ana",
    "host": "mac1",
    "agent": "claude-code",
    "version": "2.1.329",
    "effort": "high",
    "speed": "fast",
    "load": "8 at once",
    "context": "050k-100k",
    "part": "sub-agent",
    "day": "2026-03-01",
    "hour": "23",
    "weekday": "7 Sun",
}


def groups(*calls: Call, by: str, tz: Any = UTC) -> list[str | None]:
    return [key[0] for key in group_rows(trace_of(*calls), [by], tz)]


def test_every_key_is_tested_here() -> None:
    """A new key needs an expected value."""
    assert list(EXPECTED) == list(BY_KEYS)


@pytest.mark.parametrize("key", list(EXPECTED))
def test_every_key_names_the_group_of_a_call(key: str) -> None:
    """Sunday, half past eleven at night, UTC."""
    assert groups(FULL, by=key) == [EXPECTED[key]]


@pytest.mark.parametrize(
    ("key", "expected"),
    [("provider", None), ("project", None), ("effort", None), ("speed", None), ("version", None), ("part", "main")],
)
def test_what_a_log_does_not_say_is_a_group_of_its_own(key: str, expected: str | None) -> None:
    """None, never a made-up name."""
    assert groups(made(), by=key) == [expected]


def test_what_some_calls_do_not_say_is_no_group_of_others() -> None:
    """By two keys, of which either is unknown of some calls: each pair has its own calls, None comes last."""
    said = (("a", "x"), ("a", None), ("b", None), ("b", "y"), (None, "y"), (None, None), ("a", "x"))
    trace = trace_of(*(made(provider=provider, effort=effort) for provider, effort in said))
    found = group_rows(trace, ["provider", "effort"])
    listed = [(trace.texts["provider"][row], trace.texts["effort"][row]) for rows in found.values() for row in rows]
    assert list(found) == [("a", "x"), ("a", None), ("b", "y"), ("b", None), (None, "y"), (None, None)]
    assert listed == [key for key, rows in found.items() for _ in rows]
    assert [len(rows) for rows in found.values()] == [2, 1, 1, 1, 1, 1]


def test_calls_without_time_or_size_have_no_day_and_no_context() -> None:
    """Unknown is not 1970 and not 0 tokens."""
    bare = made(sent_at=None, input_tokens=None)
    assert [groups(bare, by=key) for key in ("day", "hour", "weekday", "context")] == [[None]] * 4


@pytest.mark.parametrize(
    ("tokens", "bucket"),
    [
        (0, "000k-010k"), (9_999, "000k-010k"), (10_000, "010k-025k"), (24_999, "010k-025k"), (25_000, "025k-050k"),
        (50_000, "050k-100k"), (100_000, "100k-150k"), (150_000, "150k-200k"), (200_000, "200k-400k"),
        (399_999, "200k-400k"), (400_000, "400k+"), (2_000_000, "400k+"),
    ],
)  # fmt: skip
def test_context_buckets_hold_their_lower_edge(tokens: int, bucket: str) -> None:
    """A bucket begins at its first number and ends before its second."""
    assert groups(made(input_tokens=tokens), by="context") == [bucket]


def test_buckets_stand_in_the_order_of_their_size() -> None:
    """Their names are padded for it; unknown comes last."""
    sizes = [500_000, 60_000, None, 5_000, 120_000]
    calls = [made(number, input_tokens=size) for number, size in enumerate(sizes)]
    assert groups(*calls, by="context") == ["000k-010k", "050k-100k", "100k-150k", "400k+", None]


def test_days_hours_and_weekdays_are_those_of_the_zone() -> None:
    """Half past eleven on Sunday night in UTC is Monday in Berlin."""
    assert [groups(FULL, by=key, tz=BERLIN) for key in ("day", "hour", "weekday")] == [
        ["2026-03-02"],
        ["00"],
        ["1 Mon"],
    ]


def test_the_short_day_and_the_long_day_of_a_year() -> None:
    """29 March 2026 has 23 hours in Berlin and no hour 02; 25 October has 25 and hour 02 twice."""
    spring = [made(hour, at=moment(2026, 3, 28, 23) + 3600 * hour) for hour in range(23)]
    autumn = [made(hour, at=moment(2026, 10, 24, 22) + 3600 * hour) for hour in range(25)]
    assert groups(*spring, by="day", tz=BERLIN) == ["2026-03-29"]
    assert groups(*autumn, by="day", tz=BERLIN) == ["2026-10-25"]
    assert groups(*spring, by="hour", tz=BERLIN) == [f"{hour:02d}" for hour in range(24) if hour != 2]
    rows = group_rows(trace_of(*autumn), ["hour"], BERLIN)
    assert {key[0]: len(found) for key, found in rows.items()} == {f"{h:02d}": 1 + (h == 2) for h in range(24)}


def test_rows_of_all_groups_are_all_rows_once() -> None:
    """Groups by two keys part the calls; order within a group is that of the trace."""
    calls = [made(n, at=NOON + n, model=f"model-{n % 3}", trigger="user" if n % 2 else "retry") for n in range(12)]
    rows = group_rows(trace_of(*calls), ["model", "trigger"])
    assert list(rows) == [(f"model-{m}", t) for m in range(3) for t in ("retry", "user")]
    assert {key: found.tolist() for key, found in rows.items()}["model-1", "user"] == [1, 7]
    assert sorted(row for found in rows.values() for row in found) == list(range(12))


def test_without_a_key_there_is_one_group() -> None:
    """And none when there are no calls."""
    assert list(group_rows(trace_of(made(1), made(2)), [])) == [()]
    assert group_rows(trace_of(), []) == group_rows(trace_of(), ["model", "day"]) == {}


def test_an_unknown_key_is_a_key_error() -> None:
    """For users of the library; the command line says it in words."""
    with pytest.raises(KeyError, match="colour"):
        group_rows(trace_of(made()), ["colour"])


def kept(*calls: Call, **wanted: Any) -> list[str | None]:
    return [str(name) for name in keep(trace_of(*calls), Filters(**wanted)).texts["message_id"]]


def test_no_filter_keeps_all() -> None:
    """Calls without any known part too."""
    assert kept(made(1), made(2, sent_at=None, model=None, project=None)) == ["m1", "m2"]


def test_since_is_included_and_until_is_not() -> None:
    """So that two neighbouring spans share no call and lose none."""
    calls = [made(n, at=NOON + n) for n in range(4)]
    assert kept(*calls, since=NOON + 1, until=NOON + 3) == ["m1", "m2"]
    assert kept(*calls, until=NOON + 1) + kept(*calls, since=NOON + 1) == ["m0", "m1", "m2", "m3"]


def test_a_call_without_send_time_passes_no_time_filter() -> None:
    """Neither before nor after."""
    lost = made(1, sent_at=None)
    assert kept(lost, since=0.0) == kept(lost, until=1e12) == []


@pytest.mark.parametrize(
    ("name", "field", "value", "pattern"),
    [
        ("models", "model", "claude-opus-4-7", "*opus*"),
        ("triggers", "trigger", "tool_result", "tool*"),
        ("agents", "agent", "claude-code", "CLAUDE-code"),
        ("sessions", "session_id", "0a1b", "0?1b"),
        ("projects", "project", "/home/dev/shop", "/home/*"),
    ],
)
def test_every_text_filter_takes_patterns_of_any_case(name: str, field: str, value: str, pattern: str) -> None:
    """`*` and `?` match; a call whose value is unknown or different is left out."""
    values: tuple[str | None, ...] = (value, "other", None)
    calls = [
        replace(made(number), **{field: item})  # type: ignore[arg-type]
        for number, item in enumerate(values, start=1)
    ]
    assert kept(*calls, **{name: (pattern,)}) == ["m1"]


@pytest.mark.parametrize("name", ["claude-sonnet-4-5[1m]", "[vendor] model", "model[!a]"])
def test_brackets_in_a_name_stand_for_themselves(name: str) -> None:
    """Only `*` and `?` make a pattern: a model with the suffix [1m] is chosen by its own name."""
    assert kept(made(1, model=name), made(2, model="claude-sonnet-4-51"), models=(name,)) == ["m1"]


def test_a_folder_with_brackets_is_chosen_by_its_name() -> None:
    """Web frameworks have such folders."""
    assert kept(made(1, project="/home/dev/[slug]"), made(2, project="/home/dev/s"), projects=("[slug]",)) == ["m1"]


def test_several_values_of_one_filter_are_alternatives_and_filters_add_up() -> None:
    """Any of the models, and the trigger too."""
    calls = [made(1, model="a"), made(2, model="b"), made(3, model="c"), made(4, model="a", trigger="retry")]
    assert kept(*calls, models=("a", "b")) == ["m1", "m2", "m4"]
    assert kept(*calls, models=("a", "b"), triggers=("retry",)) == ["m4"]


@pytest.mark.parametrize("pattern", ["/home/dev/shop", "/home/dev/shop/", "shop", "SHOP", "sh*", "*/shop"])
def test_a_project_is_named_by_path_last_folder_or_pattern(pattern: str) -> None:
    """But not by a part of a name, nor by a folder above it."""
    calls = [made(1, project="/home/dev/shop"), made(2, project="/home/shop/dev"), made(3, project="/home/dev/my")]
    assert kept(*calls, projects=(pattern,)) == ["m1"]


def test_a_windows_project_is_named_by_its_last_folder() -> None:
    """Logs of another computer are read here."""
    assert kept(made(1, project=r"C:\Users\dev\shop"), projects=("shop",)) == ["m1"]


def test_the_root_folder_is_a_project_too() -> None:
    """Agents in containers often work in /."""
    assert kept(made(1, project="/"), made(2, project="/home"), projects=("/",)) == ["m1"]


def test_filters_do_not_change_the_trace_they_select_from() -> None:
    """A trace may be filtered again and again."""
    trace = trace_of(made(1), made(2, model="b"))
    assert len(keep(trace, Filters(models=("b",)))) == 1
    assert len(trace) == 2


def test_several_groupings_at_once_are_those_of_each() -> None:
    """Four calls: the groups of each way, and the calls that are together in all ways."""
    calls = [
        made(n, trigger=trigger, model=model)
        for n, (trigger, model) in enumerate([("user", "b"), ("tool_result", "b"), ("user", "a"), ("user", "b")])
    ]
    joint, groups = joint_groups(trace_of(*calls), [("trigger",), (), ("model", "trigger"), ("model", "model")])
    assert [keys for keys, _ in groups] == [
        [("tool_result",), ("user",)],
        [()],
        [("a", "user"), ("b", "tool_result"), ("b", "user")],
        [("a", "a"), ("b", "b")],
    ]
    assert [number[joint].tolist() for _, number in groups] == [[1, 0, 1, 1], [0] * 4, [2, 1, 0, 2], [1, 1, 0, 1]]
    assert len(set(joint.tolist())) == 3
    assert joint[0] == joint[3]
