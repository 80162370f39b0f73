"""Electricity, cost and break-even that the three documents print."""

from __future__ import annotations

from functools import partial

from document_cells import (
    API,
    DEEPSEEK,
    EUR_PER_USD,
    HOURS,
    OVERVIEW,
    POST,
    RATE,
    golden,
    last_digit,
    near,
    number,
    off,
)
from latprof.sizing import (
    OwnedMachine,
    OwnTuning,
    amortised_per_month,
    break_even_months,
    break_even_rate_per_kwh,
    ceiling_tps,
    cost_per_mtok,
    electricity_per_mtok,
    memory_bandwidth,
    power_cost_per_month,
    read_bytes_per_token,
    rent_per_month,
    system_watts,
    tokens_per_month,
)

__all__ = [
    "case_study",
    "cpus",
    "fine_tuning",
    "gpus",
    "idle_cpu",
    "laptops",
    "other_documents",
    "self_hosted",
    "utilisation",
]


def laptops() -> None:
    table = "laptop electricity"
    for line, name, tps, text in (
        (332, "BitNet 2B", 34, "0.006"), (333, "Llama 3.2 1B", 21, "0.010"), (334, "Qwen2.5 1.5B", 15, "0.014"),
    ):  # fmt: skip
        golden(table, line, f"{name} at 5 W, EUR per Mtok", text, electricity_per_mtok(5, tps, RATE))
        own = electricity_per_mtok(15, tps, RATE)
        off(table, line, f"{name} at 15 W, EUR per Mtok", text, own, "the heading's 15 W; the numbers are 5 W")
    own = electricity_per_mtok(15, 25, RATE)
    off(table, 339, "15 W at 25 tok/s, EUR per Mtok", "0.006", own, "the sentence's own 15 W; it takes 3.6 W")
    golden(table, 339, "0.037 over 0.006", "6x", API / 0.006)


def idle_cpu() -> None:
    table = "idle CPU electricity"
    golden(table, 353, "23 W for a month, EUR", "2.48", power_cost_per_month(23, RATE, HOURS))
    for line, name, tps, tokens, cost, ratio, dearer in (
        (356, "Qwen3 0.6B", 40, "103.7M", "0.024", "1.5x", False),
        (357, "BitNet 2B", 20, "51.8M", "0.048", "1.3x", True),
        (359, "Bonsai 8B", 15, "38.9M", "0.064", "1.7x", True),
        (360, "Phi-4 Mini", 7.6, "19.7M", "0.126", "3.4x", True),
        (361, "Llama 8B", 4.5, "11.7M", "0.212", "5.7x", True),
    ):
        golden(table, line, f"{name}, M tokens a month", tokens, tokens_per_month(tps, 1, HOURS) / 1e6)
        own = cost_per_mtok(2.48, number(tokens)[0] * 1e6)  # the article goes on with its rounded figures
        golden(table, line, f"{name}, EUR per Mtok", cost, own)
        golden(table, line, f"{name}, against the API", ratio, own / API if dearer else API / own)
    golden(table, 358, "TinyLlama 1.1B, M tokens a month", "72.6M", tokens_per_month(28, 1, HOURS) / 1e6)
    golden(table, 358, "TinyLlama 1.1B, EUR per Mtok", "0.034", cost_per_mtok(2.48, 72.6e6))


def cpus() -> None:
    table = "CPU electricity"
    for line, name, mega_transfers, channels, text in (
        (369, "N100", 4800, 1, "38.4"), (370, "i3-N305", 4800, 1, "38.4"), (371, "i5-7500T", 2400, 2, "38.4"),
        (372, "i5-8500T", 2666, 2, "42.7"), (373, "5600X", 3200, 2, "51.2"), (374, "5900X", 3200, 2, "51.2"),
        (375, "7950X", 5200, 2, "83.2"),
    ):  # fmt: skip
        golden(table, line, f"{name}, GB/s", text, memory_bandwidth(mega_transfers * 1e6, channels) / 1e9)
    for line, name, watts, tps, text in (
        (369, "N100", 16 - 8, 3, "0.111"), (370, "i3-N305", 22 - 10, 3.5, "0.143"),
        (371, "i5-7500T", 45 - 22, 4.5, "0.212"), (372, "i5-8500T", 48 - 22, 6, "0.180"),
        (373, "5600X", 95 - 45, 7, "0.297"), (374, "5900X", 120 - 55, 8, "0.338"),
        (375, "7950X", 145 - 65, 12, "0.277"),
    ):  # fmt: skip
        own = electricity_per_mtok(watts, tps, RATE)
        golden(table, line, f"{name} at {tps} tok/s, EUR per Mtok", text, own, last_digit(text))
    for line, name, watts, tps, text in (
        (372, "i5-8500T", 26, 5.5, "0.180"), (373, "5600X", 50, 6.5, "0.297"), (374, "5900X", 65, 7, "0.338"),
        (375, "7950X", 80, 11, "0.277"),
    ):  # fmt: skip
        own = electricity_per_mtok(watts, tps, RATE)
        why = "the middle of its range of speeds, as for the i5-7500T; printed is the fast end"
        off(table, line, f"{name} at {tps} tok/s, EUR per Mtok", text, own, why)
    golden(table, 377, "7950X against the API", "7.5x", 0.277 / API)
    golden(table, 377, "cheapest against the API", "3x", 0.111 / API)
    golden(table, 377, "dearest against the API", "9x", 0.338 / API)
    for line, text, fast, slow in ((381, "3.3x", 256.9, 78.6), (382, "1.8x", 268.2, 147.9), (383, "1.8x", 273.5, 153.5),
                                   (384, "5.2x", 156.5, 30.2)):  # fmt: skip
        golden("prefill on a CPU", line, f"{fast} over {slow} tok/s", text, fast / slow)


