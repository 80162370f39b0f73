"""Names that agents give to model services -> the names of OpenTelemetry's `gen_ai.provider.name`."""

from __future__ import annotations

from typing import Final

__all__ = ["provider_of"]

_NAMES: Final = {
    "amazon-bedrock": "aws.bedrock",
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azure-openai-responses": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "claude-code": "anthropic",
    "cline": "cline",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "gemini": "gcp.gemini",
    "github-copilot": "github.copilot",
    "google": "gcp.gemini",
    "google-gemini-cli": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "groq": "groq",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "ollama": "ollama",
    "openai": "openai",
    "openai-codex": "openai",
    "openai-native": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "vertex": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "xai": "x_ai",
}


def provider_of(name: str | None) -> str | None:
    """The provider's common name; None for a protocol or a name that says nothing, such as openai-compatible."""
    return _NAMES.get((name or "").lower())
