"""What a user asks of one or many clusters, and the answers: outlooks at both paces, costs, break-even."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import Final

import numpy as np

from latprof.classes import dataclass
from latprof.replay.bands import Band, Outlook, Pace, Study, spread_of_calls
from latprof.replay.cluster import Routing
from latprof.replay.measured import MeasuredRow, nearest_rows
from latprof.replay.plan import Hardware, Impossible, Plan, Wish, plan_for
from latprof.replay.run import run_studies
from latprof.replay.workload import Workload
from latprof.serving import Parameters
from latprof.serving.residual import Residuals

__all__ = ["PACES", "Answer", "Conditions", "Refusal", "answers", "break_even", "costs", "fitted", "pareto"]

PACES: Final[tuple[Pace, ...]] = ("as measured", "everyone busy")
_MILLION: Final = 1e6
_LARGEST_TEAM: Final = 128
# Where more of the calls do not fit, as in `compare`, the others no longer stand for all.
_MOST_CUT: Final = 0.05


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds for every replay of a question. `hours_per_month` is the time in which a team works.

    `residuals` by 'tpot' and 'ttft' replace the package's measured deviations (a calibration).
    """

    parameters: Parameters
    residuals: Mapping[str, Residuals] | None = None
    gap_cap_s: float = 60.0
    sessions_at_once: int = 1
    routing: Routing = "sticky"
    draws: int = 40
    jobs: int = 1
    warm_up_s: float = 900.0
    measured_s: float = 3600.0
    hours_per_month: float = 168.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A configuration that cannot be run, and the nearest that can."""

    hardware: Hardware
    wish: Wish
    reason: str
    nearest: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A team on a plan: what each pace leads to, and measured rows that come near."""

    plan: Plan
    engineers: int
    outlooks: Mapping[Pace, Outlook]
    costs: Mapping[Pace, Mapping[str, Band]]
    nearest: tuple[MeasuredRow, ...] = field(default=())

    def faster(self, pace: Pace) -> float | None:
        """Probability that the median step is shorter than the measured one."""
        return self.outlooks[pace].faster.get("step_s_p50")

    @property
    def cut_share(self) -> float:
        """Share of the calls that are longer than what fits and were cut to it."""
        return max(outlook.clipped_share for outlook in self.outlooks.values())

    @property
    def holds_calls(self) -> bool:
        """Whether so few calls were cut that the others stand for all."""
        return self.cut_share <= _MOST_CUT


def fitted(wish: Wish, workload: Workload, engineers: int) -> Wish:
    """The wish with room for one typical call, and if possible for the team's contexts."""
    sizes = [
        turn.input_tokens + turn.output_tokens
        for group in workload.sessions
        for sitting in group
        for turn in sitting.turns
    ]
    typical = int(np.median(sizes))
    if wish.context_tokens is not None:
        typical = min(typical, wish.context_tokens)
    return replace(wish, room_tokens=typical, team_tokens=typical * engineers)


def answers(
    workload: Workload,
    asked: Sequence[tuple[Hardware, Wish, int]],
    conditions: Conditions,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Answer], list[Refusal]]:
    """An answer for each (hardware, wish, engineers) that can be run, a refusal for each that cannot."""
    plans: list[tuple[Plan, int]] = []
    refused: dict[tuple[str, str, str | None], Refusal] = {}
    for hardware, wish, engineers in asked:
        try:
            plans.append((plan_for(hardware, fitted(wish, workload, engineers)), engineers))
        except Impossible as error:
            key = (hardware.name, wish.model.name, wish.precision)
            refused.setdefault(key, Refusal(hardware, wish, error.reason, error.nearest))
    studies = [_study(plan, workload, count, pace, conditions) for plan, count in plans for pace in PACES]
    found = run_studies(studies, conditions.draws, jobs=conditions.jobs, progress=progress)
    each = len(PACES)
    return [
        _answer(plan, count, found[number * each : (number + 1) * each], workload, conditions)
        for number, (plan, count) in enumerate(plans)
    ], list(refused.values())


