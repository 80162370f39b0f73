"""A server's metrics: what a window holds, by the documented names of vLLM and SGLang."""

from __future__ import annotations

import pytest

from latprof.errors import UsageError
from latprof.replay.calibrate import metrics_test
from latprof.replay.scrape import Histogram, is_scrape, scraped, window

MODEL = "MiniMaxAI/MiniMax-M2.5"


def vllm_metrics(requests: int, *, restarted: bool = False) -> str:
    """After so many requests of 8,000 tokens in and 500 out: first token in 0.5-0.75 s, 20 ms per token, 8 at once."""
    label = f'{{engine="0",model_name="{MODEL}"'
    tokens = 500 * requests
    lines = [
        "# HELP vllm:num_requests_running Number of requests in model execution batches.",
        "# TYPE vllm:num_requests_running gauge",
        f"vllm:num_requests_running{label}}} 3.0",
        f"vllm:prompt_tokens_total{label}}} {0 if restarted else 8000 * requests}.0",
        f"vllm:generation_tokens_total{label}}} {float(tokens)}",
        f"vllm:prefix_cache_queries_total{label}}} {8000 * requests}.0",
        f"vllm:prefix_cache_hits_total{label}}} {6000 * requests}.0",
        "# TYPE vllm:time_to_first_token_seconds histogram",
        f'vllm:time_to_first_token_seconds_bucket{label},le="0.25"}} 0.0',
        f'vllm:time_to_first_token_seconds_bucket{label},le="0.5"}} 0.0',
        f'vllm:time_to_first_token_seconds_bucket{label},le="0.75"}} {requests}.0',
        f'vllm:time_to_first_token_seconds_bucket{label},le="+Inf"}} {requests}.0',
        f"vllm:time_to_first_token_seconds_count{label}}} {requests}.0",
        f"vllm:time_to_first_token_seconds_sum{label}}} {0.6 * requests}",
        "# TYPE vllm:inter_token_latency_seconds histogram",
        f'vllm:inter_token_latency_seconds_bucket{label},le="0.01"}} 0.0',
        f'vllm:inter_token_latency_seconds_bucket{label},le="0.025"}} {float(tokens)}',
        f'vllm:inter_token_latency_seconds_bucket{label},le="+Inf"}} {float(tokens)}',
        f"vllm:inter_token_latency_seconds_count{label}}} {float(tokens)}",
        f"vllm:inter_token_latency_seconds_sum{label}}} {0.02 * tokens}",
        f"vllm:iteration_tokens_total_count{label}}} {tokens / 8}",
        "process_start_time_seconds 1.7636e+09",
    ]
    return "\n".join(lines) + "\n"


SGLANG = """# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{model_name="Qwen/Qwen3-32B"} 6.0
# TYPE sglang:prompt_tokens_total counter
sglang:prompt_tokens_total{model_name="Qwen/Qwen3-32B"} 40000.0
sglang:generation_tokens_total{model_name="Qwen/Qwen3-32B"} 10000.0
sglang:time_to_first_token_seconds_bucket{le="0.2",model_name="Qwen/Qwen3-32B"} 10.0
sglang:time_to_first_token_seconds_bucket{le="0.4",model_name="Qwen/Qwen3-32B"} 30.0
sglang:time_to_first_token_seconds_bucket{le="0.8",model_name="Qwen/Qwen3-32B"} 40.0
sglang:time_to_first_token_seconds_bucket{le="+Inf",model_name="Qwen/Qwen3-32B"} 40.0
sglang:time_to_first_token_seconds_count{model_name="Qwen/Qwen3-32B"} 40.0
sglang:time_to_first_token_seconds_sum{model_name="Qwen/Qwen3-32B"} 13.0
sglang:time_per_output_token_seconds_bucket{le="0.02",model_name="Qwen/Qwen3-32B"} 9000.0
sglang:time_per_output_token_seconds_bucket{le="+Inf",model_name="Qwen/Qwen3-32B"} 9960.0
sglang:time_per_output_token_seconds_count{model_name="Qwen/Qwen3-32B"} 9960.0
sglang:time_per_output_token_seconds_sum{model_name="Qwen/Qwen3-32B"} 149.4
"""


def test_a_window_is_the_later_scrape_minus_the_earlier() -> None:
    """40 requests between the two; streams at once are tokens per iteration."""
    seen = window([scraped(vllm_metrics(100)), scraped(vllm_metrics(140))])
    assert (seen.model, seen.engine, seen.requests) == (MODEL, "vllm", 40)
    assert (seen.isl, seen.osl, seen.cached) == (8000, 500, 6000)
    assert seen.concurrency == pytest.approx(8)
    # The middle of the only filled bucket is 0.625 s, more than the exact mean.
    assert seen.ttft_ms == pytest.approx(600)
    assert seen.tpot_ms == pytest.approx(20)
    # Somewhere in a bucket from 0.5 to 0.75 s: log(1.5) / sqrt(12) at least, however many requests.
    assert seen.ttft_error > 0.117


def test_sglang_names_are_read() -> None:
    """The median of 40 is the 20th: halfway through the bucket of 20 from 0.2 to 0.4 s."""
    seen = window([scraped(SGLANG)])
    assert (seen.engine, seen.requests, seen.isl, seen.osl) == ("sglang", 40, 1000, 250)
    assert seen.concurrency == 6
    assert seen.ttft_ms == pytest.approx(300)
    assert seen.tpot_ms == pytest.approx(15)


def test_a_quantile_above_the_last_end_is_that_end() -> None:
    """As PromQL does it: nothing is known beyond."""
    assert Histogram(((1.0, 2.0), (float("inf"), 10.0)), 10, 30).quantile(0.5) == 1.0


def test_what_cannot_be_used_is_refused() -> None:
    """Wrong order, a restart, an idle server, other models, no such metrics."""
    with pytest.raises(UsageError, match="order is wrong"):
        window([scraped(vllm_metrics(140)), scraped(vllm_metrics(100))])
    with pytest.raises(UsageError, match="started again"):
        window([scraped(vllm_metrics(100)), scraped(vllm_metrics(140, restarted=True))])
    with pytest.raises(UsageError, match="no finished request"):
        window([scraped(vllm_metrics(100)), scraped(vllm_metrics(100))])
    with pytest.raises(UsageError, match=r"not of Qwen3\.5-27B"):
        metrics_test([vllm_metrics(100)], "Qwen3.5-27B")
    with pytest.raises(UsageError, match="one vLLM or SGLang server"):
        scraped(vllm_metrics(5) + SGLANG)
    with pytest.raises(UsageError, match="first and last"):
        metrics_test([vllm_metrics(100)] * 3)
    assert not is_scrape("model,gpu\nvllm,8xH200\n")
    assert is_scrape(SGLANG)
