"""All shared logs at once: each file is claimed by one reader or by none, and agents stay apart."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from latprof.formats import Source, formats
from latprof.ingest import Reading, read_inputs
from latprof.model import Call

Record = dict[str, Any]

# What lies beside the logs and holds no calls: the server's own record, settings, states, summaries, licences.
NO_LOGS = re.compile(
    r"(?:^|/)(?:truth|turns|aborts|arrivals)\.jsonl$|/README\.md$|/LICENSE$|\.meta\.json$|(?:/|\.)state\.json$"
    r"|/logs\.json$|\.compaction\.json$|/session\.json$|/\d+_\w{5}\.json$|fncall-llm-message\.json$"
    r"|opencode\.(?:db-shm|db-wal|log)$"
)


@pytest.fixture(scope="module")
def mixed(shared: Path) -> Reading:
    return read_inputs([str(shared / "corpus")])


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def records(path: Path) -> Iterator[Record]:
    """The objects of a file of lines."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


@pytest.mark.parametrize("part", ["corpus", "truth"])
def test_every_file_with_calls_is_claimed_by_exactly_one_reader(shared: Path, part: str) -> None:
    """The others by none, and each of those is known by its name."""
    known = formats()
    for path in files_below(shared / part):
        head = Source.from_path(path).head()
        claims = [item.name for item in known if item.sniff(str(path), head)]
        assert len(claims) == (0 if NO_LOGS.search(path.as_posix()) else 1), (path, claims)


@pytest.mark.parametrize("part", ["corpus", "truth"])
def test_the_files_are_counted(shared: Path, mixed: Reading, part: str) -> None:
    """As logs, as something else, or not looked at because of their names."""
    paths = files_below(shared / part)
    suffixes = tuple({suffix for item in formats() for suffix in item.suffixes})
    looked_at = [path for path in paths if path.name.endswith(suffixes)]
    logs = [path for path in paths if not NO_LOGS.search(path.as_posix())]
    reading = mixed if part == "corpus" else read_inputs([str(shared / part)])
    assert set(logs) <= set(looked_at)
    assert (reading.files, reading.files_of_others) == (len(logs), len(looked_at) - len(logs))
    assert sum(reading.formats.values()) == len(logs)


def claude_code(folder: Path) -> set[tuple[str, str | None]]:
    """Messages of the model by their ids, those inside progress lines included."""
    found = set()
    for path in folder.rglob("*.jsonl"):
        for line in records(path):
            inner = line.get("data", {}).get("message", {}) if line.get("type") == "progress" else line
            message = inner.get("message", {})
            if inner.get("type") == "assistant" and message.get("model") != "<synthetic>":
                found.add((message["id"], inner.get("requestId")))
    return found


def codex(folder: Path) -> list[Record]:
    """Running sums of tokens that changed, where something was generated."""
    found = []
    for path in folder.rglob("rollout-*.jsonl"):
        before = None
        for payload in (line.get("payload") or {} for line in records(path)):
            info = payload.get("info") if payload.get("type") == "token_count" else None
            if info and info["total_token_usage"] != before:
                before = info["total_token_usage"]
                found += [info] if info["last_token_usage"]["output_tokens"] > 0 else []
    return found


def gemini_cli(folder: Path) -> tuple[set[str], dict[str, int]]:
    """Replies by their ids, and of each how many more replies its later batches of tools stand for."""
    replies: set[str] = set()
    more: dict[str, int] = defaultdict(int)
    for path in folder.rglob("*.json"):
        for message in json.loads(path.read_bytes())["messages"]:
            if message["type"] == "gemini":
                replies.add(message["id"])
                stamps = {tool["timestamp"] for tool in message.get("toolCalls", [])}
                more[message["id"]] = max(more[message["id"]], len(stamps) - 1)
    return replies, more


def kimi_code(folder: Path) -> int:
    """Ends of steps with their usage, and calls on behalf of the session."""
    found = 0
    for path in folder.rglob("*.jsonl"):
        for line in records(path):
            event = line.get("event", {})
            found += event.get("type") == "step.end" and bool(event.get("usage"))
            found += line["type"] == "usage.record" and line["usageScope"] == "session"
    return found


def openhands(folder: Path) -> int:
    """Stated latencies of runs, and one call for each file of a completion."""
    runs = [line for path in folder.rglob("output.jsonl") for line in records(path)]
    latencies = sum(len((run.get("metrics") or {}).get("response_latencies", [])) for run in runs)
    return latencies + len(list(folder.rglob("*llm-logs/*.json")))


