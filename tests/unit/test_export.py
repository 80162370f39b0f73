"""Rows of calls as CSV, JSON Lines and Parquet."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow.parquet as pq
import pytest

from claude_code_lines import Log, text, thinking, usage
from latprof.ingest import read_inputs
from latprof.model import Block, Call
from latprof.report.export import export_calls, export_parts, records
from latprof.schema import ApiCall
from latprof.trace import EXPORT_COLUMNS, Trace
from made_calls import NOON, made, trace_of

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
BARE = Call(agent="claude-code", session_id="s", attempts=None)
FULL = made(
    1,
    at=NOON + 0.123,
    agent_version="2.1.329",
    agent_id="a1",
    provider="anthropic",
    requested_model="model-a",
    project="/home/dev/shop",
    host="mac1",
    engineer="ana",
    effort="high",
    speed_mode="fast",
    reasoning_tokens=40,
    stop_reason="tool_use",
    flags=("sidechain", "fast"),
    blocks=(
        Block("thinking", NOON + 2, NOON + 1, None, 40, None, None, 900),
        Block("tool_use", NOON + 4, None, 17, None, "Bash", NOON + 6.789, None),
    ),
)


# The formats with one row per call; those for other tools leave out calls that these cannot take.
ROWS = ("csv", "jsonl", "parquet")


@pytest.fixture(scope="module")
def real() -> Trace:
    """All calls of all fixtures."""
    return Trace.from_calls(read_inputs([str(FIXTURES)]).calls)


def csv_rows(trace: Trace, **options: Any) -> list[dict[str, str]]:
    data = export_calls(trace, "csv", **options).decode()
    return list(csv.DictReader(io.StringIO(data, newline="")))


def json_rows(trace: Trace, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export_calls(trace, "jsonl", **options).splitlines()]


def parquet_rows(trace: Trace) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(export_calls(trace, "parquet"))).to_pylist()
    return rows


def test_all_exports_and_the_schema_have_the_same_columns_in_the_same_order() -> None:
    """CSV has no blocks; else nothing differs. An empty trace has the columns too."""
    for trace in (trace_of(FULL), trace_of()):
        header = export_calls(trace, "csv").decode().splitlines()[0].split(",")
        parquet = pq.read_table(io.BytesIO(export_calls(trace, "parquet"))).column_names
        assert header == list(EXPORT_COLUMNS) == list(trace.to_frame().columns)
        assert parquet == [*EXPORT_COLUMNS, "blocks"] == list(ApiCall.model_fields)
    assert list(json_rows(trace_of(FULL))[0]) == [*EXPORT_COLUMNS, "blocks"]


def test_every_format_has_one_row_per_call_in_the_same_order(real: Trace) -> None:
    """By id."""
    ids = [str(name) for name in real.texts["call_id"]]
    assert len(ids) > 100
    for rows in (csv_rows(real), json_rows(real), parquet_rows(real)):
        assert [row["call_id"] for row in rows] == ids


def test_json_lines_obey_the_schema(real: Trace) -> None:
    """Real calls, a full one and one of which nearly nothing is known."""
    for row in [*json_rows(real), *json_rows(trace_of(FULL, BARE))]:
        call = ApiCall.model_validate_json(json.dumps(row))
        assert call.call_id == row["call_id"]


def test_a_line_without_a_session_still_obeys_the_schema() -> None:
    """The schema promises a text for `session_id`."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", text())
    for line in log.lines:
        line["sessionId"] = None
    for row in json_rows(Trace.from_calls(log.calls())):
        assert isinstance(ApiCall.model_validate(row).session_id, str)


