"""What other routing of the same calls would save, each with its assumption: cascade, cache, effort, speed, tools."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.catalogue import Catalogue, Entry
from latprof.classes import dataclass
from latprof.compare.alternatives import alternatives
from latprof.compare.costs import list_price_usd
from latprof.compare.speeds import Profile, profiles_of
from latprof.compare.steps import Difference, difference, step_s
from latprof.compare.usage import Usage
from latprof.errors import UsageError
from latprof.stats.grouping import of_agents
from latprof.stats.quantiles import student_t_quantile
from latprof.trace import Trace
from latprof.units import format_share

__all__ = ["WHAT_IFS", "WhatIf", "what_ifs"]

Floats = NDArray[np.float64]
WHAT_IFS: Final = {
    "cascade": "cascade=NAME:TOKENS: calls after tools with at most that much output go to the model NAME",
    "cache": "cache=SHARE: that share of the input comes from the cache, 0.95",
    "fast": "fast=FACTOR: generation is that much faster, 2.5",
    "effort": "effort=SHARE: that share of the output tokens is generated, 0.6",
    "parallel": "parallel: single read-only tool calls in a row are asked for at once",
}
# Where less of the calls is known, nothing is said about all of them.
_LEAST_KNOWN: Final = 0.5
# Tools that change nothing: their calls can be made together.
_READ_ONLY: Final = frozenset({"Read", "Grep", "Glob", "LS", "WebFetch", "WebSearch", "NotebookRead"})


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One what-if: per call the change of time (s, below 0 is saved) and of the list price (USD).

    `touched` of the compared calls change. `refused` says why nothing can be told. Kind 'estimated': it rests on
    the assumption.
    """

    name: str
    assumption: str
    touched: int = 0
    time: Difference | None = None
    money: Difference | None = None
    source: str = ""
    refused: str = ""


def what_ifs(texts: Sequence[str], trace: Trace, usage: Usage, catalogue: Catalogue) -> tuple[WhatIf, ...]:
    """Each text as in `WHAT_IFS`. Raises UsageError for one that is not understood."""
    return tuple(item for text in texts for item in _answers(text, trace, usage, catalogue))


def _answers(text: str, trace: Trace, usage: Usage, catalogue: Catalogue) -> tuple[WhatIf, ...]:
    name, _, value = text.partition("=")
    if name == "cascade":
        return _cascade(value, usage, catalogue)
    makers: dict[str, Callable[[str, Trace, Usage, Catalogue], WhatIf]] = {
        "cache": _cache,
        "fast": _fast,
        "effort": _effort,
        "parallel": _parallel,
    }
    if name not in makers:
        raise UsageError(f"No what-if is called {name}: choose from {', '.join(WHAT_IFS)}.")
    return (makers[name](value, trace, usage, catalogue),)


