"""The words of the catalogue's files: types of entries, quantities with units, conditions."""

from __future__ import annotations

from typing import Final

from latprof.classes import dataclass

__all__ = ["CONDITIONS", "QUANTITIES", "SPEEDS", "TYPES", "Quantity"]

TYPES: Final = {
    "hosted": "a model behind a provider's API",
    "model": "a model with open weights, or a family of such",
    "gpu": "a graphics card or accelerator",
    "cpu": "a processor",
    "machine": "a whole computer",
    "cluster": "several cards that are rented or bought together",
    "deployment": "a model on certain hardware with a certain engine",
    "engine": "software that runs models",
    "plan": "a subscription",
    "team": "a team's usage, money and habits",
    "quantization": "a format of weights or of the KV cache",
    "practice": "a way to get faster, cheaper or further",
    "case": "a worked comparison of costs",
    "study": "a benchmark, paper or report with its result",
    "event": "a change or fault of a service",
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a figure is of. Its unit is '' for a text; `perishes_days` is the age at which it is flagged."""

    unit: str
    meaning: str
    perishes_days: int | None = None


_SPEED_DAYS: Final = 180
_PRICE_DAYS: Final = 120
_RATING_DAYS: Final = 365


def _speeds() -> dict[str, Quantity]:
    return {
        "ttft_s": Quantity("s", "time to first token", _SPEED_DAYS),
        "decode_tps": Quantity("tok/s", "generation speed after the first token", _SPEED_DAYS),
        "wall_tps": Quantity("tok/s", "output tokens over the whole call, first token included", _SPEED_DAYS),
        "throughput_tps": Quantity("tok/s", "output tokens per second, summed over all streams", _SPEED_DAYS),
        "prefill_tps": Quantity("tok/s", "input tokens read per second", _SPEED_DAYS),
        "step_s": Quantity("s", "a whole call: queueing, first token and generation", _SPEED_DAYS),
    }


def _hardware() -> dict[str, Quantity]:
    return {
        "memory_gb": Quantity("GB", "memory that holds weights and KV cache"),
        "memory_type": Quantity("", "kind of memory"),
        "bandwidth_gb_s": Quantity("GB/s", "memory bandwidth"),
        "bf16_tflops": Quantity("TFLOPS", "dense peak at 16 bit"),
        "fp8_tflops": Quantity("TFLOPS", "dense peak at FP8"),
        "fp4_tflops": Quantity("TFLOPS", "dense peak at FP4"),
        "int8_tops": Quantity("TOPS", "dense peak at INT8"),
        "link_gb_s": Quantity("GB/s", "bandwidth to another card of the same machine, one way"),
        "link_total_gb_s": Quantity("GB/s", "bandwidth to other cards, both ways together"),
        "tdp_watts": Quantity("W", "the card's rated power"),
        "idle_watts": Quantity("W", "power of the whole system, idle"),
        "system_watts": Quantity("W", "power of the whole system under load"),
        "overhead_watts": Quantity("W", "power of the rest of the system"),
        "cores": Quantity("1", "cores"),
        "memory_channels": Quantity("1", "memory channels"),
        "price_usd": Quantity("USD", "price to buy", _PRICE_DAYS),
        "price_eur": Quantity("EUR", "price to buy", _PRICE_DAYS),
        "rent_usd_per_hour": Quantity("USD/h", "rent of one card for an hour", _PRICE_DAYS),
        "rent_usd_per_month": Quantity("USD/month", "rent of the whole for a month", _PRICE_DAYS),
        "rent_eur_per_month": Quantity("EUR/month", "rent of the whole for a month", _PRICE_DAYS),
        "value_eur": Quantity("EUR", "value when sold again"),
        "link_type": Quantity("", "how cards are joined"),
    }


def _architecture() -> dict[str, Quantity]:
    return {
        "params_total_b": Quantity("10^9", "parameters"),
        "params_active_b": Quantity("10^9", "parameters that take part in a token"),
        "layers": Quantity("1", "layers"),
        "layers_full_attention": Quantity("1", "layers whose KV cache grows with the whole context"),
        "layers_dense": Quantity("1", "leading layers without experts"),
        "hidden": Quantity("1", "width of the hidden state"),
        "heads": Quantity("1", "query heads"),
        "kv_heads": Quantity("1", "key and value heads"),
        "head_dim": Quantity("1", "width of a head"),
        "mla_latent_dim": Quantity("1", "width of the shared latent of keys and values"),
        "window_tokens": Quantity("tokens", "window of the layers without full attention"),
        "sparse_top_tokens": Quantity("tokens", "tokens that sparse attention looks at"),
        "indexer_bytes_per_token": Quantity("bytes", "cache of the sparse attention's index for a token"),
        "ffn_width": Quantity("1", "width of the dense feed-forward layer"),
        "experts": Quantity("1", "experts of a layer"),
        "experts_active": Quantity("1", "experts that a token is sent to"),
        "experts_shared": Quantity("1", "experts that every token uses"),
        "expert_width": Quantity("1", "width of an expert"),
        "attention": Quantity("", "kind of attention"),
        "kv_bytes_per_token": Quantity("bytes", "KV cache of a token; at 16 bit where no precision is given"),
        "context_tokens": Quantity("tokens", "largest context"),
        "weights_gb": Quantity("GB", "weights on disk or in memory; FP8 where no precision is given"),
        "active_weights_gb": Quantity("GB", "weights that are read for a token"),
        "bits_per_weight": Quantity("bit", "bits of a weight, or of an element of the KV cache"),
        "modules": Quantity("", "what the thing consists of"),
        "licence": Quantity("", "licence of the weights"),
    }


def _money() -> dict[str, Quantity]:
    return {
        "input_usd_per_mtok": Quantity("USD/Mtok", "price of input", _PRICE_DAYS),
        "output_usd_per_mtok": Quantity("USD/Mtok", "price of output", _PRICE_DAYS),
        "cache_read_usd_per_mtok": Quantity("USD/Mtok", "price of input read from the cache", _PRICE_DAYS),
        "cache_write_usd_per_mtok": Quantity("USD/Mtok", "price of input written to the cache", _PRICE_DAYS),
        "usd_per_mtok": Quantity("USD/Mtok", "price or cost of a million tokens, not split", _PRICE_DAYS),
        "eur_per_mtok": Quantity("EUR/Mtok", "price or cost of a million tokens, not split", _PRICE_DAYS),
        "training_usd_per_mtok": Quantity("USD/Mtok", "price of training tokens", _PRICE_DAYS),
        "usd_per_month": Quantity("USD/month", "price or cost of a month", _PRICE_DAYS),
        "eur_per_month": Quantity("EUR/month", "price or cost of a month", _PRICE_DAYS),
        "eur_per_year": Quantity("EUR/year", "price or cost of a year", _PRICE_DAYS),
        "usd_per_day": Quantity("USD/day", "price or cost of a day", _PRICE_DAYS),
        "eur_per_kwh": Quantity("EUR/kWh", "price of electricity", _PRICE_DAYS),
        "upfront_eur": Quantity("EUR", "price of the hardware, paid once", _PRICE_DAYS),
        "tokens_per_month": Quantity("tokens/month", "tokens of a month"),
        "queries_per_month": Quantity("1/month", "queries of a month"),
        "tokens_per_query": Quantity("tokens", "tokens of a query"),
        "months": Quantity("months", "time until something happens"),
        "weeks": Quantity("weeks", "time until something happens"),
    }


def _quality() -> dict[str, Quantity]:
    return {
        "elo": Quantity("Elo", "arena rating", _RATING_DAYS),
        "elo_gap": Quantity("Elo", "arena rating below the model of comparison", _RATING_DAYS),
        "grade": Quantity("", "the source's grade of quality"),
        "score": Quantity("points", "benchmark score"),
        "quality_share": Quantity("share", "quality as a share of the thing of comparison"),
        "perplexity": Quantity("1", "perplexity; lower is better"),
        "perplexity_change_share": Quantity("share", "change of perplexity"),
        "size_change_share": Quantity("share", "how much smaller"),
        "speed_ratio": Quantity("×", "speed over the speed of the thing of comparison"),
        "cost_ratio": Quantity("×", "cost over the cost of the thing of comparison"),
    }


def _general() -> dict[str, Quantity]:
    return {
        "ratio": Quantity("×", "one thing over another"),
        "share": Quantity("share", "a part of the whole"),
        "change_share": Quantity("share", "a change as a share of what was before"),
        "count": Quantity("1", "a count"),
        "tokens": Quantity("tokens", "a count of tokens"),
        "seconds": Quantity("s", "a duration that is no speed of a model"),
        "hours": Quantity("h", "a duration"),
        "days": Quantity("days", "a duration"),
        "gigabytes": Quantity("GB", "an amount of memory"),
        "celsius": Quantity("°C", "a temperature"),
        "litres": Quantity("l", "a volume"),
        "characters": Quantity("1", "a count of characters"),
        "rate_per_s": Quantity("1/s", "how often in a second"),
        "engineers": Quantity("1", "people"),
        "best_model": Quantity("", "the best model that fits"),
        "min_hardware": Quantity("", "the least hardware that suffices"),
        "usable_for": Quantity("", "what it is good for"),
        "verdict": Quantity("", "what the source concludes"),
        "status": Quantity("", "state of things at the time"),
        "mention": Quantity("", "named without a figure"),
    }


QUANTITIES: Final[dict[str, Quantity]] = _speeds() | _hardware() | _architecture() | _money() | _quality() | _general()
SPEEDS: Final = frozenset(_speeds())
CONDITIONS: Final = {
    "input_tokens": "input of a call",
    "output_tokens": "output of a call",
    "context_tokens": "context at the time",
    "cached_tokens": "part of the input that was in the cache",
    "concurrency": "streams at the same time",
    "precision": "precision of the weights",
    "kv_precision": "precision of the KV cache",
    "engine": "engine and version",
    "hardware": "id of a card or machine, or its name",
    "gpus": "number of cards",
    "model": "id of a model, or its name",
    "size": "model's size class",
    "quantile": "p10, p50, p90, p99, mean",
    "trigger": "what led to the call",
    "utilization": "share of the time in which the hardware works",
    "memory_gb": "memory of the hardware",
    "location": "place",
    "month": "month of the observation",
    "setting": "what else was set",
}
