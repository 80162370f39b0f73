"""Tables of the fit of the step model: errors on what it was not fitted on, bands, and what others reach."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from fit_rows import Data, Floats

__all__ = ["bands", "errors", "figures", "report"]

# What others reach, each on its own set of rows (survey of November 2026, TPOT unless it says TTFT or ITL).
OTHERS = (
    "| ten parameters, leave one model out | 3,007 | 18.3 % | | 45.8 % | |",
    "| the same, on AIConfigurator's rows | 588 | 16.7 % | -7 % | 40 % | |",
    "| AIConfigurator 0.12, models in its data | 588 | 19.1 % | +2.6 % | 70.7 % | |",
    "| AIConfigurator, ITL, dense models on H100, by a third party | 24 | 21.3 % | | | |",
    "| inference-sim, ITL, its authors' 36 held-out runs | 36 | 7.1 % | | | |",
    "| AISimulate, three deployments | 10 | 17 % | | 78 % (largest) | |",
    "| inference-sim, TTFT, its authors' 36 held-out runs | 36 | 17.6 % | | | |",
    "| AISimulate, TTFT, three deployments | 10 | 57 % | | 466 % (largest) | |",
)


def errors(predicted: Floats, measured: Floats) -> Floats:
    """Relative errors of what is there."""
    both = np.isfinite(predicted) & np.isfinite(measured)
    return np.asarray(np.exp(predicted[both]) / measured[both] - 1)


def figures(title: str, predicted: Floats, measured: Floats, sd: Floats | None = None) -> str:
    """A row of the table; `sd` is half the width of the 80 % band in log units."""
    miss = errors(predicted, measured)
    size = np.abs(miss)
    covered = "-"
    if sd is not None:
        both = np.isfinite(measured)
        covered = f"{np.mean(np.abs(predicted[both] - np.log(measured[both])) <= sd[both]):.0%}"
    middle = f"{np.median(size):.1%} | {np.median(miss):+.1%} | {np.quantile(size, 0.9):.1%}"
    return f"| {title} | {len(size):,} | {middle} | {covered} |"


def report(data: Data, out: Mapping[str, Floats], inside: Mapping[str, Floats], band: Mapping[str, float]) -> None:
    """The tables of the issue's promises."""
    print("\n| held out | rows | median error | bias | p90 error | in 80 % band |\n|---|---:|---:|---:|---:|---:|")
    everything = np.ones(len(data.tpot), dtype=bool)
    strata = (
        ("", everything), (", InferenceX and NVIDIA only", data.tuned),
        (", the same without unmarked multi-token prediction", data.tuned & ~data.drafted),
        (f", without {data.doubtful.sum()} rows that contradict themselves or others", ~data.doubtful),
    )  # fmt: skip
    for target in ("tpot", "ttft"):
        name, measured = target.upper(), getattr(data, target)
        half = nested_bands(out, inside, data, target)
        print(figures(f"{name}, model family, step model alone", out[f"{target}_plain"], measured))
        for words, rows in strata:
            print(figures(f"{name}, model family{words}", out[f"{target}_mean"][rows], measured[rows], half[rows]))
        wide = band[target] * inside[f"{target}_sd"]
        print(figures(f"{name}, a tenth of the rows", inside[f"{target}_mean"], measured, wide))
        print(f"| {name}, with each family's own median known (the least a model of families can reach) | "
              + floor(data, out, target, cells=False))  # fmt: skip
        print(f"| {name}, with the median of each family, engine version, precision and GPU known | "
              + floor(data, out, target, cells=True))  # fmt: skip
    repeats(data)
    for line in OTHERS:
        print(line)
    families = data.features.traits["family"]
    half = nested_bands(out, inside, data, "tpot")
    for family in sorted(set(families.tolist())):
        rows = families == family
        print(figures(f"TPOT, {family}", out["tpot_mean"][rows], data.tpot[rows], half[rows]))


def repeats(data: Data) -> None:
    """How far measurements of one set-up under one load differ among themselves, suspected speculation left out."""
    data = data.of(~data.drafted)
    traits, load = data.features.traits, data.features.load.round(4).tolist()
    names = ("family", "model", "precision", "gpu", "layout")
    same = [
        (*parts, *map(str, point))
        for *parts, point in zip(*(traits[name].tolist() for name in names), load, strict=True)
    ]
    engine, version = traits["engine"].tolist(), traits["version"].tolist()
    kinds: dict[str, list[tuple[int, int]]] = {
        "the same engine version, measured again": [], "another version of the engine": [], "another engine": [],
    }  # fmt: skip
    for one, other in combinations(range(len(same)), 2):
        if same[one] == same[other]:
            kind = 0 if version[one] == version[other] else 1 if engine[one] == engine[other] else 2
            kinds[list(kinds)[kind]].append((one, other))
    for words, pairs in kinds.items():
        for target in ("tpot", "ttft"):
            values = getattr(data, target)
            both = np.array([values[one] / values[other] for one, other in pairs])
            size = np.abs(np.concatenate([both, 1 / both]) - 1)
            size = size[np.isfinite(size)]
            middle = f"{np.median(size):.1%} | | {np.quantile(size, 0.9):.1%}"
            print(f"| {target.upper()}, differences between rows: {words} | {len(pairs)} pairs | {middle} | |")


def floor(data: Data, out: Mapping[str, Floats], target: str, *, cells: bool) -> str:
    """What is left when the held-out model's bias of each group is taken away afterwards: no prediction."""
    traits = data.features.traits
    names = ("family", "version", "precision", "gpu") if cells else ("family",)
    labels = np.array(["|".join(parts) for parts in zip(*(traits[name] for name in names), strict=True)])
    predicted, measured = out[f"{target}_plain"].copy(), getattr(data, target)
    for label in set(labels.tolist()):
        rows = (labels == label) & np.isfinite(measured)
        if rows.any():
            predicted[rows] -= np.median(predicted[rows] - np.log(measured[rows]))
    return figures("", predicted, measured).removeprefix("|  | ")


def _ratios(test: Mapping[str, Floats], data: Data, target: str) -> Floats:
    """Errors in standard deviations; not a number where nothing was measured."""
    measured = getattr(data, target)
    return np.asarray(np.abs(test[f"{target}_mean"] - np.log(measured)) / test[f"{target}_sd"])


def _widening(outer: Floats, inner: Floats) -> float:
    """The factor that puts 80 % of held-out rows inside, between both kinds of test."""
    ends = [np.quantile(ratios[np.isfinite(ratios)], 0.8) for ratios in (outer, inner)]
    return float(np.sqrt(ends[0] * ends[1]))


def bands(out: Mapping[str, Floats], inside: Mapping[str, Floats], data: Data) -> dict[str, float]:
    """Factors on the standard deviation for the bands that ship."""
    pairs = {t: (_ratios(out, data, t), _ratios(inside, data, t)) for t in ("tpot", "ttft")}
    return {target: round(_widening(*pair), 3) for target, pair in pairs.items()}


def nested_bands(out: Mapping[str, Floats], inside: Mapping[str, Floats], data: Data, target: str) -> Floats:
    """Half the band of each row, its factor from the errors of all other families: the test never sees its own."""
    families, half = data.features.traits["family"], np.empty(len(data.tpot))
    outer, inner = _ratios(out, data, target), _ratios(inside, data, target)
    for family in set(families.tolist()):
        rows = families == family
        half[rows] = _widening(outer[~rows], inner[~rows]) * out[f"{target}_sd"][rows]
    return half
