"""Ids and names -> others that tell nothing but their order and the times inside them.

Readers and statistics sort by id: two ids keep their order, so that the figures of a log do too. Ids with a
time in them, which readers read from there, keep that time. Everything else is drawn by a salt.
"""

from __future__ import annotations

import hashlib
import random
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby, product
from typing import Final

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
        for sign in text:
            if pinned:
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
class Ids:
    """First all ids are looked at, then `of` gives the others; `ordered` are words whose order matters too."""

    salt: bytes
    ordered: set[str] = field(default_factory=set)
    looking: bool = False
    _trees: dict[int, _Tree] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)
    _seen: set[str] = field(default_factory=set)

    def look(self, unit: str) -> None:
        """Take note of an id before any is changed."""
        self._seen.add(unit)

    def settle(self, kept: Iterable[str]) -> None:
        """End looking; `kept` are words that stay and hold their places among the ordered ones."""
        self.looking = False
        pins = set(kept)
        for unit in self._seen:
            self._add(unit)
        for unit in self.ordered & pins:
            self._trees.setdefault(_SHORT, _Tree()).add(unit, pinned=True)
        words = sorted(word for word in self.ordered if not _is_id(word) and not self._is_short(word))
        for _, members in groupby(words, lambda word: _class(word[0])):
            self._known |= _ranked(list(members), pins, self.salt)
        # Words drawn one by one later must not meet those drawn by their order: two ids would become one.
        self._known |= {unit: self._other(unit) for unit in sorted(self._seen) if self._is_short(_rest(unit))}
        self._used |= set(self._known.values()) | pins

    def _add(self, unit: str) -> None:
        rest = _rest(unit)
        if _is_id(rest) or self._is_short(rest):
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
        rest = _rest(unit)
        begin = unit[: len(unit) - len(rest)]
        if _is_id(rest) or self._is_short(rest):
            if unit not in self._seen:
                self._seen.add(unit)
                self._add(unit)
            group = self._group(rest)
            return begin + self._trees[group].of(rest, self.salt + f"{group} ".encode())
        for attempt in range(10_000):
            other = begin + _of_same_kind(rest, hashlib.sha512(self.salt + f"{attempt}/{unit}".encode()).digest())
            if other not in self._used and other != unit:
                break
        self._used.add(other)
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
