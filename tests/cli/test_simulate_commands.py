"""`latprof simulate`, `latprof sweep` and exports for replay tools, as a user runs them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from cli_run import Run

CALLS = str(Path(__file__).resolve().parents[2] / "fixtures" / "proxy-csv" / "real-extract" / "input")
LOGS = str(Path(__file__).resolve().parents[2] / "fixtures" / "examples" / "seven-sessions")
QUICK = ("--draws", "3", "--hours", "0.1", "--jobs", "1")
SCREEN = {"COLUMNS": "100"}


def test_simulate_prints_bands_beside_today(run: Run) -> None:
    """One screen of a hundred columns: what is felt, what the cluster does, what it costs, what was measured."""
    done = run(
        "simulate", CALLS, "--gpu", "4xH200", "--model", "MiniMax-M2.5", "--price", "4153", "--engineers", "4", *QUICK,
        **SCREEN,
    )  # fmt: skip
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()
    assert text.startswith("latprof: MiniMax-M2.5 fp8 on 4x H200 (TP4, vllm), 4 engineers, 3 draws\n")
    assert max(map(len, text.splitlines())) <= 100
    for word in (
        "as measured",
        "everyone busy",
        "today",
        "all engineers together",
        "one engineer's stream",
        "Measured rows",
    ):
        assert word in text
    assert "1,038" in text  # 4153 USD over four


def test_simulate_as_json_has_every_figure_with_its_band(run: Run) -> None:
    """Ends in order, unit and number of draws; simulated is said."""
    done = run("simulate", CALLS, "--cluster", "4x-h200-vast", "--model", "MiniMax-M2.5", "--json", *QUICK)
    data = json.loads(done.stdout)
    (answer,) = data["answers"]
    assert (data["kind"], answer["usd_per_month"], answer["layout"]) == ("simulated", 6015.2, "TP4")
    for pace in answer["paces"].values():
        assert {"step_s_p50", "ttft_s_p90", "decode_tps_p50", "reuse_share", "usd_per_engineer"} <= pace[
            "figures"
        ].keys()
        for figure in pace["figures"].values():
            assert figure["p10"] <= figure["p50"] <= figure["p90"]
            assert 1 <= figure["n"] <= 3
        assert all(0 <= share <= 1 for share in pace["probability_better"].values())
    assert len(answer["nearest_measured"]) == 3


def test_the_same_question_has_the_same_answer(run: Run) -> None:
    """Draws depend on nothing but their number, not on how many processes share the work."""
    question = ("simulate", CALLS, "--gpu", "2xH100", "--model", "Qwen3-Coder-Next", "--engineers", "4", "--json")
    one = run(*question, "--hours", "0.1", "--draws", "5", "--jobs", "1")
    two = run(*question, "--hours", "0.1", "--draws", "5", "--jobs", "2")
    assert one.returncode == 0, one.stderr.decode()
    assert one.stdout == two.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--gpu", "5xH100", "--model", "DeepSeek-V3.2"), ("377 GB", "the nearest that can is 8x H100")),
        (("--gpu", "5xH100", "--tp", "5", "--model", "DeepSeek-V3.2"), ("do not divide", "the nearest that can is")),
        (("--gpu", "4xH200", "--model", "nothing-7b"), ("No model is called nothing-7b",)),
        (("--gpu", "4xABC", "--model", "MiniMax-M2.5"), ("No GPU is called",)),
        (("--cluster", "mine", "--model", "MiniMax-M2.5"), ("no cluster called mine",)),
        (("--model", "MiniMax-M2.5"), ("--gpu", "--cluster")),
        (("--gpu", "4xH200", "--model", "MiniMax-M2.5", "--project", "none"), ("No call was found", "check the paths")),
        (("--gpu", "4xH200", "--model", "MiniMax-M2.5", "--draws", "0"), ("--draws",)),
        (("--gpu", "4xH200", "--model", "MiniMax-M2.5", "--price", "-1"), ("--price -1", "above 0")),
        (("--gpu", "4xH200", "--model", "MiniMax-M2.5", "--hours-per-month", "1000"), ("give 1 to 744",)),
        (("--gpu", "4xH200", "--model", "MiniMax-M2.5", "--batched-tokens", "0"), ("--batched-tokens 0", "64 to")),
        (("--gpu", "4xH200", "--model", "MiniMax-M2.5", "--prefill-replicas", "-1"), ("--prefill-replicas -1",)),
        (("--gpu", "4xH200", "--model", "MiniMax-M2.5", "--routing", "random"), ("sticky or least-loaded",)),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_sentence(
    run: Run, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Exit code 2, the reason and what to do."""
    done = run("simulate", CALLS, *options)
    (line,) = done.stderr.decode().strip().splitlines()
    assert done.returncode == 2
    assert line.startswith("latprof: ")
    assert all(word in line for word in words)
    assert not done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--gpu", "4xH200=-5"), "--gpu 4xH200=-5 has no rent in USD"),
        (("--gpu", "4xH200=0"), "--gpu 4xH200=0 has no rent in USD"),
        (("--gpu", "4xH200=nan"), "--gpu 4xH200=nan has no rent in USD"),
        (("--gpu", "4xH200", "--budget", "-1"), "--budget -1 is no rent per month"),
        (("--gpu", "4xH200", "--budget", "nan"), "--budget nan is no rent per month"),
    ],
)
def test_a_sweep_takes_no_rent_that_nobody_pays(run: Run, options: tuple[str, ...], words: str) -> None:
    """Below 0 it would be the cheapest of all."""
    done = run("sweep", CALLS, "--model", "MiniMax-M2.5", *options, *QUICK)
    (line,) = done.stderr.decode().strip().splitlines()
    assert (done.returncode, done.stdout) == (2, b"")
    assert words in line