def pi(folder: Path) -> int:
    """Answers of the model that ended by themselves or hold something."""
    messages = [line.get("message", {}) for path in folder.rglob("*.jsonl") for line in records(path)]
    answers = [message for message in messages if message.get("role") == "assistant"]
    return sum(answer["stopReason"] in {"stop", "toolUse"} or bool(answer["content"]) for answer in answers)


def qwen_code(folder: Path) -> set[str]:
    """Responses by their ids."""
    events = (
        line.get("systemPayload", {}).get("uiEvent", {}) for path in folder.rglob("*.jsonl") for line in records(path)
    )
    return {event["response_id"] for event in events if event.get("event.name") == "qwen-code.api_response"}


def load_tests(folder: Path) -> int:
    """Requests with a first token, of the four tools; runs of which most failed are left out."""
    found = sum(1 for path in folder.rglob("profile_export.jsonl") for _ in records(path))
    for path in (folder / "llmperf").rglob("individual/*.json"):
        requests = json.loads(path.read_bytes())
        good = sum(request["ttft_s"] > 0 for request in requests)
        found += good if 2 * good >= len(requests) else 0
    for path in (folder / "lmbench-exp-2").rglob("*.csv"):
        with path.open(newline="") as stream:
            found += sum(1 for _ in csv.DictReader(stream))
    for path in (folder / "vllm-bench").rglob("*.json"):
        result = json.loads(path.read_bytes())
        pairs = zip(result["ttfts"], result["output_lens"], strict=True)
        found += sum(ttft > 0 and length > 0 for ttft, length in pairs)
    return found


def test_all_mixed_together_agents_stay_apart_with_as_many_calls_as_counted(shared: Path, mixed: Reading) -> None:
    """Each agent against a plain count of its own files; nothing of one agent is joined with another's."""
    corpus = shared / "corpus"
    replies, more = gemini_cli(corpus / "gemini-cli")
    counts = Counter(call.agent for call in mixed.calls)
    without_tokens = sum(call.agent == "codex" and call.output_tokens is None for call in mixed.calls)
    assert without_tokens == 2  # a compaction, and an answer whose usage was not logged
    messages = json.loads(next((corpus / "cline-sdk").rglob("*.messages.json")).read_bytes())["messages"]
    assert counts == {
        "claude-code": len(claude_code(corpus / "claude-code")),
        "cline": sum(message["role"] == "assistant" for message in messages),
        "codex": len(codex(corpus / "codex")) + without_tokens,
        "gemini-cli": len(replies) + sum(more.values()),
        "kimi-code": kimi_code(corpus / "kimi-code"),
        "load-test": load_tests(corpus / "benchmarks"),
        "openhands": openhands(corpus / "openhands"),
        "pi": pi(corpus / "pi"),
        "qwen-code": len(qwen_code(corpus / "qwen-code")),
    }
    assert mixed.joined == 0


def test_each_agent_alone_gives_the_same_calls(shared: Path, mixed: Reading) -> None:
    """What lies beside a log changes nothing in it."""
    alone: list[Call] = []
    for folder in sorted((shared / "corpus").iterdir()):
        alone += read_inputs([str(folder)]).calls
    assert Counter(map(repr, alone)) == Counter(map(repr, mixed.calls))


SECOND_SOURCES = {
    "gemini-cli/0.61.0": ({"chats": 62, "telemetry": 9}, 62, 9),
    "qwen-code/0.24.4": ({"projects": 69, "telemetry": 8}, 69, 16),
    "cline/3.0.65": ({"sessions": 45, "stdout": 45}, 45, 45),
}


@pytest.mark.parametrize("case", SECOND_SOURCES)
def test_two_sources_of_recorded_calls_are_one(shared: Path, case: str) -> None:
    """Each alone, and both: no call is counted twice and none is lost; telemetry of Qwen Code has two records."""
    parts, calls, joined = SECOND_SOURCES[case]
    folder = shared / "truth" / case
    assert {name: len(read_inputs([str(folder / name)]).calls) for name in parts} == parts
    both = read_inputs([str(folder)])
    assert (len(both.calls), both.joined) == (calls, joined)


def test_telemetry_betters_the_instants_of_a_session_log(shared: Path) -> None:
    """Gemini CLI's outfile is the better witness of some instants, and takes nothing away."""
    folder = shared / "truth" / "gemini-cli" / "0.61.0"
    alone = {call.call_id: call for call in read_inputs([str(folder / "chats")]).calls}
    both = {call.call_id: call for call in read_inputs([str(folder)]).calls}
    assert both.keys() == alone.keys()
    changed = [name for name in both if both[name] != alone[name]]
    assert len(changed) == 9
    for name, call in both.items():
        assert (call.output_tokens, call.trigger) == (alone[name].output_tokens, alone[name].trigger)
        assert abs((call.last_output_at or 0) - (alone[name].last_output_at or 0)) < 0.05
