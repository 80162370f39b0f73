"""Today against alternatives: times, hours, costs, what fits. All expected values are worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compared import one_day, small_catalogue
from latprof.catalogue import Catalogue
from latprof.compare import Comparison, Row, Team, alternatives, compare, usage_of
from latprof.compare.costs import list_price_usd
from latprof.compare.speeds import AGGREGATE, NO_FIRST, NO_SPEED, profiles_of
from latprof.errors import UsageError
from latprof.model import Call
from latprof.report.comparing import comparison_document
from latprof.report.comparing_words import verdict_words
from latprof.report.document import Table
from made_calls import NOON, made, trace_of


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return small_catalogue(tmp_path)


def _compared(
    catalogue: Catalogue, *names: str, calls: list[Call] | None = None, team: Team | None = None
) -> Comparison:
    usage = usage_of(trace_of(*(calls or one_day())))
    return compare(usage, team or Team(), alternatives(catalogue, names), catalogue)


def _middle(row: Row, trigger: str = "all") -> float | None:
    return row.steps[trigger][0].value


def test_a_step_is_first_token_plus_output_over_decode(catalogue: Catalogue) -> None:
    """0.5 s + 91 tokens / 91 tok/s."""
    row = _compared(catalogue, "even").rows[0]
    assert _middle(row) == pytest.approx(1.5)
    assert row.per_call is not None
    assert row.per_call.mean_s == pytest.approx(1.5 - 4.0)


def test_sources_that_contradict_each_other_both_stay(catalogue: Catalogue) -> None:
    """One row per document, and the conflict is named in both."""
    rows = _compared(catalogue, "even").rows
    assert [_middle(row) for row in rows] == pytest.approx([1.5, 10.5])
    assert [row.profile.kind for row in rows] == ["measured", "claimed"]
    assert all(row.profile.conflicts for row in rows)


def test_the_first_token_grows_with_uncached_input(catalogue: Catalogue) -> None:
    """2.7 s more for 27,000 tokens more; 200 uncached tokens are 2,800 fewer than the source has: 0.3 - 0.28 s."""
    row = _compared(catalogue, "rack").rows[0]
    assert row.profile.streams == 1
    assert _middle(row) == pytest.approx(0.02 + 1.0)


def test_a_shared_machine_is_as_slow_as_the_team_is_large(catalogue: Catalogue) -> None:
    """Ten engineers: 45.5 tok/s each, and the first token of ten streams."""
    found = _compared(catalogue, "rack", team=Team(engineers=10))
    (row,) = found.rows
    assert 1 < found.streams <= 10
    assert row.profile.streams == 10
    assert _middle(row) == pytest.approx(0.12 + 2.0)


def test_what_nobody_feels_is_refused(catalogue: Catalogue) -> None:
    """A sum over streams, a speed without a first token, no speed at all."""
    found = _compared(catalogue, "summed", "half-known", "gpt-5")
    assert [row.profile.refused for row in found.rows] == [AGGREGATE, NO_FIRST, NO_SPEED]
    assert not any(row.steps for row in found.rows)
    assert found.rows[0].profile.figure == "3,400 tok/s"


def test_hours_of_a_week_follow_from_calls_of_a_day(catalogue: Catalogue) -> None:
    """12 calls on one day, five days: 60 calls of 4 s today, of 1.5 s then."""
    found = _compared(catalogue, "even")
    assert found.usage.calls_per_week == 60
    assert found.today.waiting.value == pytest.approx(240 / 3600)
    assert found.rows[0].waiting.value == pytest.approx(90 / 3600)
    assert found.rows[0].change.value == pytest.approx(-150 / 3600)


def test_calls_that_cannot_be_compared_still_count_as_waiting(catalogue: Catalogue) -> None:
    """Half the calls have no final tokens: the week has as many calls as before."""
    calls = [*one_day(6), *(made(20 + k, at=NOON + 200 + k, output_tokens=None) for k in range(6))]
    found = _compared(catalogue, "even", calls=calls)
    assert (len(found.usage), found.usage.total, found.usage.calls_per_week) == (6, 12, 60)


def test_the_interval_is_over_sessions(catalogue: Catalogue) -> None:
    """Sessions that agree leave nothing open; sessions that do not, do; one session tells nothing."""
    alike = _compared(catalogue, "even").rows[0].change
    assert alike.low == pytest.approx(alike.high)
    differ = [made(k, at=NOON + 20 * k, wall=2.0 + 4 * (k % 2), session_id=f"s{k % 2}") for k in range(12)]
    apart = _compared(catalogue, "even", calls=differ).rows[0].change
    assert apart.low is not None
    assert apart.high is not None
    assert apart.low < apart.value < apart.high  # type: ignore[operator]
    single = _compared(catalogue, "even", calls=[made(k, at=NOON + 10 * k) for k in range(12)]).rows[0].change
    assert (single.low, single.high) == (None, None)


def test_list_price_has_four_kinds_of_tokens(catalogue: Catalogue) -> None:
    """50 × 10 + 800 × 1 + 150 × 20 + 91 × 100 = 13,400 USD per million calls; a month has 60 × 4.348 of them."""
    usage = usage_of(trace_of(*one_day()))
    prices = list_price_usd(catalogue.find("even"), usage)
    assert prices is not None
    assert prices == pytest.approx(np.full(12, 0.0134))
    cost = _compared(catalogue, "even", team=Team(engineers=3)).rows[0].cost
    assert cost is not None
    assert cost.usd_per_month == pytest.approx(3 * 60 * 365.25 / 84 * 0.0134)


def test_long_calls_pay_the_price_of_long_calls(catalogue: Catalogue) -> None:
    """Above 1,500 tokens input costs 20: 1,050 plain tokens at twice the price."""
    usage = usage_of(trace_of(*one_day(input_tokens=2000)))
    prices = list_price_usd(catalogue.find("even"), usage)
    assert prices is not None
    assert prices[0] == pytest.approx((1050 * 20 + 800 + 3000 + 9100) / 1e6)


def test_without_a_cache_price_all_input_is_paid_in_full(catalogue: Catalogue) -> None:
    """GPT-4 Turbo has none: 1,000 tokens at 10 and 91 at 30 USD."""
    prices = list_price_usd(catalogue.find("gpt-4-turbo"), usage_of(trace_of(*one_day())))
    assert prices is not None
    assert prices[0] == pytest.approx((1000 * 10 + 91 * 30) / 1e6)


def test_rent_is_paid_for_all_hours_and_use_follows_from_the_calls(catalogue: Catalogue) -> None:
    """Two cards, 2 USD, 730 h; 12 calls a day of 91 tokens against 1,000 tok/s."""
    cost = _compared(catalogue, "rack").rows[0].cost
    assert cost is not None
    assert cost.way == "rent"
    assert cost.usd_per_month == pytest.approx(2 * 2 * 730)
    assert cost.utilisation == pytest.approx(60 * 365.25 / 84 * 91 / (1000 * 3600 * 730))


def test_a_purchase_is_no_rent(catalogue: Catalogue) -> None:
    """Two cards of 26,000 USD over 36 months, and 700 W each at 0.30: an idle draw that nobody says is not 0."""
    costs = {item.way: item for item in _compared(catalogue, "rack").rows[0].costs}
    assert costs["bought"].usd_per_month == pytest.approx(2 * 26000 / 36 + 2 * 0.7 * 730 * 0.30)
    assert "as under load at all hours" in costs["bought"].remark


def test_subscriptions_of_the_provider_are_named_but_not_chosen(catalogue: Catalogue) -> None:
    """Nobody knows whether their limits hold the calls."""
    row = _compared(catalogue, "claude-sonnet-4.6", team=Team(engineers=10)).rows[0]
    assert {item.usd_per_month for item in row.costs if item.way == "subscription"} == {200, 1500}
    assert row.cost is not None
    assert row.cost.way == "list price"


def test_calls_that_do_not_fit_are_counted(catalogue: Catalogue) -> None:
    """A window of 1,050 tokens: 1,091 do not fit, 591 do."""
    calls = [*one_day(9), *(made(20 + k, at=NOON + 200 + 10 * k, input_tokens=500) for k in range(3))]
    row = _compared(catalogue, "even", calls=calls).rows[0]
    assert row.unfit_share == pytest.approx(0.75)


def test_quality_stands_beside(catalogue: Catalogue) -> None:
    """It is a fact of the catalogue and changes no figure."""
    row = _compared(catalogue, "even").rows[0]
    assert row.quality is not None
    assert (row.quality.quantity, row.quality.middle) == ("elo", 1500)


def test_a_stated_spread_moves_the_tail_and_not_the_middle(catalogue: Catalogue) -> None:
    """Opus 4.5: 2.4 s at p50 and 4.3 at p90; 56 tok/s at p50."""
    calls = [made(k, at=NOON + 10 * k, session_id=f"s{k % 6}") for k in range(600)]
    row = _compared(catalogue, "claude-opus-4.5", calls=calls).rows[0]
    middle, upper = _middle(row), row.steps["all"][1].value
    assert middle == pytest.approx(2.4 + 91 / 56, rel=0.05)
    assert upper is not None
    assert upper > 4.3


def test_today_costs_what_is_paid_or_the_list_price(catalogue: Catalogue) -> None:
    """Subscriptions as given, else the prices of the models that were called, found by alias."""
    assert _compared(catalogue, "even", team=Team(2, subscription_usd=150)).today.cost_usd == 300
    assert _compared(catalogue, "even").today.cost_usd == pytest.approx(60 * 365.25 / 84 * 0.0134)
    unknown = _compared(catalogue, "even", calls=one_day(model="nobody-knows-it")).today
    assert unknown.cost_usd is None
    assert "no price" in unknown.cost_how


def test_upper_bounds_of_today_say_so(catalogue: Catalogue) -> None:
    """Send times read off the trigger's line make today a bound."""
    assert _compared(catalogue, "even").today.kind == "exact"
    assert _compared(catalogue, "even", calls=one_day(sent_source="trigger_line")).today.kind == "bound"
    one_of_twenty = [*one_day(19), made(40, at=NOON + 300, wall=90, sent_source="trigger_line")]
    assert _compared(catalogue, "even", calls=one_of_twenty).today.kind == "bound"