def test_sweep_compares_the_posts_clusters_for_two_teams(run: Run) -> None:
    """Four clusters, of which one cannot hold the model; the budget's best is named."""
    done = run(
        "sweep", CALLS, "--model", "MiniMax-M2.5", "--engineers", "2,4", "--budget", "4500", "--precision", "fp8",
        *QUICK, **SCREEN,
    )  # fmt: skip
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()
    for name in ("5x-h100-vast", "4x-h200-vast", "8x-a100-vast"):
        assert text.count(f" {name} ") >= 2
    assert "Refused: MiniMax-M2.5 on 3x-h100-lambda" in text
    assert "$4,500 a month buys 2 engineers at best MiniMax-M2.5 on" in text
    assert max(map(len, text.splitlines())) <= 100
    assert len(text.splitlines()) <= 50


def test_sweep_as_csv_has_a_row_per_figure(run: Run) -> None:
    """Cluster, model, team, pace, figure, unit, kind and the band."""
    done = run("sweep", CALLS, "--model", "Qwen3.5-27B", "--gpu", "2xH100=3000,1xH200", "--format", "csv", *QUICK)
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    steps = [row for row in rows if row["figure"] == "step_s_p50"]
    assert {(row["cluster"], row["pace"]) for row in steps} == {
        (gpu, pace) for gpu in ("2x H100", "1x H200") for pace in ("as measured", "everyone busy")
    }
    assert {row["kind"] for row in rows if row["figure"].startswith("today_")} == {"exact"}
    assert all(row["kind"] == "simulated" and row["unit"] == "s" for row in steps)


def test_of_equal_rents_the_fastest_is_named(run: Run) -> None:
    """Two models on the same cards cost the same: the least rent is that of the one with the shorter step."""
    question = (LOGS, "--model", "MiniMax-M2.5,Qwen3-Coder-Next", "--gpu", "4xH200=4153", "--engineers", "4", *QUICK)
    answers = json.loads(run("sweep", *question, "--json").stdout)["answers"]
    busy = [answer["paces"]["everyone busy"] for answer in answers]
    assert all(pace["probability_better"]["step_s_p50"] > 0.5 for pace in busy)
    steps = {answer["model"]: pace["figures"]["step_s_p50"]["p50"] for answer, pace in zip(answers, busy, strict=True)}
    fastest = min(steps, key=steps.__getitem__)
    assert fastest != answers[0]["model"]
    text = " ".join(run("sweep", *question, **SCREEN).stdout.decode().split())
    assert f"for 4 busy engineers: {fastest} on 4x H200 ($4,153)." in text


