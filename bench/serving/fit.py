"""Fit the step model to measured rows, and test it on model families that it was not fitted on.

    python bench/serving/fit.py MEASUREMENTS.csv            prints the tables
    python bench/serving/fit.py MEASUREMENTS.csv --write    also writes the package's parameters and residuals

Robust (Cauchy) Gauss-Newton on logarithms, with normal priors on all terms and random levels of family and of
family x engine version x precision x GPU, so that what is peculiar to one set-up does not move the physics.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.errors import UsageError
from latprof.serving.parameters import FIRST_GUESS, Parameters, groups
from latprof.serving.predict import Point, point_of
from latprof.serving.residual import Features, Residuals, features_of
from latprof.serving.steady import Mix, closed_form, mix_of, stacked

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
GPUS = {"A100", "H100", "H200", "H200-NVL", "B200"}
TERMS = {
    "engine": ("k_weights", "k_compute", "k_kv", "layer_s", "tp_layer_s", "seq_s", "step_s", "first_token_s", "waves",
               "eager_layer_s", "mixed"),
    "kind": ("k_weights", "k_compute", "k_kv", "layer_s", "tp_layer_s", "mixed"),
    "generation": ("k_weights", "k_compute", "layer_s", "tp_layer_s"),
    "precision": ("k_weights", "k_compute", "layer_s"),
    "parallelism": ("k_weights", "tp_layer_s", "layer_s"),
}  # fmt: skip
PRIOR = {"engine": 0.3, "kind": 0.2, "generation": 0.2, "precision": 0.2, "parallelism": 0.3}
LOOSE = {"first_token_s", "waves", "mixed"}
FAMILY_SD, CELL_SD, SIGMA, SCALE, TTFT_WEIGHT = 0.25, 0.2, 0.4, 0.15, 0.5
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
OUTFILE = Path(__file__).resolve().parents[2] / "src" / "latprof" / "serving" / "data"


@dataclass(frozen=True)
class Data:
    """Measured rows as arrays."""

    points: list[Point]
    mix: Mix
    features: Features
    tpot: Floats
    ttft: Floats
    tuned: Mask
    drafted: Mask

    def of(self, rows: Mask) -> Data:
        """Only these rows."""
        chosen = [point for point, keep in zip(self.points, rows, strict=True) if keep]
        return Data(chosen, stacked([mix_of(p.deployment, p.load) for p in chosen]), self.features.of(rows),
                    self.tpot[rows], self.ttft[rows], self.tuned[rows], self.drafted[rows])  # fmt: skip


def _measured(row: Mapping[str, str]) -> float:
    return float(row["tpot_p50_ms"] or "nan") / 1e3


def read(path: Path) -> tuple[Data, Counter[str]]:
    """The rows of the subset, and why the others are not in it."""
    kept, left = [], Counter[str]()
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            reason, point = _judge(row)
            left[reason] += 1
            if point is not None:
                kept.append((point, row))
    points = [point for point, _ in kept]
    rows = [row for _, row in kept]
    data = Data(
        points, stacked([mix_of(p.deployment, p.load) for p in points]), features_of([p.traits() for p in points]),
        np.array([_measured(row) for row in rows]),
        np.array([float(row["ttft_p50_ms"] or "nan") / 1e3 for row in rows]),
        np.array([row["source"].startswith(("InferenceX", "NVIDIA")) for row in rows]),
        np.array([_drafted(row) for row in rows]),
    )  # fmt: skip
    return data, left


def _drafted(row: Mapping[str, str]) -> bool:
    """Whether a row was most likely measured with multi-token prediction, though it does not say so.

    InferenceX rows of TensorRT-LLM come under two names for the same architecture. At the same GPUs, precision and load
    those under DeepSeek-R1 have 0.5 to 0.8 of the time per token of those under DeepSeek-V3.
    """
    return row["source"].startswith("InferenceX") and "DeepSeek-R1" in row["model"] and "trtllm" in row["engine"]


def _judge(row: Mapping[str, str]) -> tuple[str, Point | None]:
    """Why a row is left out ('' when it is not)."""
    if not row["n_gpu"] or "disagg" in row["parallelism"]:
        return "no GPU count, or disaggregated", None
    if not row["concurrency"] or float(row["concurrency"]) > 128 or not row["tpot_p50_ms"]:
        return "no concurrency up to 128, or no TPOT", None
    try:
        point = point_of(row)
    except UsageError as error:
        return ("does not fit" if "not fit" in str(error) else "refused for another reason"), None
    if point.deployment.gpu.name not in GPUS:
        return "another GPU", None
    if "speculative" in row["notes"]:
        return "noted as speculative decoding", None
    # InferenceX draws lengths from 80 to 100 % of the stated ones.
    part = 0.9 if row["source"].startswith("InferenceX") else 1.0
    point = replace(point, load=replace(point.load, isl=point.load.isl * part, osl=max(point.load.osl * part, 2.0)))
    least = closed_form(mix_of(point.deployment, point.load), {k: v for k, (v, _) in FIRST_GUESS.items()})
    if _measured(row) <= least.least_tpot_s:
        return "faster than the roofline", None
    return "", point


class Model:
    """The parameters as one vector, for a fixed set of rows."""

    def __init__(self, data: Data) -> None:
        self.data = data
        member = [set(groups(point.deployment)) for point in data.points]
        found = {group for item in member for group in item}
        self.names = list(FIRST_GUESS)
        self.steps = [(group, term) for group in sorted(found) for term in TERMS[group.partition(":")[0]]]
        masks = {group: np.array([group in item for item in member], float) for group in found}
        self.design = {
            name: [(len(self.names) + at, masks[group]) for at, (group, term) in enumerate(self.steps) if term == name]
            for name in self.names
        }
        start = [(math.log(value), sd) for value, sd in FIRST_GUESS.values()]
        start += [(0.0, 1.0 if term in LOOSE else PRIOR[group.partition(":")[0]]) for group, term in self.steps]
        self.mean, self.sd = (np.array(column) for column in zip(*start, strict=True))

    def log_times(self, theta: Floats) -> tuple[Floats, Floats]:
        """Modelled log TPOT and log TTFT."""
        zero = np.zeros(len(self.data.tpot))
        values = {
            name: np.exp(theta[at] + sum((theta[k] * mask for k, mask in self.design[name]), zero))
            for at, name in enumerate(self.names)
        }
        found = closed_form(self.data.mix, values)
        return np.log(found.tpot_s), np.log(found.ttft_s)


def levels(data: Data) -> tuple[Floats, Floats]:
    """Indicator columns of families and of cells, and the prior of their levels."""
    traits = data.features.traits
    cell = [
        "|".join(parts) for parts in zip(*(traits[k] for k in ("family", "version", "precision", "gpu")), strict=True)
    ]
    columns, sd = [], []
    for labels, spread in ((list(traits["family"]), FAMILY_SD), (cell, CELL_SD)):
        for label in sorted(set(labels)):
            columns.append([float(item == label) for item in labels])
            sd.append(spread)
    return np.array(columns).T, np.array(sd)


def row_weights(data: Data) -> Floats:
    """Large families count less per row; set-ups that nobody tuned, or with all prompts at once, a tenth."""
    sizes = Counter(data.features.traits["family"].tolist())
    share = np.array([min(1.0, 60 / sizes[family]) ** 0.5 for family in data.features.traits["family"].tolist()])
    return np.where(data.tuned, share, 0.1)


def fit(data: Data, start: Mapping[str, Any] | None = None, passes: int = 14) -> tuple[Model, Floats, Floats]:
    """Robust fit; returns the model, its vector and the standard deviations of the logarithms."""
    model = Model(data)
    marks, spread = levels(data)
    k, nz = len(model.mean), marks.shape[1]
    mean = np.concatenate([model.mean, np.zeros(2 * nz)])
    sd = np.concatenate([model.sd, spread, 2 * spread])
    theta = mean.copy()
    theta[:k] = (
        [start.get(key, value) for key, value in zip(_keys(model), model.mean, strict=True)] if start else model.mean
    )
    there = np.isfinite(data.ttft)
    goal = np.concatenate([np.log(data.tpot), np.where(there, np.log(np.where(there, data.ttft, 1.0)), 0.0)])
    scale = np.concatenate([np.ones(len(there)), there * TTFT_WEIGHT])
    weights = np.tile(row_weights(data), 2)
    fixed = np.zeros((2 * len(there), 2 * nz))
    fixed[: len(there), :nz], fixed[len(there) :, nz:] = marks, marks

    def miss(vector: Floats) -> Floats:
        return np.asarray((goal - np.concatenate(model.log_times(vector[:k])) - fixed @ vector[k:]) * scale)

    def cost(r: Floats, vector: Floats) -> float:
        loss = (weights * SCALE**2 * np.log1p((r / SCALE) ** 2)).sum()
        return float(loss + SIGMA**2 * (((vector - mean) / sd) ** 2).sum())

    now, damping = miss(theta), 1e-3
    best = cost(now, theta)
    hessian = np.eye(len(theta))
    for _ in range(passes):
        slope = np.empty((len(now), len(theta)))
        slope[:, k:] = fixed * scale[:, None]
        base = np.concatenate(model.log_times(theta[:k]))
        for at in range(k):
            moved = theta[:k].copy()
            moved[at] += 1e-4
            slope[:, at] = (np.concatenate(model.log_times(moved)) - base) / 1e-4 * scale
        robust = weights / (1 + (now / SCALE) ** 2)
        hessian = (slope * robust[:, None]).T @ slope + np.diag(SIGMA**2 / sd**2)
        pull = (slope * robust[:, None]).T @ now - SIGMA**2 * (theta - mean) / sd**2
        gained = 0.0
        for _ in range(6):
            tried = theta + np.linalg.solve(hessian + damping * np.diag(np.diag(hessian)), pull)
            then = miss(tried)
            if (value := cost(then, tried)) < best:
                gained, best, theta, now, damping = best - value, value, tried, then, damping / 5
                break
            damping *= 6
        if gained < 1e-5 * best:
            break
    return model, theta[:k], SIGMA * np.sqrt(np.diag(np.linalg.inv(hessian)))[:k]


def _keys(model: Model) -> list[str]:
    return [*model.names, *(f"{group}/{term}" for group, term in model.steps)]


def as_parameters(model: Model, theta: Floats, sd: Floats, band: Mapping[str, float], source: str) -> Parameters:
    """The vector as the package's parameters."""
    adjust: dict[str, dict[str, float]] = {}
    for (group, term), value in zip(model.steps, theta[len(model.names) :], strict=True):
        adjust.setdefault(group, {})[term] = round(float(value), 4)
    values = {name: float(f"{math.exp(value):.4g}") for name, value in zip(model.names, theta, strict=False)}
    spread = {key: round(float(value), 3) for key, value in zip(_keys(model), sd, strict=True)}
    return Parameters(values, spread, adjust, band, 1.0, dt.datetime.now(dt.UTC).date().isoformat(), source)


