"""What the plots are about: whose calls, and by which metric and kind they are best shown."""

from __future__ import annotations

from typing import Final

from latprof.classes import dataclass
from latprof.metrics import metric
from latprof.stats import traces_by
from latprof.stats.distributions import MIN_SPREAD_CALLS, Choice, best_choice
from latprof.stats.grouping import of_agents
from latprof.trace import Trace
from latprof.units import format_value

__all__ = ["Subject", "by_model", "groups", "interval_text", "kind_words", "slug", "subjects", "value_text"]

_MOST_SUBJECTS: Final = 3
_MOST_MODELS: Final = 2
_LEAST_SHARE: Final = 0.05
_MOST_GROUPS: Final = 6
_SIGN: Final = {"upper": "≤ ", "lower": "≥ "}


@dataclass(frozen=True, slots=True)
class Subject:
    """The calls of one agent and the figures that show them best."""

    agent: str
    trace: Trace
    choice: Choice
    model: str | None = None

    @property
    def name(self) -> str:
        """Whose calls: the agent, and the model where they are of one."""
        return self.agent if self.model is None else f"{self.agent}, {self.model}"

    @property
    def words(self) -> str:
        """The metric and its kind, for a title: 'time to first token (estimate)'."""
        return f"{metric(self.choice.metric).label} ({kind_words(self.choice)})"


def subjects(trace: Trace) -> tuple[Subject, ...]:
    """The agents with the most calls, load generators only where there is nothing else."""
    found: list[Subject] = []
    chosen = _not_made(trace)
    for agent, part in traces_by(chosen, "agent").items():
        choice = next((c for name in ("ttft_s", "wall_s") if (c := best_choice(part, name)) and _enough(c, part)), None)
        if choice is not None:
            found.append(Subject(agent or "unknown", part, choice))
    found.sort(key=lambda item: -len(item.trace))
    return tuple(item for item in found if len(item.trace) >= _LEAST_SHARE * len(chosen))[:_MOST_SUBJECTS]


def by_model(subject: Subject) -> tuple[Subject, ...]:
    """The calls of each of the models with the most: where models are mixed, so is what changes over time."""
    parts = traces_by(subject.trace, "model")
    order = sorted(parts, key=lambda name: -len(parts[name]))[:_MOST_MODELS]
    found: list[Subject] = []
    for name in order:
        choice = best_choice(parts[name], "ttft_s") or best_choice(parts[name], "wall_s")
        if choice is not None and _enough(choice, parts[name]):
            found.append(Subject(subject.agent, parts[name], choice, name or "unknown model"))
    return tuple(found)


def _enough(choice: Choice, part: Trace) -> bool:
    return choice.n >= max(MIN_SPREAD_CALLS, len(part) / 4)


def groups(trace: Trace) -> dict[str, Trace]:
    """Calls of each agent; of one agent, all its calls and those of each model; the largest first.

    Load generators are left out where there is anything else: nobody waited for them.
    """
    trace = _not_made(trace)
    for key in ("agent", "model"):
        found = traces_by(trace, key)
        if len(found) < 2:
            continue
        order = sorted(found, key=lambda name: -len(found[name]))[:_MOST_GROUPS]
        parts = {name or f"unknown {key}": found[name] for name in order}
        return parts if key == "agent" else {"all models": trace} | parts
    only = next((name for name in trace.texts["model"] if name), None)
    return {only or "all calls": trace}


def _not_made(trace: Trace) -> Trace:
    """The calls of agents; those of load generators where there are no others."""
    real = of_agents(trace)
    return real if len(real) else trace


def kind_words(choice: Choice) -> str:
    """The kind in words; a bound says on which side the truth lies."""
    if choice.kind != "bound":
        return choice.kind.replace("_", "-")
    return "bound: at most this" if metric(choice.metric).side == "upper" else "bound: at least this"


def value_text(value: float | None, key: str, kind: str) -> str:
    """A value without its unit, with the sign of a bound."""
    declared = metric(key)
    sign = _SIGN[declared.side] if declared.side and kind == "bound" and value is not None else ""
    return sign + format_value(value, declared.unit)


def interval_text(ends: tuple[float | None, float | None], unit: str) -> str:
    """'0.31 … 0.42', '–' where the data gives none."""
    low, high = ends
    if low is None and high is None:
        return "–"
    return " … ".join("?" if end is None else format_value(end, unit) for end in ends)


def slug(text: str) -> str:
    """A name as part of a file's name: small letters, digits and hyphens."""
    plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in text.lower())
    return "-".join(part for part in plain.split("-") if part)[:40] or "x"