def _study(plan: Plan, workload: Workload, engineers: int, pace: Pace, conditions: Conditions) -> Study:
    known = conditions.residuals
    spread = spread_of_calls(plan.deployment, workload, conditions.parameters, known) if known else None
    return Study(
        plan, workload, conditions.parameters, engineers, pace, conditions.gap_cap_s, conditions.sessions_at_once,
        conditions.routing, spread, conditions.warm_up_s, conditions.measured_s,
    )  # fmt: skip


def _answer(plan: Plan, engineers: int, found: Sequence[Outlook], workload: Workload, conditions: Conditions) -> Answer:
    outlooks = dict(zip(PACES, found, strict=True))
    price = plan.hardware.usd_per_month
    spent = {pace: costs(one, price, engineers, conditions.hours_per_month) for pace, one in outlooks.items()}
    inputs = [turn.input_tokens for group in workload.sessions for sitting in group for turn in sitting.turns]
    streams = outlooks["everyone busy"].bands.get("in_flight")
    per_replica = (streams.middle if streams else 1.0) / plan.replicas
    near = nearest_rows(plan.deployment, per_replica, float(np.median(inputs)))
    return Answer(plan, engineers, outlooks, spent, near)


def costs(outlook: Outlook, usd_per_month: float | None, engineers: int, hours_per_month: float) -> dict[str, Band]:
    """USD per engineer and month, and per million tokens (of output, and of input and output together).

    The rent is spread over the tokens of `hours_per_month` hours of work at the rate of the replay.
    """
    if usd_per_month is None:
        return {}
    each = usd_per_month / engineers
    found = {"usd_per_engineer": Band(each, each, each, outlook.draws)}
    output = outlook.bands.get("output_tokens_per_hour")
    inputs = outlook.bands.get("input_tokens_per_hour")
    if output is not None and inputs is not None:
        found["usd_per_mtok_output"] = _per_million(usd_per_month, output, hours_per_month)
        both = Band(output.low + inputs.low, output.middle + inputs.middle, output.high + inputs.high, output.draws)
        found["usd_per_mtok"] = _per_million(usd_per_month, both, hours_per_month)
    return found


def _per_million(usd: float, per_hour: Band, hours: float) -> Band:
    """The more tokens, the cheaper each: the ends change places."""
    low, middle, high = (
        usd * _MILLION / (rate * hours) if rate > 0 else float("inf")
        for rate in (per_hour.high, per_hour.middle, per_hour.low)
    )
    return Band(low, middle, high, per_hour.draws)


def pareto(found: Sequence[Answer], pace: Pace = "everyone busy") -> list[bool]:
    """Which answers no other answer for as many engineers beats in both median step time and rent.

    Answers that had to cut too many calls beat none, and none of them counts.
    """
    points = [
        (_step(one, pace) if one.holds_calls else None, one.plan.hardware.usd_per_month, one.engineers) for one in found
    ]
    return [
        step is not None
        and rent is not None
        and not any(
            other[2] == team
            and other[0] is not None
            and other[1] is not None
            and other[0] <= step
            and other[1] <= rent
            and (other[0] < step or other[1] < rent)
            for other in points
        )
        for step, rent, team in points
    ]


def _step(answer: Answer, pace: Pace) -> float | None:
    band = answer.outlooks[pace].bands.get("step_s_p50")
    return None if band is None else band.middle


def break_even(
    workload: Workload, hardware: Hardware, wish: Wish, conditions: Conditions, pace: Pace = "everyone busy"
) -> int | None:
    """The largest team for which the cluster's median step is more likely shorter than longer; 0 for no team.

    Found by doubling and halving; None when even 128 engineers are served faster.
    """

    def is_faster(engineers: int) -> bool:
        plan = plan_for(hardware, fitted(wish, workload, engineers))
        study = _study(plan, workload, engineers, pace, conditions)
        share = run_studies([study], conditions.draws, jobs=conditions.jobs)[0].faster.get("step_s_p50")
        return share is not None and share > 0.5

    if not is_faster(1):
        return 0
    low, high = 1, 2
    while is_faster(high):
        low, high = high, high * 2
        if high > _LARGEST_TEAM:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_faster(middle) else (low, middle)
    return low
