"""The files of a snapshot as columns, so that thousands of them are compared with what is there now in a few steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from latprof.classes import dataclass
from latprof.ingest.entry import looks_from
from latprof.ingest.gather import KeptFile
from latprof.ingest.tags import NO_TAGS, Tags
from latprof.model import Problem
from latprof.store.looks import Identity, Look

__all__ = ["Listed", "Listing"]

_WIDTH: Final = 5
_NO_IDENTITY: Final = (0,) * _WIDTH


class Listed(NamedTuple):
    """A file as it was: what was looked at for it, None where it must not be kept, and its tags."""

    file: KeptFile
    looks: tuple[Look, ...] | None
    tags: Tags


@dataclass(slots=True)
class Listing:
    """Files in a row, and what is told of each.

    For most files nothing but the file itself was looked at, with no digest: of these `own` is the path as it was
    looked at and `identities` what it was. Of the others, by their numbers here, `looks` are all looks. `problems` and
    `tags` leave out files that have none.
    """

    paths: list[str]
    own: list[str | None]
    identities: list[Identity]
    states: list[Any]
    readers: list[str]
    rows: list[int]
    looks: dict[int, Any]
    problems: dict[int, Any]
    tags: dict[int, Tags]

    @classmethod
    def packed(cls, files: Iterable[Listed]) -> list[Any]:
        """Files as plain values, for JSON."""
        own: list[str | None] = []
        identities: list[int] = []
        others: list[Any] = []
        listed = list(files)
        for number, (_, looks, _) in enumerate(listed):
            is_plain = looks is not None and len(looks) == 1 and _is_plain(looks[0])
            own.append(looks[0].path if looks and is_plain else None)
            identities += (looks[0].identity if looks and is_plain else None) or _NO_IDENTITY
            if not is_plain:
                others.append([number, looks and [list(look) for look in looks]])
        kept = [item.file for item in listed]
        return [
            [file.path for file in kept], own, identities, [file.state for file in kept],
            [file.reader for file in kept], [file.rows for file in kept], others,
            [[number, [_told(item) for item in file.problems]] for number, file in enumerate(kept) if file.problems],
            [[number, list(item.tags)] for number, item in enumerate(listed) if item.tags != NO_TAGS],
        ]  # fmt: skip

    @classmethod
    def unpacked(cls, value: list[Any]) -> Listing:
        """Files from what `packed` gave."""
        paths, own, identities, states, readers, rows, looks, problems, tags = value
        told = zip(*[iter(identities)] * _WIDTH, strict=True)
        owners = {number: Tags(*item) for number, item in tags}
        return cls(paths, own, list(told), states, readers, rows, dict(looks), dict(problems), owners)

    def part(self, begin: int, end: int) -> Listing:
        """The files from one number up to another."""
        if begin == 0 and end >= len(self.paths):
            return self
        lists = (self.paths, self.own, self.identities, self.states, self.readers, self.rows)
        few = (self.looks, self.problems, self.tags)
        return Listing(
            *(item[begin:end] for item in lists),  # type: ignore[arg-type]
            *({number - begin: told for number, told in item.items() if begin <= number < end} for item in few),
        )

    def unchanged(
        self,
        places: Sequence[int | None],
        tags: Sequence[Tags],
        seen: Mapping[str, Identity],
        now: Callable[[Sequence[Look]], tuple[tuple[Look, ...], bool] | None],
    ) -> tuple[list[int], dict[int, tuple[Look, ...]], bool]:
        """Which files are as they were, by their numbers; what is to be looked at for those with several looks.

        `places` leads from each of them to the `tags` of the file that is there now, None where none is. `seen` are the
        files that were looked at a moment ago, and `now` looks at others. Told is, too, whether that told any more than
        before.
        """
        own, identities = self.own, self.identities
        statuses = list(map(seen.get, own))  # type: ignore[arg-type]
        told = zip(places, statuses, identities, strict=True)
        found = [n for n, (place, status, before) in enumerate(told) if status == before and place is not None]
        unseen = {n: looks_from(looks) for n, looks in self.looks.items() if looks is not None}
        if len(found) < len(own):
            unseen |= {
                n: (Look(path, identities[n]),)
                for n, (path, status) in enumerate(zip(own, statuses, strict=True))
                if status is None and path is not None
            }
        current: dict[int, tuple[Look, ...]] = {}
        is_news = False
        for number, looks in unseen.items():
            if places[number] is not None and (others := now(looks)) is not None:
                current[number], more = others
                is_news |= more
        if current:
            found = sorted([*found, *current])
        if self.tags or any(item is not NO_TAGS for item in tags):
            found = [n for n in found if self.tags.get(n, NO_TAGS) == tags[places[n] or 0]]
        return found, current, is_news

    def files(self, numbers: Sequence[int], places: Sequence[int | None]) -> list[KeptFile]:
        """Some of the files, each at its place among those that are there now."""
        columns: Sequence[Sequence[Any]] = (places, self.paths, self.states, self.readers, self.rows)
        own = columns if len(numbers) == len(self.paths) else [[column[n] for n in numbers] for column in columns]
        problems = [[Problem(*item) for item in self.problems[n]] if n in self.problems else [] for n in numbers]
        return list(map(KeptFile, *own, problems))

    def looks_of(self, numbers: Sequence[int], current: Mapping[int, tuple[Look, ...]]) -> Iterable[tuple[Look, ...]]:
        """What is looked at for each of some files that are as they were, `current` for some of them."""
        paths, identities = self.own, self.identities
        if current:
            return (current[n] if n in current else (Look(paths[n] or "", identities[n]),) for n in numbers)
        looks: Any = Look
        return zip(map(looks, (paths[n] for n in numbers), (identities[n] for n in numbers)), strict=True)


def _is_plain(look: Look) -> bool:
    return look.identity is not None and look.digest is None and not look.is_folder


def _told(problem: Problem) -> tuple[str, str, int | None, str]:
    return problem.kind, problem.path, problem.line, problem.detail
