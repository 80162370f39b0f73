"""What replays say in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from latprof.replay.question import Answer, Conditions, Refusal
from latprof.replay.workload import Workload
from latprof.report.simulation_cells import BUSY, MEASURED, band_text, chance_words
from latprof.units import format_count, format_counted, format_share

__all__ = [
    "answer_words",
    "budget_words",
    "generated_words",
    "layout_words",
    "refusal_text",
    "rent_words",
    "step_bound_words",
    "sweep_legend",
    "team_words",
    "today_words",
]


def refusal_text(item: Refusal) -> str:
    """Why a configuration cannot be run, and what comes nearest."""
    hint = f"; nearest: {item.nearest}" if item.nearest else ""
    return f"Refused: {item.wish.model.name} on {item.hardware.name}: {item.reason}{hint}."


def answer_words(answer: Answer, workload: Workload, conditions: Conditions) -> str:
    """What a replay rests on: calls, memory, what was left out, imputed and cut."""
    plan, outlook = answer.plan, answer.outlooks[MEASURED]
    team, calls = format_counted(answer.engineers, "engineer"), format_counted(workload.calls, "call")
    replayed = (
        f"Each draw replays {conditions.measured_s / 3600:g} h of {team} after {conditions.warm_up_s / 60:g} min of "
        f"warming up, from {calls} of {format_counted(len(workload.sessions), 'session')}; a replica keeps "
        f"{format_count(plan.capacity_tokens)} tokens."
    )
    said = [replayed]
    said += generated_words(workload)
    if workload.left_out:
        said.append(f"{format_counted(workload.left_out, 'call')} without times or token counts were left out.")
    if workload.imputed:
        said.append(f"The log holds no end of {format_counted(workload.imputed, 'call')}: typical ones are taken.")
    if outlook.clipped_share:
        longest = format_count(plan.limit_tokens)
        said.append(
            f"{format_share(outlook.clipped_share)} of the calls are longer than {longest} tokens and were cut."
        )
    said += [f"{note[:1].upper()}{note[1:]}." for note in plan.notes]
    return " ".join(said)


def generated_words(workload: Workload) -> list[str]:
    """How many calls of load generators are not replayed."""
    if not workload.generated:
        return []
    return [f"{format_counted(workload.generated, 'call')} of load generators, which are no team's work, are left out."]


def step_bound_words(workload: Workload) -> str:
    """Which way P errs where today's steps are upper bounds, else ''."""
    bound = workload.today_kinds.get("step_s") == "bound"
    return "Today's steps are upper bounds, so that their P is too." if bound else ""


def today_words(workload: Workload) -> str:
    """What today's figures are where they are not exact, with a space behind, else ''."""
    names = {"ttft_s": "first tokens", "decode_tps": "decode speeds"}
    estimates = [name for key, name in names.items() if workload.today_kinds.get(key) == "estimate"]
    told = [
        *([step_bound_words(workload)] if step_bound_words(workload) else []),
        *([f"Today's {' and '.join(estimates)} are estimates."] if estimates else []),
    ]
    return "".join(f"{text} " for text in told)


def layout_words(found: Sequence[Answer]) -> list[str]:
    """How each model lies on its cluster, and how many calls had to be cut."""
    layouts: dict[str, dict[str, None]] = {}
    for answer in found:
        plan = answer.plan
        own = layouts.setdefault(plan.deployment.model.name, {})
        own.setdefault(f"{plan.hardware.name} {plan.deployment.precision} {plan.layout}")
    if not layouts:
        return []
    said = "; ".join(f"{model} on {', '.join(own)}" for model, own in layouts.items())
    notes = dict.fromkeys(note for answer in found for note in answer.plan.notes)
    told = "".join(f" {note[:1].upper()}{note[1:]}." for note in notes)
    return [f"Layouts: {said}.{told}"]


def budget_words(found: Sequence[Answer], budget_usd: float | None) -> list[str]:
    """What a rent per month buys each team."""
    if budget_usd is None:
        return []
    teams = sorted({answer.engineers for answer in found})
    return [" ".join(_bought(found, budget_usd, engineers) for engineers in teams)]


def _bought(found: Sequence[Answer], budget_usd: float, engineers: int) -> str:
    within = [
        answer
        for answer in found
        if answer.engineers == engineers
        and answer.plan.hardware.usd_per_month is not None
        and answer.plan.hardware.usd_per_month <= budget_usd
        and "step_s_p50" in answer.outlooks[BUSY].bands
    ]
    start = f"${budget_usd:,.0f} a month buys {format_counted(engineers, 'engineer')}"
    if within and not any(answer.holds_calls for answer in within):
        return f"{start} none of these that holds at least 95 % of the calls whole."
    within = [answer for answer in within if answer.holds_calls]
    if not within:
        return f"{start} none of these."
    best = min(within, key=_busy_step)
    busy, measured = (band_text(best.outlooks[pace].bands.get("step_s_p50"), "s") for pace in (BUSY, MEASURED))
    return (
        f"{start} at best {_named(best)}: step p50 {measured} s at the measured pace ({chance_words(best, MEASURED)} "
        f"of being faster than today), {busy} s when all are busy ({chance_words(best, BUSY)})."
    )


def _busy_step(answer: Answer) -> float:
    """The median step of a busy team, s; it has one where it can be faster than today."""
    return answer.outlooks[BUSY].bands["step_s_p50"].middle


def _named(answer: Answer) -> str:
    rent = answer.plan.hardware.usd_per_month
    price = "" if rent is None else f" (${rent:,.0f})"
    return f"{answer.plan.deployment.model.name} on {answer.plan.hardware.name}{price}"


def team_words(found: Sequence[Answer], break_even: Mapping[str, str] | None) -> list[str]:
    """Which teams and which budget: where a busy median step is more likely shorter than today's."""
    said = []
    if break_even:
        teams = "; ".join(f"{name}: {text}" for name, text in break_even.items())
        said.append(f"Largest busy team that is more likely faster than today: {teams}.")
    budgets = [_budget_of(found, engineers) for engineers in sorted({answer.engineers for answer in found})]
    return [*said, " ".join(budgets)] if budgets else said


def _budget_of(found: Sequence[Answer], engineers: int) -> str:
    good = [
        answer
        for answer in found
        if answer.engineers == engineers
        and (answer.faster(BUSY) or 0) > 0.5
        and answer.plan.hardware.usd_per_month is not None
        and answer.holds_calls
    ]
    if not good:
        return f"For {engineers} busy engineers no rent here that holds the calls is more likely faster than today."
    cheapest = min(good, key=lambda answer: (answer.plan.hardware.usd_per_month or 0, _busy_step(answer)))
    return f"The least rent that is more likely faster than today for {engineers} busy engineers: {_named(cheapest)}."


def rent_words(found: Sequence[Answer]) -> list[str]:
    """What rents of the catalogue rest on."""
    named = dict.fromkeys((item.plan.hardware.name, item.plan.hardware.rent_from) for item in found)
    told = "; ".join(f"{name} {basis}" for name, basis in named if basis)
    return [f"Rents: {told}."] if told else []


def sweep_legend(conditions: Conditions, found: Sequence[Answer]) -> str:
    """How to read the table."""
    some_cut = any(answer.cut_share > 0 for answer in found)
    cut = ", but for those that were cut to what fits" if some_cut else ""
    return (
        f"Simulated: the same calls with the same tokens{cut}, closed loop; busy means gaps of at most "
        f"{conditions.gap_cap_s:g} s. latprof simulate shows one cluster in detail, --json every figure with its band."
    )
