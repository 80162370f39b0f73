"""Lines as tuples of plain values and back: what compiled code gives and takes, and what can be kept."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Final

from latprof.formats.claude_code.lines import Line
from latprof.formats.claude_code.parts import Part, Usage

__all__ = ["Row", "packed", "unpacked"]

# A line.
Row = tuple[Any, ...]

_facts_of_line: Final = attrgetter(*Line.__slots__)
_facts_of_part: Final = attrgetter(*Part.__slots__)
_PART_AT: Final = Line.__slots__.index("part")
_USAGE_AT: Final = Part.__slots__.index("usage")


def packed(lines: Iterable[Line]) -> list[Row]:
    """Lines as tuples of plain values, for marshal, pickle or JSON."""
    return [_packed(line) for line in lines]


def unpacked(rows: Iterable[Row]) -> list[Line]:
    """Lines from what `packed` gave."""
    return [_unpacked(list(row)) for row in rows]


def _packed(line: Line) -> Row:
    facts = list(_facts_of_line(line))
    if line.part is not None:
        part = list(_facts_of_part(line.part))
        part[_USAGE_AT] = tuple(line.part.usage)
        facts[_PART_AT] = tuple(part)
    return tuple(facts)


def _unpacked(facts: list[Any]) -> Line:
    if facts[_PART_AT] is not None:
        part = list(facts[_PART_AT])
        part[_USAGE_AT] = Usage(*part[_USAGE_AT])
        facts[_PART_AT] = Part(*part)
    return Line(*facts)