def held_out(data: Data, labels: Sequence[str], whole: tuple[Model, Floats], *, refit: bool) -> dict[str, Floats]:
    """For each label: what is predicted without its rows. `refit` also fits the physics without them."""
    out = {f"{t}_{what}": np.full(len(data.tpot), np.nan) for t in ("tpot", "ttft") for what in ("plain", "mean", "sd")}
    names = np.array(labels)
    start = dict(zip(_keys(whole[0]), whole[1], strict=True))
    for label in sorted(set(labels)):
        test = names == label
        vector = whole[1]
        if refit:
            model, found, _ = fit(data.of(~test), start, 8)
            known = dict(zip(_keys(model), found, strict=True))
            # A term whose only rows are left out stays at its prior: 0.
            vector = np.array([known.get(key, 0.0) for key in _keys(whole[0])])
        for target, logs in zip(("tpot", "ttft"), whole[0].log_times(vector), strict=True):
            deviation = np.log(getattr(data, target)) - logs
            rest = Residuals(data.features.of(~test), deviation[~test], data.tuned[~test], target)
            mean, sd = rest.at(data.features.of(test))
            out[f"{target}_plain"][test], out[f"{target}_mean"][test] = logs[test], logs[test] + mean
            out[f"{target}_sd"][test] = sd
    return out


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
    for line in OTHERS:
        print(line)
    families = data.features.traits["family"]
    half = nested_bands(out, inside, data, "tpot")
    for family in sorted(set(families.tolist())):
        rows = families == family
        print(figures(f"TPOT, {family}", out["tpot_mean"][rows], data.tpot[rows], half[rows]))


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


