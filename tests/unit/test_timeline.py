"""What a session's time was spent on: gaps, tools, sub-agents, sums, shares, drivers, days."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from latprof.model import Block, Call
from latprof.stats import Filters, keep
from latprof.timeline import (
    Budget,
    budgets,
    dated_sessions,
    effects,
    facts,
    heat_map,
    served,
    slow_share,
    slowest,
    total,
    total_by,
    trends,
)
from latprof.trace import Estimates
from made_calls import NOON, made, trace_of


def tool(name: str, end: float, result: float) -> Block:
    return Block("tool_use", start_at=end - 1, end_at=end, name=name, result_at=result)


def after(number: int, at: float, **fields: Any) -> Call:
    """A call that answers tools, sent 0.1 s after the last result."""
    return made(number, at=at, trigger="tool_result", trigger_at=at - 0.1, **fields)


def only(*calls: Call) -> Budget:
    (found,) = budgets(trace_of(*calls))
    return found


def spent(item: Budget) -> dict[tuple[str, str | None], float]:
    """Seconds per activity and name, to the millisecond."""
    return {(share.activity, share.name): round(share.seconds, 3) for share in total([item])}


def test_a_call_is_waiting_then_decoding() -> None:
    """Trigger 0.5 s before sending, first token after 1 s, end after 4 s."""
    item = only(made())
    assert spent(item) == {("first_token", None): 1.0, ("decode", None): 3.0, ("agent", None): 0.5}
    assert item.wall_s == pytest.approx(4.5)
    assert [share.by_kind for share in total([item])][:2] == [{"exact": 1.0}, {"exact": 3.0}]


def test_time_before_which_filters_left_out_calls_is_unknown() -> None:
    """A tool ends after a minute; the person then goes away for a day, which no tool and nobody may be charged with."""
    first = made(1, trigger="user", blocks=(tool("Edit", NOON + 4, NOON + 64),))
    second = after(2, NOON + 64.2)
    back = made(3, at=NOON + 86_400, trigger="user", blocks=(tool("Read", NOON + 86_404, NOON + 86_405),))
    last = after(4, NOON + 86_405.2)
    trace = trace_of(first, second, back, last)
    assert {name for name, _ in spent(only(first, second, back, last))} >= {"away", "tool"}
    for wanted, left in ((("tool_result",), 2), (("user",), 1)):
        (found,) = budgets(keep(trace, Filters(triggers=wanted)))
        seconds = spent(found)
        assert found.gaps == left
        assert ("away", None) not in seconds
        assert sum(value for (name, _), value in seconds.items() if name == "tool") <= 61.0
        assert seconds["unknown", None] > 86_000
        assert sum(seconds.values()) == pytest.approx(found.wall_s)
    (found,) = budgets(keep(trace, Filters(until=NOON + 3600)))
    assert (found.gaps, ("unknown", None) in spent(found)) == (0, False)


def test_calls_on_the_side_that_are_left_out_leave_no_gap() -> None:
    """Nor do those of a sub-agent, of another session, or of another program with a session of that name."""
    main = made(1, trigger="user"), made(5, at=NOON + 600, trigger="user")
    others = (
        made(2, at=NOON + 300, model="small", flags=("side_call",)),
        made(3, at=NOON + 300, model="small", agent_id="a1"),
        made(4, at=NOON + 300, model="small", session_id="other"),
        made(6, at=NOON + 300, model="small", agent="another"),
    )
    (found,) = budgets(keep(trace_of(*main, *others), Filters(models=("model-*",))))
    assert (found.gaps, ("away", None) in spent(found)) == (0, True)


def test_calls_without_date_or_session_and_load_tests_are_in_no_sum() -> None:
    """An instant that counts from an arbitrary zero would make a session of decades."""
    undated = made(2, at=5.0, flags=("no_date",))
    kept = dated_sessions(
        trace_of(made(1), undated, made(3, trigger="synthetic"), made(4, at=NOON + 9e6, session_id=""))
    )
    assert len(kept) == 1
    assert [item.wall_s for item in budgets(kept)] == [pytest.approx(4.5)]


def test_calls_without_date_have_no_part_in_a_session_with_dates() -> None:
    """Their zero is another; where nothing has a date the session still has a length, but no start."""
    dated = only(made(1), made(2, at=5.0, trigger_at=4.5, flags=("no_date",)))
    assert (dated.calls, dated.dated) == (2, True)
    assert dated.wall_s == pytest.approx(4.5)
    undated = only(made(2, at=5.0, trigger_at=4.5, flags=("no_date",)))
    assert not undated.dated
    assert undated.wall_s == pytest.approx(4.5)


def test_a_result_that_the_call_before_did_not_ask_for_explains_no_gap() -> None:
    """After a clock was set back the call before is not the one whose tool ran: nobody knows what passed."""
    first = made(1)
    assert spent(only(first, after(2, NOON + 9e5)))[("unknown", None)] == pytest.approx(9e5 - 4.1, abs=1)


def test_tools_run_between_calls_and_a_person_is_away_before_a_prompt() -> None:
    """Ten seconds of Bash, then a minute until the next prompt."""
    first = made(1, blocks=(tool("Bash", NOON + 4, NOON + 14),))
    second = after(2, NOON + 14.1)
    third = made(3, at=NOON + 78.6)
    assert spent(only(first, second, third)) == {
        ("first_token", None): 3.0,
        ("decode", None): 9.0,
        ("tool", "Bash"): 10.0,
        ("agent", None): 1.1,
        ("away", None): 60.0,
    }


def test_a_tool_that_runs_while_the_model_still_streams_counts_from_the_end_of_the_response() -> None:
    """The tool began a second before the response ended: its first second is the model's."""
    first = made(1, blocks=(tool("Read", NOON + 3, NOON + 6), Block("text", end_at=NOON + 4)))
    assert spent(only(first, after(2, NOON + 6.1)))["tool", "Read"] == 2.0


