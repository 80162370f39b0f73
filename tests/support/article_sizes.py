"""Sizes, contexts, caches and speed limits that the article prints."""

from __future__ import annotations

from functools import partial

from document_cells import GB, NOMINAL, ceiling, context, gb, golden, kilo_tokens, near, off
from latprof.sizing import attention_kv_bytes, ceiling_use_share, read_bytes_per_token, room_bytes, size_reduction_share

__all__ = [
    "bandwidth",
    "caches",
    "contexts",
    "costs_and_gaps",
    "eight_gigabytes",
    "gemma",
    "reductions",
    "sizes",
    "small_models",
]


def costs_and_gaps() -> None:
    for line, model, cards, text in (
        (11, "GLM-5", 6, "48,000"),
        (13, "Kimi K2.5", 8, "64,000"),
        (15, "Qwen3-235B", 2, "16,000"),
        (16, "DeepSeek V3.2", 5, "40,000"),
        (17, "DeepSeek R1", 5, "40,000"),
    ):
        golden("models by rating", line, f"{model}: {cards} cards, $", text, cards * 8000)
    off("models by rating", 18, "Llama 70B: 1 card, $", "8,500", 8000, "all other rows take $8,000 per card")
    for line, gap, rating in (
        (26, "270", 1200),
        (28, "120", 1350),
        (29, "120", 1350),
        (30, "20", 1450),
        (31, "20", 1450),
        (32, "70", 1400),
        (33, "70", 1400),
    ):
        golden("quality by VRAM", line, f"gap of {rating} to Sonnet's 1470", gap, 1470 - rating)
    golden("quality by VRAM", 27, "gap of 1250 to 1470", "220", 1470 - 1250)
    for line, text, tokens in ((149, "8x", 1000), (150, "8x", 1000), (151, "8x", 1000), (152, "16x", 2000)):
        golden("trained context", line, f"{tokens}K over 128K", text, tokens / 128)
    golden("hardware to match context", 199, "1M less 128K, K tokens", "872K", 1000 - 128)


def small_models() -> None:
    table = "models for 4 GB"
    for line, name, billions, bits, text in (
        (43, "Llama 3.2 1B", 1.3, 4.8, "0.8"),
        (44, "SmolLM2 1.7B", 1.7, 4.8, "1 GB"),
        (45, "BitNet 2.0B", 2.0, 1.58, "0.4 GB"),
        (46, "Phi-4 Mini 3.8B", 3.8, 4.8, "2.3 GB"),
    ):
        golden(table, line, f"{name}, GB", text, gb(billions, bits))
    off(table, 42, "Qwen3 0.6B, GB", "0.5", gb(0.6, 4.8), "0.6B at 4.8 bits; line 356 prints 0.4")
    table = "small models on a CPU"
    for line, name, billions, text in (
        (123, "SmolLM2 1.7B", 1.7, "~1 GB"),
        (124, "Llama 1.3B", 1.3, "~0.8 GB"),
        (125, "Llama 3.2B", 3.2, "~2 GB"),
        (126, "Phi 3.8B", 3.8, "~2.3 GB"),
        (127, "Llama 8B", 8.0, "~4.8 GB"),
    ):
        golden(table, line, f"{name}, GB", text, gb(billions, 4.8))
    off(table, 122, "BitNet 2.4B, GB", "0.4 GB", gb(2.4, 1.58), "2.4B at 1.58 bits; 0.4 is the size of 2.0B")


def eight_gigabytes() -> None:
    table = "models for 8 GB"
    golden(table, 52, "Llama 3.1 8B, GB", "4.8 GB", gb(8, 4.8))
    golden(table, 55, "Mistral Nemo 12B, GB", "7.4 GB", gb(12, 4.8), near("7.4"))
    off(table, 53, "Qwen3 8B, GB", "5.2 GB", gb(8, 4.8), "8B at 4.8 bits, as in the row above")
    off(table, 52, "Llama 3.1 8B, K tokens", "32K", kilo_tokens(8, 4.8, 64e3), "line 157 prints 36 for the same case")
    off(
        table, 53, "Qwen3 8B, K tokens", "28K", kilo_tokens(8, 5.2, 72e3),
        "72 kB per token at 8 bit, half of line 530; 28 is Llama's 64 kB",
    )  # fmt: skip
    off(table, 54, "Gemma 4 E4B, K tokens", "28K", kilo_tokens(8, 5, 64e3), "with Llama's 64 kB; its own are not given")
    off(table, 55, "Mistral Nemo 12B, K tokens", "4-8K", 0, "7.4 GB and 1 GB of headroom are more than 8 GB")