def test_a_full_call_is_written_whole() -> None:
    """Every field with its value; instants as ISO texts with zone; flags and blocks as lists."""
    (row,) = json_rows(trace_of(FULL))
    assert row == {
        "agent": "claude-code", "agent_version": "2.1.329", "session_id": "s1", "agent_id": "a1",
        "call_id": "claude-code/m1/r1", "message_id": "m1", "request_id": "r1", "project": "/home/dev/shop",
        "host": "mac1", "engineer": "ana", "provider": "anthropic", "model": "model-a", "requested_model": "model-a",
        "effort": "high",
        "speed_mode": "fast", "trigger": "user", "trigger_at": "2026-03-02T11:59:59.623+00:00",
        "sent_at": "2026-03-02T12:00:00.123+00:00", "sent_source": "api_request_line",
        "first_output_at": "2026-03-02T12:00:01.123+00:00", "first_output_source": "block_start",
        "last_output_at": "2026-03-02T12:00:04.123+00:00", "last_output_source": "last_block_end",
        "headers_at": None, "load": None, "ttft_s": 1.0,
        "ttft_kind": "exact", "ttft_low_s": None, "ttft_high_s": None,
        "first_block_s": 1.877, "wall_s": 4.0, "wall_kind": "exact", "wall_tps": 22.75,
        "decode_tps": 30.0, "decode_kind": "exact", "decode_low_tps": None, "decode_high_tps": None,
        "output_tokens": 91, "output_tokens_kind": "final",
        "output_tokens_source": "stop_reason", "input_tokens": 1000, "cache_read_tokens": 800,
        "cache_write_tokens": 150, "reasoning_tokens": 40, "tool_s": 2.789, "attempts": 1, "stop_reason": "tool_use",
        "flags": ["sidechain", "fast"],
        "blocks": [
            {
                "type": "thinking", "start_at": "2026-03-02T12:00:01.000+00:00",
                "end_at": "2026-03-02T12:00:02.000+00:00", "characters": None, "tokens": 40, "name": None,
                "result_at": None, "signature_characters": 900,
            },
            {
                "type": "tool_use", "start_at": None, "end_at": "2026-03-02T12:00:04.000+00:00", "characters": 17,
                "tokens": None, "name": "Bash", "result_at": "2026-03-02T12:00:06.789+00:00",
                "signature_characters": None,
            },
        ],
    }  # fmt: skip


def test_unknown_is_null_or_an_empty_cell_and_never_zero() -> None:
    """In all three formats."""
    unknown = set(EXPORT_COLUMNS) - {"agent", "session_id", "call_id", "trigger", "output_tokens_kind", "flags"}
    (line,), (row,), (record,) = json_rows(trace_of(BARE)), csv_rows(trace_of(BARE)), parquet_rows(trace_of(BARE))
    assert {name for name, value in line.items() if value is None} == unknown
    assert {name for name, value in row.items() if value == ""} == unknown | {"flags"}
    assert {name for name, value in record.items() if value is None} == unknown
    assert (line["flags"], line["blocks"], record["flags"], record["blocks"]) == ([], [], [], [])


def test_zero_is_written_as_zero() -> None:
    """Nothing read from the cache is known."""
    trace = trace_of(made(cache_read_tokens=0))
    assert csv_rows(trace)[0]["cache_read_tokens"] == "0"
    assert json_rows(trace)[0]["cache_read_tokens"] == parquet_rows(trace)[0]["cache_read_tokens"] == 0


def _plain(value: Any) -> Any:
    """A value read from Parquet as JSON has it."""
    if isinstance(value, datetime):
        assert value.utcoffset() == datetime.now(UTC).utcoffset()
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def test_parquet_read_back_equals_the_json_lines(real: Trace) -> None:
    """Every value of every call, blocks too."""
    for trace in (real, trace_of(FULL, BARE)):
        assert [_plain(row) for row in parquet_rows(trace)] == json_rows(trace)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    return " ".join(value) if name == "flags" else str(value)


def test_csv_read_back_equals_the_json_lines(real: Trace) -> None:
    """Numbers to the same digits, instants as the same texts."""
    for line, row in zip(json_rows(real), csv_rows(real), strict=True):
        for name in EXPORT_COLUMNS:
            if isinstance(line[name], float):
                assert float(row[name]) == line[name], name
            else:
                assert row[name] == _cell(name, line[name]), name


def test_pandas_reads_the_csv_without_help(real: Trace) -> None:
    """Times are times, durations are numbers: the sum is that of the trace."""
    frame = pd.read_csv(io.BytesIO(export_calls(real, "csv")), parse_dates=["sent_at"])
    assert len(frame) == len(real)
    assert str(frame["sent_at"].dt.tz) == "UTC"
    walls = [value for value in real.column("wall_s").tolist() if not math.isnan(value)]
    assert frame["wall_s"].sum() == pytest.approx(sum(walls))


def test_instants_carry_the_zone_that_was_asked_for() -> None:
    """Other text, same instant; Parquet always stores UTC."""
    tokyo = ZoneInfo("Asia/Tokyo")
    assert csv_rows(trace_of(FULL), tz=tokyo)[0]["sent_at"] == "2026-03-02T21:00:00.123+09:00"
    line = json_rows(trace_of(FULL), tz=tokyo)[0]
    assert line["sent_at"] == "2026-03-02T21:00:00.123+09:00"
    assert line["blocks"][0]["end_at"] == "2026-03-02T21:00:02.000+09:00"
    assert export_calls(trace_of(FULL), "parquet", tz=tokyo) == export_calls(trace_of(FULL), "parquet")


