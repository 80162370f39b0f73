"""The public shapes of latprof's data: a call, and the JSON that `analyze` prints.

The JSON Schemas in `docs/reference/` are made from these models.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

__all__ = ["SCHEMA_VERSION", "AnalyzeResult", "ApiBlock", "ApiCall", "MetricResult", "analyze_schema", "call_schema"]

SCHEMA_VERSION = 1


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiBlock(_Strict):
    """One content block of a response."""

    type: Literal["thinking", "text", "tool_use", "other"]
    start_at: AwareDatetime | None = Field(description="when the block began, where the log times it")
    end_at: AwareDatetime | None = Field(description="when the block was complete")
    characters: int | None = Field(description="characters of its text or of its tool input as JSON; null when hidden")
    tokens: int | None = Field(description="tokens of the block, where the log states them")
    name: str | None = Field(description="name of the tool")
    result_at: AwareDatetime | None = Field(description="when the tool's result was written")
    signature_characters: int | None = Field(description="length of a thinking block's signature")


class ApiCall(_Strict):
    """One request to a model until its last byte. Null means not known."""

    agent: str = Field(description="which agent made the call")
    agent_version: str | None = Field(description="version of the agent")
    session_id: str = Field(description="conversation that the call belongs to")
    agent_id: str | None = Field(description="sub-agent, null for the main thread")
    call_id: str = Field(description="the same in every copy of the call")
    message_id: str | None = Field(description="id of the response")
    request_id: str | None = Field(description="id of the request, as the provider gave it")
    project: str | None = Field(description="folder in which the agent worked")
    host: str | None = Field(description="computer that the log was copied from, as an option or a setting says")
    engineer: str | None = Field(description="whose log it is, as an option or a setting says")
    provider: str | None = Field(description="who answered (gen_ai.provider.name), as far as ids tell")
    model: str | None = Field(description="model that answered (gen_ai.response.model)")
    requested_model: str | None = Field(description="model that was asked for (gen_ai.request.model)")
    effort: str | None = Field(description="reasoning effort")
    speed_mode: str | None = Field(description="speed mode of the provider")
    trigger: Literal[
        "user", "tool_result", "subagent", "compaction", "notification", "retry", "synthetic", "unknown"
    ] = Field(description="why the call was made")
    trigger_at: AwareDatetime | None = Field(description="time of the line that led to the call")
    sent_at: AwareDatetime | None = Field(description="when the request left, of the attempt that answered")
    sent_source: str | None = Field(description="how sent_at was observed")
    headers_at: AwareDatetime | None = Field(description="response headers seen; the first token came after them")
    first_output_at: AwareDatetime | None = Field(description="first token; null where only block ends are known")
    first_output_source: str | None = Field(description="how first_output_at was observed")
    last_output_at: AwareDatetime | None = Field(description="end of the response")
    last_output_source: str | None = Field(description="how last_output_at was observed")
    ttft_s: float | None = Field(
        description="sent to first token, s; exact, or the mean of what is possible for this call"
    )
    ttft_kind: Literal["exact", "estimate"] | None = Field(description="kind of ttft_s")
    ttft_low_s: float | None = Field(description="lower end of the 95 % interval of an estimated ttft_s")
    ttft_high_s: float | None = Field(description="upper end of the 95 % interval of an estimated ttft_s")
    first_block_s: float | None = Field(description="sent to end of the first block, s: upper bound of TTFT")
    wall_s: float | None = Field(description="sent to last output, s, of complete calls")
    wall_kind: Literal["exact", "bound"] | None = Field(description="kind of wall_s; a bound is an upper one")
    wall_tps: float | None = Field(description="output_tokens / wall_s, tok/s; of the same kind as wall_s")
    decode_tps: float | None = Field(description="(output_tokens - 1) / (last output - first token), tok/s")
    decode_kind: Literal["exact", "estimate"] | None = Field(description="kind of decode_tps")
    decode_low_tps: float | None = Field(description="lower end of the 95 % interval of an estimated decode_tps")
    decode_high_tps: float | None = Field(description="upper end of the 95 % interval of an estimated decode_tps")
    output_tokens: int | None = Field(description="final count of generated tokens")
    output_tokens_kind: Literal["final", "unknown"] = Field(description="whether the log has the final count")
    output_tokens_source: Literal["stop_reason", "changed", "ratio", "usage", "counted"] | None = Field(
        description="by which rule the count is final"
    )
    input_tokens: int | None = Field(description="all input, cached included")
    cache_read_tokens: int | None = Field(description="input read from the cache")
    cache_write_tokens: int | None = Field(description="input written to the cache")
    reasoning_tokens: int | None = Field(description="part of output_tokens, where stated")
    tool_s: float | None = Field(description="end of first tool call to last result, s: upper bound")
    attempts: int | None = Field(description="attempts that the log shows")
    load: str | None = Field(description="what a load generator offered")
    stop_reason: str | None = Field(description="why the response ended")
    flags: list[str] = Field(description="what is special about the call")
    blocks: list[ApiBlock] = Field(default_factory=list, description="content blocks in order")


class MetricResult(_Strict):
    """Percentiles of one metric of one kind in one group."""

    metric: str
    unit: str
    group: dict[str, str | None] = Field(description="grouping key to value; null where the log does not say")
    kind: Literal["exact", "bound", "estimate", "as_logged"]
    side: Literal["upper", "lower"] | None = Field(description="of a bound: the true value is at most / at least this")
    n: int = Field(description="calls with such a value")
    borrowed: float | None = Field(
        description="of an estimate: share that a group of this size takes from the other calls of its models"
    )
    coverage: float = Field(description="n as a share of the group's calls")
    sessions: int = Field(description="sessions that the n calls come from")
    quantiles: dict[str, float | None] = Field(description="probability to value; null when n is too small")
    intervals: dict[str, tuple[float | None, float | None]] = Field(
        description="95 % interval of each quantile; null where the data bound no side"
    )
    refused: dict[str, str] = Field(description="why a quantile is null")


class AnalyzeResult(_Strict):
    """What `latprof analyze --json` prints."""

    schema_version: Literal[1]
    files: int = Field(description="files that were recognised and read")
    sessions: int
    calls: int
    problems: dict[str, int] = Field(description="kind of problem to how often it occurred")
    since: AwareDatetime | None = Field(description="send time of the first call")
    until: AwareDatetime | None = Field(description="last output of the last call")
    metrics: list[MetricResult]
    notes: list[str] = Field(description="what is known, what is not, and why")


def call_schema() -> dict[str, Any]:
    """JSON Schema of a line of `latprof export -o calls.jsonl`."""
    return ApiCall.model_json_schema(mode="serialization")


def analyze_schema() -> dict[str, Any]:
    """JSON Schema of `latprof analyze --json`."""
    return AnalyzeResult.model_json_schema(mode="serialization")
