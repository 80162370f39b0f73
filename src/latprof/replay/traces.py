"""Measured calls in the trace formats that replay tools read: kv-cache-tester (Weka) and Mooncake.

Neither holds text. What two prompts have in common is told by ids of blocks of tokens: equal ids, equal tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import count
from typing import Any, Final

from latprof.classes import dataclass
from latprof.errors import UsageError
from latprof.replay.workload import Sitting, Turn, whole_sessions
from latprof.trace import Trace

__all__ = ["MOONCAKE_BLOCK_TOKENS", "WEKA_BLOCK_TOKENS", "mooncake_rows", "replayable_calls", "weka_documents"]

WEKA_BLOCK_TOKENS: Final = 64
MOONCAKE_BLOCK_TOKENS: Final = 512
_INPUT_TYPES: Final = {"user": ["text"], "subagent": ["text"], "tool_result": ["tool_result"]}


@dataclass(slots=True)
class _Blocks:
    """Ids of the blocks of contexts: those of a prompt begin with those of the context that it continues."""

    block_tokens: int
    ids: Iterator[int]
    families: dict[str, list[int]] = field(default_factory=dict)

    def of(self, sitting: Sitting) -> list[list[int]]:
        """Ids of the whole blocks of each prompt."""
        contexts: list[list[int]] = []
        prompts: list[list[int]] = []
        for turn in sitting.turns:
            known = contexts[turn.origin] if turn.origin >= 0 else self.families.get(turn.family, [])
            context = known[: turn.reusable_tokens // self.block_tokens]
            blocks = turn.input_tokens // self.block_tokens
            whole = (turn.input_tokens + turn.output_tokens) // self.block_tokens
            context = context[:blocks]
            context += [next(self.ids) for _ in range(whole - len(context))]
            if turn.origin < 0:
                self.families.setdefault(turn.family, context)
            contexts.append(context)
            prompts.append(context[:blocks])
        return prompts


def replayable_calls(trace: Trace) -> int:
    """How many of the calls have a send time and token counts."""
    return sum(len(rows) for _, rows in whole_sessions(trace))


def weka_documents(trace: Trace) -> list[dict[str, Any]]:
    """One document per session: times in seconds since its start, sub-agents as entries with requests of their own.

    Raises UsageError when no call has a send time, input and output tokens.
    """
    documents = []
    for sitting, rows in _sessions(trace):
        hashes = _Blocks(WEKA_BLOCK_TOKENS, count(1)).of(sitting)
        requests = [_request(trace, row, turn, ids) for turn, row, ids in zip(sitting.turns, rows, hashes, strict=True)]
        documents.append(_weka_session(trace, sitting, rows, requests))
    return documents


def _weka_session(
    trace: Trace, sitting: Sitting, rows: Sequence[int], requests: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    main: list[dict[str, Any]] = []
    agents: dict[str, dict[str, Any]] = {}
    for turn, row, request in zip(sitting.turns, rows, requests, strict=True):
        agent_id = trace.texts["agent_id"][row]
        if agent_id is None:
            main.append(request)
            continue
        if agent_id not in agents:
            agents[agent_id] = _agent(agent_id, turn.sent_s)
            main.append(agents[agent_id])
        entry = agents[agent_id]
        request["t"] = round(request["t"] - entry["t"], 3)
        entry["requests"].append(request)
        entry["total_tokens"] += turn.input_tokens + turn.output_tokens
        ends = request["t"] + (turn.today_s or 0.0)
        entry["duration_ms"] = max(entry["duration_ms"], round(ends * 1000))
    models = sorted({str(trace.texts["model"][row]) for row in rows if trace.texts["model"][row] is not None})
    return {
        "id": str(trace.texts["session_id"][rows[0]]),
        "models": models,
        "block_size": WEKA_BLOCK_TOKENS,
        "hash_id_scope": "local",
        "requests": main,
    }


def _agent(agent_id: str, sent_s: float) -> dict[str, Any]:
    return {
        "t": round(sent_s, 3),
        "type": "subagent",
        "agent_id": agent_id,
        "subagent_type": "subagent",
        "duration_ms": 0,
        "total_tokens": 0,
        "tool_use_count": None,
        "status": "completed",
        "requests": [],
    }


def _request(trace: Trace, row: int, turn: Turn, ids: list[int]) -> dict[str, Any]:
    """A request; only measured times are written, no bounds and no estimates."""
    request: dict[str, Any] = {
        "t": round(turn.sent_s, 3),
        "type": "n" if "non_streamed" in trace.flags[row] else "s",
        "model": trace.texts["model"][row] or "",
        "in": turn.input_tokens,
        "out": turn.output_tokens,
        "hash_ids": ids,
        "input_types": _INPUT_TYPES.get(turn.trigger, []),
        "output_types": list(dict.fromkeys(block.type for block in trace.blocks[row])),
        "stop": trace.texts["stop_reason"][row] or "",
        "think_time": round(turn.gap_s if turn.after else 0.0, 3),
    }
    if turn.today_s is not None and trace.wall_exactly[row]:
        request["api_time"] = round(turn.today_s, 3)
    ttft = float(trace.ttft_s[row])
    if not math.isnan(ttft):
        request["ttft"] = round(ttft, 3)
    return request


def mooncake_rows(trace: Trace) -> list[dict[str, Any]]:
    """One row per call, in order of time: milliseconds since the first, tokens in and out, ids of blocks of 512 tokens.

    Sessions without dates follow each other. Raises UsageError as `weka_documents` does.
    """
    blocks = _Blocks(MOONCAKE_BLOCK_TOKENS, count(0))
    rows: list[dict[str, Any]] = []
    undated = trace.flag("no_date")
    sessions = _sessions(trace)
    starts = [trace.numbers["sent_at"][members[0]] for _, members in sessions if not undated[members[0]]]
    zero, free = (min(starts) if starts else 0.0), 0.0
    for sitting, members in sessions:
        start = free if undated[members[0]] else float(trace.numbers["sent_at"][members[0]]) - zero
        for turn, ids in zip(sitting.turns, blocks.of(sitting), strict=True):
            at = start + turn.sent_s
            free = max(free, at + (turn.today_s or 0.0)) if undated[members[0]] else free
            rows.append(
                {
                    "timestamp": round(at * 1000),
                    "input_length": turn.input_tokens,
                    "output_length": turn.output_tokens,
                    "hash_ids": ids,
                }
            )
    return sorted(rows, key=_timestamp)


def _timestamp(row: Mapping[str, Any]) -> int:
    return int(row["timestamp"])


def _sessions(trace: Trace) -> list[tuple[Sitting, list[int]]]:
    found = whole_sessions(trace)
    if not found:
        raise UsageError("No call has a send time, input and output tokens, so there is nothing for a replay tool.")
    return found