def bandwidth() -> None:
    table = "bandwidth and 70B speed"
    rows = ((62, "1.0x", 34), (63, "1.2x", 40), (64, "0.13x", 4.5), (65, "0.06x", 2.2), (66, "0.03x", 1))
    for line, text, tps in rows:
        golden(table, line, f"{tps} over 34 tok/s", text, tps / 34)
    golden(table, 68, "Pro 6000 over Strix Halo, bandwidth", "8.3x", 1792 / 215)
    golden(table, 68, "Pro 6000 over DDR5, bandwidth", "20x", 1792 / 89)
    golden(table, 70, "EPYC 9554 with 4.5 GB, ceiling in tok/s", "111", ceiling(500, 4.5))
    off(
        table, 70, "EPYC 9554: share of the ceiling, %", "55%", 100 * ceiling_use_share(50, ceiling(500, 4.5)),
        "50 of the 111 tok/s",
    )  # fmt: skip
    for line, name, bandwidth, tps in (
        (62, "RTX Pro 6000", 1792, 34),
        (63, "H100 SXM", 3352, 40),
        (64, "Strix Halo", 215, 4.5),
        (65, "DDR5 dual channel", 89, 2.2),
        (66, "DDR4-3200 dual channel", 42, 1),
    ):
        use = 100 * ceiling_use_share(tps, ceiling(bandwidth, 40))
        off(table, 70, f"{name}: share of the ceiling, %", "50-70%", use, f"{tps} tok/s in line {line}, 40 GB")
    above = "more than memory can deliver: a 4.7 GB (8B) or 40 GB (70B) model at this bandwidth"
    for line, name, bandwidth, size, text in (
        (89, "RTX 4000 SFF Ada, 8B", 280, 4.7, "64"),
        (113, "Dual Xeon Gold 5317, 8B", 80, 4.7, "22"),
        (113, "Dual Xeon Gold 5317, 70B", 80, 40, "3"),
        (114, "Desktop DDR5, 8B", 89, 4.7, "20"),
    ):
        off("speeds above the ceiling", line, f"{name}, tok/s", text, ceiling(bandwidth, size), above)


def gemma() -> None:
    table = "Gemma 4 on 24 GB"
    golden(table, 97, "26B at 4.8 bits, GB", "15.6 GB", gb(26, 4.8))
    golden(table, 97, "room on 24 GB, GB", "8.4 GB", 24 - gb(26, 4.8))
    golden(table, 99, "cache of the dense over the mixture", "4x", 0.85 / 0.21)
    off(table, 96, "31B at 4.8 bits, GB", "19.6 GB", gb(31, 4.8), "1 GB of headroom is counted as size here alone")
    dense, mixture = (
        partial(kilo_tokens, 24, 19.6, headroom_gb=0),
        partial(kilo_tokens, 24, 15.6, headroom_gb=0, limit=256_000),
    )
    off(
        table, 96, "31B: context that fills 24 GB, K tokens", "32", dense(0.85e6),
        "0.85 MB per token at 16 bit; the high end is a 4-bit cache", dense(0.85e6 / 4),
    )  # fmt: skip
    off(
        table, 94, "26B: context on 24 GB, K tokens", "256K", mixture(0.21e6),
        "0.21 MB per token at 16 bit in 8.4 GB; the high end is a 4-bit cache", mixture(0.21e6 / 4),
    )  # fmt: skip


def contexts() -> None:
    table = "largest context by VRAM"
    for line, vram, model, q8, q4 in (
        (157, 8, "8B", "36K", "73K"),
        (160, 12, "14B", "43K", "86K"),
        (161, 16, "8B", "128K", "128K"),
        (162, 16, "14B", "93K", "128K"),
        (163, 24, "8B", "128K", "128K"),
        (164, 24, "14B", "128K", "128K"),
        (165, 24, "32B", "35K", "70K"),
        (166, 48, "14B", "128K", "128K"),
        (167, 48, "32B", "128K", "128K"),
        (168, 48, "70B", "46K", "92K"),
        (169, 80, "32B", "128K", "128K"),
        (171, 96, "70B", "128K", "128K"),
        (172, 128, "70B", "128K", "128K"),
    ):
        golden(table, line, f"{vram} GB, {model}, 8-bit cache", q8, context(vram, model))
        golden(table, line, f"{vram} GB, {model}, 4-bit cache", q4, context(vram, model, q4=True))
    golden(table, 159, "12 GB, 8B, 4-bit cache", "128K", context(12, "8B", q4=True))
    golden(table, 170, "80 GB, 70B, 4-bit cache", "128K", context(80, "70B", q4=True))
    off(
        table, 159, "12 GB, 8B, 8-bit cache, K tokens", "112K", context(12, "8B"),
        "1 GB of headroom is left out in this row",
    )  # fmt: skip
    off(
        table, 170, "80 GB, 70B, 8-bit cache, K tokens", "125K", context(80, "70B"),
        "the trained limit; 246 would fit. 125 is a 16-bit cache without headroom",
    )  # fmt: skip
    off(
        "hardware to match context", 198, "70B on 2 x 24 GB, K tokens", "128K", context(48, "70B"),
        "line 168 prints 46 and 92 for 48 GB", context(48, "70B", q4=True),
    )  # fmt: skip
    own = room_bytes(48e9, 4.7e9, 1e9) / GB
    off(
        "cache in main memory", 174, "room on a 48 GB card, GB", "55 GB", own, "said to be the same: 48 less 4.7 less 1"
    )
    off("cache in main memory", 174, "DDR4 slower than a card, times", "10-15x", 900 / 42, "900 over 42 GB/s")


