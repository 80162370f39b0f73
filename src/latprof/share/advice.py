"""What to switch on in an agent so that its calls can be timed exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ADVICE", "Advice"]

_COLLECTOR: Final = "and read the JSON file of an OpenTelemetry Collector with a `file` exporter"


@dataclass(frozen=True, slots=True)
class Advice:
    """A setting of an agent, and what its logs tell with it."""

    setting: str
    gives: str


# By the name of the format that the agent writes anyway. Only future calls are recorded.
ADVICE: Final[dict[str, Advice]] = {
    "claude-code": Advice(
        f"CLAUDE_CODE_ENABLE_TELEMETRY=1 CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1 OTEL_TRACES_EXPORTER=otlp, {_COLLECTOR}",
        "exact TTFT, whole call and retries (spans claude_code.llm_request)",
    ),
    "codex": Advice(
        f"a table [otel] with an exporter in ~/.codex/config.toml, {_COLLECTOR}",
        "exact send times and first tokens (events codex.api_request, codex.sse_event)",
    ),
    "gemini-cli": Advice(
        "GEMINI_TELEMETRY_ENABLED=true GEMINI_TELEMETRY_OUTFILE=FILE",
        "exact whole call and failed attempts; no version records the first token",
    ),
    "copilot-cli": Advice(
        "COPILOT_OTEL_ENABLED=true COPILOT_OTEL_FILE_EXPORTER_PATH=FILE", "spans per call, exact whole call"
    ),
    "vscode-chat": Advice(
        "github.copilot.chat.agentDebugLog.fileLogging.enabled = true",
        "time to the response's headers or first event, and the whole call",
    ),
    "amp": Advice("--log-level debug --log-file FILE", "duration and speed per call"),
    "aider": Advice("--analytics-log FILE", "begin and end of each call in whole seconds"),
}
