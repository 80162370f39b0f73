"""What a load test told about a cluster, in words."""

from __future__ import annotations

from collections.abc import Sequence

from latprof.replay.calibrate import LoadTest
from latprof.units import format_count, format_counted, format_value

__all__ = ["calibration_words"]


def calibration_words(tests: Sequence[LoadTest]) -> str:
    """The loads that were measured, with their medians."""
    parts = [
        f"{format_counted(test.calls, 'request' if test.metrics else 'call')} of "
        f"{format_count(round(test.load.isl))} tokens in and "
        f"{format_count(round(test.load.osl))} out, {test.load.concurrency:.3g} at once: TTFT "
        f"{format_value(test.ttft_ms / 1e3, 's')} s, TPOT {format_value(test.tpot_ms, 's')} ms"
        for test in tests
    ]
    if all(test.metrics for test in tests):
        return f"Calibrated by the metrics of this server (medians, means of tokens; {'; '.join(parts)})."
    return f"Calibrated by a load test of this server (measured medians; {'; '.join(parts)})."
