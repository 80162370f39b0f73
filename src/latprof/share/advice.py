"""What to switch on in an agent so that its calls can be timed exactly."""

from __future__ import annotations

from typing import Final

from latprof.classes import dataclass

__all__ = ["ADVICE", "NO_ADVICE", "Advice"]

_COLLECTOR: Final = "and read the JSON file of an OpenTelemetry Collector with a `file` exporter"


@dataclass(frozen=True, slots=True)
class Advice:
    """A setting of an agent, and what its logs tell with it."""

    setting: str
    gives: str


# By the name of the format that the agent writes anyway. Only future calls are recorded.
ADVICE: Final[dict[str, Advice]] = {
    "claude-code": Advice(
        "CLAUDE_CODE_ENABLE_TELEMETRY=1 CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1 OTEL_TRACES_EXPORTER=otlp "
        f"OTEL_EXPORTER_OTLP_PROTOCOL=http/json OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318, {_COLLECTOR}",
        "exact TTFT, whole call and retries (spans claude_code.llm_request; first content since 2.1.271)",
    ),
    "codex": Advice(
        '[otel.exporter."otlp-http"] with endpoint = "http://localhost:4318/v1/logs" and protocol = "json" in '
        f"~/.codex/config.toml, {_COLLECTOR}",
        "exact send times and first tokens (events codex.api_request, codex.sse_event)",
    ),
    "gemini-cli": Advice(
        "GEMINI_TELEMETRY_ENABLED=true GEMINI_TELEMETRY_OUTFILE=FILE, and read FILE",
        "exact whole call and failed attempts; no version records the first token",
    ),
    "copilot-cli": Advice(
        "COPILOT_OTEL_ENABLED=true COPILOT_OTEL_FILE_EXPORTER_PATH=FILE, and read FILE",
        "spans per call, exact whole call",
    ),
    "vscode-chat": Advice(
        "github.copilot.chat.agentDebugLog.fileLogging.enabled = true",
        "time to the response's headers or first event, and the whole call",
    ),
    "amp": Advice("--log-level debug --log-file FILE, and read FILE", "duration and speed per call"),
    "aider": Advice("--analytics-log FILE, and read FILE", "begin and end of each call in whole seconds"),
}

_OWN_LOG: Final = "its own log shows first tokens, where the provider streams"
_NO_SETTING: Final = "no setting of it is known that records the times of calls"

# Why an agent with logs of its own has no advice.
NO_ADVICE: Final[dict[str, str]] = {
    "cline": "first chunks are in telemetry that it sends away and keeps no file of",
    "cline-sdk": "first chunks are in telemetry that it sends away and keeps no file of",
    "copilot-debug-log": "this is the log that its setting switches on",
    "crush": _NO_SETTING,
    "droid": _NO_SETTING,
    "gemini-cli-json": "newer versions write another log; its telemetry then has the exact times",
    "goose": _NO_SETTING,
    "goose-jsonl": _NO_SETTING,
    "kilo": _OWN_LOG,
    "kilo-tasks": "newer versions keep their times in a database, which shows first tokens",
    "kimi-cli": "its successor, Kimi Code, logs first tokens",
    "kimi-code": _OWN_LOG,
    "mini-swe-agent": _NO_SETTING,
    "mistral-vibe": "its own log states the whole call; nothing records first tokens",
    "opencode": _OWN_LOG,
    "opencode-store": "newer versions keep their times in a database, which shows first tokens",
    "openhands": _NO_SETTING,
    "pi": _NO_SETTING,
    "qwen-code": "newer versions (0.24 and later) log first tokens by themselves",
    "qwen-code-json": "newer versions (0.24 and later) log first tokens by themselves",
    "roo-code": _NO_SETTING,
}
