"""Measured rows of a table as arrays for the fit of the step model, and how much each counts."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.errors import UsageError
from latprof.serving.parameters import FIRST_GUESS
from latprof.serving.predict import Point, point_of
from latprof.serving.residual import Features, features_of
from latprof.serving.steady import Mix, closed_form, mix_of, stacked

__all__ = ["Data", "Floats", "Mask", "levels", "read", "row_weights"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
GPUS: Final = {"A100", "H100", "H200", "H200-NVL", "B200"}
FAMILY_SD, CELL_SD = 0.25, 0.2


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
    doubtful: Mask

    def of(self, rows: Mask) -> Data:
        """Only these rows."""
        chosen = [point for point, keep in zip(self.points, rows, strict=True) if keep]
        mix = stacked([mix_of(point.deployment, point.load) for point in chosen])
        times, marks = (self.tpot[rows], self.ttft[rows]), (self.tuned[rows], self.drafted[rows], self.doubtful[rows])
        return Data(chosen, mix, self.features.of(rows), *times, *marks)

    def varied(self) -> Data:
        """The same, as if lengths differed from call to call in all rows."""
        points = [replace(point, load=replace(point.load, varied=True)) for point in self.points]
        return replace(self, points=points, mix=stacked([mix_of(point.deployment, point.load) for point in points]))


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
        _doubtful(rows),
    )  # fmt: skip
    return data, left


def _drafted(row: Mapping[str, str]) -> bool:
    """Whether a row was most likely measured with multi-token prediction, though it does not say so.

    InferenceX rows of TensorRT-LLM come under two names for the same architecture. At the same GPUs, precision and load
    those under DeepSeek-R1 have 0.5 to 0.8 of the time per token of those under DeepSeek-V3.
    """
    return row["source"].startswith("InferenceX") and "DeepSeek-R1" in row["model"] and "trtllm" in row["engine"]


def _doubtful(rows: Sequence[Mapping[str, str]]) -> Mask:
    """Rows that contradict themselves or another row.

    TTFT = OSL x TPOT to a part in a thousand: one of the two was made from the other, or both from the duration of the
    call. Or the same TTFT and TPOT to all digits on another GPU: one of the two pages is a copy.
    """
    made = [
        abs(float(row["ttft_p50_ms"] or "nan") / (float(row["tpot_p50_ms"]) * float(row["osl"])) - 1) < 1e-3
        for row in rows
    ]
    figures = [(row["model"], row["ttft_p50_ms"], row["tpot_p50_ms"]) for row in rows]
    gpus: dict[tuple[str, ...], set[str]] = {}
    for row, key in zip(rows, figures, strict=True):
        gpus.setdefault(key, set()).add(row["gpu"])
    return np.array([one or len(gpus[key]) > 1 for one, key in zip(made, figures, strict=True)])


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
    least = closed_form(mix_of(point.deployment, point.load), {k: v for k, (v, _) in FIRST_GUESS.items()})
    if _measured(row) <= least.least_tpot_s:
        return "faster than the roofline", None
    return "", point


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