def caches() -> None:
    for line, bits, text in (
        (185, 16, "128 MB"), (186, 8, "64 MB"), (187, 3.5, "28 MB"), (188, 2.5, "20 MB"), (189, 4, "32 MB"),
        (190, 3, "24 MB"),
    ):  # fmt: skip
        own = attention_kv_bytes(32, 8, 128, bits) / 1024  # KiB per token: the article prints them as MB per 1K
        golden("cache compression", line, f"8B at {bits} bits, KiB per token", text, own)
    for text, layers in (("64 MB", 32), ("80 MB", 40), ("128 MB", 64), ("160 MB", 80)):
        own = attention_kv_bytes(layers, 8, 128, 8) / 1024
        golden("cache per token", 173, f"{layers} layers at 8 bits, KiB per token", text, own)
    own = attention_kv_bytes(36, 8, 128) / 1024
    golden("cache per token", 530, "Qwen3 8B, 36 layers, KiB per token", "144 MB", own)


def sizes() -> None:
    table = "70B by quantisation"
    for line, name, text in (
        (269, "FP16", "140 GB"), (270, "Q8_0", "70 GB"), (272, "Q5_K_M", "48 GB"), (277, "AQLM", "18 GB"),
        (278, "BitNet", "14 GB"),
    ):  # fmt: skip
        golden(table, line, f"{name}, GB", text, gb(70, NOMINAL[name]))
    golden(table, 273, "Q4_K_M, GB", "40 GB", gb(70, 4.8), near("40"))
    for line, name, text in (
        (271, "Q6_K", "54 GB"), (274, "Q3_K_M", "33 GB"), (275, "Q3_K_S", "28 GB"), (276, "Q2_K", "27 GB"),
    ):  # fmt: skip
        off(table, line, f"{name}, GB", text, gb(70, NOMINAL[name]), f"70B at the row's {NOMINAL[name]:g} bits")
    off("70B by quantisation", 341, "70B BitNet in prose, GB", "18 GB", gb(70, 1.58), "line 278 prints 14")
    table = "8B by quantisation"
    golden(table, 282, "FP16, GB", "16 GB", gb(8, 16))
    for line, name, text in ((284, "Q6_K", "6.3 GB"), (285, "Q5_K_M", "5.7 GB"), (286, "Q4_K_M", "4.7 GB")):
        golden(table, line, f"{name}, GB", text, gb(8, NOMINAL[name]), near(text))
    for line, name, text in ((283, "Q8_0", "8.5 GB"), (287, "Q3_K_M", "3.7 GB"), (288, "Q2_K", "3.1 GB")):
        why = f"8B at the row's {NOMINAL[name]:g} bits; real files take more bits"
        off(table, line, f"{name}, GB", text, gb(8, NOMINAL[name]), why)
    table = "Gemma 26B-A4B by quantisation"
    for line, name, total, active in ((293, "FP16", "52 GB", "8 GB"), (294, "Q8_0", "26 GB", "4 GB")):
        golden(table, line, f"{name}, stored GB", total, gb(26, NOMINAL[name]))
        golden(table, line, f"{name}, read GB", active, read_bytes_per_token(4e9, NOMINAL[name]) / GB)
    golden(table, 295, "Q4_K_M, stored GB", "16 GB", gb(26, 4.8))
    golden(table, 295, "Q4_K_M, read GB", "2.4 GB", read_bytes_per_token(4e9, 4.8) / GB)
    off(table, 296, "Q2_K, stored GB", "8 GB", gb(26, 2.7), "26B at 2.7 bits; it does not fit the 8 GB card of the row")
    golden(table, 296, "Q2_K, read GB", "1.3 GB", read_bytes_per_token(4e9, 2.7) / GB)
    table = "bigger quantised"
    for line, billions, bits, text in ((319, 13, 4.8, "8 GB"), (320, 7, 16, "14 GB"), (322, 33, 16, "66 GB")):
        golden(table, line, f"{billions}B at {bits} bits, GB", text, gb(billions, bits))
    off(table, 321, "65B at 2.7 bits, GB", "20 GB", gb(65, 2.7), "the bits of line 276")


def reductions() -> None:
    table = "size reduction"
    for line, name, text in ((303, "Q6_K", "59%"), (305, "Q4_K_M", "69%"), (308, "Q2_K", "82%")):
        golden(table, line, f"{name}, %", text, 100 * size_reduction_share(NOMINAL[name]), 1.5)
    for line, name, text in (
        (302, "Q8_0", "47%"),
        (304, "Q5_K_M", "64%"),
        (306, "Q3_K_M", "75%"),
        (307, "Q3_K_S", "77%"),
    ):
        own = 100 * size_reduction_share(NOMINAL[name])
        off(table, line, f"{name}, %", text, own, f"from the {NOMINAL[name]:g} bits of the size table")
