"""Differences that are matched for work, and changes over time in whole traces."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from latprof.change import compare_traces, drift
from latprof.change.mix import overlap_weights
from latprof.change.series import SeriesOfCalls, Units
from latprof.errors import UsageError
from latprof.model import Block, Call
from latprof.report.document import Note
from latprof.report.drifting import drift_document
from latprof.report.drivers import drivers_document
from latprof.report.figures import Lines
from latprof.report.plots import by_model, subjects, trend_plot
from latprof.timeline import trends
from latprof.trace import Trace
from made_calls import NOON, made, trace_of

DAY_S = 86_400


def work(slow_share: float, *, factor: float = 1.0, count: int = 600, seed: int = 1, first: int = 0) -> Trace:
    """Calls of two triggers: users' take 4 s, tools' 2 s; `slow_share` of them are users'."""
    rng = np.random.default_rng(seed)
    kinds = rng.random(count) < slow_share
    noise = np.exp(rng.normal(0, 0.4, count))
    return trace_of(
        *(
            made(
                first + n, at=NOON + n * 60, wall=(4.0 if kinds[n] else 2.0) * factor * float(noise[n]),
                session_id=f"{seed}-{n % 30}", trigger="user" if kinds[n] else "tool_result",
                first_output_at=NOON + n * 60 + 0.1, blocks=(),
            )
            for n in range(count)
        )
    )  # fmt: skip


def test_a_change_of_work_is_not_taken_for_a_change_of_speed() -> None:
    """More calls of the slow trigger: slower as it is, unchanged when matched."""
    found = compare_traces(work(0.3), work(0.7, seed=2, first=1000))
    (row,) = [item for item in found.differences if item.metric.key == "wall_s" and item.probability == 0.5]
    assert row.plain.low is not None
    assert row.plain.low > 1.1
    assert row.word == "cannot tell"
    assert row.matched is not None
    assert row.matched.ratio == pytest.approx(1.0, abs=0.15)


def test_a_change_of_speed_is_seen_through_a_change_of_work() -> None:
    """All calls take 30 % longer, and there are fewer of the slow ones: matched they are slower."""
    found = compare_traces(work(0.7), work(0.3, factor=1.3, seed=2, first=1000))
    (row,) = [item for item in found.differences if item.metric.key == "wall_s" and item.probability == 0.9]
    assert row.plain.ratio is not None
    assert row.word == "slower"


def test_what_only_one_side_has_counts_nothing() -> None:
    """Half of A's calls have a model that B lacks."""
    before = trace_of(*(made(n, at=NOON + n, model="ab"[n % 2], session_id=f"s{n % 9}") for n in range(40)))
    after = trace_of(*(made(100 + n, at=NOON + n, model="b", session_id=f"t{n % 9}") for n in range(40)))
    found = compare_traces(before, after, match=["model"])
    assert found.mix.left_out == (0.5, 0.0)
    assert found.mix.cells[0].key == ("b",)
    assert found.mix.cells[0].share == 1.0


def test_matched_sides_have_the_same_weight_in_every_cell() -> None:
    """The law of the weights, on any counts."""
    rng = np.random.default_rng(3)
    before, after = rng.integers(0, 6, 300), rng.integers(2, 8, 200)
    first, second = overlap_weights(before, after)
    assert np.bincount(before, first, 8) == pytest.approx(np.bincount(after, second, 8))
    assert max(first.max(), second.max()) <= 1


def test_kinds_are_never_compared_with_each_other() -> None:
    """Exact calls before, bounds after: the metric is named as not comparable."""
    exact = trace_of(*(made(n, at=NOON + n * 9, session_id=f"s{n % 9}") for n in range(60)))
    bound = trace_of(
        *(made(100 + n, at=NOON + n * 9, session_id=f"t{n % 9}", sent_source="trigger_line") for n in range(60))
    )
    found = compare_traces(exact, bound)
    assert "wall_s" not in {item.metric.key for item in found.differences}
    assert any(text.startswith("wall_s (A: exact, B: bound)") for text in found.missing)


def test_an_empty_side_and_an_unknown_key_are_mistakes() -> None:
    """One sentence each."""
    some = work(0.5, count=20)
    with pytest.raises(UsageError, match="B holds no calls"):
        compare_traces(some, trace_of())
    with pytest.raises(UsageError, match="Cannot match by colour"):
        compare_traces(some, some, match=["colour"])


