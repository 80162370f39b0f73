"""What a check found about one figure."""

from __future__ import annotations

from typing import Literal

from latprof.classes import dataclass
from latprof.metrics import Metric
from latprof.model import Kind
from latprof.stats.difference import Change
from latprof.stats.samples import Figure

__all__ = ["Outcome", "Status", "Verdicts"]

Status = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One limit held against one figure; `reason` says in words why the status is what it is.

    `limit` is the value that the figure was held against and `side` on which side of it trouble
    lies. For a baseline `change` holds both figures, and `chance` how likely so much or more is
    when nothing changed, all figures of the check together. `unknown` means: cannot be judged.
    """

    name: str
    rule: Literal["budget", "baseline"]
    metric: Metric
    kind: Kind | None
    group: dict[str, str | None]
    figure: Figure
    status: Status
    reason: str
    limit: float | None = None
    side: Literal["max", "min"] = "max"
    change: Change | None = None
    chance: float | None = None

    @property
    def excess(self) -> float | None:
        """How far beyond the limit, as a share of it (0.1: ten percent worse); None where it is not beyond."""
        if self.limit is None or self.figure.value is None or self.limit <= 0:
            return None
        beyond = self.figure.value - self.limit if self.side == "max" else self.limit - self.figure.value
        return beyond / self.limit if beyond > 0 else None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """All outcomes of a check, the number of calls they rest on, and what has no limit."""

    outcomes: tuple[Outcome, ...]
    calls: int
    sessions: int
    strict: bool = False
    notes: tuple[str, ...] = ()

    def of(self, status: Status) -> list[Outcome]:
        """The outcomes with this status."""
        return [item for item in self.outcomes if item.status == status]

    @property
    def judged(self) -> int:
        """Figures that could be judged: held or failed."""
        return len(self.outcomes) - len(self.of("unknown"))

    @property
    def failed(self) -> list[Outcome]:
        """What makes the check fail: failures, and what cannot be judged where the check is strict."""
        return [item for item in self.outcomes if item.status == "fail" or (self.strict and item.status == "unknown")]
