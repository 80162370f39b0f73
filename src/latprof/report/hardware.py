"""Documents of `latprof hardware`: sizes, speeds, contexts, and what fits on what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from latprof.classes import dataclass
from latprof.report.calculation import Field, Value, calculation_document, number_text
from latprof.report.document import Document
from latprof.sizing import ContextRow, FitRow, ModelPlan, Quantisation, SizeRow, SpeedRow
from latprof.units import UNKNOWN, format_count

__all__ = ["FitQuestion", "context_document", "fit_document", "size_document", "speed_document"]

_GB: Final = 1e9
_REAL: Final = (
    "50 to 70 % of it is an estimate: what real engines reach as a rule. Where that is more than some 200 tok/s, the "
    "work per layer limits a stream first (170 to 230 tok/s for 48 to 62 layers on several cards), whatever the memory."
)
_SIZES: Final = (
    "Estimates: parameters x bits / 8, GB of 10^9 bytes. The bits are those of whole files, scales included; other "
    "models differ by a few percent. The weights that are read decide the speed, all weights the memory."
)
_CEILING: Final = "The ceiling is a bound: bandwidth / bytes read per token (active weights and the cache)."
_SEVERAL: Final = "All cards are taken to read at once (tensor parallelism over a fast link)."
_SPLIT: Final = (
    "Sessions: how many of this length fit at once; longest: the largest context of a single one. A cache is split "
    "over as many cards as there are key-value heads; latent attention is copied to every card. Engines offer 1, 2, "
    "4 or 8 cards more often than other numbers."
)
_ONE: Final = "These are speeds of one stream alone, not the sum over many and not one user's share of a busy server."


def _label(model: ModelPlan) -> str:
    total, active = model.parameters / 1e9, model.active_parameters / 1e9
    size = f"{total:g}B" if total == active else f"{total:g}B, {active:g}B active"
    return f"{model.name} ({size})" if model.name else f"a model of {size}"


def _context_text(tokens: Value) -> str:
    return UNKNOWN if tokens is None else format_count(int(tokens))


def _model_inputs(model: ModelPlan) -> dict[str, Value]:
    return {
        "model": model.name or None,
        "parameters": model.parameters,
        "active_parameters": model.active_parameters,
        "kv_bytes_per_token_16bit": model.kv_bytes,
        "limit_tokens": model.limit_tokens,
    }


def size_document(model: ModelPlan, rows: Sequence[SizeRow]) -> Document:
    """A model's size per quantisation, largest first."""
    fields = (
        Field.name("quantisation", "quantisation"),
        Field("bits_per_weight", "bits", ""),
        Field("weights_gb", "weights, GB"),
        Field("read_gb_per_token", "read per token, GB"),
        Field.share("reduction_share", "smaller than 16 bit"),
        Field("source", "bits from", "", "left", 1),
    )
    values: list[dict[str, Value]] = [
        {
            "quantisation": row.quantisation.name,
            "bits_per_weight": row.quantisation.bits,
            "weights_gb": row.weight_bytes / _GB,
            "read_gb_per_token": row.read_bytes / _GB,
            "reduction_share": row.reduction_share,
            "source": row.quantisation.source,
        }
        for row in rows
    ]
    return calculation_document(
        "hardware sizes", _label(model), "Size of the weights", fields, values,
        inputs=_model_inputs(model), notes=[_SIZES],
    )  # fmt: skip


def speed_document(
    model: ModelPlan, quantisation: Quantisation, rows: Sequence[SpeedRow], *, context_tokens: int, kv_bits: float
) -> Document:
    """The decode ceiling of one stream per card, fastest first."""
    fields = (
        Field.name("hardware", "hardware"),
        Field("cards", "cards", ""),
        Field("bandwidth_gb_s", "GB/s each", ""),
        Field.name("fits", "fits"),
        Field("ceiling_tps", "ceiling, tok/s", "bound", text=_at_most),
        *Field.span("low_tps", "high_tps", "50 to 70 %, tok/s"),
    )
    values: list[dict[str, Value]] = [
        {
            "hardware": row.card.name,
            "cards": row.cards,
            "bandwidth_gb_s": (row.card.bandwidth or 0) / _GB,
            "fits": {True: "yes", False: "no", None: None}[row.fits],
            "ceiling_tps": row.ceiling_tps,
            "low_tps": row.low_tps,
            "high_tps": row.high_tps,
        }
        for row in rows
    ]
    context = f" with {format_count(context_tokens)} tokens of context" if context_tokens else " with an empty context"
    several = any(row.cards > 1 for row in rows)
    notes = [f"{_CEILING} {_REAL}", _ONE, *([_SEVERAL] if several else [])]
    inputs = _model_inputs(model) | {
        "quantisation": quantisation.name,
        "bits_per_weight": quantisation.bits,
        "context_tokens": context_tokens,
        "kv_bits": kv_bits,
        "scope": "single_stream",
    }
    title = f"{_label(model)} at {quantisation.name}{context}"
    return calculation_document(
        "hardware speed", title, "Generation speed of one stream, in tokens per second", fields, values,
        inputs=inputs, notes=notes,
    )  # fmt: skip


