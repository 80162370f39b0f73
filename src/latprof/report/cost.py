"""Documents of `latprof cost`: electricity, own and rented hardware, break-even, depreciation, fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from latprof.classes import dataclass
from latprof.report.calculation import Field, Value, calculation_document, number_text
from latprof.report.document import Document
from latprof.sizing import (
    ApiTuning,
    OwnedMachine,
    OwnTuning,
    cost_per_mtok,
    electricity_per_mtok,
    kwh_per_mtok,
    rent_per_month,
    tokens_per_month,
    tuning_bytes,
    value_after,
)
from latprof.units import UNKNOWN, format_share

__all__ = [
    "Draw",
    "break_even_document",
    "depreciation_document",
    "electricity_document",
    "fine_tune_document",
    "own_document",
    "rent_document",
]

_SUMMED: Final = (
    "The speed is the sum over all streams; what one engineer feels is another figure. Fixed costs are "
    "the same in idle hours."
)


@dataclass(frozen=True, slots=True)
class Draw:
    """A machine's draw and the speed of one stream on it; `kind` and `source` say where the speed comes from."""

    hardware: str
    model: str | None
    tps: float
    watts: float
    kind: str
    source: str | None


def _ratio(cost: float, api: float | None) -> Value:
    return None if not api else cost / api


def _ratio_text(ratio: float | None) -> str:
    """3.6 -> '3.6 x', of own cost over the API's."""
    return UNKNOWN if ratio is None else f"{number_text(ratio)} x"


def _against(api: float | None) -> tuple[Field, ...]:
    return (Field("over_api", "against API", text=_ratio_text),) if api else ()


def _api_note(api: float | None, currency: str) -> list[str]:
    return [f"The API beside it costs {api:g} {currency} per million tokens, as given."] if api else []


def electricity_document(
    draws: Sequence[Draw], rate: float, api: float | None, currency: str, *, marginal: bool
) -> Document:
    """Electricity of a million tokens per hardware, cheapest first. Raises ValueError."""
    fields = (
        Field.name("hardware", "hardware"),
        Field.name("model", "model", 1),
        Field("tps", "tok/s", ""),
        Field.name("speed_kind", "speed is"),
        Field("watts", "W", ""),
        Field("kwh_per_mtok", "kWh per Mtok"),
        Field("cost_per_mtok", f"{currency} per Mtok"),
        *_against(api),
        Field.name("source", "source", 2),
    )
    rows: list[dict[str, Value]] = [
        {
            "hardware": draw.hardware,
            "model": draw.model,
            "tps": draw.tps,
            "speed_kind": draw.kind or None,
            "watts": draw.watts,
            "kwh_per_mtok": kwh_per_mtok(draw.watts, draw.tps),
            "cost_per_mtok": electricity_per_mtok(draw.watts, draw.tps, rate),
            "over_api": _ratio(electricity_per_mtok(draw.watts, draw.tps, rate), api),
            "source": draw.source,
        }
        for draw in draws
    ]
    rows.sort(key=lambda row: float(row["cost_per_mtok"] or 0))
    what = "load minus idle" if marginal else "of the whole system under load"
    note = (
        f"Estimates at {rate:g} {currency} per kWh: W / 1000 x 1e6 / (tok/s x 3600) x price. Watts are {what}. One "
        "stream at full use; several at once share the draw and cost less each. The purchase is not in it."
    )
    return calculation_document(
        "cost electricity", f"{rate:g} {currency} per kWh", "Electricity of a million tokens, one stream", fields, rows,
        inputs={"rate_per_kwh": rate, "currency": currency, "api_per_mtok": api, "marginal": marginal},
        notes=[note, *_api_note(api, currency)],
    )  # fmt: skip


def _use_fields(currency: str, api: float | None) -> tuple[Field, ...]:
    return (
        Field.share("utilisation", "busy"),
        Field("mtok_per_month", "Mtok a month"),
        Field("cost_per_month", f"{currency} a month"),
        Field("cost_per_mtok", f"{currency} per Mtok"),
        *_against(api),
    )


