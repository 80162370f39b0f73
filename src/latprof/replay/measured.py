"""Measured serving rows that come near a deployment, so that nobody has to believe the model alone."""

from __future__ import annotations

import csv
import math
from functools import cache
from importlib import resources

from latprof.classes import dataclass
from latprof.errors import UsageError
from latprof.serving import Deployment
from latprof.serving.tables import gpu_named, model_named

__all__ = ["MeasuredRow", "measured_rows", "nearest_rows"]


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """One published operating point: medians or means of a closed loop, as the source has them."""

    model: str
    precision: str
    gpu: str
    n_gpu: int
    parallelism: str
    engine: str
    isl: float
    osl: float
    concurrency: float
    ttft_ms: float | None
    tpot_ms: float
    date: str
    source: str

    @property
    def decode_tps(self) -> float:
        """Tokens per second of one stream."""
        return 1000 / self.tpot_ms


@cache
def measured_rows() -> tuple[MeasuredRow, ...]:
    """All packaged rows."""
    text = (resources.files("latprof.replay") / "data" / "measured.csv").read_text(encoding="utf-8")
    return tuple(
        MeasuredRow(
            row["model"], row["precision"], row["gpu"], int(float(row["n_gpu"])), row["parallelism"], row["engine"],
            float(row["isl"]), float(row["osl"] or "nan"), float(row["concurrency"]),
            float(row["ttft_p50_ms"]) if row["ttft_p50_ms"] else None, float(row["tpot_p50_ms"]), row["date"],
            row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    )  # fmt: skip


@cache
def _known(name: str, kind: str) -> str | None:
    """The table's name for a model or GPU as the row writes it, None where the table has none."""
    try:
        found = model_named(name) if kind == "model" else gpu_named(name)
    except UsageError:
        return None
    return None if found is None else found.name


def nearest_rows(
    deployment: Deployment, concurrency: float, context_tokens: float, count: int = 3
) -> tuple[MeasuredRow, ...]:
    """The rows of the same model that differ least in GPU, number of GPUs, precision, streams and context.

    Distances are logarithms of ratios; another GPU or precision counts as a factor of e each.
    """
    model, gpu = deployment.model.name, deployment.gpu.name
    rows = [row for row in measured_rows() if _known(row.model, "model") == model]

    def distance(row: MeasuredRow) -> float:
        return (
            (_known(row.gpu, "gpu") != gpu)
            + (row.precision != deployment.precision)
            + abs(math.log(row.n_gpu / deployment.n_gpu))
            + abs(math.log(max(row.concurrency, 1) / max(concurrency, 1))) / 2
            + abs(math.log(max(row.isl, 1) / max(context_tokens, 1))) / 4
        )

    chosen: dict[tuple[object, ...], MeasuredRow] = {}
    for row in sorted(rows, key=lambda row: (distance(row), row.date), reverse=False):
        chosen.setdefault((row.gpu, row.n_gpu, row.isl, row.osl, row.concurrency, row.precision), row)
    return tuple(list(chosen.values())[:count])
