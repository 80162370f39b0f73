"""Many replays of one deployment, each with other sessions and other errors of the model, and the bands over them."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

import numpy as np

from latprof.classes import dataclass
from latprof.replay.cluster import Cluster, Routing, replay
from latprof.replay.engine import EngineSettings
from latprof.replay.outcome import figures_of, today_key
from latprof.replay.plan import Plan
from latprof.replay.steps import StepTable
from latprof.replay.team import Team, capped, clipped
from latprof.replay.workload import Workload
from latprof.serving import Batch, Deployment, Parameters, roofline_s, step_s
from latprof.serving.residual import Residuals, default_residuals, features_of

__all__ = [
    "Band",
    "Outlook",
    "Pace",
    "ServingSteps",
    "Spread",
    "Study",
    "outlook",
    "run_draws",
    "spread_for",
    "spread_of_calls",
]

Pace = Literal["as measured", "everyone busy"]
_PAGE_TOKENS: Final = 16
# Engines keep the state of linear attention at coarse checkpoints only, so that reuse begins at such a point.
_STATE_PAGE_TOKENS: Final = 1024
_BAND: Final = (0.1, 0.5, 0.9)
# Half a standard normal's 80 % interval.
_NORMAL_80: Final = 1.2816
_TYPICAL_OUTPUT: Final = 218.0
_TYPICAL_STREAMS: Final = 4.0


@dataclass(frozen=True, slots=True)
class ServingSteps:
    """The step model of a deployment in the form that the tables ask, `factor` times as long, above the roofline."""

    deployment: Deployment
    parameters: Parameters
    factor: float = 1.0

    def __call__(  # noqa: D102 - as StepModel says
        self, streams: Sequence[float], contexts: Sequence[float], prefills: Sequence[float], pairs: Sequence[float]
    ) -> Sequence[float]:
        batch = Batch(*(np.asarray(item, float) for item in (streams, contexts, prefills, pairs)))
        times = self.factor * step_s(batch, self.deployment, self.parameters)
        found: list[float] = np.maximum(times, roofline_s(batch, self.deployment)).tolist()
        return found


@dataclass(frozen=True, slots=True)
class Spread:
    """How far the model is off and may be off: means and standard deviations of logarithms, and the memory's part."""

    decode: tuple[float, float] = (0.0, 0.28)
    prefill: tuple[float, float] = (0.0, 0.35)
    first_token_s: float = 0.09
    first_token_sd: float = 0.7
    capacity_part: float = 0.10


def spread_for(
    deployment: Deployment,
    parameters: Parameters,
    streams: float,
    context_tokens: float,
    residuals: Mapping[str, Residuals] | None = None,
) -> Spread:
    """What measured deployments tell about the error of this one: close to none, the full spread of the residuals.

    TPOT stands for decoding and TTFT for prompts; the widening of the fit's 80 % bands is kept. `residuals` by 'tpot'
    and 'ttft' replace those of the package (a calibration).
    """
    row = {
        "family": deployment.model.family, "model": deployment.model.name, "engine": deployment.engine,
        "version": deployment.engine, "precision": deployment.precision, "gpu": deployment.gpu.name,
        "layout": f"{deployment.n_gpu}-{int(deployment.ep > 1)}-{deployment.dp}", "concurrency": max(streams, 1.0),
        "isl": context_tokens, "osl": _TYPICAL_OUTPUT,
    }  # fmt: skip
    found = {}
    for target in ("tpot", "ttft"):
        mean, sd = ((residuals or {}).get(target) or default_residuals(target)).at(features_of([row]))
        found[target] = (float(mean[0]), float(sd[0]) * parameters.band.get(target, _NORMAL_80) / _NORMAL_80)
    first = parameters.values_for(deployment)["first_token_s"]
    return Spread(found["tpot"], found["ttft"], first, parameters.sd.get("first_token_s", 0.7))


@dataclass(frozen=True, slots=True)
class Study:
    """A question: a team at a pace on a plan, with what is uncertain. Picklable, so that processes can share the work.

    `measured_s` seconds are measured after `warm_up_s` in which caches fill. Without a `spread` that of the measured
    deployments nearby is taken.
    """

    plan: Plan
    workload: Workload
    parameters: Parameters
    engineers: int
    pace: Pace = "as measured"
    gap_cap_s: float = 60.0
    sessions_at_once: int = 1
    routing: Routing = "sticky"
    spread: Spread | None = None
    warm_up_s: float = 900.0
    measured_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Band:
    """A figure over the draws: p10, median and p90; `draws` of them had it."""

    low: float
    middle: float
    high: float
    draws: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """Bands by figure, and the probability that a figure is better than what was measured on the same calls."""

    bands: Mapping[str, Band]
    faster: Mapping[str, float]
    draws: int
    clipped_share: float


