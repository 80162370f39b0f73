"""Fit the step model to measured rows, and test it on model families that it was not fitted on.

    python bench/serving/fit.py MEASUREMENTS.csv            prints the tables
    python bench/serving/fit.py MEASUREMENTS.csv --write    also writes the package's parameters and residuals
    python bench/serving/fit.py MEASUREMENTS.csv --nested   instead: each family predicted by the variant of the model
                                                            that does best on the other families (takes minutes)

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
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from fit_report import bands, errors, figures, report
from fit_rows import Data, Floats, levels, read, row_weights

from latprof.serving.parameters import FIRST_GUESS, Parameters, groups
from latprof.serving.residual import Residuals
from latprof.serving.steady import closed_form

TERMS = {
    "engine": ("k_weights", "k_compute", "k_kv", "layer_s", "tp_layer_s", "seq_s", "step_s", "first_token_s", "waves",
               "eager_layer_s"),
    "kind": ("k_weights", "k_compute", "k_kv", "layer_s", "tp_layer_s"),
    "feedforward": ("k_weights", "k_compute", "layer_s"),
    "generation": ("k_weights", "k_compute", "layer_s", "tp_layer_s"),
    "gpu": ("k_weights", "layer_s"),
    "precision": ("k_weights", "k_compute", "layer_s"),
    "parallelism": ("k_weights", "tp_layer_s", "layer_s"),
}  # fmt: skip
PRIOR = {"engine": 0.3, "kind": 0.2, "feedforward": 0.2, "generation": 0.1, "gpu": 0.2, "precision": 0.2,
         "parallelism": 0.3}  # fmt: skip
LOOSE = {"first_token_s", "waves"}
SIGMA, SCALE, TTFT_WEIGHT = 0.4, 0.15, 0.5
# Variants to choose among in a nested test: kinds of groups without terms, and whether lengths are taken as varied.
VARIANTS: Final[Mapping[str, tuple[tuple[str, ...], bool]]] = {
    "all": ((), False),
    "no terms of experts": (("feedforward",), False),
    "no terms of single GPUs": (("gpu",), False),
    "neither": (("feedforward", "gpu"), False),
    "neither, lengths varied": (("feedforward", "gpu"), True),
}
LARGE, LIMITS = 20, (0.15, 0.40)
OUTFILE = Path(__file__).resolve().parents[2] / "src" / "latprof" / "serving" / "data"


class Model:
    """The parameters as one vector, for a fixed set of rows; `without` are kinds of groups that get no terms."""

    def __init__(self, data: Data, without: Collection[str] = ()) -> None:
        self.data, self.without = data, frozenset(without)
        member = [
            {group for group in groups(point.deployment) if group.partition(":")[0] not in self.without}
            for point in data.points
        ]
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


def fit(
    data: Data, start: Mapping[str, Any] | None = None, passes: int = 14, without: Collection[str] = ()
) -> tuple[Model, Floats, Floats]:
    """Robust fit; returns the model, its vector and the standard deviations of the logarithms."""
    model = Model(data, without)
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


def held_out(
    data: Data, labels: Sequence[str], whole: tuple[Model, Floats], *, refit: bool, only: Collection[str] | None = None
) -> dict[str, Floats]:
    """What is predicted of each label, or `only` these, without its rows. `refit` fits the physics without them too."""
    out = {f"{t}_{what}": np.full(len(data.tpot), np.nan) for t in ("tpot", "ttft") for what in ("plain", "mean", "sd")}
    names = np.array(labels)
    start = dict(zip(_keys(whole[0]), whole[1], strict=True))
    for label in sorted(set(labels) if only is None else only):
        test = names == label
        vector = whole[1]
        if refit:
            model, found, _ = fit(data.of(~test), start, 8, whole[0].without)
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


def nested(data: Data) -> None:
    """Held-out errors when the variant itself is chosen without the family that is then predicted."""
    families = data.features.traits["family"]
    sizes = Counter(families.tolist())
    # The small families are held out together: each alone is too few rows to be worth its own choice.
    label = np.array([family if sizes[family] >= LARGE else "the small families" for family in families.tolist()])
    tpot, ttft = np.empty(len(families)), np.empty(len(families))
    for one in sorted(set(label.tolist())):
        test = label == one
        found = {variant: _inner(data.of(~test), variant) for variant in VARIANTS}
        best = min(found, key=lambda variant: found[variant])
        print(f"{one}: {best}", {variant: round(value, 3) for variant, value in found.items()}, flush=True)
        without, varied = VARIANTS[best]
        seen = data.varied() if varied else data
        whole = fit(seen, without=without)[:2]
        out = held_out(seen, ["test" if is_test else "" for is_test in test], whole, refit=True, only=("test",))
        tpot[test], ttft[test] = out["tpot_mean"][test], out["ttft_mean"][test]
    print(figures("TPOT, model family, nested", tpot, data.tpot))
    print(figures("TTFT, model family, nested", ttft, data.ttft))


def _inner(data: Data, variant: str) -> float:
    """How a variant does on families that it is not fitted on: 1 where both limits of TPOT are just met."""
    without, varied = VARIANTS[variant]
    seen = data.varied() if varied else data
    whole = fit(seen, without=without)[:2]
    out = held_out(seen, seen.features.traits["family"].tolist(), whole, refit=True)
    size = np.abs(errors(out["tpot_mean"], seen.tpot))
    return float(np.median(size) / LIMITS[0] + np.quantile(size, 0.9) / LIMITS[1]) / 2


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
    parser.add_argument("--nested", action="store_true")
    arguments = parser.parse_args()
    data, left = read(arguments.rows)
    print(f"{len(data.tpot):,} rows; left out:", {name: count for name, count in left.items() if name})
    if arguments.nested:
        nested(data)
        return
    model, theta, sd = fit(data)
    families = data.features.traits["family"].tolist()
    out = held_out(data, families, (model, theta), refit=True)
    tenth = np.random.default_rng(1).integers(0, 10, len(families))
    inside = held_out(data, [str(fold) for fold in tenth], (model, theta), refit=False)
    band = bands(out, inside, data)
    report(data, out, inside, band)
    if arguments.write:
        source = (
            f"{len(data.tpot):,} public measurements (InferenceX exports, GPU vendor's runs, GPUStack lab, recipes)"
        )
        write(as_parameters(model, theta, sd, band, source), data, model, theta)


if __name__ == "__main__":
    main()
