"""Which calls a command works on: paths, filters and time zone, the same for every command.

A command takes one argument `selection` and is decorated with `selects_calls`; the options are put
into its signature for typer, so that each is declared once.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latprof.classes import dataclass
from latprof.cli import talk
from latprof.cli.caching import NoCacheOption, kept_document, opened, zone_facts
from latprof.cli.options import progress_bar
from latprof.cli.remembering import NoHistoryOption, history_facts, say_history, user_history
from latprof.cli.settings import ConfigOption, effective_if_given
from latprof.errors import NothingReadable, UsageError
from latprof.units import parse_duration_s

if TYPE_CHECKING:
    from latprof.api import Loaded
    from latprof.config.load import Effective
    from latprof.ingest import Found
    from latprof.ingest.tags import TagRules, Tags
    from latprof.report import Document
    from latprof.stats import Filters
    from latprof.store.cache import Cache
    from latprof.store.history import History

__all__ = [
    "Selection",
    "TzOption",
    "moment",
    "now",
    "selection_of",
    "selects_calls",
    "selects_sessions",
    "split",
    "zone_of",
]

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        help="Files, folders, globs or - for standard input; ana=PATH, ana@mac1=PATH, @mac1=PATH say whose logs it "
        "holds. Without any: the logs of the agents on this computer.",
        metavar="PATH",
        show_default=False,
    ),
]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="Only calls sent from this day or time on (ISO 8601).")]
Until = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only calls sent before this time; a day is included whole (ISO 8601)."),
]
Last = Annotated[str | None, typer.Option(help="Only the last while: 90m, 36h, 7d, 2w.", metavar="SPAN")]
ModelOption = Annotated[
    list[str] | None, typer.Option("--model", metavar="NAME", help="Only these models (* and ? match).")
]
ProjectOption = Annotated[
    list[str] | None,
    typer.Option("--project", metavar="NAME", help="Only these projects: path, last folder, or pattern."),
]
TriggerOption = Annotated[list[str] | None, typer.Option("--trigger", metavar="NAME", help="Only these triggers.")]
AgentOption = Annotated[list[str] | None, typer.Option("--agent", metavar="NAME", help="Only these agents.")]
SessionOption = Annotated[
    list[str] | None, typer.Option("--session", metavar="ID", help="Only these sessions (ids or patterns).")
]
EngineerOption = Annotated[
    list[str] | None, typer.Option("--engineer", metavar="NAME", help="Only the logs of these engineers.")
]
HostOption = Annotated[list[str] | None, typer.Option("--host", metavar="NAME", help="Only the logs of these hosts.")]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", metavar="N", min=1, help="Processes that read the logs. [as many as pay for themselves]"),
]
TzOption = Annotated[
    str | None,
    typer.Option("--tz", metavar="ZONE", help="Time zone for days, hours and times: UTC, Europe/Berlin, local. [UTC]"),
]


@dataclass(frozen=True, slots=True)
class Selection:
    """The calls that the user asked for."""

    paths: list[str]
    filters: Filters
    zone: tzinfo
    effective: Effective | None = None
    config: str | None = None
    jobs: int | None = None
    no_cache: bool = False
    no_history: bool = False

    def setting(self, name: str) -> Any:
        """A setting that a file or a variable gives; None where none does."""
        if self.effective is None or not self.effective.given(name):
            return None
        return self.effective.settings.setting(name)

    def read(self, others: Tags | None = None, *, held: bool = True) -> Loaded:
        """Read the logs with a progress bar on terminals; `others` are the tags of calls that have none.

        Who never asks for single calls need not have very many of them `held` in memory.

        Raises as `latprof.api.read` does, and NothingReadable when no file is a known log.
        """
        loaded = self._read(self.cache(), None, others)
        if loaded.cache is not None and loaded.cache.note:
            talk.say(loaded.cache.note)
        return loaded.held() if held else loaded

    def document(
        self, question: Sequence[str], make: Callable[[Loaded], Document], meanwhile: Callable[[], None] | None = None
    ) -> Document:
        """What `make` arranges of the calls, from the cache if no log changed since it was made.

        `question` is what it depends on beside the selection. `meanwhile` is called while other processes read, if any
        do. Raises as `read` does.
        """
        cache = self.cache()
        if cache is None:
            return make(self._read(None, None, None, meanwhile))
        from latprof.formats import formats
        from latprof.ingest import find

        try:
            found = find(self.paths, formats())
        except NothingReadable:  # the history may know logs that are gone
            return make(self._read(cache, None, None))

        def made() -> tuple[Loaded, Document]:
            loaded = self._read(cache, found, None, meanwhile)
            return loaded, make(loaded)

        settings = "" if self.effective is None else repr(self.effective.settings)
        asked = (
            *question,
            repr(self.filters),
            zone_facts(self.zone),
            settings,
            *history_facts(self._history(), self.paths),
        )
        return kept_document(cache, found, self.tag_rules(None), asked, made)

    def cache(self) -> Cache | None:
        """What was read before; None where no cache is wanted."""
        return opened(wanted=not self.no_cache and self.setting("cache") is not False)

    def _history(self) -> History | None:
        return None if self.no_history or self.setting("history") is False else user_history()

    def _read(
        self,
        cache: Cache | None,
        found: Found | None,
        others: Tags | None,
        meanwhile: Callable[[], None] | None = None,
    ) -> Loaded:
        from latprof import api

        with progress_bar() as progress:
            loaded = api.read(
                self.paths,
                filters=self.filters,
                progress=progress,
                rename=self.project_names(),
                rules=self.tag_rules(others),
                jobs=self.jobs or self.setting("jobs"),
                cache=cache,
                found=found,
                history=self._history(),
                meanwhile=meanwhile,
            )
        if not loaded.reading.files and not len(loaded.reading.remembered.keys):
            raise NothingReadable(_nothing(loaded.reading.problem_counts()))
        talk.say_reading(loaded.reading, len(loaded.trace))
        say_history(loaded.reading)
        return loaded

    def project_names(self) -> Callable[[str], str] | None:
        """How settings name a project by its folder; None where they do not."""
        rules = self.effective.settings.projects if self.effective is not None else []
        if not rules:
            return None
        from latprof.config.projects import project_name

        return lambda folder: project_name(folder, rules, Path.home())

    def tag_rules(self, others: Tags | None = None) -> TagRules:
        """Whose logs lie where, as settings say; `others` are the tags of calls that have none."""
        from latprof.ingest.tags import NO_TAGS, TagRules

        if self.effective is None:
            return TagRules(others=others or NO_TAGS)
        settings, path = self.effective.settings, self.effective.path
        known = {*settings.hosts, *(host for person in settings.engineers.values() for host in person.hosts)}
        return TagRules(
            engineers=tuple((path(text), name) for name, item in settings.engineers.items() for text in item.paths),
            hosts=tuple((path(text), name) for name, item in settings.hosts.items() for text in item.paths),
            works_on={host: name for host in known if (name := settings.engineer_of(host)) is not None},
            others=others or NO_TAGS,
        )


def _nothing(problems: dict[str, int]) -> str:
    counts = ", ".join(f"{kind} {count}" for kind, count in problems.items())
    seen = f" among these files ({counts})" if counts else ""
    return f"No log of a known format was found{seen}: give the folder in which the agent keeps its sessions."


def selects_calls(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command with an argument `selection` the options that make one.

    An argument of the command's own takes the place of the filter of that name.
    """
    return _with_options(command, frozenset())


