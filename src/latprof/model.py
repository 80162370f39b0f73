"""The plain types that every layer shares: a call, its blocks, a problem met while reading.

Times are float seconds since 1970 (UTC) as the log's machine saw them; durations are float
seconds; a value that is not known is None, never 0.
"""

from __future__ import annotations

from dataclasses import field
from typing import Final, Literal, NamedTuple

from latprof.classes import dataclass

__all__ = [
    "BLOCK_TYPES",
    "FIRST_OUTPUT_SOURCES",
    "FLAGS",
    "KINDS",
    "LAST_OUTPUT_SOURCES",
    "LONG_GAP_S",
    "NO_DURATION_FLAGS",
    "NO_RATE_FLAGS",
    "OUTPUT_TOKENS_SOURCES",
    "PROBLEMS",
    "SENT_SOURCES",
    "TRIGGERS",
    "Block",
    "BlockType",
    "Call",
    "Kind",
    "Problem",
    "Side",
    "Sighting",
    "Trigger",
]

Trigger = Literal["user", "tool_result", "subagent", "compaction", "notification", "retry", "synthetic", "unknown"]
TRIGGERS: Final[tuple[Trigger, ...]] = (
    "user", "tool_result", "subagent", "compaction", "notification", "retry", "synthetic", "unknown",
)  # fmt: skip

Kind = Literal["exact", "bound", "estimate", "as_logged"]
KINDS: Final[tuple[Kind, ...]] = ("exact", "bound", "estimate", "as_logged")

BlockType = Literal["thinking", "text", "tool_use", "other"]
BLOCK_TYPES: Final[tuple[BlockType, ...]] = ("thinking", "text", "tool_use", "other")

Side = Literal["exact", "early", "late"]


class Sighting(NamedTuple):
    """How an instant was observed: on which side of the true one it lies, and what it is.

    'exact' means that the durations between such instants lay within 50 ms or 2 % in recordings with
    a known truth; 'early' and 'late' make the durations that rest on it bounds.
    """

    side: Side
    meaning: str


# Best first.
SENT_SOURCES: Final[dict[str, Sighting]] = {
    "otel_attempt": Sighting("exact", "start of the attempt that answered, in a telemetry span"),
    "api_request_line": Sighting("exact", "the log's own line of the request, written as it leaves"),
    "load_generator": Sighting("exact", "a load generator's clock just before it sends"),
    "span_start": Sighting("exact", "start of the call in a telemetry span or event"),
    "request_log": Sighting("exact", "a line of the agent's text log just before sending"),
    "record_start": Sighting("exact", "a time in the call's own record, taken as the request leaves"),
    "duration": Sighting("exact", "end of the response minus the stated duration of the request"),
    "turn_context": Sighting("early", "the line of settings that is written just before each request"),
    "request_sent_wall": Sighting("early", "the client's note of sending, before its own preparations"),
    "retry_adjusted": Sighting("early", "a logged failure plus the wait that it names"),
    "hook_adjusted": Sighting("early", "the last hook's end after the line that led to the call"),
    "record_created": Sighting("early", "creation of the call's record, before the request is prepared"),
    "process_start": Sighting("early", "as the record says, but start-up of the agent's process may be inside"),
    "gateway_start": Sighting("early", "arrival at a gateway, before its own routing and queueing"),
    "trigger_line": Sighting("early", "the line that led to the call"),
}
FIRST_OUTPUT_SOURCES: Final[dict[str, Sighting]] = {
    "otel_first_content": Sighting("exact", "first content, in a telemetry span"),
    "block_start": Sighting("exact", "start of the first block"),
    "first_token": Sighting("exact", "first token, as the client or load generator timed it"),
    "first_chunk": Sighting("exact", "first chunk of the stream; it may hold no token yet"),
    "server_first_token": Sighting("exact", "first token as the server timed it, without the network"),
    "first_shown": Sighting("late", "first time that the output was shown or stored"),
    "first_visible": Sighting("late", "first visible output; hidden thinking came before it"),
    "first_thought": Sighting("late", "arrival of the first summary of thoughts"),
}
LAST_OUTPUT_SOURCES: Final[dict[str, Sighting]] = {
    "last_block_end": Sighting("exact", "end of the last block"),
    "stream_end": Sighting("exact", "end of the response's stream"),
    "record_end": Sighting("exact", "a time in the call's own record, taken as the response is complete"),
    "span_end": Sighting("exact", "end of the call in a telemetry span or event"),
    "load_generator": Sighting("exact", "last token, as a load generator timed it"),
    "after_tools": Sighting("late", "first line that is written after the tools of the response ended"),
    "record_written": Sighting("late", "writing of the record, some time after the response ended"),
}
OUTPUT_TOKENS_SOURCES: Final[dict[str, str]] = {
    "stop_reason": "the line carries the stop reason, so the count is the last one",
    "changed": "the count changed between the lines of the response",
    "ratio": "the count fits the visible text",
    "usage": "the provider's count at the end of the response",
    "counted": "counted by the tool that made the record, with a tokenizer of its own",
}

