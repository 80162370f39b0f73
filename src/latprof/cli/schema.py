"""`latprof schema`."""

from __future__ import annotations

from typing import Annotated

import typer

from latprof.cli import options
from latprof.errors import UsageError

__all__ = ["schema"]


def schema(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="call (a line of export), analyze (its JSON) or catalogue (a TOML file of facts)."
        ),
    ] = "call",
) -> None:
    """Print the JSON Schema of latprof's own data."""
    import json

    from latprof.catalogue import catalogue_schema
    from latprof.schema import analyze_schema, call_schema

    makers = {"call": call_schema, "analyze": analyze_schema, "catalogue": catalogue_schema}
    if name not in makers:
        raise UsageError(f"No schema is called {name}: choose from {', '.join(makers)}.")
    text = json.dumps(makers[name](), indent=2, sort_keys=True) + "\n"
    options.write_output(text.encode(), None, force=False)
