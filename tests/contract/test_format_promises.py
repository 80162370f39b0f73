"""What every log format promises beyond its expected calls, without code per format."""

from __future__ import annotations

import gzip
import math
import os
import pickle
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard

from latprof.errors import NothingReadable
from latprof.formats import Format, Source, formats
from latprof.formats.base import SNIFF_BYTES
from latprof.ingest import read_inputs
from latprof.ingest.find import default_roots
from latprof.ingest.one_file import claimed_by
from latprof.metrics import METRICS
from latprof.model import (
    FIRST_OUTPUT_SOURCES,
    FLAGS,
    KINDS,
    LAST_OUTPUT_SOURCES,
    OUTPUT_TOKENS_SOURCES,
    PROBLEMS,
    SENT_SOURCES,
    TRIGGERS,
    Call,
    Problem,
)
from latprof.report.export import records
from latprof.schema import ApiCall
from latprof.trace import Trace

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
CUTS = 40
CASES = sorted(path.parent for path in FIXTURES.glob("*/*/input"))


def logs_of(item: Format) -> list[Path]:
    """The files of the format's fixtures that it claims; what lies beside them belongs to them."""
    files = sorted(path for path in (FIXTURES / item.name).glob("*/input/**/*") if path.is_file())
    ours = [path for path in files if path.name.endswith(item.suffixes)]
    return [path for path in ours if item.sniff(str(path), Source.from_path(path).head())]


LOGS = [(item, path) for item in formats() for path in logs_of(item)]


def ids(value: object) -> str:
    return "/".join(value.parts[-3:]) if isinstance(value, Path) else str(getattr(value, "name", value))


each_log = pytest.mark.parametrize(("item", "path"), LOGS, ids=ids)
each_log_of_lines = pytest.mark.parametrize(
    ("item", "path"), [(item, path) for item, path in LOGS if item.shape == "lines"], ids=ids
)
each_format = pytest.mark.parametrize("item", formats(), ids=ids)


def beside(path: Path) -> dict[str, bytes]:
    """The other files of a fixture, by their path relative to this one's folder."""
    top = next(parent for parent in path.parents if parent.name == "input")
    others = (other for other in sorted(top.rglob("*")) if other.is_file() and other != path)
    return {os.path.relpath(other, path.parent): other.read_bytes() for other in others}


def items_of(item: Format, data: bytes, path: Path) -> list[Call | Problem]:
    return list(item.read(Source.from_bytes(data, str(path), beside(path))))


def calls_of(item: Format, data: bytes, path: Path) -> dict[str, Call]:
    return {call.call_id: call for call in items_of(item, data, path) if isinstance(call, Call)}


@each_format
def test_a_format_declares_what_the_documents_show(item: Format) -> None:
    """A name for options, a title for people, places, suffixes with a dot, metrics that exist."""
    assert item.name == item.name.lower().replace(" ", "-")
    assert item.title
    assert item.agent is None or item.agent
    assert item.suffixes
    assert all(suffix.startswith(".") for suffix in item.suffixes)
    assert item.observes.keys() <= {metric.key for metric in METRICS}
    assert item.since.keys() <= item.observes.keys()
    assert bool(item.refusal) == (not item.observes)
    assert all(name.isupper() for name in item.env_roots)


def test_names_of_formats_are_unique_and_sorted() -> None:
    """They are keys."""
    names = [item.name for item in formats()]
    assert names == sorted(set(names))
    assert names


@each_format
def test_the_declared_places_are_searched(item: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each root below a home folder, when it is there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for name in item.env_roots:
        monkeypatch.delenv(name, raising=False)
    for root in item.roots:
        place = tmp_path / root.removeprefix("~/").replace("**", "a/b").replace("*", "x").replace("?", "y")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch() if place.suffix in item.suffixes else place.mkdir(exist_ok=True)
        assert place in default_roots([item])
    for name, below in item.env_roots.items():
        moved = tmp_path / "moved" / below.replace("**", "a/b").replace("*", "x").replace("?", "y")
        moved.parent.mkdir(parents=True, exist_ok=True)
        moved.touch() if moved.suffix in item.suffixes else moved.mkdir(exist_ok=True)
        monkeypatch.setenv(name, str(tmp_path / "moved"))
        assert moved in default_roots([item])
        monkeypatch.delenv(name)


@each_log
def test_a_log_is_claimed_by_its_head_alone(item: Format, path: Path) -> None:
    """With the first 64 KiB or all of it; and by no other format. Where one file is one log, whatever its name."""
    data = path.read_bytes()
    heads = [Source.from_path(path).head()] if item.shape == "database" else [data[:SNIFF_BYTES], data]
    names = [str(path)] if beside(path) else [str(path), "-", "other.txt"]
    for head in heads:
        for name in names:
            assert [known.name for known in formats() if known.sniff(name, head)] == [item.name]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\n", b"{}", b"[]", b"null", b"{}\n" * 100, b'{"type": "user"}\n', b"\x00" * 5000, b"\xff\xfe{\x00}\x00",
        b'{"type":"session_meta","payload":{}}\n{"type":"response_item","payload":{"type":"message"}}\n',
        b'{"role":"assistant","content":[{"type":"text","text":"hi"}],"uuid":"1"}\n',
        b'{"level":"info","ts":1700000000,"msg":"started"}\n', b"a,b\n1,2\n", b"<html></html>", b"{" * 100_000,
        b'{"type":"assistant","message":{"id":"msg_1","usage":{}}}\n',
    ],
)  # fmt: skip
def test_what_is_no_log_is_claimed_by_no_format(data: bytes) -> None:
    """Nothing, other formats, near misses; looking never raises."""
    assert [item.name for item in formats() if item.sniff("x.jsonl", data[:SNIFF_BYTES])] == []


