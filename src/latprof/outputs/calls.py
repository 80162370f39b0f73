"""What commands that show calls, logs and formats print as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from latprof.config.schema import Settings
from latprof.model import Kind
from latprof.outputs.base import Strict
from latprof.outputs.measured import Share
from latprof.timeline.segments import Activity

__all__ = [
    "CacheInfoResult",
    "ConfigResult",
    "DriversResult",
    "ExplainCallResult",
    "ExplainResult",
    "FormatsResult",
    "HistoryInfoResult",
    "HistoryPruneResult",
    "MergeResult",
    "ScrubResult",
    "SessionResult",
    "SlowestResult",
    "SourcesResult",
]

_Trigger = Literal["user", "tool_result", "subagent", "compaction", "notification", "retry", "synthetic", "unknown"]
_Ends = tuple[float, float]
_OpenEnds = tuple[float | None, float | None]
_Observed = Literal["exact", "bound", "exact or bound", "as_logged"]
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
    change: bool = Field(description="a change of level begins here")


class _Trend(Strict):
    metric: Literal["ttft_s", "decode_tps"]
    unit: Literal["s", "tok/s"]
    kind: Kind
    model: str | None
    refused: str | None
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
    requested_and_served: list[_Served]


class _ByType(Strict):
    text: float | None
    thinking: float | None
    tool_use: float | None


class _Calibration(Strict):
    fitted: bool
    n: int
    error: float
    tokens_per_block: _ByType
    characters_per_token: _ByType


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


class _Source(Strict):
    name: str
    title: str
    places: list[str]
    files: int
    sessions: int
    calls: int
    problems: int
    days: int
    first_day: str | None
    last_day: str | None
    size_bytes: int
    observes: dict[str, _Observed] = Field(description="figure to how well it is known")
    refusal: str | None = Field(description="why such logs tell nothing")


class SourcesResult(Strict):
    """What `latprof sources --json` prints."""

    schema_version: Literal[1]
    sources: list[_Source]


class _Format(Strict):
    name: str
    title: str
    agent: str | None
    shape: Literal["lines", "document", "database", "table"]
    evidence: Literal["recorded", "real", "synthetic"]
    refusal: str | None
    roots: list[str] = Field(description="folders in which its logs lie")
    env_roots: dict[str, str] = Field(description="variable to the folder below the one it names")
    suffixes: list[str]
    observes: dict[str, _Observed]
    since: dict[str, str] = Field(description="figure to the first version whose logs have it")


class FormatsResult(Strict):
    """What `latprof formats --json` prints."""

    schema_version: Literal[1]
    formats: list[_Format]


class ConfigResult(Strict):
    """What `latprof config --json` prints."""

    schema_version: Literal[1]
    files: list[str]
    settings: Settings
    origins: dict[str, str] = Field(description="setting to the file, variable or option that gives it")


class _Written(Strict):
    engineer: str | None
    host: str | None
    calls: int
    sessions: int
    first_day: str | None
    last_day: str | None


class MergeResult(Strict):
    """What `latprof merge --json` prints."""

    schema_version: Literal[1]
    output: str
    files: int
    formats: dict[str, int] = Field(description="format to files")
    calls_in: int
    copies: int
    joined: int
    left_out: int
    calls_out: int
    calls_of_several_engineers: int = Field(description="calls that lie in the logs of more than one engineer")
    sessions_of_several_engineers: int
    written: list[_Written]
    problems: dict[str, int] = Field(description="kind of problem to how often it occurred")


class _Refused(Strict):
    path: str
    reason: str


class ScrubResult(Strict):
    """What `latprof scrub --json` prints."""

    schema_version: Literal[1]
    identical: bool = Field(description="the copies read the same, apart from ids and paths")
    files: int
    calls: int
    other_files: int
    formats: dict[str, int]
    refused: list[_Refused]


class _Kept(Strict):
    kind: str
    entries: int
    size_bytes: int


class CacheInfoResult(Strict):
    """What `latprof cache info --json` prints."""

    schema_version: Literal[1]
    path: str
    size_bytes: int
    most_bytes: int
    usable: bool
    contents: list[_Kept]


class _KeptLogs(Strict):
    place: str
    logs: int
    deleted_logs: int
    calls: int
    deleted_calls: int
    lost_calls: int
    since: AwareDatetime | None
    until: AwareDatetime | None


class HistoryInfoResult(Strict):
    """What `latprof history info --json` prints."""

    schema_version: Literal[1]
    path: str
    size_bytes: int
    trouble: str | None = Field(description="why it cannot be used")
    pruned_before: AwareDatetime | None
    places: list[_KeptLogs]


class HistoryPruneResult(Strict):
    """What `latprof history prune --json` prints."""

    schema_version: Literal[1]
    path: str
    before: str
    calls: int
    logs: int
