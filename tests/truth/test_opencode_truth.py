"""The real OpenCode against a scripted server: each request found once, with its instants and tokens."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from latprof.formats import Source
from latprof.formats.opencode import FORMAT
from latprof.model import Call, Problem

Truth = dict[str, Any]


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    place = shared / "truth" / "opencode" / "1.18.33"
    if not place.is_dir():
        pytest.skip("no recordings of OpenCode")
    return place


@pytest.fixture(scope="module")
def found(folder: Path) -> list[Call | Problem]:
    return list(FORMAT.read(Source.from_path(folder / "db" / "opencode.db")))


@pytest.fixture(scope="module")
def calls(found: list[Call | Problem]) -> list[Call]:
    return [item for item in found if isinstance(item, Call)]


@pytest.fixture(scope="module")
def truth(folder: Path) -> list[Truth]:
    """Requests of the agent itself, without titles, which are in no store."""
    lines = (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["main"]]


def matched(calls: list[Call], truth: list[Truth]) -> Iterator[tuple[Call, Truth]]:
    """Each answered request with the call that was first shown nearest to its first output."""
    for record in truth:
        if record["status"] == 200:
            yield min(calls, key=lambda call: abs((call.first_output_at or 0) - record["t_first"])), record


def is_whole(record: Truth, end: float) -> bool:
    """Neither cut by the server nor under way when the user stopped it."""
    return not record.get("cut") and not (record["run"] == "abort" and record["t_end"] > end)


def spread(errors: list[float]) -> tuple[float, float]:
    ordered = sorted(errors)
    return ordered[round(0.05 * (len(ordered) - 1))], ordered[round(0.95 * (len(ordered) - 1))]


def test_each_answered_request_is_one_call(calls: list[Call], truth: list[Truth], found: list[Call | Problem]) -> None:
    """None twice, none invented: the one request more is the one that was stopped before the server noted it."""
    pairs = list(matched(calls, truth))
    assert len({call.call_id for call, _ in pairs}) == len(pairs)
    assert len(calls) - len(pairs) == sum("interrupted" in call.flags and call.trigger != "retry" for call in calls) - 1
    assert not [item for item in found if isinstance(item, Problem)]


def test_tokens_are_the_servers(calls: list[Call], truth: list[Truth]) -> None:
    """To the token, reasoning inside the output, cached input inside the input."""
    for call, record in matched(calls, truth):
        if record.get("cut"):
            assert (call.output_tokens, "interrupted" in call.flags) == (None, True)
            continue
        usage = record["usage"]
        assert call.output_tokens == usage["output"]
        assert call.input_tokens == usage["input"]
        assert call.cache_read_tokens == usage["cached"]
        assert call.reasoning_tokens in {usage["reasoning"], None}
        assert call.output_tokens_source == "usage"
        assert call.model == record["model"]


def test_triggers(calls: list[Call], truth: list[Truth], folder: Path) -> None:
    """A process begins with a prompt; what follows a lost connection is its repetition; the rest are results."""
    turns = [json.loads(line) for line in (folder / "turns.jsonl").read_text(encoding="utf-8").splitlines()]
    first = {
        min((record for record in truth if record["t_req"] > turn["t_start"]), key=lambda r: r["t_req"])["tag"]
        for turn in turns
    }
    for call, record in matched(calls, truth):
        expected = {"user"} if record["tag"] in first else {"tool_result", "retry"}
        assert call.trigger in expected
        assert ("first_of_process" in call.flags) == (record["tag"] in first)
    assert sum(call.trigger == "retry" for call in calls) == 1


def test_failed_attempts_are_counted_and_cut_answers_never_good(calls: list[Call], truth: list[Truth]) -> None:
    """A refusal and a server error, each before an answer of the same message."""
    assert sum((call.attempts or 1) - 1 for call in calls) == sum(record["status"] != 200 for record in truth) == 2
    assert sum("retried" in call.flags for call in calls) == 2
    assert sum("interrupted" in call.flags for call in calls) == 2
    assert all(call.output_tokens is None for call in calls if "interrupted" in call.flags)


def test_send_times_of_the_text_log(calls: list[Call], truth: list[Truth]) -> None:
    """A line just before the request: 5 to 95 of 100 within 100 ms on a busy machine, the median within 20 ms."""
    errors = [call.sent_at - record["t_req"] for call, record in matched(calls, truth)
              if call.sent_at is not None and call.sent_source == "request_sent_wall"]  # fmt: skip
    assert len(errors) == 69
    low, high = spread(errors)
    assert low > -0.1
    assert high < 0
    assert abs(sorted(errors)[len(errors) // 2]) < 0.02


def test_first_outputs(calls: list[Call], truth: list[Truth]) -> None:
    """Calls that are not a process's first: 5 to 95 of 100 within 90 ms, the median within 15 ms."""
    errors = [call.first_output_at - record["t_first"] for call, record in matched(calls, truth)
              if call.first_output_at is not None and call.first_output_source == "block_start"]  # fmt: skip
    assert len(errors) == 72
    low, high = spread(errors)
    assert low > 0
    assert high < 0.09
    assert sorted(errors)[len(errors) // 2] < 0.015


def test_times_to_first_token(calls: list[Call], truth: list[Truth]) -> None:
    """Both ends: the median within 30 ms, yet one in ten further than what is called exact may be: a bound."""
    errors = [call.first_output_at - call.sent_at - (record["t_first"] - record["t_req"])
              for call, record in matched(calls, truth)
              if call.first_output_at is not None and call.sent_at is not None
              and (call.first_output_source, call.sent_source) == ("block_start", "request_sent_wall")]  # fmt: skip
    assert abs(sorted(errors)[len(errors) // 2]) < 0.03
    assert 0.05 < spread(errors)[1] < 0.15
    assert min(errors) > 0


def test_bounds_hold(calls: list[Call], truth: list[Truth]) -> None:
    """What is called early is never late by more than 1 ms, what is called late never early."""
    for call, record in matched(calls, truth):
        if record.get("cut") or call.last_output_at is None or call.sent_at is None:
            continue
        assert call.last_output_at > record["t_end"] - 0.001
        assert call.sent_at < record["t_req"] + 0.001
        assert call.blocks[0].end_at is not None
        assert call.blocks[0].end_at > record["t_first"]


def test_ends_of_services_that_mark_their_blocks(calls: list[Call], truth: list[Truth]) -> None:
    """Anthropic's messages and OpenAI's responses: 18 of 20 within 50 ms, the others within 110 ms."""
    errors = [call.last_output_at - record["t_end"] for call, record in matched(calls, truth)
              if call.last_output_at is not None and call.last_output_source == "last_block_end"]  # fmt: skip
    assert len(errors) == 20
    assert sum(error < 0.05 for error in errors) >= 18
    assert max(errors) < 0.11


def test_counts_agree_with_the_tables(calls: list[Call], folder: Path, tmp_path: Path) -> None:
    """Messages, sessions and tokens as SQLite itself gives them, from a copy."""
    for path in (folder / "db").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with closing(sqlite3.connect(tmp_path / "opencode.db")) as connection:
        answers = connection.execute(
            "SELECT count(*), count(DISTINCT session_id), sum(data->>'tokens.output'), "
            "sum(data->'$.tokens.output' + data->'$.tokens.reasoning') FROM message WHERE data->>'role'='assistant'"
        ).fetchone()
    assert len(calls) == answers[0]
    assert len({call.session_id for call in calls}) == answers[1]
    assert sum(call.output_tokens or 0 for call in calls) == answers[3]


def test_reading_leaves_the_recording_alone(folder: Path) -> None:
    """The size and time of each file."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    list(FORMAT.read(Source.from_path(folder / "db" / "opencode.db")))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