def gpus() -> None:
    table = "consumer GPU electricity"
    for line, name, tps, watts, tdp, text, ratio in (
        (391, "RX 5700 XT", 55, "266W", 225, "0.201", "5.4x"),
        (392, "RX 6700 XT", 45, "270W", 230, "0.250", "6.8x"),
        (393, "RX 6900 XT", 60, "315W", 300, "0.219", "5.9x"),
        (394, "RTX 3060", 42, "230W", 170, "0.228", "6.2x"),
        (395, "RTX 3090", 87, "345W", 350, "0.165", "4.5x"),
        (396, "RTX 4060 Ti 16GB", 48, "227W", 165, "0.197", "5.3x"),
        (397, "RTX 4090", 128, "413W", 450, "0.134", "3.6x"),
        (398, "RX 7900 XTX", 80, "351W", 355, "0.183", "4.9x"),
    ):
        _electricity(table, line, name, tps, watts, text, ratio)
        own = system_watts(tdp, 0.65, 120)
        golden(table, line, f"{name}: 0.65 x {tdp} W + 120 W", watts, own, near(watts, 0.01))
    golden(table, 402, "RTX 4090: rate of break-even, EUR", "0.041", break_even_rate_per_kwh(413, 128, API))
    own = electricity_per_mtok(413, 128, 0.30) / API
    golden(table, 400, "RTX 4090 at EUR 0.30, against the API", "7.2x", own, near("7.2", 0.011))
    golden(table, 401, "RX 6900 XT over 5700 XT, % more power", "18%", 100 * (315 / 266 - 1))
    golden(table, 401, "RX 6900 XT over 5700 XT, % more speed", "9%", 100 * (60 / 55 - 1))
    table = "enterprise GPU electricity"
    for line, name, tps, watts, tdp, text, ratio in (
        (407, "L40S", 110, "550W", 350, "0.208", "5.6x"),
        (408, "A100 40GB", 195, "450W", 250, "0.096", "2.6x"),
        (409, "A100 80GB", 260, "600W", 400, "0.096", "2.6x"),
        (410, "RTX Pro 6000", 279, "720W", 600, "0.107", "2.9x"),
        (411, "H100 SXM", 400, "900W", 700, "0.094", "2.5x"),
    ):
        _electricity(table, line, name, tps, watts, text, ratio)
        own = system_watts(tdp, 1.0, 200)
        if name != "RTX Pro 6000":
            golden(table, line, f"{name}: {tdp} W + 200 W", watts, own)
    off(table, 410, "RTX Pro 6000, W", "720W", system_watts(600, 1.0, 200), "600 W + 200 W, as in the other rows")


def _electricity(table: str, line: int, name: str, tps: float, watts: str, text: str, ratio: str) -> None:
    own = electricity_per_mtok(number(watts)[0], tps, RATE)
    golden(table, line, f"{name}, EUR per Mtok", text, own, last_digit(text))
    golden(table, line, f"{name}, against the API", ratio, own / API)