@each_log
def test_reading_is_a_function_of_the_bytes(item: Format, path: Path) -> None:
    """From a file or from memory, again and again, packed or not: equal calls and problems."""
    data = path.read_bytes()
    once = items_of(item, data, path)
    assert list(item.read(Source.from_path(path))) == once
    for packed in (gzip.compress(data), zstandard.compress(data)):
        assert items_of(item, packed, path) == once
    assert items_of(item, data, path) == once


@each_log
def test_calls_can_be_sent_to_other_processes(item: Format, path: Path) -> None:
    """Any engine can map the reader over files: its results pickle."""
    once = items_of(item, path.read_bytes(), path)
    assert pickle.loads(pickle.dumps(once)) == once  # noqa: S301 - its own bytes


@each_log
def test_every_cut_keeps_the_calls_that_were_complete(item: Format, path: Path) -> None:
    """Cut at forty places: never an exception, never a new call, at most one problem with the last line."""
    data = path.read_bytes()
    whole = calls_of(item, data, path)
    broken_anyway = sum(isinstance(found, Problem) for found in items_of(item, data, path))
    for step in range(CUTS + 1):
        cut = data[: len(data) * step // CUTS]
        found = items_of(item, cut, path)
        calls = {call.call_id for call in found if isinstance(call, Call)}
        assert calls <= whole.keys()
        cut_lines = [problem for problem in found if isinstance(problem, Problem) and problem.kind == "cut_line"]
        assert len(cut_lines) <= 1 + broken_anyway
        if item.shape == "lines":
            assert all(problem.line == cut.count(b"\n") + 1 for problem in cut_lines)
            assert len(found) - len(calls) <= broken_anyway + 2
    assert len(whole) == len(calls)


@each_log_of_lines
def test_lines_in_another_order_still_read(item: Format, path: Path) -> None:
    """Several processes may write one file; nothing raises and no call appears from nowhere."""
    data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    whole = calls_of(item, data, path)
    for seed in range(3):
        random.Random(seed).shuffle(lines)  # noqa: S311 - must repeat
        assert calls_of(item, b"".join(lines), path).keys() <= whole.keys()


@each_log_of_lines
def test_a_log_written_twice_into_one_file_has_each_call_once(item: Format, path: Path) -> None:
    """As an interrupted copy leaves it."""
    data = path.read_bytes()
    once = items_of(item, data, path)
    twice = items_of(item, data + data, path)
    assert Counter(c.call_id for c in twice if isinstance(c, Call)) == Counter(
        c.call_id for c in once if isinstance(c, Call)
    )


@each_log
def test_calls_use_only_declared_words(item: Format, path: Path) -> None:
    """Triggers, sources and flags are those of the model, flags once and in its order."""
    for call in calls_of(item, path.read_bytes(), path).values():
        assert call.agent
        assert item.agent in {None, call.agent}
        assert call.trigger in TRIGGERS
        assert call.sent_source in {*SENT_SOURCES, None}
        assert call.first_output_source in {*FIRST_OUTPUT_SOURCES, None}
        assert call.last_output_source in {*LAST_OUTPUT_SOURCES, None}
        assert call.output_tokens_source in {*OUTPUT_TOKENS_SOURCES, None}
        assert [flag for flag in FLAGS if flag in call.flags] == list(call.flags)


@each_log
def test_problems_are_counted_kinds_without_text(item: Format, path: Path) -> None:
    """Each kind has words for the report; the detail is one of a few fixed texts."""
    data = path.read_bytes()
    damaged = data[: len(data) // 2] + b'\n{"secret": \n"secret"\n[1]\n{"type": "assistant"}\n' + data[len(data) // 2 :]
    for found in (items_of(item, data, path), items_of(item, damaged, path)):
        for problem in (entry for entry in found if isinstance(entry, Problem)):
            assert problem.kind in PROBLEMS
            assert "secret" not in problem.detail
            assert FIXTURES in Path(problem.path).parents


@each_log
def test_sources_and_values_come_together(item: Format, path: Path) -> None:
    """A value says how it was seen, and nothing is said of a value that is not there."""
    for call in calls_of(item, path.read_bytes(), path).values():
        for name in ("sent", "first_output", "last_output"):
            assert (getattr(call, f"{name}_at") is None) == (getattr(call, f"{name}_source") is None), name
        assert (call.output_tokens is None) == (call.output_tokens_source is None)


@each_log
def test_counts_make_sense(item: Format, path: Path) -> None:
    """Parts are not more than the whole; what was generated is not 0; attempts are at least one."""
    for call in calls_of(item, path.read_bytes(), path).values():
        parts = [call.cache_read_tokens, call.cache_write_tokens]
        assert call.input_tokens is None or sum(part or 0 for part in parts) <= call.input_tokens
        assert call.output_tokens is None or call.output_tokens > 0
        assert call.reasoning_tokens is None or call.reasoning_tokens <= (call.output_tokens or 0)
        assert call.attempts is None or call.attempts >= 1
        assert (call.attempts or 1) == 1 or "retried" in call.flags


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_instants_of_calls_and_blocks_are_in_order_unless_flagged(case: Path) -> None:
    """Sent, first token, first block, end; each block starts before it ends and after the one before it."""
    tolerance = 0.05
    for call in read_inputs([str(case / "input")]).calls:
        if not call.durations_usable:
            continue
        instants = [call.sent_at, call.first_output_at, call.first_block_at, call.last_output_at]
        for block in call.blocks:
            instants_of_block = [block.start_at, block.end_at, block.result_at]
            known = [at for at in instants_of_block if at is not None]
            assert all(later >= earlier - tolerance for earlier, later in pairwise(known)), call.call_id
        known = [at for at in instants if at is not None]
        assert all(later >= earlier - tolerance for earlier, later in pairwise(known)), call.call_id


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_no_call_has_a_metric_that_its_format_does_not_observe(case: Path) -> None:
    """Every declared metric, of every kind."""
    item = next(known for known in formats() if known.name == case.parent.name)
    trace = Trace.from_calls(read_inputs([str(case / "input")]).calls)
    for metric in METRICS:
        declared = item.observes.get(metric.key, "").split(" or ")
        for kind, values in metric.values(trace).items():
            assert kind in KINDS
            assert kind in declared or all(math.isnan(value) for value in values), (metric.key, kind)


@each_format
def test_what_a_format_says_it_observes_is_seen_in_a_fixture(item: Format) -> None:
    """The support table in the documents is made from it."""
    trace = Trace.from_calls(read_inputs([str(FIXTURES / item.name)]).calls)
    seen: dict[str, str] = {}
    for metric in METRICS:
        kinds = [kind for kind, values in metric.values(trace).items() if not all(math.isnan(v) for v in values)]
        if kinds:
            seen[metric.key] = " or ".join(kinds)
    assert seen == dict(item.observes)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_every_call_of_a_fixture_obeys_the_public_schema(case: Path) -> None:
    """As exported."""
    for record in records(Trace.from_calls(read_inputs([str(case / "input")]).calls)):
        assert ApiCall.model_validate(record).agent


@each_format
def test_an_input_that_cannot_be_opened_is_a_problem(item: Format, tmp_path: Path) -> None:
    """The reader itself never raises, even if the file goes away after it was found."""
    (problem,) = list(item.read(Source.from_path(tmp_path / "gone.jsonl")))
    assert isinstance(problem, Problem)
    assert problem.kind == ("no_call_times" if item.refusal else "unreadable")


def test_nothing_readable_is_the_only_error_of_reading(tmp_path: Path) -> None:
    """A folder whose only log cannot be opened: one sentence; a good one beside it: no error."""
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nothing")
    with pytest.raises(NothingReadable):
        read_inputs([str(tmp_path)])
    (tmp_path / "ok.jsonl").write_bytes(next(path for item, path in LOGS if item.name == "claude-code").read_bytes())
    assert read_inputs([str(tmp_path)]).calls


LONG_LINES = {
    "text": b"x" * 200_000,
    "nothing": b"\x00" * 200_000,
    "unknown": b'{"type":"of-tomorrow","data":"' + b"y" * 200_000 + b'"}',
    "cut": b'{"data":"' + b"y" * 200_000,
}
# Of a Codex log in the folder of sessions each line tells; of its oldest logs the first one alone.
OF_LINES = [
    (item, path)
    for item, path in LOGS
    if path.suffix == ".jsonl" and (item.shape == "lines" or "sessions" in path.parts)
]


@pytest.mark.parametrize(("item", "path"), OF_LINES, ids=ids)
@pytest.mark.parametrize("first", LONG_LINES.values(), ids=LONG_LINES)
def test_a_log_behind_a_very_long_line_is_found(item: Format, path: Path, first: bytes) -> None:
    """One that is longer than what a format is told by: the calls are those of the log without it."""
    own = path.read_bytes()
    data = first + b"\n" + own
    source = Source.from_bytes(data, str(path), beside(path))
    claimed = claimed_by(source, source.head(), formats())
    assert claimed is item
    assert calls_of(item, data, path).keys() == calls_of(item, own, path).keys()
