"""`latprof explain` and `analyze --method`, run as a user would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli_run import Run
from estimated_calls import made
from latprof.report.export import export_calls
from latprof.trace import Trace


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of 120 made-up calls, which is a log like any other."""
    path = tmp_path_factory.mktemp("calls") / "calls.jsonl"
    path.write_bytes(export_calls(Trace.from_calls(made(120).calls), "jsonl"))
    return path


def test_a_group_is_accounted_for(run: Run, calls: Path) -> None:
    """Used and left out make all calls; the figures stand beside the obvious formula."""
    (group,) = json.loads(run("explain", str(calls), "--json").stdout)["groups"]
    assert group["refused"] is None
    assert group["usable"] + sum(group["left_out"].values()) == group["calls"] == 120
    kinds = {(item["metric"], item["kind"]) for item in group["figures"]}
    assert {("ttft_s", "estimate"), ("first_block_s", "bound"), ("as_logged_ttft_s", "as_logged")} <= kinds
    assert {item["name"] for item in group["checks"]} == {
        "end of the response", "end of the first block", "time between blocks",
    }  # fmt: skip


def test_a_group_reads_well(run: Run, calls: Path) -> None:
    """Each part of the account has its table, with units."""
    text = run("explain", str(calls)).stdout.decode()
    for words in (
        "Tokens of blocks (estimate)",
        "characters per token",
        "tok/s",
        "Check on held-out calls",
        "as-logged",
    ):
        assert words in text


def test_one_call_by_its_id(run: Run, calls: Path) -> None:
    """The start of an id is enough where only one call has it; else the user is told how many."""
    found = json.loads(run("explain", str(calls), "--call", "msg_m-s1-0-0", "--json").stdout)["call"]
    assert found["call_id"].startswith("claude-code/msg_m-s1-0-0/")
    assert {item["kind"] for item in found["figures"]} == {"estimate", "bound", "as_logged"}
    kinds = {item["metric"]: item["kind"] for item in found["figures"]}
    assert (kinds["wall_s"], kinds["wall_tps"]) == ("bound", "bound")
    for wrong, words in (("nothing", b"No call has"), ("msg_m-s1-0", b"calls have"), (" ", b"--call is empty")):
        done = run("explain", str(calls), "--call", wrong)
        assert done.returncode == 2
        assert words in done.stderr


def test_methods_choose_the_kind(run: Run, calls: Path) -> None:
    """Best shows estimates, bound none; every timed row says its kind."""
    best = json.loads(run("analyze", str(calls), "--json").stdout)["metrics"]
    assert ("ttft_s", "estimate") in {(row["metric"], row["kind"]) for row in best}
    bound = json.loads(run("analyze", str(calls), "--method", "bound", "--json").stdout)["metrics"]
    assert {row["kind"] for row in bound if row["unit"] in {"s", "tok/s"}} == {"bound"}
    done = run("analyze", str(calls), "--method", "magic")
    assert done.returncode == 2
    assert b"best, exact, bound, as-logged, estimate" in done.stderr


def test_words_put_both_figures_side_by_side(run: Run, calls: Path) -> None:
    """The share of waiting, and what the obvious formulas would have said instead."""
    text = " ".join(run("analyze", str(calls)).stdout.decode().split())
    assert "is waiting for the first token" in text
    assert "instead of" in text


def test_an_export_holds_estimates_and_can_be_read_again(run: Run, calls: Path, tmp_path: Path) -> None:
    """Kind and interval per call; the estimates are made anew from the instants, so figures stay."""
    again = tmp_path / "again.jsonl"
    assert run("export", str(calls), "-o", str(again)).returncode == 0
    rows = [json.loads(line) for line in again.read_text(encoding="utf-8").splitlines()]
    assert all(
        row["ttft_kind"] == "estimate" and row["ttft_low_s"] < row["ttft_s"] < row["ttft_high_s"] for row in rows
    )
    first, second = (json.loads(run("analyze", str(path), "--json").stdout)["metrics"] for path in (calls, again))
    assert first == second


def test_spans_hold_what_estimates_rest_on(run: Run, calls: Path, tmp_path: Path) -> None:
    """Sizes of blocks are attributes of their events, so what is read back is estimated as before."""
    again = tmp_path / "again.otlp.json"
    assert run("export", str(calls), "-o", str(again)).returncode == 0
    of_logs, of_spans = (
        {
            (row["metric"], row["kind"]): (row["n"], {p: value for p, value in row["quantiles"].items() if value})
            for row in json.loads(run("analyze", str(path), "--json").stdout)["metrics"]
            if row["metric"] in {"ttft_s", "decode_tps"} and not row["group"]
        }
        for path in (calls, again)
    )
    assert set(of_logs) >= {("ttft_s", "estimate"), ("decode_tps", "estimate")}
    assert of_spans.keys() == of_logs.keys()
    for key, (n, quantiles) in of_logs.items():
        again_n, again_quantiles = of_spans[key]
        assert again_n == n
        assert again_quantiles == pytest.approx(quantiles, rel=0.01)
