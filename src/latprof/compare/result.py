"""The comparison: today and each alternative over the same calls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latprof.catalogue import Catalogue, Entry, Fact
from latprof.classes import dataclass
from latprof.compare.alternatives import family
from latprof.compare.costs import Cost, costs_of, list_price_usd
from latprof.compare.speeds import Profile, profiles_of
from latprof.compare.steps import Difference, Percentile, difference, percentiles, step_s
from latprof.compare.team import WEEKS_PER_MONTH, Team
from latprof.compare.usage import Usage
from latprof.errors import UsageError

__all__ = ["Comparison", "Hours", "Row", "Today", "compare"]

Floats = NDArray[np.float64]
_ALL = "all"


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of an engineer's week, with the ends of a 95 % interval; None where the logs cannot tell."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Today:
    """How it was measured: kind 'exact' or 'bound' (at most), per trigger and over all calls."""

    kind: str
    steps: dict[str, tuple[Percentile, ...]]
    waiting: Hours
    cost_usd: float | None
    cost_how: str


@dataclass(frozen=True, slots=True)
class Row:
    """An alternative by one source.

    `steps` per trigger and 'all'; empty where the profile is refused. `unfit_share` of the calls do not fit into the
    context window, None where it is not known; `quality` is the catalogue's fact, for reading beside.
    """

    profile: Profile
    family: str
    steps: dict[str, tuple[Percentile, ...]]
    waiting: Hours
    change: Hours
    per_call: Difference | None
    costs: tuple[Cost, ...]
    unfit_share: float | None
    window: Fact | None
    quality: Fact | None

    @property
    def entry(self) -> Entry:
        """What is compared."""
        return self.profile.entry

    @property
    def cost(self) -> Cost | None:
        """The way to pay that is compared: list price or rent, else purchase; None where no price is known.

        A purchase counts the cards alone, and nobody knows whether the limits of a subscription hold the calls.
        """
        return next((item for item in self.costs if item.way != "subscription"), None)


@dataclass(frozen=True)
class Comparison:
    """All rows over one usage, and the catalogue they come from."""

    usage: Usage
    team: Team
    today: Today
    rows: tuple[Row, ...]
    catalogue: Catalogue
    streams: float

    @property
    def felt(self) -> tuple[Row, ...]:
        """Rows with step times, the least waiting first."""
        known = [row for row in self.rows if row.steps]
        return tuple(sorted(known, key=lambda row: row.per_call.mean_s if row.per_call else 0.0))


def compare(usage: Usage, team: Team, entries: Sequence[Entry], catalogue: Catalogue) -> Comparison:
    """Each entry by each of its documents, over every call that has times and tokens."""
    streams = max(team.engineers * usage.streams, 1.0)
    middle = float(np.median(usage.input_tokens))
    rows = [
        _row(profile, usage, team, catalogue)
        for entry in entries
        for profile in profiles_of(entry, catalogue, streams=streams, input_tokens=middle)
    ]
    return Comparison(usage, team, _today(usage, team, catalogue), tuple(rows), catalogue, streams)


def _row(profile: Profile, usage: Usage, team: Team, catalogue: Catalogue) -> Row:
    entry = profile.entry
    model = _model(entry, catalogue)
    window = _fact(entry, model, "context_tokens")
    unfit = None
    if window is not None and window.middle is not None:
        unfit = float((usage.input_tokens + usage.output_tokens > window.middle).mean())
    quality = next((f for name in ("elo", "grade", "score") if (f := _fact(entry, model, name)) is not None), None)
    costs = costs_of(entry, catalogue, usage, team)
    if profile.refused:
        nothing = Hours(None)
        return Row(profile, family(entry), {}, nothing, nothing, None, costs, unfit, window, quality)
    values = step_s(profile, usage)
    changed = difference(values, usage.today_s, usage.session)
    return Row(
        profile, family(entry), _steps(values, usage), _hours(float(values.mean()), None, None, usage),
        _hours(changed.mean_s, changed.low_s, changed.high_s, usage), changed, costs, unfit, window, quality,
    )  # fmt: skip


def _steps(values: Floats, usage: Usage) -> dict[str, tuple[Percentile, ...]]:
    found = {_ALL: percentiles(values, usage.session)}
    for name in sorted(set(usage.trigger)):
        mine = usage.trigger == name
        found[str(name)] = percentiles(values[mine], usage.session[mine])
    return found


def _hours(mean: float, low: float | None, high: float | None, usage: Usage) -> Hours:
    if usage.calls_per_week is None:
        return Hours(None)
    factor = usage.calls_per_week / 3600
    return Hours(mean * factor, None if low is None else low * factor, None if high is None else high * factor)


def _today(usage: Usage, team: Team, catalogue: Catalogue) -> Today:
    zero = np.zeros(len(usage))
    mean = difference(usage.today_s, zero, usage.session)
    # One upper bound can be the very call that is the 99th percentile.
    kind = "exact" if usage.wall_exact_share == 1 else "bound"
    cost, how = _cost_today(usage, team, catalogue)
    # Nobody waits less than nothing, however different a few sessions are.
    low = None if mean.low_s is None else max(mean.low_s, 0.0)
    return Today(kind, _steps(usage.today_s, usage), _hours(mean.mean_s, low, mean.high_s, usage), cost, how)


def _cost_today(usage: Usage, team: Team, catalogue: Catalogue) -> tuple[float | None, str]:
    """Subscriptions as given, else the list price of the models that were called."""
    if team.subscription_usd is not None:
        return team.subscription_usd * team.engineers, "subscriptions"
    if usage.calls_per_week is None:
        return None, "the logs hold no dates"
    paid = np.full(len(usage), np.nan)
    for name in sorted({str(model) for model in usage.model if model is not None}):
        try:
            prices = list_price_usd(catalogue.find(name, "hosted"), usage)
        except UsageError:
            continue
        if prices is not None:
            paid = np.where(usage.model == name, prices, paid)
    known = ~np.isnan(paid)
    if known.mean() < 0.5:
        return None, "no price known of the models that were called"
    month = float(paid[known].mean()) * usage.calls_per_week * WEEKS_PER_MONTH * team.engineers
    return month, f"list price of the models called, known of {known.mean():.0%} of calls"


def _model(entry: Entry, catalogue: Catalogue) -> Entry | None:
    return next((item for item in catalogue.of_type("model") if item.id == entry.model), None)


def _fact(entry: Entry, model: Entry | None, quantity: str) -> Fact | None:
    """The preferred fact of the entry itself, else of its model."""
    for place in (entry, model):
        found = next((f for f in place.of(quantity) if not f.conditions and not f.what), None) if place else None
        if found is not None:
            return found
    return None
