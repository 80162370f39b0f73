"""Calls of every kind, for tests that hold for any of them."""

from __future__ import annotations

import math

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from latprof.ingest.chunk import Chunk
from latprof.model import BLOCK_TYPES, FLAGS, TRIGGERS, Block, Call, Problem
from latprof.trace import Columns

__all__ = ["alike", "calls", "chunk_of", "files", "known_texts", "many", "problems"]

ODD_TEXTS = ("", " ", "é", "模型", "\x00", "a\udc80b", "🙂", "None")
texts = st.none() | st.sampled_from(ODD_TEXTS) | st.text(max_size=6)
known_texts = st.sampled_from(ODD_TEXTS) | st.text(max_size=6)
moments = st.none() | st.floats(-1e10, 1e10)
odd_floats = moments | st.sampled_from((0.0, -0.0, math.nan, math.inf, -math.inf))
counts = st.none() | st.integers(0, 2**53) | st.sampled_from((0, 2**24, 2**24 + 1))
flags = st.lists(st.sampled_from(sorted(FLAGS)), unique=True, max_size=4).map(tuple)
blocks = st.builds(
    Block,
    type=st.sampled_from(BLOCK_TYPES),
    end_at=moments,
    start_at=odd_floats,
    characters=counts,
    tokens=counts,
    name=texts,
    result_at=odd_floats,
    signature_characters=counts,
)
calls = st.builds(
    Call,
    agent=known_texts,
    session_id=known_texts,
    told_by=known_texts,
    flags=flags,
    blocks=st.lists(blocks, max_size=3).map(tuple),
    trigger=st.sampled_from(TRIGGERS),
    **dict.fromkeys(("sent_at", "last_output_at"), moments),
    **dict.fromkeys(("trigger_at", "headers_at", "first_output_at", "tool_s"), odd_floats),
    **dict.fromkeys(
        (
            "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "attempts",
        ),
        counts,
    ),
    **dict.fromkeys(
        (
            "message_id", "request_id", "agent_version", "agent_id", "provider", "model", "requested_model", "project",
            "host", "engineer", "effort", "speed_mode", "sent_source", "first_output_source", "last_output_source",
            "output_tokens_source", "load", "stop_reason", "stated_id",
        ),
        texts,
    ),
)  # fmt: skip
problems = st.builds(Problem, known_texts, known_texts, st.none() | st.integers(0, 10**9), known_texts)

# Few ids, sessions, ends and counts, so that records are copies of each other, tell of one call, or nearly do.
LONG_IDS = ("req_011CabcdefghIJKL", "req_011CmnopqrstUVWX", "msg_013AyzABCDefghij")
alike = st.builds(
    Call,
    agent=st.sampled_from(("claude-code", "litellm")),
    session_id=st.sampled_from(("", "s1", "s2", "s3")),
    message_id=st.sampled_from((None, "m1", "m2", LONG_IDS[2])),
    request_id=st.sampled_from((None, "r1", *LONG_IDS)),
    model=st.sampled_from((None, "one")),
    host=st.sampled_from((None, "mac1", "mac2")),
    engineer=st.sampled_from((None, "ana", "bo")),
    sent_at=st.sampled_from((None, 99.0, 100.0)),
    sent_source=st.sampled_from((None, "span_start", "trigger_line")),
    last_output_at=st.sampled_from((None, 103.0, 103.02, 103.5, 104.25)),
    input_tokens=st.sampled_from((None, 10, 20)),
    output_tokens=st.sampled_from((None, 5)),
    flags=st.sampled_from(((), ("embedded",), ("no_date",), ("interrupted", "whole_seconds"))),
    blocks=st.sampled_from(((), (Block("text", end_at=102.5),), (Block("text", end_at=102.5, result_at=103.0),))),
    stated_id=st.sampled_from((None, None, "claude-code/m1/r1")),
    told_by=st.sampled_from(("", "span", "event")),
    trigger=st.sampled_from(("user", "unknown", "synthetic")),
)
readers = st.sampled_from(("claude-code", "otlp", "litellm"))
files = st.lists(st.tuples(readers, st.lists(alike, max_size=5)), max_size=6)
many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def chunk_of(reader: str, items: list[Call], place: int = 0) -> Chunk:
    return Chunk(f"{place}.jsonl", "log", Columns.of(items, reader), [Problem("bad_line", f"{place}.jsonl")], reader)
