"""`latprof hardware` and `latprof cost`: what a user types, what programs read, what is refused."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli_run import Run
from latprof.cli import main

LLAMA_8B = ("--params", "8B", "--layers", "32", "--kv-heads", "8", "--head-dim", "128", "--trained", "128K")
OWN = ("--price", "7800", "--watts", "720", "--tps", "1031", "--rate", "0.15", "--currency", "EUR")
EVERY = [
    ("hardware", "sizes", "qwen3-30b-a3b"),
    ("hardware", "speed", "minimax-m2.5", "--quant", "FP8", "--cards", "4", "--context", "100K"),
    ("hardware", "context", "qwen3.5-27b", "--gpu", "h100-sxm,rtx-4090"),
    ("hardware", "fit", "minimax-m2.5", "deepseek-v3.2", "--gpu", "h200-sxm", "--sessions", "10"),
    ("cost", "electricity", "--rate", "0.15", "--api", "0.037"),
    ("cost", "own", *OWN, "--api", "0.39"),
    ("cost", "rent", "--per-hour", "2.69", "--tps", "850"),
    ("cost", "break-even", *OWN, "--api", "0.39"),
    ("cost", "depreciation", "--price", "7800"),
    (
        "cost", "fine-tune", "--runs", "52", "--training-tokens", "5M", "--training-price", "3", "--price", "1750",
        "--watts", "413", "--rate", "0.15", "--hours", "400", "--params", "7B",
    ),
]  # fmt: skip
NAMES = [" ".join(command[:2]) for command in EVERY]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Call latprof in this process: nothing here depends on how it was started, and there are many calls."""

    def call(*arguments: str, COLUMNS: str = "120") -> subprocess.CompletedProcess[bytes]:  # noqa: N803
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", COLUMNS)
        monkeypatch.setattr(sys, "argv", ["latprof", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsysbinary.readouterr()
        return subprocess.CompletedProcess(arguments, int(left.value.code or 0), printed.out, printed.err)

    return call


def rows(run: Run, *arguments: str) -> list[dict[str, Any]]:
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr.decode()
    found: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return found


@pytest.mark.parametrize("command", EVERY, ids=NAMES)
def test_every_table_is_the_same_in_every_format(run: Run, command: tuple[str, ...]) -> None:
    """JSON and CSV hold the same rows; the table fits a screen of 100; columns of kind are known."""
    data = json.loads(run(*command, "--json").stdout)
    listed = list(csv.DictReader(io.StringIO(run(*command, "--format", "csv").stdout.decode())))
    assert data["rows"]
    assert data["calculation"] == " ".join(command[:2])
    assert [list(row) for row in listed] == [list(listed[0])] * len(data["rows"])
    for row, line in zip(data["rows"], listed, strict=True):
        assert row.keys() == line.keys()
        assert all((line[key] == "") == (value is None) for key, value in row.items())
    assert set(data["kinds"].values()) <= {"bound", "estimate"}
    shown = run(*command, COLUMNS="100").stdout.decode()
    assert max(len(line) for line in shown.splitlines()) <= 100
    assert "stimates" in shown or "estimate" in shown
    assert run(*command, "--format", "md").stdout.decode().startswith("# latprof ")


def test_contexts_by_plain_numbers(run: Run) -> None:
    """Line 157 of the article: 8B on 8 GB, here with 4.67 GB of weights: 36 thousand tokens at 8 bit."""
    found = rows(run, "hardware", "context", *LLAMA_8B, "--quant", "4.67", "--memory", "4,8,16")
    eight = (8e9 - 4.67e9 - 1e9) // 65536
    assert [row["context_tokens_kv8"] for row in found] == [None, eight, 128_000]
    assert found[1]["context_tokens_kv16"] == pytest.approx(eight / 2, abs=1)


def test_sizes_of_a_mixture(run: Run) -> None:
    """All parameters are stored, the active ones are read."""
    (row,) = rows(run, "hardware", "sizes", "--params", "26B", "--active", "4B", "--quant", "FP8")
    assert (row["weights_gb"], row["read_gb_per_token"], row["reduction_share"]) == (26, 4, 0.5)


def test_speeds_by_plain_numbers_are_sorted_and_bounds(run: Run) -> None:
    """70B at 4.8 bits is 42 GB: 1,792 GB/s give at most 42.7 tokens per second."""
    data = json.loads(
        run("hardware", "speed", "--params", "70B", "--quant", "4.8", "--bandwidth", "89,1792", "--json").stdout
    )
    assert [row["bandwidth_gb_s"] for row in data["rows"]] == [1792, 89]
    assert data["rows"][0]["ceiling_tps"] == pytest.approx(1792 / 42, rel=1e-5)
    assert data["kinds"]["ceiling_tps"] == "bound"
    assert data["inputs"]["scope"] == "single_stream"


def test_memory_and_bandwidth_side_by_side_say_what_fits(run: Run) -> None:
    """In the same order."""
    found = rows(
        run, "hardware", "speed", "--params", "8B", "--quant", "FP8", "--memory", "6,24", "--bandwidth", "500,400"
    )
    assert [(row["bandwidth_gb_s"], row["fits"]) for row in found] == [(500, "no"), (400, "yes")]


def test_what_fits_counts_sessions_and_copies_of_latents(run: Run) -> None:
    """Ten caches of 100 thousand tokens do not fit on an H100 that has to hold a copy of all."""
    found = rows(run, "hardware", "fit", "deepseek-v3.2", "--gpu", "h100-sxm", "--sessions", "10")
    assert [(row["cards"], row["sessions"], row["ceiling_tps"]) for row in found] == [(None, None, None)]
    (one,) = rows(run, "hardware", "fit", "minimax-m2.5", "--gpu", "h100-sxm", "--sessions", "2")
    # 229 GB of weights and 2 x 25.4 GB of caches over 76 GB a card.
    assert (one["cards"], one["sessions"]) == (4, 2)


def test_what_does_not_fit_is_said_in_words(run: Run) -> None:
    """Not as a row of dashes; programs see the row."""
    command = ("hardware", "fit", "minimax-m2.5", "--gpu", "rtx-4090,h200-sxm")
    shown = run(*command).stdout.decode()
    assert "does not fit on 8 or fewer of: RTX 4090." in shown
    assert {row["hardware"]: row["cards"] for row in rows(run, *command)} == {"RTX 4090": None, "H200 SXM": 2}
    alone = run(*command[:4], "rtx-4090").stdout.decode()
    assert "ceiling, tok/s" not in alone
    (row,) = rows(run, *command[:4], "rtx-4090", "--max-cards", "20")
    # 229 GB of weights over n cards and 25.4 GB of cache over 8 heads in 20 GB a card: 229 / n + 3.17 < 20 from 14 on.
    assert row["cards"] == 14


def test_what_the_catalogue_lacks_can_be_told(run: Run) -> None:
    """Its parameters with the shape from the options."""
    shape = ("--layers", "64", "--kv-heads", "8", "--head-dim", "128", "--trained", "32K")
    (row,) = rows(run, "hardware", "context", "qwen3-32b", *shape, "--memory", "80", "--kv-bits", "16")
    assert row["context_tokens_kv16"] == 32_000


def test_windows_and_latents_by_plain_numbers(run: Run) -> None:
    """18 of 36 layers see 128 tokens: 36,864 bytes per token and 4.7 MB at 16 bit; 61 layers of 576 take 70,272."""
    gpt = ("--params", "117B", "--layers", "18", "--kv-heads", "8", "--head-dim", "64", "--window-layers", "18")
    limits = (
        "--window",
        "128",
        "--trained",
        "128M",
        "--quant",
        "INT4",
        "--memory",
        "80",
        "--kv-bits",
        "16",
        "--headroom",
        "0",
    )
    (row,) = rows(run, "hardware", "context", *gpt, *limits)
    assert row["context_tokens_kv16"] == pytest.approx((80e9 - 58.5e9 - 36864 * 128) / 36864, abs=1)
    latent = ("--params", "10B", "--layers", "61", "--latent-dim", "576", "--quant", "FP8", "--memory", "20")
    (row,) = rows(run, "hardware", "context", *latent, "--kv-bits", "16", "--headroom", "0")
    assert row["context_tokens_kv16"] == int(10e9 / 70272)


def test_electricity_of_the_catalogue_is_that_of_the_article(run: Run) -> None:
    """Lines 369 and 397: a whole desktop, and a small computer that runs anyway."""
    found = {row["hardware"]: row for row in rows(run, "cost", "electricity", "--rate", "0.15", "--api", "0.037")}
    assert found["RTX 4090"]["cost_per_mtok"] == pytest.approx(0.134, abs=5e-4)
    assert found["RTX 4090"]["over_api"] == pytest.approx(3.6, abs=0.05)
    assert found["RTX 4090"]["source"] is not None
    assert found["RTX 4090"]["speed_kind"] in {"measured", "claimed", "estimated"}
    extra = {row["hardware"]: row for row in rows(run, "cost", "electricity", "--rate", "0.15", "--marginal")}
    assert extra["Intel N100"]["cost_per_mtok"] == pytest.approx(0.111, abs=5e-4)
    assert "RTX 4090" not in extra


def test_electricity_by_plain_numbers(run: Run) -> None:
    """Line 332: 5 W at 34 tokens per second."""
    (row,) = rows(run, "cost", "electricity", "--rate", "0.15", "--watts", "5", "--tps", "34")
    assert row["cost_per_mtok"] == pytest.approx(0.006, abs=5e-4)
    assert (row["speed_kind"], row["source"]) == (None, None)


def test_an_own_machine_by_use(run: Run) -> None:
    """Half the use, twice the price per token; idle watts count only where the machine rests."""
    full, half = rows(run, "cost", "own", *OWN, "--utilisation", "100,50", "--hours", "720")
    assert full["mtok_per_month"] == pytest.approx(1031 * 2.592, rel=1e-4)
    assert full["cost_per_month"] == pytest.approx(7800 / 36 + 0.72 * 720 * 0.15, rel=1e-5)
    assert half["cost_per_mtok"] == pytest.approx(2 * full["cost_per_mtok"], rel=1e-4)
    (rests,) = rows(run, "cost", "own", *OWN, "--utilisation", "50", "--hours", "720", "--idle-watts", "0")
    assert rests["cost_per_month"] == pytest.approx(7800 / 36 + 0.36 * 720 * 0.15, rel=1e-5)


def test_price_and_watts_of_the_catalogue(run: Run) -> None:
    """A 4090: 413 W, 1,600 to 2,200 dollars."""
    data = json.loads(run("cost", "own", "--gpu", "rtx-4090", "--tps", "128", "--rate", "0.2", "--json").stdout)
    assert (data["inputs"]["load_watts"], data["inputs"]["price"]) == (413, 1900)


def test_rent_is_paid_busy_or_not(run: Run) -> None:
    """The post's five cards for 504 hours: $4,712; a tenth of the use is ten times the price."""
    month = ("--per-hour", "1.87", "--cards", "5", "--tps", "1000", "--hours", "504", "--utilisation", "100,10")
    full, tenth = rows(run, "cost", "rent", *month)
    assert (full["cost_per_month"], tenth["cost_per_month"]) == pytest.approx((4712.4, 4712.4))
    assert tenth["cost_per_mtok"] == pytest.approx(10 * full["cost_per_mtok"], rel=1e-4)


def test_break_even_by_volume(run: Run) -> None:
    """Cheaper above the volume, dearer below; more than it can generate has no cost."""
    command = ("cost", "break-even", *OWN, "--idle-watts", "100", "--api", "0.39")
    volume = json.loads(run(*command, "--json").stdout)["inputs"]["break_even_tokens_per_month"]
    below, above, beyond = rows(run, *command, "--tokens", f"{volume * 0.99:.0f},{volume * 1.01:.0f},4000M")
    assert below["own_per_month"] > below["api_per_month"]
    assert above["own_per_month"] < above["api_per_month"]
    assert above["payback_months"] < 36 < below["payback_months"]
    assert beyond["utilisation"] > 1
    assert (beyond["own_per_month"], beyond["payback_months"]) == (None, None)


def test_never_is_said_in_words(run: Run) -> None:
    """No volume pays when a token's electricity costs more than the API's token."""
    shown = run("cost", "break-even", *OWN, "--api", "0.001").stdout.decode()
    assert "at no volume that it can generate" in shown


def test_resale_value(run: Run) -> None:
    """7,800 at 30 % a year: 2,675 after three."""
    shown = run("cost", "depreciation", "--price", "100", "--loss", "20.5,7").stdout.decode()
    assert "-20.5% a year, USD" in shown
    assert "-7% a year, USD" in shown
    found = rows(run, "cost", "depreciation", "--price", "7800", "--loss", "30", "--years", "3")
    assert [row["years"] for row in found] == [0, 1, 2, 3]
    assert found[3]["value_loss30"] == pytest.approx(7800 * 0.343, rel=1e-5)


def test_a_year_of_fine_tuning(run: Run) -> None:
    """52 x 5M tokens at 3 are 780 at the API; 1,750 and 400 hours of 413 W are 1,774.78 in the first year."""
    api, first, evenly = rows(run, *EVERY[-1])
    assert api["cost_per_year"] == 780
    assert first["cost_per_year"] == pytest.approx(1774.78)
    assert evenly["cost_per_year"] == pytest.approx(1750 / 3 + 24.78, rel=1e-5)


def test_a_users_own_card_and_model(run: Run, tmp_path: Path) -> None:
    """Laid over the catalogue with --catalogue."""
    (tmp_path / "mine.toml").write_text(
        '[[source]]\nid = "me"\ntitle = "My notes"\nwhere = "here"\nchecked = 2026-11-01\n'
        '[[gpu]]\nid = "my-card"\nname = "My card"\n'
        'facts = [{ at = "me", kind = "measured", values = { memory_gb = 100, bandwidth_gb_s = 1000 } }]\n'
    )
    more = ("--catalogue", "mine.toml", "--gpu", "my-card")
    (row,) = rows(run, "hardware", "speed", "--params", "10B", "--quant", "FP8", *more)
    assert (row["hardware"], row["ceiling_tps"]) == ("My card", 100)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("hardware", "sizes"), "Name a model"),
        (("hardware", "sizes", "qwen3-32b", "--params", "8B"), "not both"),
        (("hardware", "sizes", "no-such-model"), "The catalogue has no model called no-such-model"),
        (("hardware", "sizes", "--params", "many"), "many is no number"),
        (("hardware", "sizes", "--params", "0"), "Parameters must be above 0"),
        (("hardware", "sizes", "--params", "8B", "--active", "9B"), "must not be more than all parameters"),
        (("hardware", "sizes", "--params", "8B", "--quant", "Q9"), "No quantisation is called Q9"),
        (("hardware", "speed", "--params", "8B", "--quant", "99"), "is no number of bits"),
        (("hardware", "speed", "--params", "8B", "--memory", "8"), "A speed needs a bandwidth"),
        (("hardware", "speed", "--params", "8B", "--memory", "8,9", "--bandwidth", "1"), "as many --memory as"),
        (("hardware", "speed", "--params", "8B", "--gpu", "h100-sxm", "--memory", "8"), "not both"),
        (("hardware", "speed", "--params", "8B", "--gpu", "h1000"), "called h1000"),
        (
            ("hardware", "speed", "--params", "8B", "--bandwidth", "1", "--context", "1K"),
            "cache of the model is not known",
        ),
        (("hardware", "context", "--params", "8B", "--memory", "8"), "cache of the model is not known"),
        (("hardware", "context", "--params", "8B", "--layers", "3", "--memory", "8"), "Give --layers, --kv-heads"),
        (("hardware", "context", *LLAMA_8B, "--bandwidth", "8"), "needs the size of a memory"),
        (("hardware", "context", *LLAMA_8B, "--window-layers", "3"), "need --window"),
        (("hardware", "context", "--params", "8B", "--latent-dim", "9"), "needs --layers"),
        (("hardware", "context", *LLAMA_8B, "--kv-bits", "8,x"), "is no list of numbers"),
        (("hardware", "context", "qwen3-30b-a3b", "qwen3.5-27b"), "Name one model"),
        (("hardware", "fit", "qwen3-30b-a3b", "qwen3.5-27b", "--layers", "3"), "need a single model"),
        (("cost", "own", "--tps", "1", "--rate", "1"), "A machine needs --price and --watts"),
        (("cost", "own", *OWN, "--idle-watts", "900"), "must not be below the draw when idle"),
        (("cost", "own", *OWN, "--utilisation", "0"), "is no list of numbers"),
        (
            ("cost", "own", *OWN, "--utilisation", "120"),
            "--utilisation 120 is no list of shares in percent: give numbers above 0 and up",
        ),
        (("cost", "own", *OWN, "--api", "0"), "--api 0 is no price to compare with"),
        (("cost", "rent", "--per-hour", "2", "--tps", "9", "--api", "0"), "--api 0 is no price to compare with"),
        (("cost", "electricity", "--rate", "0.1", "--api", "0"), "--api 0 is no price to compare with"),
        (("cost", "depreciation", "--price", "9", "--loss", "100"), "--loss 100 is no list of shares in percent"),
        (("cost", "own", "--gpu", "h200-sxm", "--tps", "1", "--rate", "1"), "knows no price"),
        (("cost", "electricity", "--rate", "0.1", "--watts", "5"), "Give --watts and --tps together"),
        (("cost", "electricity", "--rate", "0.1", "--gpu", "b200"), "lacks draw or speed of B200"),
        (("cost", "electricity", "--rate", "0.1", "--model", "glm-5"), "knows no hardware's draw and speed"),
        (("cost", "electricity"), "--rate"),
    ],
)
def test_wrong_usage_ends_in_one_sentence(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    """Exit code 2, nothing on standard output, no trace-back."""
    done = run(*arguments)
    said = done.stderr.decode()
    assert done.returncode == 2, said
    assert (done.stdout, said.count("\n")) == (b"", 1)
    assert sentence in said
