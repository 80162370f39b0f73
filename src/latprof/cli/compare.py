"""`latprof compare`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latprof.cli import drawing, options
from latprof.cli.catalogue import CatalogueFiles, chosen_catalogue
from latprof.cli.selection import Selection, selects_calls, split, zone_of
from latprof.cli.team_settings import span_h
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.compare import Team

__all__ = ["compare"]


@selects_calls
def compare(  # noqa: PLR0913 - one argument per option
    selection: Selection,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against",
            metavar="NAME",
            help="hosted, self-hosted, or ids, models and patterns of the catalogue; several with commas. "
            "[hosted,self-hosted]",
        ),
    ] = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            "--what-if",
            metavar="IDEA",
            help="cascade=NAME:TOKENS, cache=SHARE, fast=FACTOR, effort=SHARE or parallel; may be repeated.",
        ),
    ] = None,
    measured: Annotated[
        str | None,
        typer.Option(
            "--measured", metavar="FILE", help="Percentiles that somebody measured (TOML); alone or with logs."
        ),
    ] = None,
    engineers: Annotated[
        int | None,
        typer.Option(metavar="N", help="Size of the team. [settings, else those that the logs name, else 1]"),
    ] = None,
    logs_of: Annotated[
        int | None,
        typer.Option("--logs-of", metavar="N", help="How many people's logs these are. [those that they name, else 1]"),
    ] = None,
    calls_per_week: Annotated[
        float | None,
        typer.Option("--calls-per-week", metavar="N", min=1, max=1e7, help="Of one engineer. [counted in the logs]"),
    ] = None,
    subscription: Annotated[
        float | None, typer.Option(metavar="USD", help="What one engineer pays now in a month. [settings]")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(metavar="USD", help="What the team may spend in a month. [settings]")
    ] = None,
    rent_hours: Annotated[
        float, typer.Option("--rent-hours", metavar="HOURS", help="Hours of a month for which cards are rented.")
    ] = 730.0,
    life: Annotated[float, typer.Option(metavar="MONTHS", help="How long bought cards are used.")] = 36.0,
    kwh: Annotated[float, typer.Option(metavar="USD", help="Price of a kWh for bought cards.")] = 0.30,
    everything: Annotated[bool, typer.Option("--all", help="Show every alternative.")] = False,  # noqa: FBT002
    catalogue_files: CatalogueFiles = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    csv: drawing.AlsoCsv = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Compare your calls with other services and own hardware.

    By time per call, cost per month, and what fits.
    """
    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, csv, inputs=selection.paths, force=force)
    loaded = chosen_catalogue(catalogue_files, selection.effective)
    if measured is not None:
        if against or what_if:
            raise UsageError("--measured has percentiles, no calls: leave --against and --what-if out.")
        document = _claims(measured, selection, loaded)
    else:
        team_of = partial(
            _team, selection, engineers, subscription, budget,
            logs_of=logs_of, rent_hours=rent_hours, life_months=life, usd_per_kwh=kwh,
        )  # fmt: skip
        names = split(against) or ("hosted", "self-hosted")
        document = _compared(
            selection, team_of, names, what_if or [], loaded, everything=everything, calls_per_week=calls_per_week
        )
    if csv is not None:
        drawing.show(document, "csv", csv, force=force)
    drawing.show(document, chosen, output, force=force)


def _compared(
    selection: Selection,
    team_of: Callable[[int], Team],
    names: tuple[str, ...],
    ideas: list[str],
    catalogue: Any,
    *,
    everything: bool,
    calls_per_week: float | None,
) -> Any:
    from latprof.api import with_estimates
    from latprof.compare import alternatives, named_engineers, usage_of, what_ifs
    from latprof.compare import compare as compared
    from latprof.report.comparing import comparison_document

    entries = alternatives(catalogue, names)
    team_of(0)  # a number out of range is told before anything is read
    trace = with_estimates(selection.read()).trace
    team = team_of(named_engineers(trace))
    usage = usage_of(
        trace, people=team.logs_of, days_per_week=team.days_per_week, calls_per_week=calls_per_week, zone=team.zone
    )
    found = compared(usage, team, entries, catalogue)
    few = not set(names) & {"hosted", "self-hosted"}
    return comparison_document(found, what_ifs(ideas, trace, usage, catalogue), everything=everything or few)


def _claims(file: str, selection: Selection, catalogue: Any) -> Any:
    from latprof.api import with_estimates
    from latprof.compare import read_claims
    from latprof.report.claiming import claims_document

    claims = read_claims(file)
    trace = with_estimates(selection.read()).trace if selection.paths else None
    return claims_document(claims, catalogue, trace)


def _team(
    selection: Selection,
    engineers: int | None,
    subscription: float | None,
    budget: float | None,
    named: int,
    **rest: Any,
) -> Team:
    """Options over settings over what the logs name. Raises UsageError for a number out of range."""
    from latprof.compare import Team

    in_force = selection.effective
    settings = None if in_force is None else in_force.settings
    stated = engineers
    if stated is None and settings is not None:
        stated = settings.team.engineers or len(settings.engineers) or None
    people = stated if stated is not None else named or 1
    rest["named_in_logs"] = stated is None and named > 0
    if in_force is None or settings is None:
        return Team(people, subscription_usd=subscription, budget_usd=budget, **rest)
    hours = settings.working_hours
    paid = subscription if subscription is not None else _seats(settings, people)
    allowed = budget if budget is not None else settings.team.budget_usd_per_month
    return Team(
        people, days_per_week=float(len(hours.days)), hours_per_day=span_h(hours), subscription_usd=paid,
        budget_usd=allowed, name=settings.team.name, hours_given=in_force.given("working_hours"),
        paid_to=_paid_to(settings) if subscription is None else (), zone=zone_of(hours.tz or settings.tz), **rest,
    )  # fmt: skip


def _seats(settings: Any, engineers: int) -> float | None:
    """What an engineer pays on average by the subscriptions of the settings; None where none has a price."""
    paid = [
        plan.usd_per_month * _seats_of(settings, name, engineers)
        for name, plan in settings.subscriptions.items()
        if plan.usd_per_month is not None
    ]
    # A team of nobody is refused with its own words.
    return sum(paid) / max(engineers, 1) if paid else None


def _seats_of(settings: Any, name: str, engineers: int) -> int:
    """Seats that are paid: as many as stated, else those who work with it, else one for each engineer."""
    stated = settings.subscriptions[name].seats
    if stated is not None:
        return int(stated)
    return sum(person.subscription == name for person in settings.engineers.values()) or engineers


def _paid_to(settings: Any) -> tuple[str, ...]:
    """The providers of the subscriptions that have a price."""
    plans = settings.subscriptions.values()
    return tuple(dict.fromkeys(plan.provider for plan in plans if plan.provider and plan.usd_per_month is not None))
