"""What Cline's command line prints with `--json`, kept in a file: one event a line.

Each part of an answer has its own line as it arrives, so the first token and the speed are here,
which the sessions of the same runs do not hold. Other output may stand between the lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Final

from latprof.classes import dataclass
from latprof.formats.base import Format, Source
from latprof.formats.providers import provider_of
from latprof.formats.records import Record, count_of, dict_of, loads_leniently, seconds_of, text_of, whole_text
from latprof.model import FLAGS, LONG_GAP_S, Block, BlockType, Call, Problem

__all__ = ["FORMAT"]

_HEAD_LINES: Final = 200
_CLOCK_TOLERANCE_S: Final = 0.05
_BLOCKS: Final[dict[str, BlockType]] = {"text": "text", "reasoning": "thinking"}


def _sniff(_: str, head: bytes) -> bool:
    """An event of an agent among the first lines."""
    return any(_is_event(line) for line in head.split(b"\n", _HEAD_LINES)[:_HEAD_LINES])


def _is_event(line: bytes) -> bool:
    if b'"agent_event"' not in line and b'"hook_event"' not in line:
        return False
    try:
        record = loads_leniently(line)
    except ValueError:
        return False
    kind = text_of(record, "type")
    hook = kind == "hook_event" and text_of(record, "hookEventName") and text_of(record, "agentId")
    return bool(text_of(record, "ts") and (hook or (kind == "agent_event" and text_of(record, "event", "type"))))


@dataclass(slots=True)
class _Run:
    """One run of the command: which agent, which model."""

    agent_id: str = ""
    model: str | None = None
    provider: str | None = None
    events: list[tuple[int, float | None, Record]] = field(default_factory=list)


@dataclass(slots=True)
class _Turn:
    """One request until the next one starts."""

    started_at: float | None = None
    number: int | None = None
    result_at: float | None = None
    first_at: float | None = None
    first_is_tool: bool = False
    ended_at: float | None = None
    usage: Record | None = None
    broken: bool = False
    blocks: dict[str, Block] = field(default_factory=dict)

    def part(self, at: float | None, event: Record) -> None:
        """The first or a further part of a block; a tool's one comes when its call is complete."""
        kind = text_of(event, "contentType") or ""
        is_tool = kind == "tool"
        if self.first_at is None and not self.first_is_tool:
            self.first_at, self.first_is_tool = (None, True) if is_tool else (at, False)
        if is_tool:
            name = text_of(event, "toolCallId") or str(len(self.blocks))
            self.blocks.setdefault(name, Block("tool_use", name=text_of(event, "toolName")))
            return
        block = self.blocks.setdefault(kind, Block(_BLOCKS.get(kind, "other"), start_at=at, characters=0))
        block.characters = (block.characters or 0) + len(text_of(event, kind) or "")

    def tool_ended(self, at: float | None, event: Record) -> None:
        """A tool's result."""
        block = self.blocks.get(text_of(event, "toolCallId") or "")
        if block is not None:
            block.result_at = at


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    runs = list(_runs(source, problems))
    yield from problems
    seen: set[str] = set()
    for run in runs:
        for item in _turn_items(source, run):
            if isinstance(item, Problem):
                yield item
            elif item.call_id not in seen:
                seen.add(item.call_id)
                yield item


def _records(source: Source, problems: list[Problem]) -> Iterator[tuple[int, Record]]:
    """Lines that look like objects; warnings and other output between them are no damage."""
    lines = whole_text(source, problems).removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.startswith(b"{"):
            continue
        try:
            record = loads_leniently(line)
        except ValueError:
            kind = "cut_line" if number == len(lines) else "bad_line"
            problems.append(Problem(kind, source.path, number, "not JSON"))
            continue
        if isinstance(record, dict):
            yield number, record


def _runs(source: Source, problems: list[Problem]) -> Iterator[_Run]:
    """The runs of a file; another one starts with an agent that no other one made."""
    run = _Run()
    for number, record in _records(source, problems):
        starts = text_of(record, "hookEventName") == "agent_start" and text_of(record, "parentAgentId") is None
        if starts and text_of(record, "agentId") != run.agent_id and run.agent_id:
            yield run
            run = _Run()
        if text_of(record, "parentAgentId") is None:
            run.agent_id = run.agent_id or text_of(record, "agentId") or ""
        run.model = run.model or text_of(record, "model", "id")
        run.provider = run.provider or provider_of(text_of(record, "model", "provider"))
        if text_of(record, "type") == "agent_event":
            run.events.append((number, seconds_of(text_of(record, "ts")), dict_of(record, "event")))
    yield run


