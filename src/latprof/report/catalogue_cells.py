"""Facts as cells for people and as plain data for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from latprof.catalogue import Amount, Conflict, Entry, Fact, Source
from latprof.report.document import Cell, Column
from latprof.units import UNKNOWN

__all__ = [
    "FACT_COLUMNS",
    "HEADLINES",
    "amount_text",
    "conditions_text",
    "conflict_data",
    "entry_data",
    "fact_data",
    "fact_row",
    "figure_text",
    "headline_cells",
    "headline_columns",
    "source_data",
]

# What a list shows of each type of entry: quantity and heading; the first come first when there is little room.
HEADLINES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "hosted": (
        ("ttft_s", "TTFT s"),
        ("decode_tps", "decode tok/s"),
        ("input_usd_per_mtok", "in $/Mtok"),
        ("output_usd_per_mtok", "out $/Mtok"),
        ("cache_read_usd_per_mtok", "cached $/Mtok"),
        ("context_tokens", "context tokens"),
    ),
    "model": (
        ("params_total_b", "params 10⁹"),
        ("params_active_b", "active 10⁹"),
        ("layers", "layers"),
        ("kv_bytes_per_token", "KV bytes/token"),
        ("context_tokens", "context tokens"),
        ("elo", "Elo"),
    ),
    "gpu": (
        ("memory_gb", "memory GB"),
        ("bandwidth_gb_s", "GB/s"),
        ("bf16_tflops", "16 bit TFLOPS"),
        ("tdp_watts", "rated W"),
        ("system_watts", "system W"),
        ("price_usd", "price $"),
    ),
    "cpu": (("bandwidth_gb_s", "GB/s"), ("decode_tps", "decode tok/s"), ("system_watts", "system W")),
    "machine": (
        ("memory_gb", "memory GB"),
        ("bandwidth_gb_s", "GB/s"),
        ("system_watts", "system W"),
        ("price_eur", "price EUR"),
    ),
    "cluster": (("rent_usd_per_month", "$/month"), ("rent_usd_per_hour", "$/card/h"), ("upfront_eur", "to buy EUR")),
    "deployment": (("ttft_s", "TTFT s"), ("decode_tps", "decode tok/s"), ("throughput_tps", "total tok/s")),
    "plan": (("usd_per_month", "$/month"),),
    "quantization": (
        ("bits_per_weight", "bits"),
        ("quality_share", "quality"),
        ("speed_ratio", "speed ×"),
        ("score", "score"),
    ),
}
FACT_COLUMNS: Final = (
    "type", "id", "name", "quantity", "low", "high", "about", "bound", "text", "unit", "kind", "scope", "conditions",
    "what", "source", "lines", "as_of", "checked", "old", "conflict", "note", "origin",
)  # fmt: skip


def amount_text(amount: Amount | None) -> str:
    """~160, 45–55, ≥ 3,000."""
    if amount is None:
        return UNKNOWN
    sign = {"at_least": "≥ ", "at_most": "≤ ", None: ""}[amount.bound]
    about = "~" if amount.about else ""
    ends = [amount.low, amount.high] if amount.is_range else [amount.low]
    return sign + about + "–".join(_number(end) for end in ends)


def figure_text(fact: Fact) -> str:
    """An amount with its unit; shares as percent."""
    amount = fact.amount
    if amount is not None and fact.unit == "share":
        percent = Amount(round(amount.low * 100, 6), round(amount.high * 100, 6), amount.about, amount.bound)
        return f"{amount_text(percent)} %"
    return amount_text(amount) if fact.unit in {"", "1"} else f"{amount_text(amount)} {fact.unit}"


def conditions_text(fact: Fact) -> str:
    """What was measured how, in one line."""
    return "; ".join(f"{key.removesuffix('_tokens')} {_plain(value)}" for key, value in fact.conditions.items())


def headline_columns(kind: str) -> tuple[Column, ...]:
    """The columns of a type's most wanted quantities."""
    return tuple(
        Column(head, priority=0 if place < 4 else 1) for place, (_, head) in enumerate(HEADLINES.get(kind, ()))
    )


