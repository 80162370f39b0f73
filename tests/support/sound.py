"""What a reader may yield of damaged input: calls and problems that say nothing impossible."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import fields

from latprof.model import FLAGS, PROBLEMS, TRIGGERS, Call, Problem

__all__ = ["assert_sound"]


def assert_sound(items: Iterable[Call | Problem]) -> None:
    """Known kinds, triggers and flags; counts above 0, or not known; finite numbers."""
    for item in items:
        if isinstance(item, Problem):
            assert item.kind in PROBLEMS
            continue
        assert isinstance(item, Call)
        assert item.trigger in TRIGGERS
        assert set(item.flags) <= FLAGS.keys()
        assert item.output_tokens is None or item.output_tokens > 0
        values = [getattr(item, column.name) for column in fields(item)]
        assert all(math.isfinite(value) for value in values if isinstance(value, float))