def test_of_parallel_tools_the_last_is_followed() -> None:
    """Both began together; the shorter one held nothing up."""
    first = made(1, blocks=(tool("Grep", NOON + 4, NOON + 9), tool("WebFetch", NOON + 4, NOON + 24)))
    found = spent(only(first, after(2, NOON + 24.1)))
    assert found["tool", "WebFetch"] == 20.0
    assert ("tool", "Grep") not in found


def test_a_tool_that_runs_alone_waited_for_the_one_before_it() -> None:
    """An edit is not begun before the tests that were asked for first are over."""
    first = made(1, blocks=(tool("Bash", NOON + 4, NOON + 34), tool("Edit", NOON + 4, NOON + 35)))
    found = spent(only(first, after(2, NOON + 35.1)))
    assert (found["tool", "Bash"], found["tool", "Edit"]) == (30.0, 1.0)


def test_questions_to_a_person_are_no_tool_time() -> None:
    """Stated for tools that ask; taken as an estimate where a file tool took more than a minute."""
    asked = made(1, blocks=(tool("AskUserQuestion", NOON + 4, NOON + 34),))
    slow = after(2, NOON + 34.1, blocks=(tool("Edit", NOON + 38.1, NOON + 338.1),))
    quick = after(3, NOON + 338.2, blocks=(tool("Edit", NOON + 342.2, NOON + 343.2),))
    item = only(asked, slow, quick, after(4, NOON + 343.3))
    found = spent(item)
    assert found["asking", "AskUserQuestion"] == 30.0
    assert found["asking", "Edit"] == 300.0
    assert found["tool", "Edit"] == 1.0
    kinds = {share.name: share.by_kind for share in total([item]) if share.activity == "asking"}
    assert set(kinds["Edit"]) == {"estimate"}
    assert set(kinds["AskUserQuestion"]) == {"bound"}


@pytest.mark.parametrize(
    ("fields", "activity"),
    [
        ({"sent_source": "hook_adjusted"}, "hook"),
        ({"sent_source": "retry_adjusted", "attempts": 2, "flags": ("retried",)}, "retry"),
        ({"attempts": 3}, "retry"),
        ({}, "unknown"),
    ],
)
def test_the_time_from_trigger_to_sending_is_named_by_what_the_log_shows(fields: dict[str, Any], activity: str) -> None:
    """Eight seconds: a hook, failed attempts; without a sign of either more than an agent needs is unknown."""
    assert spent(only(made(1, trigger_at=NOON - 8, **fields)))[activity, None] == 8.0


@pytest.mark.parametrize(
    ("trigger", "key"),
    [
        ("user", ("away", None)),
        ("compaction", ("compaction", None)),
        ("retry", ("retry", None)),
        ("notification", ("tool", "(background)")),
        ("unknown", ("unknown", None)),
    ],
)
def test_the_time_between_calls_is_named_by_what_led_to_the_next(trigger: str, key: tuple[str, str | None]) -> None:
    """Twenty seconds between the end of one call and the trigger of the next."""
    second = made(2, at=NOON + 24.5, trigger=trigger)
    assert spent(only(made(1), second))[key] == 20.0


