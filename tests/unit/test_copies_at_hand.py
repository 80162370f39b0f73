"""What was decided of copies is taken from the cache only where it would be decided so again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from latprof.ingest.once import drop_copies
from latprof.model import Call
from latprof.store.cache import Cache
from latprof.trace import Columns
from latprof.trace.origin import Origin


def _call(session: str, request: str, end_s: float) -> Call:
    return Call("claude-code", session, f"msg_{request}", f"req_{request}", sent_at=1e9, last_output_at=end_s)


def _owner(calls: list[Call], cache: Cache | None) -> str:
    columns = Columns.of(calls, "claude-code")
    assert drop_copies(columns, cache) == 1
    return next(call.session_id for call in columns.calls() if call.request_id == "req_shared")


def test_a_session_that_went_on_no_longer_owns_what_was_copied_from_it(tmp_path: Path) -> None:
    """The copies are the same bytes in both runs; what changed is a call that stands in one session only."""
    copies = [_call("one", "shared", 1e9 + 10), _call("two", "shared", 1e9 + 10)]
    before = [*copies, _call("one", "of-one", 1e9 + 20), _call("two", "of-two", 1e9 + 30)]
    later = [*copies, _call("one", "of-one", 1e9 + 40), _call("two", "of-two", 1e9 + 30)]
    with closing(Cache(tmp_path, b"")) as cache:
        assert [_owner(before, cache), _owner(later, cache), _owner(before, cache)] == ["one", "two", "one"]
    assert [_owner(before, None), _owner(later, None)] == ["one", "two"]


def test_the_same_holds_for_copies_that_are_known_by_their_places(tmp_path: Path) -> None:
    """All copies come from one kept piece; what changed is a new call of one of their sessions."""
    copies = [_call("one", "shared", 1e9 + 10), _call("two", "shared", 1e9 + 10)]
    before = [*copies, _call("one", "of-one", 1e9 + 20), _call("two", "of-two", 1e9 + 30)]

    def owner(calls: list[Call], cache: Cache | None) -> str:
        columns = Columns.of(calls, "claude-code")
        places = np.arange(len(calls), dtype=np.int32)
        columns.origin = Origin(b"piece", np.where(places < len(before), places, -1).astype(np.int32))
        assert drop_copies(columns, cache) == 1
        return next(call.session_id for call in columns.calls() if call.request_id == "req_shared")

    later = [*before, _call("one", "new", 1e9 + 40)]
    with closing(Cache(tmp_path, b"")) as cache:
        assert [owner(calls, cache) for calls in (before, later, before)] == ["one", "two", "one"]
    assert [owner(calls, None) for calls in (before, later)] == ["one", "two"]
