"""The history of a command: what deleted logs told, unless the user wants none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import talk

if TYPE_CHECKING:
    from latprof.ingest import Reading
    from latprof.store.history import History

__all__ = ["NoHistoryOption", "history_facts", "say_history", "user_history"]

NoHistoryOption = Annotated[
    bool,
    typer.Option("--no-history", help="Only what the logs hold now: nothing of deleted ones, and nothing is kept."),
]


def user_history() -> History:
    """The user's history, which need not be there."""
    from latprof.store.history import HISTORY_FILE, History
    from latprof.store.places import data_folder

    return History(data_folder(os.environ) / HISTORY_FILE)


def history_facts(history: History | None, paths: Sequence[str]) -> tuple[str, ...]:
    """What a result depends on beside the files that were found: which deleted ones were asked for."""
    if history is None:
        return ("",)
    from latprof.formats import formats

    moved = {name: os.environ.get(name) for item in formats() for name in item.env_roots}
    return str(history.path), repr(sorted(moved.items())), *paths


def say_history(reading: Reading) -> None:
    """What the history gave, for those who want to know, and what is wrong, for all whose figures it changes."""
    remembered = reading.remembered
    if len(remembered.keys):
        talk.say(f"history: {len(remembered.keys):,} calls that are in no log any more")
    if remembered.trouble is not None:
        tell = talk.note if remembered.matters else talk.say
        tell(f"the history {remembered.trouble}; latprof history info shows where it is")