def test_a_sub_agent_is_followed_while_the_main_agent_waits_for_it() -> None:
    """Agent tool from 4 to 30; the sub-agent's call from 10 to 14 and its Bash to 25."""
    parent = made(1, blocks=(tool("Agent", NOON + 4, NOON + 30),))
    child = made(2, at=NOON + 10, trigger="subagent", trigger_at=NOON + 10, agent_id="a1", flags=("sidechain",),
                 blocks=(tool("Bash", NOON + 14, NOON + 25),))  # fmt: skip
    item = only(parent, child, after(3, NOON + 30.1))
    found = spent(item)
    assert found["tool", "Bash"] == 11.0
    assert found["tool", "Agent"] == 11.0  # 4 to 10, and 25 to 30
    assert found["first_token", None] == 3.0
    assert item.agents == ("a1",)
    assert {s.agent_id for s in item.segments} == {None, "a1"}


def test_of_parallel_sub_agents_the_one_that_ends_last_is_followed() -> None:
    """Both start at once; the quick one's time is nobody's wait."""

    def child(number: int, name: str, until: float) -> Call:
        return made(number, at=NOON + 4, trigger="subagent", trigger_at=NOON + 4, agent_id=name, flags=("sidechain",),
                    blocks=(tool(name, NOON + 8, until),))  # fmt: skip

    parent = made(1, blocks=(tool("Task", NOON + 4, NOON + 20), tool("Task", NOON + 4, NOON + 50)))
    found = spent(only(parent, child(2, "quick", NOON + 20), child(3, "slow", NOON + 50), after(4, NOON + 50.1)))
    assert found["tool", "slow"] == 42.0
    assert ("tool", "quick") not in found


def test_a_person_who_is_away_is_away_while_a_background_agent_works() -> None:
    """Nobody waits for it."""
    background = made(2, at=NOON + 10, trigger="subagent", trigger_at=NOON + 10, agent_id="a1", flags=("sidechain",))
    found = spent(only(made(1), background, made(3, at=NOON + 64.5)))
    assert found["away", None] == 60.0


def test_a_computer_that_slept_inside_a_call_was_not_waiting() -> None:
    """The longest silence of the call is put aside, the rest is the model's."""
    blocks = (Block("thinking", end_at=NOON + 3), Block("text", end_at=NOON + 4000))
    call = made(1, wall=4000, flags=("suspended",), blocks=blocks)
    found = spent(only(call))
    assert (found["model", None], found["away", None]) == (3.0, 3997.0)


def test_durations_across_a_clock_step_are_unknown_but_still_add_up() -> None:
    """Between the stamps something passed; what, they do not say."""
    item = only(made(1, flags=("clock_step",)), made(2, at=NOON - 20, trigger_at=NOON + 3))
    assert sum(segment.duration_s for segment in item.segments) == pytest.approx(item.wall_s, abs=1e-6)
    assert spent(item)["unknown", None] >= 4.0


def test_calls_that_do_not_say_when_their_first_token_came_are_not_split() -> None:
    """Neither is a response that arrived whole."""
    hidden = made(1, first_output_at=None, first_output_source=None)
    whole = made(1, flags=("non_streamed",))
    assert spent(only(hidden))["model", None] == spent(only(whole))["model", None] == 4.0


def test_estimates_split_a_call_and_say_so() -> None:
    """The posterior mean, never later than the first block's end."""
    trace = trace_of(*(made(n, at=NOON + 100 * n, first_output_at=None, first_output_source=None) for n in (1, 2)))
    values = np.array([[0.4, 0.6], [50.0, 70.0]])
    estimates = Estimates(
        {"ttft_s": values, "decode_tps": values}, {"ttft_s": values, "decode_tps": values},
        np.zeros(2, dtype=np.int64), {"ttft_s": np.zeros((1, 1)), "decode_tps": np.zeros((1, 1))}, (0.5,),
    )  # fmt: skip
    (item,) = budgets(trace.with_estimates(estimates))
    waits = [segment for segment in item.segments if segment.activity == "first_token"]
    assert [(round(s.duration_s, 3), s.kind) for s in waits] == [(0.5, "estimate"), (2.0, "estimate")]
    assert facts(trace.with_estimates(estimates), [1])[0].ttft_s == pytest.approx(2.0)


def test_a_first_token_after_an_early_send_time_is_a_bound() -> None:
    """The trigger line stands before the sending."""
    (item,) = budgets(trace_of(made(1, sent_source="trigger_line")))
    assert [s.kind for s in item.segments if s.activity == "first_token"] == ["bound"]


