"""`latprof check`."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from latprof.cli import drawing, options
from latprof.cli.selection import Selection, selects_calls
from latprof.cli.settings import effective
from latprof.errors import CheckFailed, UsageError
from latprof.units import format_counted

if TYPE_CHECKING:
    from latprof.check import Baseline, Verdicts
    from latprof.config.load import Effective
    from latprof.report import Document
    from latprof.trace import Trace

__all__ = ["Alike", "check"]

Alike = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="session: calls of a session are alike; call: calls are independent, as those of a load test. [session]",
    ),
]
_ESTIMATED: Final = frozenset({"ttft_s", "decode_tps"})
_BUDGET: Final = re.compile(
    r"p(?P<percentile>[\d.]+)\s+(?P<metric>\w+)(?:\s+(?P<kind>exact|bound|estimate|as_logged))?"
    r"\s*(?P<side><=|>=|<|>)\s*(?P<limit>[\d.]+)(?:\s+by\s+(?P<by>[\w,]+))?"
)


@selects_calls
def check(  # noqa: PLR0913 - one argument per option
    selection: Selection,
    budget: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="A limit such as 'p90 wall_s <= 20' or 'p50 ttft_s exact <= 2 by model'."),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="FILE", help="Compare with this file of latprof baseline write.")
    ] = None,
    strict: Annotated[  # noqa: FBT002
        bool, typer.Option("--strict", help="What cannot be judged fails too.")
    ] = False,
    alike: Alike = None,
    junit: Annotated[str | None, typer.Option(metavar="FILE", help="Also write JUnit XML to this file.")] = None,
    github: Annotated[
        bool | None,
        typer.Option(help="Write GitHub's annotations and step summary. [in GitHub Actions: yes]", show_default=False),
    ] = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Hold budgets and a baseline against the calls, for CI.

    Exits with 1 when one fails, noise aside.

    Budgets stand in latprof.toml under [[budgets]], or in --budget.
    """
    from latprof.check import run_check
    from latprof.report.checking import check_document
    from latprof.report.ci import junit_xml

    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, junit, inputs=selection.paths, force=force)
    in_force = effective(selection.config, _options(budget, baseline, alike, strict=strict))
    kept = _baseline(in_force, given=baseline)
    trace = _trace(selection, in_force, kept)
    verdicts = run_check(trace, in_force.settings, kept, selection.zone)
    document = check_document(verdicts)
    drawing.show(document, chosen, output, force=force)
    if junit is not None:
        options.write_output(junit_xml(verdicts), junit, force=force)
    if github or (github is None and os.environ.get("GITHUB_ACTIONS") == "true"):
        _tell_github(verdicts, document, to_stdout=output not in {None, "-"} or chosen in {"table", "md"})
    if verdicts.failed:
        total = format_counted(len(verdicts.outcomes), "figure")
        raise CheckFailed(f"{len(verdicts.failed)} of {total} failed the check.")


def _trace(selection: Selection, in_force: Effective, kept: Baseline | None) -> Trace:
    """The calls; with estimates only if a limit asks for what can be estimated, for a fit takes time."""
    from latprof.api import with_estimates

    loaded = selection.read()
    asked = {item.metric for item in in_force.settings.budgets} | {item.metric for item in (kept.kept if kept else ())}
    return (with_estimates(loaded) if asked & _ESTIMATED else loaded).trace


def _options(budgets: list[str] | None, baseline: str | None, alike: str | None, *, strict: bool) -> dict[str, Any]:
    """The options as settings; only what was given."""
    found: dict[str, Any] = {}
    if budgets:
        found["budgets"] = [_budget(text) for text in budgets]
    if baseline is not None:
        found["baseline.file"] = baseline
    if alike is not None:
        found["check.alike"] = alike
    if strict:
        found["check.strict"] = True
    return found


def _budget(text: str) -> dict[str, Any]:
    """'p90 wall_s <= 20 by model' -> a table of settings. Raises UsageError."""
    match = _BUDGET.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"--budget {text} is no limit: write it as 'p90 wall_s <= 20' or 'p50 ttft_s <= 2 by model'.")
    side = "max" if match["side"].startswith("<") else "min"
    table: dict[str, Any] = {"metric": match["metric"], "percentile": match["percentile"], side: match["limit"]}
    if match["kind"]:
        table["kind"] = match["kind"]
    if match["by"]:
        table["by"] = [key for key in match["by"].split(",") if key]
    return table


def _baseline(in_force: Effective, *, given: str | None) -> Baseline | None:
    """The baseline that the option names (from here) or the settings (from their folder). Raises UsageError."""
    from latprof.check import parse_baseline

    named = in_force.settings.baseline.file
    if named is None:
        return None
    path = Path(given).expanduser() if given is not None else Path(in_force.path(named))
    try:
        return parse_baseline(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(
            f"The baseline {path} cannot be read ({error.strerror}): write one with latprof baseline write."
        ) from None


def _tell_github(verdicts: Verdicts, document: Document, *, to_stdout: bool) -> None:
    """Annotations, and the whole result on the job's page."""
    from latprof.report.ci import github_annotations

    typer.echo(github_annotations(verdicts), nl=False, err=not to_stdout)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if not summary:
        return
    try:
        with Path(summary).open("ab") as page:
            page.write(drawing.draw(document, "md", summary))
    except OSError as error:
        print(f"latprof: the step summary cannot be written ({error.strerror})", file=sys.stderr)  # noqa: T201
