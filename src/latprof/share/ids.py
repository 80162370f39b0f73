"""Ids and names -> others that tell nothing but their order and the times inside them.

Readers and statistics sort by id: two ids keep their order, so that the figures of a log do too. Ids with a
time in them, which readers read from there, keep that time. Everything else is drawn by a salt. No two ids become
one, and none becomes a word that stays; nor do two that differ in more than upper and lower case become two that
do not, for some file systems do not tell these apart.
"""

from __future__ import annotations

import hashlib
import random
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import cache
from itertools import groupby, product
from typing import Final

from latprof.classes import dataclass

__all__ = ["UNIT", "Ids"]

# A UUID, an id that begins with its milliseconds (OpenCode, Kilo), or a run of letters and digits.
UNIT: Final = re.compile(
    r"(?<![A-Za-z0-9])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9])(?:ses|msg|prt|tool)_[0-9a-f]{12}[0-9A-Za-z]{2,30}(?![A-Za-z0-9])"
    r"|[A-Za-z0-9]+"
)
_STAMPED: Final = re.compile(r"([a-z]{3,4}_[0-9a-f]{12})(\w+)")
_UUID7: Final = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-7)([0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})", re.IGNORECASE)
_HEX: Final = re.compile(r"[0-9a-f-]*[0-9][0-9a-f-]*")
_LONGEST: Final = 64
_FIRST_OF_UUID: Final = 8
# Where a UUID has its version: readers take times out of those of version 7 only.
_VERSION_PLACE: Final = 14
_UUID_SIGNS: Final = 36
_TRIES: Final = 20
_DRAWS: Final = 20_000
_SHORT: Final = 0
_SHORTEST_MIXED: Final = 12
_SHORTEST_HEX: Final = 3
_LONGEST_SHORT: Final = 12
_DIGITS: Final = "0123456789"
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_KINDS: Final = (_DIGITS, "ABCDEF", "GHIJKLMNOPQRSTUVWXYZ", "abcdef", "ghijklmnopqrstuvwxyz")


@dataclass(slots=True)
class _Tree:
    """Ids by their signs: what stands below one beginning is drawn in the order in which it was found."""

    below: dict[str, _Tree] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    pins: set[str] = field(default_factory=set)

    def add(self, text: str, *, pinned: bool = False) -> None:
        """An id that is there; a pinned one stays what it is."""
        node = self
        for place, sign in enumerate(text):
            if pinned or (place == _VERSION_PLACE and len(text) == _UUID_SIGNS):
                node.pins.add(sign)
            node = node.below.setdefault(sign, _Tree())

    def of(self, text: str, salt: bytes) -> str:
        """As many signs of the same kinds, in the same order as those of other ids."""
        node, out = self, []
        for place, sign in enumerate(text):
            if not node.others:
                node.others = _drawn(node.below, node.pins, salt + text[:place].encode())
            out.append(node.others.get(sign) or node.late(sign))
            node = node.below[sign]
        return "".join(out)

    def forget(self) -> None:
        """Draw anew the next time."""
        nodes = [self]
        while nodes:
            node = nodes.pop()
            node.others = {}
            nodes += node.below.values()

    def late(self, sign: str) -> str:
        """For an id that was not looked at before: a sign that none has yet."""
        taken = set(self.others.values())
        self.others[sign] = next(other for other in _alphabet(sign) if other not in taken)
        return self.others[sign]


def _drawn(signs: Iterable[str], pins: set[str], seed: bytes) -> dict[str, str]:
    others = {sign: sign for sign in pins}
    source = random.Random(hashlib.sha256(seed).digest())  # noqa: S311 - seeded by a secret through a hash
    low = ""
    for is_pin, run in groupby(sorted(signs), lambda sign: sign in pins):
        members = list(run)
        if is_pin:
            low = members[-1]
            continue
        high = min((pin for pin in pins if pin > members[-1]), default="\x7f")
        for alphabet, same in groupby(members, _alphabet):
            old = list(same)
            free = [sign for sign in alphabet if low < sign < high]
            others |= dict(zip(old, sorted(source.sample(free, len(old))), strict=True))
    return others


def _alphabet(sign: str) -> str:
    """The signs of one kind; hexadecimal ones stay hexadecimal."""
    return next((kind for kind in _KINDS if sign in kind), sign)


