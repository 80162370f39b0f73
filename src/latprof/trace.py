"""A set of calls as columns, and the durations that follow from their instants.

Numbers are float64 arrays with NaN for "not known" inside; NaN never leaves as a number. Text
columns are object arrays with None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latprof.model import (
    BLOCK_TYPES,
    FIRST_OUTPUT_SOURCES,
    LAST_OUTPUT_SOURCES,
    NO_DURATION_FLAGS,
    NO_RATE_FLAGS,
    SENT_SOURCES,
    Block,
    Call,
    Sighting,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EXPORT_COLUMNS", "MIN_DECODE_S", "BlockColumns", "Codes", "Estimates", "Trace"]

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Shorter decoding than this cannot be timed to 2 % with stamps that are good to a few ms.
MIN_DECODE_S: Final = 0.25
# A person answers these tools, so their time is not a tool's time.
_ASKING_TOOLS: Final = frozenset({"AskUserQuestion", "ExitPlanMode"})

_TEXT: Final = (
    "agent", "agent_version", "session_id", "agent_id", "call_id", "message_id", "request_id", "provider",
    "project", "host", "engineer", "model", "requested_model", "effort", "speed_mode", "trigger", "sent_source",
    "first_output_source", "last_output_source", "output_tokens_kind", "output_tokens_source", "stop_reason", "load",
)  # fmt: skip
_INSTANTS: Final = ("trigger_at", "sent_at", "headers_at", "first_output_at", "last_output_at", "first_block_at")
_COUNTS: Final = (
    "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "attempts",
)  # fmt: skip

EXPORT_COLUMNS: Final[tuple[str, ...]] = (
    "agent", "agent_version", "session_id", "agent_id", "call_id", "message_id", "request_id", "project",
    "host", "engineer", "provider", "model", "requested_model", "effort", "speed_mode", "trigger",
    "trigger_at", "sent_at", "sent_source",
    "headers_at", "first_output_at", "first_output_source", "last_output_at", "last_output_source",
    "ttft_s", "ttft_kind", "ttft_low_s", "ttft_high_s", "first_block_s", "wall_s", "wall_kind", "wall_tps",
    "decode_tps", "decode_kind",
    "decode_low_tps", "decode_high_tps",
    "output_tokens", "output_tokens_kind", "output_tokens_source", "input_tokens", "cache_read_tokens",
    "cache_write_tokens", "reasoning_tokens", "tool_s", "attempts", "load", "stop_reason", "flags",
)  # fmt: skip


class Codes(NamedTuple):
    """A text column of few values: `categories[codes[row]]` is the text of a row, code -1 stands for None.

    The categories are sorted and all occur.
    """

    codes: Ints
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BlockColumns:
    """The blocks of n calls one after the other: those of call i are `offsets[i]` to `offsets[i + 1]`.

    `type` counts in `model.BLOCK_TYPES`; instants (s) and sizes are float64 with NaN for None; `tool` has the
    names of tools.
    """

    offsets: Ints
    type: Ints
    start_at: Floats
    end_at: Floats
    result_at: Floats
    characters: Floats
    tokens: Floats
    signature_characters: Floats
    tool: Codes


@dataclass(frozen=True)
class Estimates:
    """What a model of many calls says of each: n rows, NaN where it says nothing.

    `values` holds per metric (n, k) values of equal weight that stand for a call's posterior,
    `ends` (n, 2) the ends of its 95 % interval. `group` is the call's row in `errors`, which holds
    per metric the standard errors of log percentiles at `probabilities` (groups, p) that come from
    the model alone; -1 for calls of no group.
    """

    values: dict[str, Floats]
    ends: dict[str, Floats]
    group: Ints
    errors: dict[str, Floats]
    probabilities: tuple[float, ...]

    def select(self, rows: Ints) -> Estimates:
        """The estimates of some calls."""
        return replace(
            self,
            values={key: column[rows] for key, column in self.values.items()},
            ends={key: column[rows] for key, column in self.ends.items()},
            group=self.group[rows],
        )

    def error_of_log(self, metric: str, probability: float, rows: Ints) -> float:
        """Standard error of a log percentile from the model alone, averaged over the calls' groups."""
        numbers, counts = np.unique(self.group[rows], return_counts=True)
        found = [
            (float(np.interp(probability, self.probabilities, self.errors[metric][number])), int(count))
            for number, count in zip(numbers, counts, strict=True)
            if number >= 0 and not np.isnan(self.errors[metric][number]).any()
        ]
        calls = sum(count for _, count in found)
        return sum(error * count for error, count in found) / calls if calls else 0.0


