"""Timelines for Perfetto and spans for OpenTelemetry: their schemas, and what is in them."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from latprof.formats import Source
from latprof.formats.otlp import FORMAT
from latprof.ingest import read_inputs
from latprof.model import Block, Call
from latprof.report import export_calls
from latprof.report.export import written_calls
from latprof.report.otlp import otlp
from latprof.report.perfetto import perfetto
from latprof.trace import EXPORT_COLUMNS, Trace
from made_calls import NOON, made, trace_of

ROOT = Path(__file__).resolve().parents[2]
Json = dict[str, Any]
# The Trace Event Format: the fields that its JSON has, for the two phases that are written.
PERFETTO: Json = {
    "type": "object",
    "required": ["traceEvents"],
    "properties": {
        "displayTimeUnit": {"enum": ["ms", "ns"]},
        "otherData": {"type": "object"},
        "traceEvents": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["ph", "pid", "tid", "ts", "name"],
                "properties": {
                    "pid": {"type": "integer"},
                    "tid": {"type": "integer"},
                    "ts": {"type": "integer", "minimum": 0},
                    "name": {"type": "string", "minLength": 1},
                    "args": {"type": "object"},
                },
                "oneOf": [
                    {
                        "required": ["dur", "cat"],
                        "properties": {
                            "ph": {"const": "X"},
                            "dur": {"type": "integer", "minimum": 0},
                            "cat": {"enum": ["budget", "agent", "call", "ttft", "decode", "model", "tool"]},
                        },
                    },
                    {
                        "required": ["args"],
                        "properties": {
                            "ph": {"const": "M"},
                            "name": {"enum": ["process_name", "thread_name", "thread_sort_index"]},
                        },
                    },
                ],
            },
        },
    },
}


@pytest.fixture(scope="module")
def fixtures() -> Trace:
    folders = [str(ROOT / "fixtures" / name) for name in ("claude-code", "codex")]
    return Trace.from_calls(read_inputs(folders).calls)


def events_of(trace: Trace) -> list[Json]:
    document = json.loads(perfetto(trace, UTC))
    jsonschema.validate(document, PERFETTO)
    found: list[Json] = document["traceEvents"]
    return found


def session() -> Trace:
    """A call that starts a sub-agent and a search at once, the sub-agent's call, and the next call."""
    tools = (
        Block("tool_use", end_at=NOON + 4, name="Agent", result_at=NOON + 20),
        Block("tool_use", end_at=NOON + 4, name="Grep", result_at=NOON + 5),
    )
    child = made(2, at=NOON + 6, trigger="subagent", trigger_at=NOON + 6, agent_id="a1", flags=("sidechain",))
    last = made(3, at=NOON + 20.5, trigger="tool_result", trigger_at=NOON + 20, first_output_at=None,
                first_output_source=None)  # fmt: skip
    return trace_of(made(1, blocks=tools), child, last)


def test_a_timeline_obeys_its_schema_and_lanes_nest(fixtures: Trace) -> None:
    """In one lane slices lie inside each other or apart, else a viewer shows them wrongly."""
    lanes: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for event in events_of(fixtures):
        if event["ph"] == "X":
            span = event["ts"], event["ts"] + event["dur"]
            lanes.setdefault((event["pid"], event["tid"]), []).append(span)
    assert len(lanes) > 30
    for spans in lanes.values():
        open_until: list[int] = []
        for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
            while open_until and open_until[-1] <= start:
                open_until.pop()
            assert not open_until or end <= open_until[-1], (start, end, open_until)
            open_until.append(end)


