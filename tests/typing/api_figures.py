"""More of the public API as a user would write it; checked by mypy, not run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

import latprof
from latprof import ApiCall, Block, Call, Filters, Format, LatprofError, Problem, Source, Summary, Trace
from latprof.errors import NothingReadable, UsageError


def slow_calls(folder: Path, limit_s: float) -> Iterator[tuple[str, float]]:
    """Ids and times of calls that took long."""
    trace: Trace = latprof.read([str(folder)], filters=Filters(models=("claude-*",), since=0.0)).trace
    for call_id, wall_s in zip(trace.texts["call_id"], trace.wall_s, strict=True):
        if not math.isnan(wall_s) and wall_s > limit_s:
            yield str(call_id), float(wall_s)


def medians(trace: Trace) -> dict[str, tuple[float | None, float | None, float | None]]:
    """Median and its interval of each metric; None stays None."""
    summary: Summary = latprof.summarize(trace, ["model"], quantiles=(0.5,))
    found: dict[str, tuple[float | None, float | None, float | None]] = {}
    for row in summary.rows:
        low, high = row.intervals[0.5]
        found[f"{row.metric} {row.kind} {row.group['model']}"] = (row.quantiles[0.5], low, high)
    return found


def words(folder: str) -> tuple[str, ...]:
    """What the report says in words, or why there is none."""
    try:
        return latprof.analyze(latprof.read([folder]), by=["trigger"]).notes
    except (UsageError, NothingReadable) as error:
        return (f"{error} ({error.exit_code})",)
    except LatprofError:
        return ()


def from_memory(item: Format, data: bytes) -> tuple[list[Call], list[str]]:
    """Calls and kinds of problems of one log."""
    calls: list[Call] = []
    problems: list[str] = []
    for found in item.read(Source.from_bytes(data)):
        if isinstance(found, Problem):
            problems.append(found.kind)
        else:
            calls.append(found)
    return calls, problems


def longest_block(call: Call) -> Block | None:
    """The block with the most characters; hidden ones count as nothing."""
    return max(call.blocks, key=lambda block: block.characters or 0, default=None)


def validated(lines: list[str]) -> list[float]:
    """Wall times of exported lines."""
    calls = [ApiCall.model_validate_json(line) for line in lines]
    return [call.wall_s for call in calls if call.wall_s is not None and call.wall_kind == "exact"]


def frame(trace: Trace) -> pd.DataFrame:
    """A frame of the calls by their own model, with the name of the package's version."""
    data = trace.to_frame().assign(version=latprof.__version__)
    return data[data["model"].notna()]