@dataclass(frozen=True)
class Trace:
    """Calls as columns of equal length, in the order of their send times.

    `estimates` are there once a model was fitted to the calls.
    """

    texts: dict[str, Texts]
    numbers: dict[str, Floats]
    flags: Texts
    blocks: tuple[tuple[Block, ...], ...]
    estimates: Estimates | None = None

    @classmethod
    def from_calls(cls, calls: Sequence[Call]) -> Trace:
        """Make columns of the calls, sorted by time and id."""
        ordered = sorted(calls, key=_order)
        texts = {name: _objects([_text(name, call) for call in ordered]) for name in _TEXT}
        numbers = {name: _floats([getattr(call, name) for call in ordered]) for name in _INSTANTS + _COUNTS}
        numbers["tools_span_s"] = _floats([_tool_s(call) for call in ordered])
        flags = _objects([call.flags for call in ordered])
        return cls(texts, numbers, flags, tuple(call.blocks for call in ordered))

    def __len__(self) -> int:
        return len(self.blocks)

    def select(self, mask: Mask) -> Trace:
        """The calls where the mask is true."""
        rows = np.flatnonzero(mask)
        return Trace(
            {name: column[rows] for name, column in self.texts.items()},
            {name: column[rows] for name, column in self.numbers.items()},
            self.flags[rows],
            tuple(self.blocks[row] for row in rows),
            None if self.estimates is None else self.estimates.select(rows),
        )

    def with_estimates(self, estimates: Estimates) -> Trace:
        """The same calls with what a model says of them."""
        return replace(self, estimates=estimates)

    def with_projects(self, rename: Callable[[str], str]) -> Trace:
        """The same calls with projects called as `rename` says of their folders."""
        names = {folder: rename(folder) for folder in set(self.texts["project"]) if folder is not None}
        column = _objects([names.get(folder) for folder in self.texts["project"]])
        return replace(self, texts=self.texts | {"project": column})

    def estimated(self, metric: str) -> Floats:
        """Posterior mean of `ttft_s` or `decode_tps` per call; NaN without an estimate."""
        if self.estimates is None:
            return np.full(len(self), np.nan)
        return np.asarray(self.estimates.values[metric].mean(axis=1))

    def codes(self, name: str) -> Codes:
        """A text column as codes and sorted categories, for those who group or count by it."""
        return _coded(self.texts[name])

    @cached_property
    def block_columns(self) -> BlockColumns:
        """All blocks as flat columns, for those who compute with them."""
        flat = [block for blocks in self.blocks for block in blocks]
        return BlockColumns(
            np.concatenate(([0], np.cumsum([len(blocks) for blocks in self.blocks], dtype=np.int64))),
            np.array([BLOCK_TYPES.index(block.type) for block in flat], dtype=np.int64),
            **{name: _floats([getattr(block, name) for block in flat]) for name in _BLOCK_NUMBERS},
            tool=_coded([block.name for block in flat]),
        )

    def flag(self, name: str) -> Mask:
        """Which calls carry the flag."""
        return np.fromiter((name in flags for flags in self.flags), dtype=np.bool_, count=len(self))

    def _any_flag(self, *names: str) -> Mask:
        mask = np.zeros(len(self), dtype=np.bool_)
        for name in names:
            mask |= self.flag(name)
        return mask

    def _sighted(self, column: str, sources: Mapping[str, Sighting], *sides: str) -> Mask:
        """Calls whose instant was seen in a way that lies on one of these sides."""
        chosen = {name for name, sighting in sources.items() if sighting.side in sides}
        return np.fromiter((source in chosen for source in self.texts[column]), dtype=np.bool_, count=len(self))

    @cached_property
    def _timed(self) -> Mask:
        return ~self._any_flag(*NO_DURATION_FLAGS)

    @cached_property
    def plain(self) -> Mask:
        """Calls that count for token rates: complete, streamed, answered at the first attempt."""
        return self._timed & ~self._any_flag(*NO_RATE_FLAGS)

    @cached_property
    def _fine(self) -> Mask:
        """Calls whose stamps are finer than a second."""
        return ~self.flag("whole_seconds")

    @cached_property
    def sent_exactly(self) -> Mask:
        """Calls whose send time the log states."""
        return self._fine & self._sighted("sent_source", SENT_SOURCES, "exact")

    @cached_property
    def first_output_exactly(self) -> Mask:
        """Calls whose first token the log states."""
        return self._fine & self._sighted("first_output_source", FIRST_OUTPUT_SOURCES, "exact")

    @cached_property
    def last_output_exactly(self) -> Mask:
        """Calls whose end the log states."""
        return self._fine & self._sighted("last_output_source", LAST_OUTPUT_SOURCES, "exact")

    @cached_property
    def wall_exactly(self) -> Mask:
        """Calls whose `wall_s` is exact, not an upper bound."""
        return self.sent_exactly & self.last_output_exactly

    def _span(self, since: str, until: str, where: Mask) -> Floats:
        span = self.numbers[until] - self.numbers[since]
        return np.where(where & (span >= 0), span, np.nan)

    def _at_most(self, span: Floats) -> Floats:
        """An upper bound from two stamps: whole seconds may hide one more second."""
        return span + np.where(self._fine, 0.0, 1.0)

    @cached_property
    def ttft_s(self) -> Floats:
        """Sent to first token, s; only where both are stated (kind exact)."""
        where = self._timed & self.sent_exactly & self.first_output_exactly & ~self.flag("non_streamed")
        return self._span("sent_at", "first_output_at", where)

    @cached_property
    def first_block_s(self) -> Floats:
        """Sent to the end of the first block, s: an upper bound of TTFT.

        Where the log shows some output earlier than that, but not the first token itself or not
        the send time, it is the time to that output.
        """
        where = self._timed & ~self.flag("non_streamed")
        block = self._span("sent_at", "first_block_at", where)
        shown = self._span("sent_at", "first_output_at", where)
        return self._at_most(np.where(np.isnan(self.ttft_s), np.fmin(block, shown), block))

    @cached_property
    def wall_s(self) -> Floats:
        """Sent to last output, s, of complete calls; exact where both are stated, else an upper bound."""
        return self._at_most(self._span("sent_at", "last_output_at", self._timed & ~self.flag("interrupted")))

    @cached_property
    def tool_s(self) -> Floats:
        """End of the first tool call to the last result, s; permission waits and hooks included."""
        return np.where(self._timed, self.numbers["tools_span_s"], np.nan)

    @cached_property
    def wall_tps(self) -> Floats:
        """`output_tokens / wall_s`, tok/s, of plain calls with final tokens."""
        wall = np.where(self.plain & (self.wall_s > 0), self.wall_s, np.nan)
        return self.numbers["output_tokens"] / wall

    @cached_property
    def decode_tps(self) -> Floats:
        """`(output_tokens - 1) / (last output - first token)`, tok/s; exact, needs no send time.

        Both instants must be stated.
        """
        where = self.plain & self.first_output_exactly & self.last_output_exactly & ~self.flag("burst")
        decode_s = self._span("first_output_at", "last_output_at", where)
        tokens = self.numbers["output_tokens"] - 1
        decode_s = np.where((decode_s >= MIN_DECODE_S) & (tokens > 0), decode_s, np.nan)
        return tokens / decode_s

    @cached_property
    def as_logged_ttft_s(self) -> Floats:
        """First line minus trigger line, s: the formula that takes a block's end for the first token."""
        return self._span("trigger_at", "first_block_at", self._timed)

    @cached_property
    def as_logged_decode_tps(self) -> Floats:
        """`output_tokens / (last line - first line)`, tok/s: leaves out the first block's time."""
        span = self._span("first_block_at", "last_output_at", self._timed)
        return self.numbers["output_tokens"] / np.where(span > 0, span, np.nan)

    @cached_property
    def cache_hit_share(self) -> Floats:
        """`cache_read_tokens / input_tokens`."""
        tokens = self.numbers["input_tokens"]
        return self.numbers["cache_read_tokens"] / np.where(tokens > 0, tokens, np.nan)

    def column(self, name: str) -> NDArray[Any]:
        """A column by its export name: numbers with NaN, texts with None, no instants without a date.

        Raises KeyError for a name that is no column.
        """
        if name in self.texts:
            return self.texts[name]
        if name in _INSTANTS:
            return np.where(self.flag("no_date"), np.nan, self.numbers[name])
        if name in self.numbers:
            return self.numbers[name]
        if name == "flags":
            return _objects([" ".join(flags) or None for flags in self.flags])
        if name in _KINDS:
            return self._kind_column(name)
        if name in _ENDS:
            return self._end_column(name)
        if name in _ESTIMATED:
            exact: Floats = getattr(self, name)
            return np.where(np.isnan(exact), self.estimated(name), exact)
        if name in _DERIVED:
            derived: Floats = getattr(self, name)
            return derived
        raise KeyError(name)

    def _kind_column(self, name: str) -> Texts:
        measure = _KINDS[name]
        known = ~np.isnan(self.column(measure))
        if measure == "wall_s":
            kinds = np.where(self.wall_exactly, "exact", "bound").astype(np.object_)
        else:
            kinds = np.where(np.isnan(getattr(self, measure)), "estimate", "exact").astype(np.object_)
        kinds[~known] = None
        return kinds

    def _end_column(self, name: str) -> Floats:
        """An end of the 95 % interval of an estimate; NaN for exact values, which need none."""
        measure, end = _ENDS[name]
        if self.estimates is None:
            return np.full(len(self), np.nan)
        return np.where(np.isnan(getattr(self, measure)), self.estimates.ends[measure][:, end], np.nan)

    def to_frame(self) -> pd.DataFrame:
        """The export columns as a pandas frame: UTC instants, nullable integers, None for unknown."""
        import pandas as pd

        data: dict[str, Any] = {}
        for name in EXPORT_COLUMNS:
            column = self.column(name)
            if name in _INSTANTS:
                # Rounded to whole milliseconds first: the logs hold no more, a float shows dust.
                millis = pd.array(np.round(column * 1000), dtype="Float64")
                data[name] = pd.to_datetime(pd.Series(millis).astype("Int64"), unit="ms", utc=True)
            elif name in _COUNTS:
                data[name] = pd.Series(column).astype("Int64")
            elif column.dtype == object:
                data[name] = pd.Series(column, dtype="string")
            else:
                data[name] = pd.Series(column)
        return pd.DataFrame(data)