def own_document(
    machine: OwnedMachine, shares: Sequence[float], api: float | None, currency: str, inputs: Mapping[str, Any]
) -> Document:
    """Cost of a machine that was bought, by utilisation. Raises ValueError."""
    rows = [
        {
            "utilisation": use,
            "mtok_per_month": machine.tokens_per_month(use) / 1e6,
            "cost_per_month": machine.per_month(use),
            "cost_per_mtok": machine.per_mtok(use),
            "over_api": _ratio(machine.per_mtok(use), api),
        }
        for use in shares
    ]
    note = (
        f"Estimates. A month: {number_text(machine.amortised_per_month)} {currency} of the purchase "
        f"({machine.life_months:g} months, evenly), {number_text(machine.power_per_month())} of electricity at full "
        f"use, {number_text(machine.upkeep_per_month)} of upkeep. {_SUMMED}"
    )
    title = f"{number_text(machine.price)} {currency}, {machine.load_watts:g} W, {number_text(machine.tps)} tok/s"
    return calculation_document(
        "cost own", title, "Cost of an own machine by how busy it is", _use_fields(currency, api), rows,
        inputs={**inputs, "api_per_mtok": api}, notes=[note, *_own_verdict(machine, api, currency)],
    )  # fmt: skip


def _own_verdict(machine: OwnedMachine, api: float | None, currency: str) -> list[str]:
    if not api:
        return []
    least = machine.break_even_utilisation(api)
    beside = f"the API at {api:g} {currency} per million tokens"
    if least is None:
        return [f"At no utilisation is it cheaper than {beside}."]
    return [f"It is cheaper than {beside} from {format_share(least)} of the month on."]


def rent_document(
    cards: int,
    per_hour: float,
    tps: float,
    hours: float,
    shares: Sequence[float],
    api: float | None,
    currency: str,
    *,
    from_settings: bool = False,
) -> Document:
    """Cost of rented cards, by utilisation of the paid `hours` of a month. Raises ValueError."""
    month = rent_per_month(cards, per_hour, hours)
    rows: list[dict[str, Value]] = []
    for use in shares:
        tokens = tokens_per_month(tps, use, hours)
        each = cost_per_mtok(month, tokens)
        rows.append(
            {
                "utilisation": use,
                "mtok_per_month": tokens / 1e6,
                "cost_per_month": month,
                "cost_per_mtok": each,
                "over_api": _ratio(each, api),
            }
        )
    inputs = {
        "cards": cards,
        "price_per_hour": per_hour,
        "tps": tps,
        "hours_per_month": hours,
        "currency": currency,
        "api_per_mtok": api,
    }
    why = " (the working hours of the settings; --hours 730 is around the clock)" if from_settings else ""
    note = f"Estimates: cards x price x {hours:g} hours{why}, paid whether busy or not. {_SUMMED}"
    title = f"{cards} x {per_hour:g} {currency} an hour, {number_text(tps)} tok/s"
    return calculation_document(
        "cost rent", title, "Cost of rented cards by how busy they are", _use_fields(currency, api), rows,
        inputs=inputs, notes=[note, *_api_note(api, currency)],
    )  # fmt: skip


def break_even_document(
    machine: OwnedMachine, volumes: Sequence[float], api: float, currency: str, inputs: Mapping[str, Any]
) -> Document:
    """The API's bill against an own machine, by volume. Raises ValueError."""
    fields = (
        Field("mtok_per_month", "Mtok a month", ""),
        Field.share("utilisation", "busy"),
        Field("api_per_month", f"API, {currency} a month"),
        Field("own_per_month", f"own, {currency} a month"),
        Field("own_per_mtok", f"own, {currency} per Mtok"),
        Field("payback_months", "paid back, months"),
    )
    rows = [_volume(machine, tokens, api) for tokens in volumes]
    least = machine.break_even_tokens(api)
    if least is None:
        verdict = f"at no volume that it can generate is it cheaper than {api:g} {currency} per Mtok"
    else:
        share = format_share(machine.utilisation_at(least)) if least else "0 %"
        verdict = f"cheaper from {number_text(least / 1e6)} Mtok a month on, {share} of what it can generate"
    note = (
        "Estimates. Own cost of a month: the purchase spread evenly, electricity, upkeep. Paid back: the price "
        "over what is saved each month by not paying the API, with electricity and upkeep taken off; the purchase is "
        "counted once, and a time beyond its life means that it wears out first. – means never, or more than it can do."
    )
    return calculation_document(
        "cost break-even", verdict, "The API's bill against an own machine, by volume", fields, rows,
        inputs={**inputs, "api_per_mtok": api, "break_even_tokens_per_month": least}, notes=[note, _SUMMED],
    )  # fmt: skip