def history(*, factor: float, days: int = 40, per_day: int = 15, seed: int = 4) -> list[Call]:
    """One session a day; from the middle on times are longer by `factor` and the version is 2."""
    rng = np.random.default_rng(seed)
    found = []
    for day in range(days):
        late = day >= days // 2
        for n in range(per_day):
            at = NOON + day * DAY_S + n * 60
            wall = 4.0 * float(np.exp(rng.normal(0, 0.2))) * (factor if late else 1.0)
            found.append(
                made(
                    day * per_day + n, at=at, wall=wall, session_id=f"s{day}", agent_version="2" if late else "1",
                    blocks=(Block("tool_use", end_at=at + wall, name="Read" if rng.random() < 0.7 else "Bash"),),
                )
            )  # fmt: skip
    return found


def test_a_slowdown_is_dated_and_the_new_version_named() -> None:
    """40 days, slower by half from day 20 on, when version 2 came."""
    found = drift(trace_of(*history(factor=1.5)))
    (shift,) = [item for item in found.shifts if item.series.name == "wall_s"]
    assert datetime.fromtimestamp(shift.at, UTC).date().isoformat() == "2026-03-22"
    assert shift.word == "slower"
    assert shift.change is not None
    assert shift.change.ratio == pytest.approx(1.5, rel=0.1)
    assert [(item.what, item.name) for item in shift.near] == [("version", "2")]
    assert shift.chance <= found.false_alarms == 0.005


def test_nothing_changed_is_no_change() -> None:
    """The same without the slowdown."""
    found = drift(trace_of(*history(factor=1.0)))
    assert found.shifts == ()
    assert {item.series.name for item in found.seen} >= {"wall_s", "tool Read", "tool Bash"}


