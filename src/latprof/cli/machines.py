"""A machine that was bought, and electricity: the options that make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from latprof.classes import dataclass
from latprof.cli.calculator import usage
from latprof.cli.catalogue import CatalogueFiles, chosen_catalogue
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.sizing import OwnedMachine

__all__ = ["ApiPrice", "Currency", "Machine", "Rate", "Utilisation"]

Currency = Annotated[
    str, typer.Option("--currency", metavar="NAME", help="The one currency of all prices that are given and shown.")
]
Rate = Annotated[float, typer.Option("--rate", metavar="PRICE", min=0, help="Price of a kWh.")]
ApiPrice = Annotated[
    float | None, typer.Option("--api", metavar="PRICE", min=0, help="Price of a million tokens of the API beside it.")
]
Utilisation = Annotated[
    str, typer.Option("--utilisation", metavar="LIST", help="Shares of the month that it is busy, in percent.")
]


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine and the currency of its prices."""

    owned: OwnedMachine
    currency: str

    @classmethod
    def of(  # noqa: PLR0913 - one argument per option
        cls,
        tps: Annotated[
            float, typer.Option("--tps", metavar="N", min=0, help="Its tokens per second, summed over its streams.")
        ],
        rate: Rate,
        gpu: Annotated[
            str | None, typer.Option("--gpu", metavar="NAME", help="Take price and watts from the catalogue.")
        ] = None,
        price: Annotated[float | None, typer.Option(metavar="PRICE", min=0, help="What it cost.")] = None,
        watts: Annotated[
            float | None, typer.Option(metavar="W", min=0, help="Draw of the whole system under load.")
        ] = None,
        idle_watts: Annotated[
            float | None, typer.Option(metavar="W", min=0, help="Draw when idle. [as under load: it never rests]")
        ] = None,
        life: Annotated[float, typer.Option(metavar="MONTHS", min=1, help="Months over which it is paid off.")] = 36,
        residual: Annotated[float, typer.Option(metavar="PRICE", min=0, help="What it sells for after that.")] = 0,
        upkeep: Annotated[
            float, typer.Option(metavar="PRICE", min=0, help="Further costs of a month: space, repairs, work.")
        ] = 0,
        hours: Annotated[float, typer.Option(metavar="N", min=1, max=744, help="Hours of a month.")] = 730,
        currency: Currency = "USD",
        catalogue_files: CatalogueFiles = None,
    ) -> Machine:
        """From the options. Raises UsageError."""
        from latprof.sizing import OwnedMachine

        if gpu is not None:
            price, watts = _from_catalogue(gpu, price, watts, currency, catalogue_files or [])
        if price is None or watts is None:
            raise UsageError("A machine needs --price and --watts, or a --gpu of which the catalogue knows both.")
        with usage():
            owned = OwnedMachine(
                price=price,
                tps=tps,
                load_watts=watts,
                rate_per_kwh=rate,
                idle_watts=watts if idle_watts is None else idle_watts,
                life_months=life,
                residual=residual,
                upkeep_per_month=upkeep,
                hours_per_month=hours,
            )
        return cls(owned, currency)

    def inputs(self) -> dict[str, str | float]:
        """What it was made from, for programs."""
        owned = self.owned
        return {
            "currency": self.currency,
            "price": owned.price,
            "tps": owned.tps,
            "load_watts": owned.load_watts,
            "idle_watts": owned.idle_watts,
            "rate_per_kwh": owned.rate_per_kwh,
            "life_months": owned.life_months,
            "residual": owned.residual,
            "upkeep_per_month": owned.upkeep_per_month,
            "hours_per_month": owned.hours_per_month,
        }


def _from_catalogue(
    name: str, price: float | None, watts: float | None, currency: str, files: list[str]
) -> tuple[float, float]:
    """Price and watts, each as given or as the catalogue knows it. Raises UsageError."""
    found = chosen_catalogue(files).gpu(name)
    prices = {"USD": found.price_usd, "EUR": found.price_eur}
    price = prices.get(currency.upper()) if price is None else price
    watts = found.system_watts if watts is None else watts
    if price is None:
        raise UsageError(f"The catalogue knows no price of {found.name} in {currency}: give --price.")
    if watts is None:
        raise UsageError(f"The catalogue does not know the draw of a system with {found.name}: give --watts.")
    return price, watts