def selects_sessions(command: Callable[..., None]) -> Callable[..., None]:
    """The same for a command about what runs now: without filters of time and trigger, and without the history."""
    return _with_options(command, frozenset({"since", "until", "last", "trigger", "no_history"}))


def _with_options(command: Callable[..., None], left_out: frozenset[str]) -> Callable[..., None]:
    own = [item for item in inspect.signature(command, eval_str=True).parameters.values() if item.name != "selection"]
    taken = {item.name for item in own} | left_out
    shared = [
        item for item in inspect.signature(_selection, eval_str=True).parameters.values() if item.name not in taken
    ]
    parameters = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in (shared[0], *own, *shared[1:])]

    @functools.wraps(command)
    def with_selection(**values: Any) -> None:
        chosen = {item.name: values.pop(item.name) for item in shared}
        command(selection=_selection(**chosen), **values)

    with_selection.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_selection.__annotations__ = {item.name: item.annotation for item in parameters}
    return with_selection


def selection_of(paths: list[str], tz: str | None) -> Selection:
    """All calls of these paths, for a command without filters, with what settings say of them."""
    return _selection(paths=paths, tz=tz)


def _selection(  # noqa: PLR0913 - one argument per option
    paths: Paths = None,
    since: Since = None,
    until: Until = None,
    last: Last = None,
    model: ModelOption = None,
    project: ProjectOption = None,
    trigger: TriggerOption = None,
    agent: AgentOption = None,
    session: SessionOption = None,
    engineer: EngineerOption = None,
    host: HostOption = None,
    tz: TzOption = None,
    config: ConfigOption = None,
    jobs: JobsOption = None,
    no_cache: NoCacheOption = False,  # noqa: FBT002
    no_history: NoHistoryOption = False,  # noqa: FBT002
) -> Selection:
    """Turn the options' texts into values. Raises UsageError."""
    from latprof.memory import keep_freed
    from latprof.stats import Filters

    keep_freed()
    if last is not None and since is not None:
        raise UsageError("Give --since or --last, not both.")
    in_force = effective_if_given(config)
    zone = zone_of(tz if tz is not None or in_force is None else in_force.settings.tz)
    filters = Filters(
        since=_last(last) if last is not None else moment(since, zone, whole_day=False),
        until=moment(until, zone, whole_day=True),
        models=split(model),
        projects=split(project),
        triggers=_triggers(trigger),
        agents=split(agent),
        sessions=split(session),
        engineers=split(engineer),
        hosts=split(host),
    )
    if not paths and in_force is not None:
        from latprof.ingest.tags import map_path

        paths = [map_path(text, in_force.path) for text in in_force.settings.paths]
    return Selection(paths or [], filters, zone, in_force, config, jobs, no_cache, no_history)