def _at_most(value: float | None) -> str:
    return UNKNOWN if value is None else f"≤ {number_text(value)}"


def context_document(
    model: ModelPlan,
    quantisation: Quantisation,
    rows: Sequence[ContextRow],
    kv_bits: Sequence[float],
    headroom_bytes: float,
) -> Document:
    """The largest context per memory and precision of the cache."""
    keys = [f"context_tokens_kv{bits:g}" for bits in kv_bits]
    fields = (
        Field.name("hardware", "hardware"),
        Field("memory_gb", "memory, GB", ""),
        Field("weights_gb", "weights, GB"),
        *(Field(key, f"{bits:g}-bit cache", text=_context_text) for key, bits in zip(keys, kv_bits, strict=True)),
    )
    values: list[dict[str, Value]] = [
        {
            "hardware": row.card.name,
            "memory_gb": (row.card.memory_bytes or 0) / _GB,
            "weights_gb": row.weight_bytes / _GB,
            **dict(zip(keys, row.contexts, strict=True)),
        }
        for row in rows
    ]
    per_token = ", ".join(f"{model.cache(bits).bytes_per_token / 1e3:,.3g} kB at {bits:g} bit" for bits in kv_bits)
    limit = f" The model was trained for {format_count(model.limit_tokens)}." if model.limit_tokens else ""
    note = (
        f"Estimates for one session: (memory - weights - {headroom_bytes / _GB:g} GB of headroom) / cache per token, "
        f"which is {per_token}.{limit} – means that the model does not fit."
    )
    inputs = _model_inputs(model) | {
        "quantisation": quantisation.name,
        "bits_per_weight": quantisation.bits,
        "headroom_gb": headroom_bytes / _GB,
    }
    title = f"{_label(model)} at {quantisation.name}"
    return calculation_document(
        "hardware context",
        title,
        "Largest context of one session, in tokens",
        fields,
        values,
        inputs=inputs,
        notes=[note],
    )


@dataclass(frozen=True, slots=True)
class FitQuestion:
    """What was asked: the format of the weights, sessions and their context, and what limits the cards."""

    quantisation: Quantisation
    context_tokens: int
    sessions: int
    kv_bits: float
    headroom_bytes: float
    most_cards: int


def fit_document(rows: Sequence[FitRow], asked: FitQuestion) -> Document:
    """What fits on which hardware, with how many cards, and how fast one stream is."""
    fields = (
        Field.name("model", "model"),
        Field.name("hardware", "hardware"),
        Field("cards", "cards"),
        Field("weights_gb", "weights, GB", priority=2),
        Field("room_gb", "cache room, GB", priority=3),
        Field("sessions", "sessions"),
        Field("context_tokens", "longest, tokens", priority=1, text=_context_text),
        Field("ceiling_tps", "ceiling, tok/s", "bound", text=_at_most),
        *Field.span("low_tps", "high_tps", "50 to 70 %, tok/s"),
    )
    one = format_count(asked.context_tokens)
    words = f"{asked.sessions} session{'' if asked.sessions == 1 else 's'}"
    note = (
        f"Estimates. Cards: the fewest that hold the weights and {words} of {one} tokens with a {asked.kv_bits:g}-bit "
        f"cache, {asked.headroom_bytes / _GB:g} GB of each card kept free. {_SPLIT}"
    )
    inputs = {
        "quantisation": asked.quantisation.name,
        "bits_per_weight": asked.quantisation.bits,
        "context_tokens": asked.context_tokens,
        "sessions": asked.sessions,
        "kv_bits": asked.kv_bits,
        "headroom_gb": asked.headroom_bytes / _GB,
        "max_cards": asked.most_cards,
        "scope": "single_stream",
    }
    return calculation_document(
        "hardware fit", f"{words} of {one} tokens at {asked.quantisation.name}", "What fits, on how many cards", fields,
        [_fit_values(row) for row in rows], inputs=inputs,
        notes=[*_misfits(rows, asked.most_cards), note, f"{_CEILING} {_SEVERAL} {_REAL}", _ONE],
        shown=lambda row: row["cards"] is not None,
    )  # fmt: skip


def _misfits(rows: Sequence[FitRow], most_cards: int) -> list[str]:
    """The hardware on which a model does not fit, in words."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.fit is None:
            found.setdefault(_label(row.model), []).append(row.card.name)
    return [f"{model} does not fit on {most_cards} or fewer of: {', '.join(names)}." for model, names in found.items()]


def _fit_values(row: FitRow) -> dict[str, Value]:
    found = row.fit
    return {
        "model": _label(row.model) if not row.model.name else row.model.name,
        "hardware": row.card.name,
        "cards": found.cards if found else None,
        "weights_gb": row.weight_bytes / _GB,
        "room_gb": found.room_bytes / _GB if found else None,
        "sessions": found.sessions if found else None,
        "context_tokens": found.context_tokens if found else None,
        "ceiling_tps": row.ceiling_tps,
        "low_tps": row.low_tps,
        "high_tps": row.high_tps,
    }
