"""Speeds of an alternative as its sources state them: one profile per document, never a mixture without a word."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from latprof.catalogue import Catalogue, Entry, Fact, Reference
from latprof.catalogue.facts import Kind, Scope
from latprof.classes import dataclass

__all__ = ["AGGREGATE", "NO_FIRST", "NO_SPEED", "Profile", "felt_profiles", "profiles_of", "weakest"]

AGGREGATE: Final = "aggregate: not what one engineer feels"
NO_FIRST: Final = "no source states its time to first token"
NO_SPEED: Final = "no source states its speed"
_KIND_ORDER: Final = ("measured", "estimated", "simulated", "claimed")
_FELT: Final = ("ttft_s", "decode_tps")
# z of the 90th percentile of a normal variable.
_Z_90: Final = 1.2815515655446004
# A speed that was stated for contexts so many times shorter or longer is said to be so.
_OTHER_LENGTH: Final = 2.0


@dataclass(frozen=True, slots=True)
class Profile:
    """How fast an entry is, by one document.

    `ttft_s` holds at `ttft_at_tokens` of uncached input and grows by `s_per_token` for each further one; both are None
    where the source states one figure for all. `*_spread` is the standard deviation of the logarithm over calls,
    None where only a middle is known: then the tail is missing. `streams` is the number of calls at the same time.
    `refused` says why it cannot be felt; `figure` is then what the source has. `others` are the conflicts it is in.
    """

    entry: Entry
    kind: Kind | None
    scope: Scope | None
    at: tuple[Reference, ...]
    decode_tps: float | None = None
    decode_spread: float | None = None
    ttft_s: float | None = None
    ttft_spread: float | None = None
    ttft_at_tokens: float | None = None
    s_per_token: float | None = None
    streams: int | None = None
    length_tokens: float | None = None
    remarks: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    old: bool = False
    refused: str = ""
    figure: str = ""

    @property
    def source(self) -> str:
        """The places of the figures."""
        return " ".join(str(item) for item in self.at)

    @property
    def document(self) -> str:
        """The document of the generation speed, '' where there is none."""
        return self.at[0].source if self.at else ""


@dataclass(frozen=True, slots=True)
class _Group:
    """Facts of one document that were stated under the same conditions."""

    facts: tuple[Fact, ...]

    @property
    def first(self) -> Fact:
        return self.facts[0]

    def of(self, quantity: str) -> tuple[Fact, ...]:
        return tuple(fact for fact in self.facts if fact.quantity == quantity)

    @property
    def streams(self) -> int:
        return int(self.first.conditions.get("concurrency", 1))

    @property
    def length(self) -> float | None:
        value = self.first.conditions.get("input_tokens", self.first.conditions.get("context_tokens"))
        return float(value) if isinstance(value, int | float) else None


def profiles_of(
    entry: Entry, catalogue: Catalogue, *, streams: float = 1.0, input_tokens: float | None = None
) -> tuple[Profile, ...]:
    """One profile per document that knows a speed of the entry, or one refusal.

    Where a document has several figures, that for the next larger number of streams and the nearest length of
    input counts. `streams` and `input_tokens` describe the team.
    """
    felt = felt_profiles(entry, catalogue)
    found: list[Profile] = []
    for document in dict.fromkeys(item.document for item in felt):
        mine = [item for item in felt if item.document == document and not item.refused]
        if mine:
            found.append(_noted(min(mine, key=lambda item: _distance(item, streams, input_tokens)), input_tokens))
    refusals = [item for item in felt if item.refused]
    return tuple(found) or tuple(refusals[:1]) or (_nothing(entry, catalogue),)


def felt_profiles(entry: Entry, catalogue: Catalogue) -> tuple[Profile, ...]:
    """Every profile that one engineer feels; with a first token of another source where its own has none."""
    groups = _groups(entry)
    made = [_profile(entry, group, groups, catalogue) for group in groups if group.of("decode_tps")]
    firsts = [item for item in made if item.ttft_s is not None]
    firsts += [_profile(entry, group, groups, catalogue) for group in groups if not group.of("decode_tps")]
    return tuple(item if item.ttft_s is not None else _borrowed(item, firsts) for item in made)


def _groups(entry: Entry) -> list[_Group]:
    found: dict[tuple[object, ...], list[Fact]] = {}
    for fact in entry.facts:
        if fact.quantity in _FELT and fact.scope != "aggregate" and fact.amount is not None and not fact.what:
            keys = ("concurrency", "setting", "size", "engine", "input_tokens", "context_tokens")
            key = (fact.at[0].source, fact.kind, fact.scope, *(fact.conditions.get(name) for name in keys))
            found.setdefault(key, []).append(fact)
    return [_Group(tuple(facts)) for facts in found.values()]


def _profile(entry: Entry, group: _Group, groups: Sequence[_Group], catalogue: Catalogue) -> Profile:
    decode, first = group.of("decode_tps"), group.of("ttft_s")
    slope, at_tokens = _slope(first)
    if slope is None and group.first.scope == "per_user_at_n":
        alone = next((item for item in groups if item.streams == 1 and _slope(item.of("ttft_s"))[0] is not None), None)
        slope = None if alone is None or not _lengths(first) else _slope(alone.of("ttft_s"))[0]
        at_tokens = _lengths(first)[0] if slope is not None else None
    middle = _middle(first)
    chosen = [fact for fact in (_middle(decode), middle) if fact is not None]
    return Profile(
        entry=entry,
        kind=group.first.kind,
        scope=group.first.scope,
        at=tuple(dict.fromkeys(fact.at[0] for fact in chosen)),
        decode_tps=_number(_middle(decode)),
        decode_spread=_spread(decode),
        ttft_s=_number(middle),
        ttft_spread=_spread(first),
        ttft_at_tokens=at_tokens,
        s_per_token=slope,
        streams=group.streams if "concurrency" in group.first.conditions else None,
        length_tokens=group.length,
        remarks=tuple(dict.fromkeys(fact.note for fact in chosen if fact.note)),
        conflicts=tuple(
            item.id for item in catalogue.conflicts_about(entry) if any(item.concerns(fact) for fact in chosen)
        ),
        old=any(fact.old for fact in chosen),
    )


def _borrowed(profile: Profile, firsts: Sequence[Profile]) -> Profile:
    """With the first token of the nearest other profile of the entry, and its place named."""
    known = [item for item in firsts if item.ttft_s is not None]
    if not known:
        return replace(profile, refused=NO_FIRST, figure=f"{profile.decode_tps:,.0f} tok/s")
    other = min(known, key=lambda item: abs(math.log((item.streams or 1) / (profile.streams or 1))))
    return replace(
        profile,
        kind=weakest(profile.kind, other.kind),
        at=(*profile.at, *(place for place in other.at if place not in profile.at)),
        ttft_s=other.ttft_s,
        ttft_spread=other.ttft_spread,
        ttft_at_tokens=other.ttft_at_tokens,
        s_per_token=other.s_per_token,
        conflicts=tuple(dict.fromkeys((*profile.conflicts, *other.conflicts))),
        old=profile.old or other.old,
        remarks=(*profile.remarks, f"its source has no first token: that of {other.source} is taken"),
    )


def weakest(*kinds: Kind | None) -> Kind | None:
    """The kind of a figure that rests on several."""
    known = [kind for kind in kinds if kind is not None]
    return max(known, key=_KIND_ORDER.index) if known else None


def _distance(profile: Profile, streams: float, input_tokens: float | None) -> tuple[float, ...]:
    """Small for what comes near the team: enough streams first, then first token of its own, then the length."""
    known = profile.streams or 1
    hosted = profile.entry.type == "hosted"
    length = 0.0
    if input_tokens and profile.length_tokens:
        length = abs(math.log(profile.length_tokens / input_tokens))
    return (
        0.0 if hosted else float(known < streams),
        0.0 if hosted else abs(math.log(known / streams)),
        float(len(profile.at) > 1),
        length,
    )


def _noted(profile: Profile, input_tokens: float | None) -> Profile:
    length = profile.length_tokens
    if input_tokens and length and not 1 / _OTHER_LENGTH <= length / input_tokens <= _OTHER_LENGTH:
        remark = f"stated for {length:,.0f} tokens of input, your calls have {input_tokens:,.0f} (p50)"
        return replace(profile, remarks=(*profile.remarks, remark))
    return profile


def _nothing(entry: Entry, catalogue: Catalogue) -> Profile:
    """The refusal of an entry that nobody says a felt speed of."""
    sums = [item for item in entry.facts if item.scope == "aggregate" and item.unit == "tok/s" and item.amount]
    if not sums:
        return Profile(entry, None, None, (), refused=NO_SPEED)
    best = max(sums, key=lambda item: item.middle or 0.0)
    conflicts = tuple(item.id for item in catalogue.conflicts_about(entry) if item.concerns(best))
    figure = f"{best.middle:,.0f} tok/s"
    return Profile(
        entry, best.kind, "aggregate", best.at[:1], refused=AGGREGATE, figure=figure, old=best.old, conflicts=conflicts
    )


def _middle(facts: Iterable[Fact]) -> Fact | None:
    """The median or what has no percentile; of several the one with most input from the cache."""
    usual = [fact for fact in facts if fact.conditions.get("quantile", "p50") in {"p50", "mean"}]
    return max(usual, key=lambda fact: float(fact.conditions.get("cached_tokens", 0)), default=None)


def _number(fact: Fact | None) -> float | None:
    return None if fact is None else fact.middle


def _spread(facts: Sequence[Fact]) -> float | None:
    """Standard deviation of the logarithm from the outermost known percentiles, taken as log-normal."""
    at = {fact.conditions.get("quantile", "p50"): fact.middle for fact in facts}
    low, middle, high = at.get("p10"), at.get("p50"), at.get("p90")
    if high and low:
        return math.log(high / low) / (2 * _Z_90)
    return math.log(high / middle) / _Z_90 if high and middle else None


def _lengths(facts: Sequence[Fact]) -> list[float]:
    """Uncached input of each fact that states it, tokens."""
    return [
        float(fact.conditions["input_tokens"]) - float(fact.conditions["cached_tokens"])
        for fact in facts
        if "input_tokens" in fact.conditions and "cached_tokens" in fact.conditions
    ]


def _slope(facts: Sequence[Fact]) -> tuple[float | None, float | None]:
    """Seconds per uncached token from two stated first tokens, and the uncached input of the faster one."""
    points = sorted(zip(_lengths(facts), (fact.middle or 0.0 for fact in facts), strict=False))
    if len(points) < 2 or points[-1][0] <= points[0][0] or len(_lengths(facts)) != len(facts):
        return None, None
    (few, short), (many, long) = points[0], points[-1]
    return max((long - short) / (many - few), 0.0), few