def _triggers(texts: Sequence[str] | None) -> tuple[str, ...]:
    from latprof.model import TRIGGERS

    chosen = split(texts)
    wrong = [name for name in chosen if name not in TRIGGERS and not set(name) & {"*", "?"}]
    if wrong:
        raise UsageError(f"No trigger is called {', '.join(wrong)}: choose from {', '.join(TRIGGERS)}.")
    return chosen


def now() -> float:
    """The time now, epoch seconds; tests put their own clock here."""
    return datetime.now(UTC).timestamp()


def split(values: Sequence[str] | None) -> tuple[str, ...]:
    """`--by a,b --by c` -> ('a', 'b', 'c')."""
    return tuple(part.strip() for value in values or () for part in value.split(",") if part.strip())


def zone_of(name: str | None) -> tzinfo:
    """The time zone of that name. Raises UsageError."""
    if name is None or name.upper() == "UTC":
        return UTC
    if name == "local":
        return _local_zone()
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise UsageError(f"No time zone is called {name}: write it as Europe/Berlin, UTC or local.") from None


def _local_zone() -> tzinfo:
    """The computer's own zone with all its changes of offset; a fixed offset where it has no name."""
    from zoneinfo import ZoneInfo

    names = [os.environ.get("TZ", "").lstrip(":")]
    link = Path("/etc/localtime")
    if link.is_symlink():
        names.append(str(link.resolve()).partition("zoneinfo/")[2])
    for name in names:
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, LookupError):
            continue
    return datetime.now(UTC).astimezone().tzinfo or UTC


def _last(text: str) -> float:
    try:
        return now() - parse_duration_s(text)
    except ValueError:
        raise UsageError(f"--last {text} is no span of time: write it as 90m, 36h, 7d or 2w.") from None


def moment(text: str | None, tz: tzinfo, *, whole_day: bool) -> float | None:
    """A day or time as epoch seconds; with `whole_day` a day counts to its end. Raises UsageError."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text} is no time: write it as 2026-03-31 or 2026-03-31T18:00.") from None
    if whole_day and not set(text) & {"T", " ", ":"}:
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return (moment if moment.tzinfo else moment.replace(tzinfo=tz)).timestamp()