@dataclass(slots=True)
class _Taken:
    """What each other id stands for, as it is written and without regard to case."""

    exactly: dict[str, str] = field(default_factory=dict)
    folded: dict[str, str] = field(default_factory=dict)

    def is_free(self, unit: str, other: str) -> bool:
        """Whether this other may stand for the unit."""
        fold = unit.casefold()
        return self.exactly.get(other, unit) == unit and self.folded.get(other.casefold(), fold) == fold

    def take(self, unit: str, other: str) -> None:
        """From now on it stands for the unit and for nothing else."""
        self.exactly[other] = unit
        self.folded[other.casefold()] = unit.casefold()

    def take_all(self, others: Mapping[str, str]) -> bool:
        """Take all of them, or none where one is not free."""
        new = _Taken()
        for unit, other in others.items():
            if not (self.is_free(unit, other) and new.is_free(unit, other)):
                return False
            new.take(unit, other)
        self.exactly |= new.exactly
        self.folded |= new.folded
        return True


@dataclass(slots=True)
class Ids:
    """First all ids are looked at, then `of` gives the others; `ordered` are words whose order matters too."""

    salt: bytes
    ordered: set[str] = field(default_factory=set)
    looking: bool = False
    _trees: dict[int, _Tree] = field(default_factory=dict)
    _seeds: dict[int, bytes] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)
    _taken: _Taken = field(default_factory=_Taken)
    _seen: set[str] = field(default_factory=set)
    _kept: set[str] = field(default_factory=set)

    def look(self, unit: str) -> None:
        """Take note of an id before any is changed."""
        self._seen.add(unit)

    def keep(self, unit: str) -> None:
        """Take note of one that stays as it is."""
        self._kept.add(unit)

    def settle(self, kept: Iterable[str]) -> None:
        """End looking; `kept` are words that stay and hold their places among the ordered ones."""
        self.looking = False
        pins = set(kept)
        for unit in pins | self._kept:
            self._taken.take(unit, unit)
        for unit in self._seen:
            self._add(unit)
        for unit in self.ordered & pins:
            self._trees.setdefault(_SHORT, _Tree()).add(unit, pinned=True)
        words = sorted(word for word in self.ordered if not _is_id(word) and not self._is_short(word))
        for _, members in groupby(words, lambda word: _class(word[0])):
            self._draw_words(list(members), pins)
        by_group: dict[int, list[str]] = {}
        for unit in self._seen:
            if self._has_tree(_rest(unit)):
                by_group.setdefault(self._group(_rest(unit)), []).append(unit)
        for group, units in sorted(by_group.items()):
            self._draw_tree(group, units)

    def _draw_words(self, words: list[str], pins: set[str]) -> None:
        for attempt in range(_TRIES):
            others = _ranked(words, pins, self.salt + b"/" * attempt)
            if self._taken.take_all(others):
                self._known |= others
                return
        # Their order is lost, which may cost the copy of a file; that two become one would go unseen.

    def _draw_tree(self, group: int, units: list[str]) -> None:
        """Ids of one length; where they keep meeting others, these get places of their own among them."""
        tree = self._trees[group]
        for attempt in range(2 * _TRIES):
            if attempt == _TRIES:
                rests = {_rest(unit) for unit in units}
                for other in set(self._taken.exactly):
                    if len(other) == len(units[0]) and other not in rests and self._has_tree(other):
                        tree.add(other, pinned=True)
            self._seeds[group] = self.salt + f"{group} ".encode() + b"/" * attempt
            others = {unit: self._by_tree(unit) for unit in units}
            if self._taken.take_all(others):
                break
            tree.forget()
        else:
            return
        self._known |= others

    def _by_tree(self, unit: str) -> str:
        rest = _rest(unit)
        group = self._group(rest)
        return unit[: len(unit) - len(rest)] + self._trees[group].of(rest, self._seeds[group])

    def _has_tree(self, rest: str) -> bool:
        return _is_id(rest) or self._is_short(rest)

    def _add(self, unit: str) -> None:
        rest = _rest(unit)
        if self._has_tree(rest):
            self._trees.setdefault(self._group(rest), _Tree()).add(rest)

    def _is_short(self, rest: str) -> bool:
        """Names with a number that are put in order among words and plain numbers, such as those of projects."""
        short = len(rest) <= _LONGEST_SHORT and len(rest) != _FIRST_OF_UUID
        return short and rest in self.ordered and any(sign.isdigit() for sign in rest)

    def _group(self, rest: str) -> int:
        """Ids of one length stand together: the fewer there are, the less their order tells."""
        if self._is_short(rest):
            return _SHORT
        # The first part of a UUID is used as a short id too.
        return _FIRST_OF_UUID if "-" in rest else len(rest)

    def of(self, unit: str) -> str:
        """The other id, the same one wherever it stands."""
        if unit not in self._known:
            self._known[unit] = self._other(unit)
        return self._known[unit]

    def _other(self, unit: str) -> str:
        """For an id that has no order to keep, or was not looked at before."""
        rest = _rest(unit)
        if self._has_tree(rest) and unit not in self._seen and self._group(rest) in self._seeds:
            self._add(unit)
            other = self._by_tree(unit)
            if self._taken.is_free(unit, other):
                self._taken.take(unit, other)
                return other
        begin = unit[: len(unit) - len(rest)]
        for attempt in range(_DRAWS):
            other = begin + _of_same_kind(rest, hashlib.sha512(self.salt + f"{attempt}/{unit}".encode()).digest())
            # Where nearly all short ones are in use, it is enough that no two are the same.
            free = self._taken.exactly.get(other, unit) == unit if attempt > _DRAWS // 2 else None
            if free or (free is None and other != unit and self._taken.is_free(unit, other)):
                break
        self._taken.take(unit, other)
        return other


