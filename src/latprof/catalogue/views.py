"""Cards and models as plain records for formulas; made from the preferred facts."""

from __future__ import annotations

from dataclasses import fields

from latprof.catalogue.facts import Entry
from latprof.classes import dataclass

__all__ = ["Architecture", "Gpu"]


@dataclass(frozen=True, slots=True)
class Gpu:
    """A card. Peaks are dense; None where the catalogue knows nothing (or the card cannot do it)."""

    id: str
    name: str
    memory_gb: float | None
    bandwidth_gb_s: float | None
    bf16_tflops: float | None
    fp8_tflops: float | None
    fp4_tflops: float | None
    link_gb_s: float | None
    tdp_watts: float | None
    system_watts: float | None
    price_usd: float | None
    price_eur: float | None
    rent_usd_per_hour: float | None

    @classmethod
    def of(cls, entry: Entry) -> Gpu:
        """From an entry of type gpu, cpu or machine."""
        plain = _numbers(cls, entry)
        # Watts and rents are stated for a load or a seller; any of them is better than none.
        return cls(
            entry.id, entry.name, **{key: entry.number(key) if plain[key] is None else plain[key] for key in plain}
        )


@dataclass(frozen=True, slots=True)
class Architecture:
    """A model's shape; None where the catalogue knows nothing or the model has no such part.

    `kv_bytes_per_token` is at 16 bit and for the layers with full attention; `weights_gb` at FP8, or as published
    where the model comes with fewer bits.
    """

    id: str
    name: str
    params_total_b: float | None
    params_active_b: float | None
    layers: float | None
    layers_full_attention: float | None
    layers_dense: float | None
    hidden: float | None
    heads: float | None
    kv_heads: float | None
    head_dim: float | None
    mla_latent_dim: float | None
    window_tokens: float | None
    sparse_top_tokens: float | None
    indexer_bytes_per_token: float | None
    ffn_width: float | None
    experts: float | None
    experts_active: float | None
    experts_shared: float | None
    expert_width: float | None
    kv_bytes_per_token: float | None
    context_tokens: float | None
    weights_gb: float | None

    @classmethod
    def of(cls, entry: Entry) -> Architecture:
        """From an entry of type model."""
        return cls(entry.id, entry.name, **_numbers(cls, entry))


def _numbers(view: type, entry: Entry) -> dict[str, float | None]:
    """Figures without conditions only: a size at four bits is no size of the model as such."""
    names = [item.name for item in fields(view) if item.name not in {"id", "name"}]
    return {name: next((f.middle for f in entry.of(name) if not f.conditions and not f.what), None) for name in names}
