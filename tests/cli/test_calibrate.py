"""`--calibrate`: a load test of the very server moves the figures to it and narrows their bands."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from cli_run import Run

ROOT = Path(__file__).resolve().parents[2]
POINT = ("--gpu", "4xH200", "--model", "MiniMax-M2.5", "--isl", "8000", "--osl", "501", "--concurrency", "8")


def _result(folder: Path, *, tpot_s: float = 0.02, model: str = "MiniMaxAI/MiniMax-M2.5", calls: int = 30) -> str:
    """A vLLM benchmark: TTFT 0.6 s, answers of 501 tokens at a steady pace, eight at once."""
    record = {
        "date": "20261101-101500", "backend": "vllm", "model_id": model, "tokenizer_id": model, "num_prompts": calls,
        "request_rate": "inf", "burstiness": 1.0, "max_concurrency": 8, "duration": 60.0, "completed": calls,
        "input_lens": [8000] * calls, "output_lens": [501] * calls,
        "ttfts": [0.6 + (number - calls // 2) * 1e-3 for number in range(calls)],
        "itls": [[tpot_s] * 500] * calls, "errors": [""] * calls,
    }  # fmt: skip
    path = folder / "result.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    return str(path)


def test_a_prediction_moves_to_the_measured_load_and_narrows(run: Run, tmp_path: Path) -> None:
    """At the tested load the figures are the measured ones within 10 %, in bands narrower than before."""
    plain = json.loads(run("predict", *POINT, "--json").stdout)
    done = run("predict", *POINT, "--json", "--calibrate", _result(tmp_path))
    assert done.returncode == 0, done.stderr
    near = json.loads(done.stdout)
    assert abs(near["tpot_ms"] / 20 - 1) < 0.1
    assert abs(near["ttft_ms"] / 600 - 1) < 0.1
    assert near["calibrated_by_calls"] == 30
    for name in ("ttft", "tpot"):
        width = [read[f"{name}_high_ms"] / read[f"{name}_low_ms"] for read in (plain, near)]
        assert 1 < width[1] < width[0]


def _metrics(folder: Path, requests: int) -> str:
    """A vLLM exposition after so many requests of 8,000 tokens in, 501 out; 8 at once, 0.6 s and 20 ms per token."""
    tokens, label = 501 * requests, '{model_name="MiniMaxAI/MiniMax-M2.5"'
    lines = [
        "# TYPE vllm:time_to_first_token_seconds histogram",
        f'vllm:time_to_first_token_seconds_bucket{label},le="0.5"}} 0',
        f'vllm:time_to_first_token_seconds_bucket{label},le="0.7"}} {requests}',
        f'vllm:time_to_first_token_seconds_bucket{label},le="+Inf"}} {requests}',
        f"vllm:time_to_first_token_seconds_count{label}}} {requests}",
        f"vllm:time_to_first_token_seconds_sum{label}}} {0.6 * requests}",
        f'vllm:inter_token_latency_seconds_bucket{label},le="+Inf"}} {tokens}',
        f"vllm:inter_token_latency_seconds_count{label}}} {tokens}",
        f"vllm:inter_token_latency_seconds_sum{label}}} {0.02 * tokens}",
        f"vllm:prompt_tokens_total{label}}} {8000 * requests}",
        f"vllm:generation_tokens_total{label}}} {tokens}",
        f"vllm:num_requests_running{label}}} 8",
    ]
    path = folder / f"metrics-{requests}.prom"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_a_servers_metrics_move_a_prediction(run: Run, tmp_path: Path) -> None:
    """Two scrapes with 60 requests between them; the band gets narrower and the words say how many."""
    plain = json.loads(run("predict", *POINT, "--json").stdout)
    files = f"{_metrics(tmp_path, 1000)},{_metrics(tmp_path, 1060)}"
    near = json.loads(run("predict", *POINT, "--json", "--calibrate", files).stdout)
    assert near["calibrated_by_calls"] == 60
    assert abs(near["tpot_ms"] / 20 - 1) < 0.1
    assert near["tpot_high_ms"] / near["tpot_low_ms"] < plain["tpot_high_ms"] / plain["tpot_low_ms"]
    shown = " ".join(run("predict", *POINT, "--calibrate", files).stdout.decode().split())
    assert "Calibrated by the metrics of this server (medians, means of tokens; 60 requests of 8,000 tokens in" in shown


def test_rows_of_the_tested_server_are_moved(run: Run, tmp_path: Path) -> None:
    """All rows of one server follow its test; rows of two servers do not say which was tested."""
    head = "model,precision,gpu,n_gpu,engine,isl,osl,concurrency\n"
    (tmp_path / "one.csv").write_text(head + "MiniMax-M2.5,fp8,H200,4,vllm,8000,501,8\n", encoding="utf-8")
    (tmp_path / "two.csv").write_text(
        head + "MiniMax-M2.5,fp8,H200,4,vllm,8000,501,8\nMiniMax-M2.5,fp8,H200,8,vllm,8000,501,8\n", encoding="utf-8"
    )
    done = run("predict", "--rows", "one.csv", "-o", "out.csv", "--calibrate", _result(tmp_path))
    assert done.returncode == 0, done.stderr
    assert b"30 calls" in done.stderr
    (row,) = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text(encoding="utf-8")))
    assert abs(float(row["tpot_ms"]) / 20 - 1) < 0.1
    both = run("predict", "--rows", "two.csv", "--calibrate", _result(tmp_path))
    assert both.returncode == 2
    assert b"2 servers" in both.stderr


def test_a_sweep_follows_the_tested_cluster(run: Run, tmp_path: Path) -> None:
    """A server three times as slow is swept with slower streams; an open choice is asked for."""
    base = (
        "sweep", str(ROOT / "fixtures" / "proxy-csv"), "--model", "MiniMax-M2.5", "--engineers", "2", "--draws", "2",
        "--hours", "0.05", "--jobs", "1", "--json",
    )  # fmt: skip
    slow = _result(tmp_path, tpot_s=0.045)
    rates = []
    for more in ((), ("--calibrate", slow)):
        done = run(*base, "--gpu", "4xH200", *more)
        assert done.returncode == 0, done.stderr
        read = json.loads(done.stdout)
        rates.append(read["answers"][0]["paces"]["as measured"]["figures"]["decode_tps_p50"]["p50"])
    assert read["calibrated_by_calls"] == 30
    assert rates[1] < 0.7 * rates[0]
    named = run(*base, "--gpu", "4xH200,8xH200", "--calibrate", f"4xH200={slow}")
    assert named.returncode == 0, named.stderr
    unclear = run(*base, "--gpu", "4xH200,8xH200", "--calibrate", slow)
    assert unclear.returncode == 2
    assert b"say which was tested" in unclear.stderr


def test_the_measured_medians_are_shown(run: Run, tmp_path: Path) -> None:
    """A reader sees by what the model was moved."""
    shown = run("predict", *POINT, "--calibrate", _result(tmp_path)).stdout.decode()
    words = " ".join(shown.split())
    assert "30 calls of 8,000 tokens in and 501 out, 8 at once: TTFT 0.60 s, TPOT 20.0 ms" in words


def test_a_replay_follows_a_slow_server(run: Run, tmp_path: Path) -> None:
    """A server measured at three times the time per token is replayed with slower streams."""
    base = (
        "simulate", str(ROOT / "fixtures" / "proxy-csv"), "--gpu", "4xH200", "--model", "MiniMax-M2.5",
        "--engineers", "2", "--draws", "3", "--hours", "0.05", "--jobs", "1", "--json",
    )  # fmt: skip
    rates = []
    for more in ((), ("--calibrate", _result(tmp_path, tpot_s=0.045))):
        done = run(*base, *more)
        assert done.returncode == 0, done.stderr
        read = json.loads(done.stdout)
        rates.append(read["answers"][0]["paces"]["as measured"]["figures"]["decode_tps_p50"]["p50"])
    assert rates[1] < 0.7 * rates[0]


def test_what_cannot_calibrate_is_refused_with_a_reason(run: Run, tmp_path: Path) -> None:
    """Another model, too few calls, calls of an agent."""
    other = run("predict", *POINT, "--calibrate", _result(tmp_path, model="Qwen/Qwen3.5-27B"))
    assert other.returncode == 2
    assert b"is of Qwen3.5-27B, not of MiniMax-M2.5" in other.stderr
    few = run("predict", *POINT, "--calibrate", _result(tmp_path, calls=4))
    assert few.returncode == 2
    assert b"4 of 4 calls" in few.stderr
    agent = run("predict", *POINT, "--calibrate", str(ROOT / "fixtures" / "proxy-csv"))
    assert agent.returncode == 2
    assert b"load generator" in agent.stderr


def test_cards_that_do_not_divide_the_heads_are_refused(run: Run) -> None:
    """128 heads of DeepSeek V3.2 cannot be split over five cards; four is the next number that can."""
    done = run("predict", "--gpu", "5xH100", "--model", "DeepSeek-V3.2", "--precision", "int4", "--isl", "1024",
               "--osl", "1024", "--concurrency", "8")  # fmt: skip
    assert done.returncode == 2
    assert b"5 cards do not divide the 128 attention heads" in done.stderr
    assert b"such as 4" in done.stderr
