"""Aider's log of requests (`--llm-history-file`): blocks of text, each with a whole second of local time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from latprof.classes import dataclass
from latprof.formats.base import Format, Source
from latprof.formats.exports import gap_flags, in_order
from latprof.formats.records import seconds_of
from latprof.formats.standing import Standing, Thread
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

# Messages hold any text, so only a full line of exactly this form begins a block.
_HEAD: Final = re.compile(rb"(TO LLM|LLM RESPONSE) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[ \t]*\r?\n?")
_START: Final = re.compile(rb"\s*TO LLM \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[ \t]*\r?\n")


@dataclass(slots=True)
class _Block:
    """A request or an answer: its time, its line and how many bytes of text it has."""

    kind: bytes
    at: float | None
    line: int
    size: int = 0
    closed: bool = False


def _sniff(_: str, head: bytes) -> bool:
    return _START.match(head.removeprefix(b"\xef\xbb\xbf")) is not None


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls in the order of the file: a request and the answer right after it."""
    problems: list[Problem] = []
    blocks = list(_blocks(source, problems))
    session = _session(blocks)
    seen: set[str] = set()
    request: _Block | None = None
    for block in blocks:
        if block.kind == b"TO LLM":
            if request is not None:
                yield Problem("request_without_response", source.path, request.line)
            request = block
            continue
        if request is None or request.at is None or block.at is None:
            yield Problem("bad_record", source.path, block.line, "an answer without a request")
        else:
            call = _call(session, request, block)
            if call.call_id not in seen:
                seen.add(call.call_id)
                yield call
        request = None
    yield from problems


def _session(blocks: list[_Block]) -> str:
    return next((str(round(block.at)) for block in blocks if block.at is not None), "")


def _standings(source: Source) -> tuple[Standing, ...]:
    """A request without an answer waits; since when is the change of the file, for the log's clock has no zone."""
    blocks = list(_blocks(source, []))
    thread = Thread(_session(blocks), first_line="wall_s")
    for block in blocks:
        if block.kind == b"TO LLM":
            thread.wait(None, "unknown")
        else:
            thread.untold(None)
    return (thread.standing(),) if blocks else ()


def _blocks(source: Source, problems: list[Problem]) -> Iterator[_Block]:
    block: _Block | None = None
    number = 0
    try:
        with source.open() as stream:
            for number, raw in enumerate(stream, start=1):
                match = _HEAD.fullmatch(raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw)
                if match is None:
                    if block is not None:
                        block.size += len(raw.strip())
                    continue
                if block is not None:
                    block.closed = True
                    yield block
                block = _Block(match[1], seconds_of(match[2].decode()), number)
    except Exception as error:  # noqa: BLE001 - any decompressor may fail in its own way on bad bytes
        problems.append(Problem("unreadable", source.path, number or None, type(error).__name__))
    if block is not None:
        yield block


def _call(session: str, request: _Block, answer: _Block) -> Call:
    """A call; an answer without text that another request follows was an error or was stopped."""
    flags = {"whole_seconds"} | gap_flags(request.at, answer.at)
    if answer.closed and not answer.size:
        flags.add("interrupted")
    return Call(
        agent="aider",
        session_id=session,
        # The log names nothing; the second and the size tell requests of several folders apart.
        message_id=f"{round(request.at or 0)}-{request.size}",
        sent_at=request.at,
        sent_source="request_log",
        last_output_at=answer.at,
        last_output_source="record_written",
        attempts=None,
        flags=in_order(flags),
    )


FORMAT = Format(
    name="aider",
    title="Aider LLM history",
    agent="aider",
    roots=(),
    env_roots={},
    suffixes=(".llm.history",),
    observes={"wall_s": "bound"},
    marks=(b"TO LLM ",),
    sniff=_sniff,
    read=_read,
    tail=_standings,
    shape="document",
)
