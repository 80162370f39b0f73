"""Random transcripts as lines already decoded, that hang together in every way that the pairing rules tell apart."""

from __future__ import annotations

import random
from typing import Final

from latprof.formats.claude_code import Decoded
from latprof.formats.claude_code.lines import Line, LineKind
from latprof.formats.claude_code.parts import BlockFacts, Part, Usage

_START_S: Final = 1_772_445_600.25
_KINDS: Final = (
    *[LineKind.RESPONSE] * 12, *[LineKind.TOOL_RESULT] * 6, *[LineKind.PROMPT] * 3, *[LineKind.PASSING] * 3,
    *range(LineKind.META, LineKind.PASSING),
)  # fmt: skip
_STEPS_S: Final = (0.0, 0.0, 0.001, 0.01, 0.02, 0.04, 0.5, 2.0, 30.0, 700.0, -0.01, -0.06, -5.0)
_TOOLS: Final = tuple(f"toolu_{number}" for number in range(6))


def linked_lines(rng: random.Random) -> Decoded:
    """One transcript of up to 40 lines; threads, versions and ids are few, so that they meet."""
    habits = _Habits(rng)
    lines: list[Line] = []
    at = _START_S
    for number in range(1, rng.randint(2, 40)):
        at += rng.choice(_STEPS_S) if rng.random() < 0.8 else 0.0
        lines.append(_line(rng, habits, number, round(at, 3), lines))
    return Decoded("log.jsonl", lines, [], 0, len(lines))


class _Habits:
    """What all lines of one transcript have in common."""

    def __init__(self, rng: random.Random) -> None:
        self.threads = rng.choice(((None,), (None,), ("a1",), (None, "a1"), ("", "acompact-1", None)))
        self.straight = rng.choice((0.5, 0.9, 1.0))
        self.kinds = rng.choice((_KINDS, _KINDS, tuple(kind for kind in _KINDS if kind != LineKind.REQUEST)))
        self.requested = rng.choice((0.0, 1.0, 0.7))
        self.stops = rng.choice((0.0, 0.3, 1.0))
        self.details = rng.choice((0.0, 0.5, 1.0))
        self.timed = rng.choice((0.0, 0.0, 1.0))
        self.embedded = rng.choice((0.0, 0.0, 0.2))
        self.ids = rng.choice(
            (("m1", "m2"), tuple(f"msg_{number:020}" for number in range(6)), ("msg_bdrk_1", "msg_vrtx_2"))
        )


def _line(rng: random.Random, habits: _Habits, number: int, at: float, before: list[Line]) -> Line:
    kind = rng.choice(habits.kinds)
    uuids = [line.uuid for line in before] or [None]
    parent = uuids[-1] if rng.random() < habits.straight else rng.choice([*uuids, None, f"u{number + 1}", "gone"])
    line = Line(
        number,
        kind,
        at if rng.random() < 0.97 or kind == LineKind.REQUEST else None,
        rng.choice(uuids) if rng.random() < 0.03 else f"u{number}" if rng.random() < 0.97 else None,
        parent,
        rng.choice(habits.threads),
        embedded=rng.random() < habits.embedded,
    )
    if kind == LineKind.RESPONSE:
        line.part = _part(rng, habits)
    elif kind == LineKind.TOOL_RESULT:
        line.tool_ids = tuple(rng.choices(_TOOLS, k=rng.choice((1, 1, 1, 2))))
    elif kind == LineKind.REQUEST:
        line.request_id, line.max_tokens = f"r{rng.randint(1, 5)}", rng.choice((None, 64000, 32000))
    elif kind == LineKind.API_ERROR:
        line.retry_s = rng.choice((0.0, 0.5, 100.0))
    line.source_tool_id = "toolu_1" if kind == LineKind.META and rng.random() < 0.5 else None
    line.interrupted_id = rng.choice(habits.ids) if rng.random() < 0.05 else None
    line.truncates = kind == LineKind.SYNTHETIC and rng.random() < 0.5
    return line


def _part(rng: random.Random, habits: _Habits) -> Part:
    message = rng.choice(habits.ids[-2:] if rng.random() < 0.6 else habits.ids)
    blocks = tuple(_block(rng) for _ in range(rng.choice((0, 1, 1, 1, 1, 1, 2))))
    return Part(
        message,
        f"req_{message[-1]}" if rng.random() < habits.requested else None,
        rng.choice(("s1", None)),
        rng.choice(("2.1.150", "2.1.150", "2.1.300", None)),
        "/home/dev",
        rng.choice(("claude-opus-4-7", "other", None)),
        None,
        rng.choice(("tool_use", "end_turn")) if rng.random() < habits.stops else None,
        rng.random() < habits.details,
        _usage(rng),
        blocks,
        tuple(rng.choice(_TOOLS) for kind, *_ in blocks if kind == "tool_use"),
        rng.choice((0, 1)) if habits.timed else None,
        rng.choice((None, 0.0, 0.3, 1.5, 100.0)) if habits.timed else None,
        f"r{rng.randint(1, 5)}" if rng.random() < 0.3 else None,
        rng.choice((None, "high")),
    )


def _usage(rng: random.Random) -> Usage:
    if rng.random() < 0.5:
        return Usage(3, 1000, 100, rng.choice((1, 50)))
    fresh, read, written, output, thinking = (rng.choice((None, 0, 1, 90, 5000)) for _ in range(5))
    tools, iterations = rng.random() < 0.1, rng.choice((0, 1, 2))
    return Usage(
        fresh, read, written, output, thinking, tools, iterations, rng.choice((None, None, "fast", "standard"))
    )


def _block(rng: random.Random) -> BlockFacts:
    size = rng.choice((None, 0, 99, 100, 4000))
    return rng.choice(
        (
            ("thinking", size, rng.choice((None, 300)), None),
            ("text", size, None, None),
            ("tool_use", size, None, rng.choice(("Bash", None))),
            ("other", None, None, None),
        )
    )