def _number(name: str, text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise UsageError(f"--what-if {name}={text} is out of range: write it as {WHAT_IFS[name]}.")
    return value


def _cascade(value: str, usage: Usage, catalogue: Catalogue) -> tuple[WhatIf, ...]:
    """Small calls to a faster model, one answer per document that knows its speed."""
    target, _, limit_text = value.partition(":")
    limit = _number("cascade", limit_text or "200", 1, 1e6)
    (entry, *_) = alternatives(catalogue, [target])
    chosen = (usage.trigger == "tool_result") & (usage.output_tokens <= limit)
    assumption = (
        f"calls after tools with at most {limit:g} output tokens go to {entry.id}, which answers them as well, with as "
        "many tokens; the router knows beforehand which these are; its cache is as warm"
    )
    felt = [item for item in profiles_of(entry, catalogue) if not item.refused]
    name = f"cascade to {entry.id}"
    if not felt:
        return (WhatIf(name, assumption, refused="no speed of it is known that one engineer feels"),)
    money = _money(usage, catalogue, lambda prices: _at_price(entry, usage, prices, chosen))
    return tuple(
        WhatIf(
            name,
            assumption,
            int(chosen.sum()),
            _over_sessions(np.where(chosen, step_s(item, usage) - usage.today_s, 0.0), usage),
            money,
            f"{item.kind} {_said(item)}",
        )
        for item in felt
    )


def _said(profile: Profile) -> str:
    return f"{profile.source}{', contradicted' if profile.conflicts else ''}"


def _at_price(entry: Entry, usage: Usage, prices: Floats, chosen: NDArray[np.bool_]) -> Floats | None:
    other = list_price_usd(entry, usage)
    return None if other is None else np.where(chosen, other, prices)


def _cache(value: str, _: Trace, usage: Usage, catalogue: Catalogue) -> WhatIf:
    """Another share of the input from the cache; the effect on the first token is read off the same calls."""
    share = _number("cache", value, 0, 1)
    uncached = usage.input_tokens * (1 - share)
    slope = _seconds_per_token(usage)
    assumption = (
        f"{share:.0%} of each call's input comes from the cache; a token that is read anew costs the time "
        "that it costs in these calls"
    )
    money = _money(usage, catalogue, lambda _: _cached_price(usage, catalogue, share))
    changed = int((np.abs(uncached - usage.uncached_tokens) > 1).sum())
    name = f"{share:.0%} from the cache"
    if slope is None:
        return WhatIf(name, assumption, changed, None, money, refused="these calls do not show what a token costs")
    change = np.maximum(slope * (uncached - usage.uncached_tokens), -usage.first_s)
    return _answered(
        WhatIf(name, assumption, changed, None, money, f"{slope * 1e3:.2f} s per 1,000 tokens"), change, usage
    )


def _seconds_per_token(usage: Usage) -> float | None:
    """Slope of the first token over uncached input within sessions; None where its 95 % interval holds 0."""
    known = ~np.isnan(usage.first_s)
    session, groups = usage.session[known], int(usage.session.max()) + 1
    counts = np.maximum(np.bincount(session, minlength=groups), 1)
    x, y = usage.uncached_tokens[known], usage.first_s[known]
    x = x - (np.bincount(session, x, minlength=groups) / counts)[session]
    y = y - (np.bincount(session, y, minlength=groups) / counts)[session]
    square = float(x @ x)
    if square <= 0 or groups < 2:
        return None
    slope = float(x @ y) / square
    scores = np.bincount(session, x * (y - slope * x), minlength=groups)
    reach = student_t_quantile(0.975, groups - 1) * math.sqrt(groups / (groups - 1) * float(scores @ scores)) / square
    return slope if slope > reach else None


def _cached_price(usage: Usage, catalogue: Catalogue, share: float) -> Floats:
    """Today's prices with another split of the input; what is not cached is written to the cache as today."""
    uncached = usage.input_tokens * (1 - share)
    written = np.where(usage.uncached_tokens > 0, usage.written_tokens / np.maximum(usage.uncached_tokens, 1), 1.0)
    kept = replace(usage, cached_tokens=usage.input_tokens * share, written_tokens=np.minimum(written, 1.0) * uncached)
    return _today_usd(kept, catalogue)


def _fast(value: str, _: Trace, usage: Usage, __: Catalogue) -> WhatIf:
    """Another speed of generation: the time after the first token is divided by the factor."""
    factor = _number("fast", value, 0.01, 1000)
    rest = np.maximum(usage.today_s - usage.first_s, 0.0)
    assumption = (
        f"generation is {factor:g} times as fast, the first token comes as today; what it costs more is not known"
    )
    answer = WhatIf(f"generation × {factor:g}", assumption, len(usage), None, None, "the factor is yours")
    return _answered(answer, rest / factor - rest, usage)


def _effort(value: str, _: Trace, usage: Usage, catalogue: Catalogue) -> WhatIf:
    """Fewer output tokens: the time after the first token and the price of output shrink alike."""
    share = _number("effort", value, 0.01, 10)
    rest = np.maximum(usage.today_s - usage.first_s, 0.0)
    fewer = replace(usage, output_tokens=usage.output_tokens * share)
    assumption = f"each call generates {share:.0%} of its tokens, and no further call is needed for that"
    money = _money(usage, catalogue, lambda _: _today_usd(fewer, catalogue))
    answer = WhatIf(f"{share:.0%} of the output", assumption, len(usage), None, money, "the share is yours")
    return _answered(answer, rest * (share - 1), usage)


def _parallel(value: str, trace: Trace, usage: Usage, catalogue: Catalogue) -> WhatIf:
    """Single read-only tool calls in a row asked for at once: the first tokens of all but the first are saved."""
    if value:
        raise UsageError(f"--what-if parallel={value} has no number: write it as parallel.")
    real = of_agents(trace)
    follow = np.isin(usage.rows, list(_followers(real)))
    # Where no call follows so, nothing changes, whatever is known of first tokens.
    change = np.where(follow, -usage.first_s, usage.first_s * 0) if follow.any() else np.zeros(len(usage))
    assumption = (
        "read-only tools (such as Read, Grep, Glob) that were asked for one by one in a row could be asked for at "
        "once: none needed the result of another, so this is the most that can be saved; their output is generated "
        "all the same"
    )
    paid = _money(
        usage, catalogue, lambda prices: prices - np.where(follow, prices - _output_usd(usage, catalogue), 0.0)
    )
    return _answered(WhatIf("tools at once", assumption, int(follow.sum()), None, paid, "these calls"), change, usage)


def _followers(trace: Trace) -> Iterator[int]:
    """Rows of calls after a call that asked for one read-only tool, and that ask for one themselves."""
    last: dict[tuple[str, str | None], int] = {}
    for row in range(len(trace)):
        key = (str(trace.texts["session_id"][row]), trace.texts["agent_id"][row])
        before = last.get(key)
        both = before is not None and _reads(trace, before) and _reads(trace, row)
        if both and trace.texts["trigger"][row] == "tool_result":
            yield row
        last[key] = row


def _reads(trace: Trace, row: int) -> bool:
    tools = [block.name for block in trace.blocks[row] if block.type == "tool_use"]
    return len(tools) == 1 and tools[0] in _READ_ONLY


def _over_sessions(change: Floats, usage: Usage) -> Difference:
    return difference(change, np.zeros(len(usage)), usage.session)


def _answered(answer: WhatIf, change: Floats, usage: Usage) -> WhatIf:
    """The answer with the mean change per call, s, over the calls where it is known (not NaN).

    Refused where those are fewer than half; else the others are taken to be like them, and that is said.
    """
    known = ~np.isnan(change)
    part = f"the first token of {format_share(known.mean())} of these calls is known"
    if known.mean() < _LEAST_KNOWN:
        return replace(answer, refused=f"{part}, too few to tell its time")
    mean = _over_known(change, np.zeros(len(usage)), known, usage)
    if known.all():
        return replace(answer, time=mean)
    return replace(answer, time=mean, assumption=f"{answer.assumption}; {part}, and the others are like them")


def _over_known(after: Floats, before: Floats, known: NDArray[np.bool_], usage: Usage) -> Difference:
    _, members = np.unique(usage.session[known], return_inverse=True)
    return difference(after[known], before[known], members.astype(np.int64))


def _today_usd(usage: Usage, catalogue: Catalogue) -> Floats:
    """List price of each call with the model that answered it, USD; NaN where none is known."""
    paid = np.full(len(usage), np.nan)
    for name in {str(model) for model in usage.model if model is not None}:
        try:
            prices = list_price_usd(catalogue.find(name, "hosted"), usage)
        except UsageError:
            continue
        if prices is not None:
            paid = np.where(usage.model == name, prices, paid)
    return paid


def _output_usd(usage: Usage, catalogue: Catalogue) -> Floats:
    """What the output alone costs."""
    zero = np.zeros(len(usage))
    return _today_usd(replace(usage, input_tokens=zero, cached_tokens=zero, written_tokens=zero), catalogue)


def _money(usage: Usage, catalogue: Catalogue, change: Callable[[Floats], Floats | None]) -> Difference | None:
    """Mean change of the list price per call over the calls whose price is known; None below half of them."""
    before = _today_usd(usage, catalogue)
    after = change(before)
    if after is None:
        return None
    known = ~np.isnan(before) & ~np.isnan(after)
    return _over_known(after, before, known, usage) if known.mean() >= _LEAST_KNOWN else None