def run_draws(study: Study, seeds: Sequence[int]) -> list[dict[str, float]]:
    """The figures of one replay per seed."""
    workload, _ = clipped(study.workload, study.plan.limit_tokens)
    if study.pace == "everyone busy":
        workload = capped(workload, study.gap_cap_s)
    team = Team(workload, study.engineers, study.sessions_at_once)
    spread = study.spread or spread_of_calls(study.plan.deployment, study.workload, study.parameters)
    return [_draw(study, team, spread, seed) for seed in seeds]


def spread_of_calls(
    deployment: Deployment,
    workload: Workload,
    parameters: Parameters,
    residuals: Mapping[str, Residuals] | None = None,
) -> Spread:
    """`spread_for` at the load that these calls make."""
    sizes = [turn.input_tokens for group in workload.sessions for sitting in group for turn in sitting.turns]
    return spread_for(deployment, parameters, _TYPICAL_STREAMS, float(np.median(sizes)), residuals)


def _draw(study: Study, team: Team, spread: Spread, seed: int) -> dict[str, float]:
    until = study.warm_up_s + study.measured_s
    return figures_of(replay(_cluster(study, spread, seed), team.lanes(seed), until, study.warm_up_s))


def _cluster(study: Study, spread: Spread, seed: int) -> Cluster:
    """The cluster with the model's errors of this draw: those of a seed have the same sign in every study."""
    dice = random.Random(f"model {seed}")  # noqa: S311 - a simulation, no secret
    plan, deployment = study.plan, study.plan.deployment
    decode = math.exp(dice.gauss(*spread.decode))
    prefill = math.exp(dice.gauss(*spread.prefill))
    first_token = spread.first_token_s * math.exp(dice.gauss(0, spread.first_token_sd))
    capacity = int(plan.capacity_tokens * (1 + dice.uniform(-spread.capacity_part, spread.capacity_part)))
    settings = EngineSettings(
        capacity_tokens=max(capacity, plan.limit_tokens + _STATE_PAGE_TOKENS),
        page_tokens=_STATE_PAGE_TOKENS if deployment.model.attention == "hybrid" else _PAGE_TOKENS,
        max_batched_tokens=deployment.max_batched_tokens,
        # The table holds the draw's decoding times; what prompts add to them has an error of its own.
        prefill_factor=prefill / decode,
        tokens_per_step=deployment.speculation.tokens_per_step,
    )
    table = StepTable(ServingSteps(deployment, study.parameters, decode), deployment.max_batched_tokens)
    cluster = Cluster(settings, table, plan.replicas, study.routing, first_token)
    if not plan.prefill_replicas:
        return cluster
    seconds = deployment.kv_bytes_per_token / deployment.gpu.link_bytes_s
    return replace(cluster, prefill_replicas=plan.prefill_replicas, transfer_s=_Transfer(seconds))


@dataclass(frozen=True, slots=True)
class _Transfer:
    """Time to hand over the cache of a prompt, one link at its full speed."""

    per_token_s: float

    def __call__(self, tokens: int) -> float:
        return tokens * self.per_token_s


def outlook(study: Study, draws: Sequence[Mapping[str, float]], better: Mapping[str, bool | None]) -> Outlook:
    """Bands over the draws. `better` says per figure whether lower is better; None and others are not compared."""
    keys = dict.fromkeys(key for draw in draws for key in draw)
    bands = {key: _band([draw[key] for draw in draws if key in draw]) for key in keys}
    faster = {
        key: share
        for key, lower in better.items()
        if lower is not None and (share := _share(draws, key, lower=lower)) is not None
    }
    return Outlook(bands, faster, len(draws), clipped(study.workload, study.plan.limit_tokens)[1])


def _band(values: Sequence[float]) -> Band:
    low, middle, high = (float(end) for end in np.quantile(values, _BAND))
    return Band(low, middle, high, len(values))


def _share(draws: Sequence[Mapping[str, float]], key: str, *, lower: bool) -> float | None:
    """In which share of the draws the figure beats the measured one."""
    pairs = [(draw[key], draw[today_key(key)]) for draw in draws if key in draw and today_key(key) in draw]
    if not pairs:
        return None
    wins = sum((ours < today) if lower else (ours > today) for ours, today in pairs)
    return wins / len(pairs)
