"""What becomes of a call that several sources tell: the better of each fact, with its source."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from latprof.ingest.join import Joined, join
from latprof.ingest.match import Record
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


def join_all(*calls: Call) -> Joined:
    """The calls as the records of so many sources."""
    return join(Record(f"source-{number}", call) for number, call in enumerate(calls))


def only(*calls: Call) -> Call:
    (call,) = join_all(*calls).calls
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
    records = [Record("log", line()), Record("span", span()), Record("event", event)]
    results = {repr(join(order).calls) for order in permutations(records)}
    assert len(results) == 1
    assert join(records).taken_in == 2


@pytest.mark.parametrize("ids", [("r1", "r2"), (None, "r1"), (None, None)])
def test_calls_that_no_key_joins_stay_apart(ids: tuple[str | None, str | None]) -> None:
    """Without a common id, a minute apart."""
    later = {"sent_at": NOON + 60, "first_output_at": NOON + 61, "last_output_at": NOON + 64}
    assert len(join_all(line(request_id=ids[0]), span(request_id=ids[1], **later)).calls) == 2


def test_flags_about_stamps_do_not_spread() -> None:
    """Whole seconds of one record say nothing about the other's."""
    assert only(line(), span(flags=("whole_seconds", "server_side"))).flags == ()


def test_a_record_without_an_end_can_still_help() -> None:
    """A request line of telemetry that only knows when it was sent."""
    call = only(line(), span(last_output_at=None, last_output_source=None, blocks=()))
    assert call.sent_source == "otel_attempt"
    assert call.blocks == (Block("thinking", start_at=NOON + 1, end_at=NOON + 2), Block("text", end_at=NOON + 4))


def test_any_stamp_is_better_than_whole_seconds() -> None:
    """A log of whole seconds beside a gateway's milliseconds: nothing of the seconds is left, the flag neither."""
    coarse = line(flags=("whole_seconds",), first_output_at=None, sent_source="request_log", last_output_at=NOON + 4)
    fine = span(sent_source="gateway_start", sent_at=NOON + 0.3, last_output_source="record_written")
    call = only(coarse, fine)
    assert (call.sent_source, call.last_output_source, call.flags) == ("gateway_start", "record_written", ())


def test_flags_of_stamps_come_with_the_stamps() -> None:
    """A first chunk from a gateway that hands on several tokens at a time."""
    assert only(line(), span(flags=("batched_chunks",))).flags == ("batched_chunks",)
    complete = made(sent_source="otel_attempt", first_output_source="otel_first_content")
    assert only(complete, span(flags=("batched_chunks",))).flags == ()


def test_a_record_without_a_date_lends_no_times() -> None:
    """Its zero is arbitrary."""
    undated = span(sent_at=0.0, first_output_at=0.8, last_output_at=4.05, flags=("no_date",), effort="high")
    call = only(line(), undated)
    assert (call.sent_at, call.last_output_at, call.effort, call.flags) == (NOON - 0.1, NOON + 4, "high", ())


def test_the_trigger_of_another_clock_is_not_taken() -> None:
    """The log has no trigger line; the gateway's clock is an hour ahead."""
    ahead = span(
        trigger_at=NOON + 3599, headers_at=NOON + 3600.2, sent_at=NOON + 3600, last_output_at=NOON + 3604,
        first_output_at=None, first_output_source=None, sent_source="gateway_start",
    )  # fmt: skip
    call = only(line(trigger_at=None, sent_source="api_request_line"), ahead)
    assert (call.trigger_at, call.headers_at) == (None, None)


def test_blocks_are_completed_from_records_that_show_the_same_ones() -> None:
    """Starts of a capture, results of a log; blocks of other kinds are left alone."""
    log = (Block("text", end_at=NOON + 2), Block("tool_use", end_at=NOON + 4, name="Bash", result_at=NOON + 9))
    capture = (
        Block("text", start_at=NOON + 1, end_at=NOON + 2),
        Block("tool_use", start_at=NOON + 2, end_at=NOON + 4, name="Bash"),
    )
    both = only(line(blocks=log), line(blocks=capture)).blocks
    assert [(block.start_at, block.end_at, block.result_at) for block in both] == [
        (NOON + 1, NOON + 2, None),
        (NOON + 2, NOON + 4, NOON + 9),
    ]
    assert only(line(blocks=log), line(blocks=(Block("other", end_at=NOON + 4),))).blocks == log


def test_reasoning_tokens_come_with_the_count_that_they_are_part_of() -> None:
    """An interrupted call has no count, so no part of it."""
    assert only(line(), span(reasoning_tokens=40)).reasoning_tokens == 40
    assert only(line(), span(output_tokens=50, reasoning_tokens=40)).reasoning_tokens is None
    cut = line(output_tokens=None, output_tokens_source=None, flags=("interrupted",))
    assert only(cut, span(reasoning_tokens=40)).reasoning_tokens is None


def test_a_gateways_row_is_a_call_of_the_agent() -> None:
    """LiteLLM goes by the id of the response and does not know the session."""
    message = "msg_01HQoKsZL395kwZVhc24ncsL"
    log = line(message_id=message, request_id="req_011CXraEX8jNi15VRMpTHYL3", blocks=())
    row = span(
        agent="litellm", session_id="trace-1", message_id=message, request_id=message, trigger="user",
        sent_source="gateway_start", first_output_source="first_chunk", effort="low",
    )  # fmt: skip
    call = only(row, log)
    assert (call.agent, call.session_id, call.request_id) == ("claude-code", "s1", "req_011CXraEX8jNi15VRMpTHYL3")
    assert (call.first_output_source, call.sent_source, call.effort) == ("first_chunk", "gateway_start", "low")


def test_calls_of_one_run_stay_in_one_session() -> None:
    """The source with more of the session names it, also for calls that the other shows better."""
    store = [
        made(n, at=NOON + 60 * n, request_id=None, session_id="store", blocks=(), output_tokens=100 + n)
        for n in range(4)
    ]
    printed = [
        replace(call, session_id="run", message_id=None, blocks=(Block("text", end_at=call.last_output_at),))
        for call in store[1:]
    ]
    both = join([*(Record("store", call) for call in store), *(Record("printed", call) for call in printed)])
    assert [call.session_id for call in both.calls] == ["store"] * 4
