"""What is said of first tokens that a log holds, but not beside the time of sending."""

from __future__ import annotations

from latprof.report.words import describe
from latprof.stats import summarize
from made_calls import made, trace_of


def test_a_first_token_without_a_send_time_is_told_of_as_such() -> None:
    """Of three of ten calls the log states when it came, of none when the call was sent."""
    stated = [made(n, sent_source="trigger_line") for n in range(3)]
    silent = [made(n, sent_source="trigger_line", first_output_at=None, first_output_source=None) for n in range(3, 10)]
    trace = trace_of(*stated, *silent)
    text = " ".join(describe(trace, summarize(trace)))
    assert "First token: of 3 of 10 calls the log states when it came, but not when the call was sent; it came" in text
    assert "First token: not in the log" not in text
    trace = trace_of(*silent)
    assert "First token: not in the log; it came at most" in " ".join(describe(trace, summarize(trace)))
