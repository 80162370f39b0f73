"""What calls of a kept piece are read as is found for those calls, levels and models only that it was kept for."""

from __future__ import annotations

from typing import Any

import numpy as np

from latprof.estimate.known import Known
from latprof.estimate.values import Readings
from latprof.trace.origin import Origin

Shelf = dict[str, dict[str, Any]]


def known(shelf: Shelf, entries: list[int], levels: list[int], *, model: str = "model", **more: Any) -> Known:
    """Calls with these entries of a piece and these levels of one factor."""
    origin = Origin(more.get("name", b"piece"), np.array(entries, dtype=np.int32), more.get("before"))
    return Known(shelf, origin, np.array([levels], dtype=np.int16), model)


def readings(entries: list[int]) -> Readings:
    """What calls could be read as: each says its entry."""
    first = np.repeat(np.array(entries, dtype=np.float32)[:, None], 12, axis=1)
    return Readings(first, first + np.float32(0.5))


def kept(shelf: Shelf, entries: list[int], levels: list[int]) -> None:
    """Put them on the shelf."""
    one = known(shelf, entries, levels)
    assert one.found() is None
    one.take(np.arange(len(entries)), readings(entries))
    one.keep()


def found(one: Known) -> dict[int, tuple[float, float]]:
    """The first numbers of the calls that are known, by their places."""
    places, read = one.found() or ((), readings([]))
    return {
        int(k): (float(a), float(b)) for k, a, b in zip(places, read.first_s[:, 0], read.speed_tps[:, 0], strict=True)
    }


def test_each_call_is_known_by_its_entry_and_its_level() -> None:
    """In another order, beside calls that are new, came later or have another level, which are not known."""
    shelf: Shelf = {}
    kept(shelf, [4, 7, 2], [0, 1, 0])
    assert found(known(shelf, [4, 7, 2], [0, 1, 0])) == {0: (4, 4.5), 1: (7, 7.5), 2: (2, 2.5)}
    assert found(known(shelf, [2, -1, 7, 4, 9], [0, 0, 0, 0, 0])) == {0: (2, 2.5), 3: (4, 4.5)}


def test_calls_that_came_last_leave_the_others_known() -> None:
    """As far as they have the levels that they had, and what comes last was not known in another place."""
    shelf: Shelf = {}
    kept(shelf, [4, 7, 2], [0, 1, 0])
    every = {0: (4, 4.5), 1: (7, 7.5), 2: (2, 2.5)}
    assert found(known(shelf, [4, 7, 2, -1, -1], [0, 1, 0, 1, 0])) == every
    assert found(known(shelf, [4, 7, 2, -1], [0, 0, 0, 0])) == {0: (4, 4.5), 2: (2, 2.5)}
    assert found(known(shelf, [4, 7, 2, 9, -1], [0, 1, 0, 0, 0])) == every
    assert found(known(shelf, [4, 7], [0, 1])) == {0: (4, 4.5), 1: (7, 7.5)}
    again: Shelf = {}
    kept(again, [4], [0])
    assert found(known(again, [4, 5], [0, 0])) == {0: (4, 4.5)}
    some = known(again, [4, 6], [0, 0])
    assert found(some) == {0: (4, 4.5)}
    some.take(np.array([1]), readings([6]))
    some.keep()
    assert found(known(again, [4, 6, -1], [0, 0, 0])) == {0: (4, 4.5), 1: (6, 6.5)}


def test_another_model_or_piece_knows_nothing() -> None:
    """Neither does an empty choice of calls."""
    shelf: Shelf = {}
    kept(shelf, [0, 1], [0, 0])
    assert found(known(shelf, [0, 1], [0, 0], model="other")) == {}
    assert found(known(shelf, [0, 1], [0, 0], name=b"another")) == {}
    assert found(known(shelf, [], [])) == {}


def test_a_piece_that_is_written_anew_takes_over_what_the_old_one_knew() -> None:
    """And the next run finds it under the new name."""
    shelf: Shelf = {}
    kept(shelf, [0, 1, 2], [0, 0, 1])
    old = Origin(b"piece", np.array([2, -1, 0], dtype=np.int32))
    anew = known(shelf, [0, 1, 2], [1, 0, 0], name=b"new", before=old)
    assert found(anew) == {0: (2, 2.5), 2: (0, 0.5)}
    anew.take(np.array([1]), readings([9]))
    anew.keep()
    assert found(known(shelf, [2, 1, 0], [0, 0, 1], name=b"new")) == {0: (0, 0.5), 1: (9, 9.5), 2: (2, 2.5)}
