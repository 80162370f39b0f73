"""Results that rest on whole sets of files, kept as long as none of these changes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import field
from itertools import chain
from pathlib import Path

from latprof.classes import dataclass
from latprof.ingest.entry import look_from
from latprof.ingest.find import Found
from latprof.ingest.read import Reading
from latprof.ingest.tags import TagRules
from latprof.model import Problem
from latprof.store.cache import Cache
from latprof.store.looks import still
from latprof.store.plain import packed, unpacked

__all__ = ["Recall", "Recalled"]

_COUNTS = ("files", "files_without_calls", "files_of_others", "size_bytes", "records", "copies", "joined")


@dataclass(frozen=True, slots=True)
class Recalled:
    """A result as bytes, how its files read (without their calls), and how many calls were kept of them."""

    result: bytes
    reading: Reading
    calls: int


@dataclass(frozen=True, slots=True)
class Recall:
    """One result in the cache: that of these files, by these rules, for this question.

    `question` is everything else that the result depends on.
    """

    cache: Cache
    found: Found
    rules: TagRules
    question: Sequence[str]
    name: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self._name())

    def _name(self) -> bytes:
        """The name under which it is kept; the same while the files only change."""
        found = self.found
        tags = {item: repr(item) for item in set(found.tags)}
        # No path has a zero byte, and no `repr` has one.
        listed = zip(found.paths, map(repr, found.named), map(tags.__getitem__, found.tags), strict=True)
        files = "\0".join(chain.from_iterable(listed))
        problems = [repr(problem) for problem in found.problems]
        parts = (os.getcwd(), str(Path.home()), repr(self.rules), *self.question, "", files, "", *problems)  # noqa: PTH109
        return self.cache.name("result", *(part.encode("utf-8", "surrogatepass") for part in parts))

    def get(self) -> Recalled | None:
        """The result, if no file changed."""
        if "-" in self.found.paths:
            return None
        data = self.cache.get(self.name)
        if data is None:
            return None
        header, _, result = data.partition(b"\n")
        facts = unpacked(header)
        current = still(map(look_from, facts["looks"]), seen=self.found.identities())
        if current is None:
            return None
        reading = Reading(
            problems=[Problem(*item) for item in facts["problems"]],
            formats=Counter(facts["formats"]),
            looks=current[0],
            **{name: facts[name] for name in _COUNTS},
        )
        recalled = Recalled(result, reading, facts["calls"])
        if current[1]:
            self.put(recalled)
        return recalled

    def put(self, recalled: Recalled) -> None:
        """Keep a result, unless what it rests on was not steady."""
        reading = recalled.reading
        if reading.looks is None:
            return
        facts = {name: getattr(reading, name) for name in _COUNTS} | {
            "looks": [*map(tuple, reading.looks)],  # what is no plain tuple takes ten times as long to pack
            "problems": [[item.kind, item.path, item.line, item.detail] for item in reading.problems],
            "formats": dict(reading.formats),
            "calls": recalled.calls,
        }
        self.cache.put("result", self.name, packed(facts) + b"\n" + recalled.result)
