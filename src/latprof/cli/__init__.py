"""The command line: one module per command; errors end here as one sentence."""

from __future__ import annotations

import os
import sys
from typing import Annotated, ClassVar, Final, NoReturn

import typer

from latprof import __version__
from latprof.cli import caching, talk
from latprof.cli.lazy import LazyGroup
from latprof.errors import LatprofError, UsageError
from latprof.units import printable

__all__ = ["app", "main"]


_INTERRUPTED: Final = 130


class _Commands(LazyGroup):
    """Each command by its name, which is that of its module too, with the first words of its help."""

    package = "latprof.cli"
    helps: ClassVar[dict[str, str]] = {
        "analyze": "Show how long calls wait and how fast they generate.",
        "budget": "Divide the time of sessions: model, tools, person, unknown.",
        "session": "Show one session as a timeline, then its worst calls.",
        "slowest": "List the slowest calls with what can be known about each.",
        "drivers": "Show what goes with long waits: input, cache, model, hour.",
        "explain": "Show how estimates came about, or all about one call.",
        "report": "Write a report with plots that opens in any browser.",
        "export": "Write one row per call: times, tokens, names and ids.",
        "merge": "Make one file of many people's exports and logs.",
        "scrub": "Copy logs without their text, for bug reports and fixtures.",
        "sources": "Show which agents' logs are here, and what they can tell.",
        "doctor": "Say what your logs can tell, and how to know more.",
        "formats": "List the log formats that are read and what each can show.",
        "predict": "Predict TTFT and TPOT of a served model under a steady load.",
        "schema": "Print the JSON Schema of latprof's own data.",
        "compare": "Compare your calls with other services and own hardware.",
        "simulate": "Replay the measured calls on a cluster of your own.",
        "sweep": "Replay the calls on many clusters, models and team sizes.",
        "check": "Hold budgets and a baseline against the calls, for CI.",
        "diff": "Compare two sets of calls: faster, slower, or cannot be told.",
        "drift": "Find changes over time in each model's waiting and speed.",
        "watch": "Watch running sessions: each wait beside its usual range.",
        "config": "Show the settings in force and where each comes from.",
        "history": "Figures of logs that their agents deleted.",
        "cache": "Show or clear what is kept of logs for the next run.",
        "baseline": "Keep figures to compare with later.",
        "catalogue": "Facts about models, hardware, services, prices: with sources.",
        "hardware": "Calculate what open-weight models need and how fast they run.",
        "cost": "Calculate what own or rented hardware costs, and when it pays.",
    }


app = typer.Typer(
    name="latprof",
    cls=_Commands,
    help="Where does the time of your coding agent go? Reads session logs, shows honest latency figures.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 fine, 1 a check failed, 2 wrong usage, 3 nothing readable. latprof never uses the network.",
)


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
    quiet: talk.Quiet = False,  # noqa: ARG001, FBT002
    verbose: talk.Verbose = False,  # noqa: ARG001, FBT002
) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main() -> None:
    """Run the program; a user's mistake becomes one sentence on standard error and an exit code."""
    _hide_rich_from_completion()
    _keep_to_one_thread()
    try:
        _check_folder()
        code = _run()
        caching.wait()
        talk.say("done")
        sys.exit(code)
    except LatprofError as error:
        if "--debug" in sys.argv[1:]:
            raise
        _fail(str(error), error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _fail("stopped.", _INTERRUPTED)
    except BrokenPipeError:
        # The reader of the pipe went away (`latprof ... | head`): not an error.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        # Help and messages are written by typer; of a file, the error would say the name.
        if error.filename is not None or "--debug" in sys.argv[1:]:
            raise
        from latprof.cli.options import give_up_output

        give_up_output()
        _fail(f"Cannot write to standard output ({error.strerror}): send it elsewhere.", 2)
    except Exception as error:
        # typer's own usage errors share no public base class; they all can say what is wrong.
        describe = getattr(error, "format_message", None)
        if describe is None:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(describe())
            sys.exit(2)
        asked = getattr(getattr(error, "ctx", None), "command_path", None) or "latprof"
        said = describe().rstrip(".")
        _fail(f"{said}{' See' if said.endswith('?') else '; see'} {asked} --help.", 2)


def _check_folder() -> None:
    """Paths are looked for from the current folder, even those that begin at the root. Raises UsageError."""
    try:
        os.getcwd()  # noqa: PTH109 - nothing else is needed
    except OSError as error:
        raise UsageError(f"The current folder is not there any more ({error.strerror}): change to another.") from None


def _run() -> int | None:
    """The exit code of the command. Raises KeyboardInterrupt where Ctrl-C ended it, of which typer makes a code.

    Raises BrokenPipeError where nobody reads any more, of which typer makes an end with the code of a failed check.
    """
    try:
        code: int | None = app(prog_name="latprof", standalone_mode=False)
    except SystemExit as end:
        if end.code == 1 and isinstance(end.__context__, BrokenPipeError):
            raise BrokenPipeError from None
        raise
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    return code


def _keep_to_one_thread() -> None:
    """Must run before numpy is imported: its linear algebra starts threads that wait busily.

    latprof has hardly any work for them, and they cost an eighth of a second at every start. Who sets the variable is
    obeyed.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _hide_rich_from_completion() -> None:
    """With rich in reach, typer would load it to draw the texts, and take [brackets] for its marks."""
    if "_LATPROF_COMPLETE" in os.environ:
        sys.modules["rich"] = None  # type: ignore[assignment]


def _fail(sentence: str, code: int) -> NoReturn:
    # Names of files and of sessions are in it, which must not steer a terminal.
    typer.echo(printable(f"latprof: {sentence}"), err=True)
    sys.exit(code)
