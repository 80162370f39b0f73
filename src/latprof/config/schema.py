"""Every setting: its name, type, default and meaning, in one place.

The reference page, the names of environment variables and the checks are all made from these models.
Names of metrics, kinds and grouping keys belong to higher layers; who loads settings passes them in
as a `Vocabulary`.
"""

from __future__ import annotations

from datetime import time
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from latprof.classes import dataclass
from latprof.model import TRIGGERS

__all__ = [
    "BaselineSettings",
    "Budget",
    "CheckSettings",
    "Cluster",
    "Engineer",
    "Host",
    "ProjectRule",
    "Settings",
    "Subscription",
    "Team",
    "Vocabulary",
    "WorkingHours",
]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that settings may use; an empty set means that they are not checked."""

    metrics: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()


def _known(list_name: str, noun: str) -> AfterValidator:
    """A text that must be in a list of the vocabulary."""

    def check(value: str, info: ValidationInfo) -> str:
        names: frozenset[str] = getattr(info.context, list_name, frozenset())
        if names and value not in names:
            close = get_close_matches(value, sorted(names), 1)
            hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(sorted(names))}"
            raise ValueError(f"no {noun} is called {value}; {hint}")
        return value

    return AfterValidator(check)


def _zone(value: str) -> str:
    if value not in {"UTC", "local"}:
        try:
            from zoneinfo import ZoneInfo

            ZoneInfo(value)
        except (OSError, ValueError, LookupError):
            raise ValueError(f"no time zone is called {value}; write it as Europe/Berlin, UTC or local") from None
    return value


def _percentile(value: float) -> float:
    if not 0.001 <= value <= 99.999:
        raise ValueError("a percentile is a number from 0.001 to 99.999")
    return value


_MetricName = Annotated[str, _known("metrics", "metric")]
_KindName = Annotated[str, _known("kinds", "kind")]
_GroupName = Annotated[str, _known("groups", "grouping key")]
_MethodName = Annotated[str, _known("methods", "method")]
_ZoneName = Annotated[str, AfterValidator(_zone)]
_Percentile = Annotated[float, AfterValidator(_percentile)]
_Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


class _Strict(BaseModel):
    # Names that are not settings are mistakes: a misspelt limit would otherwise never be checked.
    model_config = ConfigDict(extra="forbid", frozen=True)


class Team(_Strict):
    """Who the figures are about."""

    name: str | None = Field(default=None, description="name of the team, for headings")
    engineers: int | None = Field(default=None, ge=1, description="how many people; without it those of `engineers`")
    budget_usd_per_month: float | None = Field(
        default=None, ge=0, description="what the team may spend on models in a month, USD"
    )


class Engineer(_Strict):
    """A person, by a name or a pseudonym; `[engineers.NAME]`."""

    hosts: list[str] = Field(default_factory=list, description="names of the computers of this person")
    paths: list[str] = Field(
        default_factory=list, description="folders and files that hold this person's logs or exports; `*` and `?` match"
    )
    subscription: str | None = Field(default=None, description="the subscription that this person works with")


class Host(_Strict):
    """A computer; `[hosts.NAME]`."""

    engineer: str | None = Field(default=None, description="who works on it, a name from `engineers`")
    paths: list[str] = Field(
        default_factory=list, description="folders and files with logs copied from it; `*` and `?` match"
    )


class Subscription(_Strict):
    """What a seat costs; `[subscriptions.NAME]`."""

    provider: str | None = Field(default=None, description="who is paid")
    usd_per_month: float | None = Field(default=None, ge=0, description="price of one seat for a month, USD")
    seats: int | None = Field(default=None, ge=0, description="how many seats are paid")


class WorkingHours(_Strict):
    """When the team works."""

    days: tuple[_Weekday, ...] = Field(default=("Mon", "Tue", "Wed", "Thu", "Fri"), description="days of the week")
    start: time = Field(default=time(9), description='begin of the working day, as "09:00"')
    end: time = Field(default=time(18), description='end of the working day, as "18:00"')
    tz: _ZoneName | None = Field(default=None, description="time zone of these hours; without it that of `tz`")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError("start must be before end")
        return self


class Cluster(_Strict):
    """Machines that could serve models; `[clusters.NAME]`."""

    gpu: str | None = Field(default=None, description="name of the GPU")
    gpus: int | None = Field(default=None, ge=1, description="number of GPUs")
    usd_per_gpu_hour: float | None = Field(default=None, ge=0, description="price of a GPU for an hour, USD")
    engine: str | None = Field(default=None, description="name of the serving engine")


class Budget(_Strict):
    """One limit that `latprof check` holds; `[[budgets]]`."""

    name: str | None = Field(default=None, description="what the limit is called in results; else made from the rest")
    metric: _MetricName = Field(description="name of a metric")
    percentile: _Percentile = Field(default=50, description="which percentile, 0.001 to 99.999")
    max: float | None = Field(default=None, description="the percentile must not be above this, in the metric's unit")
    min: float | None = Field(default=None, description="the percentile must not be below this, in the metric's unit")
    kind: _KindName | None = Field(
        default=None,
        description="figures of this kind only (exact, estimate, bound, as_logged); without it the best that is there",
    )
    by: list[_GroupName] = Field(default_factory=list, description="the limit holds for each group by these keys")
    where: dict[_GroupName, str] = Field(
        default_factory=dict, description="only calls with these values, by grouping key; `*` and `?` match"
    )
    min_n: int | None = Field(default=None, ge=1, description="calls below which the limit is not judged")
    judge: Literal["interval", "value"] = Field(
        default="interval",
        description="`interval`: fails only when the figure is beyond the limit for certain; `value`: the figure "
        "itself decides, for logs that never change",
    )

    @model_validator(mode="after")
    def _has_limit(self) -> Self:
        if self.max is None and self.min is None:
            raise ValueError("give max, min or both")
        if self.max is not None and self.min is not None and self.min > self.max:
            raise ValueError("min is above max")
        return self


class BaselineSettings(_Strict):
    """What `latprof baseline write` keeps and how `latprof check` compares with it."""

    file: str | None = Field(default=None, description="the baseline file, relative to the settings' folder")
    metrics: list[_MetricName] = Field(
        default_factory=lambda: ["ttft_s", "first_block_s", "decode_tps", "wall_s"],
        description="metrics that are compared",
    )
    percentiles: list[_Percentile] = Field(
        default_factory=lambda: [50.0, 90.0], description="percentiles that are compared"
    )
    by: list[_GroupName] = Field(default_factory=lambda: ["model"], description="each group by these keys is compared")
    ratio: float = Field(default=1.1, ge=1, description="a figure fails only if it is worse by at least this factor")
    floor_s: float = Field(default=0.05, ge=0, description="a time fails only if it is also longer by this, s")
    floor_tps: float = Field(default=1.0, ge=0, description="a speed fails only if it is also lower by this, tok/s")
    false_alarms: float = Field(
        default=0.01, gt=0, le=0.2, description="chance that an unchanged set of calls fails, all figures together"
    )
    min_n: int | None = Field(default=None, ge=1, description="calls below which a figure is not judged")


class CheckSettings(_Strict):
    """What `latprof check` makes of figures that it cannot judge."""

    strict: bool = Field(default=False, description="a figure that cannot be judged fails the check")
    alike: Literal["session", "call"] = Field(
        default="session",
        description="`session`: calls of a session are alike; `call`: calls are independent, as those of a load test",
    )


class ProjectRule(_Strict):
    """One rule that names projects; `[[projects]]`. The first that matches counts."""

    path: str = Field(description="folder in which an agent worked; `*` and `?` match, `~` is the home folder")
    name: str = Field(description="what the project is called in results")


class Settings(_Strict):
    """All settings. Every one has a default; a file gives only what differs."""

    paths: list[str] = Field(default_factory=list, description="logs to read when a command is given none")
    tz: _ZoneName = Field(default="UTC", description="time zone of days, hours and times: a name, `UTC` or `local`")
    by: list[_GroupName] = Field(default_factory=list, description="grouping keys of `analyze` when none are given")
    percentiles: list[_Percentile] = Field(
        default_factory=lambda: [10.0, 50.0, 90.0, 99.0], description="percentiles of `analyze`"
    )
    method: _MethodName = Field(default="best", description="which times and speeds `analyze` shows")
    jobs: int | None = Field(
        default=None, ge=1, description="processes that read logs; without it as many as pay for themselves"
    )
    cache: bool = Field(default=True, description="keep what was read for the next run")
    history: bool = Field(
        default=True, description="keep the figures of the logs in the agents' own places for when they are gone"
    )
    team: Team = Field(default=Team(), description="the team")
    engineers: dict[str, Engineer] = Field(default_factory=dict, description="the people, by name")
    hosts: dict[str, Host] = Field(default_factory=dict, description="the computers, by name")
    subscriptions: dict[str, Subscription] = Field(default_factory=dict, description="what seats cost, by name")
    working_hours: WorkingHours = Field(default=WorkingHours(), description="when the team works")
    catalogue: list[str] = Field(
        default_factory=list, description="files of facts (TOML) that are laid over the catalogue, later over earlier"
    )
    clusters: dict[str, Cluster] = Field(default_factory=dict, description="machines that could serve models, by name")
    projects: list[ProjectRule] = Field(default_factory=list, description="rules that name projects by their path")
    budgets: list[Budget] = Field(default_factory=list, description="limits of `latprof check`")
    baseline: BaselineSettings = Field(default=BaselineSettings(), description="comparison with a baseline file")
    check: CheckSettings = Field(default=CheckSettings(), description="how `latprof check` decides")

    def cross_mistakes(self) -> list[tuple[str, str]]:
        """Names that point to nothing, each as (setting, mistake)."""
        found = [
            (f"engineers.{name}.subscription", f"no subscription is called {person.subscription}")
            for name, person in self.engineers.items()
            if person.subscription is not None and person.subscription not in self.subscriptions
        ]
        found += [
            (f"hosts.{name}.engineer", f"no engineer is called {host.engineer}")
            for name, host in self.hosts.items()
            if host.engineer is not None and host.engineer not in self.engineers
        ]
        owners: dict[str, str] = {name: host.engineer for name, host in self.hosts.items() if host.engineer}
        for name, person in self.engineers.items():
            for host in person.hosts:
                if owners.setdefault(host, name) != name:
                    found.append((f"engineers.{name}.hosts", f"{host} belongs to {owners[host]} already"))
        for place, budget in enumerate(self.budgets, 1):
            trigger = budget.where.get("trigger")
            if trigger is not None and trigger not in TRIGGERS and not set(trigger) & {"*", "?"}:
                found.append((f"budgets[{place}].where.trigger", f"no trigger is called {trigger}"))
        return found

    def engineer_of(self, host: str) -> str | None:
        """Who works on a host, by either table; None where neither says."""
        stated = self.hosts.get(host)
        if stated is not None and stated.engineer is not None:
            return stated.engineer
        return next((name for name, person in self.engineers.items() if host in person.hosts), None)

    def setting(self, path: str) -> Any:
        """The value of a setting by its dotted name. Raises AttributeError."""
        value: Any = self
        for part in path.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        return value
