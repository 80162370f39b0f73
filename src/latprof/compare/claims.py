"""Percentiles that somebody else measured, from a TOML file: `compare --measured`. All of them are claims."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from latprof.errors import UsageError

__all__ = [
    "ClaimedDeployment",
    "ClaimedHardware",
    "ClaimedModel",
    "ClaimedSpeed",
    "ClaimedTeam",
    "ClaimedWait",
    "Claims",
    "read_claims",
    "typical_output_tokens",
]

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClaimedTeam(_Strict):
    """Who measured, and what they pay and would pay in a month."""

    engineers: int = Field(default=1, ge=1)
    subscription_usd: _Positive | None = None
    budget_usd: _Positive | None = None


class ClaimedWait(_Strict):
    """Time to first token after a trigger, s. `hoped_s` is what the author expects of machines of their own."""

    trigger: str
    p10_s: _Positive | None = None
    p50_s: _Positive
    p90_s: _Positive | None = None
    hoped_s: _Positive | None = None


class ClaimedSpeed(_Strict):
    """A speed over all calls, tok/s: `decode_tps` (without the first token's time) or `wall_tps` (with it)."""

    metric: str = Field(pattern="^(decode_tps|wall_tps)$")
    p10: _Positive | None = None
    p50: _Positive
    p90: _Positive | None = None


class ClaimedModel(_Strict):
    """A model's medians; `beside` names entries of the catalogue to show with it."""

    name: str
    ttft_p50_s: _Positive
    decode_p50_tps: _Positive
    beside: list[str] = Field(default_factory=list)


class ClaimedDeployment(_Strict):
    """What an author expects of cards; `beside` names entries with what one engineer feels."""

    name: str
    decode_tps: _Positive
    beside: list[str] = Field(default_factory=list)


class ClaimedHardware(_Strict):
    """Rented cards and their price; `cluster` is the catalogue's entry with the rent of an hour."""

    name: str
    usd_per_month: _Positive
    cluster: str | None = None


class Claims(_Strict):
    """The whole file. `source` is a document of the catalogue, or any words that name where the figures come from."""

    title: str
    source: str
    formula: str = Field(default="unknown", pattern="^(first block|first token|unknown)$")
    team: ClaimedTeam = ClaimedTeam()
    waits: list[ClaimedWait] = Field(min_length=1)
    speeds: list[ClaimedSpeed] = Field(default_factory=list)
    models: list[ClaimedModel] = Field(default_factory=list)
    deployments: list[ClaimedDeployment] = Field(default_factory=list)
    hardware: list[ClaimedHardware] = Field(default_factory=list)


def read_claims(given: str) -> Claims:
    """A file of percentiles. Raises UsageError that names the first mistake and how many there are."""
    try:
        data = tomllib.loads(Path(given).expanduser().read_text(encoding="utf-8"))
        return Claims.model_validate(data)
    except OSError as error:
        raise UsageError(f"Cannot read {given} ({error.strerror}): check its name.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{given} is no UTF-8 text: save it as such.") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{given} is no TOML ({error}): mend it there.") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg'].lower()}" for item in error.errors())
        raise UsageError(
            f"{given} does not have the shape of a file of percentiles ({wrong}): docs/how-to/check-a-post.md has an "
            "example."
        ) from None


def typical_output_tokens(claims: Claims) -> float | None:
    """The output at which the three medians agree: wall = output / (first token + output / decode), solved for it.

    The first token is the last wait's that was given (calls after tools are most calls). None where a median is
    missing or the speeds contradict each other.
    """
    speeds = {item.metric: item.p50 for item in claims.speeds}
    wall, decode = speeds.get("wall_tps"), speeds.get("decode_tps")
    if wall is None or decode is None or wall >= decode:
        return None
    first = min(item.p50_s for item in claims.waits)
    return first * wall / (1 - wall / decode)
