"""`latprof simulate`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import cluster, drawing, options
from latprof.cli.selection import Selection, selects_calls
from latprof.cli.team_settings import engine_of, people_of
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.replay.calibrate import LoadTest
    from latprof.replay.plan import Plan
    from latprof.replay.question import Conditions
    from latprof.replay.workload import Workload

__all__ = ["simulate"]


@selects_calls
def simulate(  # noqa: PLR0913 - one argument per option
    selection: Selection,
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The model that the cluster would serve.")],
    gpu: Annotated[str | None, typer.Option(metavar="GPUS", help="The GPUs: 4xH200.")] = None,
    cluster_name: Annotated[
        str | None, typer.Option("--cluster", metavar="NAME", help="A cluster of the settings or the catalogue.")
    ] = None,
    engine: cluster.Engine = None,
    precision: cluster.Precision = None,
    kv_precision: cluster.KvPrecision = None,
    engineers: Annotated[
        int | None, typer.Option(metavar="N", help="How many work at once. [settings, else 10]")
    ] = None,
    price: Annotated[float | None, typer.Option(metavar="USD", help="Rent per month. [the catalogue's]")] = None,
    tp: Annotated[int | None, typer.Option(metavar="N", help="GPUs per replica (tensor parallelism). [chosen]")] = None,
    dp: Annotated[int | None, typer.Option(metavar="N", help="Groups of data-parallel attention. [chosen]")] = None,
    replicas: Annotated[int | None, typer.Option(metavar="N", help="Replicas. [as many as fit]")] = None,
    prefill_replicas: Annotated[
        int, typer.Option("--prefill-replicas", metavar="N", help="So many more only compute prompts (disaggregation).")
    ] = 0,
    batched_tokens: Annotated[
        int, typer.Option("--batched-tokens", metavar="N", help="Token budget of an iteration.")
    ] = 8192,
    draft_tokens: Annotated[
        int, typer.Option("--draft-tokens", metavar="N", help="Tokens drafted per step by speculation.")
    ] = 0,
    acceptance: Annotated[float, typer.Option(metavar="SHARE", help="Share of drafts that are accepted.")] = 0.7,
    routing: Annotated[
        str, typer.Option(metavar="NAME", help="sticky (a session stays on its replica) or least-loaded.")
    ] = "sticky",
    gap_cap: cluster.GapCap = 60.0,
    sessions_at_once: cluster.SessionsAtOnce = 1,
    draws: cluster.Draws = 40,
    hours: cluster.Hours = 1.0,
    hours_per_month: cluster.HoursPerMonth = None,
    jobs: cluster.Jobs = None,
    calibrate: cluster.Calibrate = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Replay the measured calls on a cluster of your own.

    Closed loop: shows what each engineer would feel.
    """
    from latprof.replay.plan import Impossible, plan_for, wish_of
    from latprof.replay.question import answers, fitted
    from latprof.report.simulation import simulation_document
    from latprof.serving import Speculation

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=selection.paths, force=force)
    conditions = cluster.conditions_of(
        gap_cap=gap_cap, sessions_at_once=sessions_at_once, draws=draws, hours=hours,
        hours_per_month=hours_per_month, jobs=jobs, in_force=selection.effective,
    )  # fmt: skip
    _check(routing, acceptance, draft_tokens)
    engineers = people_of(selection.effective) or 10 if engineers is None else engineers
    cluster.check_counts(("--engineers", engineers), ("--tp", tp), ("--dp", dp), ("--replicas", replicas))
    hardware = cluster.hardware_of(gpu, cluster_name, price, selection.effective)
    engine = engine_of(selection.effective, cluster_name, engine)
    wish = replace(
        wish_of(model, engine=engine, precision=precision, kv_precision=kv_precision),
        tensor=tp, data=dp, replicas=replicas, prefill_replicas=max(prefill_replicas, 0),
        max_batched_tokens=max(batched_tokens, 64), speculation=Speculation(draft_tokens, acceptance),
    )  # fmt: skip
    workload, today_bound = cluster.workload_from(selection)
    conditions = replace(conditions, routing="sticky" if routing == "sticky" else "least-loaded")
    tests = cluster.load_tests(calibrate, wish.model.name) if calibrate else []
    if tests:
        conditions = _calibrated(conditions, tests, plan_for(hardware, fitted(wish, workload, engineers)), workload)
    with cluster.replay_bar() as progress:
        found, refused = answers(workload, [(hardware, wish, engineers)], conditions, progress)
    if refused:
        raise Impossible(refused[0].reason, refused[0].nearest)
    document = simulation_document(found[0], workload, conditions, today_bound=today_bound, tests=tests)
    drawing.show(document, chosen, output, force=force)


def _calibrated(conditions: Conditions, tests: list[LoadTest], plan: Plan, workload: Workload) -> Conditions:
    """The conditions with the model's errors as a load test of this plan's deployment shows them."""
    from latprof.replay.bands import spread_of_calls
    from latprof.replay.calibrate import calibrated

    deployment = plan.deployment
    residuals = calibrated(deployment, deployment.engine, tests, conditions.parameters)
    return replace(conditions, spread=spread_of_calls(deployment, workload, conditions.parameters, residuals))


def _check(routing: str, acceptance: float, draft_tokens: int) -> None:
    """Raises UsageError for a routing that there is not, and for shares and numbers out of range."""
    if routing not in {"sticky", "least-loaded"}:
        raise UsageError(f"No routing is called {routing}: choose sticky or least-loaded.")
    if not 0 <= acceptance <= 1 or not 0 <= draft_tokens <= 16:
        raise UsageError("--draft-tokens goes from 0 to 16, --acceptance from 0 to 1.")
