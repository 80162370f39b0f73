"""What every log format must do, without code per format."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from latprof.formats import Format, Source, formats
from latprof.ingest import read_inputs
from latprof.model import Call, Problem
from latprof.report.export import records
from latprof.trace import Trace

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
CASES = sorted(path.parent for path in FIXTURES.glob("*/*/input"))
SMALL_BYTES = 60_000
CUTS = 40
# Clocks of two processes, or a stamp and a duration, may disagree by so much, s.
ORDER_TOLERANCE_S = 0.05


def inputs(case: Path) -> list[Path]:
    return sorted(path for path in (case / "input").rglob("*") if path.is_file() and path.suffix != ".meta.json")


def format_of(case: Path) -> Format:
    return next(item for item in formats() if item.name == case.parent.name)


def calls_of(item: Format, data: bytes, path: Path) -> list[Call | Problem]:
    top = next(parent for parent in path.parents if parent.name == "input")
    others = (other for other in sorted(top.rglob("*")) if other.is_file() and other != path)
    beside = {os.path.relpath(other, path.parent): other.read_bytes() for other in others}
    return list(item.read(Source.from_bytes(data, str(path), beside)))


def logs(case: Path) -> Iterator[tuple[Format, Path, bytes]]:
    """The files of the case that its format claims; what lies beside them belongs to them."""
    item = format_of(case)
    for path in inputs(case):
        if path.name.endswith(item.suffixes) and item.sniff(str(path), Source.from_path(path).head()):
            yield item, path, path.read_bytes()


def ids(case: Path) -> str:
    return f"{case.parent.name}/{case.name}"


def test_every_format_has_fixtures() -> None:
    """A format without a fixture folder is not tested, so there is none."""
    assert {item.name for item in formats()} == {case.parent.name for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_each_fixture_says_where_it_comes_from(case: Path) -> None:
    """Real, recorded or made by hand: the README says it."""
    assert "Origin:" in (case / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_exactly_one_format_claims_each_log(case: Path) -> None:
    """Every file is claimed by the case's format or by none."""
    claimed = 0
    for path in inputs(case):
        names = [f.name for f in formats() if f.sniff(str(path), Source.from_path(path).head())]
        assert names in ([], [case.parent.name]), path
        claimed += bool(names)
    assert claimed


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_calls_are_the_expected_ones(case: Path, request: pytest.FixtureRequest) -> None:
    """All fields of all calls, as exported."""
    trace = Trace.from_calls(read_inputs([str(case / "input")]).calls)
    got = [orjson.loads(orjson.dumps(record)) for record in records(trace)]
    expected = case / "expected.ndjson"
    if request.config.getoption("--accept"):
        expected.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in got))
    assert got == [json.loads(line) for line in expected.read_text(encoding="utf-8").splitlines()]
    assert bool(got) != bool(format_of(case).refusal)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_reading_twice_or_a_copy_gives_the_same_calls(case: Path, tmp_path: Path) -> None:
    """Nothing is kept between files; a copy beside the original adds nothing."""
    once = read_inputs([str(case / "input")]).calls
    shutil.copytree(case / "input", tmp_path / "copy")
    twice = read_inputs([str(case / "input"), str(tmp_path)]).calls
    assert sorted(map(repr, twice)) == sorted(map(repr, once))


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_reading_changes_no_file(case: Path) -> None:
    """Logs are opened for reading only."""
    before = {path: hashlib.sha256(path.read_bytes()).digest() for path in inputs(case)}
    read_inputs([str(case / "input")])
    assert {path: hashlib.sha256(path.read_bytes()).digest() for path in inputs(case)} == before


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_every_cut_off_prefix_still_reads(case: Path) -> None:
    """A cut never raises, and gives no call that the whole log does not have."""
    for item, path, data in logs(case):
        whole = {call.call_id for call in calls_of(item, data, path) if isinstance(call, Call)}
        for cut in {len(data) * step // CUTS for step in range(CUTS)}:
            found = calls_of(item, data[:cut], path)
            assert {call.call_id for call in found if isinstance(call, Call)} <= whole


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_every_lost_line_still_reads(case: Path) -> None:
    """A lost line never raises, and where lines are independent it costs at most one call."""
    for item, path, data in logs(case):
        if len(data) > SMALL_BYTES or item.shape == "database":
            continue
        lines = data.splitlines(keepends=True)
        whole = {call.call_id for call in calls_of(item, data, path) if isinstance(call, Call)}
        for lost in range(len(lines)):
            found = calls_of(item, b"".join(lines[:lost] + lines[lost + 1 :]), path)
            lost_calls = whole - {call.call_id for call in found if isinstance(call, Call)}
            assert item.shape != "lines" or len(lost_calls) <= 1


def _in_order(instants: list[float | None]) -> bool:
    known = [instant for instant in instants if instant is not None]
    return all(later >= earlier - ORDER_TOLERANCE_S for earlier, later in pairwise(known))


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_instants_are_in_order_unless_flagged(case: Path) -> None:
    """Sent, first output, last output; blocks one after the other."""
    for call in read_inputs([str(case / "input")]).calls:
        if call.durations_usable:
            assert _in_order([call.sent_at, call.first_output_at, call.last_output_at]), call.call_id
            assert _in_order([block.end_at for block in call.blocks]), call.call_id


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_what_a_format_does_not_observe_is_none(case: Path) -> None:
    """The support table in the docs is made from `observes`, so it must hold."""
    observes = format_of(case).observes.keys()
    trace = Trace.from_calls(read_inputs([str(case / "input")]).calls)
    measured: dict[str, Any] = {
        name: trace.column(name)
        for name in ("ttft_s", "first_block_s", "wall_s", "decode_tps", "output_tokens", "reasoning_tokens", "tool_s")
    }
    for name, values in measured.items():
        assert name in observes or all(math.isnan(value) for value in values), name
