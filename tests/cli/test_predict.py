"""`latprof predict`: one point, a table in its order, refusals with a reason."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from cli_run import Run

POINT = ("--gpu", "8xh200", "--model", "deepseek-r1", "--isl", "8192", "--osl", "1024", "--concurrency", "16")
TABLE = """model,precision,gpu,n_gpu,parallelism,engine,isl,osl,concurrency,params_total_b,params_active_b
DeepSeek-R1,fp8,H200-SXM,8,tp8,SGLang 0.5.9,8192,1024,16,,
Qwen/Qwen3-235B-A22B-FP8,fp8,H100-SXM,2,tp2,vLLM,1024,1024,4,,
brand-new,fp8,B200,4,tp4,vllm,1024,1024,4,300,20
gpt-oss-120b,mxfp4,H100,4,tp4,vllm,1024,1024,,,
gpt-oss-120b,mxfp4,,4,tp4,vllm,1024,1024,8,,
"""


def test_one_point_has_figures_bands_and_their_kind(run: Run) -> None:
    """The figures lie in their bands, and say that they are estimates."""
    done = run("predict", *POINT, "--json")
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)
    assert (read["kind"], read["n_gpu"], read["gpu"]) == ("estimate", 8, "H200")
    for name in ("ttft", "tpot"):
        assert 0 < read[f"{name}_low_ms"] < read[f"{name}_ms"] < read[f"{name}_high_ms"]
    shown = run("predict", *POINT).stdout.decode()
    assert "80 % band" in shown
    assert "all streams" in shown


def test_a_table_keeps_its_rows_and_their_order(run: Run, tmp_path: Path) -> None:
    """One output row per input row; empty values and a reason where it is refused."""
    (tmp_path / "rows.csv").write_text(TABLE, encoding="utf-8")
    done = run("predict", "--rows", "rows.csv", "-o", "out.csv")
    assert done.returncode == 0, done.stderr
    assert b"2 of 5 rows" in done.stderr
    read = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text(encoding="utf-8"))))
    assert [row["model"] for row in read] == [line.split(",")[0] for line in TABLE.splitlines()[1:]]
    assert [bool(row["tpot_ms"]) for row in read] == [True, False, True, False, False]
    assert [bool(row["reason"]) for row in read] == [False, True, False, True, True]
    assert "does not fit" in read[1]["reason"]
    assert "concurrency" in read[3]["reason"]
    assert "gpu is missing" in read[4]["reason"]


def test_what_is_missing_is_one_sentence(run: Run, tmp_path: Path) -> None:
    """Usage errors end with 2, an unreadable table with 3."""
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    cases = {
        ("predict",): (2, b"--gpu"),
        ("predict", *POINT, "--rows", "bad.csv"): (2, b"not both"),
        ("predict", "--rows", "bad.csv"): (2, b"no column"),
        ("predict", "--rows", "none.csv"): (3, b"none.csv"),
        ("predict", *POINT[:2], "--model", "x", *POINT[4:]): (2, b"params_total_b"),
        ("predict", *POINT, "--engine", "vlm"): (2, b"No engine is called vlm: choose"),
        ("predict", *POINT, "--precision", "fp3"): (2, b"No precision is called fp3: choose"),
        ("predict", *POINT, "--parallelism", "tensor"): (2, b"No layout is called tensor: write it as"),
        ("predict", *POINT, "--parallelism", "tp4"): (2, b"does not make up the 8 GPUs of --gpu 8xh200"),
        ("predict", *POINT, "--parallelism", "tp8-dp3"): (2, b"does not make up the 8 GPUs"),
        ("predict", *POINT, "--isl", "100000000"): (2, b"One call of 100,001,024 tokens does not fit"),
    }
    for arguments, (code, words) in cases.items():
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (code, b"")
        assert words in done.stderr
        assert len(done.stderr.decode().strip().splitlines()) == 1


def test_layouts_are_read_as_engines_write_them(run: Run) -> None:
    """Data-parallel attention beside all GPUs or beside those of one group; more expert ranks change the figures."""
    alike = [json.loads(run("predict", *POINT, "--parallelism", layout, "--json").stdout) for layout in ("tp8", "TP8")]
    assert alike[0] == alike[1] == json.loads(run("predict", *POINT, "--json").stdout)
    for layout in ("tp8-dp8", "tp1-dp8-ep8", "tp8-ep8", "dp8", "tp4-pp2"):
        done = run("predict", *POINT, "--parallelism", layout, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["tpot_ms"] > 0


def test_calls_that_wait_for_memory_are_said(run: Run) -> None:
    """A thousand times more calls than before: not all fit at once, and the first token waits for the others."""
    few, many = (
        json.loads(run("predict", *POINT, "--concurrency", number, "--json").stdout) for number in ("16", "16000")
    )
    assert not any("fit into memory" in text for text in few["remarks"])
    assert any("of the 16,000 calls fit into memory at once" in text for text in many["remarks"])
    assert many["ttft_ms"] > 100 * few["ttft_ms"]


def test_lengths_that_vary_and_those_of_a_benchmark(run: Run, tmp_path: Path) -> None:
    """SGLang computes prompts first: alike, calls wait for them before their first token; InferenceX draws 80-100 %."""
    found = {}
    for lengths in ("equal", "varied"):
        done = run("predict", *POINT, "--engine", "sglang", "--lengths", lengths, "--json")
        found[lengths] = json.loads(done.stdout)
        assert found[lengths]["lengths"] == lengths
    assert found["equal"]["ttft_ms"] > found["varied"]["ttft_ms"]
    assert found["equal"]["tpot_ms"] < found["varied"]["tpot_ms"]
    assert b"lengths of the calls differ" in run("predict", *POINT, "--lengths", "varied").stdout
    assert b"--lengths varied is for usual work" in run("predict", *POINT).stdout
    assert run("predict", *POINT, "--lengths", "some").returncode == 2
    rows = (
        "model,gpu,engine,isl,osl,concurrency,lengths,source\n"
        "gpt-oss-120b,4xH200,vllm,900,450,16,varied,\n"
        "gpt-oss-120b,4xH200,vllm,1000,500,16,,InferenceX export\n"
    )
    (tmp_path / "lengths.csv").write_text(rows, encoding="utf-8")
    done = run("predict", "--rows", "lengths.csv")
    ours, theirs = csv.DictReader(io.StringIO(done.stdout.decode()))
    assert (ours["tpot_ms"], ours["ttft_ms"]) == (theirs["tpot_ms"], theirs["ttft_ms"]) != ("", "")


def test_cached_tokens_are_not_computed_again(run: Run) -> None:
    """Most of a cached prompt's first token is saved, and its tokens still lie in the cache that each step reads."""
    cold, warm, short = (
        json.loads(run("predict", *POINT[:4], "--isl", isl, *POINT[6:], "--cached", cached, "--json").stdout)
        for isl, cached in (("8192", "0"), ("8192", "8000"), ("192", "0"))
    )
    assert short["ttft_ms"] <= warm["ttft_ms"] < cold["ttft_ms"] / 2
    assert short["tpot_ms"] < warm["tpot_ms"] < cold["tpot_ms"]
    assert warm["cached"] == 8000
    refused = run("predict", *POINT, "--cached", "8192")
    assert (refused.returncode, b"cached is not less than isl" in refused.stderr) == (2, True)
