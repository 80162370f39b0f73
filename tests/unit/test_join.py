"""A session line and a telemetry span of the same request become one call."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from latprof.ingest.join import join
from latprof.model import Block, Call
from made_calls import NOON, made


def line(**fields: object) -> Call:
    """A transcript's record: blocks, a trigger, an early send time, no first token."""
    plain = made(first_output_at=None, first_output_source=None, sent_at=NOON - 0.1, sent_source="trigger_line")
    return replace(plain, **fields)  # type: ignore[arg-type]


def span(**fields: object) -> Call:
    """A telemetry record: exact times, no blocks, no trigger."""
    plain = made(
        message_id=None, trigger="unknown", trigger_at=None, blocks=(), sent_source="otel_attempt",
        first_output_at=NOON + 0.8, first_output_source="otel_first_content", last_output_at=NOON + 4.05,
        last_output_source="span_end",
    )  # fmt: skip
    return replace(plain, **fields)  # type: ignore[arg-type]


def only(*calls: Call) -> Call:
    (call,) = join(calls).calls
    return call


def test_each_instant_is_the_one_that_was_seen_best() -> None:
    """Sent and first token from the span, the end from the transcript, with their sources."""
    call = only(line(), span())
    assert (call.sent_at, call.sent_source) == (NOON, "otel_attempt")
    assert (call.first_output_at, call.first_output_source) == (NOON + 0.8, "otel_first_content")
    assert (call.last_output_at, call.last_output_source) == (NOON + 4, "last_block_end")


def test_what_only_one_of_them_knows_is_kept() -> None:
    """Trigger and blocks of the line; tokens, effort and attempts of the span."""
    one = line(output_tokens=None, output_tokens_source=None, attempts=1)
    call = only(one, span(effort="high", attempts=3, flags=("retried",), output_tokens_source="usage"))
    assert (call.trigger, len(call.blocks), call.message_id) == ("user", 2, "m1")
    assert (call.output_tokens, call.output_tokens_source) == (91, "usage")
    assert (call.effort, call.attempts, call.flags) == ("high", 3, ("retried",))


def test_the_tokens_of_an_interrupted_call_stay_unknown() -> None:
    """A span's count of a response that was cut is a placeholder."""
    cut = line(output_tokens=None, output_tokens_source=None, flags=("interrupted",))
    assert only(cut, span()).output_tokens is None


def test_another_clock_is_never_mixed_in() -> None:
    """A gateway an hour ahead: its instants come all or not at all."""
    ahead = {
        name: at + 3600
        for name, at in {"sent_at": NOON, "first_output_at": NOON + 0.8, "last_output_at": NOON + 4.05}.items()
    }
    call = only(line(), span(**ahead))
    assert call.sent_at == NOON + 3600
    assert call.last_output_at == NOON + 3604.05
    assert call.first_output_at == NOON + 3600.8
    assert call.blocks == ()
    worse = only(
        line(first_output_at=NOON + 1, first_output_source="block_start"),
        span(**ahead, first_output_source="first_shown"),
    )
    assert (worse.sent_at, worse.last_output_at) == (NOON - 0.1, NOON + 4)


def test_the_order_of_the_records_does_not_matter() -> None:
    """Any order of a line, a span and a log event gives the same call."""
    event = span(first_output_at=None, first_output_source=None, sent_source="duration", effort="low")
    results = {repr(only(*order)) for order in permutations([line(), span(), event])}
    assert len(results) == 1
    assert join([line(), span(), event]).taken_in == 2


@pytest.mark.parametrize("ids", [("r1", "r2"), (None, "r1"), (None, None)])
def test_calls_without_a_common_request_id_stay_apart(ids: tuple[str | None, str | None]) -> None:
    """Nothing but the id joins."""
    assert len(join([line(request_id=ids[0]), span(request_id=ids[1])]).calls) == 2


def test_flags_about_stamps_do_not_spread() -> None:
    """Whole seconds of one record say nothing about the other's."""
    assert only(line(), span(flags=("whole_seconds", "server_side"))).flags == ()


def test_a_record_without_an_end_can_still_help() -> None:
    """A request line of telemetry that only knows when it was sent."""
    call = only(line(), span(last_output_at=None, last_output_source=None, blocks=()))
    assert call.sent_source == "otel_attempt"
    assert call.blocks == (Block("thinking", start_at=NOON + 1, end_at=NOON + 2), Block("text", end_at=NOON + 4))
