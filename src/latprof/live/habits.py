"""What is usual: how long first lines and tools took before."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.formats.standing import FirstLine, Standing
from latprof.model import Trigger
from latprof.stats.quantiles import min_calls
from latprof.trace import Trace

__all__ = ["Habits", "Usual"]

_LOW: Final = 0.1
_HIGH: Final = 0.9
# Fewer values show no p10 and p90.
_MIN_N: Final = min_calls(_HIGH)

_WaitKey = tuple[FirstLine, str, str | None, Trigger]


@dataclass(frozen=True, slots=True)
class Usual:
    """p10 and p90 of `n` earlier times, s; both None where n is too small to tell.

    `of` says what the times belong to.
    """

    low_s: float | None
    high_s: float | None
    n: int
    of: str


class Habits:
    """Times from the request to the first line of an answer, and from a tool's call to its result.

    What a watcher of a log waits for is its first line, which some agents write as the answer begins, some as its
    first block is complete, and some as all of it is.
    """

    def __init__(self, trace: Trace) -> None:
        self._waits: dict[_WaitKey, list[float]] = defaultdict(list)
        self._tools: dict[tuple[str, str], list[float]] = defaultdict(list)
        agents, models, triggers = (trace.texts[name] for name in ("agent", "model", "trigger"))
        for first_line, values in _first_lines(trace).items():
            for row in np.flatnonzero(~np.isnan(values)).tolist():
                for model in (models[row], None):
                    self._waits[first_line, agents[row], model, triggers[row]].append(float(values[row]))
        for row in range(len(trace)):
            for block in trace.blocks[row]:
                if block.name and block.end_at is not None and block.result_at is not None:
                    self._tools[agents[row], block.name].append(max(block.result_at - block.end_at, 0.0))

    def usual(self, agent: str, standing: Standing) -> Usual | None:
        """The range for what is going on, by model and trigger or by tool; None where nothing is timed."""
        if standing.state == "waiting":
            return self._wait(agent, standing)
        if standing.state == "tools" and standing.tools:
            name = standing.tools[0]
            return _range(self._tools.get((agent, name), []), f"tool {name}")
        return None

    def _wait(self, agent: str, standing: Standing) -> Usual:
        """Of the same model; of all models where it is not known or has too few calls."""

        def known(model: str | None) -> list[float]:
            return self._waits.get((standing.first_line, agent, model, standing.trigger), [])

        own = known(standing.model) if standing.model else []
        if len(own) >= _MIN_N:
            return _range(own, f"{standing.model} after {standing.trigger}")
        every = known(None)
        if len(every) >= _MIN_N:
            return _range(every, f"all models after {standing.trigger}")
        return _range(own, f"{standing.model or 'all models'} after {standing.trigger}")


def _first_lines(trace: Trace) -> dict[FirstLine, NDArray[np.float64]]:
    """Times to the first line, s, shape (calls,), by what that line is."""
    began = np.where(np.isnan(trace.ttft_s), trace.first_block_s, trace.ttft_s)
    return {"ttft_s": began, "first_block_s": trace.first_block_s, "wall_s": trace.wall_s}


def _range(values: list[float], of: str) -> Usual:
    if len(values) < _MIN_N:
        return Usual(None, None, len(values), of)
    low, high = np.quantile(values, (_LOW, _HIGH))
    return Usual(float(low), float(high), len(values), of)
