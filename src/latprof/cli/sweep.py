"""`latprof sweep`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import cluster, drawing, options
from latprof.cli.catalogue import chosen_catalogue
from latprof.cli.selection import Selection, selects_calls, split
from latprof.cli.team_settings import cluster_of, clusters_of, engine_of, people_of
from latprof.errors import UsageError
from latprof.units import format_share

if TYPE_CHECKING:
    from latprof.config.load import Effective
    from latprof.replay.calibrate import LoadTest
    from latprof.replay.plan import Hardware, Wish
    from latprof.replay.question import Answer, Conditions
    from latprof.replay.workload import Workload

__all__ = ["sweep"]


@selects_calls
def sweep(  # noqa: PLR0913 - one argument per option
    selection: Selection,
    model: Annotated[
        list[str],
        typer.Option("--model", metavar="NAME", help="Models that a cluster would serve; several with commas."),
    ],
    gpu: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GPUS", help="GPUs, with a rent per month if wanted: 4xH200 or 4xH200=4153; several with commas."
        ),
    ] = None,
    cluster_name: Annotated[
        list[str] | None,
        typer.Option(
            "--cluster",
            metavar="NAME",
            help="Clusters of the settings or the catalogue. [without --gpu: those with a rent]",
        ),
    ] = None,
    engine: cluster.Engine = None,
    precision: cluster.Precision = None,
    kv_precision: cluster.KvPrecision = None,
    engineers: Annotated[str | None, typer.Option(metavar="LIST", help="Team sizes. [settings, else 10]")] = None,
    budget: Annotated[float | None, typer.Option(metavar="USD", help="What the best within this rent is.")] = None,
    find_break_even: Annotated[  # noqa: FBT002
        bool, typer.Option("--break-even", help="Search the largest team that each cluster serves faster than today.")
    ] = False,
    gap_cap: cluster.GapCap = 60.0,
    sessions_at_once: cluster.SessionsAtOnce = 1,
    draws: cluster.Draws = 20,
    hours: cluster.Hours = 1.0,
    hours_per_month: cluster.HoursPerMonth = None,
    jobs: cluster.Jobs = None,
    calibrate: Annotated[
        str | None,
        typer.Option(
            metavar="[GPUS=]FILES",
            help="A load test, or saved metrics, of one of these: 4xH200=result.json. GPUs or cluster may be left out "
            "when there is one.",
        ),
    ] = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Replay the calls on many clusters, models and team sizes.

    Shows what is fast, what is cheap, and for how many.
    """
    from latprof.replay.plan import wish_of
    from latprof.replay.question import answers
    from latprof.report.simulation import sweep_document

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=selection.paths, force=force)
    conditions = cluster.conditions_of(
        gap_cap=gap_cap, sessions_at_once=sessions_at_once, draws=draws, hours=hours,
        hours_per_month=hours_per_month, jobs=jobs, in_force=selection.effective,
    )  # fmt: skip
    if budget is not None and not cluster.is_rent(budget):
        raise UsageError(f"--budget {budget:g} is no rent per month in USD: give a number above 0.")
    settings = selection.effective
    teams = cluster.numbers(str(people_of(settings) or 10) if engineers is None else engineers, "--engineers")
    hardware = _hardware(split(gpu), split(cluster_name), settings)
    wishes = [
        (
            item,
            wish_of(
                name, engine=engine_of(settings, item.name, engine), precision=precision, kv_precision=kv_precision
            ),
        )
        for name in split(model)
        for item in hardware
    ]
    if not wishes:
        raise UsageError("Nothing to sweep: name at least one model, and GPUs or a cluster.")
    workload = cluster.workload_from(selection)
    asked = [(item, wish, team) for item, wish in wishes for team in teams]
    tests, conditions = _calibrated(calibrate, asked, conditions, workload)
    with cluster.replay_bar() as progress:
        found, refused = answers(workload, asked, conditions, progress)
    teams_served = _break_even(found, workload, conditions, wishes) if find_break_even else None
    document = sweep_document(
        found, refused, workload, conditions, budget_usd=budget, break_even=teams_served, tests=tests
    )
    drawing.show(document, chosen, output, force=force)


def _calibrated(
    given: str | None, asked: Sequence[tuple[Hardware, Wish, int]], conditions: Conditions, workload: Workload
) -> tuple[list[LoadTest], Conditions]:
    """The tests, and the conditions that follow from them. Raises UsageError when it is open what was tested."""
    from latprof.replay.calibrate import tested_model
    from latprof.replay.plan import plan_for
    from latprof.replay.question import fitted

    if given is None:
        return [], conditions
    place, _, files = given.rpartition("=")
    tests = cluster.load_tests(files)
    name, model = place.strip().casefold(), tested_model(tests)
    chosen = [
        (hardware, wish, team)
        for hardware, wish, team in asked
        if (not name or name in {hardware.name.casefold(), f"{hardware.count}x{hardware.gpu.name}".casefold()})
        and (not model or model == wish.model.name)
    ]
    servers = {(hardware.name, wish.model.name) for hardware, wish, _ in chosen}
    if len(servers) != 1:
        raise UsageError(
            f"--calibrate fits {len(servers)} of what is swept: say which was tested, such as 4xH200={files}, "
            "and have its model in --model."
        )
    hardware, wish, team = chosen[0]
    return tests, cluster.calibrated_by(tests, conditions, plan_for(hardware, fitted(wish, workload, team)))


def _hardware(gpus: Sequence[str], names: Sequence[str], settings: Effective | None) -> list[Hardware]:
    """What was named, else the settings' clusters and the catalogue's rented ones. Raises UsageError."""
    from latprof.replay.plan import cluster_named, parse_gpus

    facts = chosen_catalogue(None, settings)
    if not gpus and not names:
        clusters = facts.of_type("cluster")
        rented = (entry for entry in clusters if entry.count and entry.number("rent_usd_per_month") is not None)
        names = [*clusters_of(settings), *(entry.id for entry in rented)]
    found = [cluster_of(settings, name) or cluster_named(name, catalogue=facts) for name in names]
    for text in gpus:
        name, _, rent = text.partition("=")
        try:
            price = float(rent) if rent else None
        except ValueError:
            price = 0.0
        if price is not None and not cluster.is_rent(price):
            raise UsageError(f"--gpu {text} has no rent in USD after the =: write it as 4xH200=4153.")
        found.append(parse_gpus(name, price))
    return found


def _break_even(
    found: Sequence[Answer], workload: Workload, conditions: Conditions, wishes: Sequence[tuple[Hardware, Wish]]
) -> dict[str, str]:
    """Per cluster and model the largest team that is more likely served faster than today, in words."""
    from latprof.replay.question import break_even

    said: dict[str, str] = {}
    by_name = {(item.name, wish.model.name): wish for item, wish in wishes}
    for answer in found:
        model = answer.plan.deployment.model.name
        name = f"{model} on {answer.plan.hardware.name}"
        if name not in said:
            wish = by_name[answer.plan.hardware.name, model]
            if not answer.holds_calls:
                said[name] = f"not counted, it cuts {format_share(answer.cut_share)} of the calls"
                continue
            team = break_even(workload, answer.plan.hardware, wish, conditions)
            said[name] = "more than 128 engineers" if team is None else f"{team} engineers" if team else "nobody"
    return said
