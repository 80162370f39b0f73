"""Which files lie in the agents' own places, and which paths a user asked for, also of files that are gone."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import Final, NamedTuple

from latprof.formats import Format
from latprof.ingest.find import places_of
from latprof.ingest.tags import NO_TAGS, Tags, claims

__all__ = ["Asked", "Own"]

_ANY: Final = "**"


class _Mask(str):
    """A part of a path with signs that stand for others."""

    __slots__ = ()


_Pattern = tuple[str, ...]


class _Below(NamedTuple):
    """Whether all of a folder lies in one of the places, which of its files do else; whether no place is near to it."""

    whole: bool
    ends: list[str]
    is_far: bool


class Own:
    """The places where agents keep their logs here, whether or not they exist."""

    def __init__(self, known: Iterable[Format]) -> None:
        places, without_links = dict.fromkeys(place for item in known for place in places_of(item)), _Real()
        self._places = [_pattern(place, without_links) for place in places]
        self._starts = [_fixed(place) for place in self._places]
        self._near: dict[tuple[str, ...], list[int]] = {(): list(range(len(self._places)))}
        self._below: dict[str, _Below] = {}

    def holds(self, folder: str, name: str) -> bool:
        """Whether the file of this name in this folder, given without links, lies in one of the places."""
        below = self._in(folder)
        return below.whole or any(_fits(end, name) for end in below.ends)

    def holds_all(self, folder: str) -> bool:
        """Whether every file in this folder, given without links, does."""
        return self._in(folder).whole

    def holds_any(self, folder: str) -> bool:
        """Whether any file in this folder, given without links, could."""
        below = self._in(folder)
        return below.whole or bool(below.ends)

    def _in(self, folder: str) -> _Below:
        """What of a folder lies in the places."""
        if folder not in self._below:
            above: _Below | None = None
            upper = folder
            while above is None and (upper := upper[: max(upper.rfind(os.sep), 0)]):
                above = self._below.get(upper)
            # Where all of a folder lies in a place, or nothing is near to it, so it is with every folder in it.
            self._below[folder] = above if above is not None and (above.whole or above.is_far) else self._looked(folder)
        return self._below[folder]

    def _looked(self, folder: str) -> _Below:
        parts = _parts(folder)
        near = [self._places[number] for number in self._near_to(tuple(parts))]
        whole = any(_leads(place, parts) for place in near)
        ends = [place[-1] for place in near if len(place) == len(parts) + 1 and _leads(place[:-1], parts)]
        return _Below(whole, ends, not near)

    def _near_to(self, parts: tuple[str, ...]) -> list[int]:
        """The places that begin like this path, or that it begins like: some of those of the folder above."""
        known = len(parts)
        while parts[:known] not in self._near:
            known -= 1
        for place in range(known, len(parts)):
            self._near[parts[: place + 1]] = [
                number
                for number in self._near[parts[:place]]
                if self._starts[number][place : place + 1] in ([], [parts[place]])
            ]
        return self._near[parts]


class Asked:
    """What was asked for: files, folders and patterns with the tags before them; everything where nothing was."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._all = not paths
        without_links = _Real()
        self._paths = [(tags, _pattern(plain, without_links)) for tags, plain in claims(paths) if plain != "-"]
        # What all paths that a pattern leads to begin with: most are told from them by that.
        self._starts = tuple(os.sep.join(_fixed(pattern)) for _, pattern in self._paths)  # noqa: PTH118

    def tags(self, path: str) -> Tags | None:
        """The tags of the path with the first claim to this one; None where none leads to it."""
        if self._all:
            return NO_TAGS
        if not path.startswith(self._starts):
            return None
        parts = _parts(path)
        return next((tags for tags, pattern in self._paths if _leads(pattern, parts)), None)


class _Real(dict[str, tuple[str, bool]]):
    """Absolute paths without links, with whether anything is there.

    Many paths begin alike, and nothing is where their folder is not: to ask once for each folder saves most questions.
    """

    def __missing__(self, path: str) -> tuple[str, bool]:
        """A path that was not asked for before; the folders above it first, however many there are."""
        unknown = [path]
        while os.name != "nt" and (above := os.path.dirname(unknown[-1])) != unknown[-1] and above not in self:  # noqa: PTH120
            unknown.append(above)
        for folder in reversed(unknown):
            self[folder] = self._looked(folder)
        return self[path]

    def _looked(self, path: str) -> tuple[str, bool]:
        """A path whose folder is known, or the first of all."""
        above, name = os.path.split(path)
        if not name or os.name == "nt":  # Windows has links that do not say that they are, and several names for a file
            return os.path.realpath(path), True
        real, is_there = self[above]
        real = os.path.join(real, name)  # noqa: PTH118
        if is_there and (is_there := os.path.lexists(path)) and os.path.islink(path):  # noqa: PTH114
            real = os.path.realpath(path)
        return real, is_there


def _pattern(text: str, without_links: _Real) -> _Pattern:
    """The parts of an absolute path without links; only what exists is never a pattern."""
    path = os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 - Path.expanduser may raise
    if not glob.has_magic(path) or os.path.lexists(path):
        return tuple(_parts(without_links[path][0]))
    parts = _parts(path)
    first = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    start = os.sep.join(parts[:first]) + (os.sep if first == 1 else "")  # noqa: PTH118
    fixed = _parts(without_links[start][0])
    return (*fixed, *(_part(part) for part in parts[first:]))


def _fixed(pattern: _Pattern) -> list[str]:
    """The parts before the first that is a pattern."""
    return list(takewhile(lambda part: part != _ANY and not isinstance(part, _Mask), pattern))


def _parts(path: str) -> list[str]:
    """Of an absolute path; `Path.parts` would take as long as all the rest."""
    return path.rstrip(os.sep).split(os.sep)  # noqa: PTH206


def _part(text: str) -> str:
    return _Mask(text) if glob.has_magic(text) and text != _ANY else text


def _leads(pattern: _Pattern, parts: Sequence[str]) -> bool:
    """Whether the pattern is the path of these parts, or of a folder above it."""
    for place, part in enumerate(pattern):
        if part == _ANY:
            return any(_leads(pattern[place + 1 :], parts[start:]) for start in range(place, len(parts) + 1))
        if place >= len(parts) or not _fits(part, parts[place]):
            return False
    return True


def _fits(part: str, name: str) -> bool:
    return fnmatchcase(name, part) if isinstance(part, _Mask) else part == name
