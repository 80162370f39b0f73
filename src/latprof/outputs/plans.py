"""What commands about services, clusters, hardware and costs print as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from latprof.compare.claims import Claims
from latprof.outputs.base import Strict

__all__ = [
    "CalculationResult",
    "ClaimsResult",
    "CompareResult",
    "PredictResult",
    "SimulateResult",
    "SweepResult",
]

_FactKind = Literal["measured", "claimed", "estimated", "simulated"]
_Scope = Literal["single_stream", "per_user_at_n", "aggregate"]
_Probability = Annotated[str, Field(pattern=r"^0\.\d+$")]
_OpenEnds = tuple[float | None, float | None]
_Value = str | int | float | None


class _Range(Strict):
    value: float | None
    low: float | None
    high: float | None


class _Mean(Strict):
    mean: float | None
    low: float | None
    high: float | None


class _Steps(Strict):
    n: int
    quantiles: dict[_Probability, float | None]
    intervals: dict[_Probability, _OpenEnds]


class _Team(Strict):
    name: str | None
    engineers: int
    logs_of: int = Field(description="people whose logs these are")
    days_per_week: float
    hours_per_day: float
    subscription_usd_per_month: float | None
    budget_usd_per_month: float | None
    rent_hours_per_month: float
    life_months: float
    usd_per_kwh: float


class _Today(Strict):
    kind: Literal["exact", "bound"]
    exact_share: float | None = Field(description="of the calls, whose whole time is exact")
    first_token_share: float | None
    first_token_exact_share: float | None
    steps_s: dict[str, _Steps] = Field(description="trigger, or all, to seconds per call")
    waiting_hours_per_week: _Range
    usd_per_month: float | None
    usd_how: str | None


class _Cost(Strict):
    way: Literal["list price", "subscription", "rent", "bought"]
    usd_per_month: float | None
    kind: _FactKind
    source: list[str]
    old: bool
    remark: str | None
    utilisation_share: float | None
    usd_per_mtok_output: float | None


class _Quality(Strict):
    quantity: str
    value: str | float | None
    unit: str | None
    kind: _FactKind
    source: str
    old: bool


class _Alternative(Strict):
    id: str
    name: str
    family: Literal["hosted", "self-hosted"]
    kind: _FactKind | None
    scope: _Scope | None
    source: list[str]
    old: bool = Field(description="some figure is past its age")
    conflicts: list[str] = Field(description="ids of contradictions")
    refused: str | None
    stated: str | None
    remarks: list[str]
    ttft_s: float | None
    ttft_at_uncached_tokens: float | None
    ttft_s_per_uncached_token: float | None
    ttft_spread_known: bool
    decode_tps: float | None
    streams: float | None
    steps_s: dict[str, _Steps]
    waiting_hours_per_week: float | None
    change_hours_per_week: _Range
    change_per_call_s: _Mean | None
    costs: list[_Cost]
    unfit_share: float | None = Field(description="of the calls, whose context is too large")
    context_tokens: float | None
    context_source: str | None
    quality: _Quality | None


class _Says(Strict):
    id: str
    says: str


class _WhatIf(Strict):
    name: str
    kind: Literal["estimate"]
    assumption: str
    rests_on: str | None
    refused: str | None
    touched_calls: int
    change_per_call_s: _Mean | None
    change_per_call_usd: _Mean | None
    change_hours_per_week: float | None
    change_usd_per_month: float | None


class CompareResult(Strict):
    """What `latprof compare --json` prints."""

    schema_version: Literal[1]
    calls: int
    compared_calls: int
    sessions: int
    active_days: int
    person_days: int
    calls_per_engineer_week: float | None
    streams: float | None = Field(description="calls of the team in flight at once, in working hours")
    team: _Team
    today: _Today
    alternatives: list[_Alternative]
    conflicts: list[_Says]
    what_if: list[_WhatIf]


class _Beside(Strict):
    table: str
    name: str
    metric: str
    unit: str
    stated: float | None
    stated_kind: Literal["claimed"]
    beside: float | None
    beside_kind: str | None
    beside_source: str | None


class ClaimsResult(Strict):
    """What `latprof compare --measured FILE --json` prints where no logs are given."""

    schema_version: Literal[1]
    kind: Literal["claimed"]
    claims: Claims
    typical_output_tokens: float | None
    beside: list[_Beside]


class PredictResult(Strict):
    """What `latprof predict --json` prints."""

    schema_version: Literal[1]
    model: str
    precision: str
    gpu: str
    n_gpu: int
    engine: str
    isl: float = Field(description="input tokens")
    osl: float = Field(description="output tokens")
    concurrency: float
    cached: float = Field(description="input tokens in the prefix cache")
    lengths: Literal["equal", "varied"] = Field(description="whether all calls have the same lengths")
    kind: Literal["estimate"]
    ttft_ms: float | None
    ttft_low_ms: float | None = Field(description="lower end of the 80 % band")
    ttft_high_ms: float | None
    tpot_ms: float | None
    tpot_low_ms: float | None
    tpot_high_ms: float | None
    remarks: list[str]
    parameters_date: str
    calibrated_by_calls: int
    oracle: str | None = Field(default=None, description="the second opinion; only with --oracle")
    oracle_ttft_ms: float | None = None
    oracle_tpot_ms: float | None = None


class _StepModel(Strict):
    date: str | None
    source: str | None


class _Band(Strict):
    unit: str
    kind: Literal["simulated", "exact", "bound", "estimate"]
    p10: float | None
    p50: float | None
    p90: float | None
    n: int = Field(description="draws")


class _Pace(Strict):
    clipped_share: float
    figures: dict[str, _Band] = Field(description="figure to its band over draws; today_ are those measured")
    probability_better: dict[str, float] = Field(description="figure to the chance that it is better than today")


class _Measured(Strict):
    model: str
    precision: str
    gpu: str
    n_gpu: int
    parallelism: str
    engine: str
    isl: float
    concurrency: float
    ttft_ms: float | None
    tpot_ms: float | None
    date: str
    source: str


class _Answer(Strict):
    cluster: str
    gpu: str
    gpus: int
    usd_per_month: float | None
    rent_from: str | None = Field(description="what a rent of the catalogue rests on")
    model: str
    precision: str
    engine: str
    layout: str
    replicas: int
    prefill_replicas: int
    capacity_tokens: int
    longest_context_tokens: int
    engineers: int
    notes: list[str]
    paces: dict[str, _Pace]
    nearest_measured: list[_Measured]


class _RefusedCluster(Strict):
    cluster: str
    model: str
    reason: str
    nearest: str | None


class SimulateResult(Strict):
    """What `latprof simulate --json` prints."""

    schema_version: Literal[1]
    kind: Literal["simulated"]
    draws: int
    calls: int
    sessions: int
    calls_left_out: int
    gap_cap_s: float | None
    measured_s: float
    warm_up_s: float
    hours_per_month: float
    step_model: _StepModel
    answers: list[_Answer]
    refused: list[_RefusedCluster]
    calibrated_by_calls: int


class SweepResult(SimulateResult):
    """What `latprof sweep --json` prints."""

    break_even: dict[str, str]


class CalculationResult(Strict):
    """What the commands of `latprof hardware` and `latprof cost` print with --json."""

    schema_version: Literal[1]
    calculation: str
    inputs: dict[str, _Value | list[str | int | float] | bool]
    kinds: dict[str, str] = Field(description="column to the kind of its figures")
    rows: list[dict[str, _Value]]
    notes: list[str]
