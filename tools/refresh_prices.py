"""Make the dated snapshot of hosted models' prices from LiteLLM's price table.

    python tools/refresh_prices.py model_prices_and_context_window.json --day 2026-11-21

The table is a file that you have downloaded before: from the LiteLLM repository (MIT licence), or out of the package
`litellm`, where it is called `model_prices_and_context_window_backup.json`. Only the rows listed below are taken.
The day is the one on which the table was current.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "src" / "latprof" / "catalogue" / "data" / "prices.toml"
MTOK = 1_000_000
PRICES = {
    "input_cost_per_token": "input_usd_per_mtok",
    "output_cost_per_token": "output_usd_per_mtok",
    "cache_read_input_token_cost": "cache_read_usd_per_mtok",
    "cache_creation_input_token_cost": "cache_write_usd_per_mtok",
}
# Our id: the table's key, the name, the provider, the open-weight model behind it.
ROWS: dict[str, tuple[str, str, str, str | None]] = {
    "claude-haiku-4.5": ("claude-haiku-4-5", "Claude Haiku 4.5", "Anthropic", None),
    "claude-haiku-5.5": ("claude-haiku-5-5", "Claude Haiku 5.5", "Anthropic", None),
    "claude-sonnet-4.5": ("claude-sonnet-4-5", "Claude Sonnet 4.5", "Anthropic", None),
    "claude-sonnet-4.6": ("claude-sonnet-4-6", "Claude Sonnet 4.6", "Anthropic", None),
    "claude-sonnet-5": ("claude-sonnet-5", "Claude Sonnet 5", "Anthropic", None),
    "claude-sonnet-5.5": ("claude-sonnet-5-5", "Claude Sonnet 5.5", "Anthropic", None),
    "claude-opus-4.5": ("claude-opus-4-5", "Claude Opus 4.5", "Anthropic", None),
    "claude-opus-4.6": ("claude-opus-4-6", "Claude Opus 4.6", "Anthropic", None),
    "claude-opus-4.7": ("claude-opus-4-7", "Claude Opus 4.7", "Anthropic", None),
    "claude-opus-4.8": ("claude-opus-4-8", "Claude Opus 4.8", "Anthropic", None),
    "claude-opus-5": ("claude-opus-5", "Claude Opus 5", "Anthropic", None),
    "claude-opus-5.5": ("claude-opus-5-5", "Claude Opus 5.5", "Anthropic", None),
    "claude-fable-5": ("claude-fable-5", "Claude Fable 5", "Anthropic", None),
    "claude-fable-5.1": ("claude-fable-5-1", "Claude Fable 5.1", "Anthropic", None),
    "gpt-4-turbo": ("gpt-4-turbo", "GPT-4 Turbo", "OpenAI", None),
    "gpt-4o": ("gpt-4o", "GPT-4o", "OpenAI", None),
    "gpt-4.1": ("gpt-4.1", "GPT-4.1", "OpenAI", None),
    "gpt-4.1-mini": ("gpt-4.1-mini", "GPT-4.1-mini", "OpenAI", None),
    "gpt-4.1-nano": ("gpt-4.1-nano", "GPT-4.1-nano", "OpenAI", None),
    "o3": ("o3", "OpenAI o3", "OpenAI", None),
    "gpt-5": ("gpt-5", "GPT-5", "OpenAI", None),
    "gpt-5-mini": ("gpt-5-mini", "GPT-5 mini", "OpenAI", None),
    "gpt-5.1": ("gpt-5.1", "GPT-5.1", "OpenAI", None),
    "gpt-5.2": ("gpt-5.2", "GPT-5.2", "OpenAI", None),
    "gpt-5.3-codex": ("gpt-5.3-codex", "GPT-5.3-Codex", "OpenAI", None),
    "gpt-5.4": ("gpt-5.4", "GPT-5.4", "OpenAI", None),
    "gpt-5.4-mini": ("gpt-5.4-mini", "GPT-5.4 mini", "OpenAI", None),
    "gpt-5.5": ("gpt-5.5", "GPT-5.5", "OpenAI", None),
    "gpt-5.6": ("gpt-5.6", "GPT-5.6", "OpenAI", None),
    "gpt-5.6-luna": ("gpt-5.6-luna", "GPT-5.6 Luna", "OpenAI", None),
    "gpt-5.6-terra": ("gpt-5.6-terra", "GPT-5.6 Terra", "OpenAI", None),
    "gemini-2.5-flash": ("gemini/gemini-2.5-flash", "Gemini 2.5 Flash", "Google", None),
    "gemini-2.5-pro": ("gemini/gemini-2.5-pro", "Gemini 2.5 Pro", "Google", None),
    "gemini-3.1-pro": ("gemini/gemini-3.1-pro-preview", "Gemini 3.1 Pro (preview)", "Google", None),
    "gemini-3.8-flash": ("gemini/gemini-3.8-flash", "Gemini 3.8 Flash", "Google", None),
    "grok-4.20": ("xai/grok-4.20", "Grok 4.20", "xAI", None),
    "grok-4.7": ("xai/grok-4.7", "Grok 4.7", "xAI", None),
    "command-r-plus": ("command-r-plus-08-2024", "Command R+", "Cohere", None),
    "deepseek-v3.2-api": ("deepseek/deepseek-v3.2", "DeepSeek V3.2 (API)", "DeepSeek", "deepseek-v3.2"),
    "deepseek-v4-flash-api": ("deepseek/deepseek-v4-flash", "DeepSeek V4 Flash (API)", "DeepSeek", "deepseek-v4-flash"),
    "deepseek-v4-pro-api": ("deepseek/deepseek-v4-pro", "DeepSeek V4 Pro (API)", "DeepSeek", "deepseek-v4-pro"),
    "minimax-m2.5-api": ("minimax/MiniMax-M2.5", "MiniMax M2.5 (API)", "MiniMax", "minimax-m2.5"),
    "minimax-m3-api": ("minimax/MiniMax-M3", "MiniMax M3 (API)", "MiniMax", "minimax-m3"),
    "kimi-k2.5-api": ("moonshot/kimi-k2.5", "Kimi K2.5 (API)", "Moonshot", "kimi-k2.5"),
    "kimi-k3-api": ("moonshot/kimi-k3", "Kimi K3 (API)", "Moonshot", None),
    "glm-5-api": ("zai/glm-5", "GLM-5 (API)", "Z.ai", "glm-5"),
    "glm-5.3-api": ("zai/glm-5.3", "GLM-5.3 (API)", "Z.ai", "glm-5"),
    "devstral-api": ("mistral/devstral-latest", "Devstral (API)", "Mistral", "devstral-2-123b"),
    "devstral-small-api": ("mistral/devstral-small-latest", "Devstral Small (API)", "Mistral", "devstral-small-2-24b"),
    "gpt-oss-120b-groq": ("groq/openai/gpt-oss-120b", "gpt-oss-120b on Groq", "Groq", "gpt-oss-120b"),
    "gpt-oss-120b-cerebras": ("cerebras/gpt-oss-120b", "gpt-oss-120b on Cerebras", "Cerebras", "gpt-oss-120b"),
    "qwen3-coder-next-together": (
        "together_ai/Qwen/Qwen3-Coder-Next-FP8", "Qwen3-Coder-Next on Together AI", "Together AI", "qwen3-coder-next",
    ),
    "qwen3.5-397b-together": (
        "together_ai/Qwen/Qwen3.5-397B-A17B", "Qwen3.5-397B-A17B on Together AI", "Together AI", "qwen3.5-397b-a17b",
    ),
    "minimax-m3-together": (
        "together_ai/MiniMaxAI/MiniMax-M3", "MiniMax M3 on Together AI", "Together AI", "minimax-m3",
    ),
    "glm-5.3-together": ("together_ai/zai-org/GLM-5.3", "GLM-5.3 on Together AI", "Together AI", "glm-5"),
}  # fmt: skip


def values(row: Mapping[str, Any], suffix: str = "") -> dict[str, float]:
    """Prices in USD per million tokens, only those that the row states. 0 for writing to a cache means no charge."""
    found = ((ours, row.get(theirs + suffix)) for theirs, ours in PRICES.items())
    return {ours: round(price * MTOK, 6) for ours, price in found if price is not None}


def tiers(row: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, float]]]:
    """Prices above a length of input: the tokens and the prices."""
    lengths = {key.rpartition("_above_")[2] for key in row if key.startswith("input_cost_per_token_above_")}
    for length in sorted(lengths):
        number = length.removesuffix("_tokens").removesuffix("k")
        if number.isdigit():
            yield int(number) * 1000, values(row, f"_above_{length}")


def entry(name: str, row: Mapping[str, Any]) -> str:
    """One entry as TOML."""
    key, title, provider, model = ROWS[name]
    parts = ["[[hosted]]", f'id = "{name}"', f'name = "{title}"', f'aliases = ["{key}"]', f'provider = "{provider}"']
    parts += [f'model = "{model}"'] if model else []
    parts += ["facts = ["]
    plain = values(row) | ({"context_tokens": row["max_input_tokens"]} if row.get("max_input_tokens") else {})
    parts += [f'  {{ at = "prices", kind = "claimed", values = {inline(plain)} }},']
    for above, prices in tiers(row):
        condition = f'conditions = {{ input_tokens = ">{above}" }}'
        parts += [f'  {{ at = "prices", kind = "claimed", values = {inline(prices)}, {condition} }},']
    if row.get("deprecation_date"):
        parts += [f'  {{ at = "prices", kind = "claimed", values = {{ status = "ends {row["deprecation_date"]}" }} }},']
    return "\n".join([*parts, "]"])


def inline(prices: Mapping[str, float]) -> str:
    """A TOML inline table."""
    return "{ " + ", ".join(f"{key} = {value:.10g}" for key, value in prices.items()) + " }"


def snapshot(table: Mapping[str, Any], day: date) -> str:
    """The whole file. Raises SystemExit when the table lacks a row."""
    missing = [key for key, *_ in ROWS.values() if key not in table]
    if missing:
        sys.exit(f"The table has no {', '.join(missing)}: take these rows out of ROWS, or give them their new keys.")
    source = (
        "# made by tools/refresh_prices.py\n\n[[source]]\n"
        'id = "prices"\ntitle = "LiteLLM\'s table of model prices"\n'
        'where = "model_prices_and_context_window.json of BerriAI/litellm"\n'
        f'published = {day}\nchecked = {day}\nlicence = "MIT"\n'
        'note = "List prices; kept by volunteers, so compare with the provider before you sign."'
    )
    return "\n\n".join([source, *(entry(name, table[row[0]]) for name, row in ROWS.items())]) + "\n"


def main() -> None:
    """Write the snapshot."""
    parser = argparse.ArgumentParser(description="Make the snapshot of prices.")
    parser.add_argument("table", type=Path, help="LiteLLM's JSON file, downloaded before")
    parser.add_argument("--day", type=date.fromisoformat, required=True, help="day on which the table was current")
    given = parser.parse_args()
    table = json.loads(given.table.read_text(encoding="utf-8"))
    TARGET.write_text(snapshot(table, given.day), encoding="utf-8")
    print(f"{TARGET}: {len(ROWS)} entries as of {given.day}")


if __name__ == "__main__":
    main()
