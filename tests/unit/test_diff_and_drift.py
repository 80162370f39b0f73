"""Differences that are matched for work, and changes over time in whole traces."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from latprof.change import compare_traces, drift
from latprof.change.mix import overlap_weights
from latprof.errors import UsageError
from latprof.model import Block, Call
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
