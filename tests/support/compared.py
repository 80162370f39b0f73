"""A small catalogue and calls whose comparison can be done by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final

from latprof.catalogue import Catalogue, load_catalogue
from latprof.model import Call
from made_calls import NOON, made

CATALOGUE: Final = """
[[source]]
id = "ours"
title = "Ours"
where = "ours.json"
published = 2026-11-01
checked = 2026-11-20

[[source]]
id = "theirs"
title = "Theirs"
where = "theirs.html"
published = 2026-11-01
checked = 2026-11-20

[[hosted]]
id = "even"
name = "Even"
aliases = ["model-a"]
provider = "Nobody"
facts = [
  { at = "ours:1", kind = "measured", values = { ttft_s = 0.5, decode_tps = 91 }, scope = "single_stream" },
  { at = "theirs:2", kind = "claimed", values = { ttft_s = 0.5, decode_tps = 9.1 }, scope = "single_stream" },
  { at = "ours:3", kind = "claimed", values = { input_usd_per_mtok = 10, output_usd_per_mtok = 100, cache_read_usd_per_mtok = 1, cache_write_usd_per_mtok = 20, context_tokens = 1050 } },
  { at = "ours:4", kind = "claimed", values = { input_usd_per_mtok = 20 }, conditions = { input_tokens = ">1500" } },
  { at = "ours:5", kind = "claimed", values = { elo = 1500 } },
]

[[hosted]]
id = "half-known"
name = "Half known"
facts = [{ at = "ours:6", kind = "claimed", values = { decode_tps = 50 }, scope = "single_stream" }]

[[deployment]]
id = "rack"
name = "Rack"
model = "minimax-m2.5"
hardware = "h100-sxm"
count = 2
facts = [
  { at = "ours:7", kind = "estimated", values = { ttft_s = 3.0 }, scope = "single_stream", conditions = { input_tokens = 30000, cached_tokens = 0, concurrency = 1 } },
  { at = "ours:7", kind = "estimated", values = { ttft_s = 0.3, decode_tps = 91 }, scope = "single_stream", conditions = { input_tokens = 30000, cached_tokens = 27000, concurrency = 1 } },
  { at = "ours:7", kind = "estimated", values = { ttft_s = 0.4, decode_tps = 45.5 }, scope = "per_user_at_n", conditions = { input_tokens = 30000, cached_tokens = 27000, concurrency = 10 } },
  { at = "ours:8", kind = "claimed", values = { rent_usd_per_hour = 2 } },
  { at = "ours:9", kind = "measured", values = { throughput_tps = 1000 }, scope = "aggregate" },
]

[[deployment]]
id = "summed"
name = "Summed"
facts = [{ at = "ours:10", kind = "estimated", values = { decode_tps = 3400 }, scope = "aggregate" }]
"""  # noqa: E501 - inline tables of TOML stand on one line

# A team's own catalogue file with one service.
OWN_HOSTED: Final = """
[[source]]
id = "rack"
title = "Our server"
where = "bench.json"
published = 2026-11-18
checked = 2026-11-20

[[hosted]]
id = "our-gateway"
name = "Our gateway"
facts = [{ at = "rack", kind = "claimed", values = { input_usd_per_mtok = 2.4 } }]
"""


def small_catalogue(folder: Path) -> Catalogue:
    """The catalogue of latprof with the entries above laid over it."""
    path = folder / "small.toml"
    path.write_text(CATALOGUE, encoding="utf-8")
    return load_catalogue([path], today=date(2026, 11, 21))


def one_day(count: int = 12, **fields: Any) -> list[Call]:
    """Calls of one day in two sessions: 4 s each, 1 s of it to the first token; 1,000 tokens in, 800 cached, 91 out."""
    return [made(number, at=NOON + 10 * number, session_id=f"s{number % 2}", **fields) for number in range(count)]