def test_names_families_patterns_and_models(catalogue: Catalogue) -> None:
    """A model means everything that serves it; nothing is taken twice; unknown names are refused."""
    assert [item.id for item in alternatives(catalogue, ["even", "EVEN", "summed"])] == ["even", "summed"]
    assert {item.type for item in alternatives(catalogue, ["hosted"])} == {"hosted"}
    assert {item.type for item in alternatives(catalogue, ["self-hosted"])} == {"deployment"}
    assert "rack" in {item.id for item in alternatives(catalogue, ["minimax-m2.5"])}
    assert all(item.id.startswith("claude-") for item in alternatives(catalogue, ["claude-*"]))
    for wrong in ("nothing-like-it", "zzz*"):
        with pytest.raises(UsageError):
            alternatives(catalogue, [wrong])
    with pytest.raises(UsageError, match="latprof simulate"):
        alternatives(catalogue, ["smollm2-1.7b"])


def test_a_document_is_chosen_by_streams_then_length(catalogue: Catalogue) -> None:
    """MiniMax on 4 H100 was measured for 4, 8, 16 ... streams: six engineers get a figure for no fewer."""
    for streams in (1.0, 6.0, 12.0):
        (profile,) = profiles_of(catalogue.find("minimax-m2.5-4x-h100"), catalogue, streams=streams, input_tokens=9000)
        assert (profile.streams or 0) >= streams


