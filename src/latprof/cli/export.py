"""`latprof export`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import options, talk
from latprof.cli.naming import Anonymize, CoarseTimes, Names, Salt, format_by_name
from latprof.cli.selection import Selection, selects_calls

if TYPE_CHECKING:
    from latprof.trace import Trace

__all__ = ["export"]


@selects_calls
def export(
    selection: Selection,
    output: options.Output = None,
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="csv, jsonl, parquet, perfetto, otlp, weka or mooncake. [by the output file's name, else csv]",
        ),
    ] = None,
    anonymize: Anonymize = False,  # noqa: FBT002 - typer's way
    salt: Salt = None,
    coarse_times: CoarseTimes = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Write one row per call: times, tokens, names and ids.

    Never any text of a conversation.

    Where the log holds no first token, ttft_s and decode_tps are what is most likely for the call, of kind
    estimate and with an interval; take percentiles of groups from analyze.

    perfetto is a timeline for ui.perfetto.dev and chrome://tracing, otlp holds OpenTelemetry spans with GenAI
    attributes; their files end in .perfetto.json and .otlp.json. Calls without a date, a send time or an end are left
    out of spans, and of a timeline beside others of their session that have them.

    weka (kv-cache-tester, one list of sessions; .weka.json) and mooncake (JSON Lines; .mooncake.json) are for tools
    that replay calls on a server; calls without send time or token counts are left out of them.
    """
    from latprof.api import with_estimates
    from latprof.report.export import EXPORT_FORMATS, export_parts

    chosen = format_by_name(format_name, output, tuple(EXPORT_FORMATS))
    options.check_targets(output, inputs=selection.paths, force=force)
    names = Names.of(salt, coarse_times, anonymize=anonymize)
    trace = names.applied(with_estimates(selection.read(held=False)).trace)
    options.write_output(export_parts(trace, chosen, tz=selection.zone), output, force=force)
    if output is not None and output != "-":
        _note(trace, chosen, output)


def _note(trace: Trace, chosen: str, output: str) -> None:
    from latprof.report.export import written_calls

    written, lacking = written_calls(trace, chosen)
    if written == len(trace):
        talk.note(f"{written} calls written to {output}")
    else:
        talk.note(f"{written} of {len(trace)} calls written to {output}: the others lack {lacking}")
