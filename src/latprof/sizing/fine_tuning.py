"""What fine-tuning takes: memory by method, and an API's bill against an own card."""

from __future__ import annotations

from typing import Final, Literal

from latprof.classes import dataclass
from latprof.sizing.checks import at_least_zero, positive
from latprof.sizing.power import power_cost_per_month

__all__ = ["TUNING_BYTES_PER_PARAMETER", "ApiTuning", "OwnTuning", "TuningMethod", "tuning_bytes"]

TuningMethod = Literal["full", "qlora"]

# Low and high, from the one case that the article gives (line 427): a 7B model needs 60 to 80 GB for all its
# weights and 5 to 10 GB with QLoRA. Its other rows (14 to 20B on 24 GB, 32B on four cards of 80 GB) agree.
TUNING_BYTES_PER_PARAMETER: Final[dict[TuningMethod, tuple[float, float]]] = {
    "full": (60 / 7, 80 / 7),
    "qlora": (5 / 7, 10 / 7),
}


def tuning_bytes(parameters: float, method: TuningMethod) -> tuple[float, float]:
    """Memory for training, low and high, in bytes: in proportion to a 7B model. Raises ValueError."""
    positive(parameters=parameters)
    low, high = TUNING_BYTES_PER_PARAMETER[method]
    return parameters * low, parameters * high


@dataclass(frozen=True, slots=True)
class ApiTuning:
    """A year of fine-tuning by an API: runs, tokens per run, and use of the tuned model.

    Prices per million tokens. Providers bill the tokens of all epochs.
    """

    runs_per_year: float
    training_tokens_per_run: float
    price_per_training_mtok: float
    inference_tokens_per_year: float = 0.0
    price_per_inference_mtok: float = 0.0

    def per_year(self) -> float:
        """Training plus inference. Raises ValueError."""
        at_least_zero(
            runs_per_year=self.runs_per_year,
            training_tokens=self.training_tokens_per_run,
            training_price=self.price_per_training_mtok,
            inference_tokens=self.inference_tokens_per_year,
            inference_price=self.price_per_inference_mtok,
        )
        training = self.runs_per_year * self.training_tokens_per_run * self.price_per_training_mtok
        return (training + self.inference_tokens_per_year * self.price_per_inference_mtok) / 1e6


@dataclass(frozen=True, slots=True)
class OwnTuning:
    """A year of fine-tuning on an own machine: its price and the hours that it works."""

    price: float
    watts: float
    hours_per_year: float
    rate_per_kwh: float
    life_years: float = 3.0

    def power_per_year(self) -> float:
        """Electricity of the hours that it works. Raises ValueError."""
        return power_cost_per_month(self.watts, self.rate_per_kwh, self.hours_per_year)

    def amortised_per_year(self) -> float:
        """One year's share of the price, and power. Raises ValueError."""
        at_least_zero(price=self.price)
        positive(life_in_years=self.life_years)
        return self.price / self.life_years + self.power_per_year()

    def first_year(self) -> float:
        """What is paid in the first year: the whole price, and power. Raises ValueError."""
        at_least_zero(price=self.price)
        return self.price + self.power_per_year()

    def break_even_months(self, api_per_year: float) -> float | None:
        """Months of the API's bill that pay the machine, its power taken off; None where they never do.

        Raises ValueError.
        """
        at_least_zero(price=self.price, API_cost_per_year=api_per_year)
        saved = api_per_year - self.power_per_year()
        return self.price / saved * 12 if saved > 0 else None