def test_no_usable_call_is_an_error() -> None:
    """Load tests and calls without tokens are no work of a team."""
    for fields in ({"trigger": "synthetic"}, {"output_tokens": None}):
        with pytest.raises(UsageError, match="nothing to compare"):
            usage_of(trace_of(*one_day(**fields)))


def test_logs_without_dates_have_no_weeks_unless_told(catalogue: Catalogue) -> None:
    """Hours and costs are None then, not 0."""
    calls = one_day(flags=("no_date",))
    found = _compared(catalogue, "even", calls=calls)
    assert found.today.waiting.value is None
    assert found.rows[0].costs == ()
    told = usage_of(trace_of(*calls), calls_per_week=60)
    assert told.calls_per_week == 60


def test_without_dates_the_verdict_is_told_per_call(catalogue: Catalogue) -> None:
    """4 s become 1.5 in every call: certainly faster, though nobody knows how many calls a week has."""
    found = _compared(catalogue, "even", calls=one_day(flags=("no_date",), input_tokens=950))
    said = " ".join(verdict_words(found, found.felt))
    assert "even (measured, ours:1) is fastest: -2.5 s per call (95 %: -2.5 to -2.5)" in said
    assert "But by theirs:2 the same system is slower than today: +6.5 s per call" in said
    assert "nothing that holds" not in said


def test_nobody_waits_less_than_nothing(catalogue: Catalogue) -> None:
    """Two very different sessions: the interval of a mean over them goes below 0, which no waiting can."""
    calls = [
        made(k, at=NOON + 200 * k, session_id=f"s{k % 2}", wall=100.0 if k % 2 else 2.0, first_output_at=None)
        for k in range(20)
    ]
    waiting = _compared(catalogue, "even", calls=calls).today.waiting
    assert waiting.low == 0
    assert waiting.value is not None
    assert waiting.high is not None
    assert waiting.high > waiting.value > 0


def test_some_waiting_never_reads_as_none(catalogue: Catalogue) -> None:
    """12 calls of 9 s a week are 0.03 h, of 1 s 0.003 h: 0.0 would say none, and ≤ 0.0 would be wrong."""
    for wall, text in ((9.0, "≤ 0.03"), (1.0, "<0.01"), (90.0, "≤ 0.3")):
        usage = usage_of(trace_of(*one_day(wall=wall, sent_source="trigger_line")), days_per_week=1)
        found = compare(usage, Team(), alternatives(catalogue, ["even"]), catalogue)
        (today, *_) = next(
            part for part in comparison_document(found).sections[0].items if isinstance(part, Table)
        ).rows
        assert today[-2].text == text
        assert f" {text.removeprefix('≤ ')} hours" in " ".join(verdict_words(found, found.felt))


def test_a_team_out_of_range_is_refused() -> None:
    """Each limit by its option's name."""
    for fields in ({"engineers": 0}, {"budget_usd": -1.0}, {"rent_hours": 1000.0}, {"usd_per_kwh": -1.0}):
        with pytest.raises(UsageError, match="out of range"):
            Team(**fields)