def test_interrupts_are_counted_per_thousand() -> None:
    """From none to every third call."""
    calls = [
        made(n, at=NOON + (n // 15) * DAY_S + (n % 15) * 60, session_id=f"s{n // 15}",
             flags=("interrupted",) if n >= 300 and n % 3 == 0 else ())
        for n in range(600)
    ]  # fmt: skip
    shifts = [item for item in drift(trace_of(*calls)).shifts if item.series.name == "interrupts"]
    (shift,) = shifts
    assert shift.before.value == 0.0
    assert shift.after.value == pytest.approx(1 / 3)
    assert shift.word == "more"


def test_a_model_with_few_days_is_refused_with_its_numbers() -> None:
    """Seven sessions cannot be scanned."""
    found = drift(trace_of(*history(factor=1.0, days=7)))
    assert (found.seen, found.refused) == ((), ("model-a: 105 calls in 7 days of sessions",))


def unequal(seed: int, *, days: int = 30, factor: float = 1.0) -> list[Call]:
    """Days of 1 to 4 sessions that differ by 15 %, of 2 to 100 calls, more of them later; `factor` from the middle."""
    rng = np.random.default_rng(seed)
    found: list[Call] = []
    for day in range(days):
        for session in range(int(rng.integers(1, 5))):
            level = 4.0 * float(np.exp(rng.normal(0, 0.15))) * (factor if day >= days // 2 else 1.0)
            for n in range(int(np.clip(np.exp(rng.normal(1.2 + 2 * day / days, 0.8)), 2, 100))):
                at, wall = NOON + day * DAY_S + session * 3600 + n * 30, level * float(np.exp(rng.normal(0, 0.3)))
                found.append(
                    made(len(found), at=at, wall=wall, first_output_at=at + wall / 2, session_id=f"{day}-{session}")
                )
    return found


def test_days_of_unequal_size_and_sessions_that_differ_are_no_change() -> None:
    """40 histories of noise: at 0.5 % more than one that shows any change comes up in 2 of 100 such tests."""
    assert sum(bool(drift(trace_of(*unequal(seed))).shifts) for seed in range(40)) <= 1


def test_a_real_step_among_unequal_days_is_found() -> None:
    """The same noise with a slowdown of a half from day 15 on, dated to within four days: at least 9 of 10."""
    found = [drift(trace_of(*unequal(seed, factor=1.5))) for seed in range(10)]
    shifts = [item.shifts_of("claude-code", "model-a", "wall_s") for item in found]
    assert sorted(len(items) for items in shifts)[1:] == [1] * 9
    for shift in (shift for items in shifts for shift in items):
        assert shift.word == "slower"
        assert abs(shift.at - (NOON + 15 * DAY_S)) <= 4 * DAY_S


def test_units_vary_alike_whatever_their_number_of_calls() -> None:
    """Where sessions grow 50-fold in the course of time, orders may be shuffled only if all vary alike."""
    rng = np.random.default_rng(5)
    sizes = np.repeat(np.array([2, 100]), 400)
    owner = np.repeat(np.arange(800), sizes)
    values = rng.normal(0, 0.2, 800)[owner] + rng.normal(0, 0.5, len(owner))
    sums = SeriesOfCalls("x", "s", values, values).sums(Units(owner, np.arange(800.0)))
    early, late = sums.totals[:400].std(), sums.totals[400:].std()
    assert early / late == pytest.approx(1.0, abs=0.15)
    assert early == pytest.approx(1.0, abs=0.1)


def loads(count: int = 400) -> list[Call]:
    """A load test at two offered loads, over 20 days, the second ten times as slow."""
    return [
        made(
            10_000 + n, at=NOON + n * DAY_S / 20, wall=(40.0 if n >= count // 2 else 4.0) + n % 7, agent="load-test",
            session_id=f"load-{n // 20}", trigger="synthetic", load="8 at once" if n >= count // 2 else "1 at once",
        )
        for n in range(count)
    ]  # fmt: skip


def test_load_tests_are_no_history() -> None:
    """Their waiting follows the load: they are left out and counted, whether named by trigger or by load."""
    own = history(factor=1.0)
    found = drift(trace_of(*own, *loads()))
    assert (found.shifts, found.calls, found.left_out) == ((), len(own), 400)
    assert {item.agent for item in found.seen} == {own[0].agent}
    gateway = [replace(call, trigger="user") for call in loads()]
    assert drift(trace_of(*own, *gateway)).left_out == 400
    plain = [replace(call, trigger="user", load=None) for call in loads()]
    assert [item.series.name for item in drift(trace_of(*own, *plain)).shifts] == ["decode_tps", "wall_s"]


def test_of_load_tests_alone_it_is_said_what_to_do() -> None:
    """Nothing is searched, and no change is claimed to be absent."""
    document = drift_document(drift(trace_of(*loads())))
    words = " ".join(item.text for section in document.sections for item in section.items if isinstance(item, Note))
    assert document.title == "latprof drift: nothing to search, 400 calls of load generators"
    assert "latprof diff A B" in words
    assert (document.data["left_out"], document.data["calls"], document.data["changes"]) == (400, 0, [])


def test_a_sign_that_the_levels_do_not_show_is_no_change() -> None:
    """From day 20 on nearly all answers have 20 tokens: the ranks differ, the later median has no interval."""
    rng = np.random.default_rng(3)
    calls = [
        replace(call, output_tokens=20 if n >= 300 else int(rng.integers(20, 400)), output_tokens_source="usage")
        for n, call in enumerate(history(factor=1.0))
    ]
    found = drift(trace_of(*calls))
    assert [(item.series.name, item.word) for item in found.unclear] == [("output_tokens", "cannot tell")]
    assert [item.series.name for item in found.shifts] == ["decode_tps"]  # fewer tokens in the same time
    document = drift_document(found)
    assert document.title.startswith("latprof drift: 1 change found in ")
    words = " ".join(item.text for section in document.sections for item in section.items if isinstance(item, Note))
    assert "output_tokens of model-a (exact): no change is claimed" in words
    assert "cannot tell since" not in words
    assert [item["series"] for item in document.data["unclear"]] == ["output_tokens"]


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_drivers_and_the_report_show_the_changes_of_drift_and_no_others(factor: float) -> None:
    """One definition: the marked days, their words and their chances are those of drift."""
    trace = trace_of(*unequal(2, factor=factor))
    found = drift(trace)
    document = drivers_document((), (), trends(trace, "ttft_s"), (), found)
    (trend,) = document.data["trends"]
    marked = [(day["day"], day["says"], day["chance"]) for day in trend["days"] if day["change"]]
    shifts = found.shifts_of("claude-code", "model-a", "ttft_s")
    said = [
        (datetime.fromtimestamp(item.at, UTC).date().isoformat(), item.word, round(item.chance, 6)) for item in shifts
    ]
    assert len(said) == (factor > 1)
    assert marked == said
    (subject,) = subjects(trace)
    (part,) = by_model(subject)
    plot = trend_plot(part, UTC, found)
    assert plot is not None
    assert isinstance(plot.figure, Lines)
    marks = [date.fromordinal(int(mark.at)).isoformat() for mark in plot.figure.marks if mark.strong]
    assert marks == [day for day, _, _ in said]
    assert "at most 0.5 % of such histories" in plot.summary
    assert ("No change of level" in plot.summary) == (not said)


def test_without_a_search_no_day_is_marked_and_the_reason_is_given() -> None:
    """Three days cannot be searched; load tests are not."""
    trace = trace_of(*history(factor=1.5, days=3))
    (trend,) = drivers_document((), (), trends(trace, "ttft_s"), (), drift(trace)).data["trends"]
    assert not any(day["change"] for day in trend["days"])
    assert "8 days of sessions" in trend["refused"]
    assert trend["chance"] is None
