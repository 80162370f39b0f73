"""SWE-agent's trajectories (`*.traj`): steps and totals without any time."""

from __future__ import annotations

from typing import Final

from latprof.formats.base import Format
from latprof.formats.exports import shapes

__all__ = ["FORMAT"]

_STEP_KEYS: Final = frozenset({"action", "observation", "response", "state", "thought"})


def _sniff(_: str, head: bytes) -> bool:
    if b'"trajectory"' not in head:
        return False
    found = shapes(head)
    return any("trajectory" in names for names in found) and any(names >= _STEP_KEYS for names in found)


FORMAT = Format.refused(
    name="swe-agent",
    title="SWE-agent",
    reason="A trajectory holds no time at all, only the seconds of tools in newer versions and totals of tokens.",
    marks=(b'"trajectory"',),
    sniff=_sniff,
    suffixes=(".traj",),
    shape="document",
)
