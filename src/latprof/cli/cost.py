"""`latprof cost`: electricity, own and rented hardware per token, break-even, depreciation, fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from latprof.cli.calculator import Output, amount, numbers, takes, usage
from latprof.cli.catalogue import CatalogueFiles, chosen_catalogue
from latprof.cli.machines import ApiPrice, Currency, Machine, Rate, Utilisation
from latprof.cli.selection import split
from latprof.cli.settings import effective_if_given
from latprof.cli.team_settings import hours_of
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.report.cost import Draw

__all__ = ["break_even", "cost", "depreciation", "electricity", "fine_tune", "own", "rent"]

_SHARES: Final = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)

cost = typer.Typer(help="Calculate what own or rented hardware costs, and when it pays.", no_args_is_help=True)


@cost.command()
@takes(output=Output.of)
def electricity(  # noqa: PLR0913 - one argument per option
    rate: Rate,
    gpu: Annotated[
        list[str] | None,
        typer.Option("--gpu", metavar="NAME", help="Only this hardware of the catalogue; several with commas."),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="Whose speed on it, by its id in the catalogue.")
    ] = "llama-3.1-8b",
    watts: Annotated[float | None, typer.Option(metavar="W", min=0, help="Instead: this draw ...")] = None,
    tps: Annotated[float | None, typer.Option("--tps", metavar="N", min=0, help="... and this speed.")] = None,
    marginal: Annotated[  # noqa: FBT002
        bool, typer.Option("--marginal", help="Count load minus idle only: the computer runs anyway.")
    ] = False,
    api: ApiPrice = None,
    currency: Currency = "USD",
    catalogue_files: CatalogueFiles = None,
    *,
    output: Output,
) -> None:
    """Show the electricity of a million tokens.

    For one stream at full use.
    """
    from latprof.report.cost import Draw, electricity_document

    if (watts is None) != (tps is None):
        raise UsageError("Give --watts and --tps together.")
    if watts is not None and tps is not None:
        draws = [Draw("as given", None, tps, watts, "", None)]
    else:
        draws = _draws(split(gpu), model, catalogue_files or [], marginal=marginal)
    with usage():
        output.show(electricity_document(draws, rate, _beside(api), currency, marginal=marginal))


@cost.command()
@takes(machine=Machine.of, output=Output.of)
def own(
    machine: Machine, utilisation: Utilisation = "100,50,30,20,10", api: ApiPrice = None, *, output: Output
) -> None:
    """Show what a machine that was bought costs.

    Per month and per million tokens, by how busy it is.
    """
    from latprof.report.cost import own_document

    with usage():
        shares = _shares(utilisation, "--utilisation", "up to 100")
        output.show(own_document(machine.owned, shares, _beside(api), machine.currency, machine.inputs()))


@cost.command()
@takes(output=Output.of)
def rent(
    per_hour: Annotated[
        float, typer.Option("--per-hour", metavar="PRICE", min=0, help="Rent of one card for an hour.")
    ],
    tps: Annotated[
        float, typer.Option("--tps", metavar="N", min=0, help="Tokens per second of all cards, summed over streams.")
    ],
    cards: Annotated[int, typer.Option(metavar="N", min=1, help="How many cards.")] = 1,
    utilisation: Utilisation = "100,50,30,20,10",
    hours: Annotated[
        float | None,
        typer.Option(
            metavar="N", min=1, max=744, help="Hours of a month that are paid. [working hours of settings, else 730]"
        ),
    ] = None,
    api: ApiPrice = None,
    currency: Currency = "USD",
    *,
    output: Output,
) -> None:
    """Show what rented cards cost.

    Per month and per million tokens, by how busy they are.
    """
    from latprof.report.cost import rent_document
    from latprof.sizing import HOURS_PER_MONTH

    working = hours_of(effective_if_given(None)) if hours is None else None
    paid = hours or working or HOURS_PER_MONTH
    with usage():
        shares = _shares(utilisation, "--utilisation", "up to 100")
        beside, settled = _beside(api), working is not None
        output.show(rent_document(cards, per_hour, tps, paid, shares, beside, currency, from_settings=settled))


@cost.command("break-even")
@takes(machine=Machine.of, output=Output.of)
def break_even(
    machine: Machine,
    api: Annotated[
        float, typer.Option("--api", metavar="PRICE", min=0, help="Price of a million tokens of the API it replaces.")
    ],
    tokens: Annotated[
        str | None,
        typer.Option("--tokens", metavar="LIST", help="Tokens per month, as 50M,500M. [shares of what it can do]"),
    ] = None,
    *,
    output: Output,
) -> None:
    """Show from which volume on a machine is cheaper than an API.

    And after how many months it has paid.
    """
    from latprof.report.cost import break_even_document

    with usage():
        most = machine.owned.tokens_per_month()
        volumes = [amount(each) for each in split([tokens])] if tokens else [most * part for part in _SHARES]
        output.show(break_even_document(machine.owned, volumes, api, machine.currency, machine.inputs()))


@cost.command()
@takes(output=Output.of)
def depreciation(
    price: Annotated[float, typer.Option(metavar="PRICE", min=0, help="What it cost.")],
    loss: Annotated[
        str, typer.Option(metavar="LIST", help="Loss of value a year, in percent, one column each.")
    ] = "20,30,40",
    years: Annotated[int, typer.Option(metavar="N", min=1, max=20, help="For how many years.")] = 5,
    currency: Currency = "USD",
    *,
    output: Output,
) -> None:
    """Show what hardware is worth after each year."""
    from latprof.report.cost import depreciation_document

    with usage():
        losses = _shares(loss, "--loss", "below 100")
        output.show(depreciation_document(price, losses, years, currency))


@cost.command("fine-tune")
@takes(output=Output.of)
def fine_tune(  # noqa: PLR0913 - one argument per option
    runs: Annotated[float, typer.Option(metavar="N", min=0, help="Training runs a year.")],
    training_tokens: Annotated[str, typer.Option(metavar="N", help="Tokens of a run, all epochs, as 5M.")],
    training_price: Annotated[
        float, typer.Option(metavar="PRICE", min=0, help="The API's price of a million training tokens.")
    ],
    price: Annotated[float, typer.Option(metavar="PRICE", min=0, help="What the own machine cost.")],
    watts: Annotated[float, typer.Option(metavar="W", min=0, help="Its draw under load.")],
    rate: Rate,
    hours: Annotated[float, typer.Option(metavar="N", min=0, max=8784, help="Hours a year that it works.")],
    inference_tokens: Annotated[
        str, typer.Option(metavar="N", help="Tokens a year that the tuned model is used for.")
    ] = "0",
    inference_price: Annotated[
        float, typer.Option(metavar="PRICE", min=0, help="The API's price of a million of these.")
    ] = 0,
    life: Annotated[float, typer.Option(metavar="YEARS", min=0.1, help="Years over which it is paid off.")] = 3,
    params: Annotated[
        str | None, typer.Option(metavar="N", help="Parameters of the model, for the memory it needs, as 7B.")
    ] = None,
    currency: Currency = "USD",
    *,
    output: Output,
) -> None:
    """Compare a year of fine-tuning by an API with an own machine."""
    from latprof.report.cost import fine_tune_document
    from latprof.sizing import ApiTuning, OwnTuning

    with usage():
        hosted = ApiTuning(runs, amount(training_tokens), training_price, amount(inference_tokens), inference_price)
        mine = OwnTuning(price, watts, hours, rate, life)
        size = None if params is None else amount(params)
        output.show(fine_tune_document(hosted, mine, size, currency))


def _shares(texts: str, option: str, most: str) -> list[float]:
    """'100,50' -> [1.0, 0.5]; `most` is 'up to 100' or 'below 100'. Raises UsageError for what is no such share."""
    found = [percent / 100 for percent in numbers(texts, option)]
    if not all(share < 1 or (share == 1 and most == "up to 100") for share in found):
        raise UsageError(f"{option} {texts} is no list of shares in percent: give numbers above 0 and {most}.")
    return found


def _beside(api: float | None) -> float | None:
    """The API's price. Raises UsageError for 0, of which nothing is a multiple."""
    if api == 0:
        raise UsageError("--api 0 is no price to compare with: leave it out, or give one above 0.")
    return api


def _draws(names: tuple[str, ...], model: str, files: list[str], *, marginal: bool) -> list[Draw]:
    """Hardware of the catalogue whose draw and speed with the model are known. Raises UsageError."""
    from latprof.report.cost import Draw

    catalogue = chosen_catalogue(files)
    shape = catalogue.find(model, "model")
    types = ("gpu", "cpu", "machine")
    entries = [catalogue.find(name, *types) for name in names] or catalogue.of_type(*types)
    found: list[Draw] = []
    for entry in entries:
        load, idle = entry.number("system_watts"), entry.number("idle_watts")
        speeds = entry.of("decode_tps", "single_stream", model=shape.id)
        fact = next((item for item in speeds if item.middle is not None), None)
        if load is None or fact is None or fact.middle is None or (marginal and idle is None):
            if names:
                raise UsageError(
                    f"The catalogue lacks draw or speed of {entry.name} with {shape.name}: give --watts, --tps."
                )
            continue
        watts = load - idle if marginal and idle is not None else load
        found.append(Draw(entry.name, shape.name, fact.middle, watts, fact.kind, str(fact.at[0])))
    if not found:
        raise UsageError(f"The catalogue knows no hardware's draw and speed with {shape.name}: give --watts and --tps.")
    return found
