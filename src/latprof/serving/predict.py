"""From names to predictions: one operating point, or the rows of a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from latprof.classes import dataclass
from latprof.errors import UsageError
from latprof.serving.hardware import WEIGHT_BYTES, Deployment, ModelCard, Precision, Speculation
from latprof.serving.parameters import Parameters, default_parameters
from latprof.serving.protocol import protocol_of
from latprof.serving.residual import Features, Residuals, default_residuals, features_of
from latprof.serving.steady import Load, Mix, Steady, closed_form, mix_of, running_streams, stacked
from latprof.serving.tables import engine_named, gpu_named, model_named, precision_named, unknown_model

__all__ = ["Point", "Prediction", "modelled", "point_of", "points_of", "predict"]

_EMPTY: Final = {"", "nan", "none", "null"}
# Above this part of the memory no engine starts.
_FULL: Final = 0.97
_NODE: Final = 8


@dataclass(frozen=True, slots=True)
class Point:
    """A deployment under a steady load. `version` is the engine as it was named."""

    deployment: Deployment
    load: Load
    version: str
    name: str = ""
    remarks: tuple[str, ...] = ()

    def traits(self) -> dict[str, object]:
        """What measured deviations are looked up by."""
        used = self.deployment
        return {
            "family": used.model.family, "model": used.model.name, "engine": used.engine, "version": self.version,
            "precision": used.precision, "gpu": used.gpu.name, "layout": f"{used.n_gpu}-{int(used.ep > 1)}-{used.dp}",
            "concurrency": self.load.concurrency, "isl": self.load.isl, "osl": self.load.osl,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prediction:
    """TTFT and TPOT in milliseconds with 80 % bands, or the reason why there are none."""

    ttft_ms: float | None = None
    ttft_low_ms: float | None = None
    ttft_high_ms: float | None = None
    tpot_ms: float | None = None
    tpot_low_ms: float | None = None
    tpot_high_ms: float | None = None
    reason: str = ""
    remarks: tuple[str, ...] = ()


def predict(
    points: Sequence[Point | str],
    parameters: Parameters | None = None,
    residuals: Mapping[str, Residuals] | None = None,
) -> list[Prediction]:
    """One prediction per point, in order; a text is the reason of a refusal and stays one.

    `residuals` by 'ttft' and 'tpot' replace the measured deviations of the package.
    """
    good = [point for point in points if isinstance(point, Point)]
    made = iter(_predicted(good, parameters or default_parameters(), residuals or {}) if good else [])
    return [next(made) if isinstance(point, Point) else Prediction(reason=point) for point in points]


def modelled(points: Sequence[Point], parameters: Parameters) -> Steady:
    """What the step model alone says, without measured deviations: arrays of shape (n,), seconds."""
    return _modelled(points, stacked([mix_of(point.deployment, point.load) for point in points]), parameters)


def _modelled(points: Sequence[Point], mix: Mix, parameters: Parameters) -> Steady:
    fitted = [parameters.values_for(point.deployment) for point in points]
    values = {name: np.array([row[name] for row in fitted]) for name in parameters.values}
    return closed_form(mix, values, parameters.factor)


def _predicted(points: Sequence[Point], parameters: Parameters, residuals: Mapping[str, Residuals]) -> list[Prediction]:
    mix = stacked([mix_of(point.deployment, point.load) for point in points])
    return _with_deviation(points, mix, parameters, features_of([point.traits() for point in points]), residuals)


def _with_deviation(
    points: Sequence[Point], mix: Mix, parameters: Parameters, features: Features, residuals: Mapping[str, Residuals]
) -> list[Prediction]:
    found = _modelled(points, mix, parameters)
    columns: dict[str, Any] = {}
    for target, middle in (("ttft", found.ttft_s), ("tpot", found.tpot_s)):
        mean, sd = (residuals.get(target) or default_residuals(target)).at(features)
        half = parameters.band.get(target, 1.2816) * sd
        least = found.least_tpot_s if target == "tpot" else np.zeros(len(points))
        for name, shift in (("", 0.0), ("_low", -half), ("_high", half)):
            columns[f"{target}{name}_ms"] = np.maximum(middle * np.exp(mean + shift), least) * 1e3
    order = ("ttft_ms", "ttft_low_ms", "ttft_high_ms", "tpot_ms", "tpot_low_ms", "tpot_high_ms")
    lines: list[Any] = np.stack([columns[name] for name in order], axis=1).tolist()
    fields: list[dict[str, Any]] = [dict(zip(order, line, strict=True)) for line in lines]
    return [Prediction(**each, remarks=point.remarks) for each, point in zip(fields, points, strict=True)]


def point_of(row: Mapping[str, object]) -> Point:
    """A point from texts or numbers named as in a table of measurements.

    model, gpu ('8xH200' or with n_gpu), isl, osl, concurrency; optional precision, n_gpu, parallelism ('tp8-dp8-ep8'),
    engine, params_total_b, params_active_b, draft_tokens, acceptance, cached (input tokens that lie in the prefix
    cache), lengths ('equal' or 'varied'), source (for benchmarks whose lengths are known to differ from the stated
    ones). Raises UsageError with what is wrong.
    """
    count, gpu_name = _gpus(_text(row, "gpu"))
    if not gpu_name:
        raise UsageError("gpu is missing: name it, such as 8xH200.")
    gpu = gpu_named(gpu_name)
    model = _model(row)
    layout = _text(row, "parallelism").casefold()
    n_gpu = _whole(row, "n_gpu") or count or _from_layout(layout)
    if n_gpu is None:
        raise UsageError("How many GPUs is not said: give 8xH200, n_gpu or parallelism.")
    if "disagg" in layout:
        raise UsageError("Prefill and decode run on different GPUs here: the closed form is for one shared replica.")
    precision, remarks = _precision(row, model)
    engine = _text(row, "engine")
    deployment = Deployment(
        model=model, gpu=gpu, n_gpu=n_gpu, precision=precision, engine=engine_named(engine) or "other",
        ep=_part(layout, "ep", n_gpu), dp=_groups(layout, n_gpu), kv_bytes=1.0 if precision in {"fp8", "fp4"} else 2.0,
        speculation=Speculation(_whole(row, "draft_tokens") or 0, _number(row, "acceptance") or 0.0),
    )  # fmt: skip
    _check_fit(deployment)
    _check_division(deployment, layout)
    load = _load(row)
    _check_room(deployment, load)
    running = running_streams(deployment, load)
    if running < load.concurrency:
        waiting = (
            f"{running:,.0f} of the {load.concurrency:,.0f} calls fit into memory at once, TTFT has the others' wait"
        )
        remarks = (*remarks, waiting)
    if model.guessed:
        remarks = (*remarks, f"{model.name} is not in the table: its shape is guessed from its parameters")
    return Point(deployment, load, engine.casefold().strip() or "unknown", _text(row, "model"), remarks)


def _load(row: Mapping[str, object]) -> Load:
    isl, osl, concurrency = (_needed(row, name) for name in ("isl", "osl", "concurrency"))
    cached = _number(row, "cached") or 0.0
    if cached >= isl:
        raise UsageError("cached is not less than isl: the last token of a prompt is always computed.")
    protocol = protocol_of(_text(row, "source"))
    lengths = _text(row, "lengths").casefold()
    if lengths not in {"", "equal", "varied"}:
        raise UsageError("lengths is neither equal nor varied: say whether all calls have the same lengths.")
    varied = lengths == "varied" if lengths else protocol.varied
    share = protocol.length_share
    return Load(max(isl * share, 1.0), max(osl * share, 1.0), concurrency, cached * share, varied=varied)


def points_of(rows: Sequence[Mapping[str, object]]) -> list[Point | str]:
    """A point per row, or the reason why there is none."""
    found: list[Point | str] = []
    for row in rows:
        try:
            found.append(point_of(row))
        except UsageError as error:
            found.append(str(error))
    return found


def _text(row: Mapping[str, object], name: str) -> str:
    value = str(row.get(name) if row.get(name) is not None else "").strip()
    return "" if value.casefold() in _EMPTY else value


def _number(row: Mapping[str, object], name: str) -> float | None:
    text = _text(row, name)
    try:
        value = float(text) if text else None
    except ValueError:
        raise UsageError(f"{name} is no number: give digits.") from None
    if value is not None and not 0 <= value < 1e18:
        raise UsageError(f"{name} is out of range: give a positive number.")
    return value


def _whole(row: Mapping[str, object], name: str) -> int | None:
    value = _number(row, name)
    return None if value is None or value < 1 else round(value)


def _needed(row: Mapping[str, object], name: str) -> float:
    value = _number(row, name)
    if value is None or value < 1:
        raise UsageError(f"{name} is missing or below 1: a steady load needs isl, osl and concurrency.")
    return value


def _gpus(text: str) -> tuple[int | None, str]:
    """'8xH200' -> (8, 'H200')."""
    found = re.fullmatch(r"\s*(\d+)\s*[xX×*]\s*(.+?)\s*", text)
    return (int(found[1]), found[2]) if found and int(found[1]) else (None, text)


def _part(layout: str, name: str, otherwise: int) -> int:
    """The number after a name in 'tp8-dp8-ep8'; 1 without the name, `otherwise` for 'epyes'."""
    found = re.search(rf"\b{name}(\d+|yes)", layout)
    if not found:
        return 1
    return otherwise if found[1] == "yes" else max(int(found[1]), 1)


def _from_layout(layout: str) -> int | None:
    return _part(layout, "tp", 1) * _part(layout, "pp", 1) if "tp" in layout else None


def _groups(layout: str, n_gpu: int) -> int:
    """Attention groups, as many as divide the GPUs."""
    groups = min(_part(layout, "dp", 1), n_gpu)
    return next(count for count in range(groups, 0, -1) if n_gpu % count == 0)


def _model(row: Mapping[str, object]) -> ModelCard:
    name = _text(row, "model")
    known = model_named(name)
    if known is not None:
        return known
    total, active = _number(row, "params_total_b"), _number(row, "params_active_b")
    if not total:
        raise UsageError(
            f"No model is called {name or 'so'}: give its sizes in 10^9 "
            "(params_total_b and params_active_b of a row, --total-b and --active-b)."
        )
    return unknown_model(name or "unnamed", total * 1e9, active * 1e9 if active else None)


def _precision(row: Mapping[str, object], model: ModelCard) -> tuple[Precision, tuple[str, ...]]:
    """The stated width, else that in the model's name, else the published one.

    A model that is published in fewer bits than 16 is served as it was published.
    """
    stated = precision_named(_text(row, "precision")) or precision_named(_text(row, "model"))
    if stated is None:
        return model.native_precision, (f"Precision not stated: {model.native_precision}, as published",)
    if stated == "bf16" and model.native_precision != "bf16":
        return model.native_precision, (f"Published in {model.native_precision}: taken instead of 16 bits",)
    return stated, ()


def _check_fit(deployment: Deployment) -> None:
    """Raises UsageError when the weights leave no room."""
    per = WEIGHT_BYTES[deployment.precision]
    weights = deployment.model.total_params * per
    one = deployment.gpu.memory_bytes
    if weights > _FULL * deployment.n_gpu * one:
        needed = next(n for n in (1, 2, 4, 8, 16, 32, 64, 128, 256, 100000) if weights <= 0.9 * n * one)
        raise UsageError(
            f"{deployment.model.name} in {deployment.precision} does not fit: {weights / 1e9:.0f} GB of weights, "
            f"{deployment.n_gpu} x {one / 1e9:.0f} GB of memory; {needed}x{deployment.gpu.name} would hold it."
        )


def _check_room(deployment: Deployment, load: Load) -> None:
    """Raises UsageError when not even the whole memory beside the weights holds one call."""
    model, each = deployment.model, deployment.kv_bytes_per_token * deployment.attention_gpus / deployment.kv_shards
    free = deployment.n_gpu * deployment.gpu.memory_bytes - model.total_params * WEIGHT_BYTES[deployment.precision]
    if (load.isl + load.osl) * each > free:
        raise UsageError(
            f"One call of {load.isl + load.osl:,.0f} tokens does not fit: beside the weights of {model.name}, "
            f"{deployment.n_gpu} x {deployment.gpu.name} hold {free / each:,.0f}: give fewer tokens or more GPUs."
        )


def _check_division(deployment: Deployment, layout: str) -> None:
    """Raises UsageError when the cards of a tensor-parallel group do not divide the model's attention heads."""
    model, tensor = deployment.model, deployment.n_gpu // deployment.dp
    # More cards than a node has are several replicas or stages, whose layout a row may leave out.
    if model.guessed or "pp" in layout or tensor > _NODE or not model.heads % tensor:
        return
    nearest = next(n for n in range(tensor - 1, 0, -1) if model.heads % n == 0)
    raise UsageError(
        f"{tensor} cards do not divide the {model.heads} attention heads of {model.name}: "
        f"tensor parallelism needs a number that does, such as {nearest}."
    )
