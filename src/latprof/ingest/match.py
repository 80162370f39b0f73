"""Which records tell of the same call: an ordered list of keys, each safe against false matches.

A record is a call as one source told it. Keys are tried in turn, the surest first; what one key
joined stays joined. Three rules hold for all of them: two records of one source are two calls; a key
that would join a record with two of one other source joins it with neither; and records whose
known facts contradict each other stay apart. See docs/explanation/joins.md.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import field
from itertools import combinations
from typing import Final, NamedTuple

from latprof.classes import dataclass
from latprof.model import Call

__all__ = ["KEYS", "Key", "Matching", "Record", "match"]

# Two records of one moment on one machine: recorded 8 ms apart at most (Gemini CLI, Cline).
_END_S: Final = 0.05
# With the session and both counts equal, room for telemetry, which is up to a third of a second late.
_END_WITH_COUNTS_S: Final = 1.0
# So many calls joined by other keys show that two names of a session mean one session.
_LINKS: Final = 2
_UNIQUE_LENGTH: Final = 16
_UNIQUE_CHARACTERS: Final = 6
_ID_FORM: Final = re.compile(r"([A-Za-z]+)[-_]")


_Session = tuple[str, str]


class Record(NamedTuple):
    """A call, and the kind of source that told it: the reader, and the kind of record it was read from."""

    source: str
    call: Call


@dataclass(slots=True)
class Matching:
    """The records, and the groups that they are in so far."""

    records: Sequence[Record]
    group: list[int] = field(default_factory=list)
    members: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.group = list(range(len(self.records)))
        self.members = {row: [row] for row in self.group}

    def calls(self, row: int) -> list[Call]:
        """The calls of the group that a record is in."""
        return [self.records[member].call for member in self.members[self.group[row]]]

    def sources(self, row: int) -> set[str]:
        """The sources of the group that a record is in."""
        return {self.records[member].source for member in self.members[self.group[row]]}

    def join(self, one: int, two: int) -> None:
        """Make one group of two."""
        into, gone = sorted((self.group[one], self.group[two]))
        for row in self.members.pop(gone):
            self.group[row] = into
            self.members[into].append(row)


@dataclass(frozen=True, slots=True)
class Key:
    """A way to see that two records are one call.

    Records with a value of `values` in common are candidates. With `within_s` they must also have ended
    within so many seconds of each other, and no fact that both know may differ.
    """

    name: str
    values: Callable[[Matching], Iterator[tuple[int, Hashable]]]
    within_s: float | None = None

    def fits(self, matching: Matching, one: int, two: int) -> bool:
        """Whether the groups of two records may become one."""
        if matching.group[one] == matching.group[two] or not matching.sources(one).isdisjoint(matching.sources(two)):
            return False
        return self.within_s is None or not any(
            _contradict(call, other) for call in matching.calls(one) for other in matching.calls(two)
        )

    def candidates(self, matching: Matching) -> dict[tuple[int, int], float]:
        """Pairs of records that fit, and by how many seconds their ends differ (0 where that does not matter)."""
        buckets: dict[Hashable, list[int]] = defaultdict(list)
        for row, value in self.values(matching):
            buckets[value].append(row)
        found: dict[tuple[int, int], float] = {}
        for rows in buckets.values():
            if len({matching.records[row].source for row in rows}) > 1:
                pairs = _alike(rows, matching) if self.within_s is None else _near(rows, matching, self.within_s)
                found |= {pair: apart for pair, apart in pairs if self.fits(matching, *pair)}
        return found


def match(records: Iterable[Record]) -> list[list[Record]]:
    """Groups of records that tell of one call, in the order of their first records.

    Each record is in one group, and no group holds two records of one source. Which records are
    together does not depend on their order.
    """
    matching = Matching(list(records))
    if len({record.source for record in matching.records}) > 1:
        for key in KEYS:
            _apply(key, matching)
    return [[matching.records[row] for row in sorted(rows)] for _, rows in sorted(matching.members.items())]


def _apply(key: Key, matching: Matching) -> None:
    """Join the pairs of a key that have no rival, the nearest first."""
    found = key.candidates(matching)
    rivals: dict[tuple[int, str], set[int]] = defaultdict(set)
    for pair in found:
        for row, other in (pair, pair[::-1]):
            for source in matching.sources(other):
                rivals[matching.group[row], source].add(matching.group[other])

    def alone(pair: tuple[int, int]) -> bool:
        ways = (pair, pair[::-1])
        return all(len(rivals[matching.group[a], name]) == 1 for a, b in ways for name in matching.sources(b))

    def order(pair: tuple[int, int]) -> tuple[float, list[tuple[str, str]]]:
        names = ((matching.records[row].source, matching.records[row].call.call_id) for row in pair)
        return found[pair], sorted(names)

    for pair in sorted(filter(alone, found), key=order):
        if key.fits(matching, *pair):
            matching.join(*pair)


def _alike(rows: list[int], matching: Matching) -> Iterator[tuple[tuple[int, int], float]]:
    """All pairs; none where one source gives the same value to two calls, for then it names neither."""
    if len({matching.records[row].source for row in rows}) == len(rows):
        for one, two in combinations(rows, 2):
            yield (one, two), 0.0


def _near(rows: list[int], matching: Matching, within_s: float) -> Iterator[tuple[tuple[int, int], float]]:
    """Pairs of records that ended near each other."""
    ends = sorted((end, row) for row in rows if (end := matching.records[row].call.last_output_at) is not None)
    for position, (end, one) in enumerate(ends):
        for later, two in ends[position + 1 :]:
            if later - end > within_s:
                break
            yield (min(one, two), max(one, two)), later - end


def _contradict(call: Call, other: Call) -> bool:
    """Whether both know a fact and it is not the same: two ids of one form, two models, two counts."""
    facts = (
        (call.model, other.model), (call.input_tokens, other.input_tokens), (call.output_tokens, other.output_tokens),
    )  # fmt: skip
    if any(one is not None and two is not None and one != two for one, two in facts):
        return True
    one, two = call.request_id, other.request_id
    return one is not None and two is not None and one != two and _form(one) == _form(two)


def _form(identity: str) -> tuple[str, int]:
    """What kind of id it is: those of one service begin alike and are equally long."""
    match = _ID_FORM.match(identity)
    return (match[1], len(identity)) if match else ("", len(identity))


def _is_unique(identity: str) -> bool:
    """Whether an id is long and mixed enough that no other call has it by accident."""
    plain = [character for character in identity.lower() if character.isalnum()]
    return len(plain) >= _UNIQUE_LENGTH and len(set(plain)) >= _UNIQUE_CHARACTERS


def _by_call_id(matching: Matching) -> Iterator[tuple[int, Hashable]]:
    """The id as it stands in exports; made of ids that may repeat it counts inside its session only."""
    for row, (_, call) in enumerate(matching.records):
        is_sure = any(identity is not None and _is_unique(identity) for identity in (call.request_id, call.message_id))
        yield row, call.call_id if is_sure else (call.session_id, call.call_id)


def _by_id(matching: Matching) -> Iterator[tuple[int, Hashable]]:
    """Ids of the request and of the response; those that may repeat count inside their session only."""
    for row, (_, call) in enumerate(matching.records):
        for identity in {call.request_id, call.message_id} - {None, ""}:
            if identity is not None and _is_unique(identity):
                yield row, identity
        if call.request_id and call.session_id and not _is_unique(call.request_id):
            yield row, (call.agent, call.session_id, call.request_id)


def _timed(matching: Matching) -> Iterator[tuple[int, Call]]:
    """Records with a date and an end; calls of load tests end together by the dozen, so time says nothing."""
    for row, (_, call) in enumerate(matching.records):
        if call.trigger != "synthetic" and "no_date" not in call.flags:
            yield row, call


def _counts(call: Call) -> tuple[int, int] | None:
    if call.input_tokens is None or call.output_tokens is None:
        return None
    return call.input_tokens, call.output_tokens


def _by_session_and_counts(matching: Matching) -> Iterator[tuple[int, Hashable]]:
    for row, call in _timed(matching):
        if call.session_id and (counts := _counts(call)):
            yield row, (call.agent, call.session_id, counts)


def _by_session(matching: Matching) -> Iterator[tuple[int, Hashable]]:
    for row, call in _timed(matching):
        if call.session_id:
            yield row, (call.agent, call.session_id)


def _by_counts(matching: Matching) -> Iterator[tuple[int, Hashable]]:
    for row, call in _timed(matching):
        if counts := _counts(call):
            yield row, (call.agent, counts)


def _by_known_session(matching: Matching) -> Iterator[tuple[int, Hashable]]:
    """Sessions that go by two names, as calls that were joined before show."""
    links: Counter[tuple[_Session, _Session]] = Counter()
    for rows in matching.members.values():
        names = {(call.agent, call.session_id) for row in rows if (call := matching.records[row].call).session_id}
        links.update(combinations(sorted(names), 2))
    links_of: dict[_Session, list[Hashable]] = defaultdict(list)
    for link, count in links.items():
        for name in link:
            links_of[name] += [link] if count >= _LINKS else []
    for row, call in _timed(matching):
        yield from ((row, link) for link in links_of.get((call.agent, call.session_id), ()))


KEYS: Final = (
    Key("call id", _by_call_id),
    Key("id of request or response", _by_id),
    Key("session and token counts", _by_session_and_counts, _END_WITH_COUNTS_S),
    Key("session", _by_session, _END_S),
    Key("token counts", _by_counts, _END_S),
    Key("session known by two names", _by_known_session, _END_S),
)