def _turn_items(source: Source, run: _Run) -> Iterator[Call | Problem]:
    """The calls of a run, each when the next one starts; parts before any start belong to a lost one."""
    turn = _Turn()
    result_at: float | None = None
    for number, at, event in run.events:
        kind = text_of(event, "type")
        if kind == "iteration_start":
            yield from _item(source, run, turn)
            turn = _Turn(at, count_of(event, "iteration"), result_at)
            result_at = None
        elif kind == "content_start":
            turn.part(at, event)
        elif kind == "content_end" and text_of(event, "contentType") == "tool":
            turn.tool_ended(at, event)
            result_at = at
        elif kind in {"usage", "error"} and turn.ended_at is None:
            if at is None:
                yield Problem("no_time", source.path, number)
            turn.ended_at, turn.broken = at, kind == "error"
            turn.usage = None if turn.broken else event
    yield from _item(source, run, turn)


def _item(source: Source, run: _Run, turn: _Turn) -> Iterator[Call | Problem]:
    if turn.ended_at is not None and (turn.blocks or not turn.broken):
        yield _call(run, turn, turn.ended_at)
    elif turn.broken:
        yield Problem("failed_attempt", source.path)
    elif turn.started_at is not None:
        yield Problem("request_without_response", source.path)


def _call(run: _Run, turn: _Turn, ended_at: float) -> Call:
    first = turn.number == 1
    call = Call(
        agent="cline",
        session_id=run.agent_id,
        # The log names no response; its end and its counts stand in every copy of the line.
        request_id=":".join(map(str, [round(ended_at * 1000), *_counts(turn)])),
        provider=run.provider,
        model=run.model,
        trigger="user" if first else "unknown" if turn.result_at is None else "tool_result",
        trigger_at=None if first else turn.result_at,
        sent_at=turn.started_at,
        sent_source=None if turn.started_at is None else "request_sent_wall",
        last_output_at=ended_at,
        # In recordings the first end of a process came up to 0.1 s late, the others within 41 ms.
        last_output_source="record_written" if first or turn.broken else "stream_end",
        attempts=None,
        blocks=tuple(turn.blocks.values()),
    )
    if turn.first_at is not None:
        call.first_output_at, call.first_output_source = turn.first_at, "first_token"
    if turn.usage is not None:
        _set_tokens(call, turn.usage)
    call.flags = _flags(call, cut=turn.broken, first=first)
    return call


def _counts(turn: _Turn) -> list[int]:
    """The sums of a run so far, which tell answers of two runs in one millisecond apart."""
    counts = (count_of(turn.usage, name) for name in ("totalInputTokens", "totalOutputTokens"))
    return [count for count in counts if count is not None]


def _set_tokens(call: Call, usage: Record) -> None:
    call.output_tokens = count_of(usage, "outputTokens") or None
    call.output_tokens_source = "usage" if call.output_tokens else None
    call.input_tokens = count_of(usage, "inputTokens") or None
    call.cache_read_tokens = count_of(usage, "cacheReadTokens")
    call.cache_write_tokens = count_of(usage, "cacheWriteTokens")
    cached = (call.cache_read_tokens or 0) + (call.cache_write_tokens or 0)
    if call.input_tokens is not None and cached > call.input_tokens:
        call.input_tokens = None  # counted without the cached part, in a way that is not known


def _flags(call: Call, *, cut: bool, first: bool) -> tuple[str, ...]:
    instants = [at for at in (call.sent_at, call.first_output_at, call.last_output_at) if at is not None]
    spans = [instants[place + 1] - at for place, at in enumerate(instants[:-1])]
    found = {
        "interrupted": cut,
        "first_of_process": first,
        "clock_step": any(span < -_CLOCK_TOLERANCE_S for span in spans),
        "suspended": any(span > LONG_GAP_S for span in spans),
    }
    return tuple(name for name in FLAGS if found.get(name))


FORMAT = Format(
    name="cline-json",
    title="Cline CLI (--json)",
    agent="cline",
    roots=(),
    env_roots={},
    suffixes=(".jsonl", ".json", ".log"),
    observes={
        "first_block_s": "bound",
        "wall_s": "bound",
        "wall_tps": "bound",
        "decode_tps": "exact",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "cache_hit_share": "exact",
        "output_tokens": "exact",
    },
    marks=(b'"agent_event"', b'"hook_event"'),
    sniff=_sniff,
    read=_read,
    evidence="recorded",
)
