"""Calls through an export and back, and what has to be the same then."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from latprof.formats import Format, Source, formats
from latprof.model import Call, Problem
from latprof.report.export import export_calls
from latprof.trace import EXPORT_COLUMNS, Trace

NAMES = ("csv", "jsonl", "parquet")
FORMATS: dict[str, Format] = {name: next(f for f in formats() if f.name == f"latprof-{name}") for name in NAMES}
INSTANTS = [name for name in EXPORT_COLUMNS if name.endswith("_at")]
RATES = ["wall_tps", "decode_tps"]
DURATIONS = ["ttft_s", "first_block_s", "wall_s", "tool_s"]
HALF_A_MILLISECOND = 0.000501


def exported(calls: Iterable[Call], name: str, **options: Any) -> bytes:
    return export_calls(Trace.from_calls(list(calls)), name, **options)


def read(data: bytes, name: str) -> tuple[list[Call], list[Problem]]:
    items = list(FORMATS[name].read(Source.from_bytes(data, f"x.{name}")))
    return [i for i in items if isinstance(i, Call)], [i for i in items if isinstance(i, Problem)]


def again(calls: Iterable[Call], name: str, **options: Any) -> list[Call]:
    found, problems = read(exported(calls, name, **options), name)
    assert problems == []
    return found


def assert_same(one: Trace, two: Trace) -> None:
    """Every column of an export: texts and counts exactly, instants to the millisecond, figures to the microsecond."""
    order_one, order_two = (np.argsort(trace.texts["call_id"].astype(str)) for trace in (one, two))
    for name in EXPORT_COLUMNS:
        left, right = one.column(name)[order_one], two.column(name)[order_two]
        if name in INSTANTS:
            np.testing.assert_allclose(left, right, atol=HALF_A_MILLISECOND, rtol=0, err_msg=name)
        elif name in DURATIONS:
            np.testing.assert_allclose(left, right, atol=2e-6, rtol=0, err_msg=name)
        elif name in RATES:
            # A rate is tokens by time, and the time is good to the microsecond.
            tokens = one.column("output_tokens")[order_one]
            assert np.array_equal(np.isnan(left), np.isnan(right)), name
            # An export holds a rate with six decimals.
            near = 3e-6 + 1e-6 * tokens / right + 1e-6 * tokens / right**2
            assert (np.abs(tokens / left - tokens / right) <= near)[~np.isnan(left)].all(), name
        else:
            np.testing.assert_array_equal(left, right, err_msg=name)
