"""Calls with known first tokens and speeds, stamped as Claude Code does: at the ends of blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprof.model import Block, BlockType, Call

START = 1_780_000_000.0
# Characters per token that the made-up model has, and what each block costs beside them.
RATIO = {"thinking": 4.0, "text": 4.0, "tool_use": 3.0}
PER_BLOCK = {"thinking": 0, "text": 4, "tool_use": 60}


@dataclass(frozen=True)
class Law:
    """First token log-normal around `ttft_s`, speed around `tps`; `tool_factor` for tool arguments."""

    ttft_s: float = 2.0
    ttft_width: float = 0.35
    tps: float = 60.0
    tps_width: float = 0.15
    tool_factor: float = 1.0


@dataclass(frozen=True)
class Made:
    """Calls, and per call the true first token (s) and decode speed (tok/s)."""

    calls: list[Call]
    ttft_s: list[float]
    decode_tps: list[float]


def made(
    n: int, law: Law = Law(), seed: int = 1, *, sessions: int = 12, model: str = "m", trigger: str = "tool_result"
) -> Made:
    """`n` calls of one model over some sessions."""
    rng = np.random.default_rng(seed)
    calls, first, speed = [], [], []
    for k in range(n):
        call, ttft, tps = _one(rng, law, k, f"s{seed}-{k * sessions // n}", model, trigger)
        calls.append(call)
        first.append(ttft)
        speed.append(tps)
    return Made(calls, first, speed)


def _one(
    rng: np.random.Generator, law: Law, k: int, session: str, model: str, trigger: str
) -> tuple[Call, float, float]:
    ttft = float(law.ttft_s * np.exp(rng.normal(0, law.ttft_width)))
    tps = float(law.tps * np.exp(rng.normal(0, law.tps_width)))
    at, blocks, total, sent = ttft, [], 0, START + 100.0 * k
    for kind in _types(rng):
        size = int(rng.lognormal(5.5, 0.9)) + 10
        tokens = max(round((PER_BLOCK[kind] + size / RATIO[kind]) * np.exp(rng.normal(0, 0.05))), 3)
        at += tokens / (tps * (law.tool_factor if kind == "tool_use" else 1.0))
        hidden = kind == "thinking"
        blocks.append(
            Block(
                kind,
                end_at=round(sent + at, 3),
                characters=None if hidden else size,
                signature_characters=size if hidden else None,
            )
        )
        total += tokens
    name = f"{model}-{session}-{k}"
    call = Call(
        "claude-code", session, message_id=f"msg_{name}", request_id=f"req_{name}", model=model, trigger=trigger,  # type: ignore[arg-type]
        trigger_at=sent, sent_at=sent, sent_source="trigger_line", last_output_at=blocks[-1].end_at,
        last_output_source="last_block_end", input_tokens=30_000, cache_read_tokens=29_000, output_tokens=total,
        output_tokens_source="stop_reason", blocks=tuple(blocks),
    )  # fmt: skip
    return call, ttft, (total - 1) / (at - ttft)


def _types(rng: np.random.Generator) -> tuple[BlockType, ...]:
    choices: tuple[tuple[BlockType, ...], ...] = (
        ("tool_use",), ("text",), ("text", "tool_use"), ("thinking", "tool_use"), ("thinking", "text", "tool_use"),
    )  # fmt: skip
    return choices[int(rng.choice(len(choices), p=(0.35, 0.1, 0.2, 0.2, 0.15)))]
