"""`latprof predict`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import cluster, options, talk
from latprof.cli.drawing import AsJson, FormatName, chosen_format, show
from latprof.errors import NothingReadable, UsageError

if TYPE_CHECKING:
    from latprof.serving.predict import Point
    from latprof.serving.residual import Residuals

__all__ = ["predict"]


def predict(  # noqa: PLR0913 - one option each
    rows: Annotated[
        str | None, typer.Option("--rows", metavar="FILE", help="A CSV with one operating point per row.")
    ] = None,
    gpu: Annotated[str | None, typer.Option(metavar="NxGPU", help="GPUs of the replica, like 8xH200.")] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The model; any name with --total-b.")] = None,
    isl: Annotated[float | None, typer.Option(metavar="TOKENS", help="Input tokens of a call.")] = None,
    osl: Annotated[float | None, typer.Option(metavar="TOKENS", help="Output tokens of a call.")] = None,
    concurrency: Annotated[float | None, typer.Option(metavar="N", help="Calls in flight.")] = None,
    engine: Annotated[
        str, typer.Option(metavar="NAME", help="vllm, sglang or trtllm, with or without a version.")
    ] = "vllm",
    precision: Annotated[
        str | None, typer.Option(metavar="NAME", help="bf16, fp8, fp4 or int4. [as published]")
    ] = None,
    parallelism: Annotated[
        str | None, typer.Option(metavar="LAYOUT", help="Like tp8-ep8 or tp8-dp8. [tensor parallel]")
    ] = None,
    total_b: Annotated[
        float | None, typer.Option(metavar="N", help="Parameters of an unknown model, in 10^9.")
    ] = None,
    active_b: Annotated[float | None, typer.Option(metavar="N", help="Its active parameters, in 10^9.")] = None,
    draft_tokens: Annotated[int, typer.Option(metavar="N", help="Tokens drafted per step; 0 is none.")] = 0,
    acceptance: Annotated[float, typer.Option(metavar="SHARE", help="Share of drafted tokens accepted.")] = 0.7,
    cached: Annotated[float, typer.Option(metavar="TOKENS", help="Input tokens in the prefix cache.")] = 0.0,
    lengths: Annotated[
        str, typer.Option(metavar="KIND", help="equal: all calls alike, as in most load tests; or varied.")
    ] = "equal",
    calibrate: cluster.Calibrate = None,
    oracle: Annotated[
        str | None, typer.Option(metavar="NAME", help="A second opinion beside latprof's: aiconfigurator.")
    ] = None,
    output: options.Output = None,
    format_name: FormatName = None,
    as_json: AsJson = False,  # noqa: FBT002
    force: options.Force = False,  # noqa: FBT002
) -> None:  # fmt: skip
    """Predict TTFT and TPOT of a served model under a steady load.

    Each with a band that should hold 80 % of deployments.

    One point by options, or many by --rows: the columns are model, precision, gpu, n_gpu, parallelism, engine, isl,
    osl, concurrency, cached, lengths, and for models that latprof does not know params_total_b and params_active_b. A
    column source that names InferenceX or the SGLang cookbook has lengths taken as those benchmarks draw them.
    """
    if rows is not None:
        if gpu or model or oracle:
            raise UsageError("Give --rows (with --calibrate, if wanted) or one operating point, not both.")
        _rows(rows, output, calibrate, force=force)
        return
    row: dict[str, object] = {
        "gpu": gpu, "model": model, "isl": isl, "osl": osl, "concurrency": concurrency, "engine": engine,
        "precision": precision, "parallelism": parallelism, "params_total_b": total_b, "params_active_b": active_b,
        "draft_tokens": draft_tokens, "acceptance": acceptance, "cached": cached, "lengths": lengths,
    }  # fmt: skip
    missing = [f"--{name}" for name in ("gpu", "model", "isl", "osl", "concurrency") if row[name] is None]
    if missing:
        raise UsageError(f"{', '.join(missing)} is missing: give one operating point, or a table with --rows.")
    if not 0 <= acceptance <= 1:
        raise UsageError("--acceptance is a share: give a number from 0 to 1.")
    _check_names(engine, precision)
    if parallelism is not None:
        _check_layout(parallelism, gpu or "")
    chosen = chosen_format(format_name, as_json=as_json, output=output)
    _one(row, chosen, output, calibrate, oracle, force=force)


def _one(
    row: Mapping[str, object],
    chosen: str,
    output: str | None,
    calibrate: str | None,
    oracle: str | None,
    *,
    force: bool,
) -> None:
    from latprof.replay.calibrate import calibrated
    from latprof.report.predict import predict_document
    from latprof.serving.oracle import second_opinion
    from latprof.serving.parameters import default_parameters
    from latprof.serving.predict import point_of
    from latprof.serving.predict import predict as predictions

    point = point_of(row)
    tests = cluster.load_tests(calibrate, point.deployment.model.name) if calibrate else []
    parameters = default_parameters()
    residuals = calibrated(point.deployment, point.version, tests, parameters) if tests else None
    (found,) = predictions([point], parameters, residuals)
    second = second_opinion(point, oracle) if oracle else None
    show(predict_document(point, found, parameters, tests, second), chosen, output, force=force)


def _check_names(engine: str, precision: str | None) -> None:
    """Raises UsageError for a name that nothing has; in a table of measurements such a name may be a note."""
    from latprof.serving.tables import engine_named, precision_named

    if engine_named(engine) is None:
        raise UsageError(f"No engine is called {engine}: choose vllm, sglang or trtllm.")
    if precision is not None and precision_named(precision) is None:
        raise UsageError(f"No precision is called {precision}: choose bf16, fp8, fp4 or int4.")


def _check_layout(layout: str, gpu: str) -> None:
    """Raises UsageError for a layout that cannot be read, or whose GPUs are not those of --gpu."""
    parts = re.findall(r"(tp|dp|ep|pp)([1-9]\d{0,3})", layout.casefold())
    if not parts or "-".join(map("".join, parts)) != layout.casefold().strip():
        raise UsageError(f"No layout is called {layout}: write it as tp8, tp8-ep8 or tp8-dp8.")
    sizes = {name: int(count) for name, count in parts}
    held, groups = sizes.get("tp", 1) * sizes.get("pp", 1), sizes.get("dp", 1)
    found = re.match(r"\s*(\d+)\s*[xX×*]", gpu)
    count = int(found[1]) if found else held
    # Groups of attention are written beside all GPUs of the replica (tp8-dp8) or beside those of a group (tp1-dp8).
    if ("tp" in sizes and count not in {held, held * groups}) or count % groups:
        raise UsageError(f"--parallelism {layout} does not make up the {count} GPUs of --gpu {gpu}: give either anew.")


def _rows(path: str, output: str | None, calibrate: str | None, *, force: bool) -> None:
    from latprof.report.predict import row_grid
    from latprof.serving.parameters import default_parameters
    from latprof.serving.predict import points_of
    from latprof.serving.predict import predict as predictions

    options.check_targets(output, inputs=[path], force=force)
    rows = _read(path)
    points = points_of(rows)
    residuals = _row_residuals(points, calibrate) if calibrate else None
    found = predictions(points, default_parameters(), residuals)
    options.write_output(_csv(row_grid(rows, found)), output, force=force)
    refused = sum(1 for item in found if item.reason)
    talk.note(f"{len(rows) - refused} of {len(rows)} rows predicted, {refused} refused")


def _row_residuals(points: Sequence[Point | str], calibrate: str) -> dict[str, Residuals]:
    """What a test of the rows' server tells. Raises UsageError when the rows are of several servers."""
    from latprof.replay.calibrate import calibrated
    from latprof.report.calibration_words import calibration_words
    from latprof.serving.parameters import default_parameters

    good = [point for point in points if not isinstance(point, str)]
    servers = {(point.deployment, point.version) for point in good}
    if len(servers) != 1:
        raise UsageError(
            f"The rows are of {len(servers)} servers and a load test is of one: keep the rows of the tested one."
        )
    tests = cluster.load_tests(calibrate, good[0].deployment.model.name)
    talk.note(calibration_words(tests))
    return calibrated(good[0].deployment, good[0].version, tests, default_parameters())


def _read(path: str) -> list[dict[str, str]]:
    """The rows of a CSV by heading, headings in lower case. Raises NothingReadable, UsageError."""
    import csv

    try:
        with Path(path).expanduser().open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            rows = [{(key or "").strip().casefold(): value for key, value in row.items() if key} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or "it is no CSV in UTF-8"
        raise NothingReadable(f"Cannot read {path} ({reason}): give a CSV file.") from None
    needed = {"model", "gpu", "isl", "osl", "concurrency"} - set(rows[0] if rows else ())
    if needed:
        raise UsageError(f"{path} has no column {', '.join(sorted(needed))}: name the columns as predict --help says.")
    return rows


def _csv(grid: object) -> bytes:
    import csv
    import io

    from latprof.report.document import Grid

    assert isinstance(grid, Grid)  # noqa: S101
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(grid.columns)
    writer.writerows(["" if cell is None else cell for cell in line] for line in grid.rows)
    return text.getvalue().encode("utf-8", "replace")