def self_hosted() -> None:
    table = "self-hosted at full use"
    pro = OwnedMachine(price=7800, tps=1031, load_watts=720, rate_per_kwh=RATE, hours_per_month=HOURS)
    golden(table, 244, "1,031 tok/s, billions of tokens", "2.7B", pro.tokens_per_month() / 1e9)
    golden(table, 245, "8,990 tok/s, billions of tokens", "23B", tokens_per_month(8990, 1, HOURS) / 1e9)
    golden(table, 244, "380 over 2.7B, EUR per Mtok", "0.14", cost_per_mtok(380, 2.7e9))
    golden(table, 245, "380 over 23B, EUR per Mtok", "0.017", cost_per_mtok(380, 23e9))
    parts = "7,800 / 36 + 720 W at EUR 0.15; the rest is not named"
    off(table, 244, "Pro 6000, EUR a month", "380", pro.per_month(), parts)
    off(table, 245, "Pro 6000, EUR a month", "380", pro.per_month(), parts)
    two = amortised_per_month(850 * 2 * EUR_PER_USD, 36) + power_cost_per_month(570, RATE, HOURS)
    off(table, 246, "2x RTX 3090, EUR a month", "130", two, "two at $850, 0.65 x TDP + 120 W")
    off(
        table, 246, "2x RTX 3090, billions of tokens", "3.7B", tokens_per_month(87, 1, HOURS) / 1e9,
        "87 to 112 tok/s of line 88", tokens_per_month(112, 1, HOURS) / 1e9,
    )  # fmt: skip
    off(table, 246, "2x RTX 3090, EUR per Mtok", "0.48", cost_per_mtok(130, 3.7e9), "130 over the row's own 3.7B")
    off(
        table,
        247,
        "Strix Halo, millions of tokens",
        "13M",
        tokens_per_month(4.5, 1, HOURS) / 1e6,
        "4.5 tok/s of line 64",
    )
    off(table, 247, "Strix Halo, EUR per Mtok", "0.50", cost_per_mtok(90, 13e6), "90 over the row's own 13M")
    off(table, 249, "Mistral Nemo, EUR per Mtok", "0.034", 0.04 * EUR_PER_USD, "$0.04; 0.037 in all other places")
    own = cost_per_mtok(380, 23e9)
    off(
        table,
        249,
        "self-hosted 8B that matches Nemo, EUR per Mtok",
        "0.034",
        own,
        "380 over 23B of line 245, half of it",
    )
    golden("DeepSeek V3.2, $ to EUR", 249, "$0.42, EUR per Mtok", "0.39", 0.42 * EUR_PER_USD)
    golden("self-hosted at full use", 248, "$8,500 in EUR", "7,800", 8500 * EUR_PER_USD, near("7800", 0.01))


def utilisation() -> None:
    table = "utilisation"
    for line, use, text, ratio, api_wins in (
        (254, 1.0, "0.14", "2.8x", False), (255, 0.5, "0.28", "1.4x", False), (256, 0.2, "0.70", "1.8x", True),
        (257, 0.1, "1.40", "3.6x", True),
    ):  # fmt: skip
        # EUR 0.14 per Mtok at full use, all of it fixed: 1,000 tok/s make 2,592 Mtok in 720 h.
        fixed = OwnedMachine(0.14 * 2592 * 36, 1000, 0, RATE, hours_per_month=HOURS)
        own = fixed.per_mtok(use)
        golden(table, line, f"{use:.0%}, EUR per Mtok", text, own)
        golden(table, line, f"{use:.0%}, against DeepSeek", ratio, own / DEEPSEEK if api_wins else DEEPSEEK / own)
    off(
        "depreciation", 261, "loss in three years, %", "40-60%", 100 * (1 - 2800 / 7800),
        "7,800 to 2,300 or 2,800 in the sentence before", 100 * (1 - 2300 / 7800),
    )  # fmt: skip
    golden("depreciation", 263, "lease of 18 months at 500, EUR", "9,000", 500 * 18)
    own = 3.50 * EUR_PER_USD
    off(
        table,
        258,
        "Gemini 2.5 Flash, EUR per Mtok",
        "0.70",
        own,
        "$3.50 of line 226, as all others by the output price",
    )


def fine_tuning() -> None:
    table = "fine-tuning break-even"
    own, high = (
        OwnTuning(price * EUR_PER_USD, 413, hours, RATE).amortised_per_year()
        for price, hours in ((1600, 0), (2200, 8760))
    )
    why = "an RTX 4090 of $1,600 to 2,200 over 3 years, as stated, idle to busy all year; 1,700 is a whole card"
    off(table, 442, "occasional, own cost of a year, EUR", "1,700", own, why, high)
    golden(table, 443, "moderate at EUR 5,000, months", "4 months", _payback(1750, 5000))
    golden(table, 444, "heavy at EUR 50,000, weeks", "2-4 weeks", _payback(2000, 50_000) * 52 / 12)
    off(
        table,
        442,
        "occasional, months",
        "8-12",
        _payback(1700, 300),
        "1,700 over 150 to 300 a year",
        _payback(1700, 150),
    )
    why = "1,750 over 2,000 a year, the low end of its range"
    off(table, 443, "moderate at EUR 2,000, months", "4 months", _payback(1750, 2000), why)
    why = "2,000 over 15,000 a year, the low end of its range"
    off(table, 444, "heavy at EUR 15,000, weeks", "4 weeks", _payback(2000, 15_000) * 52 / 12, why)
    why = "the middle of 60 to 80 GB over the middle of 5 to 10 GB in the next sentence; the ends allow 6 to 16"
    off(table, 427, "memory saved by QLoRA, times", "4-8x", 70 / 7.5, why)


