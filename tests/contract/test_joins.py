"""An export beside the logs that it came from adds no call and changes none, whatever the format."""

from __future__ import annotations

from pathlib import Path

import pytest

from latprof.ingest import read_inputs
from latprof.report.export import export_calls
from latprof.trace import Trace
from round_trip import assert_same

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
CASES = sorted(path.parent for path in FIXTURES.glob("*/*/input"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_an_export_beside_its_logs_adds_nothing(case: Path, kind: str, tmp_path: Path) -> None:
    """Each call once, with all that the logs tell of it."""
    calls = read_inputs([str(case / "input")]).calls
    (tmp_path / f"calls.{kind}").write_bytes(export_calls(Trace.from_calls(calls), kind))
    both = read_inputs([str(case / "input"), str(tmp_path)])
    assert len(both.calls) == len(calls)
    if calls:
        assert_same(Trace.from_calls(calls), Trace.from_calls(both.calls))
