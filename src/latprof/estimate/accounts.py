"""Why calls of a model were left out of its estimate, and what one call's figures rest on."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.calibrate import spread
from latprof.estimate.group import Group
from latprof.estimate.observe import AGENTS, observe, take, usable
from latprof.model import NO_DURATION_FLAGS, NO_RATE_FLAGS, Kind
from latprof.trace import Trace

__all__ = ["Account", "BlockReading", "Figure", "Reading", "account", "call_reading"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Account:
    """A group with the reasons for which its other calls were left out, each call under its first reason."""

    group: Group
    left_out: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class BlockReading:
    """A block of one call; `ends_s` is in s after sending."""

    type: str
    ends_s: float | None
    characters: int | None
    signature: int | None
    tokens: float | None
    tokens_kind: Kind | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of one call; the ends are those of the 95 % interval of an estimate."""

    metric: str
    unit: str
    kind: Kind
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """All that is known of one call; times in s after sending."""

    call_id: str
    model: str | None
    trigger: str
    sent_at: float | None
    sent_source: str | None
    first_source: str | None
    last_source: str | None
    known_s: float | None
    last_s: float | None
    output_tokens: int | None
    input_tokens: int | None
    flags: tuple[str, ...]
    blocks: tuple[BlockReading, ...]
    figures: tuple[Figure, ...]
    refused: str | None

    def data(self) -> dict[str, Any]:
        """The same as plain values for JSON."""
        return asdict(self)


def account(trace: Trace, group: Group) -> Account:
    """Count why calls of the group's model were not used."""
    own = (trace.texts["agent"] == group.agent) & (trace.texts["model"] == group.model)
    rest = own & ~usable(trace)
    found: list[tuple[str, int]] = []
    for why, mask in _reasons(trace):
        count = int((rest & mask).sum())
        if count:
            found.append((why, count))
        rest &= ~mask
    return Account(group, tuple(found))


def _reasons(trace: Trace) -> list[tuple[str, Mask]]:
    numbers = trace.numbers
    flagged = sorted(NO_DURATION_FLAGS | NO_RATE_FLAGS)
    return [
        *((name.replace("_", " "), trace.flag(name)) for name in flagged),
        ("no final count of output tokens", np.isnan(numbers["output_tokens"])),
        ("fewer than two output tokens", ~(numbers["output_tokens"] >= 2)),
        ("no send time", np.isnan(numbers["sent_at"])),
        ("no end of a block", np.isnan(numbers["first_block_at"])),
        ("times in the wrong order or in whole seconds", np.ones(len(trace), dtype=np.bool_)),
    ]


def call_reading(trace: Trace, row: int, groups: tuple[Group, ...]) -> Reading:
    """What is known of one call of a trace with estimates."""
    one = trace.select(np.arange(len(trace)) == row)
    group = next(
        (item for item in groups if item.agent == one.texts["agent"][0] and item.model == one.texts["model"][0]), None
    )
    sent = _number(one, "sent_at")
    known = _number(one, "first_output_at") if one.first_output_exactly[0] else None
    last = _number(one, "last_output_at")
    return Reading(
        call_id=one.texts["call_id"][0],
        model=one.texts["model"][0],
        trigger=one.texts["trigger"][0],
        sent_at=sent,
        sent_source=one.texts["sent_source"][0],
        first_source=one.texts["first_output_source"][0],
        last_source=one.texts["last_output_source"][0],
        known_s=_after(known, sent),
        last_s=_after(last, sent),
        output_tokens=_count(one, "output_tokens"),
        input_tokens=_count(one, "input_tokens"),
        flags=one.flags[0],
        blocks=_blocks(one, sent, _tokens(trace, row, group)),
        figures=_figures(one),
        refused=_why_not(one, group),
    )


def _number(trace: Trace, name: str) -> float | None:
    value = float(trace.column(name)[0])
    return None if np.isnan(value) else value


def _count(trace: Trace, name: str) -> int | None:
    value = _number(trace, name)
    return None if value is None else int(value)


def _after(at: float | None, sent: float | None) -> float | None:
    return None if at is None or sent is None else at - sent


def _tokens(trace: Trace, row: int, group: Group | None) -> list[float]:
    """Tokens of each block of the call as its group's model takes them; none where it does not read the call."""
    ready = usable(trace)
    if group is None or group.calibration is None or not ready[row]:
        return []
    agents, models = trace.codes("agent").codes, trace.codes("model").codes
    rows = np.flatnonzero(ready & (agents == agents[row]) & (models == models[row]))
    observed = take(observe(trace, rows), np.flatnonzero(rows == row))
    return list(spread(observed.blocks, observed.tokens, group.calibration).per_block.tolist())


def _blocks(one: Trace, sent: float | None, tokens: list[float]) -> tuple[BlockReading, ...]:
    readings = []
    for k, block in enumerate(one.blocks[0]):
        stated = block.tokens is not None
        count = float(block.tokens or 0) if stated else tokens[k] if tokens else None
        kind: Kind | None = "exact" if stated else "estimate" if tokens else None
        ends = _after(block.end_at, sent)
        readings.append(BlockReading(block.type, ends, block.characters, block.signature_characters, count, kind))
    return tuple(readings)


def _figures(one: Trace) -> tuple[Figure, ...]:
    of_wall: Kind = "exact" if one.wall_exactly[0] else "bound"
    found = [
        _figure(one, "ttft_s", "s"),
        Figure("first_block_s", "s", "bound", _number(one, "first_block_s")),
        Figure("as_logged_ttft_s", "s", "as_logged", _number(one, "as_logged_ttft_s")),
        Figure("wall_s", "s", of_wall, _number(one, "wall_s")),
        _figure(one, "decode_tps", "tok/s"),
        Figure("wall_tps", "tok/s", of_wall, _number(one, "wall_tps")),
        Figure("as_logged_decode_tps", "tok/s", "as_logged", _number(one, "as_logged_decode_tps")),
    ]
    return tuple(item for item in found if item.value is not None)


def _figure(one: Trace, metric: str, unit: str) -> Figure:
    value, kind = _number(one, metric), one.column(metric.rsplit("_", 1)[0] + "_kind")[0]
    if kind != "estimate" or one.estimates is None:
        return Figure(metric, unit, "exact", value)
    low, high = one.estimates.ends[metric][0].tolist()
    return Figure(metric, unit, "estimate", value, low, high)


def _why_not(one: Trace, group: Group | None) -> str | None:
    if one.column("ttft_kind")[0] is not None:
        return None
    if one.texts["agent"][0] not in AGENTS:
        return "No estimate: block ends of this agent's logs were not shown to give the true times."
    if group is not None and group.refused:
        return f"No estimate for this model: {group.refused}."
    reason = next((why for why, mask in _reasons(one) if mask[0]), None)
    return f"No estimate for this call: {reason}." if reason else None