def test_each_agent_has_a_lane_with_first_token_and_decoding() -> None:
    """Microseconds since the first instant, which is the trigger 0.5 s before the first call."""
    events = events_of(session())
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    lanes = {name: key for key, name in names.items()}
    assert list(lanes) == [
        "where the time went", "main agent", "main agent: tools", "main agent: tools 2", "sub-agent a1",
    ]  # fmt: skip

    def slices(lane: str) -> list[tuple[str, int, int]]:
        mine = [e for e in events if e["ph"] == "X" and (e["pid"], e["tid"]) == lanes[lane]]
        return [(e["name"], e["ts"], e["dur"]) for e in mine]

    second = 1_000_000
    assert slices("main agent") == [
        ("model-a", second // 2, 4 * second),
        ("first token", second // 2, second),
        ("decode", 3 * second // 2, 3 * second),
        ("model-a", 21 * second, 4 * second),
        ("first token and decoding, not told apart", 21 * second, 4 * second),
    ]
    tools = sorted(slices("main agent: tools") + slices("main agent: tools 2"))
    assert tools == [("Agent", 9 * second // 2, 16 * second), ("Grep", 9 * second // 2, second)]
    assert slices("sub-agent a1")[:2] == [
        ("sub-agent a1", 13 * second // 2, 4 * second),
        ("model-a", 13 * second // 2, 4 * second),
    ]


def test_the_budget_lane_holds_every_instant_once() -> None:
    """From the first trigger to the end of the last call: 25 s."""
    budget = [event for event in events_of(session()) if event.get("cat") == "budget"]
    assert sum(event["dur"] for event in budget) == 25_000_000
    assert all(one["ts"] + one["dur"] == other["ts"] for one, other in pairwise(budget))


def test_instants_of_calls_without_a_date_do_not_leave() -> None:
    """A timeline counts from zero anyway; spans need a date."""
    trace = trace_of(made(1, at=5.0, flags=("no_date",)))
    assert json.loads(perfetto(trace, UTC))["otherData"]["start_at"] is None
    assert json.loads(otlp(trace, UTC)) == {"resourceSpans": []}


def proto(data: bytes) -> Any:
    """The request as OpenTelemetry's own message; ids are hex in OTLP/JSON and base64 in Protobuf's JSON."""
    json_format = pytest.importorskip("google.protobuf.json_format")
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    document = json.loads(data)
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for key in ("traceId", "spanId", "parentSpanId"):
                    if key in span:
                        span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    return json_format.ParseDict(document, service.ExportTraceServiceRequest())


def test_spans_are_what_opentelemetry_reads(fixtures: Trace) -> None:
    """Every field is one of the protocol's; ids have their sizes; parents are there; no span ends before it starts."""
    request = proto(otlp(fixtures, UTC))
    spans = [span for part in request.resource_spans for scope in part.scope_spans for span in scope.spans]
    ids = {(span.trace_id, span.span_id) for span in spans}
    assert len(ids) == len(spans) > 400
    for span in spans:
        assert (len(span.trace_id), len(span.span_id)) == (16, 8)
        assert not span.parent_span_id or (span.trace_id, span.parent_span_id) in ids
        assert span.start_time_unix_nano <= span.end_time_unix_nano
        operation = next(a.value.string_value for a in span.attributes if a.key == "gen_ai.operation.name")
        assert span.name.startswith(operation)


def attributes(span: Json) -> Json:
    return {item["key"]: next(iter(item["value"].values())) for item in span["attributes"]}


def test_a_call_carries_the_attributes_of_the_conventions() -> None:
    """Seconds to the first chunk only where the log states them."""
    (part,) = json.loads(otlp(session(), UTC))["resourceSpans"]
    assert {"key": "service.name", "value": {"stringValue": "claude-code"}} in part["resource"]["attributes"]
    spans = part["scopeSpans"][0]["spans"]
    calls = [attributes(span) for span in spans if span["name"].startswith("chat ")]
    waits = {call["request_id"]: call.get("gen_ai.response.time_to_first_chunk") for call in calls}
    assert waits == {"r1": 1.0, "r2": 1.0, "r3": None}
    assert calls[0]["gen_ai.usage.input_tokens"] == "1000"
    assert calls[0]["gen_ai.usage.cache_read.input_tokens"] == "800"
    assert calls[0]["gen_ai.conversation.id"] == "s1"
    assert sorted(span["name"] for span in spans if "tool" in span["name"]) == [
        "execute_tool Agent",
        "execute_tool Grep",
    ]
    agents = [span for span in spans if span["name"].startswith("invoke_agent")]
    assert [span.get("parentSpanId") for span in agents] == [None, agents[0]["spanId"]]


def test_what_is_exported_as_spans_reads_back_the_same(fixtures: Trace) -> None:
    """Every exported column of every call with a send time and an end, kinds and sources included."""
    source = Source.from_bytes(otlp(fixtures, UTC), "x.json")
    calls = list(FORMAT.read(source))
    assert all(isinstance(call, Call) for call in calls)
    back = Trace.from_calls([call for call in calls if isinstance(call, Call)])
    rows = {call_id: row for row, call_id in enumerate(fixtures.texts["call_id"])}
    assert len(back) == len(fixtures)
    for name in EXPORT_COLUMNS:
        before, after = fixtures.column(name), back.column(name)
        for row, call_id in enumerate(back.texts["call_id"]):
            one, other = before[rows[call_id]], after[row]
            if isinstance(one, float):
                assert (math.isnan(one) and math.isnan(other)) or other == pytest.approx(one, rel=1e-4, abs=1e-3), name
            else:
                assert one == other, (name, call_id)


def test_an_export_is_the_same_every_time_and_holds_no_text(fixtures: Trace) -> None:
    """Ids are hashes; the masked words of the logs (xxx) appear nowhere."""
    for name in ("perfetto", "otlp"):
        data = export_calls(fixtures, name)
        assert data == export_calls(fixtures, name)
        assert b"xxxx" not in data


def test_the_count_of_written_calls_is_what_the_file_holds() -> None:
    """Of four calls one has no date beside a dated one, one has none in a session of its own, one has no end."""
    calls = (
        made(1),
        made(2, at=5.0, flags=("no_date",)),
        made(3, at=5.0, flags=("no_date",), session_id="s2"),
        made(4, last_output_at=None, last_output_source=None, blocks=()),
    )
    trace = trace_of(*calls)
    spans = json.loads(otlp(trace, UTC))["resourceSpans"]
    names = [span["name"] for part in spans for span in part["scopeSpans"][0]["spans"]]
    assert names.count("chat model-a") == 1
    events = json.loads(perfetto(trace, UTC))["traceEvents"]
    assert sum(event.get("cat") == "call" for event in events) == 2
    lacking = "a date, a send time or an end"
    assert written_calls(trace, "otlp") == (1, lacking)
    assert written_calls(trace, "perfetto") == (2, lacking)
    assert written_calls(trace, "jsonl") == (4, "")
