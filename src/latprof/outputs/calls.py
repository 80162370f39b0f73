"""What commands that show calls print as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from latprof.model import Kind
from latprof.outputs.base import Strict
from latprof.outputs.measured import Share
from latprof.timeline.segments import Activity

__all__ = [
    "DriversResult",
    "ExplainCallResult",
    "ExplainResult",
    "SessionResult",
    "SlowestResult",
]

_Trigger = Literal["user", "tool_result", "subagent", "compaction", "notification", "retry", "synthetic", "unknown"]
_Ends = tuple[float, float]
_OpenEnds = tuple[float | None, float | None]
_Probability = Annotated[str, Field(pattern=r"^0\.\d+$")]


class _Call(Strict):
    session_id: str
    call_id: str
    agent_id: str | None = Field(description="sub-agent, null for the main thread")
    model: str | None
    project: str | None
    engineer: str | None
    host: str | None
    trigger: _Trigger
    sent_at: AwareDatetime | None
    ttft_s: float | None
    ttft_kind: Literal["exact", "estimate"] | None
    ttft_low_s: float | None = Field(description="lower end of the 95 % interval of an estimate")
    ttft_high_s: float | None = Field(description="upper end of it")
    first_block_s: float | None = Field(description="upper bound of the time to the first token, s")
    wall_s: float | None
    wall_kind: Literal["exact", "bound"] | None
    decode_tps: float | None
    decode_kind: Literal["exact", "estimate"] | None
    tool_s: float | None = Field(description="end of the first tool call to the last result, s: upper bound")
    input_tokens: int | None
    cache_read_tokens: int | None
    output_tokens: int | None
    tools: list[str] = Field(description="names of the tools that the call uses")
    remarks: list[str]


class _Segment(Strict):
    start_s: float = Field(description="after the session's start, s")
    end_s: float
    activity: Activity
    kind: Kind
    name: str | None = Field(description="name of the tool")
    call_id: str | None
    agent_id: str | None


class SessionResult(Strict):
    """What `latprof session ID --json` prints."""

    schema_version: Literal[1]
    session: str
    agent: str
    agents: list[str] = Field(description="its sub-agents")
    project: str | None
    engineer: str | None
    host: str | None
    start_at: AwareDatetime | None
    end_at: AwareDatetime | None
    wall_s: float
    budget: list[Share]
    segments: list[_Segment]
    calls: list[_Call] = Field(description="the worst first")


class SlowestResult(Strict):
    """What `latprof slowest --json` prints."""

    schema_version: Literal[1]
    ranking: Literal["wall_s", "ttft_s", "tool_s"]
    of: int = Field(description="calls among which these are the slowest")
    calls: list[_Call]


class _Effect(Strict):
    metric: Literal["ttft_s", "decode_tps"]
    unit: Literal["s", "tok/s"]
    kind: Kind
    factor: Literal[
        "cache", "input", "uncached input", "model", "effort", "engineer", "host", "version", "attempt", "hour",
        "weekday",
    ]  # fmt: skip
    level: str
    against: str
    difference: float | None = Field(description="of the medians, in the unit")
    interval: _Ends | None = Field(description="95 % interval; null with too few sessions")
    base: float | None = Field(description="median of the calls compared with")
    n: int
    n_against: int
    sessions: int
    strata: int = Field(description="groups of alike calls in which both sides occur")
    clear: bool = Field(description="the interval leaves out 0")
    refused: str | None
    words: str


class _HeatMap(Strict):
    metric: Literal["ttft_s", "decode_tps"]
    unit: Literal["s", "tok/s"]
    kind: Kind
    n: int
    medians: list[list[float | None]] = Field(
        description="per weekday from Monday and hour", min_length=7, max_length=7
    )
    counts: list[list[int]] = Field(min_length=7, max_length=7)


class _Day(Strict):
    day: str
    n: int
    median: float | None
    version: str | None
    new_version: bool
    change: bool = Field(description="a change of level begins here, as latprof drift finds it")
    says: str | None = Field(description="which way: slower or faster")
    chance: float | None = Field(description="of so much evidence in any figure where nothing changes")


class _Trend(Strict):
    metric: Literal["ttft_s", "decode_tps"]
    unit: Literal["s", "tok/s"]
    kind: Kind
    agent: str
    model: str | None
    refused: str | None = Field(description="why changes of level were not looked for")
    chance: float | None = Field(description="of a sign as strong as the strongest where nothing changes")
    days: list[_Day]


class _Served(Strict):
    requested: str
    served: str
    n: int
    calls: int


class DriversResult(Strict):
    """What `latprof drivers --json` prints."""

    schema_version: Literal[1]
    effects: list[_Effect]
    heat_maps: list[_HeatMap]
    trends: list[_Trend]
    false_alarms: float | None = Field(description="chance of any change where nothing changed, all figures together")
    requested_and_served: list[_Served]


class _ByType(Strict):
    text: float | None
    thinking: float | None
    tool_use: float | None


class _SizeOf(Strict):
    text: Literal["characters"] | None
    thinking: Literal["signature", "characters"] | None
    tool_use: Literal["characters"] | None


class _Calibration(Strict):
    fitted: bool
    n: int
    error: float
    tokens_per_block: _ByType
    characters_per_token: _ByType
    size_of: _SizeOf


class _Check(Strict):
    name: str
    n: int
    distance: float
    allowed: float


class _Percentiles(Strict):
    metric: str
    unit: str
    kind: Literal["exact", "bound", "estimate", "as_logged"]
    n: int
    quantiles: dict[_Probability, float | None]
    intervals: dict[_Probability, _OpenEnds]


class _Group(Strict):
    agent: str
    model: str
    refused: str | None = Field(description="why nothing is estimated")
    calls: int
    usable: int
    left_out: dict[str, int] = Field(description="reason to calls")
    sessions: int
    spans: int
    known: int = Field(description="calls whose first token is stated")
    calibration: _Calibration | None
    fitted: dict[str, float | list[float]] | None = Field(description="what was fitted, by its name")
    checks: list[_Check]
    figures: list[_Percentiles]


class ExplainResult(Strict):
    """What `latprof explain --json` prints."""

    schema_version: Literal[1]
    groups: list[_Group]


class _Block(Strict):
    type: str
    ends_s: float | None = Field(description="after sending, s")
    characters: int | None
    signature: int | None
    tokens: float | None
    tokens_kind: Kind | None


class _CallFigure(Strict):
    metric: str
    unit: str
    kind: Literal["exact", "bound", "estimate", "as_logged"]
    value: float | None
    low: float | None
    high: float | None


class _Explained(Strict):
    call_id: str
    model: str | None
    trigger: _Trigger
    sent_at: float | None = Field(description="epoch s")
    sent_source: str | None
    first_source: str | None
    last_source: str | None
    known_s: float | None = Field(description="stated first token after sending, s")
    last_s: float | None = Field(description="end of the response after sending, s")
    output_tokens: int | None
    input_tokens: int | None
    flags: list[str]
    blocks: list[_Block]
    figures: list[_CallFigure]
    refused: str | None


class ExplainCallResult(Strict):
    """What `latprof explain --call ID --json` prints."""

    schema_version: Literal[1]
    call: _Explained