def test_sums_per_day_cut_at_midnight_of_the_zone() -> None:
    """A person leaves at noon UTC and is back a day later: 11 h 59 min 56 s and 12 h 0 min 0 s."""
    trace = trace_of(made(1), made(2, at=NOON + 86_400))
    days = total_by(budgets(trace), trace, "day", UTC)
    away = {day: sum(share.seconds for share in shares if share.activity == "away") for day, shares in days.items()}
    assert away == {"2026-03-02": pytest.approx(43_196), "2026-03-03": pytest.approx(43_199.5)}
    tokyo = total_by(budgets(trace), trace, "day", ZoneInfo("Asia/Tokyo"))
    assert set(tokyo) == {"2026-03-02", "2026-03-03"}
    assert sum(s.seconds for s in tokyo["2026-03-02"]) == pytest.approx(3 * 3600 + 0.5)


def test_sums_per_project_and_model_hold_the_same_seconds() -> None:
    """Every second once, whatever it is summed by."""
    calls = [made(1, project="/a"), made(2, at=NOON + 60, project="/a", model="model-b"),
             made(3, at=NOON, session_id="s2", project="/b")]  # fmt: skip
    trace = trace_of(*calls)
    items = budgets(trace)
    wall = sum(item.wall_s for item in items)
    for key in ("project", "day", "model"):
        groups = total_by(items, trace, key)
        assert sum(share.seconds for shares in groups.values() for share in shares) == pytest.approx(wall)
    assert set(total_by(items, trace, "model")) == {"model-a", "model-b", None}
    with pytest.raises(KeyError):
        total_by(items, trace, "colour")


def test_the_slowest_calls_come_first_with_what_is_known() -> None:
    """By the whole call, with remarks about what made it special."""
    trace = trace_of(
        made(1), made(2, at=NOON + 10, wall=9, attempts=2, flags=("retried",)),
        made(3, at=NOON + 30, wall=7, input_tokens=20_000, cache_read_tokens=100, output_tokens=None),
    )  # fmt: skip
    found = slowest(trace, "wall_s", 2)
    assert [call.wall_s for call in found] == [pytest.approx(9), pytest.approx(7)]
    assert "2 attempts" in found[0].remarks
    assert {"nearly nothing came from the cache", "final tokens not known"} <= set(found[1].remarks)
    with pytest.raises(KeyError):
        slowest(trace, "colour")  # type: ignore[arg-type]


def test_the_share_of_the_slowest_calls_is_their_part_of_all_seconds() -> None:
    """95 calls of 2 s and 5 of 38 s: the slowest 5 % hold half of 380 s."""
    calls = [made(n, at=NOON + 100 * n, wall=38 if n % 20 == 0 else 2, session_id=f"s{n % 10}") for n in range(100)]
    share = slow_share(trace_of(*calls))
    assert share is not None
    assert share.n == 100
    assert share.seconds == pytest.approx(380)
    assert share.waiting_share == pytest.approx(0.5)
    assert share.interval is not None
    assert share.interval[0] <= 0.5 <= share.interval[1]
    assert slow_share(trace_of(*calls[:59])) is None


def test_the_same_seed_gives_the_same_interval() -> None:
    """Reports do not change between runs."""
    calls = [made(n, at=NOON + 100 * n, wall=2 + n % 7, session_id=f"s{n % 8}") for n in range(80)]
    assert slow_share(trace_of(*calls)) == slow_share(trace_of(*calls))


def sampled(cold: float) -> list[Call]:
    """Twelve sessions of ten calls; the first two of each miss the cache and wait `cold` s longer."""
    found = []
    for number in range(120):
        session, place = divmod(number, 10)
        miss = place < 2
        wait = 1 + 0.02 * ((7 * number) % 11) + (cold if miss else 0.0)
        at = NOON + 1000 * session + 60 * place
        found.append(
            made(number, at=at, wall=10, first_output_at=at + wait, session_id=f"s{session}",
                 cache_read_tokens=0 if miss else 9_000, input_tokens=10_000,
                 blocks=(Block("text", start_at=at + wait, end_at=at + 10),))
        )  # fmt: skip
    return found


def test_what_a_cache_miss_costs_is_found_with_its_interval() -> None:
    """Three seconds were put in; the interval holds them and leaves out 0."""
    found = [e for e in effects(trace_of(*sampled(3.0))) if (e.factor, e.metric) == ("cache", "ttft_s")]
    (effect,) = found
    assert effect.kind == "exact"
    assert effect.difference == pytest.approx(3.0, abs=0.15)
    assert effect.interval is not None
    assert effect.interval[0] <= 3.05
    assert effect.interval[1] >= 2.95
    assert effect.clear


