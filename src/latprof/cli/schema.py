"""`latprof schema`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from latprof.cli import options
from latprof.errors import UsageError

__all__ = ["schema"]


def schema(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="call (a line of export), catalogue (a TOML file of facts), or the JSON of a command: analyze, "
            "budget, cache-info, calculation (hardware and cost), catalogue-entries, catalogue-sources, "
            "catalogue-validate, check, claims (compare --measured), compare, config, diff, doctor, drift, drivers, "
            "explain, explain-call, formats, history-info, history-prune, merge, predict, scrub, session, simulate, "
            "slowest, sources, sweep, watch, watch-event.",
        ),
    ] = "call",
) -> None:
    """Print the JSON Schema of latprof's own data."""
    import json

    from latprof.catalogue import catalogue_schema
    from latprof.outputs import OUTPUTS, output_schema
    from latprof.schema import analyze_schema, call_schema

    makers: dict[str, Callable[[], dict[str, Any]]] = {
        "call": call_schema,
        "analyze": analyze_schema,
        "catalogue": catalogue_schema,
        **{item: partial(output_schema, item) for item in OUTPUTS},
    }
    if name not in makers:
        raise UsageError(f"No schema is called {name}: choose from {', '.join(makers)}.")
    text = json.dumps(makers[name](), indent=2, sort_keys=True) + "\n"
    options.write_output(text.encode(), None, force=False)
