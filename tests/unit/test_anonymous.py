"""Exports without names: hashes that only a team's own salt repeats, durations that stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from latprof import api
from latprof.report.export import export_calls
from latprof.share import anonymous
from latprof.share.names import HASHED

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "claude-code"


def test_no_id_and_no_path_is_left_in_any_format() -> None:
    """The ids and projects of the logs, as bytes in what would be sent."""
    trace = api.load([str(FIXTURES)])
    shared = anonymous(trace, b"salt")
    names = {text.encode() for name in HASHED for text in trace.texts[name] if text}
    for kind in ("csv", "jsonl", "perfetto", "otlp"):
        data = export_calls(shared, kind)
        assert not [name for name in names if len(name) > 5 and name in data]


def test_the_same_salt_gives_the_same_names_and_another_one_others() -> None:
    """Calls of one session stay together; nothing is made of what is not known."""
    trace = api.load([str(FIXTURES)])
    first, again, other = (anonymous(trace, salt) for salt in (b"1", b"1", b"2"))
    for name in HASHED:
        assert list(first.texts[name]) == list(again.texts[name])
        assert len(set(first.texts[name])) == len(set(trace.texts[name]))
        assert [text is None for text in first.texts[name]] == [text is None for text in trace.texts[name]]
    assert not set(first.texts["session_id"]) & set(other.texts["session_id"])


def test_coarse_times_move_whole_calls() -> None:
    """Each call starts at a full hour; what is a difference of instants stays to the microsecond."""
    trace = api.load([str(FIXTURES)])
    shared = anonymous(trace, b"salt", coarse_s=3600)
    sent = shared.numbers["sent_at"]
    assert np.all(np.isnan(sent) | (np.abs(sent % 3600) < 1e-6))
    for name in ("wall_s", "first_block_s", "tool_s", "wall_tps"):
        np.testing.assert_allclose(shared.column(name), trace.column(name), atol=1e-5, rtol=1e-6)
