"""A set of calls as columns, and the durations that follow from their instants.

Numbers are float64 arrays with NaN for "not known" inside; NaN never leaves as a number. Text
columns are object arrays with None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.model import (
    FIRST_OUTPUT_SOURCES,
    LAST_OUTPUT_SOURCES,
    NO_DURATION_FLAGS,
    NO_RATE_FLAGS,
    SENT_SOURCES,
    Call,
    Sighting,
)
from latprof.trace.blocks import BlockColumns, BlockSizes
from latprof.trace.columns import COUNTS, INSTANTS, Columns
from latprof.trace.derived import DURATION_DIGITS
from latprof.trace.estimates import Estimates
from latprof.trace.ids import narrowed
from latprof.trace.lazy import Blocks, Lazy, derived
from latprof.trace.numbers import is_nothing, nothing
from latprof.trace.origin import Origin
from latprof.trace.pool import Codes, renamed
from latprof.trace.view import View, order_in_time

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EXPORT_COLUMNS", "MIN_DECODE_S", "Trace"]

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Shorter decoding than this cannot be timed to 2 % with stamps that are good to a few ms.
MIN_DECODE_S: Final = 0.25

_TEXT: Final = (
    "agent", "agent_version", "session_id", "agent_id", "call_id", "message_id", "request_id", "provider",
    "project", "host", "engineer", "model", "requested_model", "effort", "speed_mode", "trigger", "sent_source",
    "first_output_source", "last_output_source", "output_tokens_kind", "output_tokens_source", "stop_reason", "load",
)  # fmt: skip
_INSTANTS: Final = (*INSTANTS, "first_block_at")
_NUMBERS: Final = (*_INSTANTS, *COUNTS, "tools_span_s", "shown_signature")

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


class Trace:
    """Calls as columns of equal length (n,), in the order of their send times.

    `texts` maps names to object arrays with None, `numbers` to float64 arrays with NaN; `flags` has a tuple per
    call, `blocks` a tuple of `Block` objects. They are made when they are first used. Who computes over many calls
    takes `codes`, `flag` and `blocks_of`, which cost no objects. Where `is_large`, columns lie on disk and are made
    anew at each use: who asks for single calls takes those of `held()`. `estimates` are there once a model was fitted
    to the calls. `after_others` (n,) is true for calls before which filters left out others of the same agent.
    """

    def __init__(self, view: View, estimates: Estimates | None = None, after_others: Mask | None = None) -> None:
        self._view = view
        self.estimates = estimates
        self.after_others = after_others
        self.is_large = view.is_large
        self.texts: Mapping[str, Texts] = Lazy(_TEXT, view.text, not self.is_large)
        self.numbers: Mapping[str, Floats] = Lazy(_NUMBERS, view.number, not self.is_large)

    @classmethod
    def from_calls(cls, calls: Iterable[Call]) -> Trace:
        """Make columns of the calls, sorted by time and id."""
        return cls.from_columns(Columns.of(list(calls)))

    @classmethod
    def from_columns(cls, columns: Columns) -> Trace:
        """A trace of the columns, which it sorts by time and id, and keeps."""
        order = order_in_time(columns)
        if order is not None:
            columns.keep(order)
        return cls(View(columns))

    def __len__(self) -> int:
        return len(self._view)

    @property
    def keys(self) -> NDArray[np.uint32]:
        """Checksums of the ids of the calls, (n,): equal ids have equal ones."""
        return self._view.keys()

    def origin(self, rows: Ints) -> Origin | None:
        """Where some of the calls come from; None where that would not say all that logs told of them."""
        return self._view.origin(rows)

    def held(self) -> Trace:
        """The same calls in memory, for those who go through them one by one; very many calls else lie on disk."""
        view = self._view.held()
        estimates = None if self.estimates is None else self.estimates.held()
        return self if view is self._view and estimates is self.estimates else self._with(view, estimates)

    def select(self, mask: Mask, after_others: Mask | None = None) -> Trace:
        """The calls where the mask is true; who leaves out calls of sessions says after which, as `after_others`."""
        rows = np.flatnonzero(mask)
        if after_others is None and self.after_others is not None:
            after_others = self.after_others[rows]
        return Trace(
            self._view.select(rows), None if self.estimates is None else self.estimates.select(rows), after_others
        )

    def _with(self, view: View, estimates: Estimates | None) -> Trace:
        """The same calls in another view."""
        return Trace(view, estimates, self.after_others)

    def with_estimates(self, estimates: Estimates) -> Trace:
        """The same calls with what a model says of them."""
        other = copy(self)
        other.estimates = estimates
        return other

    def with_projects(self, rename: Callable[[str], str]) -> Trace:
        """The same calls with projects called as `rename` says of their folders."""
        return self.with_texts({"project": rename})

    def with_texts(self, rename: Mapping[str, Callable[[str], str]]) -> Trace:
        """The same calls with each text of some columns replaced by what a function makes of it."""
        names = {name: renamed(self.codes(name), to) for name, to in rename.items()}
        return self._with(self._view.with_texts(names), self.estimates)

    def moved(self, back: Floats) -> Trace:
        """The same calls, each with all that is in it earlier by so many seconds (n,)."""
        return self._with(self._view.moved(back), self.estimates)

    def estimated(self, metric: str) -> Floats:
        """Posterior mean of `ttft_s` or `decode_tps` per call; NaN without an estimate. Not to be changed."""
        return nothing(len(self)) if self.estimates is None else self.estimates.means(metric)

    def codes(self, name: str) -> Codes:
        """A text column as codes and sorted categories, for those who group or count by it. Raises KeyError."""
        if name not in self._codes:
            if name not in {*_TEXT, "flags"}:
                raise KeyError(name)
            codes, texts = self._view.codes(name)
            # Of many calls in the smallest type: it is asked for often.
            self._codes[name] = Codes(narrowed(codes) if self.is_large else codes, texts)
        codes, texts = self._codes[name]
        return Codes(codes.astype(np.int64, copy=False), texts)

    def counts(self, name: str, where: Mask | None = None) -> Counter[str | None]:
        """How many calls have each text of a column, or how many of some; in the order of their first calls."""
        return self.codes(name).counts(where)

    @cached_property
    def _codes(self) -> dict[str, Codes]:
        return {}

    @cached_property
    def blocks(self) -> Blocks:
        """The blocks of each call as objects."""
        columns, rows = self._view.columns, self._view.rows
        return Blocks(columns.blocks, columns.pool, np.arange(len(self)) if rows is None else rows)

    def blocks_of(self, rows: Ints | None = None) -> BlockColumns:
        """The blocks of all calls, or of some, as flat columns, for those who compute with them."""
        return self._view.blocks(rows).columns(self._view.columns.pool)

    def sizes_of_blocks(self, rows: Ints) -> BlockSizes:
        """Types and sizes of the blocks of some calls."""
        return self._view.sizes_of_blocks(rows)

    def shown_signatures(self, rows: Ints) -> Floats:
        """The lengths of all signatures beside thinking that some calls show, in any order."""
        lengths = self.numbers["shown_signature"].take(rows)
        several = rows[lengths < 0]
        if not len(several):
            return lengths.compress(lengths > 0)
        names = ("characters", "signature_characters")
        characters, signature = self._view.some_sizes_of_blocks(several, names)
        return np.concatenate((lengths.compress(lengths > 0), signature[(characters > 0) & (signature > 0)]))

    def counts_of_blocks(self) -> NDArray[np.signedinteger[Any]]:
        """How many blocks each call has."""
        return self._view.counts_of_blocks()

    @derived
    def flags(self) -> Texts:
        """The flags of each call, (n,) tuples."""
        codes, texts = self._view.codes("flags")
        tuples = np.empty(len(texts), dtype=np.object_)
        tuples[:] = [tuple(text.split()) for text in texts]
        return tuples[codes]

    def flag(self, name: str) -> Mask:
        """Which calls carry the flag; not to be changed."""
        return self._any_flag(name)

    def _any_flag(self, *names: str) -> Mask:
        column = self.codes("flags")
        found = [not set(names).isdisjoint(text.split()) for text in column.categories]
        return column.told(np.array(found, dtype=np.bool_))

    def _sighted(self, column: str, sources: Mapping[str, Sighting], *sides: str) -> Mask:
        """Calls whose instant was seen in a way that lies on one of these sides."""
        chosen = {name for name, sighting in sources.items() if sighting.side in sides}
        found = self.codes(column)
        return found.told(np.array([*(text in chosen for text in found.categories), False]))

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
        if not where.any():  # such as the first token of logs that never state it
            return nothing(len(self))
        span: Floats = self.numbers[until] - self.numbers[since]
        np.round(span, DURATION_DIGITS, out=span)
        return _only(span, where & (span >= 0))

    def _at_most(self, span: Floats) -> Floats:
        """An upper bound from two stamps, which is rounded already: whole seconds may hide one more second."""
        if self._fine.all():
            return span + 0.0  # for -0.0
        return np.round(span + np.where(self._fine, 0.0, 1.0), DURATION_DIGITS)

    @derived
    def ttft_s(self) -> Floats:
        """Sent to first token, s; only where both are stated (kind exact)."""
        where = self._timed & self.sent_exactly & self.first_output_exactly & ~self.flag("non_streamed")
        return self._span("sent_at", "first_output_at", where)

    @derived
    def first_block_s(self) -> Floats:
        """Sent to the end of the first block, s: an upper bound of TTFT.

        Where the log shows some output earlier than that, but not the first token itself or not
        the send time, it is the time to that output.
        """
        where = self._timed & ~self.flag("non_streamed")
        block = self._span("sent_at", "first_block_at", where)
        shown = self._span("sent_at", "first_output_at", where)
        if is_nothing(shown):
            return self._at_most(block)
        return self._at_most(np.where(np.isnan(self.ttft_s), np.fmin(block, shown), block))

    @derived
    def wall_s(self) -> Floats:
        """Sent to last output, s, of complete calls; exact where both are stated, else an upper bound."""
        return self._at_most(self._span("sent_at", "last_output_at", self._timed & ~self.flag("interrupted")))

    @derived
    def tool_s(self) -> Floats:
        """End of the first tool call to the last result, s; permission waits and hooks included."""
        return _only(self.numbers["tools_span_s"], self._timed)

    @derived
    def wall_tps(self) -> Floats:
        """`output_tokens / wall_s`, tok/s, of plain calls with final tokens."""
        wall = self.wall_s
        return self.numbers["output_tokens"] / _only(wall, self.plain & (wall > 0))

    @derived
    def decode_tps(self) -> Floats:
        """`(output_tokens - 1) / (last output - first token)`, tok/s; exact, needs no send time.

        Both instants must be stated.
        """
        where = self.plain & self.first_output_exactly & self.last_output_exactly & ~self.flag("burst")
        decode_s = self._span("first_output_at", "last_output_at", where)
        if is_nothing(decode_s):
            return decode_s
        tokens = self.numbers["output_tokens"] - 1
        decode_s = np.where((decode_s >= MIN_DECODE_S) & (tokens > 0), decode_s, np.nan)
        return tokens / decode_s

    @derived
    def as_logged_ttft_s(self) -> Floats:
        """First line minus trigger line, s: the formula that takes a block's end for the first token."""
        return self._span("trigger_at", "first_block_at", self._timed)

    @derived
    def as_logged_decode_tps(self) -> Floats:
        """`output_tokens / (last line - first line)`, tok/s: leaves out the first block's time."""
        span = self._span("first_block_at", "last_output_at", self._timed)
        return self.numbers["output_tokens"] / _only(span, span > 0)

    @derived
    def cache_hit_share(self) -> Floats:
        """`cache_read_tokens / input_tokens`."""
        tokens = self.numbers["input_tokens"]
        return self.numbers["cache_read_tokens"] / _only(tokens, tokens > 0)

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
            return self.estimated(name) if is_nothing(exact) else np.where(np.isnan(exact), self.estimated(name), exact)
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
        return np.where(
            np.isnan(getattr(self, measure)),
            self.estimates.ends[measure][:, end],
            np.nan,
        )

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
            elif name in COUNTS:
                data[name] = pd.Series(column).astype("Int64")
            elif column.dtype == object:
                data[name] = pd.Series(column, dtype="string")
            else:
                data[name] = pd.Series(column)
        return pd.DataFrame(data)


_KINDS: Final = {
    "ttft_kind": "ttft_s",
    "wall_kind": "wall_s",
    "decode_kind": "decode_tps",
}
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


def _only(values: Floats, where: Mask) -> Floats:
    """The values where that is wanted, NaN elsewhere: most often they are wanted everywhere."""
    return values if where.all() else np.where(where, values, np.nan)


def _objects(values: Sequence[object]) -> Texts:
    column = np.empty(len(values), dtype=np.object_)
    for row, value in enumerate(values):
        column[row] = value
    return column
