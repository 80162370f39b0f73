"""Calls with a known truth: times measured on the wire under the block structures of real calls.

Every repeat draws whole sessions of real Claude Code calls, keeps their blocks (types, characters,
tokens with an error of 8 % that the log cannot show), triggers and sizes, and gives each call a
first token's time and a speed drawn from pairs that a proxy measured. Then one law is put on top.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latprof.estimate.calibrate import calibrate, spread
from latprof.estimate.observe import observe, usable
from latprof.ingest import read_inputs
from latprof.model import Call
from latprof.trace import Trace

Floats = NDArray[np.float64]
STRUCTURE_MODELS = ("claude-opus-4-7", "claude-opus-4-8", "claude-opus-4-6")
TYPES = ("thinking", "text", "tool_use")
TOKEN_ERROR = 0.08
START_S = 1_780_000_000.0


@dataclass(frozen=True)
class Structures:
    """Real calls of one model and the tokens of their blocks."""

    calls: list[Call]
    tokens: list[Floats]
    sessions: list[NDArray[np.int64]]


@dataclass(frozen=True)
class Drawn:
    """Calls to estimate from, and what is true of them (NaN in `decode_tps` where decoding is too short)."""

    calls: list[Call]
    ttft_s: Floats
    decode_tps: Floats


@dataclass
class Numbers:
    """What a law may change: per call first token and speed, context, factor of speed per block type."""

    rng: np.random.Generator
    ttft_s: Floats
    speed_tps: Floats
    context: Floats
    by_type: Floats


def plain(_: Numbers) -> None:
    """The measured pairs as they are."""


def two_humps(numbers: Numbers) -> None:
    """A quarter of the calls waits 3.5 times longer: a cache miss, say."""
    numbers.ttft_s[numbers.rng.random(len(numbers.ttft_s)) < 0.25] *= 3.5


def heavy_tail(numbers: Numbers) -> None:
    """15 % of the calls wait up to 20 times longer."""
    n = len(numbers.ttft_s)
    factor = np.exp(np.minimum(np.abs(numbers.rng.standard_cauchy(n)), 3.0))
    numbers.ttft_s *= np.where(numbers.rng.random(n) < 0.15, factor, 1.0)


def speed_by_type(numbers: Numbers) -> None:
    """Tool arguments stream twice as fast as text and thinking."""
    numbers.by_type[:] = (1.0, 1.0, 2.0)


def speed_by_context(numbers: Numbers) -> None:
    """Speed falls by half between an empty context and one of 150,000 tokens."""
    numbers.speed_tps *= 1.5 / (1 + numbers.context / 150e3)


def silent_retries(numbers: Numbers) -> None:
    """20 % of the calls contain a failed attempt and a wait of some seconds that the log does not show."""
    n = len(numbers.ttft_s)
    numbers.ttft_s += np.where(numbers.rng.random(n) < 0.2, numbers.rng.lognormal(1.0, 0.6, n), 0.0)


LAWS: dict[str, Callable[[Numbers], None]] = {
    "plain": plain,
    "two humps": two_humps,
    "heavy tail": heavy_tail,
    "speed by type": speed_by_type,
    "speed by context": speed_by_context,
    "20 % silent retries": silent_retries,
    "bursts": plain,
    "half with first token": plain,
}


@cache
def structures(shared: Path) -> list[Structures]:
    """Block structures of real calls with final token counts, per model."""
    trace_calls = read_inputs([str(shared / "corpus" / "claude-code")]).calls
    found = []
    for model in STRUCTURE_MODELS:
        calls = [call for call in trace_calls if call.model == model]
        trace = Trace.from_calls(calls)
        by_id = {call.call_id: call for call in calls}
        rows = np.flatnonzero(usable(trace))
        observed = observe(trace, rows)
        share = spread(observed.blocks, observed.tokens, calibrate(observed.blocks, observed.tokens))
        starts = np.append(observed.blocks.start, len(observed.blocks.type))
        tokens = [share.per_block[starts[k] : starts[k + 1]] for k in range(len(rows))]
        kept = [by_id[trace.texts["call_id"][row]] for row in rows]
        sessions = [np.flatnonzero(observed.session == label) for label in range(observed.session.max() + 1)]
        found.append(Structures(kept, tokens, sessions))
    return found


@cache
def pairs(shared: Path, model: str) -> Floats:
    """First token (s) and decode speed (tok/s) of each call that the proxy measured whole."""
    rows = []
    with (shared / "traces" / "claude-code-calls.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["model"] == model and row["ttft_s"] and row["wall_s"]:
                first, wall, tokens = float(row["ttft_s"]), float(row["wall_s"]), int(row["output_tokens"])
                if first > 0 and wall - first > 0.3 and tokens >= 20:
                    rows.append((first, (tokens - 1) / (wall - first)))
    return np.array(rows)


def draw(shared: Path, model: str, law: str, n: int, seed: int) -> Drawn:
    """`n` calls under a law; the same for a seed."""
    rng = np.random.default_rng(seed)
    pool = structures(shared)[seed % len(STRUCTURE_MODELS)]
    chosen: list[tuple[int, int]] = []
    while len(chosen) < n:
        drawn = pool.sessions[rng.integers(len(pool.sessions))][:80]
        chosen += [(int(number), len(chosen)) for number in drawn]
    chosen = chosen[:n]
    pair = pairs(shared, model)[rng.integers(len(pairs(shared, model)), size=n)]
    context = np.array([pool.calls[number].input_tokens or 0 for number, _ in chosen], dtype=float)
    numbers = Numbers(rng, pair[:, 0].copy(), pair[:, 1].copy(), context, np.ones(len(TYPES)))
    LAWS[law](numbers)
    calls, speeds = [], np.full(n, np.nan)
    for k, (number, session) in enumerate(chosen):
        tokens = np.maximum(
            np.rint(pool.tokens[number] * np.exp(rng.normal(0, TOKEN_ERROR, len(pool.tokens[number])))), 2
        )
        call, decode_s = _call(pool.calls[number], tokens, numbers, k, f"{seed}-{session}", law)
        calls.append(call)
        if decode_s >= 0.25:
            speeds[k] = (tokens.sum() - 1) / decode_s
    return Drawn(calls, numbers.ttft_s, speeds)


def _call(like: Call, tokens: Floats, numbers: Numbers, k: int, session: str, law: str) -> tuple[Call, float]:
    """One call at its new times, and its decoding time in s; the first token arrives with the first block's start."""
    speed = numbers.speed_tps[k] * numbers.by_type[[TYPES.index(b.type) if b.type in TYPES else 1 for b in like.blocks]]
    took = tokens / speed
    sent = START_S + 60.0 * k
    ends = sent + numbers.ttft_s[k] - 1 / speed[0] + np.cumsum(took)
    flags: tuple[str, ...] = ()
    if law == "bursts" and len(ends) > 1 and numbers.rng.random() < 0.15:
        ends[:-1] = ends[-1] - 0.005
        flags = ("burst",)
    known = law == "half with first token" and numbers.rng.random() < 0.5
    blocks = tuple(
        replace(block, end_at=round(float(end), 3), start_at=None, tokens=None, result_at=None)
        for block, end in zip(like.blocks, ends, strict=True)
    )
    call = replace(
        like, session_id=session, message_id=f"msg_{session}_{k}", request_id=f"req_{session}_{k}", model="law",
        project=None, sent_at=sent, trigger_at=sent, sent_source="trigger_line", headers_at=None,
        first_output_at=round(sent + float(numbers.ttft_s[k]), 3) if known else None,
        first_output_source="block_start" if known else None,
        last_output_at=blocks[-1].end_at, last_output_source="last_block_end",
        output_tokens=int(tokens.sum()), reasoning_tokens=None, flags=flags, blocks=blocks,
    )  # fmt: skip
    return call, float(ends[-1] - sent - numbers.ttft_s[k])