def _payback(price: float, api_per_year: float) -> float:
    found = break_even_months(price, api_per_year / 12, 0)
    assert found is not None
    return found


def case_study() -> None:
    table = "DeepSeek case"
    for line, monthly, light, heavy in (
        (488, 9600, "37x", "3.8x"), (489, 6260, "24x", "2.5x"), (490, 1230, "5x", "0.5x"),
    ):  # fmt: skip
        golden(table, line, f"{monthly} over 260", light, monthly / 260)
        golden(table, line, f"{monthly} over 2,500", heavy, monthly / 2500)
    golden(table, 491, "350 over 260, % more", "35%", 100 * (350 / 260 - 1))
    golden(table, 491, "2,500 over 350", "7x", 2500 / 350)
    for line, price, watts, text in (
        (488, 320_000, 6500, "9,600"), (489, 200_000, 6500, "6,260"), (490, 37_000, 1870, "1,230"),
    ):  # fmt: skip
        own = OwnedMachine(price, 1, watts, RATE, hours_per_month=HOURS).per_month()
        golden(table, line, f"{price:,} / 36 + {watts:,} W, EUR a month", text, own, near(text, 0.002))
    draw = system_watts(2 * 450, 0.65, 120)
    own = OwnedMachine(7600, 1, draw, RATE, hours_per_month=HOURS).per_month()
    off(table, 491, "2x RTX 4090, EUR a month", "350", own, f"7,600 / 36 + {draw:.0f} W by the rule of line 388")
    tokens = 130_000 * 5000
    off(
        table, 485, "130K queries of 5K tokens, EUR", "260", tokens / 1e6 * 0.28 * EUR_PER_USD,
        "650 Mtok at DeepSeek's $0.28 (input) to $0.42 (output)", tokens / 1e6 * 0.42 * EUR_PER_USD,
    )  # fmt: skip
    own = 130_000 * 74_000 / 1e6 * 0.28 * EUR_PER_USD
    golden(table, 485, "130K queries of 74K tokens, all at the input price, EUR", "2,500", own, near("2,500", 0.01))
    own = 130_000 * 74_000 / 1e6 * 0.42 * EUR_PER_USD
    why = "9,620 Mtok at the output price, which the EUR 260 of the other case is nearer to"
    off(table, 485, "130K queries of 74K tokens, EUR", "2,500", own, why)


def other_documents() -> None:
    post = partial(golden, document=POST)
    post("budget", 87, "10 seats at $150", "1,500", 10 * 150)
    for line, cards, price, text in (
        (94, 5, 1.87, "4,712"),
        (95, 3, 2.99, "4,521"),
        (96, 4, 2.06, "4,153"),
        (97, 8, 0.64, "2,580"),
    ):
        own = rent_per_month(cards, price, 504)
        post("rent", line, f"{cards} cards at ${price} for 504 h", text, own, last_digit(text))
        why = f"${price} per card and hour for a month of 720 h; printed is one of 504 h"
        off("rent", line, f"{cards} cards, $ a month", text, rent_per_month(cards, price, 720), why, document=POST)
    for line, cards, active, text in ((117, 2, 3, "3,400"), (118, 4, 10, "2,000"), (119, 2, 10, "1,000"),
                                      (120, 5, 37, "700"), (121, 2, 27, "380"), (122, 1, 27, "190")):  # fmt: skip
        own = 0.76 * ceiling_tps(3352e9, read_bytes_per_token(active * 1e9, 4), cards)
        post("decode", line, f"{cards} x H100, {active}B active at 4 bits, 76 %, tok/s", text, own, near(text, 0.02))
    overview = partial(off, document=OVERVIEW)
    for line, name, text, price, slow, fast in (
        (90, "RunPod H100 SXM", "$0.75", 2.69, 85, 100), (90, "RunPod H100 PCIe", "$0.75", 1.99, 85, 100),
        (97, "Lambda H100 SXM", "$1.00", 3.78, 80, 95), (97, "Lambda H100 PCIe", "$1.00", 2.86, 80, 95),
    ):  # fmt: skip
        low, high = (cost_per_mtok(price, tps * 3600) for tps in (fast, slow))
        why = f"${price} per hour at {slow} to {fast} tok/s; a batch about ten times as fast is not named"
        overview("self-hosted price", line, f"{name}, $ per Mtok", text, low, why, high)
    overview(
        "self-hosted price", 104, "RTX 4090, electricity per Mtok", "0.002", electricity_per_mtok(413, 75, RATE),
        "413 W at 60 to 75 tok/s and 0.15 per kWh", electricity_per_mtok(413, 60, RATE),
    )  # fmt: skip
