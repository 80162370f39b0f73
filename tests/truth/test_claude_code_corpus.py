"""Real sessions against an independent count, written straight from the format's description."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from latprof.ingest import Reading, read_inputs

Key = tuple[str, str | None]


@pytest.fixture(scope="module")
def corpus(shared: Path) -> Path:
    return shared / "corpus" / "claude-code"


@pytest.fixture(scope="module")
def reading(corpus: Path) -> Reading:
    return read_inputs([str(corpus)])


def _assistant_lines(corpus: Path) -> dict[Key, list[dict[str, Any]]]:
    """All lines of each response, copies by uuid left out, embedded ones included."""
    groups: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    seen: set[str] = set()
    for path in sorted(item for item in corpus.rglob("*") if item.name.endswith(".jsonl")):
        for raw in path.read_bytes().splitlines():
            try:
                line = json.loads(raw)
            except ValueError:
                continue
            if line.get("type") == "progress" and line["data"].get("type") == "agent_progress":
                line = {**line["data"]["message"], "sessionId": line.get("sessionId"), "side": True}
            if line.get("type") != "assistant" or line["message"].get("model") == "<synthetic>":
                continue
            if line["uuid"] not in seen:
                seen.add(line["uuid"])
                groups[line["message"]["id"], line.get("requestId")].append(line)
    return groups


def _final_tokens(lines: list[dict[str, Any]]) -> int | None:
    """The count by stop reason, by change between lines, or by its fit to the visible text."""
    counts = [line["message"]["usage"]["output_tokens"] for line in lines]
    if any(line["message"].get("stop_reason") for line in lines) or len(set(counts)) > 1:
        return max(counts) or None
    visible = 0
    for block in (block for line in lines for block in line["message"]["content"]):
        text = block.get("text") or block.get("thinking") or ""
        compact = json.dumps(block["input"], separators=(",", ":"), ensure_ascii=False) if "input" in block else ""
        visible += len(text) + len(compact)
    return max(counts) if visible > 400 and max(counts) >= 0.5 * visible / 4 else None


def test_all_files_are_read(reading: Reading) -> None:
    """102 files, one damaged line, nothing else wrong."""
    assert reading.files == 102
    assert reading.problem_counts() == {"bad_line": 1}


def test_calls_are_those_of_the_independent_count(corpus: Path, reading: Reading) -> None:
    """Each message with its request is one call, embedded ones included."""
    assert {(call.message_id, call.request_id) for call in reading.calls} == set(_assistant_lines(corpus))
    assert len(reading.calls) == len(_assistant_lines(corpus))


def test_sessions_are_those_of_the_independent_count(corpus: Path, reading: Reading) -> None:
    """Sessions by id over the lines of calls; no call of this corpus stands in two sessions."""
    sessions = {lines[0]["sessionId"] for lines in _assistant_lines(corpus).values()}
    assert {call.session_id for call in reading.calls} == sessions


def test_input_tokens_are_those_of_the_independent_count(corpus: Path, reading: Reading) -> None:
    """Input counts once per call: the largest of its lines, cached parts included."""
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    expected = dict.fromkeys(names, 0)
    for lines in _assistant_lines(corpus).values():
        for name in names:
            expected[name] += max(line["message"]["usage"].get(name, 0) for line in lines)
    assert sum(call.input_tokens or 0 for call in reading.calls) == sum(expected.values())
    assert sum(call.cache_read_tokens or 0 for call in reading.calls) == expected["cache_read_input_tokens"]
    assert sum(call.cache_write_tokens or 0 for call in reading.calls) == expected["cache_creation_input_tokens"]


def test_final_output_tokens_are_those_of_the_independent_count(corpus: Path, reading: Reading) -> None:
    """The same calls are final with the same counts; only cut calls are taken out."""
    expected = {key: _final_tokens(lines) for key, lines in _assistant_lines(corpus).items()}
    for call in reading.calls:
        if "interrupted" in call.flags:
            assert call.output_tokens is None
        else:
            assert call.output_tokens == expected[call.message_id or "", call.request_id], call.message_id
    share = sum(call.output_tokens is not None for call in reading.calls) / len(reading.calls)
    assert share == pytest.approx(sum(1 for value in expected.values() if value) / len(expected), abs=0.005)


def test_nearly_every_call_has_a_trigger_and_a_send_time(reading: Reading) -> None:
    """Real chains are whole: unknown triggers stay below 0.5 %."""
    unknown = sum(call.trigger == "unknown" or call.sent_at is None for call in reading.calls)
    assert unknown / len(reading.calls) < 0.005
