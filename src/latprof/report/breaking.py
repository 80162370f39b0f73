"""Texts in lines that have room: between words, else inside names, where a reader would break them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["broken"]

_Size = Callable[[str], float]

# Parts of a name end with the signs that join it: 'meta/', 'llama-', '3.1'.
_PART: Final = re.compile(r"[^/\\:@_-]*[/\\:@_-]|[^/\\:@_-]+")
_UNITS: Final = frozenset({"%", "s", "h", "min", "tok/s", "tokens"})
_BEFORE_NUMBERS: Final = frozenset({"n", "(n", "≤", "≥", "median"})


def broken(text: str, room: float, size: _Size) -> list[str]:
    """The text in lines that are at most as wide as `room`; nothing is lost but spaces at the breaks.

    A number stays with its unit. A word that is too wide alone is broken after a sign that joins it, and a part without
    such signs anywhere.
    """
    if size(text) <= room:
        return [text]
    lines = [text[: len(text) - len(text.lstrip())]]
    gap = ""
    for word in _words(text):
        for piece in _pieces(word, room, size):
            if size(lines[-1] + gap + piece) <= room:
                lines[-1] += gap + piece
            else:
                lines.append(piece)
            gap = ""
        gap = " "
    return lines if lines[0].strip() else lines[1:]


def _words(text: str) -> list[str]:
    found: list[str] = []
    for word in text.split():
        if found and _are_one(found[-1], word):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def _are_one(before: str, word: str) -> bool:
    """Whether a line that ended between these two would be read wrongly: '5 / s', 'n / 40'."""
    if before in _BEFORE_NUMBERS:
        return word[0].isdigit()
    return before.rstrip("kM")[-1:].isdigit() and word.rstrip(",.;:)") in _UNITS


def _pieces(word: str, room: float, size: _Size) -> Iterator[str]:
    """What of a word has to stay in one line."""
    if size(word) <= room:
        yield word
        return
    for part in _PART.findall(word):
        yield from [part] if size(part) <= room else _slices(part, room, size)


def _slices(part: str, room: float, size: _Size) -> Iterator[str]:
    """As many signs at a time as have room, one at least."""
    start, used = 0, 0.0
    for place, sign in enumerate(part):
        width = size(sign)
        if place > start and used + width > room:
            yield part[start:place]
            start, used = place, 0.0
        used += width
    yield part[start:]
