"""`latprof export`."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import options
from latprof.cli.selection import Selection, selects_calls
from latprof.errors import UsageError
from latprof.units import parse_duration_s

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
    anonymize: Annotated[  # noqa: FBT002 - typer's way
        bool, typer.Option("--anonymize", help="Salted hashes instead of ids and project paths.")
    ] = False,
    salt: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            envvar="LATPROF_SALT",
            help="Secret for the hashes: the same in a team, so that its exports can be merged. [a new one each time]",
        ),
    ] = None,
    coarse_times: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN", help="With --anonymize: let each call start at a full 15m, 1h, 1d; durations stay."
        ),
    ] = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Write one row per call: times, tokens, names and ids.

    Never any text of a conversation.

    Where the log holds no first token, ttft_s and decode_tps are what is most likely for the call, of kind
    estimate and with an interval; take percentiles of groups from analyze.

    perfetto is a timeline for ui.perfetto.dev and chrome://tracing, otlp holds OpenTelemetry spans with GenAI
    attributes; their files end in .perfetto.json and .otlp.json.

    weka (kv-cache-tester, one list of sessions; .weka.json) and mooncake (JSON Lines; .mooncake.json) are for tools
    that replay calls on a server; calls without send time or token counts are left out of them.
    """
    from latprof.api import with_estimates
    from latprof.report.export import EXPORT_FORMATS, export_calls

    chosen = format_name or next((name for name in EXPORT_FORMATS if _ends_in(output, name)), "csv")
    if chosen not in EXPORT_FORMATS:
        raise UsageError(f"No format is called {chosen}: choose from {', '.join(EXPORT_FORMATS)}.")
    options.check_targets(output, inputs=selection.paths, force=force)
    names = _Names.of(salt, coarse_times, anonymize=anonymize)
    trace = names.applied(with_estimates(selection.read()).trace)
    options.write_output(export_calls(trace, chosen, tz=selection.zone), output, force=force)
    if output not in {None, "-"}:
        typer.echo(f"latprof: {_written(trace, chosen)} calls written to {output}", err=True)


@dataclass(frozen=True, slots=True)
class _Names:
    """Whether names become hashes, by which salt, and how coarse times become, s."""

    anonymize: bool
    salt: bytes
    coarse_s: float | None

    @classmethod
    def of(cls, salt: str | None, coarse: str | None, *, anonymize: bool) -> _Names:
        """From the options' texts. Raises UsageError."""
        if coarse is not None and not anonymize:
            raise UsageError("--coarse-times works with --anonymize only: give both.")
        try:
            coarse_s = None if coarse is None else parse_duration_s(coarse)
        except ValueError:
            raise UsageError(f"--coarse-times {coarse} is no span of time: write it as 15m, 1h or 1d.") from None
        return cls(anonymize, salt.encode() if salt else secrets.token_bytes(32), coarse_s)

    def applied(self, trace: Trace) -> Trace:
        """The trace as it is to be written."""
        if not self.anonymize:
            return trace
        from latprof.share import anonymous

        return anonymous(trace, self.salt, coarse_s=self.coarse_s)


def _written(trace: Trace, chosen: str) -> int:
    """Traces for replay tools leave out calls that cannot be replayed."""
    if chosen not in {"weka", "mooncake"}:
        return len(trace)
    from latprof.replay.traces import replayable_calls

    return replayable_calls(trace)


def _ends_in(output: str | None, name: str) -> bool:
    return output is not None and output.endswith((f".{name}", f".{name}.json"))