def test_no_effect_is_not_clear() -> None:
    """Nothing was put in."""
    (effect,) = [e for e in effects(trace_of(*sampled(0.0))) if (e.factor, e.metric) == ("cache", "ttft_s")]
    assert effect.difference == pytest.approx(0.0, abs=0.15)
    assert not effect.clear


def test_models_are_compared_only_with_inputs_alike() -> None:
    """A model that only ever saw large inputs is not blamed for them: the comparison is refused."""

    def call(number: int, model: str, tokens: int) -> Call:
        return made(number, at=NOON + 100 * number, model=model, input_tokens=tokens, cache_read_tokens=0)

    calls = [call(n, "small", 1000 + n) for n in range(60)] + [call(60 + n, "large", 90_000 + n) for n in range(30)]
    (effect,) = [e for e in effects(trace_of(*calls)) if (e.factor, e.metric) == ("model", "ttft_s")]
    assert (effect.level, effect.against, effect.difference) == ("large", "small", None)
    assert effect.refused


def test_few_calls_are_refused_with_the_number_that_is_needed() -> None:
    """Never a median of two."""
    (effect,) = [e for e in effects(trace_of(made(1), made(2))) if (e.factor, e.metric) == ("attempt", "ttft_s")]
    assert (effect.difference, effect.interval) == (None, None)
    assert effect.refused == "needs 6 calls on both sides, has 0 and 2"
    many = trace_of(*(made(number) for number in range(1, 1202)))
    (effect,) = [e for e in effects(many) if (e.factor, e.metric) == ("attempt", "ttft_s")]
    assert effect.refused == "needs 6 calls on both sides, has 0 and 1,201"


def test_days_of_two_agents_with_one_model_are_kept_apart() -> None:
    """What changes when the share of one of them changes is no change of level."""
    calls = [
        made(20 * day + n, at=NOON + 86_400 * day + 60 * n, agent="ab"[n % 2]) for day in range(3) for n in range(12)
    ]
    found = trends(trace_of(*calls), "ttft_s")
    assert [(trend.agent, [day.n for day in trend.days]) for trend in found] == [("a", [6, 6, 6]), ("b", [6, 6, 6])]


def test_days_know_their_version_and_new_versions_are_marked() -> None:
    """Six calls a day for three days; the version changes on the third."""
    calls = [
        made(6 * day + n, at=NOON + 86_400 * day + 60 * n, agent_version="2.0" if day == 2 else "1.0")
        for day in range(3)
        for n in range(6)
    ]
    (trend,) = trends(trace_of(*calls), "ttft_s")
    assert [(day.day, day.n, day.new_version) for day in trend.days] == [
        ("2026-03-02", 6, False),
        ("2026-03-03", 6, False),
        ("2026-03-04", 6, True),
    ]
    assert [day.median for day in trend.days] == pytest.approx([1.0, 1.0, 1.0])
    assert trend.days[0].last_at == NOON + 300


def test_the_heat_map_has_a_cell_per_weekday_and_hour() -> None:
    """Monday at noon in UTC is Monday at 21 h in Tokyo; five calls are too few for a median."""
    calls = [made(n, at=NOON + n) for n in range(6)] + [made(10 + n, at=NOON + 3600 + n) for n in range(5)]
    found = heat_map(trace_of(*calls), "ttft_s")
    assert found.medians[0][12] == pytest.approx(1.0)
    assert found.medians[0][13] is None
    assert (found.counts[0][12], found.counts[0][13], found.n) == (6, 5, 11)
    assert heat_map(trace_of(*calls), "ttft_s", ZoneInfo("Asia/Tokyo")).counts[0][21] == 6


def test_another_model_than_the_one_asked_for_is_told() -> None:
    """Dates, routers and context marks in a name are no other model."""
    names = [("big-4", "small-4"), ("big-4", "big-4"), ("vendor/Big-4[1m]", "big-4-20260101"), (None, "small-4")]
    calls = [made(n, requested_model=asked, model=model) for n, (asked, model) in enumerate(names)]
    assert [(s.requested, s.served, s.n, s.calls) for s in served(trace_of(*calls))] == [("big-4", "small-4", 1, 2)]


def test_nothing_gives_nothing() -> None:
    """An empty trace has no budget and no slowest call."""
    trace = trace_of()
    assert (budgets(trace), slowest(trace), slow_share(trace), served(trace), trends(trace, "ttft_s")) == (
        [], [], None, [], [],
    )  # fmt: skip