def _rest(unit: str) -> str:
    """What follows the time inside an id."""
    match = _STAMPED.fullmatch(unit) or _UUID7.fullmatch(unit)
    return match[2] if match else unit


def _is_id(rest: str) -> bool:
    return _is_hexadecimal(rest) or _is_mixed(rest)


def _is_hexadecimal(unit: str) -> bool:
    return _SHORTEST_HEX <= len(unit) <= _LONGEST and _HEX.fullmatch(unit) is not None and _is_long_or_digits(unit)


def _is_long_or_digits(unit: str) -> bool:
    return unit.isdigit() or len(unit) >= 4


def _is_mixed(unit: str) -> bool:
    return _SHORTEST_MIXED <= len(unit) <= _LONGEST and any(sign.isdigit() for sign in unit)


def _class(sign: str) -> str:
    return "0" if sign.isdigit() else "A" if sign.isupper() else "a"


@cache
def _codes(kind: str, width: int) -> tuple[str, ...]:
    first = {"0": _DIGITS, "A": _LOWER.upper(), "a": _LOWER}[kind]
    return tuple("".join(signs) for signs in product(first, *[_LOWER] * (width - 1)))


def _ranked(words: list[str], pins: set[str], salt: bytes) -> dict[str, str]:
    """Sorted words of one class -> words with drawn beginnings in the same order; those in `pins` stay."""
    others: dict[str, str] = {}
    width = 2 if len(words) < 200 else 3
    codes = [code for code in _codes(_class(words[0][0]), width) if code not in pins]
    for is_pin, members in groupby(words, lambda word: word in pins):
        if is_pin:
            continue
        run = [word for word in members if len(word) >= width]
        if not run:
            continue
        before = max((pin for pin in pins.intersection(words) if pin < run[0]), default="")
        after = min((pin for pin in pins.intersection(words) if pin > run[-1]), default="")
        low = bisect_right(codes, before)
        high = next((at for at in range(len(codes) - 1, -1, -1) if not after or codes[at] < after[:width]), -1) + 1
        if high - low < len(run):
            continue
        digest = hashlib.sha256(salt + "/".join(run).encode()).digest()
        chosen = sorted(random.Random(digest).sample(codes[low:high], len(run)))  # noqa: S311 - as above
        for word, code in zip(run, chosen, strict=True):
            tail = _of_same_kind(word[width:], hashlib.sha512(salt + word.encode()).digest())
            others[word] = code + tail
    return others


def _of_same_kind(token: str, digest: bytes) -> str:
    stream = digest * (len(token) // len(digest) + 1)
    return "".join(_letter(sign, byte) for sign, byte in zip(token, stream, strict=False))


def _letter(sign: str, byte: int) -> str:
    if sign.isdigit():
        return _DIGITS[byte % 10]
    return _LOWER[byte % 26] if sign.islower() else _LOWER[byte % 26].upper()
