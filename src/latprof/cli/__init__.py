"""The command line: one module per command; errors end here as one sentence."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from latprof import __version__
from latprof.cli.analyze import analyze
from latprof.cli.baseline import baseline
from latprof.cli.budget import budget
from latprof.cli.catalogue import catalogue
from latprof.cli.check import check
from latprof.cli.compare import compare
from latprof.cli.config import config
from latprof.cli.cost import cost
from latprof.cli.diff import diff
from latprof.cli.doctor import doctor
from latprof.cli.drift import drift
from latprof.cli.drivers import drivers
from latprof.cli.explain import explain
from latprof.cli.export import export
from latprof.cli.formats import formats
from latprof.cli.hardware import hardware
from latprof.cli.merge import merge
from latprof.cli.predict import predict
from latprof.cli.report import report
from latprof.cli.schema import schema
from latprof.cli.scrub import scrub
from latprof.cli.session import session
from latprof.cli.simulate import simulate
from latprof.cli.slowest import slowest
from latprof.cli.sources import sources
from latprof.cli.sweep import sweep
from latprof.cli.watch import watch
from latprof.errors import LatprofError

__all__ = ["app", "main"]

app = typer.Typer(
    name="latprof",
    help="Where does the time of your coding agent go? Reads session logs, shows honest latency figures.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 fine, 1 a check failed, 2 wrong usage, 3 nothing readable. latprof never uses the network.",
)
app.command()(analyze)
app.command()(budget)
app.command()(session)
app.command()(slowest)
app.command()(drivers)
app.command()(explain)
app.command()(report)
app.command()(export)
app.command()(merge)
app.command()(scrub)
app.command()(sources)
app.command()(doctor)
app.command()(formats)
app.command()(predict)
app.command()(schema)
app.command()(compare)
app.command()(simulate)
app.command()(sweep)
app.command()(check)
app.command()(diff)
app.command()(drift)
app.command()(watch)
app.add_typer(baseline, name="baseline")
app.command()(config)
app.add_typer(catalogue, name="catalogue")
app.add_typer(hardware, name="hardware")
app.add_typer(cost, name="cost")


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback signature
    if wanted:
        typer.echo(f"latprof {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    version: Annotated[  # noqa: ARG001, FBT002 - handled by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[  # noqa: ARG001, FBT002 - read where errors end
        bool, typer.Option("--debug", help="Show the trace-back of an error.")
    ] = False,
) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main() -> None:
    """Run the program; a user's mistake becomes one sentence on standard error and an exit code."""
    try:
        sys.exit(app(prog_name="latprof", standalone_mode=False))
    except LatprofError as error:
        if "--debug" in sys.argv[1:]:
            raise
        _fail(str(error), error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _fail("stopped.", 130)
    except BrokenPipeError:
        # The reader of the pipe went away (`latprof ... | head`): not an error.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        # typer's own usage errors share no public base class; they all can say what is wrong.
        describe = getattr(error, "format_message", None)
        if describe is None:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(describe())
            sys.exit(2)
        _fail(f"{describe().rstrip('.')}; see latprof --help.", 2)


def _fail(sentence: str, code: int) -> NoReturn:
    typer.echo(f"latprof: {sentence}", err=True)
    sys.exit(code)