def _volume(machine: OwnedMachine, tokens: float, api: float) -> dict[str, Value]:
    use = machine.utilisation_at(tokens)
    bill = api * tokens / 1e6
    possible = use <= 1 + 1e-12
    use = min(use, 1.0) if possible else use
    own = machine.per_month(use) if possible else None
    return {
        "mtok_per_month": tokens / 1e6,
        "utilisation": use,
        "api_per_month": bill,
        "own_per_month": own,
        "own_per_mtok": None if own is None else cost_per_mtok(own, tokens),
        "payback_months": machine.break_even_months(bill, use) if possible else None,
    }


def depreciation_document(price: float, losses: Sequence[float], years: int, currency: str) -> Document:
    """Resale value after each year, one column per yearly loss. Raises ValueError."""
    keys = [f"value_loss{loss * 100:g}" for loss in losses]
    fields = (
        Field("years", "after years", ""),
        *(Field(key, f"-{loss * 100:g}% a year, {currency}") for key, loss in zip(keys, losses, strict=True)),
    )
    rows: list[dict[str, Value]] = [
        {"years": year, **{key: value_after(price, year, loss) for key, loss in zip(keys, losses, strict=True)}}
        for year in range(years + 1)
    ]
    note = (
        "Estimates: price x (1 - loss) ^ years. As an example, an RTX Pro 6000 is expected to fall from EUR 7,800 "
        "to between 2,300 and 2,800 in three years, 29 to 33 % a year. What is lost is paid in idle hours too."
    )
    return calculation_document(
        "cost depreciation", f"bought for {number_text(price)} {currency}", "Resale value", fields, rows,
        inputs={"price": price, "currency": currency}, notes=[note],
    )  # fmt: skip


def fine_tune_document(hosted: ApiTuning, mine: OwnTuning, parameters: float | None, currency: str) -> Document:
    """A year of fine-tuning: the API, the own machine in its first year, and the own machine paid off evenly."""
    fields = (Field.name("way", "way"), Field("cost_per_year", f"{currency} a year"))
    rows: list[dict[str, Value]] = [
        {"way": "API: training and use", "cost_per_year": hosted.per_year()},
        {"way": "own machine, first year: price and power", "cost_per_year": mine.first_year()},
        {"way": "own machine, paid off evenly, and power", "cost_per_year": mine.amortised_per_year()},
    ]
    months = mine.break_even_months(hosted.per_year())
    verdict = "The own machine never pays." if months is None else f"It has paid after {number_text(months)} months."
    notes = [f"Estimates. {verdict} The API's bill less the machine's power pays the price.", *_memory(parameters)]
    inputs = {
        "currency": currency,
        "training_tokens_per_year": hosted.runs_per_year * hosted.training_tokens_per_run,
        "inference_tokens_per_year": hosted.inference_tokens_per_year,
        "price": mine.price,
        "hours_per_year": mine.hours_per_year,
        "break_even_months": months,
        "parameters": parameters,
    }
    return calculation_document(
        "cost fine-tune",
        "a year by an API or on an own machine",
        "Cost of a year",
        fields,
        rows,
        inputs=inputs,
        notes=notes,
    )


def _memory(parameters: float | None) -> list[str]:
    if parameters is None:
        return []
    (full_low, full_high), (small_low, small_high) = (tuning_bytes(parameters, way) for way in ("full", "qlora"))
    full, small = f"{_gb(full_low)} to {_gb(full_high)} GB", f"{_gb(small_low)} to {_gb(small_high)} GB"
    size = f"{parameters / 1e9:g}B"
    return [
        f"Memory for training {size}: {full} for all weights, {small} with QLoRA, in proportion to claims about 7B."
    ]


def _gb(size_bytes: float) -> str:
    return number_text(size_bytes / 1e9)
