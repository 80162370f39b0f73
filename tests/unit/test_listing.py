"""The files of a snapshot: what is told of each stays with it, and only those that are as they were are taken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from latprof.ingest.gather import KeptFile
from latprof.ingest.listing import Listed, Listing
from latprof.ingest.tags import NO_TAGS, Tags
from latprof.model import Problem
from latprof.store.looks import Identity, Look

ANA = Tags("ana", None)


def identity(number: int) -> Identity:
    return 1, 100 + number, 50, 7_000 + number, 8_000 + number


def path_of(number: int) -> str:
    return f"/logs/{number}.jsonl"


def look(number: int) -> Look:
    return Look(path_of(number), identity(number))


FRESH, BESIDE, UNSTEADY, TORN, TAGGED = 2, 4, 5, 6, 7
LOOKS: dict[int, tuple[Look, ...] | None] = {
    FRESH: (Look(path_of(FRESH), identity(FRESH), "digest"),),
    BESIDE: (look(BESIDE), Look("/logs", None, "names", is_folder=True)),
    UNSTEADY: None,
}
PROBLEMS = {TORN: [Problem("torn_line", path_of(TORN), 9, "cut")]}
TAGS = {TAGGED: ANA, BESIDE: Tags("bob", "mac")}
COUNT = 9


def listed(number: int) -> Listed:
    """Most files have nothing but themselves."""
    file = KeptFile(-1, path_of(number), "log", f"reader-{number}", 10 * number, PROBLEMS.get(number, []))
    return Listed(file, LOOKS.get(number, (look(number),)), TAGS.get(number, NO_TAGS))


def listing() -> Listing:
    """As it comes back from where it was kept."""
    return Listing.unpacked(json.loads(json.dumps(Listing.packed(map(listed, range(COUNT))))))


def seen(*changed: int) -> dict[str, Identity]:
    """All files as they were, but for some."""
    return {path_of(n): identity(n + 50 if n in changed else n) for n in range(COUNT)}


def taken(part: Listing, first: int, **more: Any) -> tuple[list[int], dict[int, tuple[Look, ...]], bool]:
    """Which files of a part that begins at a number are unchanged, by their numbers in the whole."""
    count = len(part.paths)
    tags = more.get("tags", [TAGS.get(n, NO_TAGS) for n in range(COUNT)])
    places = more.get("places", list(range(first, first + count)))
    asked: list[str] = more.get("asked", [])

    def now(looks: Any) -> tuple[tuple[Look, ...], bool] | None:
        asked.extend(item.path for item in looks)
        return more.get("now", lambda own: (own, False))(tuple(looks))  # type: ignore[no-any-return]

    numbers, current, is_news = part.unchanged(places, tags, more.get("seen", seen()), now)
    return [first + n for n in numbers], {first + n: looks for n, looks in current.items()}, is_news


@pytest.mark.parametrize(("begin", "end"), [(0, COUNT), (0, 4), (3, 8), (4, 5), (6, COUNT), (COUNT - 1, COUNT)])
def test_what_is_told_of_a_file_stays_with_it(begin: int, end: int) -> None:
    """In every part of the list: looks, problems, tags, readers and rows."""
    part = listing().part(begin, end)
    numbers, current, is_news = taken(part, begin)
    assert numbers == [n for n in range(begin, end) if n != UNSTEADY]
    assert not is_news
    own = [n - begin for n in numbers]
    for file, looks, n in zip(
        part.files(own, list(range(begin, end))),
        part.looks_of(own, {n - begin: looks for n, looks in current.items()}),
        numbers,
        strict=True,
    ):
        expected = listed(n)
        assert file == expected.file._replace(place=n)
        assert looks == expected.looks
    assert {n + begin: tags for n, tags in part.tags.items()} == {n: t for n, t in TAGS.items() if begin <= n < end}


def test_most_files_are_not_looked_at_again() -> None:
    """Only those of which more than the file itself was looked at, or its content."""
    asked: list[str] = []
    taken(listing(), 0, asked=asked)
    assert asked == [path_of(FRESH), path_of(BESIDE), "/logs"]


@pytest.mark.parametrize("changed", [(), (0,), (3, 8), (1, 2, 4)])
def test_changed_files_are_left_out(changed: tuple[int, ...]) -> None:
    """By what told them apart when they were found; of the others by a look."""
    gone = {path_of(n) for n in changed}
    now = lambda looks: None if looks[0].path in gone else (looks, False)  # noqa: E731
    numbers, _, _ = taken(listing(), 0, seen=seen(*changed), now=now)
    assert numbers == [n for n in range(COUNT) if n not in (*changed, UNSTEADY)]


def test_files_that_are_not_there_are_left_out() -> None:
    """Even where another one of the same name was looked at."""
    places = [None if n in {0, FRESH, TORN} else n for n in range(COUNT)]
    numbers, current, _ = taken(listing(), 0, places=places)
    assert numbers == [1, 3, BESIDE, TAGGED, 8]
    assert set(current) == {BESIDE}


def test_files_of_somebody_else_are_left_out() -> None:
    """Who had no tags and has some now, who had some and has none, and who has others."""
    tags = [NO_TAGS] * COUNT
    tags[1], tags[BESIDE] = ANA, Tags("bob", "mac")
    numbers, _, _ = taken(listing(), 0, tags=tags)
    assert numbers == [0, FRESH, 3, BESIDE, TORN, 8]
    assert [listing().tags.get(n, NO_TAGS) for n in numbers] == [tags[n] for n in numbers]


def test_files_that_nobody_saw_are_looked_at() -> None:
    """As with paths that another name leads to."""
    asked: list[str] = []
    numbers, current, _ = taken(listing(), 0, seen={path_of(1): identity(1)}, asked=asked)
    assert numbers == [n for n in range(COUNT) if n != UNSTEADY]
    assert set(current) == set(numbers) - {1}
    assert path_of(1) not in asked
    assert current[3] == (look(3),)


def test_news_of_a_look_are_told() -> None:
    """A file that was fresh and is not any more."""
    _, current, is_news = taken(listing(), 0, now=lambda looks: ((looks[0]._replace(digest=None),), True))
    assert is_news
    assert current[FRESH] == (look(FRESH),)