_KINDS: Final = {"ttft_kind": "ttft_s", "wall_kind": "wall_s", "decode_kind": "decode_tps"}
_ENDS: Final = {
    "ttft_low_s": ("ttft_s", 0), "ttft_high_s": ("ttft_s", 1),
    "decode_low_tps": ("decode_tps", 0), "decode_high_tps": ("decode_tps", 1),
}  # fmt: skip
_ESTIMATED: Final = frozenset({"ttft_s", "decode_tps"})
_DERIVED: Final = frozenset(
    {
        "first_block_s", "wall_s", "wall_tps", "as_logged_ttft_s",
        "as_logged_decode_tps", "cache_hit_share", "tool_s",
    }
)  # fmt: skip


def _order(call: Call) -> tuple[float, str]:
    at = call.sent_at if call.sent_at is not None else call.last_output_at
    return (at if at is not None else float("inf"), call.call_id)


def _text(name: str, call: Call) -> str | None:
    """A text of a call; only the session is never unknown, it may be nameless."""
    value: str | None = getattr(call, name)
    return value or ("" if name == "session_id" else None)


def _objects(values: Sequence[object]) -> Texts:
    column = np.empty(len(values), dtype=np.object_)
    for row, value in enumerate(values):
        column[row] = value
    return column


_BLOCK_NUMBERS: Final = ("start_at", "end_at", "result_at", "characters", "tokens", "signature_characters")


def _coded(values: Iterable[str | None]) -> Codes:
    column = list(values)
    categories = tuple(sorted({text for text in column if text is not None}))
    number: dict[str | None, int] = {text: code for code, text in enumerate(categories)} | {None: -1}
    return Codes(np.array([number[text] for text in column], dtype=np.int64), categories)


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _tool_s(call: Call) -> float | None:
    """From the end of the first tool call to the last result, s; tools that ask a person are left out."""
    if call.tool_s is not None:
        return call.tool_s
    spans = [
        (block.end_at, block.result_at)
        for block in call.blocks
        if block.end_at is not None and block.result_at is not None and block.name not in _ASKING_TOOLS
    ]
    if not spans:
        return None
    span = max(result for _, result in spans) - min(end for end, _ in spans)
    return span if span >= 0 else None
