"""Claude Code session transcripts (`~/.claude/projects/**/*.jsonl`).

Each assistant line holds one content block and is stamped when that block ended, so most
versions show neither the send time nor the first token: the first line gives an upper bound.
Newer versions write a line per request and the duration of blocks, which make both known.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from latprof.formats.base import Format, Grown, InParts, Source, Told
from latprof.formats.claude_code.reading import Decoded, calls_of, decode_lines, kept_of
from latprof.formats.standing import Standing
from latprof.model import Call, Problem

if TYPE_CHECKING:
    from latprof.formats.claude_code.rows import Row

__all__ = ["FORMAT", "Decoded", "calls_of", "decode_lines"]

# Types that no other agent's log has together with these keys.
_OWN_TYPES: Final = frozenset(
    {
        "ai-title", "api-request", "attachment", "atis-latch", "file-history-snapshot", "last-prompt", "mode",
        "permission-mode", "progress", "queue-operation", "summary",
    }
)  # fmt: skip
_OWN_KEYS: Final = ("sessionId", "leafUuid", "parentUuid", "messageId")
_TALK_KEYS: Final = ("uuid", "parentUuid", "sessionId")
_CUT_LINE_KEYS: Final = (b'"parentUuid"', b'"userType"', b'"cwd"')
_SNIFFED_LINES: Final = 50


def _sniff(_: str, head: bytes) -> bool:
    """Told by content: one of the first lines has the shape that only these transcripts have."""
    if any(_is_own(raw) for raw in _first_lines(head.removeprefix(b"\xef\xbb\xbf"))):
        return True
    # A line may be longer than what is looked at.
    cut = head.removeprefix(b"\xef\xbb\xbf").rpartition(b"\n")[2]
    return cut.startswith(b"{") and b'"isSidechain"' in cut and any(key in cut for key in _CUT_LINE_KEYS)


def _first_lines(head: bytes) -> Iterator[bytes]:
    """One after the other, for mostly the first one tells."""
    start = 0
    for _ in range(_SNIFFED_LINES):
        end = head.find(b"\n", start)
        yield head[start : end if end >= 0 else None]
        if end < 0:
            return
        start = end + 1


def _is_own(raw: bytes) -> bool:
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(record, dict):
        return False
    kind, message = record.get("type"), record.get("message")
    if kind in {"user", "assistant"}:
        return isinstance(message, dict) and "content" in message and all(key in record for key in _TALK_KEYS)
    if kind == "system":
        return "isSidechain" in record and "userType" in record
    return kind in _OWN_TYPES and any(key in record for key in _OWN_KEYS)


def _read(source: Source) -> Iterator[Call | Problem]:
    """Calls of one transcript, in the order of their first lines; bad lines become problems."""
    told = _columns(source)
    yield from calls_of(decode_lines(source)) if told is None else told.items()


def _columns(source: Source) -> Told | None:
    """The same as columns, where that is compiled."""
    from latprof.formats.claude_code.table import told

    return told(source, FORMAT.name)


def _resume(source: Source, begun: bytes) -> Grown:
    """The same; of the beginning that was packed no line is decoded again."""
    from latprof.formats.claude_code.table import decoded_and_kept

    before, lines = _begun(source.path, begun)
    found = decoded_and_kept(source, before, lines)
    return _resumed_in_python(source, before, lines) if found is None else _grown(*found)


def _resumed_in_python(source: Source, before: Decoded, lines: bytes | Sequence[Row]) -> Grown:
    from latprof.formats.claude_code.rows import unpacked

    known = _rows(source.path, lines) if isinstance(lines, bytes) else lines
    if known is None:
        before, known = Decoded(source.path), ()
    before.lines = unpacked(known)
    return _grown(decode_lines(source, after=before), None)


def _grown(decoded: Decoded, kept: Any) -> Grown:
    """What a file says whose lines were decoded, and are `kept` where that is compiled."""
    if kept is None:
        from latprof.formats.claude_code.rows import packed

        return Grown(calls_of(decoded), decoded.end, lambda: _packed(decoded, packed(decoded.complete().lines)))
    from latprof.formats.claude_code.table import told_of

    told = told_of(decoded, kept, FORMAT.name)
    items = told.items() if told is not None else ()
    return Grown(items, decoded.end, lambda: _packed(decoded, kept.state(decoded.count)), told)


def _part(source: Source, begin: int, end: int | None) -> bytes | None:
    """What the lines of a part say, which large files are read in."""
    from latprof.formats.claude_code.in_parts import part_of

    return part_of(source, begin, end)


def _joined(source: Source, parts: Iterable[bytes]) -> Grown | None:
    """What they say together."""
    from latprof.formats.claude_code.in_parts import joined

    found = joined(source.path, parts)
    return None if found is None else _grown(*found)


def _rows(path: str, state: bytes) -> Sequence[Row] | None:
    """The lines that compiled code kept; None where it is not there any more."""
    kept = kept_of(path)
    try:
        kept.restore(state)
    except (AttributeError, ValueError):
        return None
    rows: Sequence[Row] = kept.rows()
    return rows


def _tail(source: Source) -> tuple[Standing, ...]:
    """What is going on at the end, which only live views ask for."""
    from latprof.formats.claude_code.tail import standings

    return standings(source)


def _packed(decoded: Decoded, lines: bytes | Sequence[Row]) -> bytes:
    """What complete lines say."""
    problems = [(item.kind, item.line, item.detail) for item in decoded.complete().problems]
    known: Any = (decoded.end, decoded.count, lines, problems)
    return marshal.dumps(known)


def _begun(path: str, begun: bytes) -> tuple[Decoded, bytes | Sequence[Row]]:
    """What `_packed` packed, or nothing."""
    if not begun:
        return Decoded(path), ()
    end, count, lines, problems = marshal.loads(begun)  # noqa: S302 - the caller answers for what it kept
    return Decoded(path, [], [Problem(kind, path, line, text) for kind, line, text in problems], end, count), lines


FORMAT = Format(
    name="claude-code",
    title="Claude Code",
    agent="claude-code",
    roots=("~/.claude/projects", "~/.config/claude/projects"),
    env_roots={"CLAUDE_CONFIG_DIR": "projects"},
    suffixes=(".jsonl",),
    observes={
        "ttft_s": "exact",
        "first_block_s": "bound",
        "wall_s": "exact or bound",
        "wall_tps": "exact or bound",
        "decode_tps": "exact",
        "as_logged_ttft_s": "as_logged",
        "as_logged_decode_tps": "as_logged",
        "input_tokens": "exact",
        "cache_read_tokens": "exact",
        "cache_write_tokens": "exact",
        "output_tokens": "exact",
        "reasoning_tokens": "exact",
        "cache_hit_share": "exact",
        "tool_s": "bound",
        "attempts": "bound",
    },
    marks=(b'"isSidechain"', b'"leafUuid"', b'"messageId"', b'"parentUuid"', b'"sessionId"'),
    sniff=_sniff,
    read=_read,
    evidence="recorded",
    since={"ttft_s": "2.1.300", "decode_tps": "2.1.287", "reasoning_tokens": "2.1.250"},
    tail=_tail,
    resume=_resume,
    columns=_columns,
    in_parts=InParts(_part, _joined),
)