def write(parameters: Parameters, data: Data, model: Model, theta: Floats) -> None:
    """The package's data files."""
    read = {name: getattr(parameters, name) for name in ("date", "source", "values", "sd", "adjust", "band")}
    (OUTFILE / "parameters.json").write_text(json.dumps(read, indent=1) + "\n", encoding="utf-8")
    logs = dict(zip(("tpot", "ttft"), model.log_times(theta), strict=True))
    weights = {target: _weights(np.log(getattr(data, target)) - logs[target], data, target) for target in logs}
    with (OUTFILE / "residuals.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [point.traits() for point in data.points]
        names = [*rows[0], "tuned", *(f"{what}_{target}" for what in ("log", "weight") for target in ("tpot", "ttft"))]
        out = csv.DictWriter(file, names, lineterminator="\n")
        out.writeheader()
        for at, row in enumerate(rows):
            off = {f"log_{t}": _rounded(math.log(getattr(data, t)[at]) - logs[t][at]) for t in ("tpot", "ttft")}
            short = {name: round(float(str(row[name])), 1) for name in ("concurrency", "isl", "osl")}
            sure = {f"weight_{t}": _rounded(float(weights[t][at])) for t in weights}
            out.writerow({**row, **short, "tuned": int(data.tuned[at]), **off, **sure})


def _weights(deviation: Floats, data: Data, target: str) -> Floats:
    """How much each row's deviation counts; not a number where there is none."""
    found, known = np.full(len(deviation), np.nan), np.isfinite(deviation)
    found[known] = Residuals(data.features, deviation, data.tuned, target).weights
    return found


def _rounded(value: float) -> float | str:
    return "" if math.isnan(value) else round(value, 4)


def main() -> None:
    """Fit, hold out, print, and write when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    data, left = read(arguments.rows)
    print(f"{len(data.tpot):,} rows; left out:", {name: count for name, count in left.items() if name})
    model, theta, sd = fit(data)
    families = data.features.traits["family"].tolist()
    out = held_out(data, families, (model, theta), refit=True)
    tenth = np.random.default_rng(1).integers(0, 10, len(families))
    inside = held_out(data, [str(fold) for fold in tenth], (model, theta), refit=False)
    band = bands(out, inside, data)
    report(data, out, inside, band)
    if arguments.write:
        source = f"{len(data.tpot)} public measurements (InferenceX exports, GPU vendor's runs, GPUStack lab, recipes)"
        write(as_parameters(model, theta, sd, band, source), data, model, theta)


if __name__ == "__main__":
    main()
