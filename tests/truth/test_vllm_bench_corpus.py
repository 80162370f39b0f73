"""Real results of vLLM's bench serve against a count that knows nothing of the reader."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import pytest

from latprof.formats import Source
from latprof.formats.vllm_bench import FORMAT
from latprof.model import Call


# The first is the median that the file states, over zeros too; the second the one without them.
@pytest.mark.parametrize(("rate", "stated_s", "true_s"), [("1000.0qps", 49.665, 50.242), ("32.0qps", 15.444, 32.282)])
def test_requests_agree_with_a_plain_count(shared: Path, rate: str, stated_s: float, true_s: float) -> None:
    """Number, tokens, first tokens and ends."""
    (path,) = (shared / "corpus/benchmarks/vllm-bench").glob(f"*-{rate}-*.json")
    result = json.loads(path.read_bytes())
    good = [at for at, ttft in enumerate(result["ttfts"]) if ttft > 0 and result["output_lens"][at] > 0]
    calls = [item for item in FORMAT.read(Source.from_path(path)) if isinstance(item, Call)]
    assert len(calls) == len(good)
    assert sum(call.output_tokens or 0 for call in calls) == sum(result["output_lens"][at] for at in good)
    assert sum(call.input_tokens or 0 for call in calls) == sum(result["input_lens"][at] for at in good)
    assert sorted(call.first_output_at or 0 for call in calls) == sorted(result["ttfts"][at] for at in good)
    ends = sum(result["ttfts"][at] + sum(result["itls"][at]) for at in good)
    assert sum(call.last_output_at or 0 for call in calls) == pytest.approx(ends)
    assert result["median_ttft_ms"] == pytest.approx(stated_s * 1000, abs=1)
    assert median(call.first_output_at or 0 for call in calls) == pytest.approx(true_s, abs=0.01)
    assert len({call.call_id for call in calls}) == len(calls)
