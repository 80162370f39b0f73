"""What `export` wrote is analysed like the logs it came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli_run import Run

LOGS = str(Path(__file__).resolve().parents[2] / "fixtures" / "claude-code")
PI = str(Path(LOGS).parent / "pi")


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet"])
def test_an_analysis_of_an_export_is_that_of_its_logs(run: Run, name: str) -> None:
    """Every figure of every group, and no more calls when both are given."""
    assert run("export", LOGS, "-o", f"calls.{name}").returncode == 0
    one, two, both = (
        json.loads(run("analyze", *paths, "--json").stdout)
        for paths in ([LOGS], [f"calls.{name}"], [LOGS, f"calls.{name}"])
    )
    for key in ("calls", "sessions", "since", "until"):
        assert one[key] == two[key] == both[key]
    assert both["metrics"] == one["metrics"]
    found = {_row(entry): entry for entry in two["metrics"]}
    for entry in one["metrics"]:
        # A table knows no times inside a call.
        if name != "csv" or entry["kind"] not in {"as_logged", "estimate"}:
            again = found[_row(entry)]
            assert (again["n"], again["coverage"], again["sessions"]) == (
                entry["n"],
                entry["coverage"],
                entry["sessions"],
            )
            for share, value in entry["quantiles"].items():
                expected = None if value is None else pytest.approx(value, rel=1e-4)
                assert again["quantiles"][share] == expected, _row(entry)


def _row(entry: dict[str, object]) -> str:
    return json.dumps([entry["metric"], entry["kind"], entry["group"]], sort_keys=True)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.ndjson", b'{"'), ("a.JSONL", b'{"'), ("a.pq", b"PAR1"),
        ("a.txt", b"agent,"), ("calls", b"agent,"), ("a.CSV", b"agent,"),
    ],
)  # fmt: skip
def test_the_name_of_the_file_says_the_format(run: Run, tmp_path: Path, name: str, start: bytes) -> None:
    """Its usual other endings do, too, in any case."""
    assert run("export", PI, "-o", name).returncode == 0
    assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize("name", ["a.json", "a.csv.gz", "a.xlsx"])
def test_a_name_that_promises_another_format_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    """A table of commas under that name would be a surprise later; who names the format gets it."""
    done = run("export", PI, "-o", name)
    assert (done.returncode, (tmp_path / name).exists()) == (2, False)
    assert b"which is no format here: give --format (csv, jsonl, parquet" in done.stderr
    assert run("export", PI, "-o", name, "--format", "csv").returncode == 0
