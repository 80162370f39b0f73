"""Calls, one row each, as CSV, JSON Lines or Parquet; as a trace for other tools."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator
from datetime import UTC, tzinfo
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from latprof.model import Block
from latprof.report.cells import spreadsheet_safe
from latprof.trace import EXPORT_COLUMNS, Trace
from latprof.units import format_instant

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["EXPORT_FORMATS", "export_calls", "export_parts", "records", "written_calls"]

_DIGITS: Final = 6
# So many calls are rows at a time, each with all its texts as objects.
_PIECE_CALLS: Final = 16_384
_LINES: Final = 1024
_REPLAYABLE: Final = ("latprof.replay.traces", "replayable_calls", "a send time or token counts")
# Formats that cannot show every call: who counts those that they show, and what the others lack.
_PARTIAL: Final = {
    "perfetto": ("latprof.report.perfetto", "drawn_calls", "a date, a send time or an end"),
    "otlp": ("latprof.report.otlp", "calls_with_span", "a date, a send time or an end"),
    "weka": _REPLAYABLE,
    "mooncake": _REPLAYABLE,
}
_INTEGERS: Final = frozenset(name for name in EXPORT_COLUMNS if name.endswith("_tokens") or name == "attempts")


def export_calls(trace: Trace, format_name: str, *, tz: tzinfo = UTC) -> bytes:
    """The calls as bytes of the format. Raises KeyError for an unknown format."""
    return b"".join(export_parts(trace, format_name, tz=tz))


def export_parts(trace: Trace, format_name: str, *, tz: tzinfo = UTC) -> Iterator[bytes]:
    """The same bytes bit by bit, so that of very many calls a few are in memory at a time."""
    return EXPORT_FORMATS[format_name](trace, tz)


def written_calls(trace: Trace, format_name: str) -> tuple[int, str]:
    """How many of the calls a file of this format holds, and what the others lack."""
    if format_name not in _PARTIAL:
        return len(trace), ""
    module, name, lacking = _PARTIAL[format_name]
    return getattr(importlib.import_module(module), name)(trace.held()), lacking


def _pieces(trace: Trace) -> Iterator[Trace]:
    """The calls in their order, so many at a time; what has none is one piece, too."""
    if len(trace) <= _PIECE_CALLS:
        yield trace.held()
        return
    for start in range(0, len(trace), _PIECE_CALLS):
        own = np.zeros(len(trace), dtype=np.bool_)
        own[start : start + _PIECE_CALLS] = True
        yield trace.select(own).held()


def records(trace: Trace, tz: tzinfo = UTC) -> Iterator[dict[str, Any]]:
    """One dict per call with the names of `latprof.schema.ApiCall`; instants as ISO texts."""
    for piece in _pieces(trace):
        columns = {name: piece.column(name).tolist() for name in EXPORT_COLUMNS if name != "flags"}
        for row, (flags, blocks) in enumerate(zip(piece.flags, piece.blocks, strict=True)):
            record = {name: _plain(name, columns[name][row], tz) for name in columns}
            record["flags"] = list(flags)
            record["blocks"] = [_block(block, tz) for block in blocks]
            yield record


def _plain(name: str, value: Any, tz: tzinfo) -> Any:
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if name.endswith("_at"):
            return format_instant(value, tz)
        return int(value) if name in _INTEGERS else round(value, _DIGITS)
    return value


def _block(block: Block, tz: tzinfo) -> dict[str, Any]:
    return {
        "type": block.type,
        "start_at": format_instant(block.start_at, tz),
        "end_at": format_instant(block.end_at, tz),
        "characters": block.characters,
        "tokens": block.tokens,
        "name": block.name,
        "result_at": format_instant(block.result_at, tz),
        "signature_characters": block.signature_characters,
    }


def _csv(trace: Trace, tz: tzinfo) -> Iterator[bytes]:
    for number, piece in enumerate(_pieces(trace)):
        yield _csv_rows(piece, tz, header=number == 0)


def _csv_rows(trace: Trace, tz: tzinfo, *, header: bool) -> bytes:
    frame = trace.to_frame()
    for name in EXPORT_COLUMNS:
        if name.endswith("_at"):
            frame[name] = [format_instant(_or_none(at), tz) for at in trace.column(name)]
        elif frame[name].dtype == object or str(frame[name].dtype).startswith(("str", "string")):
            frame[name] = [None if value is None else spreadsheet_safe(str(value)) for value in trace.column(name)]
        elif frame[name].dtype == float:
            frame[name] = frame[name].round(_DIGITS)
    return frame.to_csv(index=False, header=header, lineterminator="\n").encode("utf-8", "replace")


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _jsonl(trace: Trace, tz: tzinfo) -> Iterator[bytes]:
    import orjson

    lines = (orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records(trace, tz))
    while batch := b"".join(islice(lines, _LINES)):
        yield batch


def _parquet(trace: Trace, _: tzinfo) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    tables = map(_arrow_table, _pieces(trace))
    first = next(tables)
    with pq.ParquetWriter(sink, first.schema, compression="zstd") as writer:
        for table in chain([first], tables):
            writer.write_table(table)
    yield sink.getvalue().to_pybytes()


def _arrow_table(trace: Trace) -> pa.Table:
    import pyarrow as pa

    stamp = pa.timestamp("ms", tz="UTC")
    arrays: dict[str, pa.Array] = {}
    for name in EXPORT_COLUMNS:
        values = trace.column(name).tolist()
        if name.endswith("_at"):
            arrays[name] = pa.array([_millis(value) for value in values], pa.int64()).cast(stamp)
        elif name in _INTEGERS:
            arrays[name] = pa.array([None if math.isnan(v) else int(v) for v in values], pa.int64())
        elif name == "flags":
            arrays[name] = pa.array([list(flags) for flags in trace.flags], pa.list_(pa.string()))
        elif trace.column(name).dtype == object:
            arrays[name] = pa.array(values, pa.string())
        else:
            arrays[name] = pa.array([None if math.isnan(v) else round(v, _DIGITS) for v in values], pa.float64())
    block = pa.struct(
        [
            ("type", pa.string()), ("start_at", stamp), ("end_at", stamp), ("characters", pa.int64()),
            ("tokens", pa.int64()), ("name", pa.string()), ("result_at", stamp),
            ("signature_characters", pa.int64()),
        ]
    )  # fmt: skip
    rows = [[_arrow_block(item) for item in blocks] for blocks in trace.blocks]
    arrays["blocks"] = pa.array(rows, pa.list_(block))
    return pa.table(arrays)


def _arrow_block(block: Block) -> dict[str, Any]:
    record = {name: getattr(block, name) for name in Block.__slots__}
    return {name: _millis(value) if name.endswith("_at") else value for name, value in record.items()}


def _millis(value: float | None) -> int | None:
    return None if value is None or math.isnan(value) else round(value * 1000)


def _later(module: str, name: str) -> Callable[[Trace, tzinfo], Iterator[bytes]]:
    """A writer of its own module, which is loaded when it is used."""

    def write(trace: Trace, tz: tzinfo) -> Iterator[bytes]:
        yield getattr(importlib.import_module(f"latprof.report.{module}"), name)(trace.held(), tz)

    return write


EXPORT_FORMATS: Final[dict[str, Callable[[Trace, tzinfo], Iterator[bytes]]]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "perfetto": _later("perfetto", "perfetto"),
    "otlp": _later("otlp", "otlp"),
    "weka": _later("replay_traces", "weka"),
    "mooncake": _later("replay_traces", "mooncake"),
}