FLAGS: Final[dict[str, str]] = {
    "interrupted": "the response was cut off by the user, an error or a lost connection",
    "retried": "at least one attempt failed before the one that answered",
    "non_streamed": "the response arrived whole; it has no first token",
    "burst": "blocks arrived together; the time between them says nothing about speed",
    "server_tools": "tools ran on the server inside the call",
    "multi_iteration": "the server sampled more than once inside the call",
    "sidechain": "made by a sub-agent",
    "embedded": "known only from a progress line in the parent's log",
    "timestamp_unreliable": "several responses share one time stamp",
    "clock_step": "the clock moved backwards inside the call",
    "suspended": "a gap of more than ten minutes inside the call, most likely sleep",
    "fast": "fast mode of the provider",
    "possible_retry": "the log hides retries, and a gap inside the call looks like one",
    "first_of_process": "the first call of an agent's process; start-up of the client is inside its durations",
    "side_call": "made by the agent for itself: a title, a summary, a routing question",
    "no_date": "the log holds durations but no dates; instants count from an arbitrary zero",
    "whole_seconds": "stamps are whole seconds; durations are upper bounds with one second added",
    "server_side": "timed at the server: the network is not in the durations",
    "cached_response": "answered from a gateway's cache: no model was run",
    "batched_chunks": "the gateway handed on several tokens at a time",
}

LONG_GAP_S: Final = 600.0
NO_DURATION_FLAGS: Final = frozenset({"clock_step", "suspended", "timestamp_unreliable", "cached_response"})
NO_RATE_FLAGS: Final = frozenset({"interrupted", "retried", "non_streamed", "server_tools", "multi_iteration"})

# Kinds of `Problem` and what each counts.
PROBLEMS: Final[dict[str, str]] = {
    "bad_line": "lines that cannot be used",
    "bad_record": "records of a document or rows of a table that cannot be used",
    "busy_database": "databases that changed at every try to read them",
    "cut_document": "documents that are cut off, read as far as they are complete",
    "cut_line": "last lines that are cut off",
    "damaged_database": "databases with damaged pages, read as far as possible",
    "empty_file": "empty files",
    "failed_attempt": "attempts that the log shows as failed, with no call of their own",
    "failed_run": "runs of a load test that mostly failed, left out whole",
    "no_call_times": "files of an agent whose logs hold no times of calls",
    "no_measurement": "rows of a load test without a first token or without output",
    "no_permission": "files or folders without permission",
    "no_time": "lines without a time",
    "request_without_response": "requests that got no response",
    "summary_only": "results that hold percentiles but no calls",
    "unknown_format": "files of no known format",
    "unreadable": "files that could not be read to the end",
    "unsupported_encoding": "files in an encoding that is not read",
}


@dataclass(slots=True)
class Block:
    """One content block of a response.

    `characters` is None for a block whose text the log hides; `tokens` is None unless the log
    states it. `start_at` and `end_at` are None unless observed. `result_at` is when the result
    of a tool call was written, `name` the tool's name.
    """

    type: BlockType
    end_at: float | None = None
    start_at: float | None = None
    characters: int | None = None
    tokens: int | None = None
    name: str | None = None
    result_at: float | None = None
    signature_characters: int | None = None


@dataclass(slots=True)
class Call:
    """One request to a model until its last byte, as one log tells it.

    `headers_at` is when the response's headers were seen: the first token came after it. `load` is
    what a load generator offered, such as '8 at once' or '2 per second'. `tool_s` and `stated_id` are for
    records that state the time of tools without its instants, or that were calls of latprof before.
    `host` and `engineer` are tags: whose logs they are, as the user says; no log tells it.
    `told_by` names the kind of record, 'span' or 'event', where one reader has several of one call.
    """

    agent: str
    session_id: str
    message_id: str | None = None
    request_id: str | None = None
    agent_version: str | None = None
    agent_id: str | None = None
    provider: str | None = None
    model: str | None = None
    requested_model: str | None = None
    project: str | None = None
    host: str | None = None
    engineer: str | None = None
    effort: str | None = None
    speed_mode: str | None = None
    trigger: Trigger = "unknown"
    trigger_at: float | None = None
    sent_at: float | None = None
    sent_source: str | None = None
    headers_at: float | None = None
    first_output_at: float | None = None
    first_output_source: str | None = None
    last_output_at: float | None = None
    last_output_source: str | None = None
    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_source: str | None = None
    reasoning_tokens: int | None = None
    attempts: int | None = 1
    load: str | None = None
    stop_reason: str | None = None
    flags: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = field(default=())
    tool_s: float | None = None
    stated_id: str | None = None
    told_by: str = ""

    @property
    def call_id(self) -> str:
        """An id that stays the same in every copy of the call.

        Message ids of hosted services are unique by themselves; others may repeat, so without
        a request id the model and the first block's end are added.
        """
        if self.stated_id:
            return self.stated_id
        message = self.message_id or ""
        if self.request_id:
            return f"{self.agent}/{message}/{self.request_id}"
        known = (self.first_block_at, self.last_output_at, self.sent_at)
        stamp = next((str(round(at * 1000)) for at in known if at is not None), "")
        owner = message or f"{self.session_id}:"
        return f"{self.agent}/{owner}/{self.model or ''}/{stamp}"

    @property
    def output_tokens_kind(self) -> Literal["final", "unknown"]:
        """Whether the log's count of output tokens is the final one."""
        return "unknown" if self.output_tokens is None else "final"

    @property
    def first_block_at(self) -> float | None:
        """When the first block was complete."""
        return self.blocks[0].end_at if self.blocks else None

    @property
    def durations_usable(self) -> bool:
        """False where clock steps, sleep or shared stamps make differences meaningless."""
        return NO_DURATION_FLAGS.isdisjoint(self.flags)

    @property
    def rates_usable(self) -> bool:
        """Whether the call counts for token rates: a plain, complete, streamed response."""
        return self.durations_usable and NO_RATE_FLAGS.isdisjoint(self.flags)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in an input that could not be used, without its text."""

    kind: str
    path: str
    line: int | None = None
    detail: str = ""