DANGEROUS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", '=HYPERLINK("http://x")']


@pytest.mark.parametrize("name", DANGEROUS)
@pytest.mark.parametrize(
    "field", ["model", "project", "agent_version", "session_id", "message_id", "stop_reason", "effort"]
)
def test_no_cell_of_the_csv_is_a_formula(field: str, name: str) -> None:
    """Whatever stands in the log; the name stays readable."""
    named: dict[str, Any] = {field: name}
    data = export_calls(trace_of(made(**named)), "csv").decode()
    (row,) = csv.DictReader(io.StringIO(data, newline=""))
    for cell in row.values():
        assert cell.lstrip(" \t\r\n")[:1] not in {"=", "+", "-", "@"}
    assert name.strip().lstrip("=+-@") in row[field]
    assert len(data.splitlines()) == 2


@pytest.mark.parametrize("name", ["a,b", 'say "hi"', "two\nlines", "semi;colon", "Ünï©ødé 模型", "a\x00b", "x" * 5000])
def test_names_with_special_signs_survive_every_export(name: str) -> None:
    """JSON and Parquet keep them as they are; in CSV control characters become marks."""
    trace = trace_of(made(model=name))
    assert json_rows(trace)[0]["model"] == parquet_rows(trace)[0]["model"] == name
    assert csv_rows(trace)[0]["model"] == name.replace("\n", "\ufffd").replace("\x00", "\ufffd")


def test_harmless_names_are_not_changed_in_csv() -> None:
    """An apostrophe only where it is needed."""
    assert csv_rows(trace_of(made(model="a-b=c@d+e")))[0]["model"] == "a-b=c@d+e"


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("tokens", [2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 10**30])
def test_absurd_counts_in_a_log_do_not_stop_an_export(name: str, tokens: int) -> None:
    """A damaged number is that call's affair; the other calls must come out."""
    log = Log()
    log.prompt(0)
    log.answer(3, "msg_a", text(), tokens=usage(tokens))
    log.prompt(10)
    log.answer(13, "msg_b", text())
    data = export_calls(Trace.from_calls(log.calls()), name)
    assert b"msg_b" in data


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("milliseconds", [1e12, 1e15, 1e300])
def test_absurd_durations_in_a_log_do_not_stop_an_export(name: str, milliseconds: float) -> None:
    """A block that began before the calendar did has no known start."""
    log = Log(version="2.1.329")
    log.prompt(0)
    log.answer(3, "msg_a", thinking(), apiBlockIndex=0, thinkingDurationMs=milliseconds)
    calls = log.calls()
    assert b"msg_a" in export_calls(Trace.from_calls(calls), name)


@pytest.mark.parametrize("name", ROWS)
def test_an_absurd_wait_before_a_retry_does_not_stop_an_export(name: str) -> None:
    """`retryInMs` beyond all time, before a line without a stamp."""
    log = Log()
    log.prompt(0)
    log.add("system", 1, subtype="api_error", retryInMs=1e300)
    log.answer(None, "msg_a", text())  # type: ignore[arg-type]
    assert b"msg_a" in export_calls(Trace.from_calls(log.calls()), name)


def test_an_unknown_format_is_a_key_error() -> None:
    """For users of the library; the command line says it in words."""
    with pytest.raises(KeyError, match="xml"):
        export_calls(trace_of(made()), "xml")


def test_records_are_the_json_lines(real: Trace) -> None:
    """The same dicts, for use without a file."""
    assert list(records(real)) == json_rows(real)


@pytest.mark.parametrize("name", ROWS)
def test_many_calls_are_written_piece_by_piece_and_read_as_one(
    real: Trace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The rows and their order do not depend on the pieces; a piece bears no heading of its own."""
    read = {"csv": csv_rows, "jsonl": json_rows, "parquet": parquet_rows}[name]
    whole = read(real)
    monkeypatch.setattr("latprof.report.export._PIECE_CALLS", 7)
    monkeypatch.setattr("latprof.report.export._LINES", 3)
    assert len(real) > 7 * 2
    assert read(real) == whole
    assert len(whole) == len(real)


def test_parts_are_the_whole(real: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes, in more than one part where there are more calls than fit one."""
    monkeypatch.setattr("latprof.report.export._PIECE_CALLS", 7)
    parts = list(export_parts(real, "csv"))
    assert len(parts) == -(-len(real) // 7)
    assert b"".join(parts) == export_calls(real, "csv")
