"""`latprof baseline`."""

from __future__ import annotations

import typer

from latprof.cli import options, talk
from latprof.cli.check import Alike
from latprof.cli.selection import Selection, selects_calls
from latprof.cli.settings import effective
from latprof.errors import UsageError
from latprof.units import format_counted

__all__ = ["baseline", "write"]

baseline = typer.Typer(help="Keep figures to compare with later.", rich_markup_mode=None, no_args_is_help=True)


@baseline.command("write")
@selects_calls
def write(
    selection: Selection,
    alike: Alike = None,
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Write the figures of these calls to a baseline file.

    It is for latprof check --baseline.

    Which metrics, percentiles and groups stands in the settings under [baseline]. The file holds figures
    only: no ids, no text.
    """
    from latprof.api import with_estimates
    from latprof.check import make_baseline, mixture_words, write_baseline

    in_force = effective(selection.config, {} if alike is None else {"check.alike": alike})
    named = in_force.settings.baseline.file
    target = output if output is not None or named is None else in_force.path(named)
    options.check_targets(target, inputs=selection.paths, force=force)
    trace = with_estimates(selection.read()).trace
    made = make_baseline(trace, in_force.settings, selection.zone)
    if not made.kept:
        what = f"Of {format_counted(made.calls, 'call')} no figure can be told" if made.calls else "No call was found"
        raise UsageError(f"{what}, so there is nothing to keep: check the paths and the filters, or give more calls.")
    options.write_output(write_baseline(made), target, force=force)
    for words in mixture_words(trace):
        talk.note(words)
    if target not in {None, "-"}:
        figures = format_counted(len(made.kept), "figure")
        talk.note(f"{figures} of {format_counted(made.calls, 'call')} written to {target}")
