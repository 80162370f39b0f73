"""The history of a command: what deleted logs told, unless the user wants none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli import talk
from latprof.cli.settings import effective_if_given

if TYPE_CHECKING:
    from latprof.ingest import Holding, Reading
    from latprof.ingest.kept_history import Beside
    from latprof.store.history import History

__all__ = ["NoHistoryOption", "beside_logs", "history_facts", "say_history", "user_history"]

NoHistoryOption = Annotated[
    bool,
    typer.Option("--no-history", help="Only what the logs hold now: nothing of deleted ones, and nothing is kept."),
]


def user_history() -> History:
    """The user's history, which need not be there."""
    from latprof.store.history import HISTORY_FILE, History
    from latprof.store.places import data_folder

    return History(data_folder(os.environ) / HISTORY_FILE)


def beside_logs(holdings: Sequence[Holding], paths: Sequence[str], *, wanted: bool) -> Beside | None:
    """What the history has beside these logs; None where neither the user nor settings want it."""
    in_force = effective_if_given(None) if wanted else None
    if not wanted or (in_force is not None and in_force.settings.setting("history") is False):
        return None
    from latprof.ingest.kept_history import beside

    return beside(user_history(), paths, holdings)


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