def test_todays_figures_have_their_kind(run: Run) -> None:
    """Logs that stamp ends of blocks: today's steps are upper bounds and its first tokens estimates, in every table."""
    question = (LOGS, "--model", "MiniMax-M2.5", "--gpu", "4xH200", "--engineers", "8", *QUICK)
    for command in ("simulate", "sweep"):
        text = run(command, *question, **SCREEN).stdout.decode()
        assert "Today's steps are upper bounds, so that their P is too." in text.replace("\n", " ")
        (answer,) = json.loads(run(command, *question, "--json").stdout)["answers"]
        kinds = {key: figure["kind"] for key, figure in answer["paces"]["as measured"]["figures"].items()}
        assert (kinds["today_step_s_p50"], kinds["today_ttft_s_p50"]) == ("bound", "estimate")
        assert {kind for key, kind in kinds.items() if not key.startswith("today_")} == {"simulated"}
        rows = csv.DictReader(io.StringIO(run(command, *question, "--format", "csv").stdout.decode()))
        assert {row["figure"]: row["kind"] for row in rows if row["pace"] == "as measured"} == kinds
    assert "Today's first tokens and decode speeds are estimates." in run("simulate", *question).stdout.decode()
    assert "over the draws; today ≤ " in run("sweep", *question, **SCREEN).stdout.decode()


def test_exports_for_replay_tools_are_written(run: Run, tmp_path: Path) -> None:
    """The trace of kv-cache-tester is read back as calls; Mooncake's rows are in order of time."""
    assert run("export", CALLS, "-o", "t.weka.json").returncode == 0
    shown = json.loads(run("analyze", "t.weka.json", "--json").stdout)
    assert shown["calls"] == json.loads(run("analyze", CALLS, "--json").stdout)["calls"]
    assert run("export", CALLS, "-o", "t.mooncake.json").returncode == 0
    rows = [json.loads(line) for line in (tmp_path / "t.mooncake.json").read_text(encoding="utf-8").splitlines()]
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)
    assert rows[0].keys() == {"timestamp", "input_length", "output_length", "hash_ids"}


def row_of(text: str) -> str:
    """The line of the only cluster."""
    return next(line for line in text.splitlines() if line.startswith(" 4x H200"))


def test_what_cuts_many_calls_is_not_recommended(run: Run, tmp_path: Path) -> None:
    """Contexts of eight times the length do not fit: shorter calls than the team's are no answer to its question."""
    (source,) = Path(CALLS).glob("*.csv")
    rows = list(csv.DictReader(source.read_text(encoding="utf-8").splitlines()))
    for row in rows:
        for name in ("input_tokens", "cache_read_tokens", "new_tokens"):
            row[name] = str(int(row[name]) * 8)
    path = tmp_path / "long.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    asked = ("--gpu", "4xH200=4000", "--model", "Qwen3.5-27B", "--engineers", "2", "--budget", "4500", *QUICK)
    whole = run("sweep", CALLS, *asked).stdout.decode()
    assert "buys 2 engineers at best Qwen3.5-27B on 4x H200" in " ".join(whole.split())
    assert "●" in row_of(whole)
    assert "cut" not in whole
    cut = run("sweep", str(path), *asked).stdout.decode()
    words = " ".join(cut.split())
    assert "buys 2 engineers none of these that holds at least 95 % of the calls whole" in words
    assert "no rent here that holds the calls is more likely faster than today" in words
    assert "but for those that were cut to what fits" in words
    assert "●" not in row_of(cut)
    (answer,) = json.loads(run("sweep", str(path), *asked, "--json").stdout)["answers"]
    share = max(outlook["clipped_share"] for outlook in answer["paces"].values())
    assert f"{share:.0%}".replace("%", " %") in row_of(cut)