def headline_cells(entry: Entry, conflicts: Sequence[Conflict]) -> tuple[Cell, ...]:
    """The preferred figure of each wanted quantity, marked by kind, and * where it is old, ! where disputed."""
    return tuple(_headline(entry, quantity, conflicts) for quantity, _ in HEADLINES.get(entry.type, ()))


def _headline(entry: Entry, quantity: str, conflicts: Sequence[Conflict]) -> Cell:
    # A speed of something special (`what`) does not stand for the entry.
    usable = (item for item in entry.of(quantity) if item.amount is not None and not (item.scope and item.what))
    fact = next(usable, None)
    if fact is None:
        return Cell(UNKNOWN, minor=True)
    figure = figure_text(fact) if fact.unit == "share" else amount_text(fact.amount)
    return Cell(f"{figure} {_marks(fact, conflicts)}")


def _marks(fact: Fact, conflicts: Sequence[Conflict]) -> str:
    whose = {"aggregate": "Σ", "per_user_at_n": f"@{fact.conditions.get('concurrency', 'n')}"}.get(fact.scope or "", "")
    disputed = any(conflict.concerns(fact) for conflict in conflicts)
    return fact.kind[0] + whose + ("*" if fact.old else "") + ("!" if disputed else "")


def fact_row(entry: Entry, fact: Fact, conflicts: Sequence[Conflict]) -> tuple[str | int | float | None, ...]:
    """A fact as a spreadsheet's row, in the order of `FACT_COLUMNS`."""
    amount = fact.amount
    return (
        entry.type, entry.id, entry.name, fact.quantity,
        amount.low if amount else None, amount.high if amount else None, int(amount.about) if amount else None,
        amount.bound if amount else None,
        fact.text, fact.unit or None, fact.kind, fact.scope, conditions_text(fact) or None, fact.what,
        fact.at[0].source, " ".join(str(item.line) for item in fact.at if item.line) or None,
        fact.as_of.isoformat() if fact.as_of else None, fact.checked.isoformat(), int(fact.old),
        int(any(conflict.concerns(fact) for conflict in conflicts)), fact.note, fact.origin or None,
    )  # fmt: skip


def fact_data(fact: Fact) -> dict[str, Any]:
    """A fact as JSON."""
    amount = fact.amount
    return {
        "quantity": fact.quantity,
        "unit": fact.unit or None,
        "low": amount and amount.low,
        "high": amount and amount.high,
        "about": bool(amount and amount.about),
        "bound": amount and amount.bound,
        "text": fact.text,
        "kind": fact.kind,
        "scope": fact.scope,
        "conditions": dict(fact.conditions),
        "what": fact.what,
        "note": fact.note,
        "at": [{"source": item.source, "line": item.line} for item in fact.at],
        "as_of": fact.as_of and fact.as_of.isoformat(),
        "checked": fact.checked.isoformat(),
        "old": fact.old,
        "origin": fact.origin or None,
    }


def entry_data(entry: Entry) -> dict[str, Any]:
    """An entry with all its facts as JSON."""
    names = ("type", "id", "name", "provider", "model", "hardware", "count", "engine", "precision", "note")
    return {
        **{name: getattr(entry, name) for name in names},
        "aliases": list(entry.aliases),
        "facts": [fact_data(fact) for fact in entry.facts],
    }


def source_data(source: Source) -> dict[str, Any]:
    """A source as JSON."""
    return {
        "id": source.id,
        "title": source.title,
        "where": source.where,
        "published": source.published and source.published.isoformat(),
        "checked": source.checked.isoformat(),
        "licence": source.licence,
        "note": source.note,
        "origin": source.origin or None,
    }


def conflict_data(conflict: Conflict) -> dict[str, Any]:
    """A conflict as JSON."""
    return {
        "id": conflict.id,
        "says": conflict.says,
        "at": [{"source": item.source, "line": item.line} for item in conflict.at],
        "entries": list(conflict.entries),
        "quantities": list(conflict.quantities),
        "found": conflict.found,
    }


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.10g}"


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else _number(value)
