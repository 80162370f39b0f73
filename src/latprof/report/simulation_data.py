"""Replays for programs: JSON and rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from latprof.replay.bands import Pace
from latprof.replay.question import PACES, Answer, Conditions, Refusal
from latprof.replay.workload import Workload
from latprof.report.document import Grid
from latprof.report.simulation_cells import UNITS, today_kind

__all__ = ["answer_data", "answers_grid", "conditions_data", "refused_data"]

_DIGITS: Final = 6


def conditions_data(workload: Workload, conditions: Conditions) -> dict[str, Any]:
    """What holds for all answers."""
    return {
        "schema_version": 1,
        "kind": "simulated",
        "draws": conditions.draws,
        "calls": workload.calls,
        "sessions": len(workload.sessions),
        "calls_left_out": workload.left_out,
        "gap_cap_s": conditions.gap_cap_s,
        "measured_s": conditions.measured_s,
        "warm_up_s": conditions.warm_up_s,
        "hours_per_month": conditions.hours_per_month,
        "step_model": {"date": conditions.parameters.date or None, "source": conditions.parameters.source or None},
    }


def answer_data(answer: Answer, workload: Workload) -> dict[str, Any]:
    """One answer with all figures of both paces."""
    plan, deployment = answer.plan, answer.plan.deployment
    return {
        "cluster": plan.hardware.name,
        "gpu": plan.hardware.gpu.name,
        "gpus": plan.hardware.count,
        "usd_per_month": plan.hardware.usd_per_month,
        "rent_from": plan.hardware.rent_from or None,
        "model": deployment.model.name,
        "precision": deployment.precision,
        "engine": deployment.engine,
        "layout": plan.layout,
        "replicas": plan.replicas,
        "prefill_replicas": plan.prefill_replicas,
        "capacity_tokens": plan.capacity_tokens,
        "longest_context_tokens": plan.limit_tokens,
        "engineers": answer.engineers,
        "notes": list(plan.notes),
        "paces": {pace: _pace(answer, pace, workload) for pace in PACES},
        "nearest_measured": [
            {name: getattr(row, name) for name in ("model", "precision", "gpu", "n_gpu", "parallelism", "engine", "isl",
             "concurrency", "ttft_ms", "tpot_ms", "date", "source")}
            for row in answer.nearest
        ],
    }  # fmt: skip


def _pace(answer: Answer, pace: Pace, workload: Workload) -> dict[str, Any]:
    outlook = answer.outlooks[pace]
    return {
        "clipped_share": round(outlook.clipped_share, _DIGITS),
        "figures": {
            key: {
                "unit": _unit(key),
                "kind": _kind(key, workload),
                "p10": _rounded(band.low),
                "p50": _rounded(band.middle),
                "p90": _rounded(band.high),
                "n": band.draws,
            }
            for key, band in {**outlook.bands, **answer.costs[pace]}.items()
        },
        "probability_better": {key: round(share, _DIGITS) for key, share in outlook.faster.items()},
    }


def _unit(key: str) -> str:
    return "USD" if key.startswith("usd_") else UNITS.get(key.removeprefix("today_"), "1")


def _kind(key: str, workload: Workload) -> str:
    return today_kind(workload, key.removeprefix("today_")) if key.startswith("today_") else "simulated"


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def refused_data(item: Refusal) -> dict[str, Any]:
    """One refusal."""
    return {
        "cluster": item.hardware.name,
        "model": item.wish.model.name,
        "reason": item.reason,
        "nearest": item.nearest,
    }


def answers_grid(found: Sequence[Answer], workload: Workload) -> Grid:
    """One row per answer, pace and figure."""
    columns = (
        "cluster", "model", "precision", "layout", "engineers", "usd_per_month", "pace", "figure", "unit", "kind",
        "p10", "p50", "p90", "n", "probability_better",
    )  # fmt: skip
    rows = []
    for answer in found:
        plan = answer.plan
        head = (
            plan.hardware.name, plan.deployment.model.name, plan.deployment.precision, plan.layout, answer.engineers,
            plan.hardware.usd_per_month,
        )  # fmt: skip
        for pace in PACES:
            outlook = answer.outlooks[pace]
            for key, band in {**outlook.bands, **answer.costs[pace]}.items():
                ends = (_rounded(band.low), _rounded(band.middle), _rounded(band.high), band.draws)
                rows.append((*head, pace, key, _unit(key), _kind(key, workload), *ends, outlook.faster.get(key)))
    return Grid(columns, tuple(rows))
