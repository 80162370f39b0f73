"""What commands that judge and watch print as JSON: budget, check, diff, doctor, drift, watch."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from latprof.outputs.base import Strict
from latprof.outputs.logs import Beside

__all__ = [
    "BudgetResult",
    "CheckResult",
    "DiffResult",
    "DoctorResult",
    "DriftResult",
    "Share",
    "WatchEvent",
    "WatchPicture",
]

_Kind = Literal["exact", "bound", "estimate", "as_logged"]
_How = Literal["exact", "bound", "exact or bound", "as_logged"] | None


class _Interval(Strict):
    value: float | None
    low: float | None = Field(description="lower end of the 95 % interval; null where the data bound no side")
    high: float | None = Field(description="upper end of the 95 % interval")
    n: int = Field(description="calls")
    sessions: int


class _CheckChange(Strict):
    before_n: int
    before_low: float | None
    before_high: float | None
    difference: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    chance: float | None = Field(description="of so much or more if nothing changed, all figures of the check together")


class _Outcome(Strict):
    name: str
    rule: Literal["budget", "baseline"]
    status: Literal["pass", "fail", "unknown"] = Field(description="unknown: cannot be judged")
    reason: str
    metric: str
    unit: str
    kind: _Kind | None
    group: dict[str, str | None] = Field(description="grouping key to value")
    percentile: float
    n: int
    sessions: int
    value: float | None
    low: float | None
    high: float | None
    limit: float | None = Field(description="what the value is held against")
    side: Literal["max", "min"]
    change: _CheckChange | None = Field(description="against a baseline")


class CheckResult(Strict):
    """What `latprof check --json` prints."""

    schema_version: Literal[1]
    passed: bool | None = Field(description="null: nothing could be judged")
    judged: int = Field(description="outcomes that are not unknown")
    strict: bool
    calls: int
    sessions: int
    outcomes: list[_Outcome]
    notes: list[str]


class _Side(Strict):
    name: str
    calls: int
    sessions: int


class _Cell(Strict):
    cell: dict[str, str | None]
    calls: tuple[int, int]
    share: float | None = Field(description="weight of the cell in both sides after matching")


class _Figure(_Interval):
    refused: str | None = Field(description="why there is no value")


class _Change(Strict):
    before: _Figure
    after: _Figure
    difference: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None


class _Difference(Strict):
    metric: str
    unit: str
    kind: _Kind
    percentile: float
    says: str
    plain: _Change
    matched: _Change | None = Field(description="with the same work on both sides; null for metrics of the work itself")


class DiffResult(Strict):
    """What `latprof diff --json` prints."""

    schema_version: Literal[1]
    sides: tuple[_Side, _Side]
    match: list[str] = Field(description="keys by which calls are matched")
    left_out: list[float] = Field(description="share of each side's calls without a match")
    mix: list[_Cell]
    shared_calls: int
    not_compared: list[str]
    differences: list[_Difference]


class _Shift(Strict):
    agent: str
    model: str | None
    series: str
    unit: str
    kind: _Kind
    says: str
    statistic: Literal["median", "mean"]
    at: AwareDatetime
    earliest: AwareDatetime | None
    latest: AwareDatetime | None
    before: _Interval
    after: _Interval
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    t: float | None
    chance: float | None
    first_used_near: list[str]


class _Scanned(Strict):
    agent: str
    model: str | None
    series: str
    unit: str
    kind: _Kind
    n: int
    session_days: int
    t: float | None
    chance: float | None


class _FirstUse(Strict):
    agent: str
    what: str
    name: str
    at: AwareDatetime


class DriftResult(Strict):
    """What `latprof drift --json` prints."""

    schema_version: Literal[1]
    calls: int
    false_alarms: float = Field(description="chance of any false alarm in the whole result")
    left_out: int = Field(description="calls of load generators, which are not searched")
    changes: list[_Shift]
    unclear: list[_Shift] = Field(description="signs whose levels do not tell which way: no changes")
    scanned: list[_Scanned]
    first_uses: list[_FirstUse]
    refused: list[str]


class Share(Strict):
    """Seconds of an activity."""

    activity: str
    name: str | None
    seconds: float
    by_kind_s: dict[str, float] = Field(description="kind to seconds")
    segments: int
    sessions: int


class _BudgetSession(Strict):
    agent: str
    session: str
    project: str | None
    engineer: str | None
    host: str | None
    calls: int
    start_at: AwareDatetime
    wall_s: float
    seconds: dict[str, float] = Field(description="activity to seconds")


class _BudgetGroup(Strict):
    by: str
    group: str | None
    shares: list[Share]


class _Slow(Strict):
    metric: str
    calls_share: float
    n: int
    estimated: int
    sessions: int
    seconds: float
    waiting_share: float
    interval: tuple[float, float] | None


class _Week(Strict):
    engineer: str | None
    week: str = Field(description="ISO 8601, such as 2026-W09")
    sessions: int
    wall_s: float
    model_s: float = Field(description="waiting for the model, summed over sessions, s")
    first_token_s: float | None = Field(description="part of it before the first token, as far as told apart, s")
    at_once_s: float = Field(description="the same waiting, an instant in which several sessions wait counted once, s")
    tool_s: float
    by_kind_s: dict[str, float] = Field(description="kind to seconds of model_s")


class BudgetResult(Strict):
    """What `latprof budget --json` prints."""

    schema_version: Literal[1]
    calls_left_out: int
    sessions: list[_BudgetSession]
    wall_s: float
    total: list[Share]
    groups: list[_BudgetGroup]
    slowest: list[_Slow]
    weeks: list[_Week] = Field(description="of the engineers that the logs name")


class _Advised(Strict):
    name: str
    files: int
    calls: int
    problems: int
    ttft_s: _How
    first_block_s: _How
    decode_tps: _How
    wall_s: _How
    output_tokens: _How
    seen: dict[str, dict[_Kind, int]] = Field(description="figure to calls here by the kind of its value")
    setting: str | None = Field(description="what to switch on, as it is typed")
    gives: str | None = Field(description="what it records from then on")
    nothing_to_switch_on: str | None = Field(description="why there is no setting")


class DoctorResult(Strict):
    """What `latprof doctor --json` prints."""

    schema_version: Literal[1]
    formats: list[_Advised]
    history: Beside | None = Field(description="null with --no-history")
    no_permission: list[str] = Field(description="files and folders that could not be looked at")


class _Usual(Strict):
    low_s: float | None = Field(description="p10 of earlier times, s; null below 30 of them")
    high_s: float | None = Field(description="p90 of earlier times, s")
    n: int
    of: str = Field(description="what the times belong to")


class _LastCall(Strict):
    call_id: str
    model: str | None
    ttft_s: float | None
    first_block_s: float | None = Field(description="upper bound of the time to the first token, s")
    wall_s: float | None
    wall_kind: Literal["exact", "bound"] | None
    output_tokens: int | None


class _Running(Strict):
    agent: str
    session_id: str
    agent_id: str | None = Field(description="sub-agent, null for the main thread")
    engineer: str | None = Field(description="whose log it is, as paths and settings say")
    host: str | None
    project: str | None
    model: str | None
    state: Literal["waiting", "answering", "tools", "idle", "unknown"]
    since: AwareDatetime | None
    seconds: float | None = Field(description="how long the state lasts, s")
    trigger: str | None = Field(description="why the request was made, while waiting")
    tools: list[str] = Field(description="tools without a result, the oldest first")
    failed_attempts: int
    usual: _Usual | None
    longer_than_usual: bool
    calls: int
    last_call: _LastCall | None


class WatchPicture(Strict):
    """What `latprof watch --once --json` prints."""

    schema_version: Literal[1]
    at: AwareDatetime
    files: int
    left_out: int = Field(description="active threads that do not pass the filters")
    sessions: list[_Running]


class WatchEvent(_Running):
    """A line of `latprof watch --json`."""

    schema_version: Literal[1]
    event: Literal["session", "state", "long", "call", "gone"]
    at: AwareDatetime
