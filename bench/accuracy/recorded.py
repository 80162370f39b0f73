"""Sessions of the real agent against a scripted server, with the server's own record as the truth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from laws import Drawn

from latprof.ingest import read_inputs
from latprof.model import Call


def recorded(shared: Path) -> Drawn:
    """All versions together, as one model; first tokens, block starts and response headers are hidden."""
    calls: list[Call] = []
    first, speed = [], []
    for path in sorted((shared / "truth" / "claude-code").glob("*/*/truth.jsonl")):
        requests = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        truth = {request["mid"]: request for request in requests if request.get("out") and request.get("t_first")}
        for call in read_inputs([str(path.parent / "projects")]).calls:
            request = truth.get(call.message_id or "")
            if request is None or not call.blocks:
                continue
            calls.append(_coarsened(call))
            first.append(request["t_first"] - request["t_req"])
            decode_s = request["t_end"] - request["t_first"]
            speed.append((request["out"] - 1) / decode_s if decode_s >= 0.25 else np.nan)
    return Drawn(calls, np.array(first), np.array(speed))


def _coarsened(call: Call) -> Call:
    return replace(
        call, model="recorded", headers_at=None, first_output_at=None, first_output_source=None,
        last_output_at=call.blocks[-1].end_at, last_output_source="last_block_end",
        blocks=tuple(replace(block, start_at=None, tokens=None) for block in call.blocks),
    )  # fmt: skip
