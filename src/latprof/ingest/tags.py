"""Whose logs the files are: engineer and host by what the user says, for no log tells it.

A path may say it by a prefix: `ana=DIR`, `ana@mac1=DIR`, `@mac1=DIR`. Settings may say it of folders.
A call that knows already, because an export carried it, keeps what it knows.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final, NamedTuple

from latprof.classes import dataclass
from latprof.config.projects import lies_in

__all__ = ["NO_TAGS", "TagRules", "Tags", "claims", "map_path", "parted", "plain_path"]

_PREFIX: Final = re.compile(r"(?P<engineer>[^=@/\\*?]*)(?:@(?P<host>[^=@/\\*?]+))?=(?P<path>.+)", re.DOTALL)
_Folders = tuple[tuple[str, str], ...]


class Tags(NamedTuple):
    """Who and where; None where it is not said."""

    engineer: str | None = None
    host: str | None = None


NO_TAGS: Final = Tags()


def parted(text: str) -> tuple[Tags, str]:
    """`ana@mac1=DIR` -> its tags and `DIR`; a path that exists as it is written has no prefix."""
    found = _PREFIX.fullmatch(text)
    if found is None or not (found["engineer"] or found["host"]) or os.path.lexists(Path(text)):
        return NO_TAGS, text
    # Path.glob hides nothing by choice and knows no absolute patterns
    if glob.has_magic(text) and glob.glob(text, recursive=True, include_hidden=True):  # noqa: PTH207
        return NO_TAGS, text
    return Tags((found["engineer"] or "").strip() or None, (found["host"] or "").strip() or None), found["path"]


def claims(texts: Sequence[str]) -> list[tuple[Tags, str]]:
    """The tags and the path of each text, in an order in which the first that leads to a file says whose it is.

    A path with tags comes before one without, of these the longer one, then the first name by the alphabet: so
    the order in which a user wrote them does not matter.
    """
    pairs = [parted(text) for text in texts]
    if all(tags == NO_TAGS for tags, _ in pairs):
        return pairs
    return sorted(pairs, key=_claim)


def _claim(pair: tuple[Tags, str]) -> tuple[bool, int, str, str]:
    tags, path = pair
    parts = Path(path).expanduser().absolute().parts
    return tags == NO_TAGS, -len(parts), tags.engineer or "", tags.host or ""


def plain_path(text: str) -> str:
    """The path without tags before it."""
    return parted(text)[1]


def map_path(text: str, change: Callable[[str], str]) -> str:
    """The text with its path changed and the tags before it kept."""
    path = plain_path(text)
    return text[: len(text) - len(path)] + change(path)


@dataclass(frozen=True, slots=True)
class TagRules:
    """What settings and options say: (folder, name) pairs, who works on a host, and what calls get that no copy tags.

    Of several folders that hold a file, the longest path counts.
    """

    engineers: _Folders = ()
    hosts: _Folders = ()
    works_on: Mapping[str, str] = field(default_factory=dict)
    others: Tags = NO_TAGS

    def of_file(self, path: str, said: Tags) -> Tags:
        """The tags of a file: what was said with its path, else by its folder."""
        if path == "-" or not (self.engineers or self.hosts):
            return said
        place = str(Path(path).absolute())
        return Tags(said.engineer or _name(place, self.engineers), said.host or _name(place, self.hosts))

    def can_tell(self, tags: Tags) -> bool:
        """Whether anything is said that a call could lack."""
        return bool(self.works_on) or tags != NO_TAGS

    def tags_of(self, own: Tags, tags: Tags) -> Tags:
        """The tags of a call: what it says itself, then what is said of its file."""
        host = own.host or tags.host
        return Tags(own.engineer or tags.engineer or self.works_on.get(host or ""), host)


def _name(place: str, folders: _Folders) -> str | None:
    found = [(len(folder), name) for folder, name in folders if lies_in(place, folder, Path.home())]
    return max(found)[1] if found else None
