"""What settings say of a team's clusters, size and hours, for commands that replay calls on clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.config.load import Effective
    from latprof.config.schema import Cluster, WorkingHours
    from latprof.replay.plan import Hardware

__all__ = ["cluster_of", "clusters_of", "engine_of", "hours_of", "people_of", "span_h"]

_ENGINE: Final = "vllm"


def cluster_of(in_force: Effective | None, name: str, price: float | None = None) -> Hardware | None:
    """The cluster of that name in the settings, None where they have none; `price` is a rent of a month, USD.

    Raises UsageError for one without its GPUs.
    """
    own = _own(in_force).get(name)
    if own is None:
        return None
    from dataclasses import replace

    from latprof.replay.plan import parse_gpus

    if own.gpu is None or own.gpus is None:
        raise UsageError(f"The settings do not say which GPUs {name} has: give clusters.{name}.gpu and gpus.")
    return replace(parse_gpus(f"{own.gpus}x{own.gpu}", _rent(own) if price is None else price), name=name)


def clusters_of(in_force: Effective | None) -> list[str]:
    """The names of the settings' clusters whose GPUs are known."""
    return [name for name, own in _own(in_force).items() if own.gpu is not None and own.gpus is not None]


def engine_of(in_force: Effective | None, name: str | None, given: str | None) -> str:
    """The engine of the option, else of the settings' cluster of that name, else vllm."""
    own = _own(in_force).get(name or "")
    return given or (own.engine if own is not None else None) or _ENGINE


def people_of(in_force: Effective | None) -> int | None:
    """How many the team is, by its size or its people; None where settings do not say."""
    if in_force is None:
        return None
    return in_force.settings.team.engineers or len(in_force.settings.engineers) or None


def hours_of(in_force: Effective | None) -> float | None:
    """Working hours of a month; None where settings do not say."""
    if in_force is None or not in_force.given("working_hours"):
        return None
    from latprof.compare.team import WEEKS_PER_MONTH

    hours = in_force.settings.working_hours
    return len(hours.days) * span_h(hours) * WEEKS_PER_MONTH


def span_h(hours: WorkingHours) -> float:
    """Length of a working day, h."""
    return (hours.end.hour - hours.start.hour) + (hours.end.minute - hours.start.minute) / 60


def _own(in_force: Effective | None) -> dict[str, Cluster]:
    return {} if in_force is None else in_force.settings.clusters


def _rent(own: Cluster) -> float | None:
    """Rent of all GPUs around the clock for a month, USD."""
    if own.usd_per_gpu_hour is None or own.gpus is None:
        return None
    from latprof.sizing import HOURS_PER_MONTH, rent_per_month

    return rent_per_month(own.gpus, own.usd_per_gpu_hour, HOURS_PER_MONTH)
