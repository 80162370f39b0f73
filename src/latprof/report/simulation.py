"""Documents about replays on a cluster: one configuration in detail, or many in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from latprof.replay.calibrate import LoadTest
from latprof.replay.question import PACES, Answer, Conditions, Refusal, pareto
from latprof.replay.workload import Workload
from latprof.report.calibration_words import calibration_words
from latprof.report.document import Cell, Column, Document, Note, Section, Table
from latprof.report.simulation_cells import (
    BUSY,
    MEASURED,
    band_cell,
    band_text,
    enough,
    faster_cell,
    middle,
    today_cell,
)
from latprof.report.simulation_data import answer_data, answers_grid, conditions_data, refused_data
from latprof.report.simulation_words import (
    answer_words,
    budget_words,
    generated_words,
    layout_words,
    refusal_text,
    rent_words,
    step_bound_words,
    sweep_legend,
    team_words,
    today_words,
)
from latprof.units import UNKNOWN, format_counted, format_share, format_value

__all__ = ["simulation_document", "sweep_document"]

_FELT: Final = (
    ("step", "step_s", (50, 90, 99)),
    ("  after user", "step_user_s", (50, 90, 99)),
    ("  after tool result", "step_tool_result_s", (50, 90, 99)),
    ("  sub-agent's first", "step_subagent_s", (50, 90, 99)),
    ("first token", "ttft_s", (50, 90, 99)),
    ("queueing", "queue_s", (50, 90, 99)),
    ("decode, tok/s", "decode_tps", (10, 50, 90)),
)
_CLUSTER: Final = (
    ("prompt tokens from the prefix cache", "reuse_share"),
    ("KV memory held by running calls", "kv_used_share"),
    ("KV memory filled, cache included", "kv_filled_share"),
    ("calls that lost their memory on the way", "preempted_share"),
    ("GPUs computing", "busy_share"),
    ("calls under way", "in_flight"),
    ("all engineers together, tok/s", "aggregate_tps"),
    ("all together while computing, tok/s", "aggregate_busy_tps"),
    ("one engineer's stream, tok/s", "decode_tps_p50"),
)
_COSTS: Final = (
    ("per engineer and month", "usd_per_engineer"),
    ("per million output tokens", "usd_per_mtok_output"),
    ("per million tokens, input included", "usd_per_mtok"),
)
# Less is shown as 0 %.
_LEAST_SHOWN: Final = 0.005
_LEGEND: Final = (
    "Simulated, except today's: the median over the draws and, in brackets, p10 to p90; each draw has other sessions "
    "and other errors of the step model. Today and P come from the same calls as they were measured. Same tokens are "
    "assumed; whether another model needs as many steps, no latency data can show."
)


def simulation_document(
    answer: Answer,
    workload: Workload,
    conditions: Conditions,
    *,
    tests: Sequence[LoadTest] = (),
) -> Document:
    """One configuration: what an engineer feels, what the cluster does, what it costs, measured rows nearby."""
    words = [
        answer_words(answer, workload, conditions),
        *([calibration_words(tests)] if tests else []),
        *rent_words([answer]),
        _LEGEND,
    ]
    sections = [
        Section("Felt", (_felt(answer, workload, conditions),)),
        Section("Cluster", (_cluster(answer), *_nearest(answer))),
        Section("In words", tuple(Note(text) for text in words)),
    ]
    data = {**conditions_data(workload, conditions), "answers": [answer_data(answer, workload)], "refused": []}
    data["calibrated_by_calls"] = sum(test.calls for test in tests)
    return Document(_title(answer, conditions), tuple(sections), data, answers_grid([answer], workload))


def sweep_document(
    found: Sequence[Answer],
    refused: Sequence[Refusal],
    workload: Workload,
    conditions: Conditions,
    *,
    budget_usd: float | None = None,
    break_even: Mapping[str, str] | None = None,
    tests: Sequence[LoadTest] = (),
) -> Document:
    """Many configurations, those that no other beats marked, and what a budget buys."""
    title = (
        f"latprof: {format_counted(len(found), 'configuration')}, {len(refused)} refused, "
        f"{format_counted(conditions.draws, 'draw')} each, {format_counted(workload.calls, 'call')} of "
        f"{format_counted(len(workload.sessions), 'session')}"
    )
    sections: list[Section] = []
    if found:
        sections.append(Section("Clusters", (_sweep_table(found, workload),)))
    if refused:
        sections.append(Section("Refused", tuple(Note(refusal_text(item)) for item in refused)))
    words = [
        *budget_words(found, budget_usd),
        *team_words(found, break_even),
        *layout_words(found),
        *generated_words(workload),
        *([f"{calibration_words(tests)} The others follow as far as they have traits in common."] if tests else []),
        *rent_words(found),
        sweep_legend(conditions, found),
    ]
    sections.append(Section("In words", tuple(Note(text) for text in words)))
    data = {
        **conditions_data(workload, conditions),
        "answers": [answer_data(answer, workload) for answer in found],
        "refused": [refused_data(item) for item in refused],
        "break_even": dict(break_even or {}),
        "calibrated_by_calls": sum(test.calls for test in tests),
    }
    return Document(title, tuple(sections), data, answers_grid(found, workload))


def _title(answer: Answer, conditions: Conditions) -> str:
    plan = answer.plan
    deployment = plan.deployment
    return (
        f"latprof: {deployment.model.name} {deployment.precision} on {plan.hardware.name} ({plan.layout}, "
        f"{deployment.engine}), {format_counted(answer.engineers, 'engineer')}, "
        f"{format_counted(conditions.draws, 'draw')}"
    )


def _felt(answer: Answer, workload: Workload, conditions: Conditions) -> Table:
    columns = (
        Column("", "left"), Column("", "left"), Column(MEASURED), Column("P"), Column(BUSY), Column("P"),
        Column("today", "right", 1),
    )  # fmt: skip
    rows = []
    for label, key, percentiles in _FELT:
        for number, percentile in enumerate(percentiles):
            name = f"{key}_p{percentile}"
            cells = [
                cell
                for pace in PACES
                for cell in (band_cell(answer.outlooks[pace], name), faster_cell(answer.outlooks[pace], name))
            ]
            if all(enough(answer.outlooks[pace], name) is None for pace in PACES):
                continue
            today = today_cell(answer.outlooks[MEASURED], name, workload)
            rows.append((Cell(label if not number else ""), Cell(f"p{percentile}"), *cells, today))
    caption = (
        f"P: probability of being faster than today. Everyone busy: gaps of at most {conditions.gap_cap_s:g} s. "
        f"{today_words(workload)}{_shown(answer)}"
    )
    return Table("What an engineer feels, in seconds unless it says tok/s", columns, tuple(rows), caption.strip())


def _shown(answer: Answer) -> str:
    """Why a row is missing."""
    missing = [
        label.strip()
        for label, key, _ in _FELT
        if all(enough(answer.outlooks[pace], f"{key}_p50") is None for pace in PACES)
    ]
    return f"Too few calls: {', '.join(missing)}." if missing else ""


def _cluster(answer: Answer) -> Table:
    columns = (Column("", "left"), Column(MEASURED), Column("everyone busy"))
    rows = [
        (Cell(label), *(band_cell(answer.outlooks[pace], key) for pace in PACES))
        for label, key in _CLUSTER
        if any(key in answer.outlooks[pace].bands for pace in PACES)
    ]
    if answer.plan.hardware.usd_per_month is not None:
        rows += [
            (Cell(f"USD {label}"), *(Cell(band_text(answer.costs[pace].get(key), "usd")) for pace in PACES))
            for label, key in _COSTS
        ]
    return Table("What the cluster does", columns, tuple(rows))


def _nearest(answer: Answer) -> tuple[Table | Note, ...]:
    if not answer.nearest:
        return (Note("No measured row of this model is packaged, so nothing nearby was measured."),)
    heads = ("GPUs", "precision", "engine", "input", "output", "streams", "tok/s each", "TTFT, s", "date")
    columns = tuple(Column(head, "left" if head in {"precision", "engine"} else "right") for head in heads)
    rows = tuple(
        tuple(
            Cell(text)
            for text in (
                f"{row.n_gpu}x {row.gpu}", row.precision, row.engine.partition(" (")[0][:14],
                format_value(row.isl, "tokens"),
                UNKNOWN if row.osl != row.osl else format_value(row.osl, "tokens"), f"{row.concurrency:g}",
                format_value(row.decode_tps, "tok/s"),
                UNKNOWN if row.ttft_ms is None else format_value(row.ttft_ms / 1000, "s"),
                row.date.removeprefix("snapshot ")[:10],
            )
        )
        for row in answer.nearest
    )  # fmt: skip
    return (Table(f"Measured rows of {answer.plan.deployment.model.name} that come nearest", columns, rows),)


def _sweep_table(found: Sequence[Answer], workload: Workload) -> Table:
    models = {answer.plan.deployment.model.name for answer in found}
    any_cut = any(answer.cut_share >= _LEAST_SHOWN for answer in found)
    columns = (
        Column("cluster", "left"),
        *((Column("model", "left"),) if len(models) > 1 else ()),
        Column("eng"),
        Column("measured pace"),
        Column("P"),
        Column("everyone busy"),
        Column("P"),
        Column("reuse", "right", 2),
        Column("each", "right", 1),
        Column("all", "right", 1),
        Column("$ each"),
        *((Column("cut"),) if any_cut else ()),
        Column("", "left"),
    )
    rows = []
    for answer, is_best in zip(found, pareto(found), strict=True):
        plan, busy = answer.plan, answer.outlooks[BUSY]
        each = answer.costs[BUSY].get("usd_per_engineer")
        rows.append(
            (
                Cell(plan.hardware.name),
                *((Cell(plan.deployment.model.name),) if len(models) > 1 else ()),
                Cell(str(answer.engineers)),
                band_cell(answer.outlooks[MEASURED], "step_s_p50"),
                faster_cell(answer.outlooks[MEASURED], "step_s_p50"),
                band_cell(busy, "step_s_p50"),
                faster_cell(busy, "step_s_p50"),
                Cell(middle(busy, "reuse_share")),
                Cell(middle(busy, "decode_tps_p50")),
                Cell(middle(busy, "aggregate_tps")),
                Cell(UNKNOWN if each is None else f"{each.middle:,.0f}"),
                *((Cell(format_share(answer.cut_share)),) if any_cut else ()),
                Cell("●" if is_best else ""),
            )
        )
    measured = today_cell(found[0].outlooks[MEASURED], "step_s_p50", workload).text
    today = "" if measured == UNKNOWN else f"; today {measured}"
    title = f"Step time p50 in seconds, median [p10–p90] over the draws{today}"
    caption = (
        "P: probability that it is faster than today. reuse, each and all of a busy team: prompt tokens from the "
        "cache, decode p50 of a call and output of all together in tok/s. ●: no other is both faster and cheaper."
    )
    if any_cut:
        caption += (
            " cut: calls that are longer than what fits, taken as far as that; P then compares shorter calls with "
            "whole ones, and above 5 % no ● is given."
        )
    return Table(title, columns, tuple(rows), f"{caption} {step_bound_words(workload)}".strip())
