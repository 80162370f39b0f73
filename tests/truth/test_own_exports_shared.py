"""Exports of all recorded and real logs, read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from latprof.ingest import merge, read_inputs
from latprof.trace import Trace
from round_trip import NAMES, again, assert_same


@pytest.mark.parametrize(("folder", "every"), [("truth", 1), ("corpus", 5)])
def test_exports_of_shared_logs_read_as_they_were(shared: Path, folder: str, every: int) -> None:
    """All columns of the calls in all three formats; beside the logs they add no call."""
    calls = read_inputs([str(shared / folder)]).calls[::every]
    assert len(calls) > 500
    whole = Trace.from_calls(calls)
    for name in NAMES:
        back = again(calls, name)
        assert_same(whole, Trace.from_calls(back))
        assert len(merge([*calls, *back])) == len(calls)
