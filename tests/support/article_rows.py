"""Every printed number of the three documents that follows from a formula, and where the documents disagree."""

from __future__ import annotations

import article_costs
import article_sizes
from document_cells import ARTICLE, CONTRADICTIONS, MATCHES, OVERVIEW, POST

__all__ = ["CONTRADICTIONS", "DISAGREEMENTS", "MATCHES"]

# The same quantity in two places: what, and document, line and text of each.
DISAGREEMENTS: list[tuple[str, tuple[str, int, str], tuple[str, int, str]]] = [
    ("TTFT of Opus 4.6", (OVERVIEW, 25, "320ms"), (POST, 41, "4.7s")),
    ("tok/s of Haiku 4.5", (OVERVIEW, 67, "60-80"), (POST, 39, "287")),
    ("tok/s of Sonnet 4.6", (OVERVIEW, 69, "45-55"), (POST, 40, "176")),
    ("tok/s of Opus 4.6", (OVERVIEW, 71, "35-45"), (POST, 41, "130")),
    ("tok/s of an H100, 7B or 8B", (OVERVIEW, 88, "85-100"), (ARTICLE, 411, "~400")),
    ("tok/s of an RTX 4090, 7B or 8B", (OVERVIEW, 102, "60-75"), (ARTICLE, 397, "~128")),
    ("tok/s of an RTX 4060 Ti, 7B or 8B", (OVERVIEW, 78, "25-35"), (ARTICLE, 396, "~48")),
    ("tok/s of an RTX Pro 6000, 8B", (ARTICLE, 76, "~185"), (ARTICLE, 410, "~279")),
    ("TTFT of self-hosted models", (OVERVIEW, 87, "45ms"), (POST, 58, "~160ms")),
    ("bandwidth of DDR4-3200, two channels, GB/s", (ARTICLE, 66, "~42"), (ARTICLE, 373, "51.2")),
    ("fastest consumer card, 8B tok/s", (ARTICLE, 86, "~300"), (ARTICLE, 400, "RTX 4090, the fastest")),
    ("trained context of Gemma 4, K tokens", (ARTICLE, 147, "128K"), (ARTICLE, 94, "256K")),
    ("price of one 96 GB card, $", (ARTICLE, 18, "~$8,500"), (ARTICLE, 19, "~$8,000")),
    ("two RTX 4090, EUR", (ARTICLE, 198, "3,500"), (ARTICLE, 491, "7,600")),
    ("rating of the best model for 48 GB", (ARTICLE, 32, "~1350-1400"), (ARTICLE, 30, "~1450")),
    ("speed of BitNet 2B on a CPU, tok/s", (ARTICLE, 45, "10-20"), (ARTICLE, 332, "~34")),
]

article_sizes.costs_and_gaps()
article_sizes.small_models()
article_sizes.eight_gigabytes()
article_sizes.bandwidth()
article_sizes.gemma()
article_sizes.contexts()
article_sizes.caches()
article_sizes.sizes()
article_sizes.reductions()
article_costs.laptops()
article_costs.idle_cpu()
article_costs.cpus()
article_costs.gpus()
article_costs.self_hosted()
article_costs.utilisation()
article_costs.fine_tuning()
article_costs.case_study()
article_costs.other_documents()
